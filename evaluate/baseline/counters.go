package baseline

import (
	"slices"
	"time"
)

// A leak is a leaky bucket: it takes an event, loses one every leakNS, and
// spills when it holds more than room. A distinct bucket takes each value once
// while it is not empty.
type leak struct {
	room     int
	leakNS   int64
	distinct bool
	buckets  map[uint64]*bucket
}

type bucket struct {
	level  float64
	atNS   int64
	values map[uint64]bool
}

func newLeak(room int, every time.Duration, distinct bool) *leak {
	return &leak{room: room, leakNS: int64(every), distinct: distinct, buckets: map[uint64]*bucket{}}
}

// add reports whether the bucket of key spills, which empties it.
func (l *leak) add(key uint64, value uint64, atNS int64) bool {
	b := l.buckets[key]
	if b == nil {
		b = &bucket{atNS: atNS}
		l.buckets[key] = b
	}
	b.level = max(0, b.level-float64(atNS-b.atNS)/float64(l.leakNS))
	b.atNS = atNS
	if l.distinct {
		if b.level == 0 {
			b.values = map[uint64]bool{}
		}
		if b.values[value] {
			return false
		}
		if len(b.values) < maxEvents {
			b.values[value] = true
		}
	}
	if b.level++; b.level <= float64(l.room) {
		return false
	}
	delete(l.buckets, key)
	return true
}

func (l *leak) sweep(nowNS int64) {
	for k, b := range l.buckets {
		if float64(nowNS-b.atNS)/float64(l.leakNS) >= b.level {
			delete(l.buckets, k)
		}
	}
}

// maxEvents bounds what is remembered of one key; every rule fires long before.
const maxEvents = 4096

// A window remembers the events of a key for a time.
type window struct {
	lengthNS int64
	keys     map[uint64]*events
}

type events struct {
	list []happened
	head int // events before it are over
}

type happened struct {
	atNS int64
	a, b uint64 // what a rule tells events apart by: users, addresses, paths
}

func newWindow(length time.Duration) *window {
	return &window{lengthNS: int64(length), keys: map[uint64]*events{}}
}

// add notes an event and returns those of its key in the window, oldest first.
func (w *window) add(key uint64, h happened) []happened {
	e := w.keys[key]
	if e == nil {
		e = &events{}
		w.keys[key] = e
	}
	e.list = append(e.list, h)
	for e.head < len(e.list) && e.list[e.head].atNS <= h.atNS-w.lengthNS || len(e.list)-e.head > maxEvents {
		e.head++
	}
	if e.head > 64 && e.head*2 > len(e.list) {
		e.list = append(e.list[:0], e.list[e.head:]...)
		e.head = 0
	}
	return e.list[e.head:]
}

func (w *window) sweep(nowNS int64) {
	for k, e := range w.keys {
		if e.list[len(e.list)-1].atNS <= nowNS-w.lengthNS {
			delete(w.keys, k)
		}
	}
}

// atLeast reports whether list has n different values of what.
func atLeast(n int, list []happened, what func(happened) uint64) bool {
	if len(list) < n {
		return false
	}
	if n <= few {
		return atLeastFew(n, list, what)
	}
	return distinct(list, what) >= n
}

// few values are compared one by one.
const few = 16

func atLeastFew(n int, list []happened, what func(happened) uint64) bool {
	var room [few]uint64
	values := room[:0]
	for _, h := range list {
		if v := what(h); !slices.Contains(values, v) {
			if values = append(values, v); len(values) >= n {
				return true
			}
		}
	}
	return false
}

// distinct counts the values of what among list.
func distinct(list []happened, what func(happened) uint64) int {
	values := make(map[uint64]struct{}, len(list))
	for _, h := range list {
		values[what(h)] = struct{}{}
	}
	return len(values)
}

// most counts the commonest value of what among list.
func most(list []happened, what func(happened) uint64) int {
	values := make(map[uint64]int, len(list))
	top := 0
	for _, h := range list {
		values[what(h)]++
		top = max(top, values[what(h)])
	}
	return top
}

func first(h happened) uint64  { return h.a }
func second(h happened) uint64 { return h.b }
