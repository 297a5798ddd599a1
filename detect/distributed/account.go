package distributed

import (
	"slices"

	"lapwing/detect"
	"lapwing/detect/state"
)

const (
	dayNS      = int64(24 * 60 * 60 * 1e9)
	familiarNS = 45 * dayNS
	resolveNS  = int64(10 * 60 * 1e9)
	// most failures of strangers that one account counts for in a day: many
	// tries at one account are somebody else's business.
	mostDaily = 2
)

// An account is one that strangers failed at.
type account struct {
	goodNS int64 // last time that somebody came in, or asked for a new password
	day    int32
	failed uint8 // strangers on that day
}

// try judges an attempt by what is known of its account.
func (s *Stage) try(a *Attempt, out *detect.Output) {
	l := &a.Login
	if l.Account == 0 {
		return
	}
	good := l.Outcome.Succeeded()
	switch l.Class {
	case detect.LoginPassword:
	case detect.LoginRegister, detect.LoginReset, detect.LoginMFA:
		if good {
			s.acquaint(a)
			s.resolve(a)
		}
		return
	case detect.LoginForgot:
		s.resolve(a)
		return
	default:
		return
	}
	if !good && !l.Outcome.Failed() {
		return
	}
	s.stats.Attempts++
	t := s.tried(a)
	if !good {
		t.marks |= failed
	}
	if l.Outcome == detect.LoginNoSuchUser {
		t.marks |= nobody
	}
	if !s.familiar.Has(state.Join(l.Account, knownAtAll), a.AtNS) {
		t.marks |= newcomer
	}
	if !s.knows(a, t.network) {
		t.marks |= stranger
	}
	// A failure of a stranger counts once a day for a source and account, all
	// else once an hour: retries add nothing, and whoever repeats a login of his
	// own buys little cover with it. Once a day for all would make the share of
	// what is rare rise towards the evening, as those who come every day are used up.
	pair := state.Join(a.Source, l.Account)
	if t.marks&(failed|stranger) == failed|stranger {
		if !s.failed.Add(pair, a.AtNS) && s.admit(a) {
			t.marks |= counted
		}
	} else if !s.counted.Add(pair, a.AtNS) {
		t.marks |= counted
	}
	if good {
		s.acquaint(a)
		s.resolve(a)
	}
	if a.Owned {
		s.stats.Owned++
		return
	}
	if t.marks&(counted|stranger) == 0 {
		return
	}
	out.Fact(For, t.place, t)
	if t.marks&counted != 0 {
		w := waiting{dueNS: a.AtNS + resolveNS, account: l.Account, place: t.place, settled: settled{marks: t.marks, values: t.values, weight: t.weight}}
		if !s.pending.push(w) {
			s.stats.Dropped++
		}
	}
}

// admit counts a failure of a stranger, and reports whether its account has
// not had its share of them today.
func (s *Stage) admit(a *Attempt) bool {
	acc := s.accounts.Put(a.Login.Account, a.AtNS)
	if acc == nil {
		return false
	}
	if day := int32(a.AtNS / dayNS); day != acc.day {
		acc.day, acc.failed = day, 0
	}
	if acc.failed >= mostDaily {
		return false
	}
	acc.failed++
	return true
}

// resolve notes that somebody came into an account, or cares for it.
func (s *Stage) resolve(a *Attempt) {
	if acc := s.accounts.Get(a.Login.Account); acc != nil {
		acc.goodNS = max(acc.goodNS, a.AtNS)
	}
}

// What may be familiar to an account.
const (
	knownAtAll uint64 = iota + 1
	knownClient
	knownNetwork
	knownProgram
	knownBoth
)

func (s *Stage) traits(a *Attempt, net uint64) (list [5]uint64) {
	acc := a.Login.Account
	program := a.Fingerprint
	if program == "" {
		program = a.Agent
	}
	fp := state.Hash(s.cfg.Seed, program)
	list[0] = state.Join(acc, knownAtAll)
	list[1] = state.Join(state.Join(acc, a.Client), knownClient)
	list[2] = state.Join(state.Join(acc, net), knownNetwork)
	list[3] = state.Join(state.Join(acc, fp), knownProgram)
	list[4] = state.Join(state.Join(acc, state.Join(net, fp)), knownBoth)
	return list
}

// knows reports whether the account was ever entered from there. What a fifth
// of all people have in common says nothing about one of them: behind a proxy
// that is not trusted everybody has the same network, and on some sites half of
// the people have the same phone.
func (s *Stage) knows(a *Attempt, net uint64) bool {
	traits := s.traits(a, net)
	if s.familiar.Has(traits[4], a.AtNS) {
		return true
	}
	if !s.crowded(net) && (s.familiar.Has(traits[1], a.AtNS) || s.familiar.Has(traits[2], a.AtNS)) {
		return true
	}
	program := a.Fingerprint
	if program == "" {
		program = a.Agent
	}
	return program != "" && !s.crowded(state.Hash(s.cfg.Seed, program)|1) && s.familiar.Has(traits[3], a.AtNS)
}

func (s *Stage) crowded(key uint64) bool {
	_, ok := slices.BinarySearch(s.crowds, key)
	return ok
}

// acquaint remembers where an account was entered from.
func (s *Stage) acquaint(a *Attempt) {
	for _, k := range s.traits(a, s.network(a)) {
		s.familiar.Add(k, a.AtNS)
	}
}
