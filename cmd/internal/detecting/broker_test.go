package detecting

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"lapwing/stream/kafka"
)

// A cluster keeps topics in memory.
type cluster struct {
	mu        sync.Mutex
	topics    map[string][][]kafka.Message
	committed map[int]int64
	changed   chan struct{}
}

var testTopics = kafka.Topics{Calls: "calls", Alerts: "alerts", Model: "model", State: "state", Quarantine: "quarantine"}

func newCluster() *cluster {
	c := &cluster{topics: map[string][][]kafka.Message{}, committed: map[int]int64{}, changed: make(chan struct{})}
	for _, name := range []string{"alerts", "model", "state", "quarantine"} {
		c.topics[name] = make([][]kafka.Message, 1)
	}
	c.topics["calls"] = make([][]kafka.Message, testPartitions)
	return c
}

func (c *cluster) add(topic string, p int, at time.Time, key, value []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	log := &c.topics[topic][p]
	*log = append(*log, kafka.Message{Topic: topic, Partition: p, Offset: int64(len(*log)), Time: at, Key: key, Value: value})
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *cluster) all(topic string) []kafka.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []kafka.Message
	for _, p := range c.topics[topic] {
		out = append(out, p...)
	}
	return out
}

// fill writes a world's log.
func (c *cluster) fill(w *world) {
	for p := range w.log {
		for _, e := range w.log[p] {
			c.add("calls", p, e.at, nil, e.record.Append(nil))
		}
	}
}

var errKilled = errors.New("killed")

// A handle is one process's way to the cluster. After a number of operations it
// is dead: nothing gets through any more.
type handle struct {
	*cluster
	mu   sync.Mutex
	left int // operations; negative: no limit
	die  context.CancelFunc
}

func (h *handle) alive() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.left == 0 {
		h.die()
		return errKilled
	}
	h.left--
	return nil
}

func (h *handle) Produce(_ context.Context, topic string, msgs ...kafka.OutMessage) error {
	for _, m := range msgs { // some may get through
		if err := h.alive(); err != nil {
			return err
		}
		h.add(topic, max(m.Partition, 0), time.Now(), m.Key, m.Value)
	}
	return nil
}

func (h *handle) ReadAll(_ context.Context, topic string, fn func(kafka.Message) error) error {
	if err := h.alive(); err != nil {
		return err
	}
	for _, m := range h.all(topic) {
		if err := fn(m); err != nil {
			return err
		}
	}
	return nil
}

func (h *handle) Quarantine(ctx context.Context, m kafka.Message, reason string) error {
	return h.Produce(ctx, "quarantine", kafka.OutMessage{Key: []byte(reason), Value: m.Value})
}

func (h *handle) OffsetAt(_ context.Context, _ string, p int, at time.Time) (int64, error) {
	if err := h.alive(); err != nil {
		return 0, err
	}
	h.cluster.mu.Lock()
	defer h.cluster.mu.Unlock()
	log := h.topics["calls"][p]
	i := slices.IndexFunc(log, func(m kafka.Message) bool { return !m.Time.Before(at) })
	if i < 0 {
		i = len(log)
	}
	return int64(i), nil
}

// A testClaim is one partition of the calls.
type testClaim struct {
	h         *handle
	partition int
	mu        sync.Mutex
	position  int64
	end       int64
	atMost    int
	takes     time.Duration
}

func (h *handle) claim(p int, atMost int) *testClaim {
	return &testClaim{h: h, partition: p, end: -1, atMost: atMost, takes: 10 * time.Millisecond}
}

func (c *testClaim) SeekTo(offset int64) { c.position = max(offset, 0) }

func (c *testClaim) Fetch(ctx context.Context) ([]kafka.Message, error) {
	for {
		if err := c.h.alive(); err != nil {
			return nil, err
		}
		time.Sleep(c.takes)
		c.h.cluster.mu.Lock()
		log, changed := c.h.topics["calls"][c.partition], c.h.changed
		c.h.cluster.mu.Unlock()
		c.mu.Lock()
		c.end = int64(len(log))
		from := c.position
		to := min(from+int64(c.atMost), c.end)
		c.position = max(from, to)
		c.mu.Unlock()
		if from < to {
			return slices.Clone(log[from:to]), nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *testClaim) Commit(_ context.Context, next int64) error {
	if err := c.h.alive(); err != nil {
		return err
	}
	c.h.cluster.mu.Lock()
	defer c.h.cluster.mu.Unlock()
	c.h.committed[c.partition] = next
	return nil
}

func (c *testClaim) Lag() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.end < 0 {
		return -1
	}
	return max(0, c.end-c.position)
}

// process runs a detector until it has drained the log or is dead.
func (h *handle) process(ctx context.Context, d *Detector, atMost int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.mu.Lock()
	h.die = cancel
	h.mu.Unlock()
	ends := make(chan error, testPartitions)
	for p := range testPartitions {
		h.cluster.mu.Lock()
		committed, ok := h.committed[p]
		h.cluster.mu.Unlock()
		if !ok {
			committed = -1
		}
		go func() { ends <- d.Work(ctx, ctx, p, committed, h.claim(p, atMost)) }()
	}
	var err error
	for range testPartitions {
		err = errors.Join(err, <-ends)
	}
	return err
}
