package detecting

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

// testLog names the keys of snapshots of detection as a whole.
var testLog = &stateLog{prefix: statePrefix("")}

// part is how many calls of the recording there are in most of these tests.
const part = 2500

func testConfig() Config {
	return Config{Partitions: testPartitions, Topics: testTopics, Build: build, Drain: true, SnapshotCalls: 300}
}

// told are the alerts in their topic, each revision once, in order of first
// mention. A revision that was told twice must be the same.
func (c *cluster) told(t *testing.T) (out []string, repeated int) {
	t.Helper()
	seen := map[string]string{}
	for _, m := range c.all("alerts") {
		var a event.Alert
		if err := json.Unmarshal(m.Value, &a); err != nil || a.ID != string(m.Key) {
			t.Fatalf("key %q, %v: %s", m.Key, err, m.Value)
		}
		key := fmt.Sprint(a.ID, a.Revision)
		if was, ok := seen[key]; ok {
			repeated++
			if was != string(m.Value) {
				t.Errorf("told otherwise:\n%s\n%s", was, m.Value)
			}
			continue
		}
		seen[key] = string(m.Value)
		out = append(out, string(m.Value))
	}
	return out, repeated
}

// A detector that is killed again and again, with everything in memory gone,
// tells in the end what an undisturbed one tells: nothing less, nothing else.
func TestKilledAgainAndAgain(t *testing.T) {
	w := newWorld(t, 2, part)
	total, restored := 0, uint64(0)
	seeds := uint64(4)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster()
			c.fill(w)
			rng := rand.New(rand.NewPCG(seed, 11))
			kills := 0
			for {
				h := &handle{cluster: c, left: 8 + rng.IntN(50)}
				if kills > 8 {
					h.left = -1 // or it would never end
				}
				d := New(testConfig(), h)
				err := h.process(t.Context(), d, 20+rng.IntN(200))
				if s := d.Stats(); s.TakeOvers > 0 && s.Snapshots > 0 {
					restored++
				}
				if errors.Is(err, errDrained) {
					conservedStats(t, d.Stats(), w.calls)
					break
				}
				kills++
			}
			got, again := c.told(t)
			if !slices.Equal(got, w.said) {
				t.Errorf("seed %d, %d kills: %d revisions, want %d", seed, kills, len(got), len(w.said))
			}
			total += kills
			t.Logf("seed %d: %d kills, %d revisions told again", seed, kills, again)
			for p := range testPartitions {
				if kills > 8 && c.committed[p] != int64(len(c.topics["calls"][p])) {
					t.Errorf("partition %d is committed up to %d of %d", p, c.committed[p], len(c.topics["calls"][p]))
				}
			}
			inventory(t, c)
		})
	}
	if total < 3*int(seeds) || restored == 0 {
		t.Errorf("%d kills, %d snapshots: the test shows little", total, restored)
	}
}

func conservedStats(t *testing.T, s Stats, calls int) {
	t.Helper()
	if s.Seen != s.Observed+s.Repeated || int(s.Observed) != calls || s.Lost != 0 || s.Detect.Late != 0 || s.Detect.Judged+s.Detect.Pending != s.Detect.Received || int(s.Detect.Received) != calls {
		t.Errorf("not conserved: %+v of %d calls", s, calls)
	}
}

// inventory checks that the model topic holds what one detection has learned.
func inventory(t *testing.T, c *cluster) {
	t.Helper()
	calls, _ := sampled()
	calls = calls[:part]
	d, err := build(func(event.Alert) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range calls {
		d.Observe(call)
	}
	d.Close()
	want := map[string]string{}
	for _, e := range d.Endpoints() {
		b, _ := json.Marshal(&e)
		want[EndpointKey(&e)] = string(b)
	}
	got := map[string]string{}
	for _, m := range c.all("model") {
		if m.Value == nil {
			delete(got, string(m.Key))
		} else {
			got[string(m.Key)] = string(m.Value)
		}
	}
	if len(want) < 5 || len(got) != len(want) {
		t.Errorf("%d endpoints, want %d", len(got), len(want))
	}
	for k, v := range want {
		if got[k] != v {
			t.Errorf("endpoint %q is %s, want %s", k, got[k], v)
		}
	}
}

// A detector that loses its claims and gets them back goes on from memory, or
// from the snapshot of who came further meanwhile.
func TestGoesOnAfterRebalances(t *testing.T) {
	w := newWorld(t, 2, part)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.fill(w)
		rng := rand.New(rand.NewPCG(1, 1))
		detectors := []*Detector{}
		for range 2 {
			detectors = append(detectors, New(testConfig(), &handle{cluster: c, left: -1, die: func() {}}))
		}
		for rounds := 0; ; rounds++ {
			d := detectors[rng.IntN(2)]
			claimed, lose := context.WithCancel(t.Context())
			ends := make(chan error, testPartitions)
			h := &handle{cluster: c, left: -1, die: func() {}}
			for p := range testPartitions {
				committed, ok := c.committed[p]
				if !ok {
					committed = -1
				}
				go func() { ends <- d.Work(t.Context(), claimed, p, committed, h.claim(p, 50)) }()
			}
			if rounds < 15 {
				time.Sleep(time.Duration(50+rng.IntN(400)) * time.Millisecond)
				lose()
			}
			var err error
			for range testPartitions {
				err = errors.Join(err, <-ends)
			}
			lose()
			if errors.Is(err, errDrained) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		got, again := c.told(t)
		slices.Sort(got)
		want := slices.Sorted(slices.Values(w.said))
		if !slices.Equal(got, want) {
			t.Errorf("%d revisions, want %d", len(got), len(w.said))
		}
		t.Logf("%d told again", again)
	})
}

