package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"lapwing/alerting"
	"lapwing/cmd/internal/config"
	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/parse/pseudonym"
	"lapwing/store"
	"lapwing/stream/kafka"
)

// fakeEnvironment is that of a process beside an in-process broker, with an
// embedded store of its own.
func fakeEnvironment(t *testing.T, brokers []string, owner string) *environment {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Data = t.TempDir()
	cfg.Stream.Kafka.Brokers, cfg.Stream.Kafka.Partitions = brokers, 2
	cfg.Stream.TakeOver = config.Duration(6 * time.Second)
	cfg.Alerting.Destinations = []DestinationConfig{{Name: "file", Type: "file", Path: filepath.Join(cfg.Data, "told.ndjson"), MinSeverity: "info", PerMinute: 1000}}
	kept, _, err := openKept(t.Context(), &cfg, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	})
	env := &environment{cfg: cfg, log: slog.New(slog.NewTextHandler(t.Output(), nil)), keys: pseudonym.Offline(), store: kept, owner: owner}
	if err := env.checkKafka(t.Context()); err != nil {
		t.Fatal(err)
	}
	return env
}

func fakeBroker(t *testing.T) []string {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()
}

// start runs a role until the test ends or stop is called.
func startRole(t *testing.T, r role) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", r.Name(), err)
		}
		if err := r.Close(); err != nil {
			t.Errorf("%s: %v", r.Name(), err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func testAlert(n, revision int) event.Alert {
	id := fmt.Sprintf("ALERT-%020d", n)
	return event.Alert{ID: id, IncidentID: id, Revision: revision, Detector: "scraping", Severity: event.High, Status: event.StatusOpen, Title: "t", Summary: "s",
		StartedAt: eventTime, LastSeenAt: eventTime, DetectedAt: eventTime, Entity: event.Entity{Kind: event.KindClient, Value: "192.0.2.1"}, Outcome: event.OutcomeUnknown}
}

func produce(t *testing.T, c *kafka.Client, topic, key string, value any) {
	t.Helper()
	data, ok := value.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(value); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Produce(t.Context(), topic, kafka.OutMessage{Partition: 0, Key: []byte(key), Value: data}); err != nil {
		t.Fatal(err)
	}
}

// One alerter works and tells; what is no alert is set aside; a second one
// stands by, says who is active, and takes over with everything that was known.
func TestAlertersTakeOver(t *testing.T) {
	brokers := fakeBroker(t)
	one, err := openAlerter(t.Context(), fakeEnvironment(t, brokers, "machine one"))
	if err != nil {
		t.Fatal(err)
	}
	stopOne := startRole(t, one)
	alerts := one.client.Topics().Alerts
	first := testAlert(1, 1)
	produce(t, one.client, alerts, first.ID, first)
	produce(t, one.client, alerts, "k", []byte("no JSON"))
	produce(t, one.client, alerts, "other", testAlert(2, 1)) // under a key that is not its own
	produce(t, one.client, alerts, "", map[string]any{"id": ""})
	zero := testAlert(3, 0)
	produce(t, one.client, alerts, zero.ID, zero)
	produce(t, one.client, alerts, first.ID, first) // again
	last := testAlert(4, 1)
	produce(t, one.client, alerts, last.ID, last)
	handled := func(r *alerterRole) func() bool {
		return func() bool {
			p := r.pipeline()
			return p != nil && len(p.Incidents()) == 2 && p.Stats().Destinations[0].Pending == 0
		}
	}
	state := func() string { return one.Ready() }
	itest.Await(t, time.Minute, "two incidents", state, handled(one))
	itest.Await(t, time.Minute, "all messages", state, func() bool {
		one.mu.Lock()
		defer one.mu.Unlock()
		return one.counts == alerterCounts{Read: 7, Quarantined: 4, TakeOvers: 1}
	})
	if s := one.pipeline().Stats(); s.Accepted != 2 || s.Redelivered != 1 {
		t.Errorf("%d alerts were accepted and %d known, want 2 and 1", s.Accepted, s.Redelivered)
	}
	if got := one.client.Stats().Quarantined; got != 4 {
		t.Errorf("%d messages were set aside, want 4", got)
	}
	kept, err := one.env.store.Alerts(t.Context(), store.AlertQuery{})
	if err != nil || len(kept) != 2 {
		t.Errorf("%d alerts are kept, %v", len(kept), err)
	}
	silence, err := one.pipeline().AddSilence(alerting.Silence{Matcher: alerting.Matcher{Detector: "bola"}, Until: time.Now().Add(time.Hour), Reason: "r", By: "b"})
	if err != nil {
		t.Fatal(err)
	}
	if err := one.pipeline().Acknowledge(first.ID, "ann"); err != nil {
		t.Fatal(err)
	}

	two, err := openAlerter(t.Context(), fakeEnvironment(t, brokers, "machine two"))
	if err != nil {
		t.Fatal(err)
	}
	startRole(t, two)
	itest.Await(t, time.Minute, "the second to stand by", two.Ready, func() bool { return two.Ready() == "" })
	if two.Active() {
		t.Fatal("both alerters are active")
	}
	if err := two.activeElsewhere(t.Context()); !strings.Contains(err.Error(), "machine one") {
		t.Errorf("a stand-by says: %v", err)
	}
	stopOne()
	itest.Await(t, time.Minute, "the take-over", two.Ready, handled(two))
	p := two.pipeline()
	if got := p.Silences(); len(got) != 1 || got[0].ID != silence.ID {
		t.Errorf("silences after the take-over: %+v", got)
	}
	states := map[string]alerting.State{}
	for _, in := range p.Incidents() {
		states[in.ID] = in.State
	}
	if states[first.ID] != alerting.StateAcknowledged || states[last.ID] != alerting.StateOpen {
		t.Errorf("incidents after the take-over: %v", states)
	}
	third := testAlert(5, 1)
	produce(t, two.client, alerts, third.ID, third)
	itest.Await(t, time.Minute, "the third incident", two.Ready, func() bool { return len(p.Incidents()) == 3 && p.Stats().Destinations[0].Pending == 0 })
	if n := p.Stats().Destinations[0].Delivered; n != 1 {
		t.Errorf("the second alerter told %d times, want once: the rest had been told", n)
	}
	for owner, r := range map[string]*alerterRole{"one": one, "two": two} {
		told := notifications(t, filepath.Join(r.env.cfg.Data, "told.ndjson"), "scraping")
		want := map[string]int{"one": 2, "two": 1}[owner]
		if len(told) != want {
			t.Errorf("alerter %s opened %v, want %d", owner, told, want)
		}
	}
}

// The inventory in the store is that of the topic, whole, by whoever keeps it.
func TestInventoryIsKept(t *testing.T) {
	env := fakeEnvironment(t, fakeBroker(t), "one")
	client, err := env.dial(t.Context(), roleArchiver)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	model := client.Topics().Model
	key := func(e event.Endpoint) string { return e.Host + "\x00" + e.Method + "\x00" + e.Route }
	a := event.Endpoint{Host: "h", Method: "GET", Route: "/a", State: event.StateNew, Calls: 1}
	b := event.Endpoint{Host: "h", Method: "GET", Route: "/b", State: event.StateShadow, Calls: 2}
	produce(t, client, model, key(a), a)
	produce(t, client, model, key(b), b)
	produce(t, client, model, key(b), a) // another's key
	produce(t, client, model, "junk", []byte("{"))
	a.Calls = 7
	produce(t, client, model, key(a), a)

	kept := func() string {
		list, err := env.store.Endpoints(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, e := range list {
			out = append(out, fmt.Sprint(e.Route, e.State, e.Calls))
		}
		return strings.Join(out, " ")
	}
	keep := func() (stop func()) {
		ctx, cancel := context.WithCancel(context.Background())
		k := &inventoryKeeper{group: client.GroupExclusive("inventory", model), store: env.store, quarantine: client.Quarantine, every: 10 * time.Millisecond, log: env.log}
		ended := make(chan error, 1)
		go func() { ended <- k.Run(ctx) }()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	stop := keep()
	itest.Await(t, time.Minute, "two endpoints", kept, func() bool { return kept() == "/anew7 /bshadow2" })
	stop()
	if got := client.Stats().Quarantined; got != 2 {
		t.Errorf("%d messages were set aside, want 2", got)
	}
	// After a restart it knows all of them again, though all but one were committed.
	c := event.Endpoint{Host: "h", Method: "GET", Route: "/c", State: event.StateNew, Calls: 3}
	produce(t, client, model, key(c), c)
	if err := client.Produce(t.Context(), model, kafka.OutMessage{Partition: 0, Key: []byte(key(b))}); err != nil { // gone
		t.Fatal(err)
	}
	stop = keep()
	defer stop()
	itest.Await(t, time.Minute, "the endpoints after a restart", kept, func() bool { return kept() == "/anew7 /cnew3" })
}

func FuzzDecodeAlert(f *testing.F) {
	value, err := json.Marshal(testAlert(1, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(testAlert(1, 1).ID), value)
	f.Add([]byte("k"), []byte(`{"id":"k","revision":1,"severity":"none"}`))
	f.Fuzz(func(t *testing.T, key, value []byte) {
		a, err := decodeAlert(kafka.Message{Key: key, Value: value})
		if err == nil && (a.ID == "" || a.ID != string(key) || a.Revision < 1 || len(a.ID) > maxAlertID) {
			t.Errorf("taken: %q", value)
		}
	})
}
