package main

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
	"lapwing/parse/pseudonym"
	"lapwing/store"
	"lapwing/stream"
)

// batchesOf are the sample's calls as a log source publishes them: in order,
// with how far it has read, and the time up to which it has told everything.
func batchesOf(t *testing.T, keys *pseudonym.Keyring) (list []stream.Batch) {
	t.Helper()
	r, err := sample.Make(sample.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var calls []*event.Call
	p, err := parse.New(parse.Config{Sensor: "local"}, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		t.Fatal(err)
	}
	for _, packet := range r.Packets {
		p.Packet(1, packet.Data, len(packet.Data), packet.Time.UnixNano())
	}
	p.Close()
	slices.SortStableFunc(calls, func(a, b *event.Call) int { return cmp.Or(a.End().Compare(b.End()), a.ID.Compare(b.ID)) })
	for part := range slices.Chunk(calls, 150) {
		list = append(list, stream.Batch{
			Calls: part, Progress: []event.Progress{{Source: "src", Offset: int64(len(list)) + 1}},
			Heartbeats: []event.Heartbeat{{Source: "src", LowNS: part[len(part)-1].End().UnixNano()}},
		})
	}
	return list
}

func newestOf(t *testing.T, alerts []event.Alert) []string {
	t.Helper()
	newest := map[string]event.Alert{}
	for _, a := range alerts {
		if was, ok := newest[a.ID]; !ok || a.Revision > was.Revision {
			newest[a.ID] = a
		}
	}
	var out []string
	for a := range maps.Values(newest) {
		b, err := json.Marshal(&a)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	slices.Sort(out)
	return out
}

// A daemon that is killed at any moment, the archive ahead of detection or
// behind, goes on from its snapshot as if nothing had happened.
func TestKilledDaemonGoesOnFromSnapshot(t *testing.T) {
	silent := slog.New(slog.DiscardHandler)
	snapshotsUsed, kills := 0, 0
	for seed := range uint64(3) {
		rng := rand.New(rand.NewPCG(seed, 17))
		cfg := DefaultConfig()
		cfg.Data = t.TempDir()
		cfg.Metrics.Listen = ""
		cfg.Alerting.Destinations = nil
		cfg.Detect.Replay = config.Duration(100 * 365 * 24 * time.Hour)
		keys, err := cfg.Identity.Key(cfg.Data)
		if err != nil {
			t.Fatal(err)
		}
		batches := batchesOf(t, keys)
		var undisturbed []event.Alert
		whole, err := cfg.detector(keys, func(a event.Alert) { undisturbed = append(undisturbed, a) })
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range batches {
			for _, c := range b.Calls {
				whole.Observe(c)
			}
			whole.Advance(b.Heartbeats[0].LowNS)
		}
		want := newestOf(t, undisturbed)
		if len(want) < 3 {
			t.Fatalf("%d alerts: the test shows nothing", len(want))
		}

		for done := false; !done; {
			d, err := openDaemon(t.Context(), cfg, silent)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(cfg.path(snapshotFile)); err == nil {
				snapshotsUsed++
			}
			if err := d.learnAgain(t.Context()); err != nil {
				t.Fatal(err)
			}
			archived := int(d.resume["src"])
			judged := archived
			until := min(len(batches), archived+3+rng.IntN(25))
			for archived < until || judged < until {
				d.snapshots.due = time.Now().Add(time.Duration(rng.IntN(3)-1) * time.Hour)
				if archived < until && (judged >= until || rng.IntN(2) == 0) {
					err = d.archive(t.Context(), batches[archived:archived+1])
					archived++
				} else {
					err = d.judge(t.Context(), batches[judged:judged+1])
					judged++
				}
				if err != nil {
					t.Fatal(err)
				}
				if rng.IntN(40) == 0 {
					break
				}
			}
			done = archived == len(batches) && judged == len(batches)
			if s := d.detection.Stats(); s.Late != 0 {
				t.Errorf("%d calls came late", s.Late)
			}
			if done {
				kept, err := d.store.Alerts(context.Background(), store.AlertQuery{})
				if err != nil {
					t.Fatal(err)
				}
				if got := newestOf(t, kept); !slices.Equal(got, want) {
					t.Errorf("seed %d: %d alerts, want %d:\n%s\n%s", seed, len(got), len(want), got, want)
				}
				d.lastSnapshot()
				if m, err := os.Stat(cfg.path(snapshotFile)); err != nil || m.Mode().Perm() != 0o600 {
					t.Errorf("the last snapshot: %v, %v", m, err)
				}
			} else {
				kills++
			}
			if err := d.close(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if kills < 6 || snapshotsUsed < 3 {
		t.Errorf("%d kills and %d starts from a snapshot: the test shows little", kills, snapshotsUsed)
	}
}

// A snapshot that is damaged, or of another configuration, costs only time.
func TestSnapshotThatCannotBeUsedIsLeftOut(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Data = t.TempDir()
	cfg.Alerting.Destinations = nil
	silent := slog.New(slog.DiscardHandler)
	open := func() *daemon {
		d, err := openDaemon(t.Context(), cfg, silent)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = d.close() })
		return d
	}
	d := open()
	for _, b := range batchesOf(t, d.keys)[:5] {
		if err := d.judge(t.Context(), []stream.Batch{b}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.writeSnapshot(); err != nil {
		t.Fatal(err)
	}
	if err := d.replaceSnapshot(); err != nil {
		t.Fatal(err)
	}
	judged := d.detection.Stats().Judged
	restore := func() (bool, int64) {
		t.Helper()
		var err error
		if d.detection, err = cfg.detector(d.keys, func(event.Alert) {}); err != nil {
			t.Fatal(err)
		}
		ok, err := d.restoreSnapshot()
		if err != nil {
			t.Fatal(err)
		}
		return ok, d.detection.Stats().Judged
	}
	if ok, n := restore(); !ok || n != judged || n == 0 {
		t.Errorf("restored %v, %d judged, want %d", ok, n, judged)
	}
	cfg.Sensor.Name = "another"
	if ok, n := restore(); ok || n != 0 {
		t.Errorf("another configuration: restored %v, %d judged", ok, n)
	}
	cfg.Sensor.Name = d.cfg.Sensor.Name
	data, err := os.ReadFile(cfg.path(snapshotFile))
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0x10
	if err := os.WriteFile(cfg.path(snapshotFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if ok, n := restore(); ok || n != 0 {
		t.Errorf("damaged: restored %v, %d judged", ok, n)
	}
}
