package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// A plainTable is what Table promises, as simply as it can be said: entries by
// arrival, found by looking at each.
type plainTable struct {
	perSlot   int
	perParent int
	slots     [Slots]struct {
		entries []entry[int]
		hand    int
	}
	evicted []uint64
	refused int64
	over    int64
}

// quota is how many more children of a parent may come.
func (t *plainTable) quota(tag uint16) int {
	n := t.perParent
	for i := range t.slots {
		for _, e := range t.slots[i].entries {
			if e.live && e.parent == tag {
				n--
			}
		}
	}
	return n
}

func (t *plainTable) find(key uint64) *entry[int] {
	s := &t.slots[key%Slots]
	for i := range s.entries {
		if e := &s.entries[i]; e.live && e.key == key {
			return e
		}
	}
	return nil
}

func (t *plainTable) put(key uint64, parent uint16, now int64) *entry[int] {
	if e := t.find(key); e != nil {
		e.use(now)
		return e
	}
	if parent != 0 && t.quota(parent) <= 0 {
		t.over++
		return nil
	}
	s := &t.slots[key%Slots]
	i := len(s.entries)
	if i < t.perSlot {
		s.entries = append(s.entries, entry[int]{})
	} else {
		i = -1
		for range min(searched, len(s.entries)) {
			s.hand = (s.hand + 1) % len(s.entries)
			e := &s.entries[s.hand]
			if !e.live {
				i = s.hand
				break
			}
			if e.protection == unevictable {
				continue
			}
			if i < 0 {
				i = s.hand
				continue
			}
			rank := func(e *entry[int]) [3]int64 {
				r := [3]int64{int64(e.protection), 0, e.usedNS}
				if e.again {
					r[1] = 1
				}
				return r
			}
			if x, y := rank(e), rank(&s.entries[i]); slices.Compare(x[:], y[:]) < 0 {
				i = s.hand
			}
		}
		if i < 0 {
			t.refused++
			return nil
		}
		if s.entries[i].live {
			t.evicted = append(t.evicted, s.entries[i].key)
		}
	}
	s.entries[i] = entry[int]{key: key, usedNS: now, live: true, parent: parent, born: uint16(now / againNS)}
	return &s.entries[i]
}

func (t *plainTable) delete(key uint64) {
	e := t.find(key)
	if e == nil {
		return
	}
	s := &t.slots[key%Slots]
	for i := range s.entries {
		if &s.entries[i] == e {
			s.hand = (i + len(s.entries) - 1) % len(s.entries)
		}
	}
	*e = entry[int]{}
}

// Whatever is done to it, a table holds, forgets and refuses exactly what the
// simple one does, and finds the same after a snapshot.
func TestTableIsAsTheSimpleOne(t *testing.T) {
	for _, perSlot := range []int{1, 3, 16, 70, 600} {
		t.Run(fmt.Sprint(perSlot), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(perSlot), 5))
			table, plain := NewTable[int](perSlot*Slots), &plainTable{perSlot: perSlot, perParent: perSlot}
			table.perParent = perSlot
			var gone []uint64
			table.OnEvict(func(key uint64, _ *int) { gone = append(gone, key) })
			slots := []uint64{0, 7, 255}
			key := func() uint64 { // few slots, so that they fill; near and far keys
				k := uint64(rng.IntN(2*perSlot)) * Slots
				if rng.IntN(2) == 0 {
					k *= spread &^ 255
				}
				return k&^255 | slots[rng.IntN(len(slots))]
			}
			for step := range 40 * (perSlot + 200) {
				k, now := key(), int64(step)*againNS/20
				switch r := rng.IntN(20); {
				case r < 10:
					var a *int
					parent := uint64(rng.IntN(3))
					if parent == 0 {
						a = table.Put(k, now)
					} else {
						a, _ = table.PutOf(k, parent, now)
						parent = uint64(tagOf(parent))
					}
					b := plain.put(k, uint16(parent), now)
					if (a == nil) != (b == nil) {
						t.Fatalf("step %d: one of the two refused %x", step, k)
					}
					if a != nil {
						*a += step
						b.value += step
					}
				case r < 15:
					a, b := table.Get(k), plain.find(k)
					if (a == nil) != (b == nil) || a != nil && *a != b.value {
						t.Fatalf("step %d: %x is another", step, k)
					}
				case r < 17:
					level := uint8(rng.IntN(4))
					if level == 3 {
						level = unevictable
					}
					table.Protect(k, level)
					if e := plain.find(k); e != nil {
						e.protection = level
					}
				case r < 19:
					table.Touch(k, now)
					if e := plain.find(k); e != nil {
						e.use(now)
					}
				default:
					table.Delete(k)
					plain.delete(k)
				}
				if step%5000 == 4999 {
					if err := table.Restored(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if !slices.Equal(gone, plain.evicted) || table.Refused() != plain.refused || table.Over() != plain.over {
				t.Errorf("%d evicted and %d refused, want %d and %d", len(gone), table.Refused(), len(plain.evicted), plain.refused)
			}
			if len(gone) == 0 && perSlot < 600 {
				t.Error("nothing was ever evicted: the test shows nothing")
			}
			if plain.over == 0 {
				t.Error("no parent had its share: the test shows nothing")
			}
			table.Each(func(k uint64, used int64, v *int) bool {
				if e := plain.find(k); e == nil || e.usedNS != used || e.value != *v {
					t.Errorf("%x is another in the end", k)
				}
				return true
			})
		})
	}
}

func BenchmarkTable(b *testing.B) {
	type value [10]uint64
	for _, n := range []int{1000, 100_000, 1_000_000} {
		rng := rand.New(rand.NewPCG(1, 2))
		keys := make([]uint64, n)
		for i := range keys {
			keys[i] = rng.Uint64()
		}
		table := NewTable[value](4*n + 32*Slots)
		for _, k := range keys {
			table.Put(k, 1)
		}
		b.Run(fmt.Sprintf("get/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if table.Get(keys[i]) == nil {
					b.Fatal("lost")
				}
				if i += 7919; i >= n {
					i -= n / 7919 * 7919
					i %= n
				}
			}
		})
		b.Run(fmt.Sprintf("miss/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			k := uint64(1)
			for b.Loop() {
				k = k*6364136223846793005 + 1442695040888963407
				if table.Get(k) != nil {
					b.Fatal("found")
				}
			}
		})
		full := NewTable[value](n)
		b.Run(fmt.Sprintf("flood/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			k := uint64(1)
			for b.Loop() {
				k = k*6364136223846793005 + 1442695040888963407
				full.Put(k^k>>31, 1)
			}
		})
	}
}
