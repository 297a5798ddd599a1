package tokens

import (
	"net/netip"
	"strings"

	"lapwing/detect"
	"lapwing/detect/identity"
	"lapwing/detect/state"
	"lapwing/detect/tell"
	"lapwing/event"
)

const (
	// For is the name of this stage.
	For = "tokens"

	minuteNS = int64(60 * 1e9)
	// releaseNS is how long a release that is seen under way is let be.
	releaseNS = int64(60 * 60 * 1e9)
	// releaseTokens must be active within ten minutes, and releaseShare of them
	// change, for it to be one.
	releaseTokens, releaseShare = 50, 0.20
	// sightEveryNS is how often a client of a token is looked at.
	sightEveryNS = minuteNS
)

// Config bounds a Stage. Its zero value is usable.
type Config struct {
	Seed     uint64 // of the hashes behind table keys; from the deployment key
	Tokens   int    // 0: 131,072, some 20 MB when full
	Clients  int    // (client, token) pairs; 0: 131,072
	Programs int    // 0: 8,192, and as many pairs of them
}

// A Stage judges tokens. It implements detect.Stage.
type Stage struct {
	detect.NoClose
	cfg       Config                 `snapshot:"same"`
	clients   *state.Table[int64]    // by client and token: when last looked at
	tokens    *state.Table[token]    // by token
	places    *state.Table[bool]     // by route: is it where one logs out
	endpoints *state.Table[endpoint] // logins under sessions
	programs  *state.Table[program]  // over all tokens
	pairs     *state.Table[uint32]   // of programs on one token: how many
	model     model                  // in force
	lessons   []lesson               // of this tick
	loans     detect.Payloads[sight] `snapshot:"-"`

	active, changed float64    // tokens looked at and changed in this minute
	minutes         [10]minute // … and in the ten before
	minuteAt        int
	minuteNS        int64
	releaseNS       int64 // until when a release is under way
}

type minute struct{ active, changed float64 }

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Tokens = def(cfg.Tokens, 131072)
	cfg.Clients = def(cfg.Clients, 131072)
	cfg.Programs = def(cfg.Programs, 8192)
	return &Stage{
		cfg: cfg, clients: state.NewTable[int64](cfg.Clients), tokens: state.NewTable[token](cfg.Tokens), places: state.NewTable[bool](4096),
		endpoints: state.NewTable[endpoint](512), programs: state.NewTable[program](cfg.Programs), pairs: state.NewTable[uint32](cfg.Programs),
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
func (*Stage) SnapshotTypes() []any { return []any{(*abused)(nil), (*unchanged)(nil)} }

// what a sight is of.
type what uint8

const (
	sightUse    what = iota
	sightBorn        // the token was handed out
	sightLogout      // its bearer logged out
	sightLogin       // its bearer logged in, and goes on with it
)

// A sight is a token at a client.
type sight struct {
	what    what
	kind    event.Kind
	name    string
	program uint32
	place   place
	browser bool
	machine bool // handed out to a program
	user    string
	ref     event.EndpointRef
	sample  event.CallSample
}

// Observe looks at the token of a call, at most once a minute for each client.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	c := o.Call
	if c.Status == 0 || c.Status >= 500 || c.Status == 401 || c.Status == 403 {
		return // what is refused shows that it was tried, and nothing else
	}
	if o.Login != nil && c.Flags.Has(event.FlagMinted) {
		s.born(o, out)
	}
	if c.Token == "" {
		return
	}
	key := identity.TokenKey(s.cfg.Seed, c.Token)
	w := sightUse
	switch {
	case o.Login != nil:
		if l := o.Login; l.Class == detect.LoginPassword && l.Outcome == detect.LoginSuccess && c.Auth == event.AuthCookie {
			s.loggedIn(o, out)
			if !c.Flags.Has(event.FlagMinted) {
				w = sightLogin
			}
		}
	case c.Status < 400 && s.logsOut(o):
		w = sightLogout
	}
	at := s.clients.Put(state.Join(o.Source, key), o.AtNS)
	if at == nil || w == sightUse && *at != 0 && o.AtNS-*at < sightEveryNS {
		return
	}
	*at = o.AtNS
	out.Fact(For, key, s.sight(o, w))
}

