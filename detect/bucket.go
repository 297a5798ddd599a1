package detect

import (
	"container/heap"
	"encoding/binary"
	"slices"
	"time"

	"lapwing/event"
)

// A bucket holds the calls that ended within one second, and those that came
// too late for theirs.
type bucket struct {
	secondNS int64
	calls    []timed
	late     bool  // holds calls that ended before its second
	kinds    uint8 // a bit for each event.Source of its calls
}

type timed struct {
	atNS       int64 // Call.End
	call       *event.Call
	introduced bool // to its twin
}

func (b *bucket) add(endNS int64, c *event.Call) {
	b.calls = append(b.calls, timed{atNS: endNS, call: c})
	b.kinds |= 1 << (c.Source & 7)
}

// sort puts the calls into order of (end, ID), in which most come, and returns
// how many it dropped that have the ID of another.
func (b *bucket) sort() (dropped int) {
	slices.SortFunc(b.calls, func(x, y timed) int {
		if x.atNS != y.atNS {
			if x.atNS < y.atNS {
				return -1
			}
			return 1
		}
		if c := x.call.ID.Compare(y.call.ID); c != 0 || x.introduced == y.introduced {
			return c
		}
		if x.introduced {
			return -1
		}
		return 1
	})
	n := len(b.calls)
	kept := slices.CompactFunc(b.calls, func(x, y timed) bool {
		return x.atNS == y.atNS && x.call.ID == y.call.ID && !x.call.ID.IsZero()
	})
	b.calls = kept
	return n - len(kept)
}

// bucket returns the bucket of a second, making it if need be.
func (e *Engine) bucket(secondNS int64) *bucket {
	if e.last != nil && e.last.secondNS == secondNS {
		return e.last
	}
	b := e.buckets[secondNS]
	if b == nil {
		if n := len(e.spare); n > 0 {
			b, e.spare = e.spare[n-1], e.spare[:n-1]
		} else {
			b = &bucket{}
		}
		*b = bucket{secondNS: secondNS, calls: b.calls[:0]}
		e.buckets[secondNS] = b
		heap.Push(&e.seconds, secondNS)
	}
	e.last = b
	return b
}

// spares is how many empty buckets are kept.
const spares = 8

func (e *Engine) recycle(b *bucket) {
	clear(b.calls) // the calls are not ours any more
	if len(e.spare) < spares && cap(b.calls) <= mostKept {
		b.calls = b.calls[:0]
		e.spare = append(e.spare, b)
	}
}

const (
	// pastNS is how long it is remembered which calls were judged: sources that
	// deliver a call twice do so within their lateness.
	pastNS = int64(2 * time.Minute)
	// maxPast bounds how many are remembered, at 8 bytes each.
	maxPast = 1 << 18
)

// A past remembers which calls were judged, second by second. It is asked for
// those alone that come behind the watermark: of the others, repetitions meet
// in their bucket.
type past struct {
	seconds []pastSecond // in order of time
	n       int
}

type pastSecond struct {
	atNS int64
	ids  []uint64
}

// brief is a part of an ID, which is a hash itself.
func brief(id event.ID) uint64 {
	return binary.LittleEndian.Uint64(id[:8]) ^ binary.LittleEndian.Uint64(id[8:])*0x9e3779b97f4a7c15
}

func (p *past) at(secondNS int64) *pastSecond {
	for i := len(p.seconds) - 1; i >= 0 && p.seconds[i].atNS >= secondNS; i-- {
		if p.seconds[i].atNS == secondNS {
			return &p.seconds[i]
		}
	}
	return nil
}

// add remembers a call that was judged.
func (p *past) add(id event.ID, endNS int64) {
	if id.IsZero() {
		return
	}
	at := floorSecond(endNS)
	s := p.at(at)
	if s == nil {
		if n := len(p.seconds); n > 0 && p.seconds[n-1].atNS > at {
			return // longer ago than is remembered
		}
		p.seconds = append(p.seconds, pastSecond{atNS: at})
		s = &p.seconds[len(p.seconds)-1]
	}
	s.ids = append(s.ids, brief(id))
	p.n++
}

// drop takes out of a bucket what was judged before, and returns how many.
func (p *past) drop(b *bucket) int {
	n := len(b.calls)
	b.calls = slices.DeleteFunc(b.calls, func(t timed) bool {
		if t.atNS >= b.secondNS || t.call.ID.IsZero() {
			return false
		}
		s := p.at(floorSecond(t.atNS))
		return s != nil && slices.Contains(s.ids, brief(t.call.ID))
	})
	return n - len(b.calls)
}

// forget lets go of what is too old, or too much.
func (p *past) forget(nowNS int64) {
	gone := 0
	for gone < len(p.seconds)-1 && (p.seconds[gone].atNS < nowNS-pastNS || p.n > maxPast) {
		p.n -= len(p.seconds[gone].ids)
		gone++
	}
	if gone > 0 {
		p.seconds = slices.Delete(p.seconds, 0, gone)
	}
}
