package credentials

import (
	"net/netip"

	"lapwing/detect"
	"lapwing/detect/distributed"
	"lapwing/detect/login"
	"lapwing/detect/state"
)

// Config bounds a Stage. Its zero value is usable; with every table full it
// takes some 200 MB, in quiet times a tenth of that.
type Config struct {
	Seed     uint64 // of the hashes behind table keys; from the deployment key
	Clients  int    // client addresses, and as many programs behind them; 0: 65,536
	Groups   int    // networks and sessions; 0: 32,768
	Pairs    int    // (client, account) with failures; 0: 262,144
	Accounts int    // accounts with failures from unfamiliar clients; 0: 131,072
	Distinct int    // (key, account) pairs counted in 30 days; 0: 4,194,304 (16 MB)
	Familiar int    // (client, account) pairs with a success in 45 days; 0: 2,097,152 (8 MB)
	Pending  int    // first attempts waiting for ten minutes; 0: 262,144 (23 MB)
}

// Stats count what a Stage could not keep.
type Stats struct {
	Attempts int64 // attempts judged
	Dropped  int64 // first attempts that could not wait to be resolved
	Evicted  int64 // keys pushed out of all tables
	Refused  int64 // keys that found every place taken by suspects
}

const (
	dayNS      = int64(24 * 60 * 60 * 1e9)
	distinctNS = 30 * dayNS
	familiarNS = 45 * dayNS
)

// A Stage judges attempts. It implements detect.Stage.
type Stage struct {
	cfg      Config                `snapshot:"same"`
	clients  *state.Table[client]  // by address
	sources  *state.Table[program] // by address and fingerprint
	groups   *state.Table[group]   // by network, by session
	pairs    *state.Table[pair]    // by client and account, or challenge
	accounts *state.Table[account] // by account
	leaders  *state.Table[leader]  // by endpoint
	distinct *state.Filter         // (key, account) counted already
	familiar *state.Filter         // (account, client) that has succeeded
	passing  client                `snapshot:"-"` // stands for one that found no room
	pending  queue
	lastNS   int64
	stats    Stats
}

// A client is what is known of one address.
type client struct {
	track
	address netip.Addr
	users   users
	guesses *guessing // open case of brute force by this client
}

// A program is what is known of one program behind an address. Whether people
// share it is asked for itself: an office behind one address has its browsers
// in common, and not the tool of the one who tries a list of passwords there.
type program struct {
	track
	users users
}

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Clients = def(cfg.Clients, 65536)
	cfg.Groups = def(cfg.Groups, 32768)
	cfg.Pairs = def(cfg.Pairs, 262144)
	cfg.Accounts = def(cfg.Accounts, 131072)
	cfg.Distinct = def(cfg.Distinct, 4<<20)
	cfg.Familiar = def(cfg.Familiar, 2<<20)
	cfg.Pending = def(cfg.Pending, 262144)
	return &Stage{
		cfg: cfg, clients: state.NewTable[client](cfg.Clients), sources: state.NewTable[program](cfg.Clients),
		groups: state.NewTable[group](cfg.Groups), pairs: state.NewTable[pair](cfg.Pairs), accounts: state.NewTable[account](cfg.Accounts),
		leaders:  state.NewTable[leader](1024),
		distinct: state.NewFilter(cfg.Distinct, distinctNS), familiar: state.NewFilter(cfg.Familiar, familiarNS),
		pending: queue{most: cfg.Pending},
	}
}

func def(v, otherwise int) int {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Name returns the name under which late attempts are sent to this stage.
func (s *Stage) Name() string { return login.For }

// Stats returns a copy of the counters.
func (s *Stage) Stats() Stats {
	st := s.stats
	st.Evicted = s.clients.Evicted() + s.sources.Evicted() + s.groups.Evicted() + s.pairs.Evicted() + s.accounts.Evicted()
	st.Refused = s.clients.Refused() + s.sources.Refused() + s.groups.Refused() + s.pairs.Refused() + s.accounts.Refused()
	return st
}

// Observe judges the attempt that a call is, and learns who shares its address.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	if c := o.Call; c.User != "" && c.Status > 0 && c.Status < 400 {
		if k := s.clients.Get(o.Client); k != nil {
			user := login.AccountKey(s.cfg.Seed, c.User)
			k.welcome(&k.users, user, o.AtNS)
			if p := s.sources.Get(o.Source); p != nil {
				p.welcome(&p.users, user, o.AtNS)
			}
		}
	}
	if o.Login == nil {
		return
	}
	a := login.AttemptOf(o)
	o.Explained = s.judge(&a, out)
}

