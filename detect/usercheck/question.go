package usercheck

import (
	"math"
	"strings"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// kind is where a question is asked.
type kind uint8

const (
	kindLogin kind = iota + 1
	kindForgot
	kindRegister
	kindLookup
)

// reply is what the answer says about the identifier.
type reply uint8

const (
	replyNothing reply = iota
	replyAbsent        // nobody has it
	replyTaken         // somebody has it
)

// A question is one call that names an identifier.
type question struct {
	kind    kind
	reply   reply
	target  uint64 // the identifier
	account bool   // target is the key of an account
	blind   bool   // it names an identifier that cannot be seen: each call stands for one
	entered bool   // came in, or made the account
	counts  bool   // the answer was one to the question
	weight  float64
	answer  uint64 // equal for answers that look the same
}

// ask reads the question that a call is; false if it is none.
func (s *Stage) ask(o *detect.Observation) (q question, ok bool) {
	if o.Login == nil {
		return s.lookUp(o)
	}
	l := o.Login
	q = question{target: l.Account, account: true, weight: weight(l.Confidence), entered: l.Outcome.Succeeded()}
	switch l.Class {
	case detect.LoginPassword:
		q.kind = kindLogin
	case detect.LoginForgot:
		q.kind, q.entered = kindForgot, false // whoever asks for a link has not come in
	case detect.LoginRegister:
		q.kind = kindRegister
	case detect.LoginReset:
		return question{kind: kindForgot, target: l.Account, account: true, entered: true, counts: true, weight: 1}, l.Account != 0 && l.Outcome.Succeeded()
	default:
		return q, false
	}
	switch l.Outcome {
	case detect.LoginUnknown:
		if l.Class != detect.LoginForgot || o.Call.Status == 0 || o.Call.Status >= 500 {
			return q, false
		}
	case detect.LoginError, detect.LoginLocked:
		return q, false
	}
	if q.target == 0 {
		if q.kind == kindLogin {
			return q, false // blind guesses at passwords are brute force
		}
		q.blind, q.account = true, false
	}
	q.counts = true
	q.answer = answerKey(s.cfg.Seed, o.Call)
	switch {
	case l.Outcome == detect.LoginTaken:
		q.reply = replyTaken
	case l.Outcome == detect.LoginNoSuchUser, q.kind == kindForgot && l.Outcome == detect.LoginFailure:
		q.reply = replyAbsent // who forgot a password has presented nothing else that could be wrong
	case !q.entered:
		if m := s.oracles.Get(s.endpoint(o)); m != nil {
			q.reply = m.reply(q.answer)
		}
	}
	return q, true
}

// lookUp recognises places that say whether a name is taken or known:
// /users/exists?email=…, /check-username/{name}, POST /account/lookup.
func (s *Stage) lookUp(o *detect.Observation) (q question, ok bool) {
	c := o.Call
	if c.Status < 200 || c.Status >= 500 || c.Status >= 300 && c.Status < 400 || c.Status == 401 || c.Status == 429 {
		return q, false
	}
	target := identifier(c)
	if target == 0 && c.Account == "" {
		return q, false
	}
	if !s.looksUp(o) {
		return q, false
	}
	if target == 0 {
		target = state.Hash(s.cfg.Seed, c.Account)
	}
	return question{kind: kindLookup, target: target, counts: true, weight: 1, answer: answerKey(s.cfg.Seed, c)}, true
}

// identifier is the hash of the person that a request names, 0 if none or
// several.
func identifier(c *event.Call) (hash uint64) {
	for i := range c.IDs {
		id := &c.IDs[i]
		if id.Response {
			break // the request's come first
		}
		if id.Class != event.ClassName || id.In > event.InBody {
			continue
		}
		if hash != 0 && hash != id.Hash {
			return 0
		}
		hash = id.Hash
	}
	return hash
}

// looksUp reports whether the path of a call is that of a look-up, remembered.
func (s *Stage) looksUp(o *detect.Observation) bool {
	c := o.Call
	path := o.Route.Template
	if path == "" {
		path = c.PathShape
	}
	key := o.Route.Key
	if key == 0 {
		key = state.Hash(s.cfg.Seed, path)
	}
	if known := s.lookups.Get(key); known != nil {
		return *known
	}
	is := lookupPath(path) || lookupPath("/"+c.Operation)
	if known := s.lookups.Put(key, 0); known != nil {
		*known = is
	}
	return is
}

var (
	lookupWords = []string{"exist", "availab", "check", "lookup", "validat", "verif", "identify", "istaken", "isregistered", "isused", "discover", "unique", "verfueg", "disponib"}
	personWords = []string{"user", "email", "mail", "account", "phone", "mobile", "member", "customer", "login", "identi", "nick", "handle", "name", "konto", "benutzer", "utilisateur", "usuario", "correo", "compte", "cuenta"}
)

// lookupPath: a word of asking beside one for a person.
func lookupPath(path string) bool {
	path = strings.ToLower(path[:min(len(path), 512)])
	var asks, person bool
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment[0] == '{' {
			continue
		}
		plain := strings.NewReplacer("-", "", "_", "", ".", "").Replace(segment)
		if strings.HasPrefix(plain, "checkout") {
			return false
		}
		for _, w := range lookupWords {
			asks = asks || strings.Contains(plain, w)
		}
		for _, w := range personWords {
			person = person || strings.Contains(plain, w)
		}
	}
	return asks && person
}

// answerKey is equal for answers that look the same. Lengths count only where
// no body was read.
func answerKey(seed uint64, c *event.Call) uint64 {
	r := &c.Shape.Response
	k := state.Join(uint64(c.Status), r.Hash)
	if r.Outcome != "" {
		k = state.Join(k, state.Hash(seed, r.Outcome))
	}
	if r.Location != "" {
		k = state.Join(k, state.Hash(seed, r.Location))
	}
	if (r.Type == "" || r.Type == "html" || r.Type == "text") && c.ResponseBytes > 0 {
		k = state.Join(k, uint64(math.Log2(float64(c.ResponseBytes))*4)+1)
	}
	return k
}

// endpoint names the place of a question.
func (s *Stage) endpoint(o *detect.Observation) uint64 {
	key := o.Route.Key
	if key == 0 {
		c := o.Call
		key = state.Join(state.Hash(s.cfg.Seed, c.Host), state.Join(state.Hash(s.cfg.Seed, c.Method), state.Hash(s.cfg.Seed, c.PathShape)))
	}
	if op := o.Call.Operation; op != "" {
		key = state.Join(key, state.Hash(s.cfg.Seed, op))
	}
	return key
}

// weight tempers evidence by the certainty of its label; near certainty is as
// good.
func weight(confidence float64) float64 {
	if confidence >= 0.9 || confidence == 0 {
		return 1
	}
	return confidence
}
