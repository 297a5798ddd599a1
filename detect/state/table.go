// Package state holds the bounded memory of detectors: tables that evict the
// least interesting key, filters that remember what was seen. All of it is
// deterministic, single-threaded, and sized when it is made.
package state

// Slots is how many parts every table has. A key's slot never depends on how
// many processes share the work, so eviction does not either.
const Slots = 256

// A Table maps keys to values of type V and holds at most its capacity. When a
// slot is full, the new key takes the place of the least recently used key of
// the lowest protection among a bounded sample of that slot; a key protected
// higher than every candidate's is never pushed out by an unprotected one.
//
// Pointers that Get and Put return are valid until the next Put.
type Table[V any] struct {
	slots   [Slots]slot[V]
	perSlot int `snapshot:"same"`
	evicted int64
	refused int64
	size    int
	onEvict func(key uint64, v *V)
}

type slot[V any] struct {
	index   map[uint64]int32 `snapshot:"-"`
	entries []entry[V]
	hand    int32 // where the next search for a victim begins
}

type entry[V any] struct {
	key        uint64
	usedNS     int64
	protection uint8
	live       bool
	value      V
}

// NewTable makes a table for at most capacity keys (rounded up to a multiple
// of Slots).
func NewTable[V any](capacity int) *Table[V] {
	return &Table[V]{perSlot: max(1, (capacity+Slots-1)/Slots)}
}

// OnEvict has fn called with each key that is pushed out, before it is gone.
func (t *Table[V]) OnEvict(fn func(key uint64, v *V)) { t.onEvict = fn }

// Get returns the value of key, or nil.
func (t *Table[V]) Get(key uint64) *V {
	s := &t.slots[key%Slots]
	i, ok := s.index[key]
	if !ok {
		return nil
	}
	return &s.entries[i].value
}

// Touch is Get, and marks the key as used at nowNS.
func (t *Table[V]) Touch(key uint64, nowNS int64) *V {
	s := &t.slots[key%Slots]
	i, ok := s.index[key]
	if !ok {
		return nil
	}
	s.entries[i].usedNS = max(s.entries[i].usedNS, nowNS)
	return &s.entries[i].value
}

// Put returns the value of key, making a zero one if there is none. It returns
// nil when the slot is full of keys that are protected.
func (t *Table[V]) Put(key uint64, nowNS int64) *V {
	s := &t.slots[key%Slots]
	if i, ok := s.index[key]; ok {
		s.entries[i].usedNS = max(s.entries[i].usedNS, nowNS)
		return &s.entries[i].value
	}
	if s.index == nil {
		s.index = make(map[uint64]int32)
	}
	i := int32(len(s.entries))
	if len(s.entries) < t.perSlot {
		s.entries = append(s.entries, entry[V]{})
	} else {
		i = s.victim()
		if i < 0 {
			t.refused++
			return nil
		}
		if v := &s.entries[i]; v.live {
			if t.onEvict != nil {
				t.onEvict(v.key, &v.value)
			}
			delete(s.index, v.key)
			t.evicted++
			t.size--
		}
	}
	s.entries[i] = entry[V]{key: key, usedNS: nowNS, live: true}
	s.index[key] = i
	t.size++
	return &s.entries[i].value
}

// searched is how many entries are looked at for a victim: enough that the
// choice is near the least recently used, few enough that a flood of new keys
// costs constant time each.
const searched = 16

// unevictable is the protection from which on a key is never pushed out.
const unevictable = 255

func (s *slot[V]) victim() int32 {
	n := int32(len(s.entries))
	best := int32(-1)
	for range min(searched, n) {
		s.hand = (s.hand + 1) % n
		e := &s.entries[s.hand]
		if !e.live {
			return s.hand
		}
		if e.protection == unevictable {
			continue
		}
		if best < 0 || e.protection < s.entries[best].protection ||
			e.protection == s.entries[best].protection && e.usedNS < s.entries[best].usedNS {
			best = s.hand
		}
	}
	return best
}

// Protect sets how hard key is to push out: 0 not at all, 255 never. A
// detector protects what it has evidence against, so that no flood of new
// keys can make it forget.
func (t *Table[V]) Protect(key uint64, level uint8) {
	s := &t.slots[key%Slots]
	if i, ok := s.index[key]; ok {
		s.entries[i].protection = level
	}
}

// Delete removes key.
func (t *Table[V]) Delete(key uint64) {
	s := &t.slots[key%Slots]
	if i, ok := s.index[key]; ok {
		delete(s.index, key)
		s.entries[i] = entry[V]{}
		s.hand = (i + int32(len(s.entries)) - 1) % int32(len(s.entries))
		t.size--
	}
}

// Each calls fn for every key, slot by slot in order of arrival, until fn
// returns false. fn must not Put or Delete.
func (t *Table[V]) Each(fn func(key uint64, usedNS int64, v *V) bool) {
	for i := range t.slots {
		s := &t.slots[i]
		for j := range s.entries {
			if e := &s.entries[j]; e.live && !fn(e.key, e.usedNS, &e.value) {
				return
			}
		}
	}
}

// Len is how many keys the table holds; Evicted how many it pushed out;
// Refused how many it could not take.
func (t *Table[V]) Len() int       { return t.size }
func (t *Table[V]) Evicted() int64 { return t.evicted }
func (t *Table[V]) Refused() int64 { return t.refused }
