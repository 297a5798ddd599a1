// Package grow holds sets that remember keys for 30 days or longer in memory
// that starts at 512 bytes and grows with use.
//
// A Set answers "no" with certainty (within 30 to 60 days of event time) and
// "yes" wrongly in less than one case in a hundred: so what it calls new is
// new, and what it calls known may rarely be new. All sets of a stage draw on
// one Budget; a set that may not grow any more says so by Full, and its owner
// must then stop drawing conclusions from absence. One goroutine.
package grow

import "lapwing/detect/state"

const (
	// keepNS is how long a key is remembered at least: the retention of all
	// low-and-slow evidence.
	keepNS = int64(30 * 24 * 3600 * 1e9)

	firstKeys = 96 // most actors touch fewer distinct things in a month
	factor    = 8  // each level is this much larger than the one before
	maxLevels = 6  // the last holds 3 million keys in 16 MiB
	// bitsPerKey makes a wrong "yes" rarer than one in a thousand for each
	// level, since an object is asked for under several keys and what is
	// wrongly known is missing from the numbers of an alert.
	bitsPerKey = 16
)

// A Budget bounds the bytes of all sets that share it.
//
// The larger a set is, the more must be left for it to grow further, so that a
// few that grow fast leave room for the many that begin.
type Budget struct {
	total   int64
	left    int64
	refused int64
}

// NewBudget allows bytes in total.
func NewBudget(bytes int64) *Budget { return &Budget{total: bytes, left: bytes} }

// grants reports whether a set may take the level n.
func (b *Budget) grants(n int) bool {
	return b.left-size(n) >= b.total*int64(min(n, 4))/8
}

// Refused is how often a set could not grow.
func (b *Budget) Refused() int64 { return b.refused }

// Left is how many bytes are not taken.
func (b *Budget) Left() int64 { return b.left }

// A Set remembers keys. The zero value is empty and ready to use.
type Set struct {
	levels []level
	full   bool
}

type level struct {
	filter  *state.Filter
	room    int32 // keys that still fit in this period
	startNS int64
}

// Has reports whether key was (probably) added in the last 30 days or more.
func (s *Set) Has(key uint64, nowNS int64) bool {
	for i := len(s.levels) - 1; i >= 0; i-- {
		if s.levels[i].filter.Has(key, nowNS) {
			return true
		}
	}
	return false
}

// Add remembers key and reports whether it was new. A set that is Full does
// not take new keys, and reports false.
func (s *Set) Add(key uint64, nowNS int64, b *Budget) (isNew bool) {
	if s.Has(key, nowNS) {
		return false
	}
	last := s.grown(nowNS, b)
	if last == nil {
		return false
	}
	last.filter.Add(key, nowNS)
	last.room--
	return true
}

// grown returns the level that has room for one more key, or nil.
func (s *Set) grown(nowNS int64, b *Budget) *level {
	n := len(s.levels)
	if n > 0 {
		l := &s.levels[n-1]
		if nowNS-l.startNS >= keepNS {
			l.startNS, l.room = nowNS, capacity(n-1)
		}
		if l.room > 0 {
			return l
		}
	}
	if n == maxLevels || !b.grants(n) {
		b.refused++
		s.full = true
		return nil
	}
	b.left -= size(n)
	s.full = false
	s.levels = append(s.levels, level{filter: state.NewFilter(int(capacity(n))*bitsPerKey/10, keepNS), room: capacity(n), startNS: nowNS})
	return &s.levels[n]
}

// Full reports that keys were turned away: absence means nothing then.
func (s *Set) Full() bool { return s.full }

// Free empties the set and returns its bytes.
func (s *Set) Free(b *Budget) {
	for i := range s.levels {
		b.left += size(i)
	}
	*s = Set{}
}

func capacity(level int) int32 {
	n := int32(firstKeys)
	for range level {
		n *= factor
	}
	return n
}

// size is what a level takes: two generations of bits, a power of two of words.
func size(level int) int64 {
	words := int64(1)
	for words*64 < int64(capacity(level))*bitsPerKey {
		words *= 2
	}
	return words * 16
}
