package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// patience is how long a test waits for what must happen; nothing is judged by
// how long it took.
const patience = 60 * time.Second

// fake starts an in-process broker.
func fake(t *testing.T, brokers, partitions int) (*kfake.Cluster, Config) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster, Config{Brokers: cluster.ListenAddrs(), Partitions: partitions, Prefix: "test",
		HeartbeatInterval: 50 * time.Millisecond, SessionTimeout: 6 * time.Second, FetchMaxWait: 50 * time.Millisecond}
}

func open(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func fakeReady(t *testing.T, brokers, partitions int) (*kfake.Cluster, *Client) {
	t.Helper()
	cluster, cfg := fake(t, brokers, partitions)
	c := open(t, cfg)
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return cluster, c
}

func TestPublishAndConsume(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			_, cfg := fake(t, 1, 4)
			cfg.Compression = compression
			c := open(t, cfg)
			if err := c.Ensure(t.Context()); err != nil {
				t.Fatal(err)
			}
			publishAndConsume(t, c, 4, 20)
		})
	}
}

func TestReadAll(t *testing.T) {
	_, c := fakeReady(t, 1, 1)
	readAll(t, c)
}

func TestQuarantine(t *testing.T) {
	_, c := fakeReady(t, 1, 1)
	quarantine(t, c)
}

func TestExclusiveTakeOver(t *testing.T) {
	_, cfg := fake(t, 1, 4)
	exclusiveTakeOver(t, cfg)
}

func TestRebalanceAmongThree(t *testing.T) {
	_, cfg := fake(t, 1, 8)
	rebalanceAmongThree(t, cfg)
}

func TestWrongPartitionCount(t *testing.T) {
	_, cfg := fake(t, 1, 4)
	wrongPartitionCount(t, cfg)
}

