package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"lapwing/alerting"
	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/parse/pseudonym"
	"lapwing/store"
	"lapwing/store/clickhouse"
	"lapwing/stream/kafka"
)

// A moodyHook is a webhook that takes each key once, fails now and then, and
// now and then takes a message whose answer is lost.
type moodyHook struct {
	mu     sync.Mutex
	rng    *rand.Rand
	calm   bool
	taken  map[string]bool            // by webhook-id
	opened map[string]map[string]bool // keys of openings by alert
	posts  int
	cut    int
}

func (h *moodyHook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var p alerting.Payload
	if err := json.Unmarshal(body, &p); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.posts++
	mood := h.rng.IntN(100)
	if !h.calm && mood < 3 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if key := r.Header.Get("webhook-id"); !h.taken[key] {
		h.taken[key] = true
		if p.Type == "incident.open" {
			for _, a := range p.Data.Incident.Alerts {
				if h.opened[a.ID] == nil {
					h.opened[a.ID] = map[string]bool{}
				}
				h.opened[a.ID][key] = true
			}
		}
	}
	if !h.calm && mood < 6 {
		h.cut++
		panic(http.ErrAbortHandler)
	}
}

func (h *moodyHook) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.opened)
}

// Two alerters of which one is killed over and over, at any moment: each alert
// is told once to a destination that knows keys, and kept once.
// LAPWING_ALERTER_KILLS says how often; 8 by default.
func TestIntegrationAlertersAreKilled(t *testing.T) {
	brokers, dsn := itest.Brokers(t), itest.DSN(t)
	prefix, db, rng := itest.Prefix(t, brokers), itest.NewDatabase(t, dsn), itest.Seed(t)
	kills := 8
	if n, err := strconv.Atoi(os.Getenv("LAPWING_ALERTER_KILLS")); err == nil {
		kills = n
	}
	hook := &moodyHook{rng: rand.New(rand.NewPCG(rng.Uint64(), 2)), taken: map[string]bool{}, opened: map[string]map[string]bool{}}
	server := httptest.NewServer(hook)
	defer server.Close()
	dir := t.TempDir()
	cfg := filepath.Join(dir, "lapwing.yaml")
	if _, err := pseudonym.Create(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg, fmt.Appendf(nil, `
identity: {key_file: %q}
stream:
  take_over: 1s
  kafka: {brokers: [%q], prefix: %s, partitions: 1}
store:
  clickhouse: {dsn: %q}
alerting:
  destinations: [{name: hook, type: webhook, url: %q, min_severity: info, per_minute: 1000000}]
`, filepath.Join(dir, "key"), brokers[0], prefix, db.DSN, server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := kafka.New(kafka.Config{Brokers: brokers, Prefix: prefix, Partitions: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	start := func(i int) *proctest.Daemon {
		return proctest.Start(t, nil, []string{"--target", "alerter", "--config", cfg, "--data", filepath.Join(dir, fmt.Sprint("data", i))}, nil)
	}
	n := 0
	var last []kafka.OutMessage
	produce := func(alerts int) {
		var out []kafka.OutMessage
		for range alerts {
			id := fmt.Sprintf("%s%020d", "ALERT-", n)
			n++
			a := event.Alert{ID: id, IncidentID: id, Revision: 1, Detector: "scraping", Severity: event.High, Status: event.StatusOpen, Title: "t", Summary: "s",
				StartedAt: eventTime, LastSeenAt: eventTime, DetectedAt: eventTime, Entity: event.Entity{Kind: event.KindClient, Value: "192.0.2.1"}, Outcome: event.OutcomeUnknown}
			value, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, kafka.OutMessage{Partition: 0, Key: []byte(id), Value: value})
		}
		if rng.IntN(4) == 0 {
			out = append(out, last...) // as a detector does that was killed before its commit
		}
		if err := client.Produce(t.Context(), client.Topics().Alerts, out...); err != nil {
			t.Fatal(err)
		}
		last = out[:alerts]
	}
	daemons := []*proctest.Daemon{start(0), start(1)}
	active := func(d *proctest.Daemon) bool {
		m, err := d.Metrics(nil)
		return err == nil && m[`lapwing_role_active{role="alerter"}`] == 1
	}
	for k := range kills {
		produce(1 + rng.IntN(12))
		victim := rng.IntN(2)
		if rng.IntN(4) > 0 { // mostly the one that works
			itest.Await(t, time.Minute, "an active alerter", func() string { return fmt.Sprintf("kill %d", k) }, func() bool {
				for i, d := range daemons {
					if active(d) {
						victim = i
						return true
					}
				}
				return false
			})
			produce(1 + rng.IntN(12))
		}
		time.Sleep(time.Duration(rng.IntN(120)) * time.Millisecond) // any moment will do
		daemons[victim].Kill()
		daemons[victim] = start(victim)
	}
	hook.mu.Lock()
	hook.calm = true
	hook.mu.Unlock()
	itest.Await(t, 3*time.Minute, fmt.Sprintf("%d alerts told", n), func() string { return fmt.Sprint(hook.count()) }, func() bool { return hook.count() >= n })
	for _, d := range daemons {
		if code := d.Stop(t); code != exitDone {
			t.Errorf("exit code %d after SIGTERM", code)
		}
	}
	hook.mu.Lock()
	defer hook.mu.Unlock()
	doubled := 0
	for id, keys := range hook.opened {
		if len(keys) != 1 {
			doubled++
			t.Errorf("alert %s was opened under %d keys: %v", id, len(keys), keys)
		}
	}
	kept, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: db.DSN})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	stored, err := kept.Alerts(t.Context(), store.AlertQuery{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d kills, %d alerts: %d told, %d of them twice, %d stored; %d posts, %d answers lost", kills, n, len(hook.opened), doubled, len(stored), hook.posts, hook.cut)
	if len(hook.opened) != n || len(stored) != n {
		t.Errorf("of %d alerts %d are told and %d stored", n, len(hook.opened), len(stored))
	}
}
