package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// A Claim is one partition that is ours until a worker's context ends. One
// goroutine at a time, but for Lag.
type Claim struct {
	Topic     string
	Partition int
	Committed int64 // offset that the group committed: to be read next; -1: none

	client   *Client
	group    string
	commit   func(topic string, partition int, next int64) error
	lost     context.CancelFunc
	position atomic.Int64 // -1: the first message there is
	end      atomic.Int64 // high-water mark as of the last fetch; -1: not known
	seen     atomic.Int64 // where the partition ended when last asked while nothing was fetched
	fetches  atomic.Uint64
	// Fetches in a row that found nothing although the partition goes on.
	empty int
}

func newClaim(c *Client, group, topic string, id int, committed int64) *Claim {
	cl := &Claim{Topic: topic, Partition: id, Committed: max(committed, -1), client: c, group: group}
	cl.position.Store(cl.Committed)
	cl.end.Store(-1)
	cl.seen.Store(-1)
	return cl
}

// SeekTo sets the offset to be read next; -1 is the first there is. Reading
// begins at Committed.
func (cl *Claim) SeekTo(offset int64) { cl.position.Store(max(offset, -1)) }

// Position is the offset to be read next; -1 before the first fetch of a claim
// that nothing was committed for.
func (cl *Claim) Position() int64 { return cl.position.Load() }

// Lag is how many offsets there were behind the position when messages were
// last fetched; -1 before that. It may be called from any goroutine.
func (cl *Claim) Lag() int64 {
	end, position := cl.end.Load(), cl.position.Load()
	if end < 0 || position < 0 {
		return -1
	}
	return max(0, end-position)
}

// waiting is Lag as of now: whoever is busy with what it has fetched, or waits
// for a store, does not fetch, and messages gather all the same.
func (cl *Claim) waiting() int64 {
	end, position := max(cl.end.Load(), cl.seen.Load()), cl.position.Load()
	if end < 0 || position < 0 {
		return -1
	}
	return max(0, end-position)
}

// watchEvery is how often the end of a partition is asked for that nobody
// fetches from.
const watchEvery = 5 * time.Second

// watch asks where the partition ends while nothing is fetched from it, until
// ctx ends.
func (cl *Claim) watch(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for last := cl.fetches.Load(); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if now := cl.fetches.Load(); now != last {
			last = now
			continue
		}
		if _, end, err := cl.client.bounds(ctx, cl.Topic, cl.Partition); err == nil {
			cl.seen.Store(end)
		}
	}
}

// Fetch waits for messages and returns at least one, in the order of their
// offsets, from the position on, and moves the position behind them. Their
// bytes belong to the caller. Offsets may have gaps, in compacted topics.
//
// It tries again until ctx ends, but for errors that trying again does not
// mend. If retention has deleted the position, reading goes on with the first
// message there is, and Stats.Missed counts what is between.
func (cl *Claim) Fetch(ctx context.Context) ([]Message, error) {
	var pause backoff
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		msgs, err := cl.fetchOnce(ctx)
		switch {
		case err == nil && len(msgs) > 0:
			return msgs, nil
		case err == nil:
			pause.reset()
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case fatal(err) || errors.Is(err, ErrOutOfRange):
			return nil, cl.client.explain(err, cl.Topic)
		default:
			cl.client.stats.fetchRetries.Add(1)
			if pause.persists() {
				reason := cl.client.diagnose(ctx, err, cl.Topic)
				if fatal(reason) {
					return nil, reason
				}
				cl.client.cfg.Log.Warn("reading from Kafka fails and is tried again", "topic", cl.Topic, "partition", cl.Partition, "error", reason)
			}
			if err := pause.wait(ctx); err != nil {
				return nil, err
			}
		}
	}
}

// fetchOnce returns what one request brought, perhaps nothing.
func (cl *Claim) fetchOnce(ctx context.Context) ([]Message, error) {
	c := cl.client
	if cl.position.Load() < 0 {
		first, _, err := c.bounds(ctx, cl.Topic, cl.Partition)
		if err != nil {
			return nil, err
		}
		cl.position.Store(first)
	}
	from := cl.position.Load()
	resp, err := c.api.Fetch(ctx, &kafkago.FetchRequest{
		Topic: cl.Topic, Partition: cl.Partition, Offset: from,
		MinBytes: 1, MaxBytes: int64(c.cfg.FetchMaxBytes), MaxWait: c.cfg.FetchMaxWait,
	})
	if err != nil {
		return nil, err
	}
	if errors.Is(resp.Error, kafkago.OffsetOutOfRange) {
		return nil, cl.outOfRange(ctx, from)
	}
	if resp.Error != nil {
		return nil, resp.Error
	}
	msgs, next, err := c.readRecords(cl.Topic, cl.Partition, from, resp.Records)
	if err != nil && len(msgs) == 0 {
		return nil, err
	}
	cl.end.Store(max(resp.HighWatermark, next))
	cl.fetches.Add(1)
	cl.position.Store(next)
	if len(msgs) == 0 && next < resp.HighWatermark {
		// A batch that compaction emptied covers the position, and nothing says
		// how far. Ask for the offset behind.
		if cl.empty++; cl.empty > 3 {
			cl.position.Store(next + 1)
		}
		return nil, nil
	}
	cl.empty = 0
	return msgs, nil
}

// outOfRange finds out on which side of the partition the position is.
func (cl *Claim) outOfRange(ctx context.Context, from int64) error {
	first, end, err := cl.client.bounds(ctx, cl.Topic, cl.Partition)
	switch {
	case err != nil:
		return err
	case from < first:
		cl.client.stats.missed.Add(uint64(first - from))
		cl.client.cfg.Log.Error("messages were deleted by retention before they were read",
			"group", cl.group, "topic", cl.Topic, "partition", cl.Partition, "offsets", first-from, "from", from)
		cl.position.Store(first)
		return nil
	case from > end:
		return fmt.Errorf("%w: group %s would read %s partition %d at offset %d, and it ends at %d. "+
			"The topic was made anew or a broker lost messages: find out which, and if that is as it should be, reset the group with kafka-consumer-groups.sh --reset-offsets",
			ErrOutOfRange, cl.group, cl.Topic, cl.Partition, from, end)
	}
	return nil
}

// Commit notes for the group that everything below next is done with, and
// returns once the coordinator has it. It works until the worker returns, also
// when its context has ended: a last commit is welcome then. If the claim is
// lost the error wraps ErrLostClaim, and the worker's context ends.
func (cl *Claim) Commit(_ context.Context, next int64) error {
	err := cl.commit(cl.Topic, cl.Partition, next)
	if err == nil {
		cl.client.stats.commits.Add(1)
		return nil
	}
	cl.client.stats.commitErrors.Add(1)
	if fatal(err) {
		return cl.client.explain(err, cl.group)
	}
	cl.lost()
	return fmt.Errorf("kafka: committing offset %d of %s partition %d for group %s: %w (%w)", next, cl.Topic, cl.Partition, cl.group, ErrLostClaim, err)
}