func (s *Stage) sight(o *detect.Observation, w what) *sight {
	c := o.Call
	p := s.loans.New()
	*p = sight{what: w, kind: kindOf(c), name: c.Token, program: short(state.Hash(s.cfg.Seed, c.Fingerprint)), place: s.placeOf(o),
		browser: strings.HasPrefix(c.UserAgent, "Mozilla/"), user: o.UserName, ref: tell.Endpoint(o), sample: event.SampleOf(c)}
	return p
}

// short is half of a hash, never 0.
func short(h uint64) uint32 { return uint32(h>>32) | 1 }

func (s *Stage) placeOf(o *detect.Observation) place {
	a := o.Call.Client.Unmap()
	if asn := o.Network.ASN; asn != 0 {
		h := short(state.Join(uint64(asn), 0x61736e))
		return place{near: h, far: h, six: !a.Is4()}
	}
	near := tell.Prefix(a).Addr().As16()
	bits := 32
	if a.Is4() {
		bits = 16
	}
	p, err := a.Prefix(bits)
	if err != nil {
		p = netip.Prefix{}
	}
	far := p.Addr().As16()
	return place{near: short(state.Hash(s.cfg.Seed, string(near[:]))), far: short(state.Hash(s.cfg.Seed, string(far[:]))), six: !a.Is4()}
}

// born says of each token that an answer to a login hands out who got it.
func (s *Stage) born(o *detect.Observation, out *detect.Output) {
	l := o.Login
	if !l.Outcome.Succeeded() && l.Class != detect.LoginRefresh {
		return
	}
	n := 0
	for i := range o.Call.IDs {
		id := &o.Call.IDs[i]
		if !id.Response || id.Class != event.ClassSecret || n == 6 {
			continue
		}
		n++
		p := s.sight(o, sightBorn)
		p.machine, p.name = l.Class == detect.LoginMachine, ""
		out.Fact(For, identity.MintedKey(id.Hash), p)
	}
}

var logoutWords = [...]string{"logout", "logoff", "signout", "log-out", "sign-out", "log_out", "sign_out", "abmelden", "deconnexion", "cerrarsesion", "cerrar-sesion", "uitloggen", "wyloguj", "revoke", "sair"}

// logsOut reports whether a call ends its session, remembered by route.
func (s *Stage) logsOut(o *detect.Observation) bool {
	c := o.Call
	key := o.Route.Key
	if key == 0 {
		key = state.Join(state.Hash(s.cfg.Seed, c.PathShape), state.Hash(s.cfg.Seed, c.Method))
	}
	if c.Operation != "" {
		key = state.Join(key, state.Hash(s.cfg.Seed, c.Operation))
	}
	if known := s.places.Get(key); known != nil {
		return *known
	}
	path := strings.ToLower(c.PathShape + "/" + c.Operation)
	is := false
	for _, w := range logoutWords {
		is = is || strings.Contains(path, w)
	}
	if c.Method == "DELETE" {
		last := strings.TrimSuffix(strings.ToLower(c.PathShape), "/")
		last = last[strings.LastIndexByte(last, '/')+1:]
		is = is || last == "session" || last == "sessions" || last == "token" || last == "me" && strings.Contains(path, "session")
	}
	if known := s.places.Put(key, 0); known != nil {
		*known = is
	}
	return is
}

// Fact looks at a token under its key, or at an endpoint.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	switch p := f.Payload.(type) {
	case *sight:
		if t := s.tokens.Put(f.Key, f.AtNS); t != nil {
			s.look(f, t, p, out)
		}
		s.loans.Done(p)
	case underSession:
		s.countUnchanged(f, &p, out)
	}
}

// Advance puts in force what the tick taught, and watches for releases.
func (s *Stage) Advance(nowNS int64, _ *detect.Output) {
	for i := range s.lessons {
		s.learn(&s.lessons[i], nowNS)
	}
	s.lessons = s.lessons[:0]
	if nowNS-s.minuteNS < minuteNS {
		return
	}
	s.minuteNS = nowNS
	s.minutes[s.minuteAt] = minute{s.active, s.changed}
	s.minuteAt = (s.minuteAt + 1) % len(s.minutes)
	s.active, s.changed = 0, 0
	var active, changed float64
	for _, m := range s.minutes {
		active, changed = active+m.active, changed+m.changed
	}
	if active >= releaseTokens && changed >= releaseShare*active {
		s.releaseNS = nowNS + releaseNS
	}
}
