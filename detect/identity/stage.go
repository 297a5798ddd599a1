package identity

import (
	"strings"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/detect/state"
	"lapwing/event"
)

// For is the stage that Asks are sent to.
const For = "identity"

const (
	dayNS    = int64(24 * 60 * 60 * 1e9)
	forgetNS = 30 * dayNS
	// pendingNS is how long after a first factor its second is taken for the
	// same person's, where nothing but the client connects the two.
	pendingNS = int64(10 * 60 * 1e9)
	// mintedMost bounds the tokens that one answer hands out: access, refresh, id.
	mintedMost = 6
)

// Config bounds a Stage. Its zero value is usable.
type Config struct {
	Seed    uint64 // of the hashes behind table keys; from the deployment key
	Tokens  int    // links kept; 0: 262,144, some 25 MB when full
	Sources int    // clients whose last login is remembered; 0: 65,536
	Names   int    // identifiers of people who have logged in; 0: 65,536
}

// Stats count what a Stage did.
type Stats struct {
	Linked   int64 // tokens whose owner was learned
	Passed   int64 // … of them in place of another
	Resolved int64 // observations completed with a user
	Evicted  int64 // links pushed out
}

// A Stage learns links. It implements detect.Stage.
type Stage struct {
	detect.NoAdvance
	detect.NoClose
	cfg     Config               `snapshot:"same"`
	links   *state.Table[Link]   // by token
	sources *state.Table[source] // by client with fingerprint
	names   *state.Table[named]  // by hash of an identifier
	stats   Stats
}

// A source is the last login from a client.
type source struct {
	link    Link
	atNS    int64
	otherNS int64 // when somebody else last logged in there; 0: never
}

// New returns a Stage.
func New(cfg Config) *Stage {
	cfg.Tokens = def(cfg.Tokens, 262144)
	cfg.Sources = def(cfg.Sources, 65536)
	cfg.Names = def(cfg.Names, 65536)
	return &Stage{cfg: cfg, links: state.NewTable[Link](cfg.Tokens), sources: state.NewTable[source](cfg.Sources), names: state.NewTable[named](cfg.Names)}
}

func def(v, otherwise int) int {
	if v <= 0 {
		return otherwise
	}
	return v
}

// Name returns For.
func (s *Stage) Name() string { return For }

// Stats returns a copy of the counters.
func (s *Stage) Stats() Stats {
	st := s.stats
	st.Evicted = s.links.Evicted()
	return st
}

// Observe sets o.User and o.UserName, and learns from the answer.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	c := o.Call
	var token uint64
	if c.Token != "" {
		token = TokenKey(s.cfg.Seed, c.Token)
	}
	switch {
	case c.User != "":
		o.User, o.UserName = login.AccountKey(s.cfg.Seed, c.User), c.User
	case token != 0:
		if l := s.links.Touch(token, o.AtNS); l != nil && o.AtNS-l.usedNS < forgetNS {
			l.usedNS = o.AtNS
			o.User, o.UserName = l.User, l.Name
			s.stats.Resolved++
		}
	}
	if c.Status < 200 || c.Status >= 400 {
		return
	}
	if l := o.Login; l != nil || c.Flags.Has(event.FlagMinted) {
		s.learn(o, token, out)
	} else if token != 0 && o.User == 0 && c.Status < 300 && c.Method == "GET" && isMe(c.Path) {
		s.meet(o, token, out)
	}
}

// learn takes from an answer whose the credentials are that it hands out.
func (s *Stage) learn(o *detect.Observation, token uint64, out *detect.Output) {
	c := o.Call
	var minted [mintedMost]uint64
	n, inBody := 0, false
	for i := range c.IDs {
		if id := &c.IDs[i]; id.Response && id.Class == event.ClassSecret && n < len(minted) {
			minted[n] = MintedKey(id.Hash)
			inBody = inBody || id.In != event.InCookie
			n++
		}
	}
	name, link, ok := c.Account, Link{}, false
	switch l := o.Login; {
	case l == nil:
		// The login model knows this place not yet. A token in a body, for a
		// name with a secret, speaks for itself; a cookie may be everybody's.
		// Without a name, where nothing is presented but a code: it is the second
		// step of who has just taken the first there and got nothing for it.
		ok = name != "" && inBody && c.Flags.Has(event.FlagSecretPresented)
		if name == "" && inBody && token == 0 {
			link, ok = s.lastLogin(o, pendingNS, pendingNS)
			ok = ok && link.Session == state.Join(o.Source, uint64(link.SinceNS))
		}
		if !ok {
			s.pass(token, minted[:n], out)
			return
		}
	case l.Class == detect.LoginRefresh:
		if token != 0 {
			s.pass(token, minted[:n], out)
			return
		}
		link, ok = s.lastLogin(o, forgetNS, dayNS)
	case !l.Outcome.Succeeded():
		return
	case l.Class == detect.LoginMFA && l.Name == "":
		s.pass(token, minted[:n], out) // of the first factor, if it was linked: comes behind and wins
		link, ok = s.lastLogin(o, pendingNS, pendingNS)
	case l.Class == detect.LoginPassword, l.Class == detect.LoginRegister, l.Class == detect.LoginReset, l.Class == detect.LoginMFA, l.Class == detect.LoginMachine:
		name, ok = l.Name, l.Name != ""
		link.Machine = l.Class == detect.LoginMachine
	default:
		s.pass(token, minted[:n], out)
		return
	}
	if !ok {
		return
	}
	if link.User == 0 {
		link.User, link.Name = login.AccountKey(s.cfg.Seed, name), name
		s.identifier(o, &link, out)
	}
	if link.Session == 0 {
		link.SinceNS, link.Session = o.AtNS, SessionOf(o)
	}
	s.remember(o, link)
	for _, key := range minted[:n] {
		out.Fact(For, key, learned{link})
	}
	if n == 0 && token != 0 && c.User == "" && c.Auth == event.AuthCookie {
		out.Fact(For, token, learned{link}) // the session that was there before is logged in now
	}
}

