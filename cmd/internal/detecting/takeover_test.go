package detecting

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"lapwing/event"
	"lapwing/stream/kafka"
)

func TestTakeOver(t *testing.T) {
	fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	takeOver(t, kafka.Config{
		Brokers: fake.ListenAddrs(), Partitions: testPartitions, Prefix: "t",
		HeartbeatInterval: 100 * time.Millisecond, SessionTimeout: 2 * time.Second, RebalanceTimeout: 5 * time.Second, FetchMaxWait: 50 * time.Millisecond,
	})
}

// A brake is a way to Kafka that can be cut: then nothing gets through any
// more, as after kill -9.
type brake struct {
	*kafka.Client
	cut atomic.Bool
}

func (b *brake) Produce(ctx context.Context, topic string, msgs ...kafka.OutMessage) error {
	if b.cut.Load() {
		return errKilled
	}
	return b.Client.Produce(ctx, topic, msgs...)
}

// takeOver has one detector read half of a log and die, and another, which
// stood by, read on to the end.
func takeOver(t *testing.T, cfg kafka.Config) {
	w := newWorld(t, 2, part)
	dial := func() *kafka.Client {
		c, err := kafka.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	client := dial()
	if err := client.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	topics := client.Topics()
	produce := func(from, to int) {
		t.Helper()
		var out []kafka.OutMessage
		for i := from; i < to; i++ {
			for p := range w.log {
				out = append(out, kafka.OutMessage{Partition: p, Value: w.log[p][i].record.Append(nil)})
			}
		}
		if err := client.Produce(t.Context(), topics.Calls, out...); err != nil {
			t.Fatal(err)
		}
	}
	half, n := len(w.log[0])/2, len(w.log[0])
	produce(0, half)

	type running struct {
		*Detector
		way  *brake
		stop context.CancelFunc
		end  chan error
	}
	start := func(drain bool) *running {
		ctx, stop := context.WithCancel(t.Context())
		r := &running{way: &brake{Client: dial()}, stop: stop, end: make(chan error, 1)}
		r.Detector = New(Config{Partitions: testPartitions, Topics: topics, Build: build, Drain: drain, SnapshotCalls: 300}, r.way)
		go func() { r.end <- r.Run(ctx, r.way.GroupExclusive("detect", topics.Calls)) }()
		return r
	}
	await := func(what string, ok func() bool) {
		t.Helper()
		for !ok() {
			select {
			case <-t.Context().Done():
				t.Fatalf("the test ends before %s", what)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	first := start(false)
	await("the first has read half", func() bool {
		s := first.Stats()
		return s.Records == uint64(half*testPartitions) && s.Snapshots > 0
	})
	second := start(true)
	await("the second stands by", func() bool { return second.way.Stats().Rebalances > 0 })
	if second.Stats().Active {
		t.Error("two are active")
	}
	first.way.cut.Store(true)
	first.stop()
	if err := <-first.end; err != nil {
		t.Errorf("the first: %v", err)
	}
	produce(half, n)
	if err := <-second.end; err != nil {
		t.Fatal(err)
	}
	conservedStats(t, second.Stats(), w.calls)

	seen := map[string]string{}
	var got []string
	again := 0
	if err := client.ReadAll(t.Context(), topics.Alerts, func(m kafka.Message) error {
		var a event.Alert
		if err := json.Unmarshal(m.Value, &a); err != nil {
			return err
		}
		key := fmt.Sprint(a.ID, a.Revision)
		if was, ok := seen[key]; ok {
			again++
			if was != string(m.Value) {
				t.Errorf("told otherwise: %s\n%s", was, m.Value)
			}
			return nil
		}
		seen[key] = string(m.Value)
		got = append(got, string(m.Value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, w.said) {
		t.Errorf("%d revisions, want %d", len(got), len(w.said))
	}
	t.Logf("%d revisions, %d of them told again by the successor", len(got), again)
}
