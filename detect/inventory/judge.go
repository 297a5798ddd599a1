package inventory

import (
	"math"
	"slices"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

const (
	// settleCalls on a host before its findings are told, so that the share of
	// what is described is known; the end of the input does not wait.
	settleCalls = 20
	// baselineNS is how long a host without description is learned before a
	// new endpoint is worth a word.
	baselineNS = 7 * day
	// orphanNS is how long a described operation must be silent.
	orphanNS = 30 * day
	// awakeNS keeps the incident of an endpoint that goes on being used open;
	// the engine closes it after a silent day.
	awakeNS = 12 * int64(time.Hour)
	// shadowsAloud is how many undocumented endpoints of one host are raised at
	// medium: with more, the description is what is wrong.
	shadowsAloud = 12
	// asInfo is the evidence at which an informational finding is told (10^2).
	asInfo = 2 * math.Ln10
)

// A finding is what has been said about an endpoint.
type finding struct {
	detector string
	score    float64 // natural logarithm, at the last suspicion
	impact   int
	toldNS   int64
	loud     bool // one of the shadows raised at medium or above
}

// judge looks at every endpoint that has changed since it was last judged.
func (s *Stage) judge(out *detect.Output, final bool) {
	for _, h := range s.order {
		if len(h.dirty) == 0 && !final {
			continue
		}
		if !final && h.inside+h.outside < settleCalls {
			continue
		}
		dirty := h.dirty
		h.dirty = nil
		var index map[versionKey][]versioned
		if slices.ContainsFunc(dirty, func(e *endpoint) bool { _, _, ok := versionOf(e.template); return ok && e.op == nil }) {
			index = h.versions(h.endpoints())
		}
		for _, e := range dirty {
			e.dirty = false
			if e.good == 0 || e.node == nil && e.op == nil && h.undescribed[undescribedKey{e.method, e.template}] != e {
				continue // withdrawn, or folded into another
			}
			if e.node != nil && !e.node.attached(h.root) {
				continue
			}
			s.judgeEndpoint(h, e, index, out)
			s.judgeDrift(h, e, out)
		}
		s.judgeHost(h, out)
		if h.name != pooled {
			s.judgeOrphans(h, out)
		}
	}
}

func (s *Stage) judgeEndpoint(h *host, e *endpoint, index map[versionKey][]versioned, out *detect.Output) {
	state, _ := s.stateOf(h, e, index)
	switch state {
	case event.StateShadow:
		f := e.shadowEvidence()
		quiet := h.mostlyOutside()
		if !quiet && !e.found.loud && f.natural() >= detect.Medium {
			if h.shadowsRaised >= shadowsAloud {
				quiet = true
			} else {
				h.shadowsRaised++
				e.found.loud = true
			}
		}
		s.suspect(e, "shadow_endpoint", state, f, nil, quiet && !e.found.loud, out)
	case event.StateZombie:
		next := e.successor(index)
		s.suspect(e, "zombie_endpoint", state, e.zombieEvidence(next), next, false, out)
	case event.StateNew:
		if e.first-h.first >= baselineNS && e.actors.count() >= 2 && h.name != pooled {
			s.suspect(e, "shadow_endpoint", state, e.shadowEvidence(), nil, true, out)
		}
	}
}

// suspect reports the evidence on an endpoint if it has changed, or now and
// then while the endpoint is in use. Quiet findings are informational: they
// are told once, at lower evidence.
func (s *Stage) suspect(e *endpoint, detector string, state event.State, f features, next *endpoint, quiet bool, out *detect.Output) {
	score := f.natural()
	impact := len(e.sensitive)
	threshold := detect.Medium
	if quiet {
		threshold = asInfo
	}
	if score < threshold {
		return
	}
	if e.found.detector == detector && (quiet || e.found.score == score && e.found.impact == impact) && e.last-e.found.toldNS < awakeNS {
		return
	}
	e.found.detector, e.found.score, e.found.impact, e.found.toldNS = detector, score, impact, e.last
	out.Suspect(&detect.Suspicion{
		Detector: detector, Entity: e.entity(), StartedNS: e.first, Score: score, Threshold: threshold, Impact: impact,
		Case: &endpointCase{e: e, detector: detector, state: state, features: f, next: next, quiet: quiet},
	})
}

func (e *endpoint) entity() event.Entity {
	return event.Entity{Kind: event.KindEndpoint, Value: e.method + " " + e.host.name + e.template}
}

// judgeHost says once that a host is not what its description says, and
// reports described routes where they do not belong.
func (s *Stage) judgeHost(h *host, out *detect.Output) {
	entity := event.Entity{Kind: event.KindHost, Value: h.name}
	if h.coverage == described && !h.told && h.outside >= settleCalls && h.mostlyOutside() && s.describes(h) {
		h.told = true
		out.Suspect(&detect.Suspicion{
			Detector: "shadow_endpoint", Entity: entity, Scope: "description", StartedNS: h.first,
			Score: asInfo, Threshold: asInfo, Case: &hostCase{h: h, inside: h.inside, outside: h.outside, last: h.last},
		})
	}
	if h.coverage == adopted {
		h.coverage = s.settled(h)
	}
	if h.coverage != rogue {
		return
	}
	var f features
	var routes, calls, ok int64
	var sensitive, exposed bool
	var actors distinct
	var first, last int64
	for _, e := range h.ops {
		if e.op == nil || e.ok == 0 {
			continue
		}
		routes++
		calls += e.calls
		ok += e.ok
		sensitive = sensitive || len(e.sensitive) > 0
		exposed = exposed || e.anonymous > 0
		actors.merge(&e.actors)
		if first == 0 || e.first < first {
			first = e.first
		}
		last = max(last, e.last)
	}
	if routes < known {
		return
	}
	f.add("described routes", float64(min(routes, maxRogueRoutes)), 0, lrRogueRoute)
	f.add("second actor", truth(actors.count() > 1), 0, lrSecondActor)
	f.add("sensitive data", truth(sensitive), 0, lrSensitive)
	f.add("no credential", truth(exposed), 0, lrAnonymous)
	score := f.natural()
	if score == h.rogueScore && last-h.rogueToldNS < awakeNS {
		return
	}
	h.rogueScore, h.rogueToldNS = score, last
	out.Suspect(&detect.Suspicion{
		Detector: "shadow_endpoint", Entity: entity, Scope: "rogue", StartedNS: first, Score: score, Impact: int(truth(sensitive)),
		Case: &hostCase{h: h, rogue: true, features: f, routes: routes, calls: calls, ok: ok, actors: actors.count(),
			sensitive: sensitive, exposed: exposed, first: first, last: last},
	})
}

// judgeOrphans says once which described operations were silent for 30 days.
func (s *Stage) judgeOrphans(h *host, out *detect.Output) {
	if h.orphansTold || h.last-h.first < orphanNS || h.coverage != described && h.coverage != adopted || !s.describes(h) {
		return
	}
	seen := map[operationKey]bool{}
	for _, other := range s.order {
		for _, e := range other.ops {
			if e.op != nil && e.good > 0 {
				seen[operationKey{e.op.Spec(), e.op.Group}] = true
			}
		}
	}
	silent := int64(0)
	first := ""
	for _, row := range s.orphans(seen) {
		if row.Host == h.name {
			if silent++; first == "" {
				first = row.Method + " " + row.Route
			}
		}
	}
	if silent == 0 {
		return
	}
	h.orphansTold = true
	out.Suspect(&detect.Suspicion{
		Detector: "orphan_endpoint", Entity: event.Entity{Kind: event.KindHost, Value: h.name}, StartedNS: h.first,
		Score: asInfo, Threshold: asInfo, Case: &orphanCase{h: h, silent: silent, example: first, first: h.first, last: h.last},
	})
}
