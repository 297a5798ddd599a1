package tokens

import (
	"fmt"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/detect/tell"
	"lapwing/event"
)

// kept tests whether a login keeps the session that was there before it: a
// session must be renewed when its privileges change (OWASP Session Management
// Cheat Sheet), or whoever planted it is logged in too.
var kept = evidence.Test{P0: 0.10, P1: 0.90}

// An endpoint counts logins under a session.
type endpoint struct {
	score     evidence.Score
	startedNS int64
	open      *unchanged
}

// underSession is a login with a session cookie.
type underSession struct {
	kept   bool
	ref    event.EndpointRef
	sample event.CallSample
}

func (s *Stage) loggedIn(o *detect.Observation, out *detect.Output) {
	ref := tell.Endpoint(o)
	key := o.Route.Key
	if key == 0 {
		key = state.Hash(s.cfg.Seed, tell.Where(ref))
	}
	out.Fact(For, key, underSession{kept: !o.Call.Flags.Has(event.FlagMinted), ref: ref, sample: event.SampleOf(o.Call)})
}

// keptLogins are enough to say that an endpoint keeps sessions.
const keptLogins = 20

func (s *Stage) countUnchanged(f *detect.Fact, p *underSession, out *detect.Output) {
	e := s.endpoints.Put(f.Key, f.AtNS)
	if e == nil {
		return
	}
	if e.score.Add(kept, p.kept, 1) || e.open == nil {
		e.startedNS, e.open = f.AtNS, &unchanged{ref: p.ref}
	}
	e.open.samples.AddSample(p.sample, 1)
	e.open.score, e.open.startedNS, e.open.lastNS = e.score, e.startedNS, f.AtNS
	if e.score.S < detect.Medium || e.score.Hits < keptLogins {
		return
	}
	out.Suspect(&detect.Suspicion{Detector: detectorName, Entity: e.open.entity(), Scope: "unchanged", StartedNS: e.startedNS, Score: e.score.S, Case: e.open})
}

// An unchanged case is a finding: sessions survive the login. It implements
// detect.Case.
type unchanged struct {
	ref       event.EndpointRef
	score     evidence.Score
	startedNS int64
	lastNS    int64
	samples   evidence.Samples
}

func (c *unchanged) entity() event.Entity {
	return event.Entity{Kind: event.KindEndpoint, Value: tell.Where(c.ref)}
}

// Alert tells the case.
func (c *unchanged) Alert() event.Alert {
	n, changed := int64(c.score.Hits), int64(c.score.Misses)
	a := event.Alert{
		Detector: detectorName, Severity: event.Info, Outcome: event.OutcomeUnknown,
		Title:     "Sessions survive the login at " + tell.Where(c.ref),
		Summary:   fmt.Sprintf("%d of %d logins at %s went on under the session that was there before", n, n+changed, tell.Where(c.ref)),
		StartedAt: tell.At(c.startedNS), LastSeenAt: tell.At(c.lastNS), Entity: c.entity(), Endpoint: c.ref,
		Counts:   map[string]int64{"kept": n, "logins": n + changed},
		NextStep: "Hand out a new session when somebody logs in, and end the old one: whoever plants a session would be logged in too.",
		Benign:   []event.Hypothesis{{Hypothesis: "the new session is in an answer that was not seen", Against: "calls after the login go on with the old one or are not told apart; look at one of the calls"}},
		Tags:     event.Tags{OWASP: []string{"API2:2023"}, Attack: []string{"T1550.004"}},
		Hunt:     tell.Hunt(c.entity(), c.ref, c.startedNS),
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(c.score.S), Features: c.score.Features(kept, "sessions_kept", "sessions_renewed", ""), Calls: c.samples.Calls()}
	return a
}
