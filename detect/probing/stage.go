package probing

import (
	"math"
	"strings"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/objects/grow"
	"lapwing/detect/scraping/crawler"
	"lapwing/detect/state"
	"lapwing/event"
)

// Name is the name of the stage.
const Name = "probing"

const (
	maxSuspects = 65_536
	maxServed   = 16_384 // pairs of host and family
	// examinedPaths a month are looked up in the dictionary once, to learn from.
	examinedPaths = 65_536
	monthNS       = int64(30 * 24 * 3600 * 1e9)
	setBudget     = 96 << 20

	// familyRatio is how much likelier a name out of the dictionary comes from a
	// scanner, and familiesCounted bounds what such names alone may prove.
	familyRatio     = 20.0
	familiesCounted = 3

	// lasting is the number of distinct paths from which a scan is persistent.
	lasting = 12
	// networkOf clients must take part before a network is the suspect.
	networkOf   = 3
	clientsKept = 16
)

var familyBonus = math.Log(familyRatio)

// Tests by who is judged: how many of the distinct paths that they ask for are
// not there.
var (
	one = evidence.Test{P0: 0.05, P1: 0.70}
	// A network adds up the habits of strangers.
	many = evidence.Test{P0: 0.15, P1: 0.70}
	// Crawlers come back for what was there last year.
	crawling = evidence.Test{P0: 0.25, P1: 0.70}
)

// scale tells apart the kinds of suspects that share a table.
type scale uint64

const (
	bySource scale = iota + 1
	byClient
	byActor
	byNetwork
	byCluster
)

// A suspect is one principal that missed at least one path.
type suspect struct {
	score evidence.Score
	seen  grow.Set // paths that counted, for and against
	tale  *probe
}

// A Stage raises probing.
type Stage struct {
	detect.NoClose

	seed     uint64 `snapshot:"same"`
	budget   *grow.Budget
	suspects *state.Table[suspect]
	missing  *state.Table[missed]
	served   *state.Table[servedTo]
	examined *state.Filter
	watched  map[uint64]bool // clusters that were under suspicion at the last tick
	turns    map[uint64]bool // those that came under it since, or out of it
	stats    Stats
}

// Stats count what the stage did.
type Stats struct {
	Missed  int64 // requests for what is not there
	Broken  int64 // of those: broken links, not counted
	Evicted int64 // suspects forgotten for want of room
}

// New returns a stage whose table keys depend on seed.
func New(seed uint64) *Stage {
	s := &Stage{
		seed: seed, budget: grow.NewBudget(setBudget), suspects: state.NewTable[suspect](maxSuspects),
		missing: state.NewTable[missed](maxMissing), served: state.NewTable[servedTo](maxServed),
		examined: state.NewFilter(examinedPaths, monthNS), watched: map[uint64]bool{}, turns: map[uint64]bool{},
	}
	s.suspects.OnEvict(func(_ uint64, v *suspect) { v.seen.Free(s.budget) })
	return s
}

// Name implements detect.Stage.
func (s *Stage) Name() string { return Name }

// Stats returns a copy of the counters.
func (s *Stage) Stats() Stats {
	st := s.stats
	st.Evicted = s.suspects.Evicted()
	return st
}

// finding is what a call says about who made it.
type finding uint8

const (
	nothing  finding = iota
	answered         // what was asked for is there
	absent           // it is not, and nothing ever said that it was
)

func findingOf(o *detect.Observation) finding {
	c := o.Call
	there := o.Route.Standing != detect.Limbo || o.Route.Documented
	if there && c.Status == 404 && strings.HasSuffix(o.Route.Template, "}") && o.Object == nil && familyOf(c.Path) != none {
		return absent // a place that takes any name takes those of scanners too
	}
	switch st := c.Status; {
	case o.Route.SoftMissing && !there:
		return absent
	case st >= 200 && st < 300, st == 304:
		return answered
	case st == 404 || st == 405 || st == 400 || st == 403 || st == 501:
		// An object that is missing below a known route is enumeration, if
		// anything, and not judged here.
		if !there && !o.Route.Confirmed {
			return absent
		}
	}
	return nothing
}

