package spool

import "maps"

// Stats account for every call. What holds at any time:
//
//	Published            = Appended + dropped before the log + Building
//	Appended + Recovered = Acknowledged + Rejected + Damaged + Pending
//
// where dropped before the log is the sum of Dropped.
type Stats struct {
	Published    uint64            // calls taken by Publish
	Dropped      map[string]uint64 // calls that had a number and never reached the log, by reason
	Building     uint64            // calls in memory
	Appended     uint64            // calls written to the log by this process
	Recovered    uint64            // calls that an earlier process left there
	Acknowledged uint64            // calls that the other end has
	Rejected     uint64            // calls that the other end refused for ever
	Damaged      uint64            // calls that the log did not give back
	Pending      uint64            // calls in the log that are still to be shipped

	Records    uint64 // written to the log
	Sent       uint64 // records that the other end has
	SentBytes  uint64 // of those, encoded
	Groups     uint64 // commits
	SendErrors uint64 // attempts to ship that failed
	DiskErrors uint64 // attempts to write that failed
	Bytes      int64  // of the log on disk
	MaxBytes   int64  // and its bound
	Segments   int    // files of the log
	Trouble    string // why writing fails at the moment; "" if it does not
}

func (s *Stats) dropped() (n uint64) {
	for _, v := range s.Dropped {
		n += v
	}
	return n
}

func (s *Stats) pending() uint64 {
	return s.Appended + s.Recovered - s.Acknowledged - s.Rejected - s.Damaged
}

// Stats returns the counters as of now.
func (s *Spool) Stats() Stats {
	s.mu.Lock()
	out := s.stats
	out.Dropped = maps.Clone(out.Dropped)
	out.Trouble = s.trouble
	s.mu.Unlock()
	out.Building = out.Published - out.Appended - out.dropped()
	out.Pending = out.pending()
	out.Bytes, out.Segments = s.log.usage()
	out.MaxBytes = s.cfg.MaxBytes
	return out
}
