package tokens

import (
	"math"

	"lapwing/detect"
	"lapwing/event"
)

// look judges one sight of a token.
func (s *Stage) look(f *detect.Fact, t *token, p *sight, out *detect.Output) {
	if p.what == sightBorn {
		if t.owner.n == 0 {
			t.born, t.key = true, p.machine
			t.owner.take(p, f.AtNS)
			t.first = p.program
			s.teach(lesson{first: p.program, part: partParty, trials: 1})
		}
		return
	}
	if t.name == "" {
		t.name, t.kind = p.name, p.kind
	}
	if t.owner.n == 0 {
		t.key, t.first = p.kind == event.KindKey, p.program
		s.teach(lesson{first: p.program, part: partParty, trials: 1})
	}
	t.sights++
	s.teach(lesson{active: true})
	s.absolve(t)
	was := 0
	if t.others != nil {
		was = int(t.others.current)
	}
	at, novel := s.find(f, t, p)
	s.alternate(f, t, p, was, at, novel)
	s.count(f, t, p)
	s.flip(f, t, p)
	s.ended(f, t, p, at)
	if t.key {
		s.inBrowser(f, t, p, novel)
	}
	side := t.side(at)
	if at == 0 && side.n > 0 && !novel && !side.has(&side.programs, p.program) {
		s.teach(lesson{first: t.first, second: p.program})
	}
	side.take(p, f.AtNS)
	if o := t.others; o != nil {
		o.current, o.lastNS = int8(at), f.AtNS
		s.suspect(f.Key, t, p, at, out)
	}
}

// rarestTurn is the lowest frequency of turns that is believed.
const rarestTurn = 0.10

// taught is how many changes of one token teach what is usual: a single one
// must not make itself the rule.
const taught = 4

// absolve takes back what was held against programs that have turned out to
// belong together.
func (s *Stage) absolve(t *token) {
	o := t.others
	if o == nil {
		return
	}
	for i := o.n - 1; i >= 0; i-- {
		if !s.companions(t.first, o.sides[i].programs[variants-1]) && !s.companions(t.first, o.sides[i].programs[0]) {
			continue
		}
		copy(o.sides[i:], o.sides[i+1:o.n])
		o.n--
		o.sides[o.n] = side{}
		o.current, o.parties = 0, max(0, o.parties-1)
		o.strangers = max(0, o.strangers-1)
		if o.n == 0 {
			o.score[partParty], o.taking, o.turns, o.switches, o.strangers = 0, 0, 0, 0, 0
		}
	}
}

// find says which party a sight is of; novel that it is a new one. Sights that
// only look like a new party are taken for the last one's.
func (s *Stage) find(f *detect.Fact, t *token, p *sight) (at int, novel bool) {
	at = t.party(p)
	if at >= 0 {
		return at, false
	}
	current := 0
	if t.others != nil {
		current = int(t.others.current)
	}
	switch {
	case s.companions(t.first, p.program):
		return current, false
	case f.AtNS < s.releaseNS:
		s.teach(lesson{changed: true})
		return current, false
	case !t.born && t.kind != event.KindSession && t.sights < settled && !t.key:
		t.fleet = true // several from birth, and no login in view: a program's token
	}
	s.teach(lesson{changed: true})
	o := t.more(f.AtNS)
	if o.parties == 0 {
		s.teach(lesson{part: partParty, shown: 1, first: t.first, mixed: true})
	}
	o.parties++
	switch {
	case (t.key || t.fleet) && t.sights >= 2*settled:
		// A fleet is judged by its own past: how often somebody new came so far.
		usual := float64(o.parties) / (10 + float64(t.sights))
		o.usual[partParty] = usual
		o.score[partParty] += max(0, math.Log(habits[partParty].most/usual))
	case t.personal():
		o.strangers++
	}
	s.teach(lesson{first: t.first, second: p.program})
	if o.n == len(o.sides) { // the one that is longest gone makes room
		oldest := 0
		for i := range o.sides {
			if o.sides[i].lastNS < o.sides[oldest].lastNS {
				oldest = i
			}
		}
		o.sides[oldest] = side{}
		return oldest + 1, true
	}
	o.n++
	return o.n, true
}

