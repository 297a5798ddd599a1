package state

import "errors"

// Restored builds the indexes again after a snapshot was read, which holds
// only the entries.
func (t *Table[V]) Restored() error {
	size := 0
	t.children = nil
	for i := range t.slots {
		s := &t.slots[i]
		if len(s.entries) > t.perSlot || s.hand < 0 || s.hand > 0 && int(s.hand) >= len(s.entries) {
			return errors.New("a slot of a table is out of its bounds")
		}
		s.index = nil
		if len(s.entries) > 0 {
			s.index = newIndex(len(s.entries))
		}
		for j := range s.entries {
			e := &s.entries[j]
			if !e.live {
				continue
			}
			if s.find(e.key) >= 0 || e.key%Slots != uint64(i) {
				return errors.New("a key of a table stands in the wrong place")
			}
			s.index.put(e.key, int32(j))
			if e.parent != 0 {
				if t.children == nil {
					t.children = make([]uint32, tags)
				}
				t.children[e.parent]++
			}
			size++
		}
	}
	if size != t.size {
		return errors.New("a table counts other keys than it has")
	}
	return nil
}

// Restored checks the bits that a snapshot brought.
func (f *Filter) Restored() error {
	words := f.mask/64 + 1
	if uint64(len(f.young)) != words || uint64(len(f.old)) != words || words&(words-1) != 0 || f.mask%64 != 63 || f.probes < 0 || f.probes > 64 {
		return errors.New("a filter has other bits than it says")
	}
	return nil
}
