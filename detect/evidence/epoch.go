package evidence

import "math"

// MostLog bounds an e-value: e^27.6 is 10^12.
const MostLog = 27.631021115928547

// An Epoch is an e-value in the making (Vovk and Wang 2021): the likelihood
// ratio of everything since the epoch began, which unlike a CUSUM never goes
// back to zero by itself. A CUSUM forgets what spoke for the actor before the
// attack; that makes it fast, and makes its e^S no e-value. What is to be
// multiplied or counted across entities has to be one.
//
// Its zero value is ready; it takes 8 bytes.
type Epoch struct {
	log    float32
	number int32 // from 1
}

// Epochs are the two that a scored key keeps: a day and a month. Fixed epochs,
// not sliding ones: an epoch must not begin when it suits the evidence.
type Epochs struct {
	Day, Month Epoch
}

const (
	dayNS   = int64(24 * 60 * 60 * 1e9)
	monthNS = 30 * dayNS
)

// Add takes one event, as Score.Add does.
func (e *Epochs) Add(t Test, hit bool, weight float64, atNS int64) {
	step := t.Miss()
	if hit {
		step = t.Hit()
	}
	e.Day.add(step*weight, atNS, dayNS)
	e.Month.add(step*weight, atNS, monthNS)
}

// Best is the natural logarithm of the e-value of both epochs together: their
// mean, as they share events.
func (e *Epochs) Best(nowNS int64) float64 {
	return Within(e.Day.Log(nowNS, dayNS), e.Month.Log(nowNS, monthNS))
}

func (e *Epoch) add(step float64, atNS, lengthNS int64) {
	if n := int32(atNS/lengthNS) + 1; n > e.number {
		e.number, e.log = n, 0
	}
	// Capping what is above keeps an e-value one: it only becomes smaller. Below
	// nothing is cut, or the cut would inflate it.
	e.log = float32(min(float64(e.log)+step, MostLog))
}

// Log is the natural logarithm of the e-value, 0 if its epoch is over.
func (e *Epoch) Log(nowNS, lengthNS int64) float64 {
	if int32(nowNS/lengthNS)+1 > e.number {
		return 0
	}
	return float64(e.log)
}

// Within combines the logarithms of e-values of one group, which may depend on
// each other in any way: the logarithm of their mean.
func Within(logs ...float64) float64 {
	if len(logs) == 0 {
		return 0
	}
	top := math.Inf(-1)
	for _, l := range logs {
		top = max(top, l)
	}
	if math.IsInf(top, -1) {
		return top
	}
	sum := 0.0
	for _, l := range logs {
		sum += math.Exp(l - top)
	}
	return top + math.Log(sum/float64(len(logs)))
}

// Across combines groups that are independent of each other, such as what an
// actor does at logins, with objects and with paths: the product of their
// e-values, at most 10^12.
func Across(groups ...float64) float64 {
	sum := 0.0
	for _, l := range groups {
		sum += l
	}
	return min(sum, MostLog)
}
