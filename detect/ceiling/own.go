package ceiling

import "lapwing/detect/evidence"

const (
	ownDays   = 7
	ownEvents = 1000
	// weekly is what an actor's own ceiling may grow by in a week, so that nobody
	// lifts it along with himself.
	weekly = 1.5
)

// An Own is the history of one actor that does by profession what others do by
// mistake: a support desk, a job with many misses. After a week and a thousand
// events it is judged by its own busiest day where that is above its cohort. Its
// zero value is ready; it takes 40 bytes.
type Own struct {
	day     int32 // number of the day under way
	days    int32 // that taught
	hits    float32
	events  float32
	tainted bool
	all     float32 // events ever that taught
	peak    float32 // highest daily rate: the 99th percentile of a hundred days
	allowed float32 // what the peak may be by now
}

// Add takes an event of the day (any count of days), and whether there is
// evidence against the actor above half of what alerts: then this day teaches
// nothing.
func (o *Own) Add(day int64, hit bool, weight float64, evidence bool) {
	if int32(day) != o.day {
		o.end(int32(day))
	}
	o.tainted = o.tainted || evidence
	o.events += float32(weight)
	if hit {
		o.hits += float32(weight)
	}
}

// leastDaily is how many events make a daily rate.
const leastDaily = 20

func (o *Own) end(day int32) {
	if !o.tainted && o.events > 0 {
		o.days++
		o.all += o.events
		if o.events >= leastDaily {
			rate := o.hits / o.events
			switch {
			case o.allowed == 0:
				o.peak, o.allowed = rate, max(rate, 0.01)
			default:
				o.peak = max(o.peak, min(rate, o.allowed))
			}
			if o.days%ownDays == 0 {
				o.allowed = max(o.allowed, weekly*o.peak)
			} else if o.days < ownDays {
				o.allowed = max(o.allowed, rate)
			}
		}
	}
	o.day, o.hits, o.events, o.tainted = day, 0, 0, false
}

// Test returns the actor's own test if it has earned one above t, else t.
func (o *Own) Test(t evidence.Test, b Bounds) evidence.Test {
	if o.days < ownDays || o.all < ownEvents || float64(o.peak) <= t.P0 {
		return t
	}
	return testOf(float64(o.peak), b)
}
