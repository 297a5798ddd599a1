package overlap

import "math/bits"

const (
	// mostTags is how many objects of one program are kept; from there on the
	// set is thinned to every second, fourth … object.
	mostTags  = 4096
	firstTags = 64
	// tagBudget is for the sets of all programs at all places, in tags of four
	// bytes: 48 MiB.
	tagBudget = 12 << 20
)

// Tags are what the callers of one program took: 32 bits of each object's key.
// Two objects share a tag among 4,096 once in a million.
type tags struct {
	slots []uint32 // open addressing, 0 is empty; a power of two, at most half full
	used  int
	level uint8 // only tags whose lowest level bits are zero are kept
}

// add takes an object and reports whether it is one of those kept, and whether
// it was there. room is what is left of the budget.
func (t *tags) add(key uint64, room *int) (kept, met bool) {
	tag := uint32(key>>32) | 1<<31
	if bits.TrailingZeros32(tag) < int(t.level) {
		return false, false
	}
	if t.used*2 >= len(t.slots) && !t.grow(room) {
		return false, false
	}
	if bits.TrailingZeros32(tag) < int(t.level) { // thinned meanwhile
		return false, false
	}
	return true, !t.put(tag)
}

// has reports whether an object is in the set, as far as it is kept.
func (t *tags) has(key uint64) bool {
	tag := uint32(key>>32) | 1<<31
	if len(t.slots) == 0 || bits.TrailingZeros32(tag) < int(t.level) {
		return false
	}
	return t.slots[t.find(tag)] == tag
}

func (t *tags) find(tag uint32) int {
	mask := len(t.slots) - 1
	i := int(tag*0x9e3779b1>>7) & mask
	for t.slots[i] != 0 && t.slots[i] != tag {
		i = (i + 1) & mask
	}
	return i
}

func (t *tags) put(tag uint32) (isNew bool) {
	i := t.find(tag)
	if t.slots[i] == tag {
		return false
	}
	t.slots[i] = tag
	t.used++
	return true
}

// grow makes room for one more: a larger set, or where that is not to be had, a
// thinner one. It reports whether there is room.
func (t *tags) grow(room *int) bool {
	size := max(firstTags, 2*len(t.slots))
	if size <= 2*mostTags && *room >= size-len(t.slots) {
		*room -= size - len(t.slots)
	} else {
		if size = len(t.slots); size == 0 || t.level >= 24 {
			return false
		}
		t.level++
	}
	old := t.slots
	t.slots, t.used = make([]uint32, size), 0
	for _, tag := range old {
		if tag != 0 && bits.TrailingZeros32(tag) >= int(t.level) {
			t.put(tag)
		}
	}
	return t.used*2 < len(t.slots)
}

func (t *tags) free(room *int) {
	*room += len(t.slots)
	*t = tags{}
}
