package credentials

import (
	"math"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/event"
)

var (
	// stranger tests the attempts of a client that never came into this account.
	stranger = evidence.Test{P0: 0.30, P1: 0.90}
	// acquainted tests those of one that did: people forget, and devices keep
	// old passwords.
	acquainted = evidence.Test{P0: 0.60, P1: 0.90}
	// code tests guesses at a one-time code, which people copy rather than
	// remember: ten wrong ones in a row are beyond doubt.
	code = evidence.Test{P0: 0.15, P1: 0.95}
	// blind tests attempts whose account cannot be seen: several people may
	// stand behind them, of whom less than three in four fail.
	blind = evidence.Test{P0: 0.45, P1: 0.95}
)

// few is how many wrong guesses at one account are not yet brute force for a
// client whose guesses are spread over several.
const few = 4

// beyond is how many wrong guesses make one account of a stuffing run a case
// of its own.
const beyond = 17

// several is how many times as often as its average account a run over many
// accounts may try one of them, before that too is a case of its own.
const several = 2

// lockable is how many wrong guesses must precede for a lock to be their doing.
// Going on against a locked door is then evidence, of half weight: the guess
// itself was not judged.
const lockable = 3

// What a pair stands for.
type kind uint8

const (
	kindAccount kind = iota // attempts at one account by one client
	kindCode                // attempts at one challenge
	kindBlind               // attempts by one client, account not shown
	kindMany                // attempts by one client beyond few an account
	kindSecret              // coupons, gift cards
)

// A pair is what one client did to one target.
type pair struct {
	score     evidence.Score
	known     bool // acquainted when the score began
	startedNS int64
	lastNS    int64
	attempts  int64
	failures  int64
	joined    int64 // attempts that the client's case has counted
	wrong     int64 // … of which failed
	withheld  float64
	loop      loop
	standing  *looping
}

func (p *pair) test(k kind) evidence.Test {
	switch {
	case k == kindCode:
		return code
	case k == kindBlind, k == kindMany, k == kindSecret:
		return blind
	case p.known:
		return acquainted
	}
	return stranger
}

// An account is what unfamiliar clients did to it together.
type account struct {
	score     evidence.Score
	startedNS int64
	lastNS    int64
	attempts  int64
	failures  int64
	entered   int64
	spread    spread
	bonus     bool
	open      *guessing
}

// guess judges an attempt as a guess.
func (s *Stage) guess(a *trial, k *client, out *detect.Output) {
	l := &a.Login
	switch {
	case l.Class == detect.LoginMachine:
		return // services repeat expired secrets for days: only many accounts tell an attack
	case l.Class == detect.LoginMFA || l.Class == detect.LoginReset:
		s.guessPair(a, k, kindCode, s.challenge(a, k), out)
	case l.Class == detect.LoginGuess:
		s.guessPair(a, k, kindSecret, a.Source, out)
	case l.Account == 0:
		s.guessPair(a, k, kindBlind, a.Source, out)
	default:
		p := s.guessPair(a, k, kindAccount, state.Join(a.Client, l.Account), out)
		if p == nil {
			return
		}
		if !a.locked || p.failures > lockable {
			s.guessTogether(a, k, p, out)
		}
		if a.failed && p.failures > few && !p.loop.possible(p.known) && !k.users.shared() && !k.stuffs() {
			s.guessPair(a, k, kindMany, a.Client, out)
		}
	}
}

// challenge names what a code is tried against.
func (s *Stage) challenge(a *trial, k *client) uint64 {
	switch {
	case a.Login.Account != 0:
		return state.Join(a.Client, a.Login.Account)
	case a.Token != "" && k.users.shared():
		return state.Hash(s.cfg.Seed, a.Token)
	}
	return a.Source
}

// stuffs reports whether the client is a suspect of stuffing: then its tries
// at single accounts are part of that.
func (k *client) stuffs() bool {
	score, _ := k.track.score(k.users.shared())
	return score.S >= detect.Noted
}

func (s *Stage) guessPair(a *trial, k *client, what kind, target uint64, out *detect.Output) *pair {
	key := state.Join(target, uint64(what)+0x70616972)
	var p *pair
	if a.failed {
		p = s.pairs.Put(key, a.AtNS)
	} else {
		p = s.pairs.Touch(key, a.AtNS) // a success needs no place
	}
	if p == nil {
		return nil
	}
	if p.score.S == 0 && a.failed {
		p.known = a.familiar
		p.startedNS, p.attempts, p.failures, p.joined, p.wrong = a.AtNS, 0, 0, 0, 0
	}
	if a.locked && p.failures < lockable {
		return p // throttled for other reasons than its own guesses
	}
	t := p.test(what)
	p.score.Add(t, a.failed, a.weight)
	p.attempts++
	p.startedNS = min(p.startedNS, a.AtNS) // those recognised late come behind
	p.lastNS = max(p.lastNS, a.AtNS)
	if a.failed {
		p.failures++
		p.loop.add(a.AtNS, a.RequestBytes, a.Log)
	}
	s.pairs.Protect(key, protection(p.score.S))
	s.tellPair(a, k, p, what, t, out)
	return p
}

