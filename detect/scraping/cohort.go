package scraping

import (
	"math"
	"math/bits"

	"lapwing/event"
)

const (
	maxCohorts  = 8192
	volumeBins  = 32
	cohortFrom  = 50 // actors before a cohort's own limit replaces the default
	maxFamilies = 4096
	// outliers are the busiest actors of a cohort that its limit leaves out, if
	// a thousandth is fewer: else one who takes everything would set the measure
	// that he is judged by.
	outliers = 3

	// registers of the estimate of how many things a host has (HyperLogLog with
	// 6.5 % standard error).
	registers = 256
)

// A cohort is how much the actors of one kind read at one host: a histogram of
// powers of two.
type cohort struct {
	actors uint32
	bins   [volumeBins]uint32
}

// learn moves an actor from the bin it was in to that of its volume.
func (c *cohort) learn(was int8, volume float64) int8 {
	bin := int8(min(bits.Len64(uint64(volume)), volumeBins-1))
	if was > 0 {
		c.bins[was]--
	} else {
		c.actors++
	}
	c.bins[bin]++
	return bin
}

// leave takes an actor out: those under suspicion do not teach.
func (c *cohort) leave(was int8) {
	if was > 0 {
		c.bins[was]--
		c.actors--
	}
}

// limit is the volume above which there is something to explain: three times
// that of the busiest actor, not counting outliers.
func (c *cohort) limit() (volume float64, cold bool) {
	if c == nil || c.actors < cohortFrom {
		return coldLimit, true
	}
	left := max(outliers, c.actors/1000)
	top := len(c.bins) - 1
	for top > 0 && c.bins[top] <= left {
		left -= c.bins[top]
		top--
	}
	return max(leastLimit, overQuantile*math.Ldexp(1, top)), false
}

// role sorts actors into cohorts.
func role(k event.Kind) uint64 {
	switch k {
	case event.KindClient, "":
		return 1
	case event.KindKey:
		return 2
	}
	return 3
}

// A catalogue estimates how many distinct things are read at one host.
type catalogue struct {
	rank [registers]uint8
}

func (c *catalogue) add(key uint64) {
	key *= 0x9e3779b97f4a7c15 // keys are hashes, but of our own making
	key ^= key >> 32
	r := uint8(bits.LeadingZeros64(key<<8|1<<7) + 1)
	i := key >> 56
	c.rank[i] = max(c.rank[i], r)
}

func (c *catalogue) size() float64 {
	sum, empty := 0.0, 0
	for _, r := range c.rank {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	const m = float64(registers)
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if empty > 0 && estimate < 2.5*m {
		return m * math.Log(m/float64(empty))
	}
	return estimate
}
