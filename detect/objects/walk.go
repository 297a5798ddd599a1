package objects

import "slices"

const (
	// nearWindow is how many integer identifiers a walk is first judged by:
	// enough that random reading of a dense range does not look like steps, few
	// enough to follow a scan from its first minute.
	nearWindow = 24
	// wideWindow serves where the order within a second is unknown, as in most
	// logs: it holds the second of a scan of a hundred a second, and the next.
	wideWindow = 160
	// walkFrom is how many are needed before steps mean anything.
	walkFrom = 8
	// denseFrom is how many make a range that is nearly complete a walk, in
	// whatever order it was walked.
	denseFrom = 64
	// blurNS is the average gap up to which order may be lost: five in a second.
	// Slower scans show in the near window, and people who read all there is are
	// slower.
	blurNS = int64(200 * 1e6)
	// breakNS ends a run of quick requests.
	breakNS = int64(10 * 1e9)
	// walking is the share from which on steps are taken for a scan.
	walking = 0.75
)

// A walk is the last distinct integer identifiers of one actor at one place,
// in order of arrival.
type walk struct {
	last     []int64 // a ring of wideWindow once that many came
	n        int32   // how many were ever added
	low, top int64
	wide     bool // the wide window showed a scan when last looked at
	runNS    int64
	lastNS   int64
	run      int32 // identifiers since runNS without a break
}

func (w *walk) add(v, nowNS int64) {
	if w.n == 0 || nowNS-w.lastNS > breakNS {
		w.low, w.top, w.runNS, w.run = v, v, nowNS, 0
	}
	w.lastNS = max(w.lastNS, nowNS)
	w.run++
	w.low, w.top = min(w.low, v), max(w.top, v)
	if len(w.last) < wideWindow {
		w.last = append(w.last, v)
	} else {
		w.last[w.n%wideWindow] = v
	}
	w.n++
	// Sorting the wide window is dear; a scan is not over within eight.
	if w.n > nearWindow && w.n%8 == 0 {
		share, _ := stepsOf(w.last)
		w.wide = share >= walking && w.blurred()
	}
}

// near returns the last identifiers, at most nearWindow.
func (w *walk) near(buf *[nearWindow]int64) []int64 {
	n := min(int(w.n), nearWindow)
	for i := range n {
		buf[i] = w.last[(int(w.n)-1-i)%wideWindow]
	}
	return buf[:n]
}

// steps is the share of neighbours among the last identifiers, put into
// order, that lie exactly one stride apart, where the stride is the commonest
// distance. A sequential or strided scan gives 1, also when a few workers
// shuffle it within a block; reading at random, even a third of a dense range,
// gives less than half.
func (w *walk) steps() (share float64, stride int64) {
	var buf [nearWindow]int64
	return stepsOf(w.near(&buf))
}

// walks reports a scan: in the last few identifiers, or where order may be lost,
// in the last many or a whole run.
func (w *walk) walks() bool {
	if w.n < walkFrom {
		return false
	}
	if w.wide || w.dense() {
		return true
	}
	share, _ := w.steps()
	return share >= walking
}

// blurred reports that identifiers come so fast that their order may be lost.
func (w *walk) blurred() bool {
	return w.run > nearWindow && w.lastNS-w.runNS <= int64(w.run)*blurNS
}

// dense reports that nearly all of a range was asked for in one run.
func (w *walk) dense() bool {
	span := uint64(w.top) - uint64(w.low) // right for all of int64
	return w.run >= denseFrom && w.blurred() && float64(w.run) >= walking*(float64(span)+1)
}

func stepsOf(ids []int64) (share float64, stride int64) {
	if len(ids) < walkFrom {
		return 0, 0
	}
	var buf [wideWindow]int64
	v := buf[:copy(buf[:], ids)]
	slices.Sort(v)
	for i := len(v) - 1; i > 0; i-- {
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
