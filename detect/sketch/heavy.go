package sketch

import "errors"

// A Heavy finds the keys that make up more than a k-th of everything:
// Space-Saving (Metwally, Agrawal and El Abbadi, "Efficient computation of
// frequent and top-k elements in data streams", 2005). Counts are never too
// low, and too high by at most a k-th of the total; Least corrects for that.
type Heavy struct {
	most    int
	total   float64
	entries []heavy
}

type heavy struct {
	key   uint64
	count float64
	over  float64 // what count may be too high by
}

// NewHeavy keeps k keys.
func NewHeavy(k int) *Heavy { return &Heavy{most: max(1, k)} }

// Add counts weight for key.
func (h *Heavy) Add(key uint64, weight float64) {
	h.total += weight
	least := -1
	for i := range h.entries {
		if h.entries[i].key == key {
			h.entries[i].count += weight
			return
		}
		if least < 0 || h.entries[i].count < h.entries[least].count {
			least = i
		}
	}
	if len(h.entries) < h.most {
		h.entries = append(h.entries, heavy{key: key, count: weight})
		return
	}
	e := &h.entries[least]
	*e = heavy{key: key, count: e.count + weight, over: e.count}
}

// Total is the sum of all weights.
func (h *Heavy) Total() float64 { return h.total }

// Least calls fn for every kept key with the share of the total that it has at
// least, until fn returns false.
func (h *Heavy) Least(fn func(key uint64, share float64) bool) {
	for i := range h.entries {
		e := &h.entries[i]
		if h.total > 0 && !fn(e.key, (e.count-e.over)/h.total) {
			return
		}
	}
}

// Fade multiplies everything counted by a factor below one.
func (h *Heavy) Fade(factor float64) {
	h.total *= factor
	for i := range h.entries {
		h.entries[i].count *= factor
		h.entries[i].over *= factor
	}
}

// Restored checks what a snapshot brought.
func (h *Heavy) Restored() error {
	if h.most < 1 || len(h.entries) > h.most {
		return errors.New("a list of frequent keys is out of its bounds")
	}
	return nil
}
