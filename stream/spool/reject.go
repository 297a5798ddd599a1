package spool

import (
	"fmt"
	"path/filepath"
	"slices"
)

const (
	rejectedDir = "rejected"
	// maxRejected bounds the records that are set aside for a person to look at;
	// the oldest go first.
	maxRejected = 32
)

// setAside keeps a record that the other end will never take, and has later
// records say that its calls were dropped.
func (s *Spool) setAside(rec *Packed, why *Rejection) {
	dir := filepath.Join(s.cfg.Dir, rejectedDir)
	name := filepath.Join(dir, fmt.Sprintf("%016x-%03d-%016x.record", rec.Boot, rec.Partition, rec.First))
	kept := s.keepRejected(dir, name, rec.Value)
	s.complain("the receiver will never take a record: its calls are dropped", why, "calls", rec.Calls, "kept", name, "keeping", kept)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Rejected += rec.Calls
	if m := s.pos.marks[rec.Partition]; m != nil && rec.Calls > 0 {
		if rec.Boot == s.boot {
			s.pack.lost(rec.Partition, Rejected, rec.Calls)
		} else if rec.Boot == m.boot {
			s.lost(rec.Partition, m, Rejected, rec.Calls)
		}
	}
}

// keepRejected writes the file. Failing costs only the file: the calls are
// counted in any case.
func (s *Spool) keepRejected(dir, name string, value []byte) error {
	if err := s.cfg.FS.MkdirAll(dir); err != nil {
		return err
	}
	old, err := s.cfg.FS.List(dir)
	if err != nil {
		return err
	}
	slices.Sort(old)
	for len(old) >= maxRejected {
		if err := s.cfg.FS.Remove(filepath.Join(dir, old[0])); err != nil {
			return err
		}
		old = old[1:]
	}
	file, err := s.cfg.FS.Create(name)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(value, 0)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	return err
}
