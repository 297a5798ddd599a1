package usercheck

import (
	"math"
	"net/netip"
	"strconv"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/detect/tell"
	"lapwing/event"
)

const (
	// For is the name of this stage.
	For = "usercheck"

	dayNS      = int64(24 * 60 * 60 * 1e9)
	distinctNS = 30 * dayNS
	goodNS     = 45 * dayNS

	// remember is the evidence from which calls are kept to quote.
	remember = detect.Noted / 2
	// programThreshold is what a program over all addresses must pass: there are
	// many programs, each with its own chance of a false alarm (12 + ln 200).
	programThreshold = 17.3
	// Clients that must share the blame before a network or a program is a
	// suspect by itself.
	networkClients, programClients = 3, 5
)

// Config bounds a Stage. Its zero value is usable.
type Config struct {
	Seed      uint64 // of the hashes behind table keys; from the deployment key
	Clients   int    // addresses, and as many programs behind them; 0: 32,768
	Groups    int    // networks and programs; 0: 16,384
	Endpoints int    // places of questions whose answers are learned; 0: 512
	Distinct  int    // (place, identifier) pairs in 30 days; 0: 524,288
	Accounts  int    // accounts that came in, in 45 days; 0: 524,288
}

// A Stage judges questions. It implements detect.Stage.
type Stage struct {
	detect.NoClose
	cfg       Config                    `snapshot:"same"`
	clients   *state.Table[client]      // by address
	sources   *state.Table[track]       // by address and fingerprint
	groups    *state.Table[group]       // by network, by program
	lookups   *state.Table[bool]        // by route: is it a look-up
	distinct  *state.Filter             // (place, identifier) counted already
	good      *state.Filter             // accounts that came in
	asked     *state.Filter             // (endpoint, account, answer) counted already
	endpoints *state.Table[endpoint]    // what is being learned
	oracles   *state.Table[oracleModel] // what is in force, as of the last tick
	dirty     []uint64                  // endpoints that learned something in this tick
	joins     detect.Payloads[joined]   `snapshot:"-"`
	tries     detect.Payloads[tried]    `snapshot:"-"`
}

type client struct {
	track
	address netip.Addr
}

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Clients = def(cfg.Clients, 32768)
	cfg.Groups = def(cfg.Groups, 16384)
	cfg.Endpoints = def(cfg.Endpoints, 512)
	cfg.Distinct = def(cfg.Distinct, 1<<19)
	cfg.Accounts = def(cfg.Accounts, 1<<19)
	return &Stage{
		cfg: cfg, clients: state.NewTable[client](cfg.Clients), sources: state.NewTable[track](cfg.Clients), groups: state.NewTable[group](cfg.Groups),
		lookups: state.NewTable[bool](4096), distinct: state.NewFilter(cfg.Distinct, distinctNS), good: state.NewFilter(cfg.Accounts, goodNS),
		asked: state.NewFilter(cfg.Distinct/2, distinctNS), endpoints: state.NewTable[endpoint](cfg.Endpoints), oracles: state.NewTable[oracleModel](cfg.Endpoints),
	}
}

func def(v, otherwise int) int {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Name returns For.
func (s *Stage) Name() string { return For }

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any { return []any{(*checking)(nil), (*oracle)(nil)} }

// joined is a question on its way to a group.
type joined struct {
	question
	level  uint64
	client uint64
	needs  int
	entity event.Entity
	ref    event.EndpointRef
	sample event.CallSample
}

// Observe judges the question that a call is, for its client, and passes it on
// to what is judged over clients.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	if o.Login == nil && o.Call.Account == "" && len(o.Call.IDs) == 0 {
		return
	}
	q, ok := s.ask(o)
	if !ok {
		return
	}
	ref := tell.Endpoint(o)
	sample := event.SampleOf(o.Call)
	if q.account {
		p := s.tries.New()
		*p = tried{question: q, endpoint: s.endpoint(o), ref: ref, sample: sample}
		out.Fact(For, q.target, p)
	}
	if o.Explained && q.kind == kindLogin {
		return // a list of stolen names is tried, of which most are unknown to any one site
	}
	entity := event.Entity{Kind: event.KindClient, Value: sample.Client}
	score := 0.0
	if src := s.source(o, &q); src != nil {
		novel := s.novel(&q, state.Join(o.Source, q.target), o.AtNS)
		src.add(&q, o.AtNS, novel)
		src.quote(entity, ref, sample, &q)
		s.sources.Protect(o.Source, src.protection())
		score = src.suspect(detect.Medium, 1, out)
	}
	if c := s.client(o, &q); c != nil {
		c.address = o.Call.Client
		novel := s.novel(&q, state.Join(o.Client, q.target+1), o.AtNS)
		c.add(&q, o.AtNS, novel)
		c.quote(entity, ref, sample, &q)
		s.clients.Protect(o.Client, c.protection())
		own := score
		if whole, _ := c.best(); whole > own { // else the program behind the address answers for it
			score = c.suspect(detect.Medium, 1, out)
		}
	}
	if score >= detect.Noted {
		return // what one suspect does is not held against those around it
	}
	if p := tell.Prefix(o.Call.Client); p.IsValid() {
		a := p.Addr().As16()
		j := s.joins.New()
		*j = joined{question: q, client: o.Client, ref: ref, sample: sample, level: 2, needs: networkClients, entity: event.Entity{Kind: event.KindNetwork, Value: p.String()}}
		key := state.Hash(s.cfg.Seed, string(a[:]))
		if asn := o.Network.ASN; asn != 0 {
			j.entity.Value = "AS" + strconv.FormatUint(uint64(asn), 10)
			key = uint64(asn)
		}
		out.Fact(For, state.Join(key, 0x6e6574), j)
	}
	if fp := o.Call.Fingerprint; fp != "" {
		j := s.joins.New()
		*j = joined{question: q, client: o.Client, ref: ref, sample: sample, level: 3, needs: programClients, entity: event.Entity{Kind: event.KindCluster, Value: fp}}
		out.Fact(For, state.Join(state.Hash(s.cfg.Seed, fp), 0x667072), j)
	}
}

