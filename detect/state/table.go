// Package state holds the bounded memory of detectors: tables that evict the
// least interesting key, filters that remember what was seen. All of it is
// deterministic, single-threaded, and sized when it is made.
package state

// Slots is how many parts every table has. A key's slot never depends on how
// many processes share the work, so eviction does not either.
const Slots = 256

// maxPerSlot is what the cells of an index can number.
const maxPerSlot = 1<<cellBits - 1

// A Table maps keys to values of type V and holds at most its capacity. When a
// slot is full, the new key takes the place of one among a bounded sample of
// that slot: of the lowest protection, and there of those that were not used
// again ten to twenty seconds after they came, or later, the least recently
// used. So a flood of keys that come once washes itself out, and leaves alone
// who comes again and whom there is evidence against; a key protected higher
// than every candidate's is never pushed out by an unprotected one.
//
// Keys may be put in as children of a parent, such as the network that an
// address belongs to. The children of one parent hold at most a fiftieth of the
// table; what does not fit, the caller is told, and counts for the parent.
//
// Memory grows slot by slot with the keys, so that no call waits for more than
// the 256th part of a table to be moved: besides its value an entry takes 24
// bytes, its place in the index 5 to 11, and what a slot has grown ahead of
// its keys at most a quarter.
//
// Pointers that Get and Put return are valid until the next Put.
type Table[V any] struct {
	slots     [Slots]slot[V]
	perSlot   int `snapshot:"same"`
	perParent int `snapshot:"same"`
	evicted   int64
	refused   int64
	size      int
	over      int64
	onEvict   func(key uint64, v *V)
	// children counts the entries by the tag of their parent; nil while none
	// has one. Parents that share a tag share a quota.
	children []uint32 `snapshot:"-"`
}

type slot[V any] struct {
	index   index `snapshot:"-"`
	entries []entry[V]
	hand    int32 // where the next search for a victim begins
}

type entry[V any] struct {
	key        uint64
	usedNS     int64
	protection uint8
	live       bool
	again      bool   // used again later than its first seconds
	parent     uint16 // tag of the parent; 0: none
	born       uint16 // when it came, in units of againNS that wrap after a week
	value      V
}

const (
	// againNS to twice as long after it came first, a key that is used has come
	// again: a burst has not.
	againNS = int64(10e9)
	// quotaShare is the part of a table that the children of one parent may hold.
	quotaShare = 50
	tags       = 1 << 16
)

func (e *entry[V]) use(nowNS int64) {
	if uint16(nowNS/againNS)-e.born >= 2 {
		e.again = true
	}
	e.usedNS = max(e.usedNS, nowNS)
}

// NewTable makes a table for at most capacity keys (rounded up to a multiple
// of Slots, and at most 256 million).
func NewTable[V any](capacity int) *Table[V] {
	perSlot := min(max(1, (capacity+Slots-1)/Slots), maxPerSlot)
	return &Table[V]{perSlot: perSlot, perParent: max(leastQuota, perSlot*Slots/quotaShare)}
}

// OnEvict has fn called with each key that is pushed out, before it is gone.
func (t *Table[V]) OnEvict(fn func(key uint64, v *V)) { t.onEvict = fn }

// find returns the number of key in its slot, or -1.
func (s *slot[V]) find(key uint64) int32 {
	cells := s.index
	if len(cells) == 0 {
		return -1
	}
	at, tag := cells.place(key)
	for {
		c := cells[at]
		if c == 0 {
			return -1
		}
		if c>>cellBits == tag {
			if i := int32(c&maxPerSlot) - 1; s.entries[i].key == key {
				return i
			}
		}
		at = (at + 1) & uint32(len(cells)-1)
	}
}

// Get returns the value of key, or nil.
func (t *Table[V]) Get(key uint64) *V {
	s := &t.slots[key%Slots]
	i := s.find(key)
	if i < 0 {
		return nil
	}
	return &s.entries[i].value
}

// Touch is Get, and marks the key as used at nowNS.
func (t *Table[V]) Touch(key uint64, nowNS int64) *V {
	s := &t.slots[key%Slots]
	i := s.find(key)
	if i < 0 {
		return nil
	}
	e := &s.entries[i]
	e.use(nowNS)
	return &e.value
}

