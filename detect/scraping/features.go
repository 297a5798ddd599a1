package scraping

import (
	"math"

	"lapwing/detect/evidence"
	"lapwing/event"
)

const (
	// coldLimit is the volume from which there is something to explain, while
	// less than a cohort is known.
	coldLimit = 100.0
	// leastLimit and overQuantile: never below 25 things, else three times what
	// the busiest actors read, outliers aside.
	leastLimit   = 25.0
	overQuantile = 3.0
	// tail is the Pareto exponent of how much actors read: the chance to read
	// ten times the limit is 10^-1.5.
	tail = 1.5

	timedFrom   = 50  // gaps before timing says anything
	provenFrom  = 200 // gaps before it says much
	repeatsFrom = 100 // items before repeats are missed
	orderFrom   = 50  // objects with numbers before their order says anything
	inOrder     = 0.75

	// unbroken is how long nobody reads without a quarter of an hour's rest; a
	// crowd behind one address does, and is known by reading the same things.
	unbrokenNS = 6 * hourNS
	crowdShare = 0.2 // of repeated reads
)

// Bounds of the groups: no kind of evidence proves scraping alone.
var (
	mostVolume   = math.Log(1e4)
	mostTiming   = math.Log(1e3)
	mostCoverage = math.Log(200)
)

// A finding is one feature and its log-likelihood ratio.
type finding struct {
	name            string
	value, baseline float64
	llr             float64
}

// findings are the features of one judgement; a fixed array, so that judging
// allocates nothing.
type findings struct {
	list  [12]finding
	n     int
	score float64
	over  bool // the volume is above what needs no explanation
}

func (f *findings) add(name string, value, baseline, llr float64) {
	f.list[f.n] = finding{name, value, baseline, llr}
	f.n++
	f.score += llr
}

// bound scales the features from index i on so that their sum is at most most.
func (f *findings) bound(i int, most float64) {
	sum := 0.0
	for _, x := range f.list[i:f.n] {
		sum += x.llr
	}
	if sum <= most {
		return
	}
	for j := i; j < f.n; j++ {
		f.list[j].llr *= most / sum
	}
	f.score += most - sum
}

// judge weighs a harvest against the volume that needs no explanation.
func judge(h *harvest, limit float64, kind event.Kind, crowd bool) (f findings) {
	n := h.volume()
	if n <= limit {
		return f
	}
	f.over = true
	f.add("distinct_items", n, limit, min(tail*math.Log(n/limit), mostVolume))
	f.timing(h)
	f.coverage(h)
	switch {
	case crowd:
		// Several kinds of clients behind one address are rarely one program.
		f.add("several_fingerprints", 1, 0, -math.Log(5))
	case kind == event.KindKey:
		// Who has a key has an agreement: synchronising is what it is for.
		f.add("caller_has_a_key", 1, 0, -math.Log(20))
	case kind != event.KindClient && kind != "":
		f.add("caller_is_known", 1, 0, -math.Log(5))
	}
	return f
}

func (f *findings) timing(h *harvest) {
	if h.gaps < timedFrom {
		return
	}
	i := f.n
	pauses := h.pauseShare()
	regular, actions := h.regularity()
	flat := h.mostHours >= 20
	unbroken := h.mostRunNS >= unbrokenNS && h.repeatShare() < crowdShare
	llr := 0.0
	switch {
	case pauses < 0.005 && h.gaps >= provenFrom:
		llr = math.Log(1000)
	case pauses < 0.02:
		llr = math.Log(50)
	case pauses >= 0.04 && (regular < 0.6 || actions < timedFrom) && !flat && !unbroken:
		llr = -math.Log(20)
	}
	f.add("pause_share", pauses, 0.10, llr)
	llr = 0
	switch {
	case regular >= 0.9 && actions >= provenFrom:
		llr = math.Log(1000)
	case regular >= 0.75 && actions >= timedFrom:
		llr = math.Log(50)
	}
	f.add("gap_regularity", regular, 0.40, llr)
	llr = 0
	if flat {
		llr = math.Log(50)
	}
	f.add("active_hours_of_a_day", float64(h.mostHours), 14, llr)
	llr = 0
	if unbroken {
		llr = math.Log(50)
	}
	f.add("unbroken_hours", float64(h.mostRunNS)/float64(hourNS), 3, llr)
	f.bound(i, mostTiming)
}

func (f *findings) coverage(h *harvest) {
	i := f.n
	llr := 0.0
	repeats, order := h.repeatShare(), h.orderShare()
	switch {
	case order >= inOrder && repeats >= crowdShare: // a crowd reads in no order; this is one that begins again
	case repeats >= 0.5: // a crowd behind one address meets at what is popular
		llr = -math.Log(20)
	case repeats >= 0.2:
		llr = -math.Log(5)
	case repeats < 0.05 && h.details+h.pages >= repeatsFrom: // the memory of items errs by a few in a thousand
		llr = math.Log(5)
	}
	f.add("repeat_share", repeats, 0.2, llr)
	llr = 0
	if order >= inOrder && repeats >= crowdShare { // apps read in order too, but once
		llr = math.Log(20)
	}
	f.add("order_share", order, 0.1, llr)
	llr = 0
	switch {
	case h.pages >= 50:
		llr = math.Log(20)
	case h.pages >= 15:
		llr = math.Log(5)
	}
	f.add("list_pages", float64(h.pages), 10, llr)
	llr = 0
	others := h.otherShare()
	switch {
	case others >= 0.5:
		llr = -math.Log(3)
	case others <= 0.05:
		llr = math.Log(3)
	}
	f.add("other_calls_per_item", others, 0.5, llr)
	llr = 0
	if h.writes == 0 {
		llr = math.Log(2)
	}
	f.add("writes", float64(h.writes), 1, llr)
	f.bound(i, mostCoverage)
}

// features spells the findings out for an alert.
func (f *findings) features() []event.Feature {
	out := make([]event.Feature, f.n)
	for i, x := range f.list[:f.n] {
		out[i] = event.Feature{Name: x.name, Value: x.value, Baseline: x.baseline, Contribution: evidence.Log10(x.llr)}
	}
	return out
}
