package series

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A benign is a rate as it is outside of textbooks: overdispersed counts around
// a mean that wanders slowly.
type benign struct {
	rng    *rand.Rand
	perMin float64 // exposure a minute
	rate   float64
	sd     float64 // of the wander, as a logarithm
	phi    float64
	tide   float64 // amplitude over the day of the exposure, 0…1
	wander float64
	minute int64
}

const persistence = 0.98 // of the wander, from minute to minute

func newBenign(seed uint64, perMin, rate, sd float64) *benign {
	b := &benign{rng: rand.New(rand.NewPCG(seed, 17)), perMin: perMin, rate: rate, sd: sd, phi: 0.02, minute: 29_700_000 / 1440 * 1440}
	b.wander = sd * b.rng.NormFloat64()
	return b
}

func (b *benign) next() (x, n float64) {
	b.minute++
	b.wander = persistence*b.wander + math.Sqrt(1-persistence*persistence)*b.sd*b.rng.NormFloat64()
	mean := b.perMin * (1 + b.tide*math.Sin(2*math.Pi*float64(b.minute%1440)/1440))
	n = float64(poisson(b.rng, mean))
	shape := 1 / b.phi
	x = float64(poisson(b.rng, n*b.rate*math.Exp(b.wander-b.sd*b.sd/2)*gamma(b.rng, shape)/shape))
	return min(x, n), n
}

func poisson(rng *rand.Rand, mean float64) int {
	n := 0
	for mean > 30 { // Ahrens and Dieter (1974): by the time of the k-th event
		k := math.Floor(mean * 7 / 8)
		g := gamma(rng, k)
		if g > mean {
			return n + binomial(rng, int(k)-1, mean/g)
		}
		n += int(k)
		mean -= g
	}
	limit, p := math.Exp(-mean), rng.Float64()
	for p > limit {
		p *= rng.Float64()
		n++
	}
	return n
}

func binomial(rng *rand.Rand, n int, p float64) int {
	k := 0
	for range n {
		if rng.Float64() < p {
			k++
		}
	}
	return k
}

// gamma samples by Marsaglia and Tsang (2000), for shapes of at least one.
func gamma(rng *rand.Rand, shape float64) float64 {
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		z := rng.NormFloat64()
		v := 1 + c*z
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < z*z/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}

// feed runs a series over minutes of a world, with an attack of so many a
// minute on top, and calls each after every minute until it returns false.
func feed(s *Series, b *benign, d *Design, p Prior, minutes int, attack float64, each func(minute int, tried float64) bool) {
	tried := 0.0
	for m := range minutes {
		x, n := b.next()
		if attack > 0 {
			a := float64(poisson(b.rng, attack))
			x, n, tried = x+a, n+a, tried+a
		}
		if n > 0 {
			s.Add(b.minute*minuteNS, x, n, d, p)
		}
		s.Advance((b.minute+1)*minuteNS, d, p)
		if each != nil && !each(m, tried) {
			return
		}
	}
}

// clone copies a series with its history.
func (s *Series) clone() *Series {
	c := *s
	c.history.days = slices.Clone(s.history.days)
	return &c
}

func quantile(list []float64, q float64) float64 {
	slices.Sort(list)
	return list[min(len(list)-1, int(q*float64(len(list))))]
}
