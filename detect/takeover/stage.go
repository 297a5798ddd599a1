package takeover

import (
	"math/bits"

	"lapwing/detect"
	"lapwing/detect/identity"
	"lapwing/detect/state"
	"lapwing/detect/tell"
	"lapwing/event"
)

const (
	// For is the name of this stage.
	For = "takeover"

	dayNS      = int64(24 * 60 * 60 * 1e9)
	forgetNS   = 30 * dayNS
	familiarNS = 45 * dayNS

	// modelKey is the key under which frequencies are learned.
	modelKey = 1
	// clusterSalt and accounts share the stage's keys: clusters are told apart.
	clusterSalt = 0x636c7573746572
)

// Config bounds a Stage. Its zero value is usable.
type Config struct {
	Seed     uint64 // of the hashes behind table keys; from the deployment key
	Accounts int    // 0: 131,072
	Sources  int    // clients that log in, and as many sessions; 0: 65,536
	Clusters int    // programs that log in; 0: 8,192
	Familiar int    // (account, client, program or network) pairs in 45 days; 0: 1,048,576
}

// A Stage judges logins and what follows them. It implements detect.Stage.
type Stage struct {
	detect.NoClose
	cfg      Config `snapshot:"same"`
	accounts *state.Table[account]
	sources  *state.Table[cluster]    // by client with fingerprint
	clusters *state.Table[cluster]    // by fingerprint
	places   *state.Table[said]       // by route
	sessions *state.Table[session]    // by token
	familiar *state.Filter            // what has come into an account
	counted  *state.Filter            // (session, change) that the model has counted
	model    model                    // in force
	next     model                    // as learned in this tick
	loans    detect.Payloads[attempt] `snapshot:"-"`
	lessons  detect.Payloads[lesson]  `snapshot:"-"`
}

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Accounts = def(cfg.Accounts, 131072)
	cfg.Sources = def(cfg.Sources, 65536)
	cfg.Clusters = def(cfg.Clusters, 8192)
	cfg.Familiar = def(cfg.Familiar, 1<<20)
	return &Stage{
		cfg: cfg, accounts: state.NewTable[account](cfg.Accounts), sources: state.NewTable[cluster](cfg.Sources), clusters: state.NewTable[cluster](cfg.Clusters),
		places: state.NewTable[said](4096), sessions: state.NewTable[session](cfg.Sources), familiar: state.NewFilter(cfg.Familiar, familiarNS), counted: state.NewFilter(cfg.Familiar/8, forgetNS),
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
func (*Stage) SnapshotTypes() []any { return []any{(*taken)(nil)} }

// An attempt is one login on its way to the account, over its program.
type attempt struct {
	account uint64
	name    string
	in      bool
	proves  bool // a password was right; a reset proves a mailbox, and makes its client known
	arrived bool // at the account
	client  uint64
	source  uint64
	program uint64
	network uint64
	session uint64
	person  uint64 // the identifier, if it is an address or a number
	where   detect.Network
	suspect float64
	ref     event.EndpointRef
	sample  event.CallSample
}

// changing is a change on its way to the account.
type changing struct {
	what   change
	places uint8 // of a sweep
	source uint64
	person uint64 // whom the body names: the address or number that is set; 0 if it cannot be seen
	sample event.CallSample
}

// shown says whom an answer about the caller named: what is on file.
type shown struct{ person uint64 }

// person is the hash of the one name in a request or a response, 0 if there is
// none or several.
func person(ids []event.IDRef, response bool) (hash uint64) {
	for i := range ids {
		id := &ids[i]
		if id.Response != response || id.Class != event.ClassName || id.In != event.InBody {
			continue
		}
		if hash != 0 && hash != id.Hash {
			return 0
		}
		hash = id.Hash
	}
	return hash
}

// A session is the places that the bearer of a token has looked at.
type session struct {
	places uint64
	file   bool // what is on file has been passed on
}

// look counts the place of a call in its session, and passes on what goes
// further than hardly any session does.
func (s *Stage) look(o *detect.Observation, token uint64, out *detect.Output) {
	c := o.Call
	if !reads(c) || c.Status < 200 || c.Status > 299 || o.Route.Family == 0 || o.Route.Standing == detect.Limbo || s.says(o) != changeNone {
		return // what is a change is counted as one
	}
	where := state.Join(o.Route.Family, 0x706c61)
	if c.Operation != "" {
		where = state.Join(where, state.Hash(s.cfg.Seed, c.Operation))
	}
	n := s.sessions.Put(token, o.AtNS)
	if n != nil && !n.file && s.own(o) {
		if who := person(c.IDs, true); who != 0 {
			n.file = true
			out.Fact(identity.For, token, identity.Ask{To: For, Else: o.User, Payload: shown{who}})
		}
	}
	bit := uint64(1) << (where >> 58)
	if n == nil || n.places&bit != 0 {
		return
	}
	n.places |= bit
	reached := bits.OnesCount64(n.places)
	if reached >= places {
		return
	}
	s.teach(lesson{places: uint8(reached)}, out)
	if reached < sweepLeast || s.model.reach[1] < sweepWeigh || s.model.reaches(reached) > sweepRare {
		return
	}
	out.Fact(identity.For, token, identity.Ask{To: For, Else: o.User, Payload: changing{what: changeSweep, places: uint8(reached), source: o.Source, sample: event.SampleOf(c)}})
}

// Observe passes logins and changes on to the accounts they are about.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	if l := o.Login; l != nil && l.Account != 0 && o.Call.Auth != event.AuthBasic {
		s.logIn(o, out)
	}
	token := identity.TokenKey(s.cfg.Seed, o.Call.Token)
	if token != 0 {
		s.look(o, token, out)
	} else if o.Call.Method == "GET" {
		return
	}
	what := s.changeOf(o)
	if what == changeNone {
		return
	}
	c := changing{what: what, source: o.Source, person: person(o.Call.IDs, false), sample: event.SampleOf(o.Call)}
	switch {
	case token != 0:
		out.Fact(identity.For, token, identity.Ask{To: For, Else: o.User, Payload: c})
	case o.User != 0:
		out.Fact(For, o.User, identity.Answer{Payload: c})
	}
}

