package takeover

import (
	"math"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/identity"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	// journeyNS is the time in which nobody changes country.
	journeyNS = int64(60 * 60 * 1e9)
	// episodesKept bounds the logins of one account that are under suspicion at
	// a time.
	episodesKept = 2
)

// An account is what is known of one.
type account struct {
	name     string
	known    bool // has come in before
	guesses  uint32
	guessNS  int64 // the first of them
	network  detect.Network
	inNS     int64 // last success
	ins      uint16
	strange  [newNetwork + 1]uint16 // successes by what was new
	onFile   [personsKept]uint64    // addresses and numbers that the account has, as hashes, newest first
	episodes [episodesKept]*episode
}

// personsKept is how many addresses and numbers of an account are remembered.
const personsKept = 3

// file remembers an address of the account, and reports whether it was known.
func (a *account) file(person uint64) bool {
	for i, have := range a.onFile {
		if have == person {
			copy(a.onFile[1:i+1], a.onFile[:i])
			a.onFile[0] = person
			return true
		}
	}
	copy(a.onFile[1:], a.onFile[:])
	a.onFile[0] = person
	return false
}

// An episode is one login under suspicion, and what was done with it.
type episode struct {
	session uint64
	source  uint64
	fromNS  int64
	lastNS  int64
	client  string
	ref     event.EndpointRef
	novelty feature
	usual   float64 // frequency of the novelty among logins of the account
	guesses uint32
	parts   [features]float64
	company float64 // of the client: what its program tries elsewhere
	done    [changes]bool
	tempers [changes]float64
	made    int
	logins  int   // of this client, after the first
	places  uint8 // of a sweep
	reaches float64
	open    *taken
}

func (e *episode) score() float64 {
	sum := e.company
	for _, p := range e.parts {
		sum += p
	}
	return sum
}

// hinted is the evidence from which a change by a stranger is told as low (10^4).
const hinted = 9.210340371976184

// changed reports whether anything was changed, rather than looked at.
func (e *episode) changed() bool {
	for c := changePassword; c < changeExport; c++ {
		if e.done[c] {
			return true
		}
	}
	return false
}

// temper weighs the first change of a session and those after it, which do not
// happen independently: a likelihood ratio to a power below one keeps its bound.
var temper = [...]float64{1, .85, .7, .6}

// novelty says what of a client is new to an account; firstChange if nothing
// that counts.
func (s *Stage) novelty(f *detect.Fact, p *attempt) feature {
	client, program, network := s.keys(f.Key, p)
	knownProgram := s.familiar.Has(program, f.AtNS)
	knownNetwork := s.familiar.Has(network, f.AtNS) || s.familiar.Has(client, f.AtNS)
	switch {
	case knownProgram && knownNetwork:
		return firstChange
	case knownNetwork:
		return newProgram
	case knownProgram:
		return newNetwork
	}
	return newBoth
}

func (s *Stage) keys(account uint64, p *attempt) (client, program, network uint64) {
	return state.Join(account, p.client), state.Join(account, p.program+1), state.Join(account, p.network+2)
}

// attempted judges a login at its account.
func (s *Stage) attempted(f *detect.Fact, p *attempt, out *detect.Output) {
	a := s.accounts.Put(f.Key, f.AtNS)
	if a == nil {
		return
	}
	if a.name == "" {
		a.name = p.name
	}
	novelty := s.novelty(f, p)
	if !p.in {
		if novelty != firstChange && a.known {
			if a.guesses == 0 {
				a.guessNS = f.AtNS
			}
			a.guesses++
		}
		s.teach(lesson{attempt: true}, out)
		return
	}
	l := lesson{attempt: true, in: true}
	if a.known {
		l.logins = 1
	}
	if a.known && p.proves && novelty != firstChange {
		l.shown[novelty] = true
		switch {
		case a.guesses >= 12:
			l.shown[guessedMost] = true
		case a.guesses >= 6:
			l.shown[guessedMore] = true
		case a.guesses >= 3: // fewer are what a new device needs
			l.shown[guessed] = true
		}
		l.shown[hosted] = p.where.Class == detect.NetworkHosting || p.where.Class == detect.NetworkAnonymizer
		l.shown[travelled] = journey(a.network, p.where, f.AtNS-a.inNS)
		s.begin(f, a, p, &l, novelty, out)
		a.strange[novelty]++
	} else if p.proves {
		a.again(p)
	}
	if a.ins++; a.ins == 1<<15 { // forget slowly
		a.ins /= 2
		for i := range a.strange {
			a.strange[i] /= 2
		}
	}
	s.teach(l, out)
	client, program, network := s.keys(f.Key, p)
	s.familiar.Add(client, f.AtNS)
	s.familiar.Add(program, f.AtNS)
	s.familiar.Add(network, f.AtNS)
	a.known, a.guesses, a.guessNS, a.inNS = true, 0, 0, f.AtNS
	if p.person != 0 {
		a.file(p.person)
	}
	if p.where != (detect.Network{}) {
		a.network = p.where
	}
}

// journey: from one country to another within the hour, neither of them a place
// where many countries come out.
func journey(from, to detect.Network, tookNS int64) bool {
	stays := func(n detect.Network) bool {
		return n.Country != [2]byte{} && (n.Class == detect.NetworkResidential || n.Class == detect.NetworkMobile || n.Class == detect.NetworkEducation)
	}
	return stays(from) && stays(to) && from.Country != to.Country && tookNS < journeyNS
}

