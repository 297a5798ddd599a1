package objects

import "slices"

// window is how many integer identifiers a walk is judged by: enough that
// random reading of a dense range does not look like steps, few enough to
// follow a scan from its first minute.
const window = 24

// walkFrom is how many are needed before steps mean anything.
const walkFrom = 8

// A walk is the last distinct integer identifiers of one actor at one place,
// in order of arrival.
type walk struct {
	last [window]int64
	n    int32 // how many were ever added
}

func (w *walk) add(v int64) {
	w.last[w.n%window] = v
	w.n++
}

// steps is the share of neighbours among the last identifiers, put into
// order, that lie exactly one stride apart, where the stride is the commonest
// distance. A sequential or strided scan gives 1, also when a few workers
// shuffle it within a block; reading at random, even a third of a dense range,
// gives less than half.
func (w *walk) steps() (share float64, stride int64) {
	n := min(int(w.n), window)
	if n < walkFrom {
		return 0, 0
	}
	var buf [window]int64
	v := buf[:n]
	copy(v, w.last[:n])
	slices.Sort(v)
	for i := n - 1; i > 0; i-- {
		v[i] -= v[i-1] // wraps for the extremes of int64, which no scan strides over
	}
	v = v[1:]
	slices.Sort(v)
	best, run := 0, 0
	for i := range v {
		if i > 0 && v[i] == v[i-1] {
			run++
		} else {
			run = 1
		}
		if v[i] != 0 && run > best {
			best, stride = run, v[i]
		}
	}
	return float64(best) / float64(len(v)), stride
}

// walking is the share from which on steps are taken for a scan.
const walking = 0.75

func (w *walk) walks() bool {
	share, _ := w.steps()
	return share >= walking
}
