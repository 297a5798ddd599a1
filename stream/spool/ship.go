package spool

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"lapwing/stream/wire"
)

// What one Send takes at most.
const (
	shipRecords = 256
	shipBytes   = 4 << 20
)

// A shipment is what is sent at once, and where the log goes on behind it.
type shipment struct {
	recs []Packed
	end  place
	full bool // read, and not yet taken by the other end
}

// Run ships what is in the log until ctx ends, or the spool is closed and
// everything is shipped (nil). If it is run again, it goes on.
func (s *Spool) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		s.mu.Lock()
		closed, groups := s.closed, s.stats.Groups
		s.mu.Unlock()
		if s.load() {
			if err := s.ship(ctx); err != nil {
				return nil // ctx has ended
			}
			continue
		}
		s.mu.Lock()
		if s.reached != groups+1 {
			s.reached = groups + 1
			s.wake()
		}
		s.mu.Unlock()
		if closed {
			select {
			case <-s.flushed:
				if !s.load() {
					return nil
				}
				continue
			default:
			}
		}
		select {
		case <-s.ready:
		case <-s.flushed: // closed meanwhile, and all is written
		case <-ctx.Done():
		}
	}
	return nil
}

// load reads the next records of the log; false means that there are none.
func (s *Spool) load() bool {
	b := &s.batch
	if b.full {
		return true
	}
	*b = shipment{recs: b.recs[:0], end: s.pos.place}
	bytes := 0
	for len(b.recs) < shipRecords && bytes < shipBytes {
		f, at, ok := s.reader.next(b.end)
		b.end = at
		if !ok {
			break
		}
		b.full = true
		for _, rec := range s.account(f) {
			b.recs = append(b.recs, rec)
			bytes += len(rec.Value)
		}
	}
	if !b.full {
		s.pos.place = b.end // nothing that counts lies before it
	}
	return b.full
}

// account compares a record's numbers with those before it: what is missing,
// and was not dropped before the log, was damaged in it. It returns what is to
// be sent.
func (s *Spool) account(f *frame) (out []Packed) {
	m := s.pos.marks[f.partition]
	if m == nil {
		m = &mark{boot: f.boot}
		if s.fresh || f.boot == s.boot {
			m.next = 1
		}
		s.pos.marks[f.partition] = m
	}
	if f.boot > m.boot {
		if rec, ok := s.epilogue(f.partition, m); ok {
			out = append(out, rec)
		}
		*m = mark{boot: f.boot, next: 1}
	}
	if f.boot < m.boot || f.first < m.next {
		if f.boot != s.boot {
			s.mu.Lock()
			s.stats.Recovered -= uint64(f.calls) // written twice, before and after a fault of the disk
			s.mu.Unlock()
		}
		return out
	}
	if f.damaged {
		m.known += uint64(f.calls)
		m.tail = f.next()
		s.mu.Lock()
		s.stats.Damaged += uint64(f.calls)
		s.mu.Unlock()
		s.complain("a record in the spool is damaged", nil, "partition", f.partition, "calls", f.calls)
		return out
	}
	if m.next > 0 {
		gap, dropped := f.first-m.next, f.own.sum()-m.own
		if gap > dropped {
			s.missing(f.partition, m, gap-dropped)
		}
	}
	m.next, m.own, m.known, m.tail = f.next(), f.own.sum(), 0, 0
	m.ownTally, m.extraTally = f.own, f.extra
	return append(out, Packed{Partition: f.partition, Boot: f.boot, First: f.first, Calls: uint64(f.calls), Value: f.value})
}

// missing notes calls that the log did not give back.
func (s *Spool) missing(partition int, m *mark, calls uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hidden := calls - min(calls, m.known); hidden > 0 {
		// Not even their headers could be read.
		s.stats.Damaged += hidden
		if m.boot != s.boot {
			s.stats.Recovered += hidden // nor when the log was opened
		}
	}
	s.lost(partition, m, DiskError, calls)
}

