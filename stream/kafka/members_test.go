package kafka

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A handled is what members of a group did, in the order in which they did it.
type handled struct {
	mu        sync.Mutex
	changed   chan struct{}
	values    map[int][]string
	committed map[int]int64
	faults    []string
}

func newLog() *handled {
	return &handled{changed: make(chan struct{}), values: map[int][]string{}, committed: map[int]int64{}}
}

func (l *handled) total() (n int) {
	for _, v := range l.values {
		n += len(v)
	}
	return n
}

// handle notes what was handled, commits it, and drops what was handled before,
// as a receiver that knows what it has done.
func (l *handled) handle(ctx context.Context, cl *Claim) error {
	for {
		msgs, err := cl.Fetch(ctx)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			l.mu.Lock()
			have := len(l.values[m.Partition])
			switch {
			case m.Offset < int64(have): // a repetition after a take-over
			case m.Offset > int64(have):
				l.faults = append(l.faults, fmt.Sprintf("partition %d: offset %d after %d messages", m.Partition, m.Offset, have))
			default:
				l.values[m.Partition] = append(l.values[m.Partition], string(m.Value))
				close(l.changed)
				l.changed = make(chan struct{})
			}
			l.mu.Unlock()
		}
		next := msgs[len(msgs)-1].Offset + 1
		if err := cl.Commit(ctx, next); err != nil {
			return err
		}
		l.mu.Lock()
		// A commit that Kafka took is never below one that it took before.
		if next < l.committed[cl.Partition] {
			l.faults = append(l.faults, fmt.Sprintf("partition %d: commit of %d after %d", cl.Partition, next, l.committed[cl.Partition]))
		}
		l.committed[cl.Partition] = next
		l.mu.Unlock()
	}
}

// wait returns once n messages were handled.
func (l *handled) wait(t *testing.T, n int) {
	t.Helper()
	deadline := time.After(patience)
	for {
		l.mu.Lock()
		total, changed := l.total(), l.changed
		l.mu.Unlock()
		if total >= n {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%d messages were handled, want %d", total, n)
		}
	}
}

func (l *handled) complete(t *testing.T, partition, n int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	got := l.values[partition]
	if len(got) != n {
		t.Errorf("partition %d: %d messages, want %d", partition, len(got), n)
	}
	for i, v := range got {
		if want := fmt.Sprintf("%d/%d", partition, i); v != want {
			t.Fatalf("partition %d: message %d is %q, want %q", partition, i, v, want)
		}
	}
	for _, f := range l.faults {
		t.Error(f)
	}
}

// consume runs one member until n messages were handled.
func consume(t *testing.T, g *Group, l *handled, n int) {
	t.Helper()
	m := join(t, g, l.handle)
	l.wait(t, n)
	m.leave(t)
}

// A member runs a group in the background.
type member struct {
	cancel context.CancelFunc
	ended  chan error
}

func join(t *testing.T, g *Group, worker func(context.Context, *Claim) error) *member {
	ctx, cancel := context.WithCancel(t.Context())
	m := &member{cancel, make(chan error, 1)}
	go func() { m.ended <- g.Run(ctx, worker) }()
	t.Cleanup(cancel)
	return m
}

func (m *member) leave(t *testing.T) {
	t.Helper()
	m.cancel()
	select {
	case err := <-m.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("the member does not leave")
	}
}

// dedup is handle for a log with repetitions: a value that was handled is
// dropped, as receivers do by sequence number.
func (l *handled) dedup(ctx context.Context, cl *Claim) error {
	for {
		msgs, err := cl.Fetch(ctx)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			_, number, _ := strings.Cut(string(m.Value), "/")
			n, _ := strconv.Atoi(number)
			l.mu.Lock()
			have := len(l.values[m.Partition])
			if n > have {
				l.faults = append(l.faults, fmt.Sprintf("partition %d: %q after %d", m.Partition, m.Value, have))
			} else if n == have {
				l.values[m.Partition] = append(l.values[m.Partition], string(m.Value))
				close(l.changed)
				l.changed = make(chan struct{})
			}
			l.mu.Unlock()
		}
		if err := cl.Commit(ctx, msgs[len(msgs)-1].Offset+1); err != nil {
			return err
		}
	}
}
