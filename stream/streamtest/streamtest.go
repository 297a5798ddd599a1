// Package streamtest is the conformance suite of stream implementations.
package streamtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/stream"
)

// Open makes a stream with the given groups, empty and fit for one test.
type Open func(t *testing.T, groups ...string) (stream.Publisher, func(group string) stream.Subscriber)

// Run checks an implementation against the promises of package stream.
func Run(t *testing.T, open Open) {
	t.Run("every group gets every call in order", func(t *testing.T) { everyGroup(t, open) })
	t.Run("what a handler refused comes again", func(t *testing.T) { redelivery(t, open) })
	t.Run("done follows handling", func(t *testing.T) { doneAfter(t, open) })
	t.Run("a closed stream refuses", func(t *testing.T) { closed(t, open) })
	t.Run("progress travels with its calls", func(t *testing.T) { progress(t, open) })
}

const patience = 30 * time.Second

func call(n int) *event.Call {
	return &event.Call{ID: event.MakeID(0, uint64(n)+1), Time: time.Unix(int64(n), 0).UTC(), Path: fmt.Sprintf("/%d", n)}
}

type reader struct {
	mu   sync.Mutex
	seen []string
}

func (r *reader) handle(_ context.Context, batches []stream.Batch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range batches {
		for _, c := range b.Calls {
			r.seen = append(r.seen, c.Path)
		}
	}
	return nil
}

func everyGroup(t *testing.T, open Open) {
	pub, sub := open(t, "detect", "archive")
	var readers [2]reader
	var wg sync.WaitGroup
	for i, name := range []string{"detect", "archive"} {
		wg.Go(func() {
			if err := sub(name).Run(t.Context(), readers[i].handle); err != nil {
				t.Error(err)
			}
		})
	}
	const total = 1000
	for n := 0; n < total; n += 4 {
		if err := pub.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call(n), call(n + 1), call(n + 2), call(n + 3)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	finish(t, pub)
	wg.Wait()
	for i := range readers {
		if len(readers[i].seen) != total {
			t.Fatalf("group %d got %d calls, want %d", i, len(readers[i].seen), total)
		}
		for n, p := range readers[i].seen {
			if p != fmt.Sprintf("/%d", n) {
				t.Fatalf("group %d: call %d is %s", i, n, p)
			}
		}
	}
}

func redelivery(t *testing.T, open Open) {
	pub, sub := open(t, "a")
	for n := range 5 {
		if err := pub.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call(n)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	refuse := errors.New("no")
	refused := map[string]bool{}
	err := sub("a").Run(t.Context(), func(_ context.Context, batches []stream.Batch) error {
		for _, b := range batches {
			for _, c := range b.Calls {
				refused[c.Path] = true
			}
		}
		return refuse
	})
	if !errors.Is(err, refuse) {
		t.Fatalf("Run = %v, want the handler's error", err)
	}
	var r reader
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := sub("a").Run(t.Context(), r.handle); err != nil {
			t.Error(err)
		}
	})
	finish(t, pub)
	wg.Wait()
	again := map[string]bool{}
	for _, p := range r.seen {
		again[p] = true
	}
	if len(refused) == 0 || len(again) != 5 {
		t.Errorf("refused %v, then got %v", refused, again)
	}
}

func doneAfter(t *testing.T, open Open) {
	pub, sub := open(t, "a", "b")
	var mu sync.Mutex
	handled := 0
	results := make(chan error, 1)
	if err := pub.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call(1)}}, func(err error) { results <- err }); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for _, g := range []string{"a", "b"} {
		wg.Go(func() {
			if err := sub(g).Run(t.Context(), func(context.Context, []stream.Batch) error {
				mu.Lock()
				handled++
				mu.Unlock()
				return nil
			}); err != nil {
				t.Error(err)
			}
		})
	}
	select {
	case err := <-results:
		if err != nil {
			t.Errorf("done(%v)", err)
		}
	case <-time.After(patience):
		t.Fatal("done was never called")
	}
	finish(t, pub)
	wg.Wait()
	if handled != 2 {
		t.Errorf("handled %d times, want once a group", handled)
	}
}

func closed(t *testing.T, open Open) {
	pub, _ := open(t, "a")
	finish(t, pub)
	if err := pub.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call(1)}}, nil); !errors.Is(err, stream.ErrClosed) {
		t.Errorf("Publish after Close = %v", err)
	}
}

func progress(t *testing.T, open Open) {
	pub, sub := open(t, "a")
	want := event.Progress{Source: "log:x#1", Offset: 42}
	if err := pub.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call(1)}, Progress: []event.Progress{want}}, nil); err != nil {
		t.Fatal(err)
	}
	var got []event.Progress
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := sub("a").Run(t.Context(), func(_ context.Context, batches []stream.Batch) error {
			for _, b := range batches {
				got = append(got, b.Progress...)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	finish(t, pub)
	wg.Wait()
	if len(got) != 1 || got[0] != want {
		t.Errorf("progress %v", got)
	}
}

func finish(t *testing.T, pub stream.Publisher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := pub.Close(ctx); err != nil {
		t.Fatal(err)
	}
}
