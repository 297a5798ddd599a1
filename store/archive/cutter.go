package archive

import "time"

// Limits say where a batch ends. They are part of what the log means: two
// archivers of one topic must hold the same ones, or their batches overlap and
// the later is refused. The zero value is DefaultLimits.
type Limits struct {
	Window  time.Duration // of record time
	Calls   int           // calls, repetitions included
	Bytes   int           // of message values
	Records int           // messages: the bound when they hold no calls
}

// DefaultLimits make about one insert in two seconds for each partition, and
// bound what a partition holds in memory: 32 MiB of records grow to some 200
// MiB when they are decoded.
var DefaultLimits = Limits{Window: 2 * time.Second, Calls: 100_000, Bytes: 32 << 20, Records: 16_384}

// A Cutter finds the bounds of batches in one partition. What it answers
// depends only on the messages since the last cut, so that whoever begins at a
// bound finds all later ones where everybody finds them.
//
// A batch is a maximal run of messages of which the running maximum of their
// times, counted from its first message, stays in one window, and which stays
// within the other limits. Times that fall back do not cut: they would in turn
// with every message of a slower clock.
type Cutter struct {
	limits  Limits
	open    bool
	latest  time.Time
	window  int64
	calls   int
	bytes   int
	records int
}

// NewCutter returns a cutter that stands at a bound.
func NewCutter(limits Limits) *Cutter {
	if limits == (Limits{}) {
		limits = DefaultLimits
	}
	return &Cutter{limits: limits}
}

// Add takes the next message, and reports whether it begins a new batch: the
// one before it is then complete. The first message after a bound begins none.
func (c *Cutter) Add(at time.Time, calls, bytes int) (cut bool) {
	if c.open {
		latest := c.latest
		if at.After(latest) {
			latest = at
		}
		cut = c.windowOf(latest) != c.window || c.calls+calls > c.limits.Calls ||
			c.bytes+bytes > c.limits.Bytes || c.records+1 > c.limits.Records
		if !cut {
			c.latest = latest
			c.calls, c.bytes, c.records = c.calls+calls, c.bytes+bytes, c.records+1
			return false
		}
	}
	c.open, c.latest, c.window = true, at, c.windowOf(at)
	c.calls, c.bytes, c.records = calls, bytes, 1
	return cut
}

// windowOf numbers windows by flooring, so that times before 1970 have windows
// as wide as all others.
func (c *Cutter) windowOf(at time.Time) int64 {
	const milli = int64(time.Millisecond)
	width := max(1, int64(c.limits.Window)/milli)
	ms := at.UnixMilli()
	w := ms / width
	if ms%width < 0 {
		w--
	}
	return w
}