// alternate judges a change from one party to another: a turn, if the other was
// there all the time.
func (s *Stage) alternate(f *detect.Fact, t *token, p *sight, was, at int, novel bool) {
	o := t.others
	if o == nil || was == at || novel || !t.personal() {
		return
	}
	turn := t.side(at).presence(f.AtNS)
	o.switches++
	shown := 0.0
	usual := max(rarestTurn, s.model.frequency(partTurns))
	most := max(habits[partTurns].most, usual)
	if turn {
		o.turns++
		shown = 1
		o.taking += math.Log(most / usual)
	} else {
		o.taking = max(0, o.taking+math.Log((1-most)/(1-usual)))
	}
	o.usual[partTurns] = usual
	if o.switches <= taught {
		s.teach(lesson{part: partTurns, shown: shown, trials: 1})
	}
}

// count judges how many networks a token is in within ten minutes.
func (s *Stage) count(f *detect.Fact, t *token, p *sight) {
	l := &t.lately
	free := -1
	for i := range l.network {
		switch {
		case l.network[i] == p.place.near:
			l.atNS[i] = f.AtNS
			return
		case l.network[i] == 0 || f.AtNS-l.atNS[i] > windowNS:
			free = i
		}
	}
	if free >= 0 {
		if t.sights == 1 {
			s.teach(lesson{part: partNetworks, trials: 1})
		}
		l.network[free], l.atNS[free], l.most = p.place.near, f.AtNS, 0
		return
	}
	// One beyond those that a journey explains. The oldest makes room.
	oldest := 0
	for i := range l.atNS {
		if l.atNS[i] < l.atNS[oldest] {
			oldest = i
		}
	}
	l.network[oldest], l.atNS[oldest] = p.place.near, f.AtNS
	l.most++
	if !t.personal() {
		return
	}
	o := t.more(f.AtNS)
	if o.networks == 0 {
		s.teach(lesson{part: partNetworks, shown: 1})
	}
	o.networks++
}

// Flips: a program that is in two far networks by turns, at most ten minutes
// apart. One sight in seven may be such a return while a telephone cannot decide
// between two; .60 where two people share a token; .34 is tolerated.
const flipHit, flipMiss = 1.3862943611198906, -0.7537718023763802 // ln .60/.15, ln .40/.85

// flip judges one program between far networks.
func (s *Stage) flip(f *detect.Fact, t *token, p *sight) {
	fl := &t.flips
	if p.place.six || !t.personal() || t.others != nil && t.others.parties > 0 {
		return // several parties are judged by their turns
	}
	switch {
	case fl.far[0] == 0:
		fl.far[0] = p.place.far
		s.teach(lesson{part: partFlips, trials: 1})
	case fl.far[0] == p.place.far:
		fl.trials++
		fl.score = max(0, fl.score+flipMiss)
	default:
		back := fl.far[1] == p.place.far && f.AtNS-fl.lastNS[1] <= windowNS && f.AtNS-fl.lastNS[0] <= windowNS
		fl.far[1], fl.lastNS[1] = fl.far[0], fl.lastNS[0]
		fl.far[0] = p.place.far
		fl.trials++
		if back {
			if fl.hits++; fl.hits == 6 {
				s.teach(lesson{part: partFlips, shown: 1})
			}
			fl.score += flipHit
		} else {
			fl.score = max(0, fl.score+flipMiss)
		}
	}
	fl.lastNS[0] = f.AtNS
	if fl.score >= remember {
		t.more(f.AtNS)
	}
}

const (
	// warm tokens must have been seen before any is held against the others: what
	// an API does with all of its tokens is no abuse of one.
	warm = 50
	// common is the share of tokens from which on a thing is what this API does,
	// and tells of nothing.
	common = 0.05
	// commonParty is that share for a second party, among tokens of one program.
	commonParty = 0.20
	// jump: having left three networks, the next is another again with .8 for one
	// who jumps, with .3 for one on a journey.
	jump = 0.980829253011726
	// mostJumps that count: who jumps by nature always jumps.
	mostJumps = 8
)

