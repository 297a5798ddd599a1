package distributed

import (
	"math"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/login"
	"lapwing/detect/series"
	"lapwing/event"
)

// A campaign is one attack on an endpoint by many sources. It implements
// detect.Case.
type campaign struct {
	detector string
	rounds   *rounds // set when later rounds show that it is spraying
	entity   event.Entity
	kind     kind
	label    string
	endpoint event.EndpointRef

	score     evidenceOf // the strongest seen
	fromNS    int64      // bracket of that
	startedNS int64
	lastNS    int64
	risenNS   int64 // last time that there was evidence
	cold      bool

	attempts, failures, nobody int64
	came, entered              int64 // strangers who came in, and those that are taken for the attack's
	accounts, clients          int64
	names                      []string
	secrets                    evidence.Lengths
	programs                   []participant
	samples                    evidence.Samples
}

const (
	stuffing = "credential_stuffing"
	spraying = "password_spraying"
)

// rounds tell what a campaign that was told as stuffing turned out to be.
type rounds struct{ *campaign }

// Alert tells the campaign under its other name.
func (c *rounds) Alert() event.Alert { return c.tell(spraying) }

// evidenceOf is what a test said, and what it stands on.
type evidenceOf struct {
	cusum    series.Cusum
	test     series.Test
	late     bool
	forecast float64
	ceiling  float64
	share    estimate
}

// A participant is a bin with its share of the attack.
type participant struct {
	kind  kind
	label string
	share estimate
}

// An estimate is a share with its 95 % interval.
type estimate struct{ value, low, high float64 }

// shareOf estimates how much of the attempts in a bin are the attack's: of
// the ordinary outcomes that its forecast promises, the part that is missing,
// 1 - (ordinary share now)/(ordinary share before) (Herley and Schechter 2019).
// The interval is Wilson's for the share of failures.
func shareOf(count, exposure, forecast float64) estimate {
	if exposure <= 0 || forecast >= 1 {
		return estimate{0, 0, 1}
	}
	const z = 1.96
	p := min(1, count/exposure)
	mid := (p + z*z/(2*exposure)) / (1 + z*z/exposure)
	half := z * math.Sqrt(p*(1-p)/exposure+z*z/(4*exposure*exposure)) / (1 + z*z/exposure)
	attack := func(u float64) float64 { return max(0, min(1-(1-u)/(1-forecast), 1)) }
	return estimate{attack(p), attack(mid - half), attack(min(1, mid+half))}
}

func (b *bin) evidence() evidenceOf {
	c, t, s := b.best()
	return evidenceOf{
		cusum: *c, test: t, late: s == b.late, forecast: s.Forecast(), ceiling: s.Ceiling(),
		share: shareOf(float64(c.Count), float64(c.Exposure), s.Forecast()),
	}
}

// excess is how many attempts are more than forecast.
func (e *evidenceOf) excess() float64 {
	return float64(e.cusum.Count) - e.forecast*float64(e.cusum.Exposure)
}

// participantFrom attempts, and a share of at least a half, make a bin one that
// takes part.
const participantFrom = 20

func (e *evidenceOf) participates() bool {
	return e.cusum.Exposure >= participantFrom && e.share.low > 0.5
}

// closeNS without evidence ends a campaign.
const closeNS = dayNS

// weigh looks at the bins of a place that there is evidence against, and tells
// of a campaign if one is due.
func (s *Stage) weigh(p *place, nowNS int64, out *detect.Output) {
	if p.open != nil && nowNS-p.open.risenNS >= closeNS {
		p.open = nil
	}
	if len(p.suspects) == 0 {
		return
	}
	var list []*bin
	var all *bin
	for _, key := range p.suspects {
		b := s.bins.Get(key)
		if b == nil || b.story == nil {
			continue
		}
		if c, _, _ := b.best(); c.S < weighs {
			continue
		}
		list = append(list, b)
		if b.kind == everything {
			all = b
		}
	}
	passing := p.strongest(list)
	if passing == nil {
		return
	}
	if p.open == nil {
		p.open = newCampaign(p, p.explains(list, passing, all))
	}
	c := p.open
	out.Fact(login.For, PlaceKey(s.cfg.Seed, c.endpoint), Told{})
	told := passing
	for _, b := range list { // what it was opened about, while that still is a suspect
		if b.kind == c.kind && b.label == c.label {
			told = b
		}
	}
	c.take(told, passing, list, nowNS)
	out.Suspect(&detect.Suspicion{
		Detector: c.detector, Entity: c.entity, Scope: "distributed " + c.endpoint.Host + c.endpoint.Route, StartedNS: c.startedNS,
		Score: float64(c.score.cusum.S), Threshold: detect.Medium, Impact: c.impact(), Case: c,
	})
	if c.rounds == nil && c.detector == stuffing && told.story.inRounds() {
		c.rounds = &rounds{c}
	}
	if c.rounds != nil {
		out.Suspect(&detect.Suspicion{
			Detector: spraying, Entity: c.entity, Scope: "distributed " + c.endpoint.Host + c.endpoint.Route, StartedNS: c.startedNS,
			Score: float64(c.score.cusum.S), Threshold: detect.Medium, Impact: c.impact(), Case: c.rounds,
		})
	}
}

