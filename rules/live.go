package rules

import (
	"sync/atomic"
	"time"
)

// A Live is the place where stages find the rules in force. Stages look between
// two ticks, so that all calls of a tick meet the same rules. It may be used
// from any goroutine.
type Live struct {
	set atomic.Pointer[Set]

	matches, fired, evicted, exhausted, reloads, refused atomic.Int64
	loadedNS                                             atomic.Int64
}

// NewLive makes a Live with a first set; nil is none.
func NewLive(first *Set) *Live {
	if first == nil {
		first = &Set{}
	}
	l := &Live{}
	l.set.Store(first)
	return l
}

// Set returns the rules in force.
func (l *Live) Set() *Set { return l.set.Load() }

// Replace puts another set in force. A rule that is the same in both goes on
// with all it has counted.
func (l *Live) Replace(s *Set) { l.set.Store(s) }

// Stats are counters since the start, over all stages that share the Live.
type Stats struct {
	Rules     int
	Matches   int64 // calls that matched a rule, by rule
	Fired     int64 // calls with which a rule was fulfilled
	Evicted   int64 // groups that gave way
	Exhausted int64 // calls for which some rules were not asked, because lists in it were too long
	Reloads   int64 // sets that took another's place
	Refused   int64 // sets that were not taken because of an error
	Loaded    time.Time
}

// Stats returns the counters.
func (l *Live) Stats() Stats {
	s := Stats{Rules: len(l.Set().rules), Matches: l.matches.Load(), Fired: l.fired.Load(), Evicted: l.evicted.Load(),
		Exhausted: l.exhausted.Load(), Reloads: l.reloads.Load(), Refused: l.refused.Load()}
	if ns := l.loadedNS.Load(); ns != 0 {
		s.Loaded = time.Unix(0, ns).UTC()
	}
	return s
}
