package usercheck

import (
	"lapwing/detect/evidence"
	"lapwing/event"
)

var (
	// told tests whether answers say what an honest caller seldom hears. One
	// login in seven may name nobody (old addresses, typing errors), and one
	// registration in seven a name that is taken; .35 is tolerated.
	told = evidence.Test{P0: 0.15, P1: 0.60}
	// asking tests whether another name is asked for rather than come in with one.
	// A form that checks a name at every key asks some seven times for each
	// account made (.85); .956 is tolerated, 22 names for each that comes in.
	asking = evidence.Test{P0: 0.85, P1: 0.995}
	// refused tests whether registrations fail at the first attempt; forms that
	// are hard to fill in refuse nearly every second one. .76 is tolerated.
	refused = evidence.Test{P0: 0.45, P1: 0.95}
	// blind tests, where the identifier cannot be seen, whether the answers say what
	// an honest caller seldom hears. Somebody who repeats a typing error counts
	// each time: nearly every second one may. .76 is tolerated.
	blind = evidence.Test{P0: 0.45, P1: 0.95}
)

// test names one of them.
type test uint8

const (
	testTold test = iota
	testAsking
	testRefused
	testBlind
	tests
)

var (
	all      = [tests]evidence.Test{told, asking, refused, blind}
	hitNames = [tests]string{"identifiers_told_about", "identifiers_asked_for", "registrations_refused", "unseen_identifiers_told_about"}
	misses   = [tests]string{"identifiers_not_told_about", "accounts_come_in", "registrations_made", "unseen_identifiers_not_told_about"}
)

// A track is the evidence against one key, and what happened since the
// earliest of its tests left zero.
type track struct {
	scores    [tests]evidence.Score
	startedNS int64
	lastNS    int64
	questions int64
	targets   int64
	absent    int64
	taken     int64
	entered   int64
	open      *checking
}

// hits says for each test how a question counts: 1 for, -1 against, 0 not at all.
func (q *question) hits() (h [tests]int) {
	sign := func(is bool) int {
		if is {
			return 1
		}
		return -1
	}
	if q.blind {
		h[testBlind] = sign(q.reply != replyNothing)
		return h
	}
	switch q.kind {
	case kindLogin:
		h[testTold] = sign(q.reply == replyAbsent)
	case kindForgot:
		if !q.entered {
			h[testTold] = sign(q.reply == replyAbsent)
			h[testAsking] = 1
		}
	case kindRegister:
		h[testTold] = sign(q.reply == replyTaken)
		h[testRefused] = sign(!q.entered)
	case kindLookup:
		h[testAsking] = 1
	}
	if q.entered {
		h[testAsking] = -1
	}
	return h
}

// interests reports whether a question can begin a story.
func (q *question) interests() bool {
	for _, h := range q.hits() {
		if h > 0 {
			return true
		}
	}
	return false
}

func (t *track) idle() bool {
	for i := range t.scores {
		if t.scores[i].S > 0 {
			return false
		}
	}
	return true
}

// add counts a question; novel says that its identifier was not counted here
// before.
func (t *track) add(q *question, atNS int64, novel bool) {
	if t.idle() {
		if !novel || !q.interests() {
			return
		}
		*t = track{startedNS: atNS}
	}
	t.startedNS, t.lastNS = min(t.startedNS, atNS), max(t.lastNS, atNS)
	t.questions++
	if !novel {
		return
	}
	for i, h := range q.hits() {
		if h != 0 {
			t.scores[i].Add(all[i], h > 0, q.weight)
		}
	}
	t.targets++
	switch {
	case q.entered:
		t.entered++
	case q.reply == replyAbsent:
		t.absent++
	case q.reply == replyTaken:
		t.taken++
	}
}

// best is the strongest evidence, and by which test.
func (t *track) best() (float64, test) {
	best := test(0)
	for i := range t.scores {
		if t.scores[i].S > t.scores[best].S {
			best = test(i)
		}
	}
	return t.scores[best].S, best
}

// protection grows with evidence.
func (t *track) protection() uint8 {
	s, _ := t.best()
	return uint8(min(200, s*10))
}

// A group is a place behind which several clients may stand.
type group struct {
	track
	clients evidence.Spread
	entity  event.Entity
	needs   int // clients
}
