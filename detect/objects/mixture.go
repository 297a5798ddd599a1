package objects

import (
	"math"

	"lapwing/detect/evidence"
)

// A mixture adds up what many actors show, each too little to tell by itself.
//
// If a share eps of the actors at a place are attackers, the likelihood ratio
// of one actor is 1-eps+eps·L, where L is the ratio of a plain test over that
// actor's objects; its expectation is at most 1 for a benign actor below the
// ceiling of the test. Page's CUSUM of the logarithms is then a test of the
// place, in the order in which actors come and show something: innocent actors
// cost ln(1-eps) each, and nobody else's good behaviour hides an attacker's.
// Since eps is not known, three are run side by side.
type mixture struct {
	gain, loss [len(attackers)]float64 // since the score of each last stood at zero
}

// attackers are the shares of actors that are looked for: an endpoint that is
// under attack and little else, one user in twenty, one in two hundred.
var attackers = [...]float64{0.5, 0.05, 0.005}

// maxActor bounds the evidence that one actor brings, natural logarithm: a
// crowd has to be shown by many. It is that of three foreign objects and none
// of one's own.
const maxActor = 10.6

// came takes an actor that was not at the place before.
func (m *mixture) came() {
	for i, eps := range attackers {
		m.loss[i] -= math.Log1p(-eps)
		m.settle(i)
	}
}

// showed takes an actor whose evidence changed from was to now, both natural
// logarithms of a likelihood ratio; none is minus infinity.
func (m *mixture) showed(was, now float64) {
	for i, eps := range attackers {
		m.gain[i] += share(eps, now) - share(eps, was)
		m.settle(i)
	}
}

func (m *mixture) settle(i int) {
	if m.gain[i] <= m.loss[i] {
		m.gain[i], m.loss[i] = 0, 0
	}
}

// best is the highest of the scores less the price of having tried several.
func (m *mixture) best() (score float64, at int) {
	for i := range attackers {
		if s := m.gain[i] - m.loss[i]; s > score {
			score, at = s, i
		}
	}
	return max(0, score-math.Log(float64(len(attackers)))), at
}

// share is what an actor with evidence l adds beyond an innocent one.
func share(eps, l float64) float64 {
	return math.Log1p(eps / (1 - eps) * math.Exp(min(l, maxActor)))
}

// A tally is what one actor did at a place, objects by weight.
type tally struct {
	hits, others float32
}

// evidence is the likelihood ratio of a tally, natural logarithm. It is not
// reset as a CUSUM is: what an actor does for itself counts for it, whenever.
func (t tally) evidence(test evidence.Test) float64 {
	if t.hits == 0 {
		return math.Inf(-1)
	}
	return float64(t.hits)*test.Hit() + float64(t.others)*test.Miss()
}
