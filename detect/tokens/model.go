package tokens

import (
	"math"

	"lapwing/detect/state"
)

// A habit says how often the tokens of this API show a thing that tells of
// abuse, and how likely abuse shows it.
type habit struct{ prior, weight, most float64 }

// The priors: one token in twenty has two parties, one switch in ten between
// them is a turn, one token in fifty each of the others, until the API shows
// otherwise.
var habits = [parts]habit{
	partParty:    {1, 20, .5},
	partTurns:    {2, 20, .7},
	partFlips:    {1, 50, .5},
	partNetworks: {1, 50, .5},
	partLogout:   {1, 50, .5},
	partPlanted:  {1, 50, .5},
	partBrowser:  {1, 20, .5},
}

// rarest is the lowest frequency that is believed.
const rarest = 0.002

// A model counts what the tokens of this API do: of trials, how many showed a
// thing.
type model struct {
	shown, trials [parts]float64
}

// forgetAt trials counts are halved.
const forgetAt = 1 << 16

func (m *model) frequency(p part) float64 {
	h := &habits[p]
	return max(rarest, (h.prior+m.shown[p])/(h.weight+m.trials[p]))
}

func (m *model) ratio(p part) float64 {
	return max(0, math.Log(habits[p].most/m.frequency(p)))
}

func (m *model) add(p part, shown, trials float64) {
	m.shown[p] += shown
	m.trials[p] += trials
	if m.trials[p] >= forgetAt {
		m.shown[p], m.trials[p] = m.shown[p]/2, m.trials[p]/2
	}
}

const (
	// companionTokens, companionShare: from so many tokens on, and that share of
	// the tokens of a program, another that is presented with them belongs to it.
	companionTokens, companionShare = 5, 0.20
	// frontTokens, frontShare: a program of whose tokens so many, and that share,
	// have a second party stands before others, as a server that renders pages.
	frontTokens, frontShare = 10, 0.30
	// programWeight is how many tokens of one program it takes before its own
	// frequency of a second party counts more than that of all.
	programWeight = 20
)

// A program is what is known of one over all tokens.
type program struct {
	tokens uint32 // it was the first to present
	mixed  uint32 // … and which another party presented too, no companion
}

// A lesson is what a fact teaches the model. Lessons of a tick are gathered in
// the order of the facts, and put in force when it ends.
type lesson struct {
	part          part
	shown, trials float64
	first         uint32 // program: a token that it was the first to present …
	second        uint32 // … and another came besides
	mixed         bool   // … the first one, and no companion
	active        bool   // a token was presented
	changed       bool   // … in a way that was new for it
}

// learn puts a lesson in force.
func (s *Stage) learn(l *lesson, nowNS int64) {
	if l.trials > 0 || l.shown > 0 {
		s.model.add(l.part, l.shown, l.trials)
	}
	if l.second != 0 {
		if n := s.pairs.Put(pair(l.first, l.second), nowNS); n != nil {
			*n++
		}
	} else if l.first != 0 {
		if p := s.programs.Put(uint64(l.first), nowNS); p != nil {
			if l.mixed {
				p.mixed++
			} else {
				p.tokens++
			}
		}
	}
	if l.active {
		s.active++
	}
	if l.changed {
		s.changed++
	}
}

func pair(first, second uint32) uint64 {
	return state.Join(uint64(first), uint64(second))
}

// companions reports whether tokens of the first program are usually presented
// by the second as well.
func (s *Stage) companions(first, second uint32) bool {
	p := s.programs.Get(uint64(first))
	if p == nil {
		return false
	}
	if p.mixed >= frontTokens && float64(p.mixed) >= frontShare*float64(p.tokens) {
		return true
	}
	n := s.pairs.Get(pair(first, second))
	return n != nil && *n >= companionTokens && float64(*n) >= companionShare*float64(p.tokens)
}

// partyFrequency is how often a token of a program has a second party.
func (s *Stage) partyFrequency(first uint32) float64 {
	all := s.model.frequency(partParty)
	p := s.programs.Get(uint64(first))
	if p == nil {
		return all
	}
	return max(rarest, (programWeight*all+float64(p.mixed))/(programWeight+float64(p.tokens)))
}
