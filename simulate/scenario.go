package simulate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"
)

// How a scenario is written. A plot describes it and sets it up: its run gets
// a cast, which is the scenario's side of the world, and through it
//
//	c.agent(at, play)   lets somebody begin at a time (Unix ns) and play; play
//	                    is written as a straight program of a.call, a.sleep, …
//	c.client(p, class)  a program on a new device at a new address of a class,
//	                    from the same programs and providers as everyone's
//	c.person(n)         an agent's everyday device of account n, in its usual
//	                    network, as if that person came
//	c.within(.3, .5)    a time in that part of the run
//	c.part              what the truth will say: Detectors, Entities, HarmUnit
//
// An agent has a client (a.client: program, address, credential), asks the
// application (a.call(request{op: app.me})), and learns from the reply what any
// caller would: ok, wrong, denied, missing, limited, items of a list, the token
// that was minted. a.judge says for every exchange how much harm it did; the
// application tells it (reply.foreign, reply.entered, reply.items). All calls
// of the cast's agents belong to the part by themselves.
//
// Identifiers come from the application: resource.id.text(n) names object n,
// resource.id.like(r) makes up one of the same look, resource.of(owner, nil)
// lists what an owner has, resource.popular(r) draws by popularity.

// A Scenario is something that may happen besides everyday life.
type Scenario struct {
	ID     string   // A01 …, B01 …
	Name   string   // in a few words
	Levels []string // L1 overt … L4 distributed and in disguise; empty without levels
	Attack bool
	Twin   bool     // has a harmless double
	Says   string   // one sentence: who does what
	Apps   []string // kinds of application that suit it; empty: all
}

// A plot is a scenario with the function that sets it up.
type plot struct {
	Scenario
	run    func(*cast)
	length func(level string) time.Duration // that a world needs; nil: a day
	suits  func(*application) bool          // what the application must be like; nil: anything
}

func plots() []plot {
	all := append(attackPlots(), benignPlots()...)
	sort.SliceStable(all, func(i, j int) bool { return all[i].ID < all[j].ID })
	return all
}

// Scenarios returns all scenarios in the order of their ids.
func Scenarios() []Scenario {
	var all []Scenario
	for _, p := range plots() {
		all = append(all, p.Scenario)
	}
	return all
}

// A cast is a scenario's side of a world.
type cast struct {
	w     *World
	app   *application
	part  *partState
	index int
	level string // L1 … L4, "" for plots without levels
	twin  bool
	rng   *rand.Rand
	count uint64
}

// partState is a Part that is still being written.
type partState struct {
	Part
	number  int
	callers map[netip.Addr]struct{}
	users   map[string]struct{}
}

// maxCallers bounds the addresses that a part lists.
const maxCallers = 100_000

// chosen finds the plots of the options' scenarios.
func (w *World) chosen(o Options) ([]chosenPlot, error) {
	var found []chosenPlot
	if len(o.Scenarios) == 0 {
		return nil, nil
	}
	all := plots()
	for _, ch := range o.Scenarios {
		i := slices.IndexFunc(all, func(p plot) bool { return strings.EqualFold(p.ID, ch.ID) })
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q", ch.ID)
		}
		p := all[i]
		if ch.Level == "" && len(p.Levels) > 0 {
			ch.Level = p.Levels[0]
		}
		if ch.Level != "" && !slices.Contains(p.Levels, ch.Level) {
			return nil, fmt.Errorf("scenario %s has no level %q (has: %v)", p.ID, ch.Level, p.Levels)
		}
		if ch.Twin && !p.Twin {
			return nil, fmt.Errorf("scenario %s has no harmless double", p.ID)
		}
		found = append(found, chosenPlot{p, ch})
	}
	return found, nil
}

type chosenPlot struct {
	plot
	choice Choice
}

// fitting draws a kind of application that suits all scenarios, if there is one.
func fitting(chosen []chosenPlot, k *kind, r *rand.Rand) *kind {
	var fit []*kind
	for _, k := range kinds {
		ok := true
		for _, c := range chosen {
			ok = ok && (len(c.Apps) == 0 || slices.Contains(c.Apps, k.name))
		}
		if ok {
			fit = append(fit, k)
		}
	}
	if len(fit) == 0 || slices.Contains(fit, k) {
		return k
	}
	return pick(r, fit)
}

