package rules

import "errors"

// slots of a table. A group's slot follows from its key alone, so that which
// group gives way does not depend on how the work is divided.
const slots = 256

// A table remembers the groups of one rule. When a slot is full, the group that
// was quiet longest gives way, one with an open story last.
type table struct {
	slots [slots][]slotted
}

type slotted struct {
	key    uint64
	usedNS int64
	group  *group
}

// get returns the group of key, making it if it is not there, and whether
// another gave way to it. capacity is of the whole table.
func (t *table) get(key uint64, nowNS int64, capacity int) (g *group, evicted *group) {
	slot := &t.slots[key%slots]
	for i := range *slot {
		if e := &(*slot)[i]; e.key == key {
			e.usedNS = max(e.usedNS, nowNS)
			return e.group, nil
		}
	}
	g = &group{}
	fresh := slotted{key, nowNS, g}
	if len(*slot) < max(1, (capacity+slots-1)/slots) {
		*slot = append(*slot, fresh)
		return g, nil
	}
	victim := 0
	for i := range *slot {
		if a, b := &(*slot)[i], &(*slot)[victim]; a.before(b) {
			victim = i
		}
	}
	evicted = (*slot)[victim].group
	(*slot)[victim] = fresh
	return g, evicted
}

// before reports that a gives way before b.
func (a *slotted) before(b *slotted) bool {
	if x, y := a.group.story != nil, b.group.story != nil; x != y {
		return y
	}
	return a.usedNS < b.usedNS
}

// each calls fn for every group, slot by slot.
func (t *table) each(fn func(*group)) {
	for i := range t.slots {
		for _, e := range t.slots[i] {
			fn(e.group)
		}
	}
}

// shrink gives up groups beyond a smaller capacity.
func (t *table) shrink(capacity int) {
	most := max(1, (capacity+slots-1)/slots)
	for i := range t.slots {
		for slot := &t.slots[i]; len(*slot) > most; {
			victim := 0
			for j := range *slot {
				if (*slot)[j].before(&(*slot)[victim]) {
					victim = j
				}
			}
			(*slot)[victim] = (*slot)[len(*slot)-1]
			*slot = (*slot)[:len(*slot)-1]
		}
	}
}

// Restored checks what a snapshot brought.
func (r *rules) Restored() error {
	if r.told == nil {
		return errors.New("a rule has no words")
	}
	for i := range r.table.slots {
		for _, e := range r.table.slots[i] {
			if e.group == nil || e.key%slots != uint64(i) {
				return errors.New("a group of a rule stands in the wrong place")
			}
		}
	}
	return nil
}

// Restored checks what a snapshot brought.
func (g *group) Restored() error {
	for _, w := range []*recent{&g.count, &g.hits} {
		if len(w.Parts) != 0 && len(w.Parts) != parts || w.Part < 0 || len(w.TimesNS) > exactTimes || w.Next < 0 || w.Next > len(w.TimesNS) {
			return errors.New("a window of a rule is out of its bounds")
		}
	}
	if len(g.chain.BegunNS) > MaxSteplist || g.story != nil && g.story.told == nil {
		return errors.New("a group of a rule is out of its bounds")
	}
	return nil
}