// strongest returns the bin that is furthest above its level, nil if none is.
func (p *place) strongest(list []*bin) (best *bin) {
	for _, b := range list {
		c, _, _ := b.best()
		if float64(c.S) >= p.level(b.kind) && b.story.distributed() && (best == nil || p.byEvidence(b, best) < 0) {
			best = b
		}
	}
	return best
}

// concentrated is how much more of the rise than of the logins a bin must have
// to explain it.
const concentrated = 2.5

// explains returns the bin that a campaign is named after: the program, else
// the agent or network, that has at least half of the rise, and two and a half
// times the part of it that it has of the logins. If there is none, it is everything.
func (p *place) explains(list []*bin, passing, all *bin) *bin {
	whole := passing
	if all != nil {
		whole = all
	}
	e := whole.evidence()
	pe := passing.evidence()
	rise, logins := max(e.excess(), pe.excess()), whole.late.Exposure()
	best := whole
	for _, b := range list {
		if b.kind == everything || b.kind == rare && passing.kind != rare || b.kind > best.kind && best != whole {
			continue
		}
		e := b.evidence()
		if e.excess() < rise/2 || b != whole && e.excess()/rise < concentrated*b.late.Exposure()/max(1, logins) {
			continue
		}
		if best == whole || b.kind < best.kind || p.byEvidence(b, best) < 0 {
			best = b
		}
	}
	return best
}

func newCampaign(p *place, b *bin) *campaign {
	c := &campaign{kind: b.kind, label: b.label, endpoint: p.ref, detector: stuffing}
	if e := b.evidence(); b.story.spraying(e.share.low > 0.5) {
		c.detector = spraying
	}
	switch b.kind {
	case program, agent:
		c.entity = event.Entity{Kind: event.KindCluster, Value: b.label}
	case network:
		c.entity = event.Entity{Kind: event.KindNetwork, Value: b.label}
	default:
		c.entity = event.Entity{Kind: event.KindEndpoint, Value: p.ref.Method + " " + p.ref.Host + p.ref.Route}
	}
	return c
}

// take brings a campaign up to date: the story of the bin it is about, the
// strongest evidence so far, and who takes part.
func (c *campaign) take(b, passing *bin, list []*bin, nowNS int64) {
	c.risenNS = nowNS
	e := b.evidence()
	if float64(e.cusum.S) < detect.Medium { // what it is about is explained by something wider
		e = passing.evidence()
	}
	if e.cusum.S >= c.score.cusum.S {
		c.score = e
	}
	t, s := b.evidence(), b.story
	if from, _ := b.bracket(); from != 0 && (c.fromNS == 0 || from < c.fromNS) {
		c.fromNS = from
	}
	if c.startedNS == 0 {
		c.startedNS = s.startedNS
	}
	c.lastNS = max(c.lastNS, s.lastNS)
	c.cold = b.late.Cold()
	if s.attempts >= c.attempts {
		c.attempts, c.failures, c.nobody = s.attempts, s.failures, s.nobody
		c.accounts, c.clients = min(s.attempts, int64(math.Round(s.accounts.Count()))), min(s.attempts, int64(math.Round(s.clients.Count())))
		c.secrets, c.samples = s.secrets, s.samples.Copy()
	}
	c.came = max(c.came, s.entered)
	if t.participates() && float64(s.attempts) >= theirs*float64(t.cusum.Exposure) {
		c.entered, c.names = s.entered, append(c.names[:0], s.names...)
	}
	c.programs = c.programs[:0]
	for _, o := range list {
		if oe := o.evidence(); o.kind != everything && oe.participates() && len(c.programs) < mostParticipants {
			c.programs = append(c.programs, participant{o.kind, o.label, oe.share})
		}
	}
}

const (
	// mostParticipants are named.
	mostParticipants = 12
	// theirs is the part of a bin's logins that must be by strangers before those
	// of them who came in are taken for the attack's. Where people log in as well,
	// some of them do so from a new phone: of an attack that makes four fifths of
	// the logins, and is right once in a hundred, they are the greater part.
	theirs = 0.9
)

func (b *bin) bracket() (fromNS, toNS int64) {
	_, t, s := b.best()
	return s.Bracket(t)
}

func (c *campaign) impact() int { return int(min(c.entered, math.MaxInt32)) }
