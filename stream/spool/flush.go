package spool

import (
	"errors"
	"syscall"
	"time"
)

const (
	firstRetry = 100 * time.Millisecond
	maxRetry   = time.Second // a disk that has room again is noticed so soon
)

// flushLoop writes what is packed, a group at a time, until the spool is closed.
func (s *Spool) flushLoop() {
	defer close(s.flushed)
	tick := time.NewTicker(s.cfg.Linger)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.kick:
		}
		s.mu.Lock()
		closing := s.closed
		s.mu.Unlock()
		if g := s.next(s.cfg.Now()); g != nil {
			s.commit(g)
		}
		if closing {
			// Says of all that was written that the disk has it.
			if err := s.log.seal(s.cfg.Sync); err != nil {
				s.mu.Lock()
				s.ended = errors.Join(s.ended, err)
				s.mu.Unlock()
			}
			signal(s.ready)
			return
		}
	}
}

// next takes what is packed; nil if there is nothing.
func (s *Spool) next(now time.Time) *group {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.pack.take(now, s.cfg.Linger, s.closed)
	if g != nil {
		s.inflight = len(g.buf)
	}
	return g
}

// commit writes a group, again and again until it is written or the spool is
// given up.
func (s *Spool) commit(g *group) {
	for pause := firstRetry; ; pause = min(2*pause, maxRetry) {
		err := s.write(g)
		if err == nil {
			return
		}
		if !s.rest(pause) {
			s.giveUp(g, err)
			return
		}
	}
}

// write tries once to write a group. The disk is waited for even if nobody
// does: what is shipped must be there after a power failure too, or what is
// found damaged then would be told as lost.
func (s *Spool) write(g *group) error {
	err := s.log.append(g, s.cfg.Sync == SyncGroup)
	s.mu.Lock()
	if err != nil {
		if reason := reasonOf(err); reason != s.trouble {
			s.trouble = reason
			s.mu.Unlock()
			s.cfg.Log.Warn("the spool cannot be written: logs wait, calls from packets are kept in memory and then dropped", "reason", reason, "error", err)
			s.mu.Lock()
		}
		if !errors.Is(err, errFull) {
			s.stats.DiskErrors++
		}
		s.mu.Unlock()
		return err
	}
	was := s.trouble
	s.trouble, s.inflight = "", 0
	s.stats.Appended += uint64(g.calls)
	s.stats.Records += uint64(len(g.recs))
	s.stats.Groups++
	s.pack.retire(g.retired)
	s.pack.reuse(g.buf)
	g.buf = nil
	s.wake()
	s.mu.Unlock()
	for _, done := range g.waiting {
		done(nil)
	}
	signal(s.ready)
	if was != "" {
		s.cfg.Log.Info("the spool can be written again", "after", was)
	}
	return nil
}

// rest waits before the next attempt; false means that there is to be none.
func (s *Spool) rest(pause time.Duration) bool {
	s.mu.Lock()
	over := s.hurry
	s.mu.Unlock()
	if over {
		return false
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.freed:
	}
	return true
}

// giveUp answers for a group that will never be written.
func (s *Spool) giveUp(g *group, err error) {
	s.mu.Lock()
	s.inflight = 0
	s.stats.Dropped[reasonOf(err)] += uint64(g.calls)
	s.ended = errors.Join(s.ended, &LostError{Calls: g.calls, Err: err})
	s.wake()
	s.mu.Unlock()
	for _, done := range g.waiting {
		done(err)
	}
}

// reasonOf is what an error of writing is called in Drops.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, errFull):
		return SpoolFull
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return DiskFull
	}
	return DiskError
}
