package scraping

import (
	"math"
	"math/bits"

	"lapwing/detect/objects/grow"
)

const (
	hourNS  = int64(3600 * 1e9)
	dayNS   = 24 * hourNS
	monthNS = 30 * dayNS

	// pauseNS without a new item is a pause: time to look at what came.
	pauseNS = int64(2 * 1e9)
	// restNS without a new item ends a run: meals, meetings and sleep do.
	restNS = 15 * 60 * int64(1e9)
	// gapBins are half octaves from one millisecond to six days.
	gapBins = 60
	// pageWorth is how many items a page of a list stands for; lists hold more,
	// but people page through lists too.
	pageWorth = 5
)

// A harvest is what one actor read.
type harvest struct {
	items   grow.Set
	firstNS int64
	lastNS  int64 // of the last new item
	seenNS  int64 // of the last call

	details     int32 // distinct objects and detail paths
	pages       int32 // distinct pages of lists
	repeats     int32 // reads of what was read before
	others      int32 // calls that read neither
	writes      int32
	undisclosed int32
	sensitive   int32 // new items with sensitive data
	pauses      int32
	gaps        int32
	lastInt     int64           // number of the last new object that has one
	numbered    int32           // new objects with a number
	ordered     int32           // of those: within stepNear of the one before
	gapBin      [gapBins]uint16 // halved together when one is full
	day         int32
	hours       uint32 // of the present day, one bit each
	mostHours   int8   // on the busiest day
	runNS       int64  // when the present run of new items began
	mostRunNS   int64  // length of the longest run

	sources  [2]uint64 // fingerprints seen, where a client is judged as a whole
	several  bool      // more than two
	nextRead int32     // items at which the cohort learns next
	counted  int8      // bin in the cohort; 0 if none
	tale     *tale
	due      bool // to be reported when this tick ends
}

// stepNear is how far apart the numbers of neighbours in a list may be: some
// are hidden, some deleted.
const stepNear = 3

// follows notes whether a new object is the neighbour of the one before.
func (h *harvest) follows(number int64) {
	d := uint64(number) - uint64(h.lastInt) // wraps, and is then far
	if h.numbered > 0 && d+stepNear <= 2*stepNear {
		h.ordered++
	}
	h.lastInt = number
	h.numbered++
}

// orderShare is how many objects were read in the order of their numbers; 0
// where too few have one.
func (h *harvest) orderShare() float64 {
	if h.numbered < orderFrom {
		return 0
	}
	return float64(h.ordered) / float64(h.numbered)
}

// volume is how much was taken.
func (h *harvest) volume() float64 { return float64(h.details) + pageWorth*float64(h.pages) }

// took notes a new item.
func (h *harvest) took(nowNS int64, page bool) {
	if page {
		h.pages++
	} else {
		h.details++
	}
	if h.lastNS != 0 {
		gap := max(0, nowNS-h.lastNS)
		if gap >= pauseNS {
			h.pauses++
		}
		h.gaps++
		b := binOf(gap)
		if h.gapBin[b] == math.MaxUint16 {
			for i := range h.gapBin {
				h.gapBin[i] /= 2
			}
		}
		h.gapBin[b]++
	}
	if h.lastNS == 0 || nowNS-h.lastNS > restNS {
		h.runNS = nowNS
	}
	h.mostRunNS = max(h.mostRunNS, nowNS-h.runNS)
	h.lastNS = max(h.lastNS, nowNS)
	day := int32(nowNS / dayNS)
	if day != h.day {
		h.day, h.hours = day, 0
	}
	h.hours |= 1 << (nowNS % dayNS / hourNS)
	h.mostHours = max(h.mostHours, int8(bits.OnesCount32(h.hours)))
}

// binOf is the half octave of a gap.
func binOf(gapNS int64) int {
	ms := uint64(gapNS) / 1e6
	if ms == 0 {
		return 0
	}
	octave := bits.Len64(ms) - 1
	half := 0
	if octave > 0 && ms>>(octave-1)&1 == 1 {
		half = 1
	}
	return min(1+2*octave+half, gapBins-1)
}

// actionBin is where gaps begin that separate actions: half a second. What
// comes closer is loaded in one go, by apps as by scrapers.
const actionBin = 19

// regularity is the largest share of gaps between actions that lie within a
// factor of two of each other, and of how many. A loop with a fixed or
// jittered delay gives nearly 1, people and random arrivals about a half.
func (h *harvest) regularity() (share float64, actions int) {
	best := 0
	for i := actionBin; i < gapBins; i++ {
		n := int(h.gapBin[i])
		actions += n
		if i+1 < gapBins {
			n += int(h.gapBin[i+1])
		}
		best = max(best, n)
	}
	return float64(best) / float64(max(1, actions)), actions
}

func (h *harvest) pauseShare() float64 { return float64(h.pauses) / float64(max(1, h.gaps)) }

func (h *harvest) repeatShare() float64 {
	return float64(h.repeats) / float64(max(1, h.repeats+h.details+h.pages))
}

// otherShare is how much else was called for each item.
func (h *harvest) otherShare() float64 {
	return float64(h.others+h.writes) / float64(max(1, h.details+h.pages))
}