// novel reports whether the identifier of a question was not counted under a
// key before. One that cannot be seen is always new.
func (s *Stage) novel(q *question, key uint64, atNS int64) bool {
	return q.blind || !s.distinct.Add(key, atNS)
}

// source and client return the state of a caller. It is made by a question that
// can begin a story only: whoever just logs in takes no room.
func (s *Stage) source(o *detect.Observation, q *question) *track {
	if q.interests() {
		return s.sources.Put(o.Source, o.AtNS)
	}
	return s.sources.Touch(o.Source, o.AtNS)
}

func (s *Stage) client(o *detect.Observation, q *question) *client {
	if q.interests() {
		return s.clients.Put(o.Client, o.AtNS)
	}
	return s.clients.Touch(o.Client, o.AtNS)
}

// Fact judges what looks across clients.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	switch p := f.Payload.(type) {
	case *joined:
		s.join(f, p, out)
		s.joins.Done(p)
	case *tried:
		s.tryAccount(f, p, out)
		s.tries.Done(p)
	case seen:
		s.learn(f, &p)
	}
}

func (s *Stage) join(f *detect.Fact, j *joined, out *detect.Output) {
	var g *group
	if j.interests() {
		g = s.groups.Put(f.Key, f.AtNS)
	} else {
		g = s.groups.Touch(f.Key, f.AtNS)
	}
	if g == nil {
		return
	}
	if g.idle() {
		g.clients = evidence.Spread{}
	}
	g.entity, g.needs = j.entity, j.needs
	novel := s.novel(&j.question, state.Join(f.Key, j.target+j.level), f.AtNS)
	g.add(&j.question, f.AtNS, novel)
	if novel && j.interests() {
		g.clients.Add(j.client)
	}
	g.quote(j.entity, j.ref, j.sample, &j.question)
	s.groups.Protect(f.Key, g.protection())
	threshold := detect.Medium
	if g.entity.Kind == event.KindCluster {
		threshold = programThreshold
	}
	// A group in which one client stands out is no suspect: that client answers
	// for itself.
	if g.clients.Distinct() >= g.needs && g.clients.Top() <= 0.5 {
		g.suspect(threshold, int64(g.clients.Distinct()), out)
	}
}

// quote keeps the call in the case, which it opens once there is something to
// tell.
func (t *track) quote(entity event.Entity, ref event.EndpointRef, sample event.CallSample, q *question) {
	if t.idle() {
		return
	}
	if t.open == nil {
		if score, _ := t.best(); score < remember {
			return
		}
		t.open = &checking{entity: entity}
	}
	if q.interests() {
		t.open.ref = ref
	}
	weight := 1.0
	if q.reply != replyNothing {
		weight = 2
	}
	t.open.samples.AddSample(sample, weight)
}

// suspect reports the evidence, and returns it.
func (t *track) suspect(threshold float64, clients int64, out *detect.Output) float64 {
	score, which := t.best()
	if t.open == nil || score < detect.Noted {
		return score
	}
	t.open.copy(t, which, clients)
	out.Suspect(&detect.Suspicion{
		Detector: detectorName, Entity: t.open.entity, StartedNS: t.startedNS, Score: score, Threshold: threshold,
		Impact: int(min(t.absent+t.taken, math.MaxInt32)), Case: t.open,
	})
	return score
}
