package series

import (
	"math"
	"slices"
	"time"
)

// A Test is one of the tests that a Series runs.
type Test int

// The tests: against a rise of the rate by half, threefold and eightfold from
// minute to minute, by 15 % from hour to hour, by 5 % from day to day.
const (
	MinuteHalf Test = iota
	MinuteThree
	MinuteEight
	Hour
	Day
	Tests
)

var boosts = [Tests]float64{1.5, 3, 8, 1.15, 1.05}

// Boost is the rise that a test was designed for.
func (t Test) Boost() float64 { return boosts[t] }

// Slot is how long one step of a test lasts.
func (t Test) Slot() time.Duration {
	switch t {
	case Hour:
		return time.Hour
	case Day:
		return 24 * time.Hour
	}
	return time.Minute
}

// A Design says what a Series is judged by until it has a history, and within
// which bounds afterwards. It is configuration: equal for all of a kind.
type Design struct {
	Rate  float64 // ceiling of count per exposure while nothing is known
	Least float64 // no ceiling goes below
	Most  float64 // nor above
	Level float64 // evidence at which somebody is told, natural logarithm; S is held below three times of it
}

// A Prior is what the siblings of a series teach about it. Its zero value
// teaches nothing.
type Prior struct {
	Rate   float64 // baseline, not a ceiling
	Weight float64 // how much exposure it is worth
	Wobble float64 // of siblings, for a series too small to have its own
}

const (
	// coldFrom is how much exposure, over at least a day, makes a history.
	coldFrom = 500
	// phiLeast, phiPrior: overdispersion of minutes, and what is assumed first.
	phiLeast, phiPrior, phiMost = 0.01, 0.02, 1.0
	phiWeight                   = 100 // of the assumption, in squared counts
	// wobbleFirst is assumed for the first day, wobbleYoung until there are
	// three days or when counts are too small to tell.
	wobbleFirst, wobbleYoung = 0.35, 0.25
	wobbleLeast, wobbleMost  = 0.05, 0.7
	wobbleDay                = 0.25 // of whole days, for the first week
	wobbleCount              = 5    // expected in an hour, for its ratio to say something
	wobbleHours              = 4    // in a day
	wobbleWithin             = 1.45 // what a mean over an hour hides of a wobble that lasts about as long (1.25), and what the trimming takes off
	// acceptHours after which a rate that stays up is the new state of things.
	acceptHours = 14 * 24
	minuteNS    = int64(time.Minute)
)

// A Series watches one rate. Its zero value is ready to use.
type Series struct {
	x, n   float32 // of the minute under way
	minute int64   // its number; 0 if none is
	hour   int64   // number of the hour under way; 0 if none is
	hx, hn float64
	x2, xn float64 // sums over its minutes, for the overdispersion
	n2     float64
	hm     float64 // forecast so far
	dx, dn float64 // of the day under way
	dm     float64

	base    float64 // baseline rate of this hour
	ceiling float64
	wobble  float64
	offDay  float64 // wobble of days
	over    float64 // overdispersion: numerator and denominator
	square  float64
	total   float64 // exposure ever, forgotten by half a month
	first   int64   // hour of the first
	clean   int64   // last hour without evidence
	anchor  float64 // what the rate over all hours may have grown to
	held    float64 // by how much the baseline is held below what was seen; 0: not
	cold    bool
	tainted bool // there was evidence in this hour

	cusums  [Tests]Cusum
	history history
}

// Add counts x events of n exposure into the minute of atNS. Minutes before
// the one under way count with it.
func (s *Series) Add(atNS int64, x, n float64, d *Design, p Prior) {
	if m := atNS / minuteNS; m > s.minute {
		s.Advance(m*minuteNS, d, p)
		s.minute = m
	}
	if s.hour == 0 {
		s.begin(s.minute/60, d, p)
	}
	s.x += float32(x)
	s.n += float32(n)
}

// Advance ends all minutes, hours and days that are over at nowNS. It has to be
// called at the end of every minute in which something was added, and once an
// hour.
func (s *Series) Advance(nowNS int64, d *Design, p Prior) {
	now := nowNS / minuteNS
	if s.minute != 0 && s.minute < now {
		s.endMinute(d)
		s.minute = 0
	}
	if s.hour != 0 && s.hour < now/60 {
		s.endHour(d)
		if s.hour/24 < now/60/24 {
			s.endDay(d)
		}
		s.begin(now/60, d, p)
	}
}

