package kafka

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// fake starts an in-process broker with the topics of a client.
func fake(t *testing.T, brokers, partitions int) (*kfake.Cluster, Config) {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(brokers))
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

func TestPublishAndConsume(t *testing.T) {
	_, cfg := fake(t, 1, 4)
	c := open(t, cfg)
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic := c.Topics().Calls
	const each = 50
	for n := range each {
		for p := range 4 {
			if err := c.Produce(t.Context(), topic, OutMessage{Partition: p, Value: fmt.Appendf(nil, "%d/%d", p, n)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	seen := map[int]int{}
	err := c.Group("archive", topic).Run(ctx, func(ctx context.Context, cl *Claim) error {
		for {
			msgs, err := cl.Fetch(ctx)
			if err != nil {
				return err
			}
			for _, m := range msgs {
				mu.Lock()
				want := fmt.Sprintf("%d/%d", m.Partition, seen[m.Partition])
				if string(m.Value) != want || m.Offset != int64(seen[m.Partition]) {
					t.Errorf("got %q at %d, want %q", m.Value, m.Offset, want)
				}
				seen[m.Partition]++
				total := seen[0] + seen[1] + seen[2] + seen[3]
				mu.Unlock()
				if err := cl.Commit(ctx, m.Offset+1); err != nil {
					return err
				}
				if total == 4*each {
					cancel()
				}
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}