// A sensor that dies without a word holds time up until the log says that
// nobody waits for it; who replays the log later decides the same.
func TestSilenceIsWrittenDown(t *testing.T) {
	w := newWorld(t, 2, part)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		for p := range w.log {
			for i, e := range w.log[p] {
				if e.record.Sensor == "sensor1" && i > len(w.log[p])/2 {
					r := *e.record // what it saw is lost to us in this test, but for its numbers
					if len(r.Calls) == 0 || i > len(w.log[p])/2 {
						continue
					}
				}
				c.add("calls", p, e.at, nil, e.record.Append(nil))
			}
		}
		h := &handle{cluster: c, left: -1}
		began := time.Now()
		d := New(testConfig(), h)
		if err := h.process(t.Context(), d, 100); !errors.Is(err, errDrained) {
			t.Fatal(err)
		}
		if s := d.Stats(); s.Silenced != testPartitions || time.Since(began) < time.Minute {
			t.Errorf("%d sources were retired for silence after %v", s.Silenced, time.Since(began))
		}
		first, _ := c.told(t)
		if len(first) == 0 {
			t.Fatal("nothing was told: the test shows nothing")
		}
		// Again over the same log, from nothing.
		again := newCluster()
		again.topics["calls"] = c.topics["calls"]
		h = &handle{cluster: again, left: -1}
		d = New(testConfig(), h)
		if err := h.process(t.Context(), d, 7); !errors.Is(err, errDrained) {
			t.Fatal(err)
		}
		if second, _ := again.told(t); !slices.Equal(first, second) {
			t.Errorf("%d revisions, the first time %d", len(second), len(first))
		}
		if n := len(again.topics["calls"][0]); n != len(c.topics["calls"][0]) {
			t.Errorf("the silence was written down again: %d messages", n)
		}
	})
}

// Messages that cannot be read are set aside; those of a newer form are waited with.
func TestMessagesThatCannotBeRead(t *testing.T) {
	w := newWorld(t, 1, part)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		for p := range w.log {
			c.add("calls", p, w.log[p][0].at, nil, []byte("garbage"))
			c.add("calls", p, w.log[p][0].at, nil, nil)
			c.add("calls", p, w.log[p][0].at, nil, (&wire.Record{Sensor: "", First: 1}).Append(nil))
		}
		c.fill(w)
		h := &handle{cluster: c, left: -1}
		d := New(testConfig(), h)
		if err := h.process(t.Context(), d, 100); !errors.Is(err, errDrained) {
			t.Fatal(err)
		}
		if n := len(c.all("quarantine")); n != 3*testPartitions || d.Stats().Quarantined != uint64(n) {
			t.Errorf("%d messages are set aside, %d are counted", n, d.Stats().Quarantined)
		}
		if got, _ := c.told(t); !slices.Equal(got, w.said) {
			t.Errorf("%d revisions, want %d", len(got), len(w.said))
		}
		newer := newCluster()
		newer.add("calls", 0, time.Now(), nil, []byte{0x08, wire.Major + 1})
		h = &handle{cluster: newer, left: -1}
		newly := New(testConfig(), h)
		if err := h.process(t.Context(), newly, 100); !errors.Is(err, wire.ErrNewer) {
			t.Errorf("a newer form: %v", err)
		}
		if s := newly.Stats(); s.Active || !strings.Contains(s.Waits, "upgrade") {
			t.Errorf("active %v, and it waits for %q: want to be told of the newer form", s.Active, s.Waits)
		}
		if len(newer.all("quarantine")) != 0 {
			t.Error("a newer form is set aside")
		}
	})
}

