package tcp

import (
	"encoding/binary"
	"math/bits"

	"lapwing/parse/ip"
)

// A table maps keys to flow ids: open addressing with linear probing, at most
// half full, deletion by shifting back, so that it needs no tombstones. An
// entry is the hash in the upper half and the id below; 0 is empty.
type table struct {
	entries []uint64
	mask    uint32
	k       [4]uint64
}

func newTable(key [16]byte) table {
	t := table{entries: make([]uint64, 1024), mask: 1023}
	a, b := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])
	for i := range t.k {
		// SplitMix64 spreads the 128 bits over the four words.
		a += 0x9e3779b97f4a7c15
		z := a ^ bits.RotateLeft64(b, 16*i)
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		t.k[i] = z ^ z>>31
	}
	return t
}

// hash is a keyed folded-multiply hash (as wyhash): without the key, flows
// that collide cannot be chosen.
func (t *table) hash(k *flowKey) uint32 {
	fold := func(a, b uint64) uint64 {
		hi, lo := bits.Mul64(a, b)
		return hi ^ lo
	}
	h := fold(k.low.Lo^t.k[0], k.high.Lo^t.k[1])
	if k.version == 6 {
		h ^= fold(k.low.Hi^t.k[1], k.high.Hi^t.k[2])
	}
	h = fold(h^uint64(k.ports)<<32^uint64(k.context)^t.k[2], t.k[3]^uint64(k.version))
	return uint32(h ^ h>>32)
}

// orderKey makes the key of a packet and says in which direction it runs.
func orderKey(p *ip.Packet, src, dst uint16, k *flowKey) (dir int) {
	k.context, k.version = p.Context, p.Version
	if p.Src.Hi < p.Dst.Hi || p.Src.Hi == p.Dst.Hi && (p.Src.Lo < p.Dst.Lo || p.Src.Lo == p.Dst.Lo && src <= dst) {
		k.low, k.high = p.Src, p.Dst
		k.ports = uint32(src)<<16 | uint32(dst)
		return 0
	}
	k.low, k.high = p.Dst, p.Src
	k.ports = uint32(dst)<<16 | uint32(src)
	return 1
}

// is compares word by word: the compiler would call memequal for ==.
func (k *flowKey) is(o *flowKey) bool {
	return k.low.Lo == o.low.Lo && k.high.Lo == o.high.Lo && k.ports == o.ports &&
		k.low.Hi == o.low.Hi && k.high.Hi == o.high.Hi && k.context == o.context && k.version == o.version
}

func (t *table) lookup(s *flows, k *flowKey, hash uint32) *flow {
	for i := hash & t.mask; ; i = (i + 1) & t.mask {
		e := t.entries[i]
		if e == 0 {
			return nil
		}
		if uint32(e>>32) == hash {
			if f := s.at(int32(uint32(e))); f.key.is(k) {
				return f
			}
		}
	}
}

func (t *table) insert(hash uint32, id int32, count int) {
	if 2*count > len(t.entries) {
		t.grow()
	}
	t.put(uint64(hash)<<32 | uint64(uint32(id)))
}

func (t *table) put(e uint64) {
	i := uint32(e>>32) & t.mask
	for t.entries[i] != 0 {
		i = (i + 1) & t.mask
	}
	t.entries[i] = e
}

func (t *table) grow() {
	old := t.entries
	t.entries = make([]uint64, 2*len(old))
	t.mask = uint32(len(t.entries) - 1)
	for _, e := range old {
		if e != 0 {
			t.put(e)
		}
	}
}

func (t *table) remove(hash uint32, id int32) {
	want := uint64(hash)<<32 | uint64(uint32(id))
	i := hash & t.mask
	for t.entries[i] != want {
		if t.entries[i] == 0 {
			return
		}
		i = (i + 1) & t.mask
	}
	// Move back every later entry of the run that may stand here.
	for j := i; ; {
		t.entries[i] = 0
		for {
			j = (j + 1) & t.mask
			e := t.entries[j]
			if e == 0 {
				return
			}
			home := uint32(e>>32) & t.mask
			if (j-home)&t.mask >= (j-i)&t.mask {
				t.entries[i] = e
				i = j
				break
			}
		}
	}
}