// weigh settles what was counted against what is usual by now: a thing that
// turns out to be common is taken back.
func (s *Stage) weigh(t *token) {
	o := t.others
	o.score[partTurns], o.score[partFlips], o.score[partNetworks] = 0, 0, 0
	if o.strangers > 0 {
		usual := s.partyFrequency(t.first)
		o.usual[partParty], o.score[partParty] = usual, 0
		if usual < commonParty {
			o.score[partParty] = float64(o.strangers) * max(0, math.Log(habits[partParty].most/usual))
			o.score[partTurns] = o.taking
		}
	}
	if usual := s.model.frequency(partFlips); usual < common && t.flips.score >= remember {
		o.usual[partFlips], o.score[partFlips] = usual, float64(t.flips.score)
	}
	if usual := s.model.frequency(partNetworks); usual < common && o.networks > 0 {
		o.usual[partNetworks] = usual
		o.score[partNetworks] = s.model.ratio(partNetworks) + jump*float64(min(o.networks-1, mostJumps))
	}
}

// ended judges logging out and in with a token.
func (s *Stage) ended(f *detect.Fact, t *token, p *sight, at int) {
	switch p.what {
	case sightLogout:
		if t.outNS == 0 {
			s.teach(lesson{part: partLogout, trials: 1})
		}
		t.outNS, t.outBy = f.AtNS, int8(at)
	case sightLogin:
		t.outNS = 0
		s.teach(lesson{part: partPlanted, trials: 1})
		if at != 0 && t.owner.n > 0 { // logged in by another than had the session first
			s.teach(lesson{part: partPlanted, shown: 1})
			o := t.more(f.AtNS)
			o.usual[partPlanted], o.score[partPlanted] = s.model.frequency(partPlanted), s.model.ratio(partPlanted)
		}
	case sightUse:
		if t.outNS == 0 || at == int(t.outBy) || f.AtNS-t.outNS < lingerNS || p.sample.Status >= 300 {
			return
		}
		o := t.more(f.AtNS)
		if o.after++; o.after == 1 {
			s.teach(lesson{part: partLogout, shown: 1})
			o.usual[partLogout], o.score[partLogout] = s.model.frequency(partLogout), s.model.ratio(partLogout)
		}
	}
}

// inBrowser judges a program's key that turns up in a browser.
func (s *Stage) inBrowser(f *detect.Fact, t *token, p *sight, novel bool) {
	if t.sights == 2*settled {
		s.teach(lesson{part: partBrowser, trials: 1})
	}
	if !novel || !p.browser || t.sights < 2*settled {
		return
	}
	s.teach(lesson{part: partBrowser, shown: 1})
	o := t.more(f.AtNS)
	o.usual[partBrowser] = s.model.frequency(partBrowser)
	o.score[partBrowser] = max(o.score[partBrowser], s.model.ratio(partBrowser))
}

func (s *Stage) teach(l lesson) { s.lessons = append(s.lessons, l) }

// remember is the evidence from which calls are kept to quote.
const remember = detect.Noted / 2

// hinted is the evidence at which a key in a browser is worth a word (10^3).
const hinted = 6.907755278982137

func (s *Stage) suspect(key uint64, t *token, p *sight, at int, out *detect.Output) {
	o := t.others
	s.weigh(t)
	score := o.total()
	s.tokens.Protect(key, uint8(min(200, score*10)))
	if score < remember/2 {
		return
	}
	if o.open == nil {
		o.open = &abused{entity: t.entity()}
	}
	weight := 1.0
	if at != 0 {
		weight = 2
	}
	o.open.samples.AddSample(p.sample, weight)
	o.open.parties.Add(p.sample.Client)
	threshold := detect.Medium
	if o.score[partBrowser] > 0 {
		threshold = hinted
	}
	if score < min(threshold, detect.Noted) || !t.key && s.model.trials[partParty] < warm {
		return
	}
	o.open.copy(t, p)
	out.Suspect(&detect.Suspicion{
		Detector: detectorName, Entity: o.open.entity, StartedNS: o.startedNS, Score: score, Threshold: threshold,
		Impact: int(min(o.parties+o.after, math.MaxInt32)), Case: o.open,
	})
}
