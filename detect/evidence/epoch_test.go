package evidence

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// An e-value exceeds 1/a with probability at most a, whatever the pace.
func TestEpochIsAnEValue(t *testing.T) {
	test := Test{P0: .2, P1: .6}
	rng := rand.New(rand.NewPCG(1, 1))
	const rounds, a = 20_000, 0.01
	over, mean := 0, 0.0
	for range rounds {
		var e Epochs
		for k := range 15 {
			e.Add(test, rng.Float64() < test.P0, 1, int64(k)*dayNS/20)
		}
		l := e.Day.Log(dayNS-1, dayNS)
		mean += math.Exp(l) / rounds
		if l >= math.Log(1/a) {
			over++
		}
	}
	if float64(over)/rounds > a || mean > 1.6 {
		t.Errorf("%d of %d above %.0f, mean %.2f", over, rounds, 1/a, mean)
	}
}

func TestEpochsEnd(t *testing.T) {
	test := Test{P0: .1, P1: .9}
	var e Epochs
	for range 5 {
		e.Add(test, true, 1, 100*dayNS+1)
	}
	now := 100*dayNS + 2
	if got := e.Day.Log(now, dayNS); math.Abs(got-5*test.Hit()) > 1e-4 {
		t.Errorf("five hits give %.2f", got)
	}
	if e.Day.Log(101*dayNS, dayNS) != 0 || e.Month.Log(101*dayNS, monthNS) == 0 || e.Month.Log(120*dayNS, monthNS) != 0 {
		t.Error("an epoch does not end when it should")
	}
	for range 100 {
		e.Add(test, true, 1, 101*dayNS)
	}
	if got := e.Best(101 * dayNS); got > MostLog+1e-5 || got < MostLog-1 {
		t.Errorf("a hundred hits give %.1f", got)
	}
}

func TestCombine(t *testing.T) {
	if got := Within(math.Log(10), math.Log(30)); math.Abs(got-math.Log(20)) > 1e-12 {
		t.Errorf("the mean of 10 and 30 is %.2f", math.Exp(got))
	}
	if got := Across(math.Log(10), math.Log(30)); math.Abs(got-math.Log(300)) > 1e-12 {
		t.Errorf("10 times 30 is %.2f", math.Exp(got))
	}
	if Across(20, 20) != MostLog || Within() != 0 || Within(900, -900) < 899 {
		t.Error("bounds do not hold")
	}
}

// Among many entities without fault and some with, the share of false ones
// among the chosen stays below alpha, and the true ones are found.
func TestDiscoveries(t *testing.T) {
	test := Test{P0: .2, P1: .6}
	rng := rand.New(rand.NewPCG(2, 2))
	const alpha, rounds, benign, guilty = 0.1, 60, 400, 10
	false0, found := 0.0, 0
	d := NewDiscoveries(64)
	for range rounds {
		for key := range uint64(benign + guilty) {
			var e Epochs
			p := test.P0
			if key >= benign {
				p = .7
			}
			for range 40 {
				e.Add(test, rng.Float64() < p, 1, 1)
			}
			d.Test(key, e.Day.Log(1, dayNS))
		}
		chosen := d.Choose(alpha)
		wrong := 0
		for _, c := range chosen {
			if c.Key < benign {
				wrong++
			} else {
				found++
			}
		}
		false0 += float64(wrong) / float64(max(1, len(chosen))) / rounds
	}
	if t.Logf("false share %.3f, %d of %d found", false0, found, rounds*guilty); false0 > alpha || found < rounds*guilty*9/10 {
		t.Errorf("false share %.3f, %d of %d found", false0, found, rounds*guilty)
	}
}

// What is kept are the strongest, in an order that does not depend on arrival.
func TestDiscoveriesAreBounded(t *testing.T) {
	d := NewDiscoveries(8)
	var all []Candidate
	for _, key := range rand.New(rand.NewPCG(3, 3)).Perm(50) {
		all = append(all, Candidate{uint64(key), float64(key/3) + 20})
		d.Test(uint64(key), float64(key/3)+20)
	}
	slices.SortFunc(all, compare)
	if got := d.Choose(.5); !slices.Equal(got, all[:8]) {
		t.Errorf("%v, want %v", got, all[:8])
	}
	if len(d.Choose(.5)) != 0 {
		t.Error("a new minute begins with the old candidates")
	}
}
