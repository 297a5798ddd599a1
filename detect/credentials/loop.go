package credentials

import "math"

const (
	// slowNS separates machines that repeat themselves on a timetable from
	// tools that guess as fast as they may.
	slowNS = float64(10e9)
	// steady is the relative deviation of a timetable's intervals.
	steady = 0.05
	// logTickNS is the deviation that times of whole seconds bring along.
	logTickNS = float64(600e6)
)

// A loop tells a client that repeats one wrong credential on a timetable (a
// monitor, a service whose password expired) from one that tries several: its
// intervals are even and long, and where the length of the request can be
// seen, it never changes.
type loop struct {
	lastNS int64
	size   int64
	n      uint32 // intervals
	broken bool
	log    bool
	mean   float64 // of the intervals, ns
	m2     float64
}

func (l *loop) add(atNS, size int64, log bool) {
	if l.lastNS == 0 {
		l.lastNS, l.size, l.log = atNS, size, log
		return
	}
	if size != l.size {
		l.broken = true
	}
	if atNS < l.lastNS {
		return // recognised late: its order is lost
	}
	d := float64(atNS - l.lastNS)
	l.lastNS = atNS
	if l.n >= 8 && d > 1.5*l.mean && d < 20*l.mean {
		// A beat that was missed: what counts is that the rest is even.
		d /= math.Round(d / l.mean)
	}
	l.n++
	delta := d - l.mean
	l.mean += delta / float64(l.n)
	l.m2 += delta * (d - l.mean)
}

// possible reports whether all that was seen so far fits a timetable.
// Of a client that came in before (the password was changed under it) any even
// pace will do.
func (l *loop) possible(known bool) bool {
	if l.broken {
		return false
	}
	if l.n == 0 {
		return true
	}
	if l.mean < slowNS && !known {
		return false
	}
	limit := steady * l.mean
	if l.log {
		limit = max(limit, logTickNS)
	}
	return math.Sqrt(l.m2/float64(l.n)) <= limit
}

// certain reports whether enough was seen to say that it is one.
func (l *loop) certain(known bool) bool { return l.n >= 4 && l.possible(known) }