// tellPair reports a pair with evidence: as a client that guesses, or one that
// repeats itself.
func (s *Stage) tellPair(a *trial, k *client, p *pair, what kind, t evidence.Test, out *detect.Output) {
	if p.score.S < remember && p.failures <= few && p.joined == 0 {
		return
	}
	if what != kindCode && what != kindMany && p.loop.certain(p.known) && a.failed {
		s.tellLoop(a, p, t, out)
		return
	}
	if k.stuffs() && (what == kindMany || p.failures <= beyond) {
		return
	}
	g := k.guesses
	if g == nil || p.joined == 0 && a.AtNS-g.lastNS > dayNS { // what has been quiet for a day is another case
		g = &guessing{kind: what, startedNS: p.startedNS, entity: event.Entity{Kind: event.KindClient, Value: a.Address.String()}}
		k.guesses = g
	}
	g.endpoint = a.Endpoint
	if what != kindMany { // its attempts are counted at their accounts
		g.attempts += p.attempts - p.joined
		g.failures += p.failures - p.wrong
		p.joined, p.wrong = p.attempts, p.failures
		g.samples.AddSample(a.Sample, telling(a))
	}
	g.startedNS = min(g.startedNS, p.startedNS)
	g.targets.add(a.Login.Name)
	g.take(a, &p.score, t, what)
	if p.score.S >= detect.Noted || g.entered > 0 {
		s.suspectGuessing(g, out)
	}
}

// telling says how much a call tells in a sample.
func telling(a *trial) float64 {
	if !a.failed && !a.familiar {
		return 3
	}
	return 1
}

func (s *Stage) suspectGuessing(g *guessing, out *detect.Output) {
	out.Suspect(&detect.Suspicion{
		Detector: "brute_force", Entity: g.entity, StartedNS: g.startedNS, Score: g.score.S,
		Impact: int(min(g.entered, math.MaxInt32)), Case: g,
	})
}

func (s *Stage) tellLoop(a *trial, p *pair, t evidence.Test, out *detect.Output) {
	if p.standing == nil {
		p.standing = &looping{}
	}
	c := p.standing
	c.address, c.account, c.endpoint = a.Address.String(), a.Login.Name, a.Endpoint
	c.startedNS, c.lastNS, c.failures, c.score, c.test = p.startedNS, p.lastNS, p.failures, p.score, t
	c.period = p.loop.timetable(p.known).mean / 1e9
	c.samples.AddSample(a.Sample, 1)
	if p.failures&(p.failures-1) != 0 {
		return // told whenever its length has doubled: it may go on for months
	}
	out.Suspect(&detect.Suspicion{
		Detector: "brute_force", Entity: event.Entity{Kind: event.KindClient, Value: c.address}, Scope: "loop:" + c.account,
		StartedNS: p.startedNS, Score: p.score.S, Case: c,
	})
}

// guessTogether judges what unfamiliar clients do to one account together.
// Attempts that may still turn out to be a timetable wait until they do not.
func (s *Stage) guessTogether(a *trial, k *client, p *pair, out *detect.Output) {
	acc := a.Login.Account
	if p.known || a.familiar || (a.owned || k.stuffs()) && p.failures <= beyond {
		return
	}
	var t *account
	if a.failed {
		t = s.accounts.Put(acc, a.AtNS)
	} else {
		t = s.accounts.Touch(acc, a.AtNS)
	}
	if t == nil {
		return
	}
	if t.score.S == 0 && a.failed {
		*t = account{startedNS: a.AtNS}
	}
	t.startedNS, t.lastNS = min(t.startedNS, a.AtNS), max(t.lastNS, a.AtNS)
	t.attempts++
	run := s.led(a.Endpoint, a.AtNS)
	if a.failed {
		t.failures++
		t.spread.add(a.Client)
		if run != nil {
			run.count(s.cfg.Seed, acc)
		}
		if p.attempts > 1 && p.loop.possible(p.known) {
			p.withheld += a.weight
			return
		}
		t.score.Add(stranger, true, a.weight+p.withheld)
		p.withheld = 0
	} else {
		t.score.Add(stranger, false, a.weight)
		t.entered++
	}
	if sources := t.spread.distinct(); !t.bonus && sources >= 5 && float64(sources+int(t.spread.other))/float64(t.attempts) > 0.5 {
		t.bonus = true
		t.score.AddBonus(stranger, math.Ln2)
	}
	s.accounts.Protect(acc, protection(t.score.S))
	if t.score.S < remember || t.spread.distinct() < 2 || t.spread.top() >= 0.8 {
		return // one client: it answers for itself
	}
	if run != nil && float64(t.failures) <= beyond+several*run.each(t.failures) {
		return // the run tries every account so often
	}
	g := t.open
	if g == nil {
		g = &guessing{kind: kindAccount, startedNS: t.startedNS, entity: event.Entity{Kind: event.KindAccount, Value: a.Login.Name}}
		t.open = g
	}
	g.endpoint = a.Endpoint
	g.samples.AddSample(a.Sample, telling(a))
	g.attempts, g.failures, g.clients = t.attempts, t.failures, int64(t.spread.distinct())
	g.addresses.add(a.Address.String())
	g.take(a, &t.score, stranger, kindAccount)
	if t.score.S >= detect.Noted || g.entered > 0 {
		s.suspectGuessing(g, out)
	}
}
