package ip

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

type piece struct {
	offset int
	data   string
	last   bool
}

func (pc piece) v4(id uint16) []byte {
	field := uint16(pc.offset / 8)
	if !pc.last {
		field |= 0x2000
	}
	return v4(id, field, -1, []byte(pc.data))
}

func (pc piece) v6(id uint32) []byte {
	return v6(extFragment, -1, cat(fragHeader(ProtoTCP, pc.offset, !pc.last, id), []byte(pc.data)))
}

// add parses and adds one fragment.
func add(t testing.TB, d *Defragmenter, b []byte, at int64) (string, bool) {
	t.Helper()
	var p Packet
	if f := Parse(b, 0, &p); f != OK || !p.Fragment {
		t.Fatalf("fault %d, fragment %t", f, p.Fragment)
	}
	if !d.Add(&p, at) {
		return "", false
	}
	if p.Fragment || p.Protocol != ProtoTCP {
		t.Errorf("%+v", p)
	}
	return string(p.Payload), true
}

func TestFragments(t *testing.T) {
	const whole = "aaaaaaaabbbbbbbbccccc"
	a, b, c := piece{0, "aaaaaaaa", false}, piece{8, "bbbbbbbb", false}, piece{16, "ccccc", true}
	for _, test := range []struct {
		name   string
		pieces []piece
		v4, v6 string // "" does not complete
	}{
		{"in order", []piece{a, b, c}, whole, whole},
		{"backwards", []piece{c, b, a}, whole, whole},
		{"copies", []piece{a, a, c, c, b}, whole, whole},
		{"overlap with equal bytes", []piece{a, {0, "aaaaaaaabbbbbbbb", false}, c}, whole, ""},
		{"overlap with other bytes", []piece{b, {0, "aaaaaaaaXXXXXXXX", false}, c}, whole, ""},
		{"copy with other bytes", []piece{a, b, {8, "XXXXXXXX", false}, c}, whole, ""},
		{"missing", []piece{a, c}, "", ""},
		{"behind the end", []piece{a, c, {24, "dddddddd", false}, b}, whole, whole},
		{"two ends", []piece{a, c, {16, "ccccccc", true}, b}, whole, whole},
		{"uneven in the middle", []piece{a, {8, "bbb", false}, b, c}, whole, whole},
		{"empty", []piece{a, {8, "", false}, b, c}, whole, whole},
	} {
		t.Run(test.name, func(t *testing.T) {
			d4, d6 := NewDefragmenter(DefragConfig{}), NewDefragmenter(DefragConfig{})
			got4, got6 := "", ""
			for _, pc := range test.pieces {
				if s, ok := add(t, d4, pc.v4(7), 1); ok {
					got4 = s
				}
				if s, ok := add(t, d6, pc.v6(7), 1); ok {
					got6 = s
				}
			}
			if got4 != test.v4 {
				t.Errorf("IPv4: %q, want %q (%+v)", got4, test.v4, d4.Stats())
			}
			if got6 != test.v6 {
				t.Errorf("IPv6: %q, want %q (%+v)", got6, test.v6, d6.Stats())
			}
		})
	}
}

func TestDiffersIsCounted(t *testing.T) {
	d := NewDefragmenter(DefragConfig{})
	add(t, d, piece{0, "aaaaaaaa", false}.v4(1), 1)
	add(t, d, piece{0, "XXXXXXXX", false}.v4(1), 1)
	if s := d.Stats(); s.Differs != 1 || s.Duplicate != 1 {
		t.Errorf("%+v", s)
	}
}