func (s *Series) endMinute(d *Design) {
	x, n := float64(s.x), float64(s.n)
	s.x, s.n = 0, 0
	if n <= 0 {
		return
	}
	s.hx, s.hn = s.hx+x, s.hn+n
	s.x2, s.xn, s.n2 = s.x2+x*x, s.xn+x*n, s.n2+n*n
	s.hm += n * s.base
	s.total += n
	phi := s.phi()
	for t := MinuteHalf; t <= MinuteEight; t++ {
		if s.cold && t == MinuteHalf {
			continue
		}
		s.cusums[t].add(s.minute, x, n, n*s.ceiling, boosts[t], phi, 3*d.Level)
	}
	s.tainted = s.tainted || s.evidence() >= d.Level/2
}

func (s *Series) endHour(d *Design) {
	if s.hn > 0 {
		if !s.cold {
			s.cusums[Hour].add(s.hour, s.hx, s.hn, s.hn*s.ceiling, boosts[Hour], max(phiLeast, s.phi()/60), 3*d.Level)
			s.relent(Hour, s.hx, s.hm, s.wobble)
		}
		s.tainted = s.tainted || s.evidence() >= d.Level/2
		x := s.hx
		switch {
		case !s.tainted:
			s.learnSpread()
			s.clean = s.hour
		case s.hour-s.clean <= acceptHours:
			x = min(x, s.hm)
		}
		s.history.put(s.hour, x, s.hn)
		s.dx, s.dn, s.dm = s.dx+s.hx, s.dn+s.hn, s.dm+s.hm
	}
	s.hx, s.hn, s.hm, s.x2, s.xn, s.n2 = 0, 0, 0, 0, 0, 0
}

// relent lets go of the evidence of a slow test once a whole slot is back at
// its forecast, give or take its wobble: by itself it would take weeks to come
// down.
func (s *Series) relent(t Test, x, forecast, wobble float64) {
	if forecast >= wobbleCount && x <= forecast*math.Exp(wobble) {
		s.cusums[t].halve()
	}
}

// anchorDay moves the bound on what the baseline may have grown to. It follows
// a fall within days and a rise by a fiftieth a week, so that nobody can raise
// the baseline along with himself. What has gone on for a fortnight after it was
// noticed is the new state of things.
func (s *Series) anchorDay() {
	all, exposure := s.history.overall(s.hour)
	switch {
	case exposure == 0:
	case s.anchor == 0, s.hour-s.first < 7*24, s.hour-s.clean > acceptHours:
		s.anchor = all
	case all < s.anchor:
		s.anchor = max(all, 0.95*s.anchor)
	default:
		s.anchor = min(all, 1.003*s.anchor)
	}
	s.held = 1
	if s.anchor > 0 && all > s.anchor {
		s.held = s.anchor / all
	}
}

// learnSpread learns from an hour without evidence how counts scatter.
func (s *Series) learnSpread() {
	if r := s.hx / s.hn; s.hx >= 2 {
		const forget = 0.9959 // by half in a week
		scatter := s.x2 - 2*r*s.xn + r*r*s.n2
		chance := s.hx * (1 - s.n2/(s.hn*s.hn))
		s.over = forget*s.over + scatter - chance
		s.square = forget*s.square + r*r*s.n2
	}
	// Only how far counts fall short says how they scatter: what they are above
	// may be an attack, and must not excuse itself.
	if s.hm >= wobbleCount && !s.cold && s.hx < s.hm {
		z := 2 * (math.Sqrt(s.hx+3.0/8) - math.Sqrt(s.hm+3.0/8)) // by chance of variance one (Anscombe 1948)
		today := s.history.at(s.hour / 24)
		k := float32(today.measured)
		today.excess = (today.excess*k + float32((z*z-1)/s.hm-s.phi()/60)) / (k + 1)
		today.measured++
	}
}

func (s *Series) endDay(d *Design) {
	if s.dm > 0 {
		if !s.cold {
			s.cusums[Day].add(s.hour/24, s.dx, s.dn, s.dm*math.Exp(2*s.offDay), boosts[Day], phiLeast, 3*d.Level)
			s.relent(Day, s.dx, s.dm, s.offDay)
		}
		if s.evidence() < d.Level/2 && s.dm >= wobbleCount && !s.cold && s.dx < s.dm {
			today := s.history.at(s.hour / 24)
			today.off, today.whole = float32(-math.Log((s.dx+0.5)/(s.dm+0.5))), true
		}
	}
	s.total *= 0.977 // by half in a month
	s.anchorDay()
	s.dx, s.dn, s.dm = 0, 0, 0
}