// A snapshot that is torn, damaged or of another configuration costs time and
// repeats nothing that was told.
func TestSnapshotsThatCannotBeUsed(t *testing.T) {
	w := newWorld(t, 2, part)
	for name, harm := range map[string]func(c *cluster){
		"newest is damaged": func(c *cluster) { damage(c, 1) },
		"both are damaged":  func(c *cluster) { damage(c, 2) },
		"manifest is not JSON": func(c *cluster) {
			c.add("state", 0, time.Now(), []byte(testLog.manifestKey()), []byte("{"))
		},
		"somebody else writes there": func(c *cluster) {
			c.add("state", 0, time.Now(), []byte("alerting/journal/1"), []byte("x"))
			c.add("state", 0, time.Now(), []byte("detect/"), []byte("x"))
			c.add("state", 0, time.Now(), []byte("detect/x/-1"), []byte("x"))
			c.add("state", 0, time.Now(), []byte("detect/x/999999999"), []byte("x"))
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newCluster()
			c.fill(w)
			h := &handle{cluster: c, left: 150}
			if err := h.process(t.Context(), New(testConfig(), h), 60); errors.Is(err, errDrained) {
				t.Fatal("it was not interrupted")
			}
			if manifests(c) < 2 {
				t.Fatalf("%d snapshots", manifests(c))
			}
			harm(c)
			h = &handle{cluster: c, left: -1}
			if err := h.process(t.Context(), New(testConfig(), h), 60); !errors.Is(err, errDrained) {
				t.Fatal(err)
			}
			got, _ := c.told(t)
			if !slices.Equal(got, w.said) {
				t.Errorf("%s: %d revisions, want %d", name, len(got), len(w.said))
			}
		})
	}
}

func manifests(c *cluster) (n int) {
	for _, m := range c.all("state") {
		if string(m.Key) == testLog.manifestKey() {
			n++
		}
	}
	return n
}

// damage changes a byte in the newest snapshots.
func damage(c *cluster, snapshots int) {
	var m manifest
	for _, msg := range c.all("state") {
		if string(msg.Key) == testLog.manifestKey() {
			_ = json.Unmarshal(msg.Value, &m)
		}
	}
	for _, s := range []*savedAs{m.Current, m.Previous}[:snapshots] {
		key := testLog.chunkKey(s.Generation, 0)
		for _, msg := range c.all("state") {
			if string(msg.Key) == key && msg.Value != nil {
				value := bytes.Clone(msg.Value)
				value[len(value)/2] ^= 1
				c.add("state", 0, time.Now(), []byte(key), value)
				break
			}
		}
	}
}

// Another configuration learns again from the log and is quiet about the time
// that was told of.
func TestOtherConfigurationLearnsAgain(t *testing.T) {
	w := newWorld(t, 2, part)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.fill(w)
		h := &handle{cluster: c, left: -1}
		if err := h.process(t.Context(), New(testConfig(), h), 60); !errors.Is(err, errDrained) {
			t.Fatal(err)
		}
		before := len(c.all("alerts"))
		cfg := testConfig()
		cfg.Build = func(emit func(event.Alert)) (*standard.Detection, error) {
			return standard.New(standard.Config{Sensor: "t", Seed: 2}, emit)
		}
		h = &handle{cluster: c, left: -1}
		d := New(cfg, h)
		if err := h.process(t.Context(), d, 60); !errors.Is(err, errDrained) {
			t.Fatal(err)
		}
		if n := len(c.all("alerts")) - before; n > int(d.Stats().Detect.Opened) || d.Stats().Suppressed < 5 || int(d.Stats().Observed) != w.calls {
			t.Errorf("%d revisions were told again: %+v", n, d.Stats())
		}
	})
}

// Old snapshots do not pile up: what is not tombstoned are the last two and the manifest.
func TestOldSnapshotsGo(t *testing.T) {
	w := newWorld(t, 2, part)
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.fill(w)
		for _, left := range []int{110, 90, -1} {
			h := &handle{cluster: c, left: left}
			_ = h.process(t.Context(), New(testConfig(), h), 60) // killed twice
		}
		generations, live := map[string]bool{}, map[string]bool{}
		for _, m := range c.all("state") {
			key := string(m.Key)
			if key != testLog.manifestKey() {
				generations[strings.Split(key, "/")[1]] = true
			}
			if live[key] = m.Value != nil; !live[key] {
				delete(live, key)
			}
		}
		left := map[string]bool{}
		for key := range live {
			if key != testLog.manifestKey() {
				left[strings.Split(key, "/")[1]] = true
			}
		}
		if len(generations) < 4 || len(left) != 2 || !live[testLog.manifestKey()] {
			t.Errorf("%d snapshots were written, %d are there", len(generations), len(left))
		}
	})
}

// Whoever sends with a clock that is years ahead does not stop a partition.
func TestClocksOfProducersDoNotStarve(t *testing.T) {
	var readers []*reader
	for p := range 2 {
		r := newReader(p, &testClaim{end: 0}, nil)
		<-r.want
		for n := range 30_000 {
			at := time.Unix(int64(n), 0)
			if p == 1 {
				at = at.AddDate(100, 0, 0)
			}
			r.queue = append(r.queue, item{message: kafka.Message{Offset: int64(n), Time: at}})
		}
		readers = append(readers, r)
	}
	turns := 0
	for range 30_000 {
		r := next(readers)
		if takeTurn(readers, r); r.partition == 1 {
			turns++
		}
	}
	if turns == 0 || turns > 10 {
		t.Errorf("it had %d turns of 30,000", turns)
	}
}
