package inventory

import (
	"lapwing/detect/state"
	"lapwing/event"
)

// sketchSize is how many minima a sketch keeps: the estimate of similarity has
// a standard error of √(J(1-J)/32), 0.07 at 0.8.
const sketchSize = 32

// A sketch stands for the set of keys in a response, for estimating how alike
// two responses are (MinHash, Broder 1997). Folding each hash to 16 bits costs
// one false agreement in 65,536.
type sketch struct {
	hash uint64 // of the whole shape: equal shapes need no estimate
	min  [sketchSize]uint16
}

func sketchOf(b *event.BodyShape) sketch {
	s := sketch{hash: b.Hash}
	var full [sketchSize]uint64
	for i := range full {
		full[i] = ^uint64(0)
	}
	for _, k := range b.Keys {
		h := state.Hash(0, k)
		for i := range full {
			full[i] = min(full[i], state.Join(h, uint64(i)+1))
		}
	}
	for i := range full {
		s.min[i] = uint16(full[i] >> 20)
	}
	return s
}

// like reports whether two responses share at least 80 % of their keys.
func (s *sketch) like(o *sketch) bool {
	if s.hash == o.hash {
		return true
	}
	same := 0
	for i := range s.min {
		if s.min[i] == o.min[i] {
			same++
		}
	}
	return same >= sketchSize*3/4 // 0.8 less one standard error
}