// begin sets what the coming hour is judged by.
func (s *Series) begin(hour int64, d *Design, p Prior) {
	if s.first == 0 {
		s.first, s.clean = hour, hour
	}
	s.hour, s.tainted = hour, s.evidence() >= d.Level/2
	s.wobble = s.wobbleOf(hour, p)
	s.offDay = s.wobbleOfDays()
	rate, exposure := s.history.rate(hour)
	if s.held > 0 {
		rate *= s.held
	}
	s.cold = p.Weight == 0 && (s.total < coldFrom || hour-s.first < 24)
	if s.cold {
		s.base, s.ceiling = d.Rate*math.Exp(-2*wobbleFirst), d.Rate
		if exposure > 0 { // a rate above what is assumed is believed, up to the bound
			s.base = max(s.base, (rate*exposure+s.base*coldFrom)/(exposure+coldFrom))
		}
		s.ceiling = max(d.Rate, min(s.base*math.Exp(2*wobbleFirst), d.Most))
		return
	}
	if p.Weight == 0 {
		p.Rate, p.Weight = d.Rate*math.Exp(-2*wobbleFirst), coldFrom/10
	}
	s.base = (rate*exposure + p.Rate*p.Weight) / (exposure + p.Weight)
	s.ceiling = max(d.Least, min(s.base*math.Exp(2*s.wobble), d.Most))
}

// wobbleOf estimates by how much, as a standard deviation of logarithms, hours
// are off their forecast beyond chance: the mean of the days kept without a
// fifth of them at either end.
func (s *Series) wobbleOf(hour int64, p Prior) float64 {
	var buf [keptDays]float32
	list := buf[:0]
	counts, hours := 1.0, 0.0 // in hours measured, and their number
	for i := range s.history.days {
		d := &s.history.days[i]
		if d.measured < wobbleHours {
			continue
		}
		list = append(list, d.excess)
		hours += float64(d.measured)
		for k := range d.n {
			counts += unpack(d.x[k]) * float64(d.measured) / 24
		}
	}
	switch {
	case len(list) < young && p.Wobble > 0:
		return p.Wobble
	case hour-s.first < 24:
		return wobbleFirst
	case len(list) < young:
		return wobbleYoung
	}
	slices.Sort(list)
	list = list[len(list)/5 : len(list)-len(list)/5]
	sum := 0.0
	for _, v := range list {
		sum += float64(v)
	}
	// Small counts show little of a wobble: the error of the estimate is allowed for.
	square := sum/float64(len(list)) + math.Sqrt2/(counts/hours*math.Sqrt(hours))
	return max(wobbleLeast, min(wobbleWithin*math.Sqrt(max(0, square)), wobbleMost))
}

// wobbleOfDays is the same for whole days: 1.48 times the median shortfall.
func (s *Series) wobbleOfDays() float64 {
	var buf [keptDays]float32
	list := buf[:0]
	for i := range s.history.days {
		if d := &s.history.days[i]; d.whole {
			list = append(list, d.off)
		}
	}
	if len(list) < young+1 { // half of the days fall short
		return wobbleDay
	}
	slices.Sort(list)
	return max(wobbleLeast, min(1.4826*float64(list[len(list)/2]), wobbleMost))
}

func (s *Series) phi() float64 {
	return max(phiLeast, min((s.over+phiPrior*phiWeight)/(s.square+phiWeight), phiMost))
}

func (s *Series) evidence() float64 {
	best := float32(0)
	for i := range s.cusums {
		best = max(best, s.cusums[i].S)
	}
	return float64(best)
}

// Taint says that something else has shown this hour to be no teacher.
func (s *Series) Taint() { s.tainted = true }

// Cold reports whether the series is still judged by its design alone, and only
// by tests that need no history.
func (s *Series) Cold() bool { return s.cold }

// Forecast is the baseline rate of this hour, Ceiling what is tested against.
func (s *Series) Forecast() float64 { return s.base }
func (s *Series) Ceiling() float64  { return s.ceiling }

// Wobble is the standard deviation of the logarithm of hourly rates around
// their forecast, beyond chance.
func (s *Series) Wobble() float64 { return s.wobble }

// Exposure is how much the series has seen, forgotten by half in a month.
func (s *Series) Exposure() float64 { return s.total }

// Best returns the test with the strongest evidence.
func (s *Series) Best() (Test, *Cusum) {
	best := MinuteHalf
	for t := range s.cusums {
		if s.cusums[t].S > s.cusums[best].S {
			best = Test(t)
		}
	}
	return best, &s.cusums[best]
}

// Cusum returns the evidence of one test.
func (s *Series) Cusum(t Test) *Cusum { return &s.cusums[t] }

// Bracket is the time in which the evidence of a test came about: from the
// begin of the slot in which it left zero to the end of that in which it last
// rose. Zero if there is none.
func (s *Series) Bracket(t Test) (fromNS, toNS int64) {
	c := &s.cusums[t]
	if c.S == 0 {
		return 0, 0
	}
	slot := int64(t.Slot())
	return int64(c.began) * slot, (int64(c.rose) + 1) * slot
}
