package login

import (
	"strconv"
	"strings"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	// For is the stage that attempts are sent to which were read late.
	For = "credentials"

	dayNS    = int64(24 * 60 * 60 * 1e9)
	provesNS = int64(10 * 60 * 1e9) // a credential used within ten minutes proves that it was handed to its user
)

// Config bounds a Stage. Its zero value is usable.
type Config struct {
	Seed      uint64 // of the hashes behind table keys; from the deployment key
	Endpoints int    // places with bodies that are remembered; 0: 8,192 (an API has hundreds)
	Sources   int    // clients whose next step is awaited, and credentials whose use is; 0: 65,536
	Held      int    // attempts held in all; 0: 16,384, some 6 MB
	Basic     int    // (client, account) pairs of HTTP Basic in a day; 0: 262,144
}

// Stats count what a Stage could not keep.
type Stats struct {
	Attempts  int64 // observations that were completed
	Late      int64 // attempts sent as facts
	Unheld    int64 // attempts that could not be held for want of room
	Endpoints int64 // endpoints pushed out
}

// A Stage recognises logins. It implements detect.Stage.
type Stage struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
	cfg       Config `snapshot:"same"`
	endpoints *state.Table[endpoint]
	shapes    *state.Table[fields] // by Shape.Request.Hash
	tries     *state.Table[try]    // by source: its last attempt of unclear outcome
	mints     *state.Table[minted] // by credential
	basic     *state.Filter        // (client, account) that came in by Basic today
	held      int
	stats     Stats
}

type try struct {
	endpoint uint64
	call     event.ID
	open     bool
	cluster  int32 // of the answer
}

type minted struct {
	endpoint uint64
	client   uint64
	cluster  int32
	atNS     int64
}

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Endpoints = def(cfg.Endpoints, 8192)
	cfg.Sources = def(cfg.Sources, 65536)
	cfg.Held = def(cfg.Held, 16384)
	cfg.Basic = def(cfg.Basic, 262144)
	s := &Stage{
		cfg: cfg, endpoints: state.NewTable[endpoint](cfg.Endpoints), shapes: state.NewTable[fields](4096),
		tries: state.NewTable[try](cfg.Sources), mints: state.NewTable[minted](cfg.Sources), basic: state.NewFilter(cfg.Basic, dayNS),
	}
	s.endpoints.OnEvict(func(_ uint64, e *endpoint) {
		s.stats.Endpoints++
		if e.model != nil {
			s.held -= len(e.model.held)
		}
	})
	return s
}

func def(v, otherwise int) int {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Name returns "login".
func (s *Stage) Name() string { return "login" }

// Stats returns a copy of the counters.
func (s *Stage) Stats() Stats { return s.stats }

// Observe sets o.Login if the call is an attempt whose outcome can be told,
// or another step of authentication.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	c := o.Call
	if c.Token != "" && s.mints.Len() > 0 {
		s.use(o)
	}
	if s.tries.Len() > 0 {
		s.follow(o, out)
	}
	if c.Account == "" && c.Flags&(event.FlagSecretPresented|event.FlagCredentialInQuery) == 0 && !takesBody(c.Method) {
		return
	}
	var f fields
	if len(c.Shape.Request.Keys) > 0 {
		f = s.fields(&c.Shape.Request)
	}
	if s.presentsBasic(c, f) {
		s.observeBasic(o)
		return
	}
	if !takesBody(c.Method) && !c.Flags.Has(event.FlagSecretPresented) {
		return
	}
	s.observe(o, f, out)
}

func takesBody(method string) bool { return method == "POST" || method == "PUT" || method == "PATCH" }

func (s *Stage) fields(b *event.BodyShape) fields {
	if b.Hash == 0 {
		return fieldsOf(b.Keys)
	}
	if f := s.shapes.Get(b.Hash); f != nil {
		return *f
	}
	f := fieldsOf(b.Keys)
	*s.shapes.Put(b.Hash, 0) = f
	return f
}

// key names the operation that a call is of.
func (s *Stage) key(o *detect.Observation) uint64 {
	c := o.Call
	k := o.Route.Key
	if k == 0 {
		path := c.PathShape
		if path == "" {
			path = c.Path
		}
		k = state.Join(state.Hash(s.cfg.Seed, c.Host), state.Join(state.Hash(s.cfg.Seed, c.Method), state.Hash(s.cfg.Seed, path)))
	}
	if c.Operation != "" {
		k = state.Join(k, state.Hash(s.cfg.Seed, c.Operation))
	}
	return k
}

func (s *Stage) observe(o *detect.Observation, f fields, out *detect.Output) {
	if o.Route.SoftMissing {
		return // what this host shows for pages that do not exist
	}
	c := o.Call
	key := s.key(o)
	e := s.endpoints.Touch(key, o.AtNS)
	if e == nil {
		if e = s.endpoints.Put(key, o.AtNS); e == nil {
			return // full of recognised logins
		}
		e.words = wordsOf(c.Path, c.Operation)
	}
	secret := c.Flags&(event.FlagSecretPresented|event.FlagMinted) != 0 || f&(fieldPassword|fieldRefresh|fieldClientSecret|fieldCoupon) != 0
	if e.model == nil {
		if e.words&family == 0 && !secret {
			return
		}
		e.model = &model{words: e.words}
	}
	if e.words&wordScript != 0 && strings.Contains(c.Query, "for=jetpack") {
		return // WordPress's own service calls xmlrpc.php by signature, not by password
	}
	m := e.model
	a := answerOf(s.cfg.Seed, c)
	was := m.known
	m.count(c, f, &a, o.Source)
	i := m.cluster(&a)
	if i >= 0 {
		m.clusters[i].n++
	}
	s.await(o, key, i, &a, out)
	if !m.recognise() {
		s.hold(o, m, i, f)
		return
	}
	if !was {
		s.endpoints.Protect(key, 200)
	}
	class := classify(c, m.words, f)
	if class == 0 {
		return
	}
	l := detect.Login{Class: class, Account: AccountKey(s.cfg.Seed, c.Account), Name: c.Account}
	l.Outcome, l.Confidence = m.outcome(i, &a)
	l.Outcome = read(class, &a, l.Outcome)
	if l.Outcome == detect.LoginUnknown && c.Status != 0 {
		s.hold(o, m, i, f)
	} else {
		s.stats.Attempts++
		o.Login = &l
	}
	if len(m.held) > 0 {
		s.release(m, out)
	}
}

