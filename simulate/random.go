package simulate

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// mix is the finaliser of splitmix64 (Steele, Lea, Flood 2014): every bit of
// the argument reaches every bit of the result.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// hash2 and hash3 make one number of several, so that what is told of an
// object or a person follows from the seed and needs no memory.
func hash2(a, b uint64) uint64    { return mix(a ^ mix(b+0x9e3779b97f4a7c15)) }
func hash3(a, b, c uint64) uint64 { return hash2(hash2(a, b), c) }

// hashText is FNV-1a over the text, seeded and finalised.
func hashText(seed uint64, s string) uint64 {
	h := uint64(14695981039346656037) ^ mix(seed)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

// newRandom opens the stream of one actor. Streams are derived from the seed
// and a name alone: another actor more leaves them as they are.
func newRandom(seed uint64, name string, n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(hashText(seed, name), mix(n^seed)))
}

func chance(r *rand.Rand, p float64) bool { return p > 0 && r.Float64() < p }

// hashed reports true for a share p of all hashes.
func hashed(h uint64, p float64) bool { return float64(h>>11)/(1<<53) < p }

func between(r *rand.Rand, low, high float64) float64 { return low + (high-low)*r.Float64() }

// logBetween draws so that every factor of two is as likely.
func logBetween(r *rand.Rand, low, high float64) float64 {
	return low * math.Exp(r.Float64()*math.Log(high/low))
}

func logNormal(r *rand.Rand, median, sigma float64) float64 {
	return median * math.Exp(sigma*r.NormFloat64())
}

// poisson draws a small count; above 60 it rounds a normal.
func poisson(r *rand.Rand, mean float64) int {
	if mean > 60 {
		return max(0, int(mean+math.Sqrt(mean)*r.NormFloat64()+.5))
	}
	n, p, limit := 0, 1.0, math.Exp(-mean)
	for p *= r.Float64(); p > limit; p *= r.Float64() {
		n++
	}
	return n
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// popular draws a rank below n by Zipf's law with the exponent s, through the
// inverse of the continuous distribution: good for exponents on both sides of 1.
func popular(r *rand.Rand, n int, s float64) int {
	if n <= 1 {
		return 0
	}
	e := 1 - s
	if math.Abs(e) < .01 {
		e = .01
	}
	top := math.Pow(float64(n)+1, e)
	x := math.Pow(1+r.Float64()*(top-1), 1/e)
	return min(n-1, max(0, int(x)-1))
}

// A permutation of the numbers below n: a keyed four-round Feistel network that
// walks its cycle until it is back in the domain. It needs no table and can be
// undone, so that identifiers need no directory.
type permutation struct {
	n    uint64
	half uint
	key  uint64
}

func permute(n, key uint64) permutation {
	if n < 2 {
		n = 2
	}
	return permutation{n: n, half: uint(bits.Len64(n-1)+1) / 2, key: key}
}

func (p permutation) round(right uint64, i int) uint64 {
	return mix(right+p.key+uint64(i)*0x9e3779b97f4a7c15) & (1<<p.half - 1)
}

func (p permutation) at(x uint64) uint64 {
	for {
		left, right := x>>p.half, x&(1<<p.half-1)
		for i := range 4 {
			left, right = right, left^p.round(right, i)
		}
		if x = left<<p.half | right; x < p.n {
			return x
		}
	}
}

// of undoes at.
func (p permutation) of(x uint64) uint64 {
	for {
		left, right := x>>p.half, x&(1<<p.half-1)
		for i := 3; i >= 0; i-- {
			left, right = right^p.round(left, i), left
		}
		if x = left<<p.half | right; x < p.n {
			return x
		}
	}
}
