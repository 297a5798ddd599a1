package sketch

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"lapwing/detect/snapshot"
)

// Over many sets the estimate is unbiased, and off by no more than its error
// says, from a handful of keys to a million.
func TestDistinctIsAsExactAsItSays(t *testing.T) {
	for _, precision := range []int{8, 10, 12} {
		for _, n := range []int{3, 16, 17, 100, 1000, 3000, 20_000, 200_000} {
			rounds := max(8, min(200, 400_000/n))
			var bias, square float64
			var last *Distinct
			for round := range rounds {
				d := NewDistinct(uint64(round), precision)
				for k := range n {
					d.Add(uint64(k))
					if k%7 == 0 {
						d.Add(uint64(k / 2)) // repeats change nothing
					}
				}
				off := d.Count()/float64(n) - 1
				bias += off / float64(rounds)
				square += off * off / float64(rounds)
				last = d
			}
			if n <= exactly {
				if square != 0 || !last.Exact() {
					t.Errorf("%d keys are not counted exactly", n)
				}
				continue
			}
			spread := math.Sqrt(square)
			if spread > 1.35*last.Error() || math.Abs(bias) > 4*last.Error()/math.Sqrt(float64(rounds)) {
				t.Errorf("precision %d, %d keys: bias %.4f, standard error %.4f, designed for %.4f", precision, n, bias, spread, last.Error())
			}
		}
	}
}

func TestDistinctMerges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		a, b, both := NewDistinct(9, 8), NewDistinct(9, 8), NewDistinct(9, 8)
		for range rng.IntN(60) {
			k := rng.Uint64N(100)
			a.Add(k)
			both.Add(k)
		}
		for range rng.IntN(60) {
			k := rng.Uint64N(100)
			b.Add(k)
			both.Add(k)
		}
		if err := a.Merge(b); err != nil {
			t.Fatal(err)
		}
		if a.Exact() != both.Exact() || a.Count() != both.Count() {
			t.Fatalf("merged %g, together %g", a.Count(), both.Count())
		}
	}
	if NewDistinct(1, 8).Merge(NewDistinct(2, 8)) == nil {
		t.Error("counters of two seeds were merged")
	}
}

// A Bottom is what a model that keeps everything says it is.
func TestBottomAgainstModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		b := NewBottom[int](5, 8)
		counts := map[uint64]int{}
		for range 1 + rng.IntN(100) {
			k := rng.Uint64N(30)
			counts[k]++
			if v, novel := b.Put(k); v != nil {
				if novel != (*v == 0) {
					t.Fatal("novelty is wrong")
				}
				*v++
			}
		}
		keys := make([]uint64, 0, len(counts))
		for k := range counts {
			keys = append(keys, k)
		}
		slices.SortFunc(keys, func(x, y uint64) int {
			if spread(5, x) < spread(5, y) {
				return -1
			}
			return 1
		})
		want := keys[:min(8, len(keys))]
		if b.Len() != len(want) || b.Whole() != (len(keys) <= 8) {
			t.Fatalf("%d of %d keys are kept", b.Len(), len(keys))
		}
		i := 0
		b.Each(func(k uint64, v *int) bool {
			if k != want[i] || *v != counts[k] || b.Get(k) == nil {
				t.Fatalf("key %d counted %d times, want %d, %d times", k, *v, want[i], counts[want[i]])
			}
			i++
			return true
		})
	}
}

func TestBottomEstimates(t *testing.T) {
	const n, k, rounds = 5000, 256, 60
	var bias, square, jaccard float64
	for seed := range uint64(rounds) {
		a, b := NewBottom[struct{}](seed, k), NewBottom[struct{}](seed, k)
		for i := range uint64(n) {
			a.Put(i)
			b.Put(i + n/2)
		}
		off := a.Count()/n - 1
		bias += off / rounds
		square += off * off / rounds
		s, _ := a.Jaccard(b)
		jaccard += s / rounds
	}
	if e := 1 / math.Sqrt(k-2); math.Sqrt(square) > 1.4*e || math.Abs(bias) > 4*e/math.Sqrt(rounds) {
		t.Errorf("bias %.4f, standard error %.4f, designed for %.4f", bias, math.Sqrt(square), e)
	}
	if math.Abs(jaccard-1.0/3) > 0.02 {
		t.Errorf("half overlap has the similarity %.3f, want .333", jaccard)
	}
}

// Keys that fill a counter under one seed say nothing under another.
func TestSeedMatters(t *testing.T) {
	var high []uint64
	for k := uint64(0); len(high) < 200; k++ {
		if spread(1, k)>>56 == 0 { // all in one register of 256
			high = append(high, k)
		}
	}
	known, unknown := NewDistinct(1, 8), NewDistinct(2, 8)
	for _, k := range high {
		known.Add(k)
		unknown.Add(k)
	}
	if known.Count() > 20 || unknown.Count() < 150 {
		t.Errorf("the crafted set counts %.0f under its seed and %.0f under another", known.Count(), unknown.Count())
	}
}

type holder struct {
	D *Distinct
	B *Bottom[uint32]
}

func TestSnapshot(t *testing.T) {
	h := &holder{NewDistinct(1, 8), NewBottom[uint32](1, 16)}
	for k := range uint64(40) {
		h.D.Add(k)
		h.B.Put(k)
	}
	var b bytes.Buffer
	if err := snapshot.Save(&b, h); err != nil {
		t.Fatal(err)
	}
	g := &holder{NewDistinct(1, 8), NewBottom[uint32](1, 16)}
	if err := snapshot.Load(&b, g); err != nil {
		t.Fatal(err)
	}
	if g.D.Count() != h.D.Count() || g.B.Count() != h.B.Count() {
		t.Error("a snapshot changed a count")
	}
	g.D.precision = 60
	if g.D.Restored() == nil {
		t.Error("a precision out of bounds was accepted")
	}
}

func BenchmarkDistinct(b *testing.B) {
	d := NewDistinct(1, 10)
	b.ReportAllocs()
	k := uint64(0)
	for b.Loop() {
		d.Add(k)
		k++
	}
}

func BenchmarkBottom(b *testing.B) {
	s := NewBottom[uint32](1, 64)
	b.ReportAllocs()
	k := uint64(0)
	for b.Loop() {
		s.Put(k)
		k++
	}
}

// Every key with more than a k-th of the total is kept, and its least share is
// below the truth by at most a k-th.
func TestHeavy(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	h := NewHeavy(16)
	counts, total := map[uint64]float64{}, 0.0
	for range 20_000 {
		k := uint64(rng.ExpFloat64() * 12)
		if rng.IntN(3) == 0 {
			k = 1000 + rng.Uint64N(5000)
		}
		h.Add(k, 1)
		counts[k]++
		total++
	}
	h.Fade(0.5)
	found := map[uint64]bool{}
	h.Least(func(k uint64, share float64) bool {
		found[k] = true
		if truth := counts[k] / total; share > truth+1e-9 || share < truth-1.0/16 {
			t.Errorf("key %d has at least %.3f, in truth %.3f", k, share, truth)
		}
		return true
	})
	for k, n := range counts {
		if n > total/16 && !found[k] {
			t.Errorf("key %d with %.3f of everything is not kept", k, n/total)
		}
	}
	if h.Total() != total/2 {
		t.Errorf("total %.0f after fading, want %.0f", h.Total(), total/2)
	}
}
