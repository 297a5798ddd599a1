package alerting

import (
	"time"

	"lapwing/event"
)

const (
	// updateEvery and updatesADay bound how often a running incident is told of
	// again: a person who read it needs no ticker.
	updateEvery = time.Hour
	updatesADay = 3
)

// due decides what a destination is to be told after an incident changed, and
// notes it; "" is nothing. force asks for kinds a person caused.
func (t *tracked) due(r *Route, c change, now time.Time) Kind {
	name := r.Destination.Name()
	know, was := t.Told[name]
	if c.ended {
		return t.end(name)
	}
	if t.State == StateResolved || t.SilencedBy != "" || c.silent || t.Severity < r.MinSeverity {
		return ""
	}
	switch {
	case !was || !know.Open || c.reopened:
		t.note(name, told{Severity: t.Severity, At: now, Open: true, Updates: know.Updates})
		return KindOpen
	case t.Severity > know.Severity:
		know.Severity, know.At = t.Severity, now
		t.note(name, know)
		return KindSeverity
	case t.State == StateAcknowledged || now.Sub(know.At) < updateEvery:
		return ""
	}
	recent := know.Updates[:0:0]
	for _, at := range know.Updates {
		if now.Sub(at) < 24*time.Hour {
			recent = append(recent, at)
		}
	}
	if len(recent) >= updatesADay {
		return ""
	}
	know.At, know.Updates = now, append(recent, now)
	t.note(name, know)
	return KindUpdate
}

// end tells a destination of the end of what it was told the beginning of,
// silenced or not: nobody shall wait for an end that came.
func (t *tracked) end(name string) Kind {
	know := t.Told[name]
	if !know.Open {
		return ""
	}
	know.Open, know.Severity = false, event.Info
	t.note(name, know)
	return KindResolved
}

func (t *tracked) note(name string, k told) {
	if t.Told == nil {
		t.Told = map[string]told{}
	}
	t.Told[name] = k
}
