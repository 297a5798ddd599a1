package state

import "math/bits"

// An index finds the entries of one slot by key: open addressing with linear
// probing, at most three quarters full. A cell has the number of an entry,
// from 1, in its lower bits, and above them a part of the key's hash, so that
// other keys are nearly never looked at. 0 is an empty cell.
type index []uint32

const (
	cellBits  = 20
	tagBits   = 32 - cellBits
	leastSize = 4
	// spread is 2^64 divided by the golden ratio: table keys are hashes, but some
	// are joined or altered by a few bits, and the lowest are the same in a slot.
	spread = 0x9e3779b97f4a7c15
)

// newIndex has room for n entries.
func newIndex(n int) index {
	size := leastSize
	for 4*n > 3*size {
		size *= 2
	}
	return make(index, size)
}

// holds reports whether n entries leave a quarter of the cells empty.
func (x index) holds(n int) bool { return 4*n <= 3*len(x) }

// place returns where the search for key begins, and its tag.
func (x index) place(key uint64) (at, tag uint32) {
	h := key * spread
	return uint32(h >> (64 - uint(bits.Len(uint(len(x)-1))))), uint32(h>>8) & (1<<tagBits - 1)
}

// put adds a key that is not there; there must be room.
func (x index) put(key uint64, i int32) {
	at, tag := x.place(key)
	for x[at] != 0 {
		at = (at + 1) & uint32(len(x)-1)
	}
	x[at] = tag<<cellBits | uint32(i+1)
}

// remove takes key out and moves up what follows it, so that no search ends
// too early. keyOf tells the key of an entry.
func (x index) remove(key uint64, keyOf func(int32) uint64) {
	mask := uint32(len(x) - 1)
	at, _ := x.place(key)
	for ; x[at] != 0; at = (at + 1) & mask {
		if i := int32(x[at]&maxPerSlot) - 1; keyOf(i) == key {
			break
		}
	}
	if x[at] == 0 {
		return
	}
	for hole := at; ; {
		x[hole] = 0
		next := hole
		for {
			next = (next + 1) & mask
			if x[next] == 0 {
				return
			}
			home, _ := x.place(keyOf(int32(x[next]&maxPerSlot) - 1))
			if (next-home)&mask >= (next-hole)&mask { // may stand where the hole is
				x[hole] = x[next]
				hole = next
				break
			}
		}
	}
}
