package local

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"lapwing/event"
	"lapwing/stream"
	"lapwing/stream/streamtest"
)

func TestConformance(t *testing.T) {
	streamtest.Run(t, func(t *testing.T, groups ...string) (stream.Publisher, func(string) stream.Subscriber) {
		s, err := New(64, groups...)
		if err != nil {
			t.Fatal(err)
		}
		return s, func(name string) stream.Subscriber { return s.Group(name) }
	})
}

func TestPublishBlocksWhenFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(10, "a")
		if err != nil {
			t.Fatal(err)
		}
		ten := stream.Batch{Calls: make([]*event.Call, 10)}
		if err := s.Publish(t.Context(), ten, nil); err != nil {
			t.Fatal(err)
		}
		entered := false
		go func() {
			if err := s.Publish(t.Context(), ten, nil); err != nil {
				t.Error(err)
			}
			entered = true
		}()
		synctest.Wait()
		if entered {
			t.Fatal("a full stream took another batch")
		}
		if n, lag := s.Pending("a"); n != 10 || lag != 10 {
			t.Errorf("pending %d, lag %d", n, lag)
		}
		ctx, stop := context.WithCancel(t.Context())
		go s.Group("a").Run(ctx, func(context.Context, []stream.Batch) error { return nil })
		synctest.Wait()
		if !entered {
			t.Fatal("room was made, and Publish still waits")
		}
		stop()
		synctest.Wait()
	})
}

func TestCloseSaysWhatIsLeft(t *testing.T) {
	s, err := New(10, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Publish(t.Context(), stream.Batch{Calls: make([]*event.Call, 3)}, nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close = %v", err)
	}
}
