package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/parse/pseudonym"
	"lapwing/stream"
	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

// recordsOf are a batch as a sensor sends it: its calls by partition, and its
// word on the time in each.
func recordsOf(b stream.Batch, next []uint64, retired bool) []kafka.OutMessage {
	out := make([]kafka.OutMessage, len(next))
	parts := make([][]*event.Call, len(next))
	for _, c := range b.Calls {
		p := wire.PartitionOf(wire.SlotOf(c.Actor.Kind, c.Actor.Value), len(next))
		parts[p] = append(parts[p], c)
	}
	for p := range out {
		r := wire.Record{Sensor: "s", Boot: 1, First: next[p], Calls: parts[p]}
		for _, h := range b.Heartbeats {
			h.Retired = retired
			r.Heartbeats = append(r.Heartbeats, h)
		}
		next[p] = r.Next()
		out[p] = kafka.OutMessage{Partition: p, Value: r.Append(nil)}
	}
	return out
}

// Two detectors of which the active one is killed over and over while calls
// come: what is told in the end is what an undisturbed detection tells.
func TestIntegrationDetectorsAreKilled(t *testing.T) {
	brokers := itest.Brokers(t)
	prefix, rng, dir := itest.Prefix(t, brokers), itest.Seed(t), t.TempDir()
	keys, err := pseudonym.Create(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := filepath.Join(dir, "lapwing.yaml")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, `
identity: {key_file: %q}
stream:
  take_over: 1s
  kafka: {brokers: [%q], prefix: %s, partitions: 4}
`, filepath.Join(dir, "key"), brokers[0], prefix), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kafka.New(kafka.Config{Brokers: brokers, Prefix: prefix, Partitions: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}

	batches := batchesOf(t, keys)
	var want []string
	whole := DefaultConfig()
	d, err := whole.detector(keys, func(a event.Alert) {
		b, err := json.Marshal(&a)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, string(b))
	})
	if err != nil {
		t.Fatal(err)
	}
	calls := 0
	for _, b := range batches {
		calls += len(b.Calls)
		for _, c := range b.Calls {
			d.Observe(c)
		}
	}
	d.Close()

	start := func(i int) *proctest.Daemon {
		return proctest.Start(t, nil, []string{"--target", "detector", "--config", cfg, "--data", filepath.Join(dir, fmt.Sprint("data", i))}, nil)
	}
	daemons := []*proctest.Daemon{start(0), start(1)}
	next := []uint64{1, 1, 1, 1}
	const kills = 4
	for k := range kills + 1 {
		for i := len(batches) * k / (kills + 1); i < len(batches)*(k+1)/(kills+1); i++ {
			if err := client.Produce(t.Context(), client.Topics().Calls, recordsOf(batches[i], next, i == len(batches)-1)...); err != nil {
				t.Fatal(err)
			}
		}
		victim := -1
		itest.Await(t, time.Minute, "an active detector that has judged calls", func() string { return fmt.Sprintf("kill %d", k) }, func() bool {
			for i, d := range daemons {
				m, err := d.Metrics(nil)
				if err == nil && m[`lapwing_role_active{role="detector"}`] == 1 && m[`lapwing_detector_seen_calls_total{api="other"}`] > 0 {
					victim = i
					return true
				}
			}
			return false
		})
		time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond) // any moment will do
		if rng.IntN(3) == 0 {
			if code := daemons[victim].Stop(t); code != exitDone { // as an upgrade does
				t.Errorf("exit code %d after SIGTERM", code)
			}
		} else {
			daemons[victim].Kill()
		}
		daemons[victim] = start(victim)
	}
	for _, d := range daemons {
		d.Kill()
	}
	if r := proctest.Run(t, nil, "run", "--target", "detector", "--drain", "--config", cfg, "--data", filepath.Join(dir, "drain")); r.Code != exitDone {
		t.Fatalf("--drain ends with %d: %s", r.Code, r.Stderr)
	}

	seen := map[string]string{}
	var got []string
	again := 0
	if err := client.ReadAll(t.Context(), client.Topics().Alerts, func(m kafka.Message) error {
		a, err := decodeAlert(m)
		if err != nil {
			return err
		}
		key := fmt.Sprint(a.ID, " revision ", a.Revision)
		if was, ok := seen[key]; ok {
			again++
			if was != string(m.Value) {
				t.Errorf("%s was told otherwise:\n%s\n%s", key, was, m.Value)
			}
			return nil
		}
		seen[key] = string(m.Value)
		got = append(got, string(m.Value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d revisions of %d calls, want %d", len(got), calls, len(want))
	}
	t.Logf("%d revisions, %d told again", len(got), again)
}
