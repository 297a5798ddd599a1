package credentials

import "math"

const (
	// slowNS separates machines that repeat themselves on a timetable from
	// tools that guess as fast as they may.
	slowNS = float64(10e9)
	// steady is the relative deviation of a timetable's intervals.
	steady = 0.10
	// burstNS and burstMost bound the retries that belong to one beat.
	burstNS   = int64(60e9)
	burstMost = 4
	// logTickNS is the deviation that times of whole seconds bring along.
	logTickNS = float64(600e6)
)

// A beat measures how even the intervals between moments are.
type beat struct {
	lastNS int64
	n      uint32  // intervals
	mean   float64 // of the intervals, ns
	m2     float64
}

func (b *beat) add(atNS int64) {
	if b.lastNS == 0 {
		b.lastNS = atNS
		return
	}
	if atNS < b.lastNS {
		return // recognised late: its order is lost
	}
	d := float64(atNS - b.lastNS)
	b.lastNS = atNS
	switch {
	case d > 1.5*b.mean && d < 20*b.mean && (b.n >= 8 || b.n > 0 && multiple(d, b.mean)):
		d /= math.Round(d / b.mean) // a beat was missed: what counts is that the rest is even
	case b.n == 1 && b.mean > 1.5*d && b.mean < 20*d && multiple(b.mean, d):
		b.mean = d // the first one was
	}
	b.n++
	delta := d - b.mean
	b.mean += delta / float64(b.n)
	b.m2 += delta * (d - b.mean)
}

// multiple reports that long is a whole number of times short, nearly. Attempts
// that are recognised late leave such gaps.
func multiple(long, short float64) bool {
	q := long / short
	return math.Abs(q-math.Round(q)) <= steady/2
}

// even reports whether the intervals deviate by less than they may.
func (b *beat) even(log bool) bool {
	limit := steady * b.mean
	if log {
		limit = max(limit, logTickNS)
	}
	return b.n == 0 || math.Sqrt(b.m2/float64(b.n)) <= limit
}

// A loop tells a client that repeats one wrong credential on a timetable (a
// monitor, a service whose password expired) from one that tries several: its
// intervals are even and long, and where the length of the request can be
// seen, it never changes. A few retries at each beat are allowed where it can.
type loop struct {
	each   beat
	bursts beat
	burst  uint8 // attempts of the present burst
	size   int64
	seen   bool
	broken bool // the length changed
	ragged bool // a burst was too long
	log    bool
}

func (l *loop) add(atNS, size int64, log bool) {
	if !l.seen {
		l.seen, l.size, l.log = true, size, log
	}
	if size != l.size {
		l.broken = true
	}
	l.each.add(atNS)
	if l.burst > 0 && atNS-l.bursts.lastNS < burstNS {
		if l.burst++; l.burst > burstMost {
			l.ragged = true
		}
		return
	}
	l.bursts.add(atNS)
	l.burst = 1
}

// timetable returns the beat that fits all that was seen so far, nil if none
// does. Of a client that came in before (the password was changed under it)
// any even pace will do, and any pace at all if every request has one length.
func (l *loop) timetable(known bool) *beat {
	if l.broken {
		return nil
	}
	if known && l.size >= 0 {
		return &l.each
	}
	if (l.each.n == 0 || l.each.mean >= slowNS || known) && l.each.even(l.log) {
		return &l.each
	}
	if l.size >= 0 && !l.ragged && l.bursts.even(l.log) {
		return &l.bursts
	}
	return nil
}

// possible reports whether all that was seen so far fits a timetable.
func (l *loop) possible(known bool) bool { return l.timetable(known) != nil }

// certain reports whether enough was seen to say that it is one.
func (l *loop) certain(known bool) bool {
	b := l.timetable(known)
	return b != nil && (b.n >= 4 || b == &l.bursts && b.n >= 3)
}
