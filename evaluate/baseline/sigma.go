package baseline

import (
	"math"
	"time"

	"lapwing/event"
)

// threeSigma is the textbook anomaly detector: the calls of an address to an
// endpoint in an hour, against mean and standard deviation over all addresses
// and hours before. The first 24 hours and 50 addresses only teach it.
func threeSigma() rule {
	m := &sigmas{endpoints: map[uint64]*sigma{}}
	return rule{Rule{"3-sigma", "calls of an address to an endpoint in an hour above the mean of all by 3 standard deviations", "textbook", "volume"}, m.observe, func(int64) {}}
}

const (
	hourNS      = int64(time.Hour)
	teachNS     = 24 * hourNS
	teachActors = 50
	maxPlaces   = 4096 // endpoints that have a baseline
)

type sigmas struct {
	beganNS   int64
	endpoints map[uint64]*sigma
}

// A sigma is the baseline of one endpoint.
type sigma struct {
	hour      int64
	now       map[uint64]int // calls of this hour by address
	n         float64        // address-hours before
	sum, sum2 float64
}

func (m *sigmas) observe(s *seen, fire func(event.Entity)) {
	if m.beganNS == 0 {
		m.beganNS = s.atNS
	}
	e := m.endpoints[s.place]
	if e == nil {
		if len(m.endpoints) >= maxPlaces {
			return
		}
		e = &sigma{now: map[uint64]int{}}
		m.endpoints[s.place] = e
	}
	if hour := s.atNS / hourNS; hour != e.hour {
		for _, n := range e.now {
			x := float64(n)
			e.n, e.sum, e.sum2 = e.n+1, e.sum+x, e.sum2+x*x
		}
		e.hour, e.now = hour, map[uint64]int{}
	}
	e.now[s.from]++
	if e.n < teachActors || s.atNS-m.beganNS < teachNS {
		return
	}
	mean := e.sum / e.n
	if x := float64(e.now[s.from]); x > mean+3*math.Sqrt(max(0, e.sum2/e.n-mean*mean)) {
		fire(client(s))
	}
}
