package ceiling

import (
	"math"
	"math/rand/v2"
	"testing"

	"lapwing/detect/evidence"
)

var login = Bounds{Default: evidence.Test{P0: .20, P1: .85}, Floor: .02, Ceil: .45}

// sweep feeds actors whose true rates are drawn by rate.
func sweep(c *Cohort, rng *rand.Rand, actors int, events func() int, rate func() float64) {
	c.Begin()
	for range actors {
		n, p, hits := events(), rate(), 0.0
		for range n {
			if rng.Float64() < p {
				hits++
			}
		}
		c.Add(hits, float64(n))
	}
	c.Learn()
}

// The ceiling lies above nearly all actors and not far above the worst of them,
// however few events each has.
func TestCeilingIsThatOfTheWorst(t *testing.T) {
	for _, k := range []struct {
		name      string
		events    int
		rate      func(*rand.Rand) float64
		low, high float64
	}{
		{"all alike at 5 %, ten events each", 10, func(*rand.Rand) float64 { return .05 }, .05, .09},
		{"all alike at 5 %, a thousand each", 1000, func(*rand.Rand) float64 { return .05 }, .06, .09},
		{"half at 2 %, half at 10 %", 200, func(r *rand.Rand) float64 { return []float64{.02, .10}[r.IntN(2)] }, .15, .25},
		{"one in fifty at 20 %, ten events each", 10, func(r *rand.Rand) float64 {
			if r.IntN(50) == 0 {
				return .2
			}
			return .03
		}, .05, .25},
	} {
		rng := rand.New(rand.NewPCG(1, 2))
		var c Cohort
		for range 3 {
			sweep(&c, rng, 2000, func() int { return k.events }, func() float64 { return k.rate(rng) })
		}
		test, cold := c.Test(login)
		t.Logf("%s: p0 %.3f, p1 %.2f, prior of %.0f events", k.name, test.P0, test.P1, c.alpha+c.beta)
		if cold || test.P0 < k.low || test.P0 > k.high || test.P1 < login.Default.P1 {
			t.Errorf("%s: %+v, cold %v, want p0 in %.2f … %.2f", k.name, test, cold, k.low, k.high)
		}
	}
}

// At the learned ceiling the promise holds: benign actors of the cohort reach
// e^h less than once in e^h events.
func TestPromiseHoldsAtTheLearnedCeiling(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	rate := func() float64 { // logit-normal: mean 8 %, some at 25 %
		return 1 / (1 + math.Exp(2.6-.6*rng.NormFloat64()))
	}
	var c Cohort
	for range 3 {
		sweep(&c, rng, 3000, func() int { return 5 + rng.IntN(60) }, rate)
	}
	test, _ := c.Test(login)
	const h, events = 6.9, 400_000 // e^6.9 = 1000
	alarms := 0
	for range events / 100 {
		var s evidence.Score
		p := rate()
		for range 100 {
			if s.Add(test, rng.Float64() < p, 1); s.S >= h {
				alarms++
				s = evidence.Score{}
			}
		}
	}
	if t.Logf("p0 %.3f: %d alarms in %d events", test.P0, alarms, events); alarms > events/1000 {
		t.Errorf("%d alarms, at most %d were promised", alarms, events/1000)
	}
}

func TestColdAndBounds(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var c Cohort
	for range 3 {
		sweep(&c, rng, 40, func() int { return 100 }, func() float64 { return .01 })
	}
	if test, cold := c.Test(login); !cold || test != login.Default {
		t.Errorf("forty actors are no cohort: %+v, cold %v", test, cold)
	}
	for _, k := range []struct{ rate, p0 float64 }{{.001, login.Floor}, {.9, login.Ceil}} {
		c = Cohort{}
		for range 3 {
			sweep(&c, rng, 100, func() int { return 100 }, func() float64 { return k.rate })
		}
		if test, cold := c.Test(login); cold || test.P0 != k.p0 || test.P1 > mostP1 || test.P1 <= test.P0 {
			t.Errorf("at a rate of %.3f: %+v, cold %v, want p0 %.2f", k.rate, test, cold, k.p0)
		}
	}
	if _, cold := (*Cohort)(nil).Test(login); !cold {
		t.Error("no cohort is not cold")
	}
}

// One actor in a thousand who is an attacker does not set the ceiling.
func TestOutliersDoNotTeach(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	var c Cohort
	for range 3 {
		n := 0
		sweep(&c, rng, 3000, func() int { return 30 }, func() float64 {
			if n++; n%1500 == 0 {
				return .98
			}
			return .04
		})
	}
	if test, _ := c.Test(login); test.P0 > .2 {
		t.Errorf("two attackers among 3000 raised p0 to %.2f", test.P0)
	}
}

func TestOwnHistory(t *testing.T) {
	cohort := evidence.Test{P0: .05, P1: .7}
	b := Bounds{Default: cohort, Floor: .02, Ceil: .25}
	var o Own
	feed := func(day, events, hits int, suspect bool) {
		for i := range events {
			o.Add(int64(day), i < hits, 1, suspect)
		}
	}
	for day := 1; day <= 7; day++ {
		feed(day, 200, 24, false) // 12 %
		if got := o.Test(cohort, b); got != cohort {
			t.Fatalf("day %d: it has its own ceiling already: %+v", day, got)
		}
	}
	feed(8, 1, 0, false)
	if got := o.Test(cohort, b); math.Abs(got.P0-.12) > .001 {
		t.Fatalf("after a week: %+v", got)
	}
	for day := 9; day <= 12; day++ {
		feed(day, 200, 180, true) // an attack that is seen teaches nothing
	}
	feed(13, 1, 0, false)
	if got := o.Test(cohort, b); got.P0 > .13 {
		t.Errorf("days with evidence taught: %+v", got)
	}
	feed(14, 200, 180, false) // one that is not seen, little
	feed(15, 1, 0, false)
	if got := o.Test(cohort, b); got.P0 > .12*weekly+.001 {
		t.Errorf("a ceiling grew by more than half in a week: %+v", got)
	}
}
