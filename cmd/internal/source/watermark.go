package source

import (
	"math"

	"lapwing/event"
)

// Watermarks keeps the time of every source and says how far all of them are.
// It is used by one goroutine.
type Watermarks struct {
	low map[string]int64
}

// Expect has everybody wait for a source that has not spoken yet.
func (w *Watermarks) Expect(source string) { w.Heartbeat(event.Heartbeat{Source: source}) }

// Heartbeat takes what a source says of its time.
func (w *Watermarks) Heartbeat(h event.Heartbeat) {
	if h.Retired {
		delete(w.low, h.Source)
		return
	}
	if w.low == nil {
		w.low = map[string]int64{}
	}
	w.low[h.Source] = max(w.low[h.Source], h.LowNS)
}

// LowNS is the event time that every source has passed; 0 if none has spoken.
func (w *Watermarks) LowNS() int64 {
	low := int64(math.MaxInt64)
	for _, ns := range w.low {
		low = min(low, ns)
	}
	if low == math.MaxInt64 {
		return 0
	}
	return low
}
