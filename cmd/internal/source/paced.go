package source

import (
	"io"
	"sync"
	"time"

	"lapwing/capture"
)

// A Paced source hands out recorded packets as if they came now: Speed times
// faster than recorded, and shifted so that the last one carries the time at
// which it is handed out. The recording must be known to its end, since the
// shift follows from its length.
type Paced struct {
	packets []capture.Packet
	next    int
	began   time.Time
	shiftNS int64
	speed   float64
	now     func() time.Time
	counts  capture.Counters

	once  sync.Once
	stop  chan struct{}
	ended func() // called once, after the last packet was handed out
}

// NewPaced reads the whole recording into memory. ended is called when it has
// been handed out; from then on the source is idle, and its time is now's.
func NewPaced(src capture.Source, speed float64, now func() time.Time, ended func()) (*Paced, error) {
	p := &Paced{speed: speed, now: now, stop: make(chan struct{}), ended: ended}
	var packet capture.Packet
	for {
		err := src.Next(&packet)
		if err == io.EOF {
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		kept := packet
		kept.Data = append([]byte(nil), packet.Data...)
		p.packets = append(p.packets, kept)
	}
}

// Len is how many packets there are.
func (p *Paced) Len() int { return len(p.packets) }

// Next implements capture.Source. It never ends by itself.
func (p *Paced) Next(out *capture.Packet) error {
	if p.began.IsZero() {
		p.start()
	}
	if p.next >= len(p.packets) {
		if p.ended != nil {
			p.ended()
			p.ended = nil
		}
		return p.rest(poll)
	}
	due := p.began.Add(time.Duration(float64(p.packets[p.next].TimeNS-p.packets[0].TimeNS) / p.speed))
	if wait := due.Sub(p.now()); wait > 0 {
		return p.rest(min(wait, poll))
	}
	*out = p.packets[p.next]
	out.TimeNS += p.shiftNS
	p.next++
	p.counts.Packet(out)
	return nil
}

// poll is how long a Next waits at most.
const poll = 100 * time.Millisecond

func (p *Paced) start() {
	p.began = p.now()
	if len(p.packets) > 0 {
		first, last := p.packets[0].TimeNS, p.packets[len(p.packets)-1].TimeNS
		p.shiftNS = p.began.UnixNano() + int64(float64(last-first)/p.speed) - last
	}
}

func (p *Paced) rest(d time.Duration) error {
	select {
	case <-p.stop:
		return capture.ErrClosed
	case <-time.After(d):
		return capture.ErrIdle
	}
}

// EventNow is the recording's time at this moment.
func (p *Paced) EventNow() int64 {
	now := p.now()
	if p.next >= len(p.packets) || p.began.IsZero() {
		return now.UnixNano()
	}
	return p.packets[0].TimeNS + p.shiftNS + int64(float64(now.Sub(p.began))*p.speed)
}

// Stats implements capture.Source.
func (p *Paced) Stats() capture.Stats { return p.counts.Load() }

// Close implements capture.Source.
func (p *Paced) Close() error {
	p.once.Do(func() { close(p.stop) })
	return nil
}