// Put returns the value of key, making a zero one if there is none. It returns
// nil when the slot is full of keys that are protected.
func (t *Table[V]) Put(key uint64, nowNS int64) *V {
	s := &t.slots[key%Slots]
	if i := s.find(key); i >= 0 {
		e := &s.entries[i]
		e.use(nowNS)
		return &e.value
	}
	return t.take(s, key, 0, nowNS)
}

// PutOf is Put for a child of parent. It returns nil and over if the parent has
// its full share of the table: then what is learned is the parent's.
func (t *Table[V]) PutOf(key, parent uint64, nowNS int64) (v *V, over bool) {
	s := &t.slots[key%Slots]
	if i := s.find(key); i >= 0 {
		e := &s.entries[i]
		e.use(nowNS)
		return &e.value, false
	}
	if t.children == nil {
		t.children = make([]uint32, tags)
	}
	tag := tagOf(parent)
	if int(t.children[tag]) >= t.perParent {
		t.over++
		return nil, true
	}
	v = t.take(s, key, tag, nowNS)
	if v != nil {
		t.children[tag]++
	}
	return v, false
}

// leastQuota is what one parent may hold of the smallest tables.
const leastQuota = 64

// tagOf is never 0.
func tagOf(parent uint64) uint16 { return uint16(parent*spread>>48) | 1 }

// gone takes an entry out of the share of its parent.
func (t *Table[V]) gone(e *entry[V]) {
	if e.parent != 0 {
		t.children[e.parent]--
	}
	t.size--
}

// take makes a new entry.
func (t *Table[V]) take(s *slot[V], key uint64, parent uint16, nowNS int64) *V {
	i := int32(len(s.entries))
	if len(s.entries) < t.perSlot {
		s.grow(t.perSlot)
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
			s.forget(v.key)
			t.evicted++
			t.gone(v)
		}
	}
	s.entries[i] = entry[V]{key: key, usedNS: nowNS, live: true, parent: parent, born: uint16(nowNS / againNS)}
	s.index.put(key, i)
	t.size++
	return &s.entries[i].value
}

// grow makes room for one more entry, and its place in the index.
func (s *slot[V]) grow(most int) {
	n := len(s.entries)
	if n == cap(s.entries) {
		more := make([]entry[V], n, min(most, max(2, n+(n+3)/4, min(2*n, 16))))
		copy(more, s.entries)
		s.entries = more
	}
	s.entries = s.entries[:n+1]
	if !s.index.holds(n + 1) {
		s.reindex(n)
	}
}

// reindex makes the index anew, with room for one more than the first n.
func (s *slot[V]) reindex(n int) {
	s.index = newIndex(n + 1)
	for i := range s.entries[:n] {
		if e := &s.entries[i]; e.live {
			s.index.put(e.key, int32(i))
		}
	}
}

// forget takes key out of the index.
func (s *slot[V]) forget(key uint64) {
	s.index.remove(key, func(i int32) uint64 { return s.entries[i].key })
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
		if best < 0 || e.sooner(&s.entries[best]) {
			best = s.hand
		}
	}
	return best
}

// sooner reports whether e is pushed out before o.
func (e *entry[V]) sooner(o *entry[V]) bool {
	switch {
	case e.protection != o.protection:
		return e.protection < o.protection
	case e.again != o.again:
		return o.again
	}
	return e.usedNS < o.usedNS
}

// Protect sets how hard key is to push out: 0 not at all, 255 never. A
// detector protects what it has evidence against, so that no flood of new
// keys can make it forget.
func (t *Table[V]) Protect(key uint64, level uint8) {
	s := &t.slots[key%Slots]
	if i := s.find(key); i >= 0 {
		s.entries[i].protection = level
	}
}

// Delete removes key.
func (t *Table[V]) Delete(key uint64) {
	s := &t.slots[key%Slots]
	if i := s.find(key); i >= 0 {
		s.forget(key)
		t.gone(&s.entries[i])
		s.entries[i] = entry[V]{}
		s.hand = (i + int32(len(s.entries)) - 1) % int32(len(s.entries))
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
// Refused how many it could not take; Over how many were above the share of
// their parent.
func (t *Table[V]) Len() int       { return t.size }
func (t *Table[V]) Over() int64    { return t.over }
func (t *Table[V]) Evicted() int64 { return t.evicted }
func (t *Table[V]) Refused() int64 { return t.refused }
