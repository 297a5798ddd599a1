package objects

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/event"
)

// A place is where identifiers stand: an operation and, for texts, its names.
type place struct {
	param  uint64
	host   string
	method string
	route  string
	entity event.Entity
}

// A story is what an alert quotes: it begins when the score leaves zero and
// ends when it returns there.
type story struct {
	at      place
	startNS int64
	lastNS  int64
	samples evidence.Samples
	test    evidence.Test
	score   evidence.Score

	objects   int64 // distinct objects that counted against the actor
	read      int64 // of those: answered with success
	denied    int64 // 401, 403
	missing   int64 // 404 and its like
	sensitive map[string]bool
	cold      bool
}

func newStory(at place, nowNS int64) *story { return &story{at: at, startNS: nowNS, lastNS: nowNS} }

// count takes one object that speaks against the actor.
func (s *story) count(ok, missing bool, nowNS int64) {
	s.objects++
	s.lastNS = max(s.lastNS, nowNS)
	switch {
	case ok:
		s.read++
	case missing:
		s.missing++
	default:
		s.denied++
	}
}

func (s *story) sawSensitive(classes []string) {
	for _, c := range classes {
		if s.sensitive == nil {
			s.sensitive = make(map[string]bool)
		}
		if len(s.sensitive) < 16 { // there are not more classes than that
			s.sensitive[c] = true
		}
	}
}

// alert fills what both detectors of this package have in common.
func (s *story) alert(detector string) event.Alert {
	a := event.Alert{
		Detector: detector, RuleVersion: 1,
		StartedAt: time.Unix(0, s.startNS).UTC(), LastSeenAt: time.Unix(0, s.lastNS).UTC(),
		Entity:   s.at.entity,
		Endpoint: event.EndpointRef{Host: s.at.host, Method: s.at.method, Route: s.at.route},
		Outcome:  event.OutcomeBlocked,
		Counts: map[string]int64{
			"objects": s.objects, "read": s.read, "denied": s.denied, "not_found": s.missing, "seconds": (s.lastNS - s.startNS) / int64(time.Second),
		},
		Evidence: event.Evidence{ScoreLog10: evidence.Log10(s.score.S), Calls: s.samples.Calls()},
		Hunt: fmt.Sprintf("%s:%s%s route:%q since:%s", s.at.entity.Kind, s.at.entity.Value, evidence.HuntHost(s.at.host), s.at.route,
			time.Unix(0, s.startNS).UTC().Format(time.RFC3339)),
	}
	if s.read > 0 {
		a.Outcome = event.OutcomeSucceeded
	}
	if s.cold {
		a.Flags = append(a.Flags, "cold")
	}
	return a
}

// outcome words how the answers were, by the counts of the alert.
func (s *story) outcome() string {
	var parts []string
	for _, p := range []struct {
		n    int64
		text string
	}{{s.read, "%d were read"}, {s.denied, "%d were refused"}, {s.missing, "%d were not found"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf(p.text, p.n))
		}
	}
	return strings.Join(parts, ", ")
}

// placeOf names where a call stands and who made it. The strings are shared
// with the call, which is immutable.
func placeOf(o *detect.Observation, param uint64) place {
	c := o.Call
	route := o.Route.Template
	if route == "" {
		route = c.PathShape
	}
	if route == "" {
		route = c.Path
	}
	return place{param: param, host: c.Host, method: c.Method, route: route, entity: entityOf(c)}
}

func entityOf(c *event.Call) event.Entity {
	if c.Actor.Kind != "" && c.Actor.Kind != event.KindClient {
		return event.Entity{Kind: c.Actor.Kind, Value: c.Actor.Value}
	}
	if c.Client.IsValid() {
		return event.Entity{Kind: event.KindClient, Value: c.Client.String()}
	}
	return event.Entity{Kind: event.KindClient, Value: cmp.Or(c.Actor.Value, "unknown")}
}
