package wire

import "github.com/zeebo/xxh3"

// A dictionary numbers the strings of one record, from 1 in the order in which
// they first appear. It is an open-addressed table that is emptied by moving to
// a new era, which costs nothing.
type dictionary struct {
	slots   []dictSlot
	era     uint32
	used    int
	scratch []byte
}

type dictSlot struct {
	text  string
	hash  uint32
	era   uint32 // the slot is empty unless this is the current one
	index uint32
}

const minDictionary = 1024 // slots

func (d *dictionary) reset() {
	d.era++
	d.used = 0
	if d.era == 0 || d.slots == nil { // after 2^32 records eras begin again
		d.slots = make([]dictSlot, max(len(d.slots), minDictionary))
		d.era = 1
	}
}

// find returns the number of a string, and whether it got that number now.
func (d *dictionary) find(s string) (index uint32, isNew bool) {
	h := uint32(xxh3.HashString(s))
	mask := uint32(len(d.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		slot := &d.slots[i]
		if slot.era != d.era {
			d.used++
			*slot = dictSlot{text: s, hash: h, era: d.era, index: uint32(d.used)}
			n := slot.index
			if d.used > len(d.slots)/2 {
				d.grow()
			}
			return n, true
		}
		if slot.hash == h && slot.text == s {
			return slot.index, false
		}
	}
}

func (d *dictionary) grow() {
	old := d.slots
	d.slots = make([]dictSlot, 2*len(old))
	mask := uint32(len(d.slots) - 1)
	for i := range old {
		if old[i].era != d.era {
			continue
		}
		at := old[i].hash & mask
		for d.slots[at].era == d.era {
			at = (at + 1) & mask
		}
		d.slots[at] = old[i]
	}
}

// keySets numbers the key lists of one record, from 0.
type keySets struct {
	byHash map[uint64]uint32 // the newest list under that shape hash
	lists  [][]string
}

func (k *keySets) reset() {
	clear(k.byHash)
	clear(k.lists)
	k.lists = k.lists[:0]
	if k.byHash == nil {
		k.byHash = make(map[uint64]uint32)
	}
}

// find returns the number of a list and whether it is new. Lists under one
// hash are all but always the same; one that is not gets a number of its own.
func (k *keySets) find(hash uint64, keys []string) (uint32, bool) {
	if n, ok := k.byHash[hash]; ok && equal(k.lists[n], keys) {
		return n, false
	}
	n := uint32(len(k.lists))
	k.byHash[hash] = n
	k.lists = append(k.lists, keys)
	return n, true
}

func equal(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	if &a[0] == &b[0] {
		return true
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