func publishAndConsume(t *testing.T, c *Client, partitions, each int) {
	topic := c.Topics().Calls
	for n := 0; n < each; n += 2 {
		for p := range partitions {
			// In two sizes of requests: one message, and a few.
			if err := c.Produce(t.Context(), topic, OutMessage{Partition: p, Value: fmt.Appendf(nil, "%d/%d", p, n)},
				OutMessage{Partition: p, Key: []byte("k"), Value: fmt.Appendf(nil, "%d/%d", p, n+1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	l := newLog()
	consume(t, c.Group("archive", topic), l, partitions*each)
	for p := range partitions {
		l.complete(t, p, each)
	}
	// Committed offsets are where the next member begins.
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	committed := map[int]int64{}
	if err := c.Group("archive", topic).Run(ctx, func(ctx context.Context, cl *Claim) error {
		mu.Lock()
		defer mu.Unlock()
		committed[cl.Partition] = cl.Committed
		if len(committed) == partitions {
			cancel()
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for p := range partitions {
		if committed[p] != int64(each) {
			t.Errorf("partition %d is committed up to %d, want %d", p, committed[p], each)
		}
	}
}

func rebalanceAmongThree(t *testing.T, cfg Config) {
	c := open(t, cfg)
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic, partitions := c.Topics().Calls, cfg.Partitions
	written := make([]int, partitions)
	write := func(n int) {
		t.Helper()
		for range n {
			for p := range partitions {
				if err := c.Produce(t.Context(), topic, OutMessage{Partition: p, Value: fmt.Appendf(nil, "%d/%d", p, written[p])}); err != nil {
					t.Fatal(err)
				}
				written[p]++
			}
		}
	}
	l := newLog()
	var members []*member
	add := func() { members = append(members, join(t, open(t, cfg).Group("archive", topic), l.handle)) }
	const round = 20
	write(round)
	add()
	for step, n := range []int{1, 2, 3, 2, 3, 1, 2} {
		for len(members) < n {
			add()
		}
		for len(members) > n {
			members[0].leave(t) // the longest-standing, the leader of the group
			members = members[1:]
		}
		write(round)
		l.wait(t, (step+2)*round*partitions)
	}
	for _, m := range members {
		m.leave(t)
	}
	for p := range partitions {
		l.complete(t, p, written[p])
	}
}

func exclusiveTakeOver(t *testing.T, cfg Config) {
	c := open(t, cfg)
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic := c.Topics().Calls
	var mu sync.Mutex
	changed := make(chan struct{})
	holds := map[string]map[int]bool{}
	note := func(name string, partition int, on bool) {
		mu.Lock()
		defer mu.Unlock()
		if holds[name] == nil {
			holds[name] = map[int]bool{}
		}
		if on {
			holds[name][partition] = true
			for other := range holds {
				if other != name && len(holds[other]) > 0 {
					t.Errorf("%s has partition %d while %s has %v", name, partition, other, slices.Collect(maps.Keys(holds[other])))
				}
			}
		} else {
			delete(holds[name], partition)
		}
		close(changed)
		changed = make(chan struct{})
	}
	stand := func(name string) (*member, *Client) {
		c := open(t, cfg)
		return join(t, c.GroupExclusive("detect", topic), func(ctx context.Context, cl *Claim) error {
			note(name, cl.Partition, true)
			defer note(name, cl.Partition, false)
			<-ctx.Done()
			return ctx.Err()
		}), c
	}
	waitFor := func(what string, ok func() bool) {
		t.Helper()
		deadline := time.After(patience)
		for {
			mu.Lock()
			done, wait := ok(), changed
			mu.Unlock()
			if done {
				return
			}
			select {
			case <-wait:
			case <-deadline:
				t.Fatalf("waiting for %s: %v", what, holds)
			}
		}
	}
	joined := func(c *Client, generations uint64) {
		t.Helper()
		deadline := time.Now().Add(patience)
		for c.Stats().Rebalances < generations {
			if time.Now().After(deadline) {
				t.Fatal("the member does not join")
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	has := func(name string) func() bool { return func() bool { return len(holds[name]) == cfg.Partitions } }
	a, _ := stand("a")
	waitFor("a to have all", has("a"))
	b, clientB := stand("b")
	joined(clientB, 1)
	_, clientC := stand("c")
	joined(clientC, 1)
	// Newcomers do not move it.
	waitFor("a to keep all", has("a"))
	a.leave(t)
	waitFor("b, which has stood by longest, to have all", has("b"))
	// One that comes back is a newcomer.
	_, clientA := stand("a")
	joined(clientA, 1)
	waitFor("b to keep all", has("b"))
	b.leave(t)
	waitFor("c to have all", has("c"))
}

func readAll(t *testing.T, c *Client) {
	topic := c.Topics().State
	count := func() (n int, last map[string]string) {
		last = map[string]string{}
		if err := c.ReadAll(t.Context(), topic, func(m Message) error {
			n++
			if m.Value == nil {
				delete(last, string(m.Key))
			} else {
				last[string(m.Key)] = string(m.Value)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return n, last
	}
	if n, _ := count(); n != 0 {
		t.Fatalf("%d messages in an empty topic", n)
	}
	for n := range 20 {
		msg := OutMessage{Partition: -1, Key: fmt.Appendf(nil, "k%d", n%4), Value: fmt.Appendf(nil, "v%d", n)}
		if n == 19 {
			msg.Value = nil
		}
		if err := c.Produce(t.Context(), topic, msg); err != nil {
			t.Fatal(err)
		}
	}
	_, last := count()
	if want := map[string]string{"k0": "v16", "k1": "v17", "k2": "v18"}; !maps.Equal(last, want) {
		t.Errorf("%v, want %v", last, want)
	}
	stop := errors.New("enough")
	if err := c.ReadAll(t.Context(), topic, func(Message) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("ReadAll = %v, want the function's error", err)
	}
}

func quarantine(t *testing.T, c *Client) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	bad := Message{Topic: c.Topics().Calls, Partition: 3, Offset: 77, Time: at, Key: []byte("key"), Value: []byte{0xff}}
	if err := c.Quarantine(t.Context(), bad, "malformed record: "+strings.Repeat("x", 5000)); err != nil {
		t.Fatal(err)
	}
	var got []Message
	if err := c.ReadAll(t.Context(), c.Topics().Quarantine, func(m Message) error { got = append(got, m); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || string(got[0].Key) != c.Topics().Calls+"/3/77" || string(got[0].Value) != "\xff" {
		t.Fatalf("%+v", got)
	}
	headers := map[string]string{}
	for _, h := range got[0].Headers {
		headers[h.Key] = string(h.Value)
	}
	if headers[HeaderTopic] != c.Topics().Calls || headers[HeaderPartition] != "3" || headers[HeaderOffset] != "77" ||
		headers[HeaderTime] != "2026-11-22T01:02:03Z" || headers[HeaderKey] != "key" || len(headers[HeaderReason]) != maxReason {
		t.Errorf("headers %v", headers)
	}
	if n := c.Stats().Quarantined; n != 1 {
		t.Errorf("%d messages are counted, want 1", n)
	}
}

func wrongPartitionCount(t *testing.T, cfg Config) {
	if err := open(t, cfg).Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	for partitions, says := range map[int]string{cfg.Partitions * 2: "--alter --topic", cfg.Partitions / 2: "Partitions cannot be taken away"} {
		other := cfg
		other.Partitions = partitions
		err := open(t, other).Ensure(t.Context())
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), cfg.Prefix+".calls has ") {
			t.Errorf("%d instead of %d partitions: %v, want %q", partitions, cfg.Partitions, err, says)
		}
	}
	other := cfg
	other.Prefix += "2"
	c := open(t, other)
	spec := c.topicSpecs()[2]
	spec.partitions = 2
	if err := c.create(t.Context(), []topicSpec{spec}); err != nil {
		t.Fatal(err)
	}
	if err := c.Ensure(t.Context()); err == nil || !strings.Contains(err.Error(), "2.alerts has 2 partitions and must have 1") {
		t.Errorf("alerts in 2 partitions: %v", err)
	}
	other = cfg
	other.Partitions = 3
	if _, err := New(other); err == nil || !strings.Contains(err.Error(), "must divide 256") {
		t.Errorf("3 partitions: %v", err)
	}
}
