package credentials

import (
	"math"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/event"
)

var (
	// first tests the first attempt at each account: one person in five may
	// mistype, a list of stolen passwords fails nearly always.
	first = evidence.Test{P0: 0.20, P1: 0.85}
	// unresolved tests whether the account came in from there within ten minutes.
	unresolved = evidence.Test{P0: 0.10, P1: 0.80}
)

// remember is the evidence from which calls are kept to quote.
const remember = detect.Noted / 2

// Levels at which stuffing is looked for.
const (
	levelSource = iota
	levelClient
	levelNetwork
	levelToken
	levelCluster
)

// A track is the evidence of stuffing against one key, and what happened since
// that evidence began.
type track struct {
	first      evidence.Score
	unresolved evidence.Score
	startedNS  int64
	lastNS     int64
	attempts   int64
	users      int64
	failures   int64
	successes  int64
	entered    int64 // accounts that were entered, by a client new to them
	open       *stuffing
}

// A group is a place behind which several clients may stand: a network, a
// session, a program. It is suspect by itself only if no client in it is.
type group struct {
	track
	level  int
	users  users
	spread spread
	told   bool // that there is a case
}

// score returns the evidence that counts: at a place that several people
// share, only what stayed unresolved.
func (t *track) score(shared bool) (*evidence.Score, evidence.Test) {
	if shared {
		return &t.unresolved, unresolved
	}
	return &t.first, first
}

// welcome counts somebody who came in among the users of a place, unless there
// is evidence against it: a thief does not make a household of his victims.
func (t *track) welcome(u *users, key uint64, nowNS int64) {
	if t.first.S < remember {
		u.add(key, nowNS)
	}
}

// add counts a trial; novel says that its account was not counted here before.
func (t *track) add(a *trial, novel bool) {
	if t.first.S == 0 && t.unresolved.S == 0 && !novel {
		return
	}
	t.lastNS = max(t.lastNS, a.AtNS)
	began := false
	if novel && !(a.failed && a.familiar) { // somebody known here who mistypes is no stranger with a list
		began = t.first.Add(first, a.failed, a.weight) && t.unresolved.S == 0
	}
	if began {
		t.startedNS, t.attempts, t.users, t.failures, t.successes, t.entered, t.open = a.AtNS, 0, 0, 0, 0, 0, nil
	}
	t.startedNS = min(t.startedNS, a.AtNS) // attempts that were recognised late come behind
	t.attempts++
	if novel {
		t.users++
	}
	if a.failed {
		t.failures++
		return
	}
	t.successes++
	if !a.familiar {
		t.entered++
	}
}

// stuff judges an attempt with a known account, and reports whether some suspect
// answers for it, and whether that tries one secret rather than a list.
func (s *Stage) stuff(a *trial, k *client, out *detect.Output) (owned, alike bool) {
	acc := a.Login.Account
	var counted uint8
	novel := func(level int, key uint64) bool {
		if !s.distinct.Add(state.Join(key, acc+uint64(level)), a.AtNS) {
			counted |= 1 << level
			return true
		}
		return false
	}
	a.fresh = novel(levelClient, a.Client)
	k.track.add(a, a.fresh)
	s.quote(a, &k.track, k.users.shared(), levelClient)
	s.clients.Protect(a.Client, k.track.protection())
	src, _ := s.sources.PutOf(a.Source, a.network, a.AtNS)
	if src != nil {
		if !a.failed {
			src.welcome(&src.users, acc, a.AtNS)
		}
		src.add(a, novel(levelSource, a.Source))
		s.quote(a, &src.track, src.users.shared(), levelSource)
		s.sources.Protect(a.Source, src.protection())
	}
	groups := s.groupsOf(a)
	told := s.told(groups[levelCluster-levelNetwork])
	if !told {
		s.suspectClient(k, src, out)
		score, t, _ := k.best(src)
		owned, alike = score.S >= detect.Noted, t.oneSecret()
	}
	for i, key := range groups {
		if owned { // what one suspect does is not held against those around it
			break
		}
		if key != 0 && (!told || levelNetwork+i == levelCluster) {
			level := levelNetwork + i
			owned = s.join(a, level, key, novel(level, key), out)
			if g := s.groups.Get(key); owned && g != nil {
				alike = g.track.oneSecret()
			}
		}
	}
	if counted != 0 && !(a.failed && a.familiar) {
		// Who came in waits too: were only failures late, the last ten minutes
		// of a busy morning would look like nothing but failures.
		w := waiting{dueNS: a.AtNS + resolveNS, entered: !a.failed, client: a.Client, source: a.Source, groups: groups, account: acc, levels: counted, weight: float32(a.weight)}
		if !s.pending.push(w) {
			s.stats.Dropped++
		}
	}
	return owned, alike
}