// Observe implements detect.Stage.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) { s.observe(o, out) }

func (s *Stage) observe(o *detect.Observation, out sink) {
	c := o.Call
	if c.Method == "OPTIONS" || c.Path == "" {
		return
	}
	switch findingOf(o) {
	case answered:
		s.answered(o, out)
	case absent:
		s.absent(o, out)
	}
}

// target is the key of what was asked for. Paths that differ in typed
// identifiers alone are one: walking those is enumeration.
func (s *Stage) target(c *event.Call) uint64 {
	p := c.PathShape
	if p == "" {
		p = c.Path
	}
	k := state.Join(state.Hash(s.seed, c.Host), state.Hash(s.seed, p))
	if c.Status == 405 || c.Status == 501 || odd(c.Method) {
		k = state.Join(k, state.Hash(s.seed, c.Method))
	}
	return k
}

func (s *Stage) absent(o *detect.Observation, out sink) {
	c := o.Call
	s.stats.Missed++
	if unasked(c.Path) {
		return
	}
	referred := sameSite(c)
	if asset(c.Path) && (referred || c.Source == event.SourcePacket) {
		return
	}
	is := familyOf(c.Path)
	if is == none && odd(c.Method) {
		is = oddMethod
	}
	if is != none && s.serves(c.Host, is) {
		is = none
	}
	target := s.target(c)
	if is == none {
		if m := s.missing.Put(target, o.AtNS); m != nil && m.by(o.Client, referred) {
			s.stats.Broken++
			return
		}
	}
	weight := 1.0
	if referred {
		weight = 0.5
	}
	h := hit{o: o, target: target, is: is, weight: weight, network: s.network(c)}
	source := s.against(bySource, o.Source, target, one, &h)
	client := s.against(byClient, o.Client, state.Join(o.Actor, target), one, &h)
	var actor *suspect
	if c.Actor.Kind != event.KindClient && c.Actor.Kind != "" {
		actor = s.against(byActor, o.Actor, target, one, &h)
	}
	// What several clients of a network miss alike is one path: scanners divide
	// their lists, users of a broken app do not.
	network := s.against(byNetwork, h.network, target, many, &h)
	// Putting one in may have moved the others: look again.
	source, client, actor = s.again(bySource, o.Source, source), s.again(byClient, o.Client, client), s.again(byActor, o.Actor, actor)
	s.report(o, source, client, actor, network, out)
	s.missedBy(&h, out)
}

func (s *Stage) again(by scale, key uint64, v *suspect) *suspect {
	if v == nil {
		return nil
	}
	return s.suspects.Get(state.Join(uint64(by), key))
}

// hit is one request for what is not there.
type hit struct {
	o      *detect.Observation
	target uint64
	is     family
	weight float64

	network uint64 // of the client
}

// against counts a path against one principal, if it is new to it.
func (s *Stage) against(by scale, principal, unit uint64, test evidence.Test, h *hit) *suspect {
	key := state.Join(uint64(by), principal)
	var v *suspect
	if by == bySource || by == byClient { // one network does not fill the table with its addresses
		v, _ = s.suspects.PutOf(key, h.network, h.o.AtNS)
	} else {
		v = s.suspects.Put(key, h.o.AtNS)
	}
	if v == nil {
		return nil
	}
	if !v.seen.Add(unit, h.o.AtNS, s.budget) {
		return v
	}
	c := h.o.Call
	// Whoever only ever says to be a crawler, and asks for nothing that only
	// scanners ask for, is judged as one.
	if test == one && h.is == none && crawler.Declared(c.UserAgent) && (v.tale == nil || v.tale.test == crawling) {
		test = crawling
	}
	began := v.score.Add(test, true, h.weight)
	if began || v.tale == nil {
		v.tale = newProbe(h.o, by)
	}
	v.tale.test = test
	if v.tale.count(h) {
		v.score.AddBonus(test, familyBonus)
	}
	v.tale.score = v.score
	s.suspects.Protect(key, uint8(min(250, max(0, v.score.S*8))))
	return v
}

