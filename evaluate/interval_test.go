package evaluate

import (
	"math"
	"testing"
)

// Values from tables of exact binomial limits.
func TestClopperPearson(t *testing.T) {
	for _, c := range []struct {
		hits, tries int
		low, high   float64
	}{
		{0, 10, 0, 0.3085},
		{10, 10, 0.6915, 1},
		{5, 10, 0.1871, 0.8129},
		{1, 20, 0.0013, 0.2487},
		{30, 30, 0.8843, 1},
		{299, 299, 0.9877, 1},
		{0, 0, 0, 1},
	} {
		i := NewInterval(c.hits, c.tries)
		if math.Abs(i.Low-c.low) > 6e-5 || math.Abs(i.High-c.high) > 6e-5 {
			t.Errorf("%d of %d: %.4f … %.4f, want %.4f … %.4f", c.hits, c.tries, i.Low, i.High, c.low, c.high)
		}
	}
}

func TestPoissonUpper(t *testing.T) {
	for n, want := range map[int]float64{0: 2.9957, 1: 4.7439, 10: 16.962} {
		if got := PoissonUpper(n); math.Abs(got-want) > 1e-3 {
			t.Errorf("after %d: %.4f, want %.4f", n, got, want)
		}
	}
}
