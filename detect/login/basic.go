package login

import (
	"strings"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// presentsBasic reports whether the call is an attempt by HTTP Basic (RFC
// 7617) or its like: of a log, a request with a remote user that is not the
// post of a login form.
func (s *Stage) presentsBasic(c *event.Call, f fields) bool {
	if c.Account == "" {
		return false
	}
	switch c.Auth {
	case event.AuthBasic:
		return f&(fieldPassword|fieldRefresh|fieldCode|fieldTicket) == 0 // else it is OAuth client authentication, RFC 6749 §2.3.1
	case event.AuthUnknown:
		return c.Source == event.SourceLog && !(takesBody(c.Method) && wordsOf(c.Path, "")&(wordLogin|wordScript) != 0)
	}
	return false
}

func (s *Stage) observeBasic(o *detect.Observation) {
	c := o.Call
	l := detect.Login{Class: detect.LoginPassword, Confidence: 0.97, Account: AccountKey(s.cfg.Seed, c.Account), Name: c.Account}
	switch {
	case c.Status == 401:
		l.Outcome = detect.LoginFailure
	case c.Status == 423 || c.Status == 429:
		l.Outcome = detect.LoginLocked
	case c.Status == 0 || c.Status == 400 || c.Status >= 500:
		l.Outcome = detect.LoginError
		if c.Status == 0 {
			l.Outcome, l.Confidence = detect.LoginUnknown, 0.5
		}
	case c.Status < 300 && c.Shape.Response.Outcome != "" && basicRefused(c, &l):
		if l.Outcome == detect.LoginUnknown {
			return
		}
	default:
		// Every call of a session carries the credentials: one success a day
		// tells all. The key is distinct from those of other filters' pairs.
		if s.basic.Add(state.Join(o.Source, l.Account), o.AtNS) {
			return
		}
		l.Outcome = detect.LoginSuccess
	}
	s.stats.Attempts++
	o.Login = &l
}

// basicRefused reports whether an answer of 2xx says no, and sets what that means.
// Protocols that answer 200 to everything (JSON-RPC, GraphQL) tell in the body
// that a password was wrong, and in the same way that an order does not exist:
// only of an operation that logs in, or by name, is it about the password.
// All else leaves open whether the password was judged.
func basicRefused(c *event.Call, l *detect.Login) bool {
	r := &c.Shape.Response
	said, echo := verdict(r.Outcome)
	if said != saidNo && said != saidNobody && said != saidLocked {
		if said != saidNothing && !echo || fieldsOf(r.Keys)&fieldFault == 0 {
			return false
		}
	}
	l.Outcome, l.Confidence = detect.LoginUnknown, 0.5
	switch {
	case said == saidLocked:
		l.Outcome, l.Confidence = detect.LoginLocked, 0.9
	case strings.Contains(strings.ToLower(r.Outcome), "unauth"):
		l.Outcome, l.Confidence = detect.LoginFailure, 0.95
	case wordsOf(c.Path, c.Operation)&(wordLogin|wordScript) == 0:
	case said == saidNobody:
		l.Outcome, l.Confidence = detect.LoginNoSuchUser, 0.9
	default:
		l.Outcome, l.Confidence = detect.LoginFailure, 0.9
	}
	return true
}
