package evidence

import (
	"slices"

	"lapwing/event"
)

// Samples keeps up to ten calls to quote: the first three, the four most
// telling, the last three. The zero value is ready to use.
type Samples struct {
	first   []event.CallSample
	telling []weighed
	last    []event.CallSample // oldest first
}

type weighed struct {
	sample event.CallSample
	weight float64
}

// Add offers a call. weight says how telling it is: successes above failures,
// sensitive above plain.
func (s *Samples) Add(c *event.Call, weight float64) { s.AddSample(event.SampleOf(c), weight) }

// AddSample is Add for a call that travelled as a sample.
func (s *Samples) AddSample(sample event.CallSample, weight float64) {
	if len(s.first) < 3 {
		s.first = append(s.first, sample)
		return
	}
	if len(s.telling) < 4 {
		s.telling = append(s.telling, weighed{sample, weight})
	} else {
		least := 0
		for i := range s.telling {
			if s.telling[i].weight < s.telling[least].weight {
				least = i
			}
		}
		if weight > s.telling[least].weight {
			s.telling[least] = weighed{sample, weight}
		}
	}
	if len(s.last) < 3 {
		s.last = append(s.last, sample)
		return
	}
	copy(s.last, s.last[1:])
	s.last[2] = sample
}

// Copy returns samples that share no memory with s.
func (s *Samples) Copy() Samples {
	return Samples{first: slices.Clone(s.first), telling: slices.Clone(s.telling), last: slices.Clone(s.last)}
}

// Calls returns the kept calls in order of time, each once.
func (s *Samples) Calls() []event.CallSample {
	all := slices.Clone(s.first)
	for _, w := range s.telling {
		all = append(all, w.sample)
	}
	all = append(all, s.last...)
	slices.SortFunc(all, func(a, b event.CallSample) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c
		}
		return a.ID.Compare(b.ID)
	})
	return slices.CompactFunc(all, func(a, b event.CallSample) bool { return a.ID == b.ID })
}
