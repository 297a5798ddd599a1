// Package supervise runs the parts of a daemon and starts those again that
// fail.
//
// A part is a function that blocks until its context ends. If it returns an
// error before that, it is logged and started again after a growing pause; an
// error wrapped by Fatal ends the whole group instead.
package supervise

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	firstPause = 200 * time.Millisecond
	maxPause   = 30 * time.Second
	// steady is how long a part must have run for its next pause to be short again.
	steady = time.Minute
)

type fatal struct{ error }

func (f fatal) Unwrap() error { return f.error }

// Fatal marks an error that starting again cannot mend.
func Fatal(err error) error {
	if err == nil {
		return nil
	}
	return fatal{err}
}

// A Group is a set of parts with one fate.
type Group struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	log    *slog.Logger
	wg     sync.WaitGroup

	mu       sync.Mutex
	restarts map[string]int
}

// New makes a group that ends with ctx.
func New(ctx context.Context, log *slog.Logger) *Group {
	ctx, cancel := context.WithCancelCause(ctx)
	return &Group{ctx: ctx, cancel: cancel, log: log, restarts: map[string]int{}}
}

// Go starts a part.
func (g *Group) Go(name string, run func(context.Context) error) {
	g.wg.Go(func() {
		pause := firstPause
		for {
			began := time.Now()
			err := run(g.ctx)
			if g.ctx.Err() != nil || err == nil {
				if err != nil && !errors.Is(err, context.Canceled) {
					g.log.Warn("ended with an error", "part", name, "error", err)
				}
				return
			}
			var f fatal
			if errors.As(err, &f) {
				g.cancel(f.error)
				return
			}
			if time.Since(began) > steady {
				pause = firstPause
			}
			g.mu.Lock()
			g.restarts[name]++
			g.mu.Unlock()
			g.log.Error("failed, starting it again", "part", name, "error", err, "in", pause)
			select {
			case <-time.After(pause):
			case <-g.ctx.Done():
				return
			}
			pause = min(2*pause, maxPause)
		}
	})
}

// Restarts returns how often each part was started again.
func (g *Group) Restarts() map[string]int {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make(map[string]int, len(g.restarts))
	for k, v := range g.restarts {
		out[k] = v
	}
	return out
}

// Stop asks every part to end.
func (g *Group) Stop() { g.cancel(context.Canceled) }

// Done is closed when the group is asked to end.
func (g *Group) Done() <-chan struct{} { return g.ctx.Done() }

// Wait waits until all parts have ended, and returns the fatal error, if any.
func (g *Group) Wait() error {
	g.wg.Wait()
	if err := context.Cause(g.ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
