package login

import (
	"lapwing/detect"
	"lapwing/event"
)

const (
	// clustersPerEndpoint bounds the ways of answering that are told apart;
	// real endpoints have two to six. Further ones are judged by their answer alone.
	clustersPerEndpoint = 16
	// heldPerEndpoint bounds the attempts kept until they can be read: a fast run
	// of a few hundred is told whole, and Config.Held bounds all endpoints together.
	heldPerEndpoint = 512

	assured     = 3.0 // log-odds at which 30 calls make a login
	provisional = 4.0 // and at which 5 do
)

// An endpoint is what is known of one place that takes requests with bodies.
// Those whose name and traffic say nothing of authentication have no model.
type endpoint struct {
	words words
	model *model
}

// A model counts what speaks for and against an endpoint being part of
// authentication, and how it answers.
type model struct {
	words    words
	known    bool // recognised
	n        uint32
	secret   uint32 // calls that presented a secret
	ident    uint32 // … an identifier
	bare     uint32 // … no credential of their own
	bearer   uint32 // … a bearer token
	minted   uint32 // … were handed a credential
	used     uint32 // … which the same client then used
	refused  uint32 // answered 401, 403, 400 or 422
	answered uint32 // answered in a way that only an existing endpoint has
	grant    bool   // an OAuth token endpoint
	sameRun  uint32 // longest run of equal answers to one source
	lastKey  uint64 // answer and source of the last call
	run      uint32
	logOnly  bool

	clusters []cluster
	held     []held
}

type held struct {
	attempt Attempt
	cluster int
	next    step
}

// A step is what the client of an attempt did next. Whoever got in goes on to
// other pages; whoever comes back with another attempt did not. This judges an
// attempt by itself, at any pace, where answers look alike.
type step uint8

const (
	stepNone step = iota
	stepOn
	stepBack
)

func (s step) outcome() (detect.LoginOutcome, float64) {
	switch s {
	case stepOn:
		return detect.LoginSuccess, 0.8
	case stepBack:
		return detect.LoginFailure, 0.8
	}
	return detect.LoginUnknown, 0.5
}

func (m *model) count(c *event.Call, f fields, a *answer, source uint64) {
	if m.n == 1<<20 { // forget slowly rather than overflow
		for _, p := range []*uint32{&m.n, &m.secret, &m.ident, &m.bare, &m.bearer, &m.minted, &m.used, &m.refused, &m.answered} {
			*p /= 2
		}
	}
	m.n++
	if c.Flags.Has(event.FlagSecretPresented) || f&(fieldPassword|fieldNew|fieldRefresh|fieldClientSecret|fieldCoupon) != 0 {
		m.secret++
	}
	if c.Account != "" || f&fieldIdentifier != 0 {
		m.ident++
	}
	switch c.Auth {
	case event.AuthNone:
		m.bare++
	case event.AuthBearer, event.AuthJWT:
		m.bearer++
	}
	if a.minted != mintNone {
		m.minted++
	}
	switch a.status {
	case 401, 403, 400, 422:
		m.refused++
	}
	if a.status > 0 && a.status < 500 && a.status != 404 && a.status != 405 && a.status != 410 {
		m.answered++
	}
	if a.status == 404 && a.said == saidNo && m.words&wordGuess != 0 {
		m.answered++ // "no such coupon" is said by the endpoint, not for want of one
	}
	m.logOnly = a.log
	if k := a.key() ^ source; k == m.lastKey {
		m.run++
		m.sameRun = max(m.sameRun, m.run)
	} else {
		m.lastKey, m.run = k, 1
	}
	if f&fieldRefresh != 0 && f&fieldSeen != 0 || f&fieldClientSecret != 0 {
		m.grant = true
	}
}

// score is the sum of log-odds that the endpoint belongs to authentication.
func (m *model) score() float64 {
	s := 0.5 // takes a body: all that come here do
	switch {
	case m.words&wordLogin != 0:
		s += 2.5
	case m.words&(family&^wordNear) != 0:
		s += 2
	case m.words&wordNear != 0:
		s += 1.5
	}
	if m.words&wordScript != 0 {
		s++
	}
	if m.secret*2 >= m.n && m.secret > 0 {
		s += 2
	}
	if m.ident*2 >= m.n && m.ident > 0 {
		s++
	}
	if m.bare*5 >= m.n*4 {
		s++
	}
	if m.grant {
		s++
	}
	if m.minted > 0 && m.minted*50 >= m.n {
		s += 2
	}
	if m.used > 0 && m.used*50 >= m.n {
		s += 2
	}
	if len(m.clusters) >= 2 {
		s += 0.5
	}
	if m.bearer*10 >= m.n*9 && m.bearer > 0 && m.words&(wordGuess|wordMFA|wordChange) == 0 {
		s -= 2 // whoever comes here is logged in already
	}
	if m.logOnly && m.words&family != 0 {
		// A log shows no secret. It does show refusals, and that one client
		// gets the same answer again and again, which no working form does.
		if m.refused*5 >= m.n {
			s++
		}
		if m.words&(wordLogin|wordScript|wordMFA|wordGuess) != 0 && m.sameRun >= 5 {
			s++
		}
	}
	return s
}

// recognise decides whether the endpoint is part of authentication, and
// reports whether it is.
func (m *model) recognise() bool {
	if m.known || m.answered == 0 || m.n < 5 {
		return m.known
	}
	if m.words&family == 0 && m.secret*2 < m.n {
		return false // hands out cookies, but asks for no secret
	}
	s := m.score()
	m.known = s >= provisional || s >= assured && m.n >= 30
	return m.known
}

// cluster returns the index of the cluster of an answer, -1 if there is no room.
func (m *model) cluster(a *answer) int {
	key := a.key()
	for i := range m.clusters {
		if m.clusters[i].key == key {
			return i
		}
	}
	if len(m.clusters) == clustersPerEndpoint {
		return -1
	}
	m.clusters = append(m.clusters, cluster{key: key, answer: *a})
	return len(m.clusters) - 1
}

// outcome labels the answers of cluster i, or a if that is negative.
func (m *model) outcome(i int, a *answer) (detect.LoginOutcome, float64) {
	cl := &cluster{}
	if i >= 0 {
		cl = &m.clusters[i]
	} else {
		cl.answer = *a
	}
	outcome, confidence := cl.outcome(m)
	if m.vague() && outcome.Failed() {
		confidence = min(confidence, 0.6)
	}
	return outcome, confidence
}

// vague reports whether a log leaves open what is presented: a place called
// token or session takes passwords, and refresh tokens that have expired.
func (m *model) vague() bool { return m.logOnly && m.words&family == wordNear }

// has reports whether the endpoint has answered with a status in the range.
func (m *model) has(from, to int) bool {
	for i := range m.clusters {
		if s := m.clusters[i].answer.status; s >= from && s <= to {
			return true
		}
	}
	return false
}

// minting reports whether some answer hands out credentials.
func (m *model) minting() bool {
	for i := range m.clusters {
		if a := &m.clusters[i].answer; a.status < 400 && a.minted != mintNone && (a.minted == mintToken || m.clusters[i].used > 0) {
			return true
		}
	}
	return false
}
