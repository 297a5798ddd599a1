package clickhouse

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/store"
	"lapwing/store/storetest"
)

// The daemon's own batches, which nobody can cut again the same way.
func TestIntegrationAppendCallsIsKilled(t *testing.T) {
	const batches, each = 40, 20
	s, p := behind(t)
	done := 0 // as the source is read on from what Progress says
	for i := 0; done < batches; i++ {
		var pieces atomic.Int64
		at, how := int64(1+i%14), cutBefore
		if i%2 == 1 {
			how = cutAfter
		}
		p.judge(func([]byte) verdict {
			if pieces.Add(1) == at {
				return how
			}
			return pass
		})
		calls := make([]*event.Call, each)
		for k := range calls {
			calls[k] = storetest.Call(done*each + k)
			if k%3 == 0 && i%4 == 0 {
				calls[k].Time = calls[k].Time.AddDate(0, 0, 1)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		killed := reborn(s, func(context.Context, time.Duration) error { cancel(); return ctx.Err() })
		_ = killed.AppendCalls(ctx, calls, []event.Progress{{Source: "log", Offset: int64(done + 1)}})
		cancel()
		p.judge(nil)
		again := reborn(s, s.sleep)
		if i%2 == 0 {
			again.writer = "another" // as in a container, whose name is another every time
		}
		progress, err := again.Progress(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got := int(progress["log"]); got != done && got != done+1 {
			t.Fatalf("progress %d after batch %d", got, done+1)
		}
		done = int(progress["log"])
		if i%3 == 0 { // any append settles what was left, also one without calls of its own
			if err := again.AppendCalls(t.Context(), nil, []event.Progress{{Source: "log", Offset: 0}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := reborn(s, s.sleep).AppendCalls(t.Context(), nil, []event.Progress{{Source: "other", Offset: 1}}); err != nil {
		t.Fatal(err)
	}
	var rows, different uint64
	if err := s.conn.QueryRow(t.Context(), "SELECT count(), uniqExact(id) FROM "+s.names.Table("calls")).Scan(&rows, &different); err != nil {
		t.Fatal(err)
	}
	if rows != batches*each || different != batches*each {
		t.Fatalf("%d rows of %d different calls, want %d", rows, different, batches*each)
	}
	if open, err := s.openIntents(t.Context()); err != nil || len(open) > 0 {
		t.Errorf("%d batches are still open (%v)", len(open), err)
	}
}

// A process that goes on after a failure takes the batch back before the next.
func TestIntegrationAppendCallsTakesBack(t *testing.T) {
	s, p := behind(t)
	sleepOn := s.sleep
	calls := []*event.Call{storetest.Call(0), storetest.Call(1)}
	for at := range int64(12) {
		var pieces atomic.Int64
		p.judge(func([]byte) verdict {
			if pieces.Add(1) == at+1 {
				return cutAfter
			}
			return pass
		})
		ctx, cancel := context.WithCancel(t.Context())
		s.sleep = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
		err := s.AppendCalls(ctx, calls, []event.Progress{{Source: "log", Offset: at + 1}})
		cancel()
		p.judge(nil)
		s.sleep = sleepOn
		if err == nil {
			// It went well: take what was kept out of the next round's way.
			if _, err := s.Retain(t.Context(), calls[1].End().AddDate(1, 0, 0)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := s.AppendCalls(t.Context(), calls, []event.Progress{{Source: "log", Offset: at + 1}}); err != nil {
			t.Fatal(err)
		}
		if n, err := s.CountCalls(t.Context(), store.CallQuery{}); err != nil || n != 2 {
			t.Fatalf("cut at piece %d: %d calls (%v), want 2", at+1, n, err)
		}
		if _, err := s.Retain(t.Context(), calls[1].End().AddDate(1, 0, 0)); err != nil {
			t.Fatal(err)
		}
	}
}