// stage sets up one scenario.
func (w *World) stage(i int, ch chosenPlot) {
	c := &cast{w: w, app: w.app, index: i, level: ch.choice.Level, twin: ch.choice.Twin,
		rng: newRandom(w.seed, "scenario "+ch.ID+ch.choice.Level, uint64(i))}
	c.part = &partState{number: i + 1, callers: map[netip.Addr]struct{}{}, users: map[string]struct{}{}}
	c.part.Scenario, c.part.Level, c.part.Twin = ch.ID, ch.choice.Level, ch.choice.Twin
	c.part.Attack, c.part.Says = ch.Attack && !ch.choice.Twin, ch.Says
	w.casts = append(w.casts, c)
	ch.run(c)
}

// agent lets somebody of the cast begin at a time. It may be called while the
// scenario is set up and while it plays.
func (c *cast) agent(at int64, play func(*agent)) *agent {
	c.count++
	a := &agent{w: c.w, id: uint64(c.index+1)<<28 | c.count, part: c.part, play: play}
	a.rng = newRandom(c.w.seed, c.part.Scenario+" agent", uint64(c.index)<<40|c.count)
	c.w.start(a, max(at, c.w.startNS, c.w.now))
	return a
}

// within draws a time in a part of the run.
func (c *cast) within(from, to float64) int64 {
	return c.w.startNS + int64(between(c.rng, from, to)*float64(c.w.endNS-c.w.startNS))
}

// clients and their programs.

// client puts a program on a new device at a new address of the class.
func (c *cast) client(p *program, class netClass) *client {
	return c.w.newClient(p, c.rng.Uint64(), c.w.net.rent(class, c.rng), c.w.now)
}

// person puts account n's own everyday device, network and session into an
// agent: what the account's owner would come with.
func (c *cast) person(a *agent, n int32) {
	w := c.w
	a.account = w.app.accounts[n]
	device := w.deviceOf(n, 0)
	prog := w.programOf(device)
	out := w.egressOf(n, device, prog, a.now, a.rng)
	a.client = w.newClient(prog, device, out, a.now)
	a.client.trust = n + 1
}

// login makes one attempt with a name and a password.
func (a *agent) login(name, secret string) *reply { return a.call(a.w.app.loginRequest(name, secret)) }

// add writes one exchange of the part down.
func (s *partState) add(a *agent, q *request, p *reply, x *Exchange) {
	x.Part = s.number
	if a.judge != nil {
		x.Harm = a.judge(q, p)
	}
	s.Calls++
	s.Harm += int64(x.Harm)
	at := time.Unix(0, x.AtNS).UTC()
	if s.Calls == 1 {
		s.Start = at
	}
	s.End = at
	if len(s.callers) < maxCallers {
		s.callers[x.Caller] = struct{}{}
	}
	if x.User != "" && len(s.users) < maxCallers {
		s.users[x.User] = struct{}{}
	}
}

// complete fills the truth when the run is over.
func (w *World) complete() {
	t := &w.truth
	for _, c := range w.casts {
		p := c.part.Part
		var callers []netip.Addr
		for a := range c.part.callers {
			callers = append(callers, a)
		}
		slices.SortFunc(callers, netip.Addr.Compare)
		for _, a := range callers {
			p.Callers = append(p.Callers, a.String())
		}
		for u := range c.part.users {
			p.Users = append(p.Users, u)
		}
		slices.Sort(p.Users)
		t.Parts = append(t.Parts, p)
	}
	for _, px := range w.proxies {
		if w.untrusted {
			break // nobody tells the sensor about them
		}
		t.Proxies = append(t.Proxies, px[0].addr.String())
	}
	for _, op := range w.app.ops {
		r := Route{Host: w.app.hosts[op.host], Method: op.method, Template: op.template(), Documented: op.documented, Deprecated: op.deprecated, Login: op.login, Calls: op.calls}
		switch {
		case op.name != "" && w.app.style.api == apiGraphQL:
			r.Method, r.Template, r.Operation = "POST", w.app.style.prefix+"/graphql", op.title
		case op.name != "" && w.app.style.api == apiRPC:
			r.Method, r.Template, r.Operation = "POST", w.app.style.prefix+"/rpc", op.name
		}
		t.Endpoints = append(t.Endpoints, r)
	}
}

// Truth says what the run holds; complete once Run has returned.
func (w *World) Truth() *Truth { return &w.truth }
