package baseline

import (
	"strings"
	"time"

	"lapwing/detect/state"
	"lapwing/event"
)

// An Alert is what a rule has to say.
type Alert struct {
	Rule   string       // its name
	Entity event.Entity // client, account, token or endpoint
	AtNS   int64        // event time, Unix ns
}

// A Rule describes one rule of a Set.
type Rule struct {
	Name   string // vendor/rule
	Says   string // the condition, in words
	Source string // where the numbers were published
	About  string // login, path or volume: what kind of misuse it looks for
}

// A rule counts calls; it fires for the entity that it returns.
type rule struct {
	Rule
	observe func(s *seen, fire func(event.Entity))
	sweep   func(nowNS int64)
}

// seen is what rules read of a call. Who and what are keys.
type seen struct {
	call   *event.Call
	atNS   int64
	from   uint64 // client address
	who    uint64 // account; 0 if the call presents none
	with   uint64 // token; 0 if it presents none
	login  bool   // a secret was presented
	failed bool   // … and refused
	status int
	path   uint64
	place  uint64 // method, host and typed path
	static bool   // pictures, scripts and the like
}

func look(c *event.Call) seen {
	a := c.Client.As16()
	host := hash(c.Host)
	s := seen{
		call: c, atNS: c.Time.UnixNano(), from: hash(string(a[:])), who: key(c.Account), with: key(c.Token), status: c.Status,
		path: state.Join(host, hash(c.Path)), place: state.Join(state.Join(host, hash(c.Method)), hash(c.PathShape)), static: static(c.Path),
	}
	s.login = c.Flags.Has(event.FlagSecretPresented) || c.Account != "" && c.Method == "POST"
	s.failed = s.login && refused(c)
	return s
}

func key(s string) uint64 {
	if s == "" {
		return 0
	}
	return hash(s)
}

func hash(s string) uint64 { return state.Hash(0, s) }

// refused reads an answer as an operator would configure it: an error status,
// or a success in name that hands nothing out and says no.
func refused(c *event.Call) bool {
	if c.Status >= 400 {
		return c.Status < 500
	}
	if c.Flags.Has(event.FlagMinted) {
		return false
	}
	said := c.Shape.Response.Outcome
	return strings.Contains(said, "=false") || strings.Contains(said, "error") || strings.Contains(said, "fail")
}

func static(path string) bool {
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 {
		return false
	}
	switch path[dot+1:] {
	case "css", "js", "png", "jpg", "jpeg", "gif", "ico", "svg", "woff", "woff2", "ttf", "map", "webp", "mp4":
		return true
	}
	return false
}

// A Set runs all rules over one stream of calls.
type Set struct {
	rules []rule
	told  map[told]int64
	emit  func(Alert)
	swept int64

	rule string // that is looking at the call at atNS
	atNS int64
	fire func(event.Entity)
}

type told struct {
	rule   string
	entity event.Entity
}

const (
	againNS = int64(24 * time.Hour) // after which an entity is told of anew
	sweepNS = int64(10 * time.Minute)
)

// New returns all rules, which tell what they find to emit.
func New(emit func(Alert)) *Set {
	s := &Set{told: map[told]int64{}, emit: emit}
	s.fire = s.tell
	s.rules = append(s.rules, crowdsec()...)
	s.rules = append(s.rules, aws()...)
	s.rules = append(s.rules, elastic()...)
	s.rules = append(s.rules, sentinel(), auth0())
	s.rules = append(s.rules, panther()...)
	s.rules = append(s.rules, wallarm(), threeSigma())
	return s
}

// Rules describes the rules of a Set, in order.
func Rules() []Rule {
	var list []Rule
	for _, r := range New(nil).rules {
		list = append(list, r.Rule)
	}
	return list
}

// Observe shows a call to all rules.
func (s *Set) Observe(c *event.Call) {
	v := look(c)
	for i := range s.rules {
		s.rule, s.atNS = s.rules[i].Name, v.atNS
		s.rules[i].observe(&v, s.fire)
	}
	if v.atNS-s.swept < sweepNS {
		return
	}
	s.swept = v.atNS
	for i := range s.rules {
		s.rules[i].sweep(v.atNS)
	}
	for k, at := range s.told {
		if v.atNS-at >= againNS {
			delete(s.told, k)
		}
	}
}

func (s *Set) tell(e event.Entity) {
	k := told{s.rule, e}
	if last, ok := s.told[k]; ok && s.atNS-last < againNS {
		return
	}
	s.told[k] = s.atNS
	s.emit(Alert{s.rule, e, s.atNS})
}

func client(s *seen) event.Entity {
	return event.Entity{Kind: event.KindClient, Value: s.call.Client.String()}
}
func account(s *seen) event.Entity {
	return event.Entity{Kind: event.KindAccount, Value: s.call.Account}
}
func token(s *seen) event.Entity { return event.Entity{Kind: event.KindToken, Value: s.call.Token} }
