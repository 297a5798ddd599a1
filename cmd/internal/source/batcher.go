// Package source runs what brings calls into a daemon: interfaces, followed
// logs, senders over HTTP, the sample. Each publishes batches of calls with
// the progress they complete and heartbeats that tell its time.
package source

import (
	"context"
	"time"

	"lapwing/event"
	"lapwing/stream"
)

// batchCalls is how many calls travel at once.
const batchCalls = 512

// A batcher collects what one source has to say. It is used by one goroutine.
// Publishing blocks while the stream is full: a log waits, an interface's ring
// fills and the kernel counts what it drops.
type batcher struct {
	pub      stream.Publisher
	name     string
	calls    []*event.Call
	progress map[string]int64
	lowNS    int64 // promised last
}

func newBatcher(pub stream.Publisher, name string) *batcher {
	return &batcher{pub: pub, name: name, progress: map[string]int64{}}
}

func (b *batcher) add(c *event.Call)                { b.calls = append(b.calls, c) }
func (b *batcher) reached(source string, off int64) { b.progress[source] = off }
func (b *batcher) full() bool                       { return len(b.calls) >= batchCalls }

// flush publishes what there is, and says that the source has told everything
// that ended before lowNS.
func (b *batcher) flush(ctx context.Context, lowNS int64) error {
	return b.send(ctx, lowNS, false, nil)
}

// retire says that the source has ended.
func (b *batcher) retire(ctx context.Context) error { return b.send(ctx, b.lowNS, true, nil) }

func (b *batcher) send(ctx context.Context, lowNS int64, retired bool, done func(error)) error {
	lowNS = max(lowNS, b.lowNS)
	if len(b.calls) == 0 && len(b.progress) == 0 && !retired && done == nil && lowNS-b.lowNS < int64(time.Second) {
		return nil
	}
	batch := stream.Batch{Calls: b.calls, Heartbeats: []event.Heartbeat{{Source: b.name, LowNS: lowNS, Retired: retired}}}
	for source, offset := range b.progress {
		batch.Progress = append(batch.Progress, event.Progress{Source: source, Offset: offset})
	}
	if err := b.pub.Publish(ctx, batch, done); err != nil {
		return err
	}
	b.lowNS = lowNS
	b.calls = make([]*event.Call, 0, batchCalls)
	clear(b.progress)
	return nil
}