func TestPingOfDeath(t *testing.T) {
	d := NewDefragmenter(DefragConfig{})
	add(t, d, piece{65528, "aaaaaaaabbbbbbbb", true}.v4(1), 1)
	if s := d.Stats(); s.BadFragment != 1 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

func TestIDsAreSeparate(t *testing.T) {
	d := NewDefragmenter(DefragConfig{})
	add(t, d, piece{0, "aaaaaaaa", false}.v4(1), 1)
	if _, ok := add(t, d, piece{8, "b", true}.v4(2), 1); ok {
		t.Error("two datagrams were mixed")
	}
	if s, ok := add(t, d, piece{8, "b", true}.v4(1), 1); !ok || s != "aaaaaaaab" {
		t.Errorf("%q", s)
	}
}

func TestBounds(t *testing.T) {
	t.Run("datagrams", func(t *testing.T) {
		d := NewDefragmenter(DefragConfig{MaxDatagrams: 10})
		for id := range uint16(100) {
			add(t, d, piece{0, "aaaaaaaa", false}.v4(id), 1)
		}
		if s := d.Stats(); s.Datagrams != 10 || s.Evicted != 90 {
			t.Errorf("%+v", s)
		}
		if _, ok := add(t, d, piece{8, "b", true}.v4(99), 1); !ok {
			t.Error("the newest went instead of the oldest")
		}
	})
	t.Run("bytes", func(t *testing.T) {
		d := NewDefragmenter(DefragConfig{MaxBytes: 100 << 10})
		for id := range uint16(100) {
			add(t, d, piece{32000, "aaaaaaaa", false}.v4(id), 1)
			if n := d.Stats().Bytes; n > 100<<10 {
				t.Fatalf("%d bytes", n)
			}
		}
		if d.Stats().Evicted == 0 {
			t.Error("not counted")
		}
	})
	t.Run("fragments", func(t *testing.T) {
		d := NewDefragmenter(DefragConfig{MaxFragments: 4})
		for range 10 {
			add(t, d, piece{0, "aaaaaaaa", false}.v4(1), 1)
		}
		if _, ok := add(t, d, piece{8, "b", true}.v4(1), 1); ok || d.Stats().TooMany != 1 {
			t.Errorf("%+v", d.Stats())
		}
	})
	t.Run("age", func(t *testing.T) {
		d := NewDefragmenter(DefragConfig{})
		add(t, d, piece{0, "aaaaaaaa", false}.v4(1), 0)
		if _, ok := add(t, d, piece{8, "b", true}.v4(1), 31e9); ok || d.Stats().TimedOut != 1 {
			t.Errorf("%+v", d.Stats())
		}
	})
}

// Any cut of a datagram in any order gives it back, and leaves nothing behind.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 9, 5000).Draw(rt, "data")
		var pieces []piece
		for off := 0; off < len(data); {
			n := 8 * rapid.IntRange(1, 40).Draw(rt, "units")
			last := off+n >= len(data)
			if last {
				n = len(data) - off
			}
			pieces = append(pieces, piece{off, string(data[off : off+n]), last})
			off += n
		}
		if len(pieces) < 2 {
			return
		}
		order := rapid.Permutation(pieces).Draw(rt, "order")
		for _, version := range []int{4, 6} {
			d := NewDefragmenter(DefragConfig{})
			for i, pc := range order {
				b := pc.v4(3)
				if version == 6 {
					b = pc.v6(3)
				}
				got, ok := add(t, d, b, 1)
				if ok != (i == len(order)-1) {
					rt.Fatalf("version %d: complete %t after %d of %d", version, ok, i+1, len(order))
				}
				if ok && !bytes.Equal([]byte(got), data) {
					rt.Fatal("other bytes")
				}
			}
			if s := d.Stats(); s.Bytes != 0 || s.Datagrams != 0 || s.Completed != 1 {
				rt.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzDefragment(f *testing.F) {
	f.Add(cat(piece{0, "aaaaaaaa", false}.v4(1), piece{8, "b", true}.v4(1)), uint8(28))
	f.Add(cat(piece{0, "aaaaaaaa", false}.v6(1), piece{8, "bbbbbbbb", true}.v6(1)), uint8(56))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		d := NewDefragmenter(DefragConfig{MaxDatagrams: 4, MaxBytes: 200 << 10, MaxFragments: 16})
		for at := int64(0); len(b) > 0; at += 1e9 {
			n := min(max(int(size), 20), len(b))
			var p Packet
			if Parse(b[:n], 0, &p) == OK && p.Fragment {
				if d.Add(&p, at) && len(p.Payload) > maxDatagram {
					t.Fatalf("%d bytes", len(p.Payload))
				}
				if s := d.Stats(); s.Datagrams > 4 || s.Bytes > 200<<10 || s.Bytes < 0 {
					t.Fatalf("%+v", s)
				}
			}
			b = b[n:]
		}
	})
}