// told reports whether a program has been told over all its clients: then it
// answers for each of them, of which there may be thousands.
func (s *Stage) told(key uint64) bool {
	if key == 0 {
		return false
	}
	g := s.groups.Get(key)
	return g != nil && g.told && g.track.open != nil
}

// groupsOf returns the keys of the network, the session and the program of an
// attempt, 0 where it shows none.
func (s *Stage) groupsOf(a *trial) (keys [3]uint64) {
	if a.Address.IsValid() {
		keys[0] = a.network
	}
	if a.Token != "" {
		keys[1] = state.Join(state.Hash(s.cfg.Seed, a.Token), 0x746f6b)
	}
	if a.Fingerprint != "" {
		keys[2] = state.Join(state.Hash(s.cfg.Seed, a.Fingerprint), 0x667072)
	}
	return keys
}

func entityOf(a *trial, level int) event.Entity {
	switch level {
	case levelSource, levelClient:
		return event.Entity{Kind: event.KindClient, Value: a.Address.String()}
	case levelNetwork:
		return event.Entity{Kind: event.KindNetwork, Value: prefixOf(a.Address).String()}
	case levelToken:
		return event.Entity{Kind: event.KindToken, Value: a.Token}
	}
	return event.Entity{Kind: event.KindCluster, Value: a.Fingerprint}
}

// join counts a trial in a group, and reports whether the group is a suspect.
func (s *Stage) join(a *trial, level int, key uint64, novel bool, out *detect.Output) bool {
	g := s.groups.Put(key, a.AtNS)
	if g == nil {
		return false
	}
	g.level = level
	if !a.failed {
		g.welcome(&g.users, a.Login.Account, a.AtNS)
	}
	g.track.add(a, novel)
	if novel && a.failed {
		g.spread.add(a.Client)
	}
	s.quote(a, &g.track, g.users.shared(), level)
	s.groups.Protect(key, g.track.protection())
	return s.suspectGroup(g, key, a.AtNS, out)
}

// best returns the strongest evidence against a client, as a whole or against
// one program behind it, and whether people share what it is against.
func (k *client) best(src *program) (*evidence.Score, *track, bool) {
	shared := k.users.shared()
	whole, _ := k.track.score(shared)
	if src != nil {
		if one, _ := src.score(src.users.shared()); one.S > whole.S {
			return one, &src.track, src.users.shared()
		}
	}
	return whole, &k.track, shared
}

func (s *Stage) suspectClient(k *client, src *program, out *detect.Output) {
	score, t, shared := k.best(src)
	t.suspect(score.S, detect.Medium, shared, 1, out)
}

// programThreshold is what a program must pass: there are many programs, each
// with its own chance of a false alarm (12 + ln 200).
const programThreshold = 17.3

