package archive

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lapwing/event"
	"lapwing/stream/wire"
)

// A wire that grows: Fetch waits for more.
type growing struct {
	mu       sync.Mutex
	messages []Message
	more     chan struct{}
	at       int
}

func (g *growing) append(value []byte) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.messages = append(g.messages, Message{Offset: int64(len(g.messages)), Time: time.Now(), Value: value})
	close(g.more)
	g.more = make(chan struct{})
}

func (g *growing) ReadFrom(offset int64) { g.at = int(max(offset, 0)) }

func (g *growing) Commit(context.Context, int64) error { return nil }

func (g *growing) Fetch(ctx context.Context) ([]Message, error) {
	for {
		g.mu.Lock()
		out, more := g.messages[g.at:], g.more
		g.at = len(g.messages)
		g.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// The calls before the last sensor stopped are kept, too: the archiver itself
// tells the time in a partition where nobody else does, once.
func TestTheLastBatchIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &growing{more: make(chan struct{})}
		kept := newMemory()
		told := 0
		a := &Archiver{Store: kept, Tell: func(_ context.Context, _ string, _ int, record []byte) error {
			told++
			log.append(record)
			return nil
		}}
		last := wire.Record{Sensor: "s", Boot: 7, First: 1, Calls: []*event.Call{{ID: event.MakeID(1, 1)}, {ID: event.MakeID(1, 2)}}}
		log.append(last.Append(nil))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx, "calls", 0, log) }()
		time.Sleep(time.Hour)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(kept.calls) != 2 {
			t.Errorf("%d calls are kept, want 2", len(kept.calls))
		}
		if told != 1 {
			t.Errorf("the time was told %d times in an hour, want once", told)
		}
	})
}
