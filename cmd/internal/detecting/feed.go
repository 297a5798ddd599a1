package detecting

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"lapwing/store/archive"
	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

// A Claim is the part of kafka.Claim that a detector uses.
type Claim interface {
	SeekTo(offset int64)
	Fetch(ctx context.Context) ([]kafka.Message, error)
	Commit(ctx context.Context, next int64) error
	Lag() int64
}

// An item is a message of a partition, and the record in it, or why there is none.
type item struct {
	message kafka.Message
	record  *wire.Record
	err     error
}

// A reader fetches one partition ahead of who consumes it, and decodes.
type reader struct {
	partition int
	claim     Claim
	wire      wire.Reader
	want      chan struct{} // one token: the next fetch may be handed over
	holds     atomic.Bool   // something was fetched and not yet handed over
	queue     []item        // handed over, not yet applied
	latest    time.Time     // running maximum of the times in the queue's past
	passed    int           // items of others since it had something in its queue
}

// An arrival is what one fetch brought, or how fetching ended.
type arrival struct {
	reader *reader
	items  []item
	err    error
}

// newReader reads the calls of the hosts that keep names; nil: of all.
func newReader(partition int, claim Claim, keep func(host string) bool) *reader {
	r := &reader{partition: partition, claim: claim, wire: wire.Reader{Keep: keep}, want: make(chan struct{}, 1)}
	r.want <- struct{}{}
	return r
}

func (r *reader) run(ctx context.Context, to chan<- arrival) {
	for {
		messages, err := r.claim.Fetch(ctx)
		if err != nil {
			select {
			case to <- arrival{reader: r, err: fmt.Errorf("partition %d: %w", r.partition, err)}:
			case <-ctx.Done():
			}
			return
		}
		r.holds.Store(true)
		items := make([]item, len(messages))
		for i, m := range messages {
			rec, err := r.wire.Decode(m.Value)
			if err == nil {
				err = archive.Check(rec)
			}
			items[i] = item{m, rec, err}
		}
		select {
		case <-r.want:
		case <-ctx.Done():
			return
		}
		select {
		case to <- arrival{reader: r, items: items}:
		case <-ctx.Done():
			return
		}
	}
}

// take puts what arrived into the queue.
func (r *reader) take(items []item) {
	r.queue = items
	r.holds.Store(false)
}

// pop returns the first item of the queue, which is not empty.
func (r *reader) pop() item {
	first := r.queue[0]
	r.passed = 0
	r.queue[0] = item{}
	if r.queue = r.queue[1:]; len(r.queue) == 0 {
		r.queue = nil
		r.want <- struct{}{}
	}
	if first.message.Time.After(r.latest) {
		r.latest = first.message.Time
	}
	return first
}

// head is the time by which the next item takes its turn.
func (r *reader) head() time.Time {
	if t := r.queue[0].message.Time; t.After(r.latest) {
		return t
	}
	return r.latest
}

// behind reports that there is more in the partition, as far as is known.
func (r *reader) behind() bool { return len(r.queue) > 0 || r.holds.Load() || r.claim.Lag() != 0 }

// unfair is how many items of other partitions may go before one: times are
// what producers say, and one that is years ahead must not stop a partition.
const unfair = 10_000

// next is the reader whose item has its turn: the one of the earliest time, so
// that partitions are read at the same pace however far each is behind. It is
// nil as long as a partition that has more has nothing at hand.
func next(readers []*reader) *reader {
	var first *reader
	for _, r := range readers {
		if len(r.queue) == 0 {
			if r.behind() {
				return nil
			}
			continue
		}
		if r.passed > unfair {
			return r
		}
		if first == nil || r.head().Before(first.head()) {
			first = r
		}
	}
	return first
}

// takeTurn takes the next item of a reader out of its queue, and notes whom it
// went before.
func takeTurn(readers []*reader, r *reader) item {
	for _, other := range readers {
		if len(other.queue) > 0 {
			other.passed++
		}
	}
	return r.pop()
}
