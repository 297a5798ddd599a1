package series

import "math"

// ratio is the log-likelihood ratio of one slot, linear in its count x:
// x·gain - cost. It compares a negative binomial with mean boost·mean to one
// with mean, both with variance m + phi·m² (Hilbe, "Negative Binomial
// Regression", NB2).
func ratio(mean, boost, phi float64) (gain, cost float64) {
	r := 1 / phi
	risen := boost * mean
	gain = math.Log(boost * (r + mean) / (r + risen))
	cost = r * math.Log((r+risen)/(r+mean))
	return gain, cost
}

// A Cusum is the running evidence of one test, natural logarithm, and what
// happened since it last stood at zero: S = Gained - Spent.
type Cusum struct {
	S        float32
	Gained   float32 // by what was counted
	Spent    float32 // by the exposure
	Count    float32 // what was counted
	Expected float32 // what the ceiling allows for
	Exposure float32
	began    int32 // slot in which it left zero
	rose     int32 // last slot in which it rose
}

func (c *Cusum) add(slot int64, x, n, mean, boost, phi, most float64) {
	if mean <= 0 {
		return
	}
	gain, cost := ratio(mean, boost, phi)
	step := x*gain - cost
	if c.S == 0 {
		if step <= 0 {
			return
		}
		*c = Cusum{began: int32(slot)}
	}
	if float64(c.S)+step <= 0 {
		*c = Cusum{}
		return
	}
	c.Count += float32(x)
	c.Expected += float32(mean)
	c.Exposure += float32(n)
	if step > 0 {
		c.rose = int32(slot)
		if float64(c.S)+step > most {
			return // enough: so that it comes down within a day of the end
		}
	}
	c.Gained += float32(x * gain)
	c.Spent += float32(cost)
	c.S = c.Gained - c.Spent
	if c.S <= 0 {
		*c = Cusum{}
	}
}

// halve takes half of the evidence back: a lower score is as valid, since it
// only alarms later.
func (c *Cusum) halve() {
	c.Gained, c.Spent = c.Gained/2, c.Spent/2
	c.S = c.Gained - c.Spent
	if c.S < 0.1 {
		*c = Cusum{}
	}
}
