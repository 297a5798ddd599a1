package series

import (
	"errors"
	"math"
	"slices"
)

// keptDays are three weeks: three of each day of the week.
const keptDays = 21

// A day is what a series has seen in one day of event time, by hour.
type day struct {
	number   int32     // days since 1970
	x, n     [24]uint8 // packed
	excess   float32   // mean squared log ratio to the forecast beyond chance, of the hours measured
	measured uint8     // hours that fell short of their forecast
	off      float32   // by how much the whole day fell short, as a log ratio
	whole    bool      // off is known
}

// Counts are kept in a byte: exactly up to 15, beyond in steps of 5.3 %. Half a
// step is a quarter of the least wobble that is allowed for.
const (
	packExact = 16
	packStep  = 0.052
)

func pack(v float64) uint8 {
	if v < packExact {
		return uint8(math.Round(max(0, v)))
	}
	return uint8(min(255, packExact+math.Round(math.Log(v/packExact)/packStep)))
}

func unpack(c uint8) float64 { return unpacked[c] }

var unpacked = func() (t [256]float64) {
	for c := range t {
		if t[c] = float64(c); c >= packExact {
			t[c] = packExact * math.Exp(packStep*float64(c-packExact))
		}
	}
	return t
}()

// A history is a ring of days, newest at head.
type history struct {
	days []day
	head int
}

// at returns the record of a day, making it if it is new.
func (h *history) at(number int64) *day {
	if len(h.days) > 0 && h.days[h.head].number == int32(number) {
		return &h.days[h.head]
	}
	if len(h.days) < keptDays {
		h.days = append(h.days, day{})
		h.head = len(h.days) - 1
	} else {
		h.head = (h.head + 1) % keptDays
	}
	h.days[h.head] = day{number: int32(number)}
	return &h.days[h.head]
}

func (h *history) put(hour int64, x, n float64) {
	d, i := h.at(hour/24), hour%24
	d.n[i] = pack(n)
	d.x[i] = pack(x * unpack(d.n[i]) / n) // keeps the rate where the exposure was rounded
}

// Restored checks what a snapshot brought.
func (s *Series) Restored() error {
	if h := &s.history; len(h.days) > keptDays || h.head < 0 || h.head > 0 && h.head >= len(h.days) {
		return errors.New("a history of counts is out of its bounds")
	}
	return nil
}

// steady is the median count of an hour from which a median of rates means
// something; below it chance decides which counts there are.
const steady = 8

// young is how many days a history needs before hours of the day are told apart.
const young = 3

// halfLife of what a young history has seen, in hours.
const halfLife = 24

// rate estimates the rate of an hour from the days kept, and how much exposure
// there was in all of them.
func (h *history) rate(hour int64) (rate, exposure float64) {
	all, exposure := h.overall(hour)
	if len(h.days) < young || exposure == 0 {
		return all, exposure
	}
	var slots [3 * keptDays]slot
	n := h.alike(hour, slots[:0], true)
	if len(n) < young*2 {
		n = h.alike(hour, slots[:0], false)
	}
	r, e := robust(n)
	// what an hour of the day says of itself is weighed against what all hours say
	const shrink = 5
	if all <= 0 {
		return r, exposure
	}
	return (r*e + shrink) / (e + shrink/all), exposure
}

type slot struct{ x, n float64 }

// alike appends the slots of the same hour of the day and its neighbours; of
// the same kind of day, if asked. Working days and weekends differ more than
// one working day from another.
func (h *history) alike(hour int64, list []slot, kind bool) []slot {
	for i := range h.days {
		d := &h.days[i]
		if kind && weekend(int64(d.number)) != weekend(hour/24) {
			continue
		}
		for _, k := range [3]int64{23, 0, 1} {
			if at := (hour + k) % 24; d.n[at] > 0 {
				list = append(list, slot{unpack(d.x[at]), unpack(d.n[at])})
			}
		}
	}
	return list
}

func weekend(number int64) bool { return (number+3)%7 >= 5 } // 1 January 1970 was a Thursday

// overall is the rate over everything kept; of a young history what is new
// counts more, because it is still learning who its people are.
func (h *history) overall(hour int64) (rate, exposure float64) {
	var buf [keptDays * 24]slot
	list := buf[:0]
	for i := range h.days {
		d := &h.days[i]
		for at := range d.n {
			if d.n[at] == 0 {
				continue
			}
			w := 1.0
			if len(h.days) < young {
				w = math.Exp2(-float64(hour-int64(d.number)*24-int64(at)) / halfLife)
			}
			list = append(list, slot{unpack(d.x[at]) * w, unpack(d.n[at]) * w})
		}
	}
	return pooled(list)
}

// robust is the median of the rates where counts allow, else their mean
// without excess.
func robust(list []slot) (rate, exposure float64) {
	if len(list) == 0 {
		return 0, 0
	}
	slices.SortFunc(list, func(a, b slot) int {
		switch {
		case a.x < b.x:
			return -1
		case a.x > b.x:
			return 1
		}
		return 0
	})
	if list[len(list)/2].x < steady {
		return pooled(list)
	}
	for _, s := range list {
		exposure += s.n
	}
	slices.SortFunc(list, func(a, b slot) int {
		switch x, y := a.x*b.n, b.x*a.n; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	mid := list[len(list)/2]
	rate = mid.x / mid.n
	if len(list)%2 == 0 {
		low := list[len(list)/2-1]
		rate = (rate + low.x/low.n) / 2
	}
	return rate, exposure
}

// pooled is the sum of counts over the sum of exposures, where no slot counts
// for more than three times its due and three.
func pooled(list []slot) (rate, exposure float64) {
	for _, s := range list {
		rate += s.x
		exposure += s.n
	}
	if exposure == 0 {
		return 0, 0
	}
	rate /= exposure
	for range 2 {
		sum := 0.0
		for _, s := range list {
			sum += min(s.x, 3*rate*s.n+3)
		}
		rate = sum / exposure
	}
	return rate, exposure
}
