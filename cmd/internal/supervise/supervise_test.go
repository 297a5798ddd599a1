package supervise

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func TestRestartsWithPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(t.Context(), quiet)
		var at []time.Duration
		began := time.Now()
		g.Go("part", func(ctx context.Context) error {
			at = append(at, time.Since(began))
			if len(at) < 4 {
				return errors.New("weather")
			}
			<-ctx.Done()
			return nil
		})
		time.Sleep(time.Hour)
		g.Stop()
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		want := []time.Duration{0, firstPause, 3 * firstPause, 7 * firstPause}
		if len(at) != 4 || at[1] != want[1] || at[2] != want[2] || at[3] != want[3] || g.Restarts()["part"] != 3 {
			t.Errorf("started at %v, want %v", at, want)
		}
	})
}

func TestFatalEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(t.Context(), quiet)
		want := errors.New("no such interface")
		g.Go("one", func(context.Context) error { return Fatal(want) })
		g.Go("other", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if err := g.Wait(); !errors.Is(err, want) {
			t.Errorf("Wait = %v", err)
		}
	})
}
