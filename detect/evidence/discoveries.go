package evidence

import (
	"cmp"
	"math"
	"slices"
)

// Discoveries choose among many weak suspicions at once, so that of those
// chosen at most a share alpha is expected to be false, however they depend on
// each other: the e-BH procedure (Wang and Ramdas, "False discovery rate
// control with e-values", 2022). For exploratory findings across entities, once
// a minute; what a single test finds at 10^6 needs no such control.
//
// It holds at most `most` candidates, the strongest; those it leaves out are
// counted among the tested and can only make it stricter.
type Discoveries struct {
	most   int `snapshot:"same"`
	tested int
	list   []Candidate
}

// A Candidate is one entity with the logarithm of its e-value.
type Candidate struct {
	Key uint64
	Log float64
}

// NewDiscoveries holds at most so many candidates between two calls of Choose.
func NewDiscoveries(most int) *Discoveries { return &Discoveries{most: max(1, most)} }

// Test offers an entity. Every entity that was looked at has to be offered,
// also those with nothing against them.
func (d *Discoveries) Test(key uint64, log float64) {
	d.tested++
	if log <= 0 || len(d.list) == d.most && !stronger(Candidate{key, log}, d.list[len(d.list)-1]) {
		return
	}
	i, _ := slices.BinarySearchFunc(d.list, Candidate{key, log}, compare)
	if len(d.list) == d.most {
		d.list = d.list[:d.most-1]
	}
	d.list = slices.Insert(d.list, i, Candidate{key, log})
}

func compare(a, b Candidate) int {
	return cmp.Or(cmp.Compare(b.Log, a.Log), cmp.Compare(a.Key, b.Key))
}

func stronger(a, b Candidate) bool { return compare(a, b) < 0 }

// Choose returns the discoveries, strongest first, and begins anew: the most
// entities k such that the k-th e-value is at least tested/(k·alpha). The
// result is valid until the next Test.
func (d *Discoveries) Choose(alpha float64) []Candidate {
	chosen := 0
	for i, c := range d.list {
		if k := float64(i + 1); c.Log >= math.Log(float64(d.tested)/(k*alpha)) {
			chosen = i + 1
		}
	}
	out := d.list[:chosen]
	d.list, d.tested = d.list[:0], 0
	return out
}