// pass says that minted stand for what token stood for.
func (s *Stage) pass(token uint64, minted []uint64, out *detect.Output) {
	if token == 0 {
		return
	}
	for _, key := range minted {
		if key != token {
			out.Fact(For, token, passed{key})
		}
	}
}

// remember notes who logged in at a client.
func (s *Stage) remember(o *detect.Observation, link Link) {
	src := s.sources.Put(o.Source, o.AtNS)
	if src == nil {
		return
	}
	if src.link.User != 0 && src.link.User != link.User {
		src.otherNS = src.atNS
	}
	src.link, src.atNS = link, o.AtNS
}

// lastLogin is who logged in at this client within the time, unless somebody
// else did too.
func (s *Stage) lastLogin(o *detect.Observation, withinNS, aloneNS int64) (Link, bool) {
	src := s.sources.Get(o.Source)
	if src == nil || o.AtNS-src.atNS > withinNS || src.otherNS != 0 && o.AtNS-src.otherNS < aloneNS {
		return Link{}, false
	}
	return src.link, true
}

// identifier teaches which account an identifier is, if the login shows one.
func (s *Stage) identifier(o *detect.Observation, link *Link, out *detect.Output) {
	if hash := onlyPerson(o.Call.IDs, false); hash != 0 {
		out.Fact(For, hash, named{link.User, link.Name})
	}
}

// meet asks who it is whom an answer about the caller names.
func (s *Stage) meet(o *detect.Observation, token uint64, out *detect.Output) {
	if hash := onlyPerson(o.Call.IDs, true); hash != 0 {
		out.Fact(For, hash, met{token})
	}
}

// onlyPerson is the hash of the one name in a request or response; 0 if there
// are several.
func onlyPerson(ids []event.IDRef, response bool) (hash uint64) {
	for i := range ids {
		id := &ids[i]
		if id.Response != response || id.Class != event.ClassName || id.In > event.InBody {
			continue
		}
		if hash != 0 && hash != id.Hash {
			return 0
		}
		hash = id.Hash
	}
	return hash
}

// Fact learns a link, or tells one.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	switch p := f.Payload.(type) {
	case learned:
		s.set(f, p.link)
	case passed:
		if l := s.known(f.Key, f.AtNS); l != nil {
			s.stats.Passed++
			out.Fact(For, p.to, learned{*l})
		}
	case named:
		if n := s.names.Put(f.Key, f.AtNS); n != nil {
			*n = p
		}
	case met:
		if n := s.names.Touch(f.Key, f.AtNS); n != nil {
			out.Fact(For, p.token, learned{Link{User: n.user, Name: n.name, Session: p.token, SinceNS: f.AtNS}})
		}
	case Ask:
		answer := Answer{Payload: p.Payload}
		if l := s.known(f.Key, f.AtNS); l != nil {
			answer.Link = *l
			out.Fact(p.To, l.User, answer)
		} else if p.Else != 0 {
			out.Fact(p.To, p.Else, answer)
		}
	}
}

func (s *Stage) known(token uint64, atNS int64) *Link {
	if l := s.links.Touch(token, atNS); l != nil && atNS-l.usedNS < forgetNS {
		return l
	}
	return nil
}

func (s *Stage) set(f *detect.Fact, link Link) {
	l := s.links.Put(f.Key, f.AtNS)
	if l == nil {
		return
	}
	s.stats.Linked++
	link.usedNS = f.AtNS
	*l = link
}

// isMe reports whether a path is one where an API tells callers who they are.
func isMe(path string) bool {
	i := strings.LastIndexByte(strings.TrimSuffix(path, "/"), '/')
	switch strings.ToLower(strings.TrimSuffix(path[i+1:], "/")) {
	case "me", "self", "whoami", "userinfo", "profile", "myprofile", "current", "current_user", "currentuser", "account", "myaccount":
		return true
	}
	return false
}
