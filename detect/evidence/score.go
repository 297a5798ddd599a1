// Package evidence holds the statistics that all detectors share: the
// likelihood-ratio CUSUM against a benign ceiling, and the trail of calls and
// numbers that an alert quotes.
//
// A Score is a plain value of 40 bytes with no pointers; its zero value is
// ready to use. Nothing here reads a clock.
package evidence

import "math"

// A Test is a Bernoulli hypothesis pair: P0 is a ceiling of how often benign
// actors show the event, P1 how often attackers do. Page's CUSUM of the
// log-likelihood ratio then needs at least e^h benign events on average
// between false alarms at level h (Lorden 1971), whatever the pace.
type Test struct {
	P0, P1 float64
}

// Hit is the increment for an event that happened, in natural logarithm.
func (t Test) Hit() float64 { return math.Log(t.P1 / t.P0) }

// Miss is the increment (negative) for an event that could have happened and did not.
func (t Test) Miss() float64 { return math.Log((1 - t.P1) / (1 - t.P0)) }

// Tolerates returns p*, the benign rate at which the drift turns positive.
func (t Test) Tolerates() float64 {
	up, down := t.Hit(), -t.Miss()
	return down / (up + down)
}

// A Score is the running evidence of one actor on one test. Hits and Misses
// are the weights added since the score last stood at zero, so that
// S = Hits·Hit() + Misses·Miss() + Bonus at all times.
type Score struct {
	S      float64 // natural logarithm
	Hits   float64
	Misses float64
	Bonus  float64 // of other features, natural logarithm
	Peak   float64 // highest S reached
}

// Add takes one event: hit or not, with weight 0…1 (the confidence in its
// label). It reports whether the score has just left zero, which is where the
// story of an alert begins.
func (s *Score) Add(t Test, hit bool, weight float64) (began bool) {
	was := s.S
	if hit {
		s.Hits += weight
	} else {
		s.Misses += weight
	}
	s.settle(t)
	return was <= 0 && s.S > 0
}

// AddBonus adds the log-likelihood ratio of a further feature.
func (s *Score) AddBonus(t Test, llr float64) (began bool) {
	was := s.S
	s.Bonus += llr
	s.settle(t)
	return was <= 0 && s.S > 0
}

func (s *Score) settle(t Test) {
	s.S = s.Hits*t.Hit() + s.Misses*t.Miss() + s.Bonus
	if s.S <= 0 {
		s.S, s.Hits, s.Misses, s.Bonus = 0, 0, 0, 0
	}
	s.Peak = max(s.Peak, s.S)
}

// Log10 converts evidence from natural to base-10 logarithm.
func Log10(s float64) float64 { return s / math.Ln10 }
