// Package local is a bounded in-process stream. Publish blocks when it is
// full; nothing is dropped. Memory is held until the slowest group is done.
package local

import (
	"context"
	"fmt"
	"sync"

	"lapwing/stream"
)

// DefaultMaxCalls bounds what is in flight: at about 1 KB a call some 64 MB.
const DefaultMaxCalls = 1 << 16

// maxHanded bounds how many batches a handler gets at once.
const maxHanded = 256

// A Stream is a publisher and, by its groups, a subscriber.
type Stream struct {
	maxCalls int

	mu      sync.Mutex // protects all below
	changed chan struct{}
	log     []item // batches not yet handled by every group
	first   int64  // position of log[0]
	calls   int    // in log
	groups  []*Group
	closed  bool
}

type item struct {
	batch stream.Batch
	done  func(error)
}

var (
	_ stream.Publisher  = (*Stream)(nil)
	_ stream.Subscriber = (*Group)(nil)
)

// New makes a stream for the named groups. A group that nobody runs stops the
// stream once it is full.
func New(maxCalls int, groups ...string) (*Stream, error) {
	if maxCalls <= 0 {
		maxCalls = DefaultMaxCalls
	}
	if len(groups) == 0 {
		return nil, fmt.Errorf("a local stream without groups would keep nothing")
	}
	s := &Stream{maxCalls: maxCalls, changed: make(chan struct{})}
	for _, name := range groups {
		s.groups = append(s.groups, &Group{name: name, stream: s})
	}
	return s, nil
}

// Group returns the group of that name, or nil.
func (s *Stream) Group(name string) *Group {
	for _, g := range s.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}

// Publish implements stream.Publisher. A batch larger than the bound is taken
// when nothing else is in flight.
func (s *Stream) Publish(ctx context.Context, b stream.Batch, done func(error)) error {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return stream.ErrClosed
		}
		if s.calls == 0 || s.calls+len(b.Calls) <= s.maxCalls {
			s.log = append(s.log, item{b, done})
			s.calls += len(b.Calls)
			s.wake()
			s.mu.Unlock()
			return nil
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close implements stream.Publisher.
func (s *Stream) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.wake()
	for len(s.log) > 0 {
		changed, left := s.changed, s.calls
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("closing the stream with %d calls not handled: %w", left, ctx.Err())
		}
		s.mu.Lock()
	}
	s.mu.Unlock()
	return nil
}

// Pending is how many calls are in flight, and how many of them the named
// group has not handled.
func (s *Stream) Pending(group string) (inFlight, lag int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.groups {
		if g.name == group {
			for i := max(0, int(g.next-s.first)); i < len(s.log); i++ {
				lag += len(s.log[i].batch.Calls)
			}
		}
	}
	return s.calls, lag
}

// wake tells everyone who waits that something has changed. mu is held.
func (s *Stream) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// release drops what every group is done with and returns it. mu is held.
func (s *Stream) release() []item {
	slowest := s.groups[0].next
	for _, g := range s.groups {
		slowest = min(slowest, g.next)
	}
	n := int(slowest - s.first)
	if n <= 0 {
		return nil
	}
	out := append([]item(nil), s.log[:n]...)
	clear(s.log[:n])
	s.log = s.log[n:]
	s.first = slowest
	for _, it := range out {
		s.calls -= len(it.batch.Calls)
	}
	return out
}

// A Group reads the whole stream at its own pace. One Run at a time.
type Group struct {
	name   string
	stream *Stream
	next   int64 // position of the first batch not handled; protected by stream.mu
}

// Run implements stream.Subscriber.
func (g *Group) Run(ctx context.Context, handle stream.Handler) error {
	s := g.stream
	for {
		if ctx.Err() != nil {
			return nil
		}
		s.mu.Lock()
		from := int(g.next - s.first)
		n := min(len(s.log)-from, maxHanded)
		if n == 0 {
			closed, changed := s.closed, s.changed
			s.mu.Unlock()
			if closed {
				return nil
			}
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		batches := make([]stream.Batch, n)
		for i := range batches {
			batches[i] = s.log[from+i].batch
		}
		s.mu.Unlock()

		if err := handle(ctx, batches); err != nil {
			return fmt.Errorf("group %s: %w", g.name, err)
		}

		s.mu.Lock()
		g.next += int64(n)
		finished := s.release()
		s.wake()
		s.mu.Unlock()
		for _, it := range finished {
			if it.done != nil {
				it.done(nil)
			}
		}
	}
}
