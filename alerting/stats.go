package alerting

import "time"

// Stats are the pipeline's counters since Open, and its levels. For each
// destination Queued + what was pending at Open = Delivered + Folded + Dead +
// Pending.
type Stats struct {
	Accepted    int64 // alert revisions that were news
	Redelivered int64 // alert revisions that were known
	Silenced    int64 // of the accepted, those a silence kept from being sent
	Evicted     int64 // incidents dropped for their number or age
	Unrouted    int64 // notifications given up because their destination is configured no longer

	Incidents map[State]int

	LogBytes      int64
	LogRecords    int   // read at Open
	LogDamaged    int   // damaged records skipped at Open
	LogTornBytes  int64 // bytes of a torn tail cut off at Open
	UnsavedMarks  int   // deliveries that the log could not note yet
	Destinations  []DestinationStats
	SilencesKnown int
}

// DestinationStats tell of one destination, in the configuration's order.
type DestinationStats struct {
	Name        string
	Queued      int64 // notifications that became due
	Coalesced   int64 // that were not queued, because a waiting one says the same
	Delivered   int64 // that were sent one by one
	Folded      int64 // that were sent as part of a summary
	Failed      int64 // attempts that failed
	Dead        int64 // that were given up: refused for good, or too old
	Pending     int
	Oldest      time.Time // when the oldest pending one became due; zero if none is
	BreakerOpen bool
}

// Stats returns a snapshot for metrics.
func (p *Pipeline) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	report := p.journal.Report()
	s := Stats{
		Accepted: p.counts.accepted, Redelivered: p.counts.redelivered, Silenced: p.counts.silenced, Evicted: p.counts.evicted, Unrouted: p.counts.unrouted,
		Incidents: map[State]int{StateOpen: 0, StateAcknowledged: 0, StateResolved: 0},
		LogBytes:  p.journal.Size(), LogRecords: report.Records, LogDamaged: report.Damaged, LogTornBytes: report.TornBytes,
		UnsavedMarks: len(p.unsaved), SilencesKnown: len(p.state.silences),
	}
	for _, t := range p.state.incidents {
		s.Incidents[t.State]++
	}
	for _, r := range p.routes {
		d := DestinationStats{
			Name: r.Destination.Name(), Queued: r.queued, Coalesced: r.coalesced, Delivered: r.delivered, Folded: r.folded, Failed: r.failed, Dead: r.dead,
			BreakerOpen: r.failures >= breakerAfter,
		}
		if q := p.state.pending[d.Name]; len(q) > 0 {
			d.Pending, d.Oldest = len(q), q[0].At
		}
		s.Destinations = append(s.Destinations, d)
	}
	return s
}