// lost has later records tell of calls that were lost behind the packer. mu is held.
func (s *Spool) lost(partition int, m *mark, reason string, calls uint64) {
	if m.boot == s.boot {
		s.pack.lost(partition, reason, calls)
		return
	}
	if m.damaged == nil {
		m.damaged = tally{}
	}
	m.damaged[reason] += calls
}

// epilogue closes the account of an earlier process: nobody but us can still
// say what was lost of its calls.
func (s *Spool) epilogue(partition int, m *mark) (Packed, bool) {
	next := m.next
	if m.tail > next {
		s.mu.Lock()
		s.lost(partition, m, DiskError, m.tail-next)
		s.mu.Unlock()
		next = m.tail
	}
	if m.damaged.sum() == 0 {
		return Packed{}, false
	}
	enc := wire.Encoder{KeyMark: s.cfg.KeyMark}
	enc.Reset(s.cfg.Sensor)
	value := enc.AppendTo(nil, m.boot, next, nil, drops(m.ownTally, m.extraTally, m.damaged))
	return Packed{Partition: partition, Boot: m.boot, First: next, Value: value}, true
}

// ship sends the records at hand until the other end has them. It fails only
// when ctx ends.
func (s *Spool) ship(ctx context.Context) error {
	b := &s.batch
	failing := false
	for len(b.recs) > 0 {
		err := s.sender.Send(ctx, b.recs)
		var rejection *Rejection
		var partial *Partial
		switch {
		case err == nil:
			s.sent(b.recs)
			b.recs = b.recs[:0]
			s.again.reset()
		case errors.As(err, &rejection) && rejection.Index >= 0 && rejection.Index < len(b.recs):
			s.sent(b.recs[:rejection.Index])
			s.setAside(&b.recs[rejection.Index], rejection)
			b.recs = append(b.recs[:0], b.recs[rejection.Index+1:]...)
			s.again.reset()
		case errors.As(err, &partial) && partial.Sent > 0 && partial.Sent <= len(b.recs):
			s.sent(b.recs[:partial.Sent])
			b.recs = append(b.recs[:0], b.recs[partial.Sent:]...)
			fallthrough
		default:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			failing = true
			s.mu.Lock()
			s.stats.SendErrors++
			s.mu.Unlock()
			s.complain("records cannot be delivered, they wait in the spool", err)
			if !s.again.wait(ctx, err) {
				return ctx.Err()
			}
		}
	}
	if failing {
		s.cfg.Log.Info("records are delivered again")
		clear(s.said)
	}
	s.pos.place = b.end
	b.full = false
	frees := s.log.frees(b.end)
	if err := s.pos.save(frees); err != nil {
		s.complain("the position in the spool cannot be noted: after a restart records are sent again", err)
		// What an older position still needs stays, unless a full disk is why
		// there is no position at all.
		frees = frees && s.pos.file == nil
	}
	if frees {
		freed, err := s.log.free(b.end)
		if err != nil {
			s.complain("a segment of the spool cannot be removed", err)
		}
		if freed > 0 {
			signal(s.freed)
		}
	} else {
		s.log.passed(b.end)
	}
	s.mu.Lock()
	s.wake()
	s.mu.Unlock()
	return nil
}

func (s *Spool) sent(recs []Packed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range recs {
		s.stats.Acknowledged += recs[i].Calls
		s.stats.Sent++
		s.stats.SentBytes += uint64(len(recs[i].Value))
	}
}

// pauses grow from failure to failure, each a random part of its bound, so
// that many sensors do not come back at once.
type pauses struct {
	bound time.Duration
	sleep func(context.Context, time.Duration) bool // nil: by the clock
}

const (
	firstPause = 200 * time.Millisecond
	maxPause   = 15 * time.Second
)

func (p *pauses) reset() { p.bound = 0 }

// wait waits after a failure; false means that ctx ended first.
func (p *pauses) wait(ctx context.Context, err error) bool {
	p.bound = min(max(2*p.bound, firstPause), maxPause)
	pause := p.bound/2 + rand.N(p.bound/2)
	var asked *Pause
	if errors.As(err, &asked) {
		pause = max(pause, asked.After)
	}
	if p.sleep != nil {
		return p.sleep(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