// Fact judges an attempt that was recognised late.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	switch p := f.Payload.(type) {
	case login.Attempt:
		s.judge(&p, out)
	case distributed.Told:
		s.follow(f.Key, f.AtNS)
	}
}

// Advance judges what has waited its ten minutes.
func (s *Stage) Advance(nowNS int64, out *detect.Output) { s.settle(nowNS, out) }

// Close judges what has waited for two minutes: at the end of a recording
// most people who mistyped have long come in.
func (s *Stage) Close(out *detect.Output) { s.settle(s.lastNS+resolveNS-shortNS, out) }

// judge judges an attempt by its source, and passes it on to where all sources
// are judged together. It reports whether a run over many accounts explains
// all there is to say about the attempt.
func (s *Stage) judge(a *login.Attempt, out *detect.Output) (explained bool) {
	owned, alike := s.judgeSource(a, out)
	if a.Login.Account == 0 {
		return false
	}
	out.Fact(distributed.For, a.Login.Account, distributed.Attempt{Attempt: *a, Owned: owned})
	if a.Login.Class != detect.LoginPassword {
		return false
	}
	return s.led(a.Endpoint, a.AtNS) != nil || owned && !alike
}

// judgeSource reports whether a single source, or what its clients have in
// common, answers for the attempt, and whether the secrets of that are too much
// alike for a list.
func (s *Stage) judgeSource(a *login.Attempt, out *detect.Output) (owned, alike bool) {
	s.lastNS = max(s.lastNS, a.AtNS)
	s.settle(a.AtNS, out)
	l := &a.Login
	switch l.Class {
	case detect.LoginPassword, detect.LoginMachine, detect.LoginMFA, detect.LoginReset, detect.LoginGuess:
	default:
		return false, false
	}
	locked := l.Outcome == detect.LoginLocked
	if !locked && !l.Outcome.Failed() && !l.Outcome.Succeeded() {
		return false, false
	}
	s.stats.Attempts++
	t := trial{Attempt: a, failed: !l.Outcome.Succeeded(), locked: locked, weight: weight(l.Confidence), network: networkOf(s.cfg.Seed, a.Address)}
	k, _ := s.clients.PutOf(a.Client, t.network, a.AtNS)
	if k == nil { // no room for it alone: what it does counts for its network, its program, and the account
		s.passing = client{}
		k = &s.passing
	}
	k.address = a.Address
	if locked {
		t.weight = 0.5
	}
	if l.Account != 0 {
		t.familiar = s.knows(&t)
		if !t.failed {
			k.welcome(&k.users, l.Account, a.AtNS)
		}
	}
	if l.Account != 0 && !locked && (l.Class == detect.LoginPassword || l.Class == detect.LoginMachine) {
		owned, alike = s.stuff(&t, k, out)
		t.owned = owned
	}
	s.guess(&t, k, out)
	if l.Account != 0 && !t.failed {
		s.familiar.Add(state.Join(a.Client, l.Account), a.AtNS)
		s.familiar.Add(state.Join(t.device(s.cfg.Seed), l.Account), a.AtNS)
	}
	return owned, alike
}

// knows reports whether this client, or this program in this network, has
// come into the account before.
func (s *Stage) knows(t *trial) bool {
	return s.familiar.Has(state.Join(t.Client, t.Login.Account), t.AtNS) ||
		s.familiar.Has(state.Join(t.device(s.cfg.Seed), t.Login.Account), t.AtNS)
}

// A trial is an attempt with what is needed to judge it.
type trial struct {
	*login.Attempt
	failed   bool // or not judged because of earlier failures
	locked   bool
	owned    bool // part of a run over many accounts that is told
	fresh    bool // the client's first at the account
	familiar bool
	weight   float64
	network  uint64
}

func (t *trial) device(seed uint64) uint64 {
	return state.Join(t.network, state.Hash(seed, t.Fingerprint))
}

// weight tempers evidence by the certainty of its label; near certainty is as good.
func weight(confidence float64) float64 {
	if confidence >= 0.9 {
		return 1
	}
	return confidence
}

func prefixOf(a netip.Addr) netip.Prefix {
	bits := 48
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil { // no address
		return netip.Prefix{}
	}
	return p
}

func networkOf(seed uint64, a netip.Addr) uint64 {
	p := prefixOf(a).Addr().As16()
	return state.Join(state.Hash(seed, string(p[:])), 0x6e6574)
}