// logIn passes an attempt on.
func (s *Stage) logIn(o *detect.Observation, out *detect.Output) {
	l := o.Login
	in := l.Outcome.Succeeded()
	switch l.Class {
	case detect.LoginPassword:
		if !in && !l.Outcome.Failed() {
			return
		}
	case detect.LoginReset, detect.LoginRegister:
		if !in {
			return
		}
	default:
		return
	}
	c := o.Call
	p := s.loans.New()
	*p = attempt{
		account: l.Account, name: l.Name, in: in, proves: l.Class == detect.LoginPassword,
		client: o.Client, source: o.Source, program: state.Hash(s.cfg.Seed, c.Fingerprint), where: o.Network,
		ref: tell.Endpoint(o), sample: event.SampleOf(c),
	}
	if asn := o.Network.ASN; asn != 0 {
		p.network = state.Join(uint64(asn), 0x61736e)
	} else {
		a := tell.Prefix(c.Client).Addr().As16()
		p.network = state.Hash(s.cfg.Seed, string(a[:]))
	}
	if in {
		p.session, p.person = identity.SessionOf(o), person(c.IDs, false)
	}
	if p.proves {
		if src := s.sources.Put(o.Source, o.AtNS); src != nil {
			p.suspect = src.suspect(s.model.usual())
			src.add(in)
		}
	}
	out.Fact(For, state.Join(p.program, clusterSalt), p)
}

// Fact judges what concerns a program, an account or the model.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	switch p := f.Payload.(type) {
	case *attempt:
		if p.arrived {
			s.attempted(f, p, out)
			s.loans.Done(p)
			return
		}
		p.arrived = true
		if p.proves {
			if c := s.clusters.Put(f.Key, f.AtNS); c != nil {
				p.suspect = max(p.suspect, c.suspect(s.model.usual()))
				c.add(p.in)
			}
		}
		out.Fact(For, p.account, p)
	case identity.Answer:
		switch c := p.Payload.(type) {
		case changing:
			s.changed(f, &p.Link, &c, out)
		case shown:
			if a := s.accounts.Get(f.Key); a != nil {
				a.file(c.person)
			}
		}
	case *lesson:
		s.next.add(p)
		s.lessons.Done(p)
	}
}

// teach sends a lesson to the model.
func (s *Stage) teach(l lesson, out *detect.Output) {
	p := s.lessons.New()
	*p = l
	out.Fact(For, modelKey, p)
}

// Advance puts in force what the tick taught.
func (s *Stage) Advance(int64, *detect.Output) { s.model = s.next }
