package detecting

import (
	"math"
	"time"

	"lapwing/event"
)

const second = int64(time.Second)

const (
	// unspoken is the time of a source in a partition where it has not been heard of.
	unspoken = math.MinInt64
	// gone is the time of a source that has retired: nobody waits for it.
	gone = math.MaxInt64
	// maxSources bounds what sensors can name; beyond it a new source is not waited for.
	maxSources = 10_000
)

// A sourceName is a source of one sensor.
type sourceName struct{ sensor, source string }

// A clock keeps the time of every source in every partition, and says how far
// all of them are. Sensors speak in all partitions, so a source that was heard
// of in one is waited for in all: how far the partitions' readers are apart
// does not matter.
type clock struct {
	partitions int `snapshot:"same"`
	sources    map[sourceName][]int64
	targetNS   int64 // a whole second; 0 before the first source
	blocking   int   // cells below targetNS
	lowNS      int64 // as of the last time that no cell was blocking
	spoken     bool  // some source was heard of
	Refused    int64 // sources that were not taken for want of room
}

func newClock(partitions int) *clock {
	return &clock{partitions: partitions, sources: map[sourceName][]int64{}}
}

// expect has the clock wait for a sensor that has not spoken yet.
func (c *clock) expect(sensor string) { c.row(sourceName{sensor: sensor}) }

// row returns the cells of a source, nil if there is no room for it.
func (c *clock) row(name sourceName) []int64 {
	cells, ok := c.sources[name]
	if ok {
		return cells
	}
	if len(c.sources) >= maxSources {
		c.Refused++
		return nil
	}
	cells = make([]int64, c.partitions)
	for p := range cells {
		cells[p] = unspoken
	}
	c.sources[name] = cells
	c.blocking += c.partitions
	return cells
}

func (c *clock) set(cells []int64, p int, ns int64) {
	was := cells[p]
	cells[p] = ns
	switch {
	case was < c.targetNS && ns >= c.targetNS:
		c.blocking--
	case was >= c.targetNS && ns < c.targetNS:
		c.blocking++
	}
}

// heartbeat takes what a sensor says of the time of a source in a partition.
func (c *clock) heartbeat(p int, sensor string, h event.Heartbeat) {
	c.spoken = true
	if first, ok := c.sources[sourceName{sensor: sensor}]; ok && h.Source != "" { // it was expected, and here it is
		c.set(first, p, gone)
	}
	cells := c.row(sourceName{sensor, h.Source})
	if cells == nil {
		return
	}
	switch {
	case h.Retired:
		c.set(cells, p, gone)
	case cells[p] == gone: // it is back
		c.set(cells, p, h.LowNS)
	default:
		c.set(cells, p, max(cells[p], h.LowNS))
	}
}

// retire stops waiting for a source in a partition, unless it has spoken since
// its time was lowNS. It reports whether it was waited for.
func (c *clock) retire(p int, name sourceName, lowNS int64) bool {
	cells, ok := c.sources[name]
	if !ok || cells[p] > lowNS {
		return false
	}
	c.set(cells, p, gone)
	return true
}

// advance returns the time up to which everything is known, and true if it has
// moved. Its cost is a step for all but one record in a second of event time.
func (c *clock) advance() (lowNS int64, moved bool) {
	if c.blocking > 0 || len(c.sources) == 0 {
		return c.lowNS, false
	}
	low := int64(gone)
	for name, cells := range c.sources {
		retired := true
		for _, ns := range cells {
			low = min(low, ns)
			retired = retired && ns == gone
		}
		if retired { // forgotten until it speaks again
			delete(c.sources, name)
		}
	}
	if low == gone { // nobody is left to say that time goes on
		low = c.lowNS
	}
	moved = low > c.lowNS
	c.lowNS = max(c.lowNS, low)
	c.targetNS = c.lowNS - ((c.lowNS%second)+second)%second + second
	c.blocking = 0
	for _, cells := range c.sources {
		for _, ns := range cells {
			if ns < c.targetNS {
				c.blocking++
			}
		}
	}
	return c.lowNS, moved
}

// finished reports that sources were heard of, and all have retired in all
// partitions.
func (c *clock) finished() bool {
	for _, cells := range c.sources {
		for _, ns := range cells {
			if ns != gone {
				return false
			}
		}
	}
	return c.spoken
}

// A cell is a source in one partition.
type cell struct {
	name      sourceName
	partition int
	lowNS     int64
}

// holding calls fn for each cell that time waits for.
func (c *clock) holding(fn func(cell)) {
	if c.blocking == 0 {
		return
	}
	for name, cells := range c.sources {
		for p, ns := range cells {
			if ns < c.targetNS {
				fn(cell{name, p, ns})
			}
		}
	}
}