// begin opens an episode for a success from a client that is new to the
// account.
func (s *Stage) begin(f *detect.Fact, a *account, p *attempt, l *lesson, novelty feature, out *detect.Output) {
	e := &episode{session: p.session, source: p.source, fromNS: f.AtNS, lastNS: f.AtNS, client: p.sample.Client, ref: p.ref, novelty: novelty, guesses: a.guesses, company: p.suspect}
	for part := range firstChange {
		switch {
		case !l.shown[part]:
		case part <= newNetwork:
			e.usual = a.frequency(&s.model, part)
			e.parts[part] = max(0, math.Log(habits[part].most/e.usual))
		default:
			e.parts[part] = s.model.ratio(part)
		}
	}
	if e.guesses > 0 {
		e.fromNS = min(e.fromNS, a.guessNS)
	}
	place := a.place(e, f.AtNS)
	if place < 0 {
		return // two others are worse
	}
	a.episodes[place] = e
	s.quote(a, e, p.sample, 2)
	s.suspect(f.Key, a, e, out)
}

// own is the weight of what all accounts do, in logins, beside what this one
// does: whoever travels is expected to, and whoever never did is not.
const own = 5

// frequency of a novelty among the logins of this account.
func (a *account) frequency(m *model, f feature) float64 {
	return max(rarest, (own*m.frequency(f)+float64(a.strange[f]))/(own+float64(a.ins)))
}

// logins of one client that belong to the episode of its first.
const logins = 3

// again takes a further login of a client under suspicion into its episode. From
// the fourth on it is one of those that the account has.
func (a *account) again(p *attempt) {
	for i, e := range a.episodes {
		if e == nil || e.source != p.source {
			continue
		}
		if e.logins++; e.logins < logins {
			e.session = p.session
		} else if e.made == 0 {
			a.episodes[i] = nil
		}
	}
}

// place is where a new episode goes: the first free place, that of one that
// went nowhere from the same client or is forgotten, else that of the weakest,
// if it is no stronger. -1: nowhere.
func (a *account) place(e *episode, nowNS int64) int {
	weakest := 0
	for i, old := range a.episodes {
		if old == nil || old.source == e.source && old.made == 0 || nowNS-old.lastNS > forgetNS {
			return i
		}
		if old.score() < a.episodes[weakest].score() {
			weakest = i
		}
	}
	if a.episodes[weakest].score() > e.score() {
		return -1
	}
	return weakest
}

// changed judges what somebody did to an account.
func (s *Stage) changed(f *detect.Fact, link *identity.Link, c *changing, out *detect.Output) {
	a := s.accounts.Get(f.Key)
	if a == nil {
		return
	}
	if (c.what == changeContact || c.what == changePhone) && c.person != 0 && a.file(c.person) {
		return // a form that is sent again with what is on file changes nothing
	}
	session := link.Session
	if session == 0 {
		session = c.source
	}
	if c.what != changeSweep && !s.counted.Add(state.Join(session, uint64(c.what)), f.AtNS) {
		var l lesson
		l.shown[firstChange+feature(c.what)] = true
		s.teach(l, out)
	}
	for _, e := range a.episodes {
		if e == nil || f.AtNS-e.lastNS > forgetNS || e.session != session && (link.Session != 0 || e.source != c.source) {
			continue
		}
		e.lastNS = max(e.lastNS, f.AtNS)
		part := firstChange + feature(c.what)
		if !e.done[c.what] {
			e.done[c.what] = true
			e.tempers[c.what] = temper[min(e.made, len(temper)-1)]
			e.made++
			e.parts[part] = e.tempers[c.what] * s.model.ratio(part)
		}
		if c.what == changeSweep {
			e.places = max(e.places, c.places)
			e.reaches = s.model.reaches(int(e.places))
			e.parts[part] = e.tempers[c.what] * max(0, math.Log(sweepMost/e.reaches))
		}
		s.quote(a, e, c.sample, 3)
		s.suspect(f.Key, a, e, out)
		return
	}
}

// quote keeps a call in the case, which it opens once there is something to
// tell.
func (s *Stage) quote(a *account, e *episode, sample event.CallSample, weight float64) {
	if e.open == nil {
		e.open = &taken{name: a.name}
	}
	e.open.samples.AddSample(sample, weight)
}

func (s *Stage) suspect(key uint64, a *account, e *episode, out *detect.Output) {
	score := e.score()
	s.accounts.Protect(key, uint8(min(200, score*10)))
	if score < hinted || a.name == "" {
		return
	}
	e.open.copy(e, &s.model)
	threshold := detect.Medium
	if e.changed() {
		threshold = hinted
	}
	out.Suspect(&detect.Suspicion{
		Detector: detectorName, Entity: e.open.entity(), StartedNS: e.fromNS, Score: score, Threshold: threshold, Impact: e.made, Case: e.open,
	})
}

// A taken case tells of an account that somebody else came into. It implements
// detect.Case.
type taken struct {
	name      string
	client    string
	ref       event.EndpointRef
	startedNS int64
	lastNS    int64
	novelty   feature
	guesses   int64
	done      [changes]bool
	made      int64
	parts     [features]float64
	usual     [features]float64 // frequency among logins, as in force
	company   float64
	places    int64
	samples   evidence.Samples
}

func (t *taken) copy(e *episode, m *model) {
	t.client, t.ref, t.startedNS, t.lastNS = e.client, e.ref, e.fromNS, e.lastNS
	t.novelty, t.guesses, t.done, t.made, t.parts, t.company = e.novelty, int64(e.guesses), e.done, int64(e.made), e.parts, e.company
	for f := range features {
		t.usual[f] = m.frequency(f)
	}
	t.usual[e.novelty] = e.usual
	t.usual[firstChange+feature(changeSweep)], t.places = e.reaches, int64(e.places)
}
