package state

// A Filter is a Bloom filter with two generations: it remembers keys for at
// least one and at most two periods of event time. Its answer "no" is certain,
// "yes" is wrong with at most the designed rate while no more keys are added
// in a period than it was made for. Keys must be keyed hashes.
type Filter struct {
	young, old []uint64
	mask       uint64
	probes     int
	periodNS   int64
	turnNS     int64 // event time at which the generations change next
}

// NewFilter makes a filter for n keys in a period at about 1 % false answers
// (10 bits and 7 probes a key).
func NewFilter(n int, periodNS int64) *Filter {
	words := uint64(1)
	for words*64 < uint64(n)*10 {
		words *= 2
	}
	return &Filter{young: make([]uint64, words), old: make([]uint64, words), mask: words*64 - 1, probes: 7, periodNS: periodNS}
}

// Add remembers key, and reports whether it was (probably) there already.
func (f *Filter) Add(key uint64, nowNS int64) (seen bool) {
	f.turn(nowNS)
	inYoung, inOld := true, true
	h, step := key, Join(key, 0x9e3779b97f4a7c15)|1
	for range f.probes {
		i := h & f.mask
		bit := uint64(1) << (i & 63)
		inYoung = inYoung && f.young[i>>6]&bit != 0
		inOld = inOld && f.old[i>>6]&bit != 0
		f.young[i>>6] |= bit
		h += step
	}
	return inYoung || inOld
}

// Has reports whether key was (probably) added.
func (f *Filter) Has(key uint64, nowNS int64) bool {
	f.turn(nowNS)
	inYoung, inOld := true, true
	h, step := key, Join(key, 0x9e3779b97f4a7c15)|1
	for range f.probes {
		i := h & f.mask
		bit := uint64(1) << (i & 63)
		inYoung = inYoung && f.young[i>>6]&bit != 0
		inOld = inOld && f.old[i>>6]&bit != 0
		h += step
	}
	return inYoung || inOld
}

func (f *Filter) turn(nowNS int64) {
	if f.turnNS == 0 {
		f.turnNS = nowNS + f.periodNS
		return
	}
	for range 2 {
		if nowNS < f.turnNS {
			return
		}
		f.young, f.old = f.old, f.young
		clear(f.young)
		f.turnNS += f.periodNS
	}
	if nowNS >= f.turnNS { // silent for longer than it remembers
		f.turnNS = nowNS + f.periodNS
	}
}