// suspectGroup reports whether the group is suspect, and tells if it is. A
// group in which one client stands out is not: that client answers for itself.
// Nor is a program where another, or a campaign over all of them, answers.
func (s *Stage) suspectGroup(g *group, key uint64, nowNS int64, out *detect.Output) bool {
	clients, threshold := 3, detect.Medium
	if g.level == levelCluster {
		clients, threshold = 5, programThreshold
	}
	if g.spread.distinct() < clients || g.spread.top() > 0.5 {
		return false
	}
	shared := g.users.shared()
	score, _ := g.track.score(shared)
	if g.level == levelCluster && score.S >= detect.Noted && g.track.open != nil && !s.leads(key, g.track.open.endpoint, score.S >= threshold, nowNS) {
		return false
	}
	g.told = g.told && g.track.open != nil || score.S >= threshold
	g.track.suspect(score.S, threshold, shared, int64(g.spread.distinct()), out)
	return score.S >= detect.Noted
}

func (t *track) suspect(score, threshold float64, shared bool, clients int64, out *detect.Output) {
	if score < detect.Noted || t.open == nil {
		return
	}
	t.open.copy(t, shared)
	t.open.clients = clients
	name := manyPasswords
	if score >= threshold || t.open.detector != "" {
		name = t.open.name()
	}
	out.Suspect(&detect.Suspicion{
		Detector: name, Entity: t.open.entity, StartedNS: t.startedNS, Score: score, Threshold: threshold,
		Impact: int(min(t.entered, math.MaxInt32)), Case: t.open,
	})
	c := t.open
	if c.sprayed == nil && c.detector == manyPasswords && c.rounds() {
		c.sprayed = &sprayed{c} // what looked like one round of a list goes on with another password
	}
	if c.sprayed != nil {
		out.Suspect(&detect.Suspicion{
			Detector: spraying, Entity: c.entity, StartedNS: t.startedNS, Score: score, Threshold: threshold,
			Impact: int(min(t.entered, math.MaxInt32)), Case: c.sprayed,
		})
	}
}

// quote keeps the call in the case, which it opens once there is something to tell.
func (s *Stage) quote(a *trial, t *track, shared bool, level int) {
	if t.open == nil {
		if t.first.S < remember && t.unresolved.S < remember && !(shared && t.failures >= 4) {
			return
		}
		t.open = &stuffing{entity: entityOf(a, level)}
	}
	c := t.open
	c.endpoint = a.Endpoint
	if n := a.SecretBytes(); n > 0 && a.failed && a.fresh {
		c.secrets.Add(n)
	}
	weight := 1.0
	if !a.failed {
		weight = 2
		if !a.familiar {
			weight = 3
			c.names.add(a.Login.Name)
		}
	}
	c.samples.AddSample(a.Sample, weight)
}

func (t *track) protection() uint8 { return protection(max(t.first.S, t.unresolved.S)) }

// protection grows with evidence: a flood of new keys pushes out those first
// against which there is none.
func protection(score float64) uint8 { return uint8(min(200, score*10)) }

// settle judges the attempts that have waited long enough.
func (s *Stage) settle(nowNS int64, out *detect.Output) {
	for {
		w, ok := s.pending.pop(nowNS)
		if !ok {
			return
		}
		hit := !w.entered && !s.familiar.Has(state.Join(w.client, w.account), w.dueNS)
		weight := float64(w.weight)
		add := func(t *track) {
			if t.unresolved.Add(unresolved, hit, weight) && t.first.S == 0 {
				t.startedNS = w.dueNS - resolveNS
			}
		}
		k := s.clients.Get(w.client)
		src := s.sources.Get(w.source)
		if k != nil && w.levels&(1<<levelClient) != 0 {
			add(&k.track)
		}
		if src != nil && w.levels&(1<<levelSource) != 0 {
			add(&src.track)
		}
		if hit && k != nil && !s.told(w.groups[levelCluster-levelNetwork]) {
			s.suspectClient(k, src, out)
		}
		for i, key := range w.groups {
			if key == 0 || w.levels&(1<<(levelNetwork+i)) == 0 {
				continue
			}
			if g := s.groups.Get(key); g != nil {
				add(&g.track)
				if hit {
					s.suspectGroup(g, key, nowNS, out)
				}
			}
		}
	}
}
