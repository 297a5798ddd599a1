package evidence

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"lapwing/event"
)

// The rate that a test tolerates is where a hit and a miss cancel out.
func TestTolerates(t *testing.T) {
	for _, test := range []Test{{.20, .85}, {.02, .60}, {.05, .70}, {.30, .90}} {
		p := test.Tolerates()
		if drift := p*test.Hit() + (1-p)*test.Miss(); math.Abs(drift) > 1e-12 || p <= test.P0 || p >= test.P1 {
			t.Errorf("%+v tolerates %g, where the drift is %g", test, p, drift)
		}
	}
}

// By Lorden's bound a benign stream at the ceiling needs e^h events on average
// to reach level h. At h = ln 1000 and 200,000 events, 200 excursions would be
// the bound's; far more would mean that the statistic is wrong.
func TestFalseAlarmsStayBelowTheBound(t *testing.T) {
	test, h := Test{P0: .05, P1: .70}, math.Log(1000)
	rng := rand.New(rand.NewPCG(3, 4))
	alarms := 0
	var s Score
	const events = 200_000
	for range events {
		if s.Add(test, rng.Float64() < test.P0, 1); s.S >= h {
			alarms++
			s = Score{}
		}
	}
	if bound := events / 1000; alarms > bound {
		t.Errorf("%d false alarms, at most %d were promised", alarms, bound)
	}
}

// Whatever happens, the features of a score add up to it.
func TestFeaturesAddUp(t *testing.T) {
	test := Test{P0: .1, P1: .8}
	rng := rand.New(rand.NewPCG(5, 6))
	var s Score
	reached := false
	for range 10_000 {
		if rng.IntN(50) == 0 {
			s.AddBonus(test, rng.Float64()*3)
		} else {
			s.Add(test, rng.Float64() < .5, rng.Float64())
		}
		if s.S < 0 || s.Peak < s.S {
			t.Fatalf("%+v", s)
		}
		sum := 0.0
		for _, f := range s.Features(test, "hits", "misses", "bonus") {
			sum += f.Contribution
			if f.LikelihoodRatio > 0 && math.Abs(f.Value*math.Log10(f.LikelihoodRatio)-f.Contribution) > 1e-9 {
				t.Fatalf("%+v is not its ratio as often as it was counted", f)
			}
		}
		if math.Abs(sum-Log10(s.S)) > 1e-9 {
			t.Fatalf("features add up to %g, the score is %g", sum, Log10(s.S))
		}
		reached = reached || s.S > 10
	}
	if !reached {
		t.Error("the score never rose: the test shows little")
	}
}

func TestScoreBeginsAndEnds(t *testing.T) {
	test := Test{P0: .2, P1: .8}
	var s Score
	if s.Add(test, false, 1) || s.S != 0 {
		t.Error("a miss alone began something")
	}
	if !s.Add(test, true, 1) || s.Add(test, true, 1) {
		t.Error("the first hit begins, and no other")
	}
	for range 5 {
		s.Add(test, false, 1)
	}
	if s.S != 0 || s.Hits != 0 || s.Peak == 0 {
		t.Errorf("after the end: %+v", s)
	}
	if !s.Add(test, true, 1) {
		t.Error("it did not begin anew")
	}
}

func TestSamplesKeepFirstTellingAndLast(t *testing.T) {
	var s Samples
	for n := range 100 {
		weight := 1.0
		if n == 40 || n == 60 {
			weight = 5
		}
		s.Add(&event.Call{ID: event.MakeID(0, uint64(n+1)), Time: time.Unix(int64(n), 0), Path: fmt.Sprint(n)}, weight)
	}
	got := map[string]bool{}
	calls := s.Calls()
	for i, c := range calls {
		got[c.Path] = true
		if i > 0 && c.Time.Before(calls[i-1].Time) {
			t.Error("not in order of time")
		}
	}
	for _, want := range []string{"0", "1", "2", "40", "60", "97", "98", "99"} {
		if !got[want] {
			t.Errorf("call %s is not quoted", want)
		}
	}
	if len(calls) > 10 || len(got) != len(calls) {
		t.Errorf("%d calls are quoted, %d different ones", len(calls), len(got))
	}
}