// answered counts a path that is there in favour of those under suspicion.
func (s *Stage) answered(o *detect.Observation, out sink) {
	c := o.Call
	source := s.suspects.Touch(state.Join(uint64(bySource), o.Source), o.AtNS)
	client := s.suspects.Touch(state.Join(uint64(byClient), o.Client), o.AtNS)
	var actor *suspect
	if c.Actor.Kind != event.KindClient && c.Actor.Kind != "" {
		actor = s.suspects.Touch(state.Join(uint64(byActor), o.Actor), o.AtNS)
	}
	network := s.suspects.Touch(state.Join(uint64(byNetwork), s.network(c)), o.AtNS)
	s.answeredTo(o, out)
	learns := o.Route.Standing == detect.Candidate || o.Route.Standing == detect.Limbo
	if !learns && source == nil && client == nil && actor == nil && network == nil {
		return
	}
	found := s.found(o, source, client, actor)
	if found {
		s.report(o, source, client, actor, network, out)
		return
	}
	if source == nil && client == nil && actor == nil && network == nil {
		return
	}
	target := s.target(c)
	s.favour(source, target, o, bySource, o.Source, out)
	s.favour(client, state.Join(o.Actor, target), o, byClient, o.Client, out)
	s.favour(actor, target, o, byActor, o.Actor, out)
	s.favour(network, state.Join(o.Client, target), o, byNetwork, s.network(c), out)
}

func (s *Stage) favour(v *suspect, unit uint64, o *detect.Observation, by scale, principal uint64, out sink) {
	if v == nil || v.score.S <= 0 || v.tale == nil || !v.seen.Add(unit, o.AtNS, s.budget) {
		return
	}
	noted := v.score.Peak >= detect.Noted
	v.score.Add(v.tale.test, false, 1)
	v.tale.score = v.score
	v.tale.found++
	if v.score.S > 0 {
		return
	}
	if noted {
		out.Acquit("probing", v.tale.entity, "")
	}
	v.tale, v.score.Peak = nil, 0
	s.suspects.Protect(state.Join(uint64(by), principal), 0)
}

// network is the key of the neighbourhood of a client: a /24, or a /48.
func (s *Stage) network(c *event.Call) uint64 {
	p, err := c.Client.Unmap().Prefix(bitsOf(c))
	if err != nil {
		return 0
	}
	b := p.Addr().As16()
	return state.Hash(s.seed, string(b[:]))
}

func bitsOf(c *event.Call) int {
	if c.Client.Is4() || c.Client.Is4In6() {
		return 24
	}
	return 48
}

// report suspects the narrowest principal that explains what was seen.
func (s *Stage) report(o *detect.Observation, source, client, actor, network *suspect, out sink) {
	best := source
	if best == nil || client != nil && client.score.S > best.score.S {
		best = client
	}
	if best == nil || best.score.S < detect.Noted {
		switch {
		case actor != nil && actor.score.S >= detect.Noted:
			best = actor
		case network != nil && network.tale != nil && len(network.tale.clients) >= networkOf:
			best = network
		}
	}
	if best == nil || best.tale == nil || best.score.S < detect.Noted {
		return
	}
	t := best.tale
	t.score = best.score
	out.Suspect(&detect.Suspicion{Detector: "probing", Entity: t.entity, StartedNS: t.startNS, Score: t.score.S, Impact: int(t.exposed), Case: t})
}

// sink is the part of detect.Output that this stage uses.
type sink interface {
	Suspect(*detect.Suspicion)
	Acquit(detector string, entity event.Entity, scope string)
	Fact(to string, key uint64, payload any)
}
