package ceiling

import (
	"math"

	"lapwing/detect/evidence"
)

// Bounds are a detector's own judgement: its test while nothing is learned, and
// how low and high p0 may become.
type Bounds struct {
	Default     evidence.Test
	Floor, Ceil float64
}

const (
	// warmEvents and warmActors are what a cohort must have shown.
	warmEvents, warmActors = 500, 50
	// above the quantile there is a quarter for those not yet seen.
	above    = 1.25
	quantile = 0.999
	// mostP1 leaves an attacker one failure in twenty.
	mostP1 = 0.95
	// priors worth fewer events than one or more than a thousand are errors of
	// the estimate.
	leastPrior, mostPrior = 1, 1000

	bins = 64
	// lowest is the rate of the first bin; each next is higher by a factor of
	// 1000^(1/63), 12 %.
	lowest = 0.001
)

// A Cohort is how one kind of actor behaves. Its zero value has learned
// nothing.
type Cohort struct {
	actors uint32 // of the sweep under way
	events float64
	hits   float64
	square float64 // sum of events²
	spread float64 // sum of events·rate²
	counts [bins]uint32

	alpha, beta float64 // beta prior, from the last sweep
	p0          float64 // before bounds; 0: cold
}

// Begin starts a sweep over all actors.
func (c *Cohort) Begin() {
	c.actors, c.events, c.hits, c.square, c.spread = 0, 0, 0, 0, 0
	c.counts = [bins]uint32{}
}

// Add takes one actor: how many of its events were hits. Actors against whom
// there is evidence are left out by the caller.
func (c *Cohort) Add(hits, events float64) {
	if events <= 0 {
		return
	}
	rate := hits / events
	c.actors++
	c.events += events
	c.hits += hits
	c.square += events * events
	c.spread += events * rate * rate
	c.counts[bin(c.Shrunk(hits, events))]++
}

// Shrunk is the rate of an actor, drawn towards its kind.
func (c *Cohort) Shrunk(hits, events float64) float64 {
	if c.alpha+c.beta == 0 { // the first sweep knows no kind yet: half a hit, as Jeffreys
		return (hits + 0.5) / (events + 1)
	}
	return (hits + c.alpha) / (events + c.alpha + c.beta)
}

// Learn ends a sweep.
func (c *Cohort) Learn() {
	first := c.alpha+c.beta == 0
	if c.actors < warmActors || c.events < warmEvents {
		return // what was learned before stays
	}
	mean := c.hits / c.events
	if k := float64(c.actors); mean > 0 && mean < 1 {
		chance := mean * (1 - mean)
		between := (c.spread - c.events*mean*mean - (k-1)*chance) / (c.events - c.square/c.events)
		weight := float64(mostPrior)
		if between > 0 {
			weight = max(leastPrior, min(chance/between-1, mostPrior))
		}
		c.alpha, c.beta = mean*weight, (1-mean)*weight
	} else {
		c.alpha, c.beta = mean*mostPrior+0.5, (1-mean)*mostPrior+0.5
	}
	if first {
		return // its rates were not drawn towards anything: the next sweep sets the ceiling
	}
	left := uint32(float64(c.actors) * (1 - quantile))
	top := bins - 1
	for top > 0 && c.counts[top] <= left {
		left -= c.counts[top]
		top--
	}
	c.p0 = above * lowest * math.Pow(1/lowest, float64(top+1)/bins)
}

// Test returns what actors of the cohort are judged by; cold says that it is
// the detector's own judgement because the cohort is not known yet. A cold
// verdict deserves medium at most.
func (c *Cohort) Test(b Bounds) (t evidence.Test, cold bool) {
	if c == nil || c.p0 == 0 {
		return b.Default, true
	}
	return testOf(c.p0, b), false
}

// Actors and Events are what the last sweep saw.
func (c *Cohort) Actors() int     { return int(c.actors) }
func (c *Cohort) Events() float64 { return c.events }

func testOf(p0 float64, b Bounds) evidence.Test {
	t := evidence.Test{P0: max(b.Floor, min(p0, b.Ceil))}
	t.P1 = max(t.P0+0.05, min(max(b.Default.P1, 3*t.P0), mostP1))
	return t
}

func bin(rate float64) int {
	if rate <= lowest {
		return 0
	}
	return min(bins-1, int(math.Log(rate/lowest)/math.Log(1/lowest)*bins))
}
