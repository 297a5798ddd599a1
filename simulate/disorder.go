package simulate

import "slices"

// Disorder returns an emit that hands exchanges on the way a poor sensor does:
// a share of them twice, and each up to delayNS later than its turn. flush
// hands out what is still held. The exchanges handed on are copies; memory is
// bounded by what happens within the delay.
func Disorder(seed uint64, twice float64, delayNS int64, emit func(*Exchange) error) (disordered func(*Exchange) error, flush func() error) {
	r := newRandom(seed, "disorder", 0)
	type held struct {
		due int64
		n   uint64
		x   *Exchange
	}
	var heap []held
	var n uint64
	before := func(a, b held) bool { return a.due < b.due || a.due == b.due && a.n < b.n }
	push := func(h held) {
		heap = append(heap, h)
		for i := len(heap) - 1; i > 0; {
			up := (i - 1) / 2
			if !before(heap[i], heap[up]) {
				break
			}
			heap[i], heap[up] = heap[up], heap[i]
			i = up
		}
	}
	pop := func() *Exchange {
		x := heap[0].x
		last := len(heap) - 1
		heap[0] = heap[last]
		heap[last] = held{}
		heap = heap[:last]
		for i := 0; ; {
			c := 2*i + 1
			if c >= last {
				return x
			}
			if c+1 < last && before(heap[c+1], heap[c]) {
				c++
			}
			if !before(heap[c], heap[i]) {
				return x
			}
			heap[i], heap[c] = heap[c], heap[i]
			i = c
		}
	}
	disordered = func(x *Exchange) error {
		for len(heap) > 0 && heap[0].due <= x.AtNS {
			if err := emit(pop()); err != nil {
				return err
			}
		}
		times := 1
		if chance(r, twice) {
			times = 2
		}
		for range times {
			n++
			push(held{x.AtNS + r.Int64N(delayNS+1), n, x.Clone()})
		}
		return nil
	}
	flush = func() error {
		for len(heap) > 0 {
			if err := emit(pop()); err != nil {
				return err
			}
		}
		return nil
	}
	return disordered, flush
}

// Clone returns a copy that stays valid after emit has returned.
func (x *Exchange) Clone() *Exchange {
	c := *x
	c.RequestHeaders, c.ResponseHeaders = slices.Clone(x.RequestHeaders), slices.Clone(x.ResponseHeaders)
	c.RequestBody, c.ResponseBody = slices.Clone(x.RequestBody), slices.Clone(x.ResponseBody)
	return &c
}
