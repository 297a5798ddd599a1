package rules

import "slices"

// What a group remembers of its window. Event time comes in order, but for
// calls that are judged late; those count at the time they are judged at.

const (
	// exactTimes are kept one by one; larger counts are kept by parts
	// of the window.
	exactTimes = 64
	// parts of a window. What is counted is never older than the window, and may
	// leave out the oldest 1/parts of it.
	parts = 64
)

// recent counts events in a window: exactly up to exactTimes of them, else by parts.
type recent struct {
	TimesNS []int64  // ring of the newest, if at most exactTimes are asked for
	Next    int      // in TimesNS
	Parts   []uint32 // ring by part, else
	Part    int64    // the newest part, counted from 1970
}

// add notes an event, and returns how many there are within the window, and
// when the oldest of them was. wanted is how many the rule asks for.
func (w *recent) add(nowNS, windowNS int64, wanted int) (n int, oldestNS int64) {
	if wanted > exactTimes {
		return w.addPart(nowNS, windowNS, 1)
	}
	if len(w.TimesNS) < wanted {
		w.TimesNS = append(w.TimesNS, nowNS)
	} else {
		w.TimesNS[w.Next] = nowNS
	}
	w.Next = (w.Next + 1) % wanted
	oldestNS = nowNS
	for _, t := range w.TimesNS {
		if t > nowNS-windowNS {
			n++
			oldestNS = min(oldestNS, t)
		}
	}
	return n, oldestNS
}

// addPart notes k events by part, and returns the sum over the window.
func (w *recent) addPart(nowNS, windowNS int64, k uint32) (n int, oldestNS int64) {
	width := max(1, windowNS/parts)
	if w.Parts == nil {
		w.Parts, w.Part = make([]uint32, parts), nowNS/width
	}
	for p := nowNS / width; w.Part < p; {
		if p-w.Part >= parts {
			clear(w.Parts)
			w.Part = p
			break
		}
		w.Part++
		w.Parts[w.Part%parts] = 0
	}
	if at := w.Parts[w.Part%parts]; at < 1<<32-1-k {
		w.Parts[w.Part%parts] = at + k
	}
	oldest := w.Part
	for back := range int64(parts) {
		if p := w.Part - back; p >= 0 && w.Parts[p%parts] > 0 {
			n += int(w.Parts[p%parts])
			oldest = p
		}
	}
	return n, min(nowNS, oldest*width)
}

// seen is a value and when it last came.
type seen struct {
	Value uint64
	AtNS  int64
}

// different counts the different values in a window, up to twice what is asked
// for, and at most MaxDistinct.
type different struct {
	Values []seen // by time, oldest first
}

func (w *different) add(value uint64, nowNS, windowNS int64, wanted int) (n int, oldestNS int64) {
	if i := slices.IndexFunc(w.Values, func(s seen) bool { return s.Value == value }); i >= 0 {
		w.Values = slices.Delete(w.Values, i, i+1)
	}
	old := 0
	for old < len(w.Values) && w.Values[old].AtNS <= nowNS-windowNS {
		old++
	}
	if most := min(2*wanted, MaxDistinct); len(w.Values)-old >= most {
		old = len(w.Values) - most + 1
	}
	w.Values = append(slices.Delete(w.Values, 0, old), seen{value, nowNS})
	return len(w.Values), w.Values[0].AtNS
}

// ordered follows a sequence: for each step, the latest beginning of a chain
// that has come so far. A later beginning is never worse, so one is enough.
type ordered struct {
	BegunNS []int64 // by step; 0: none
}

// add takes an event that fits some steps, and reports whether one chain is
// complete within the window, and when it began. An event is one step of a
// chain, never two.
func (w *ordered) add(fits uint64, steps int, nowNS, windowNS int64) (done bool, begunNS int64) {
	if w.BegunNS == nil {
		w.BegunNS = make([]int64, steps)
	}
	for i := steps - 1; i >= 0; i-- {
		if fits&(1<<i) == 0 {
			continue
		}
		began := nowNS
		if i > 0 {
			if began = w.BegunNS[i-1]; began == 0 || began <= nowNS-windowNS {
				continue
			}
		}
		if i == steps-1 {
			done, begunNS = true, began
		}
		w.BegunNS[i] = max(w.BegunNS[i], began)
	}
	return done, begunNS
}

// together remembers when each part last came.
func (w *ordered) together(fits uint64, steps int, nowNS, windowNS int64) (done bool, begunNS int64) {
	if w.BegunNS == nil {
		w.BegunNS = make([]int64, steps)
	}
	begunNS = nowNS
	done = true
	for i := range w.BegunNS {
		if fits&(1<<i) != 0 {
			w.BegunNS[i] = nowNS
		}
		done = done && w.BegunNS[i] != 0 && w.BegunNS[i] > nowNS-windowNS
		begunNS = min(begunNS, w.BegunNS[i])
	}
	return done, begunNS
}
