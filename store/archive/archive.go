// Package archive carries calls from a partitioned log into a store, each
// exactly once.
//
// Promises. Every record of a partition is read in order and belongs to exactly
// one batch. The bounds of batches follow from the log alone (Cutter), so an
// archiver that lost its partition and the one that has it now append identical
// batches, which the store recognises. A batch is appended before its offset is
// committed; where to read on after a start is what the store says, not what
// was committed. A record that cannot be read is set aside before its batch is
// appended, and counts. Calls that a sensor sent twice are dropped by their
// sequence numbers (Audit), and numbers that never came are counted.
//
// Conservation, in every batch and in the sum: Seen = Kept + Repeated.
//
// Limits: a partition holds one batch in memory at a time, within Limits; the
// number of appends at once is bounded by Archiver.Appends.
package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"lapwing/event"
	"lapwing/store"
	"lapwing/stream/wire"
)

// A Message is one record of the log as it stands there.
type Message struct {
	Offset int64
	Time   time.Time
	Key    []byte
	Value  []byte
}

// A Log is one partition, read in order.
type Log interface {
	// ReadFrom says where to read on; FirstOffset is the oldest message there is.
	ReadFrom(offset int64)
	// Fetch waits for messages and returns at least one, in order.
	Fetch(ctx context.Context) ([]Message, error)
	// Commit notes that everything below next is done with.
	Commit(ctx context.Context, next int64) error
}

// FirstOffset asks a Log for the oldest message there is.
const FirstOffset int64 = -2

// An Archiver appends batches. Its fields are set before the first Run and not
// changed after.
type Archiver struct {
	Store store.Archive
	// Quarantine sets a message aside for good. The archiver does not go on
	// until it has succeeded.
	Quarantine func(ctx context.Context, topic string, partition int, m Message, reason string) error
	Limits     Limits // the zero value is DefaultLimits
	Appends    int    // how many partitions append at once; 0 means 4
	// Tell appends a record to a partition, so that it closes the last batch
	// when no sensor does. nil: a batch stays open until the next record.
	Tell  func(ctx context.Context, topic string, partition int, record []byte) error
	Quiet time.Duration // of a partition before Tell; 0 means 4 s
	// Observe, if set, is told of every batch that was kept; from several
	// goroutines.
	Observe func(store.LogBatch)

	once  sync.Once
	slots chan struct{}
	stats counters
}

// Run archives one partition until ctx ends, which is no error, or something
// fails that a repetition may mend. Several partitions run at once.
func (a *Archiver) Run(ctx context.Context, topic string, partition int, log Log) error {
	a.once.Do(func() {
		if a.Appends <= 0 {
			a.Appends = 4
		}
		a.slots = make(chan struct{}, a.Appends)
	})
	err := a.run(ctx, topic, partition, log)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	return err
}

func (a *Archiver) run(ctx context.Context, topic string, partition int, log Log) error {
	positions, err := a.Store.LogPositions(ctx, topic)
	if err != nil {
		return fmt.Errorf("archive %s/%d: %w", topic, partition, err)
	}
	p := &builder{archiver: a, topic: topic, partition: partition, cutter: NewCutter(a.Limits), next: FirstOffset}
	if at, ok := positions[partition]; ok {
		p.next, p.audit = at.Next, NewAudit(at.Marks)
	} else {
		p.audit = NewAudit(nil)
	}
	log.ReadFrom(p.next)
	for {
		messages, err := p.fetch(ctx, log)
		if err != nil {
			return fmt.Errorf("archive %s/%d: %w", topic, partition, err)
		}
		for i := range messages {
			if messages[i].Offset < p.next {
				continue // a client that hands out old messages again
			}
			if err := p.add(ctx, log, messages[i]); err != nil {
				return fmt.Errorf("archive %s/%d: %w", topic, partition, err)
			}
		}
	}
}

// A builder collects the batch of one partition.
type builder struct {
	archiver  *Archiver
	topic     string
	partition int
	cutter    *Cutter
	audit     *Audit
	next      int64 // offset expected next
	batch     store.LogBatch
	open      bool
}

// add takes the next message; if it completes a batch, that is kept first.
func (p *builder) add(ctx context.Context, log Log, m Message) error {
	record, err := wire.Decode(m.Value)
	if err == nil {
		err = Check(record)
	}
	if errors.Is(err, wire.ErrNewer) {
		// Everything that follows is newer, too. It is not lost while it stands
		// in the log: whoever runs this has to put a newer program here.
		return fmt.Errorf("offset %d: %w", m.Offset, err)
	}
	calls := 0
	if err == nil {
		calls = len(record.Calls)
	}
	if p.cutter.Add(m.Time, calls, len(m.Value)) {
		if err := p.flush(ctx, log); err != nil {
			return err
		}
	}
	if !p.open {
		p.open = true
		p.batch = store.LogBatch{Topic: p.topic, Partition: p.partition, First: m.Offset}
	}
	p.batch.Last, p.next = m.Offset, m.Offset+1
	counts := &p.batch.Counts
	counts.Records++
	if err != nil {
		counts.Quarantined++
		if err := p.archiver.Quarantine(ctx, p.topic, p.partition, m, err.Error()); err != nil {
			return fmt.Errorf("set aside the message at offset %d: %w", m.Offset, err)
		}
		return nil
	}
	v := p.audit.Judge(record)
	counts.Seen += uint64(calls)
	counts.Repeated += v.Repeated
	counts.Lost += v.Lost
	counts.Explained += v.Explained
	if v.Late {
		counts.LateBoots++
	}
	if p.batch.Calls == nil && len(v.News) > 0 {
		p.batch.Calls = make([]*event.Call, 0, len(v.News))
	}
	p.batch.Calls = append(p.batch.Calls, v.News...)
	return nil
}

// flush keeps the batch at hand and commits its offset.
func (p *builder) flush(ctx context.Context, log Log) error {
	b := p.batch
	b.Marks = p.audit.Marks()
	a := p.archiver
	select {
	case a.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	begun := time.Now()
	err := a.Store.AppendLog(ctx, b)
	took := time.Since(begun)
	<-a.slots
	if err != nil {
		return err
	}
	a.stats.add(&b, took)
	p.batch, p.open = store.LogBatch{}, false
	if a.Observe != nil {
		a.Observe(b)
	}
	if err := log.Commit(ctx, b.Last+1); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// The store has the batch and says where to read on; the committed
		// offset only tells others how far behind the archive is.
		a.stats.commitErrors.Add(1)
	}
	return nil
}
