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
	// wrongly known is missing from the numbers of an alert. With 32 keys in a
	// block of 512 bits, 8 probes of a word each are wrong in 0.06 %.
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
//
// Keys that are asked for together should be placed together, by HasAt and
// AddAt: all that is known under one place costs one visit to memory.
type Set struct {
	first level   // most sets never need more: it saves them the way through levels
	more  []level // each larger than the one before
	full  bool
}

// A level is a Bloom filter of two generations whose bits lie in blocks of one
// cache line, as in Putze, Sanders and Singler, "Cache-, Hash- and
// Space-Efficient Bloom Filters" (2007), one bit in each word. The two
// generations of a block are neighbours.
type level struct {
	bits    []uint64 // blocks of 8 words of one generation and 8 of the other
	turnNS  int64    // event time at which the generations change next
	startNS int64
	room    int32 // keys that still fit in this period
	young   uint8 // 0 or blockWords: where the young generation lies in a block
}

const blockWords = 8

// Has reports whether key was (probably) added in the last 30 days or more.
func (s *Set) Has(key uint64, nowNS int64) bool { return s.HasAt(key, key, nowNS) }

// HasAt is Has for a key that was added at a place.
func (s *Set) HasAt(at, key uint64, nowNS int64) bool {
	x := spreadOf(at, key)
	for i := len(s.more) - 1; i >= 0; i-- {
		if s.more[i].has(at, x, nowNS) {
			return true
		}
	}
	return len(s.first.bits) >= 2*blockWords && s.first.has(at, x, nowNS)
}

// Add remembers key and reports whether it was new. A set that is Full does
// not take new keys, and reports false.
func (s *Set) Add(key uint64, nowNS int64, b *Budget) (isNew bool) {
	return s.AddAt(key, key, nowNS, b)
}

// AddAt is Add for a key at a place, which any hash will do for.
func (s *Set) AddAt(at, key uint64, nowNS int64, b *Budget) (isNew bool) {
	if s.HasAt(at, key, nowNS) {
		return false
	}
	last := s.grown(nowNS, b)
	if last == nil {
		return false
	}
	last.add(at, spreadOf(at, key), nowNS)
	last.room--
	return true
}

// spreadOf is where the bits of a key are: six bits for each word of its block.
func spreadOf(at, key uint64) uint64 { return state.Join(key, at) }

// block is where the block of a place begins. Places are hashes already, but
// keys of other places may be the same hash: they are mixed once more.
func (l *level) block(at uint64) int {
	at *= 0x9e3779b97f4a7c15
	return int(at>>32) & (len(l.bits)/(2*blockWords) - 1) * (2 * blockWords)
}

func (l *level) has(at, x uint64, nowNS int64) bool {
	if nowNS >= l.turnNS {
		l.turn(nowNS)
	}
	i := l.block(at)
	b := (*[2 * blockWords]uint64)(l.bits[i:])
	young, old := true, true
	for w := range blockWords {
		bit := uint64(1) << (x & 63)
		x >>= 6
		young = young && b[w]&bit != 0
		old = old && b[w+blockWords]&bit != 0
		if !young && !old {
			return false
		}
	}
	return true
}

func (l *level) add(at, x uint64, nowNS int64) {
	if nowNS >= l.turnNS {
		l.turn(nowNS)
	}
	i := l.block(at) + int(l.young&blockWords)
	b := (*[blockWords]uint64)(l.bits[i:])
	for w := range b {
		b[w] |= 1 << (x & 63)
		x >>= 6
	}
}

// turn makes the young generation the old one, as often as its time has come.
func (l *level) turn(nowNS int64) {
	for range 2 {
		if nowNS < l.turnNS {
			return
		}
		l.young ^= blockWords
		for i := int(l.young); i < len(l.bits); i += 2 * blockWords {
			clear(l.bits[i : i+blockWords])
		}
		l.turnNS += keepNS
	}
	if nowNS >= l.turnNS { // silent for longer than it remembers
		l.turnNS = nowNS + keepNS
	}
}

// grown returns the level that has room for one more key, or nil.
func (s *Set) grown(nowNS int64, b *Budget) *level {
	n := 0
	if s.first.bits != nil {
		n = 1 + len(s.more)
		l := &s.first
		if n > 1 {
			l = &s.more[n-2]
		}
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
	l := level{bits: make([]uint64, size(n)/8), room: capacity(n), startNS: nowNS, turnNS: nowNS + keepNS}
	if n == 0 {
		s.first = l
		return &s.first
	}
	s.more = append(s.more, l)
	return &s.more[n-1]
}

// Full reports that keys were turned away: absence means nothing then.
func (s *Set) Full() bool { return s.full }

// Free empties the set and returns its bytes.
func (s *Set) Free(b *Budget) {
	if s.first.bits != nil {
		for i := range 1 + len(s.more) {
			b.left += size(i)
		}
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
