package evaluate

import "math"

// An Interval is a proportion with the exact 95 % confidence interval of
// Clopper and Pearson (Biometrika 26, 1934).
type Interval struct {
	Hits  int     `json:"hits"`
	Tries int     `json:"tries"`
	Rate  float64 `json:"rate"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// NewInterval makes the interval of hits among tries. Without tries it is 0 … 1.
func NewInterval(hits, tries int) Interval {
	i := Interval{Hits: hits, Tries: tries, High: 1}
	if tries <= 0 {
		return i
	}
	i.Rate = float64(hits) / float64(tries)
	const tail = 0.025
	if hits > 0 { // the p at which hits or more have probability tail
		i.Low = bisect(func(p float64) bool { return 1-binomialCDF(hits-1, tries, p) < tail })
	}
	if hits < tries { // the p at which hits or fewer have probability tail
		i.High = bisect(func(p float64) bool { return binomialCDF(hits, tries, p) > tail })
	}
	return i
}

// bisect finds where below turns from true to false in 0 … 1.
func bisect(below func(p float64) bool) float64 {
	lo, hi := 0.0, 1.0
	for range 60 { // halvings of 1 down to a float's precision
		mid := (lo + hi) / 2
		if below(mid) {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}

// binomialCDF is the probability of at most k hits in n tries of probability p.
func binomialCDF(k, n int, p float64) float64 {
	switch {
	case k < 0:
		return 0
	case k >= n || p <= 0:
		return 1
	case p >= 1:
		return 0
	}
	all, _ := math.Lgamma(float64(n) + 1)
	lp, lq := math.Log(p), math.Log1p(-p)
	sum := 0.0
	for i := 0; i <= k; i++ {
		a, _ := math.Lgamma(float64(i) + 1)
		b, _ := math.Lgamma(float64(n-i) + 1)
		sum += math.Exp(all - a - b + float64(i)*lp + float64(n-i)*lq)
	}
	return min(sum, 1)
}

// PoissonUpper is the upper end of the one-sided 95 % interval of a Poisson
// mean after n events: 3.0 after none.
func PoissonUpper(n int) float64 {
	hi := 10 + 3*float64(n)
	lo := 0.0
	for range 60 {
		mid := (lo + hi) / 2
		term := math.Exp(-mid)
		cdf := term
		for i := 1; i <= n; i++ {
			term *= mid / float64(i)
			cdf += term
		}
		if cdf > 0.05 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return (lo + hi) / 2
}