// hold keeps an attempt until its endpoint or its answer can be read.
func (s *Stage) hold(o *detect.Observation, m *model, cluster int, f fields) {
	class := classify(o.Call, m.words, f)
	if class == 0 || cluster < 0 || o.Call.Status == 0 {
		return
	}
	if s.held >= s.cfg.Held && len(m.held) == 0 {
		s.stats.Unheld++
		return
	}
	h := held{attempt: attemptOf(o), cluster: cluster}
	h.attempt.Login = detect.Login{Class: class, Account: AccountKey(s.cfg.Seed, o.Call.Account), Name: o.Call.Account}
	if len(m.held) == heldPerEndpoint || s.held >= s.cfg.Held { // the oldest goes: what is under way matters more
		s.stats.Unheld++
		copy(m.held, m.held[1:])
		m.held[len(m.held)-1] = h
		return
	}
	s.held++
	m.held = append(m.held, h)
}

// release sends the held attempts that can be read by now.
func (s *Stage) release(m *model, out *detect.Output) {
	rest := m.held[:0]
	for _, h := range m.held {
		l := &h.attempt.Login
		l.Outcome, l.Confidence = m.outcome(h.cluster, nil)
		if l.Outcome == detect.LoginUnknown {
			l.Outcome, l.Confidence = h.next.outcome()
		}
		if l.Outcome == detect.LoginUnknown {
			rest = append(rest, h)
			continue
		}
		s.stats.Attempts++
		s.stats.Late++
		out.Fact(For, h.attempt.Client, h.attempt)
	}
	s.held -= len(m.held) - len(rest)
	clear(m.held[len(rest):])
	m.held = rest
	if len(rest) == 0 {
		m.held = nil
	}
}

// await remembers what would prove how an attempt ended: that its client uses
// the credential it was handed, or that it goes on to other pages.
func (s *Stage) await(o *detect.Observation, key uint64, cluster int, a *answer, out *detect.Output) {
	if cluster < 0 || a.status >= 400 || a.status == 0 {
		return
	}
	if a.minted != mintNone {
		for i := range o.Call.IDs {
			if id := &o.Call.IDs[i]; id.Response && id.Class == event.ClassSecret {
				if m := s.mints.Put(id.Hash>>16, o.AtNS); m != nil {
					*m = minted{endpoint: key, client: o.Client, cluster: int32(cluster), atNS: o.AtNS}
				}
			}
		}
	}
	if t := s.tries.Put(o.Source, o.AtNS); t != nil {
		if t.open && t.endpoint == key { // came back without having gone anywhere
			s.step(t, stepBack, out)
		}
		*t = try{endpoint: key, call: o.Call.ID, cluster: int32(cluster), open: true}
	}
}

// use notes that a credential handed out by a login is used.
func (s *Stage) use(o *detect.Observation) {
	const prefix = "tok-"
	token := o.Call.Token
	if len(token) != len(prefix)+12 || token[:len(prefix)] != prefix {
		return
	}
	key, err := strconv.ParseUint(token[len(prefix):], 16, 64)
	if err != nil {
		return
	}
	m := s.mints.Get(key)
	if m == nil || m.client != o.Client || o.Call.Status < 200 || o.Call.Status > 299 || o.AtNS-m.atNS > provesNS {
		return
	}
	if asset(o.Call.Path) || wordsOf(o.Call.Path, o.Call.Operation)&family != 0 {
		return // an anonymous session comes back to the login page too
	}
	if e := s.endpoints.Get(m.endpoint); e != nil && e.model != nil && int(m.cluster) < len(e.model.clusters) {
		e.model.used++
		e.model.clusters[m.cluster].used++
	}
	s.mints.Delete(key)
}

// follow notes that a client goes on after an attempt, to a page that is not
// of the login.
func (s *Stage) follow(o *detect.Observation, out *detect.Output) {
	t := s.tries.Get(o.Source)
	if t == nil || !t.open {
		return
	}
	c := o.Call
	if c.Status < 200 || c.Status > 299 || asset(c.Path) || wordsOf(c.Path, c.Operation)&(family|wordLogout) != 0 {
		return
	}
	t.open = false
	s.step(t, stepOn, out)
}

// step notes what came after a held attempt.
func (s *Stage) step(t *try, next step, out *detect.Output) {
	e := s.endpoints.Get(t.endpoint)
	if e == nil || e.model == nil {
		return
	}
	if int(t.cluster) < len(e.model.clusters) {
		e.model.clusters[t.cluster].follows(next)
	}
	for i := range e.model.held {
		if h := &e.model.held[i]; h.attempt.Sample.ID == t.call {
			h.next = next
			if e.model.known {
				s.release(e.model, out)
			}
			return
		}
	}
}
