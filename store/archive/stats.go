package archive

import (
	"sync/atomic"
	"time"

	"lapwing/store"
)

// Stats are totals since the archiver was made, over all partitions.
type Stats struct {
	Batches      uint64
	Records      uint64 // messages in them
	Quarantined  uint64 // messages set aside
	CallsSeen    uint64 // = CallsKept + CallsRepeated
	CallsKept    uint64 // handed to the store, which answered for them
	Repeated     uint64 // calls dropped as repetitions
	Lost         uint64 // sequence numbers that never came
	Explained    uint64 // calls that sensors say they dropped
	LateBoots    uint64 // messages of a sensor's earlier start after a later one
	CommitErrors uint64 // offsets that could not be committed; nothing is lost by that
	Append       time.Duration
}

type counters struct {
	batches, records, quarantined, seen, kept, repeated, lost, explained, late, commitErrors atomic.Uint64
	append                                                                                   atomic.Int64
}

func (c *counters) add(b *store.LogBatch, took time.Duration) {
	c.batches.Add(1)
	c.records.Add(b.Counts.Records)
	c.quarantined.Add(b.Counts.Quarantined)
	c.seen.Add(b.Counts.Seen)
	c.kept.Add(uint64(len(b.Calls)))
	c.repeated.Add(b.Counts.Repeated)
	c.lost.Add(b.Counts.Lost)
	c.explained.Add(b.Counts.Explained)
	c.late.Add(b.Counts.LateBoots)
	c.append.Add(int64(took))
}

// Stats returns the totals of batches that were kept. What belongs to a batch
// that is still open is not in it.
func (a *Archiver) Stats() Stats {
	c := &a.stats
	return Stats{
		Batches: c.batches.Load(), Records: c.records.Load(), Quarantined: c.quarantined.Load(),
		CallsSeen: c.seen.Load(), CallsKept: c.kept.Load(), Repeated: c.repeated.Load(),
		Lost: c.lost.Load(), Explained: c.explained.Load(), LateBoots: c.late.Load(),
		CommitErrors: c.commitErrors.Load(), Append: time.Duration(c.append.Load()),
	}
}
