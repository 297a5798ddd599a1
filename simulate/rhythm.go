package simulate

import (
	"math"
	"math/rand/v2"
)

// A rhythm is how willing people are to come, by the time of day and week and
// with a slow drift. Its mean over an ordinary week is about 1.
type rhythm struct {
	zoneNS  int64 // ahead of UTC
	shape   [24 * 60]float32
	weekend float64
	peak    float64 // upper bound, for thinning
	startNS int64
	drift   []float32 // by minute
}

const dayNS = 86_400_000_000_000

func (w *World) drawRhythm() {
	r := newRandom(w.seed, "rhythm", 0)
	t := &w.clock
	t.startNS = w.startNS
	t.zoneNS = int64(r.IntN(13)-5) * 3_600_000_000_000
	amplitude, peakHour, sharp := between(r, 3, 10), between(r, 11, 21), between(r, 1, 2)
	sum := 0.0
	for i := range t.shape {
		x := .5 + .5*math.Cos(2*math.Pi*(float64(i)/60-peakHour)/24)
		v := 1 + (amplitude-1)*math.Pow(x, sharp)
		t.shape[i] = float32(v)
		sum += v
	}
	top := 0.0
	for i := range t.shape {
		t.shape[i] *= float32(len(t.shape)) / float32(sum)
		top = max(top, float64(t.shape[i]))
	}
	t.weekend = between(r, .3, 1.2)
	// First-order autoregression: sd of 5 to 30 %, correlation .9 to .99 from
	// minute to minute.
	sd, rho := between(r, .05, .3), between(r, .9, .99)
	x := sd * r.NormFloat64()
	minutes := int((w.endNS-w.startNS)/60e9) + 2
	t.drift = make([]float32, minutes)
	for i := range t.drift {
		t.drift[i] = float32(math.Exp(min(max(x, -1), 1)))
		x = rho*x + sd*math.Sqrt(1-rho*rho)*r.NormFloat64()
	}
	t.peak = top * max(1, t.weekend) * math.E
}

// at returns the willingness at a time.
func (t *rhythm) at(ns int64) float64 {
	local := ns + t.zoneNS
	v := float64(t.shape[local/60e9%(24*60)])
	if day := (local/dayNS + 3) % 7; day >= 5 { // 1970-01-01 was a Thursday
		v *= t.weekend
	}
	if i := (ns - t.startNS) / 60e9; i >= 0 && i < int64(len(t.drift)) {
		v *= float64(t.drift[i])
	}
	return v
}

// hour returns the local hour and whether it is a working day.
func (t *rhythm) hour(ns int64) (hour int, workday bool) {
	local := ns + t.zoneNS
	return int(local / 3_600_000_000_000 % 24), (local/dayNS+3)%7 < 5
}

// next draws when something that happens perDay times a day happens next, by
// thinning (Lewis and Shedler 1979); 0 if not before the end.
func (t *rhythm) next(r *rand.Rand, now, end int64, perDay float64) int64 {
	if perDay <= 0 {
		return 0
	}
	gap := dayNS / (perDay * t.peak)
	for x := float64(now); ; {
		x += r.ExpFloat64() * gap
		if x >= float64(end) {
			return 0
		}
		if r.Float64()*t.peak < t.at(int64(x)) {
			return int64(x)
		}
	}
}
