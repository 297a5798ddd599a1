package kafka

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff waits longer after every failure in a row: from some 50 ms to 5 s,
// each between half and all of its length, so that clients which failed
// together do not come back together.
type backoff struct{ failures int }

const (
	backoffMin = 50 * time.Millisecond
	backoffMax = 5 * time.Second
)

func (b *backoff) reset() { b.failures = 0 }

// askAfter is how many failures in a row make one look for the reason.
const askAfter = 4

// persists reports whether it is time to look for the reason: now and then
// while failures go on.
func (b *backoff) persists() bool { return b.failures%64 == askAfter }

// wait returns the context's error if it ends first.
func (b *backoff) wait(ctx context.Context) error {
	d := min(backoffMin<<min(b.failures, 16), backoffMax)
	b.failures++
	t := time.NewTimer(d/2 + rand.N(d/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
