package chaos

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/stream/wire"
)

// awaitLog waits until the calls topic holds the given number of calls, by
// sequence number, and returns its audit.
func (w *world) awaitLog(calls int) *itest.LogAudit {
	w.t.Helper()
	var a *itest.LogAudit
	itest.Await(w.t, patience, fmt.Sprintf("%d calls in the log", calls), func() string { return a.String() }, func() bool {
		a = itest.AuditLog(w.t, w.brokers, w.topic("calls"))
		return a.Calls >= calls
	})
	return a
}

// auditLog compares the log with what was written: nothing lost but what the
// sensors count, nothing read twice.
func (w *world) auditLog(a *itest.LogAudit, written int) {
	w.t.Helper()
	w.t.Log(a)
	for _, fault := range a.Balanced() {
		w.t.Errorf("log: %s", fault)
	}
	if n := a.Doubled(); n > 0 {
		w.t.Errorf("%d calls stand in the log twice under different numbers", n)
	}
	if got := a.Calls + int(a.Lost); got != written {
		w.t.Errorf("%d calls were written; the log has %d and %d are counted as dropped: %d are lost", written, a.Calls, a.Lost, written-got)
	}
}

// auditStore compares ClickHouse with the log: the same calls, each once.
func (w *world) auditStore(a *itest.LogAudit) {
	w.t.Helper()
	var rows, ids uint64
	itest.Await(w.t, patience, fmt.Sprintf("%d calls in ClickHouse", len(a.IDs)), func() string { return fmt.Sprintf("%d rows, %d ids", rows, ids) }, func() bool {
		rows, ids = itest.CountCalls(w.t, w.db)
		return ids >= uint64(len(a.IDs))
	})
	missing, foreign, doubled := itest.Compare(itest.StoredCalls(w.t, w.db), a.IDs)
	w.t.Logf("store: %d rows, %d ids; %d missing, %d foreign, %d doubled", rows, ids, missing, foreign, doubled)
	if missing+foreign+doubled > 0 || rows != ids {
		w.t.Errorf("ClickHouse has %d rows of %d calls: %d missing, %d not in the log, %d doubled", rows, ids, missing, foreign, doubled)
	}
}

// calls reads the calls out of the log, each once, in event-time order.
func (w *world) calls() []*event.Call {
	w.t.Helper()
	seen := map[event.ID]bool{}
	var out []*event.Call
	itest.ReadTopic(w.t, w.brokers, w.topic("calls"), func(m kafka.Message) {
		rec, err := wire.Decode(m.Value)
		if err != nil {
			w.t.Errorf("offset %d: %v", m.Offset, err)
			return
		}
		for _, c := range rec.Calls {
			if !seen[c.ID] {
				seen[c.ID] = true
				out = append(out, c)
			}
		}
	})
	slices.SortFunc(out, func(a, b *event.Call) int { return cmp.Or(a.End().Compare(b.End()), a.ID.Compare(b.ID)) })
	return out
}

// undisturbed detects over the calls of the log in one go, as a detector does
// that nobody kills: every alert with all its revisions.
func (w *world) undisturbed() map[alertKey]string {
	w.t.Helper()
	out := map[alertKey]string{}
	detection, err := standard.New(standard.Config{Sensor: "local", Seed: w.keys.Hash([]byte("lapwing detection tables")), Specs: w.options.specs}, func(a event.Alert) {
		out[alertKey{a.ID, a.Revision}] = toJSON(w.t, &a)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for i, c := range w.calls() {
		detection.Observe(c)
		if i%100 == 99 {
			detection.Advance(c.End().UnixNano())
		}
	}
	detection.Close()
	return out
}

// An alertKey names what is told once.
type alertKey struct {
	id       string
	revision int
}

func toJSON(t testing.TB, a *event.Alert) string {
	t.Helper()
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// told reads the alerts topic. One that comes again must say the same.
func (w *world) told() (alerts map[alertKey]string, repeated int) {
	w.t.Helper()
	alerts = map[alertKey]string{}
	contradictions := 0
	itest.ReadTopic(w.t, w.brokers, w.topic("alerts"), func(m kafka.Message) {
		var a event.Alert
		if err := json.Unmarshal(m.Value, &a); err != nil {
			w.t.Errorf("alerts topic, offset %d: %v", m.Offset, err)
			return
		}
		k, text := alertKey{a.ID, a.Revision}, toJSON(w.t, &a)
		if before, ok := alerts[k]; ok {
			repeated++
			if before != text {
				if contradictions++; contradictions <= 3 {
					w.t.Errorf("alert %s revision %d was told twice, differently:\n%s\n%s", k.id, k.revision, before, text)
				}
			}
			return
		}
		alerts[k] = text
	})
	if contradictions > 3 {
		w.t.Errorf("%d alerts were told twice, differently", contradictions)
	}
	return alerts, repeated
}

// auditAlerts compares what detectors told with an undisturbed detection over
// the same log: every revision of every alert, word for word.
func (w *world) auditAlerts() map[alertKey]string {
	w.t.Helper()
	want := w.undisturbed()
	got, repeated := w.told()
	lost, foreign, different := 0, 0, 0
	for k, text := range want {
		switch other, ok := got[k]; {
		case !ok:
			if lost++; lost <= 3 {
				w.t.Errorf("alert %s revision %d was not told: %s", k.id, k.revision, text)
			}
		case other != text:
			if different++; different <= 3 {
				w.t.Errorf("alert %s revision %d differs:\n told %s\n want %s", k.id, k.revision, other, text)
			}
		}
	}
	for k, text := range got {
		if _, ok := want[k]; !ok {
			if foreign++; foreign <= 3 {
				w.t.Errorf("alert %s revision %d is none of the undisturbed detection: %s", k.id, k.revision, text)
			}
		}
	}
	w.t.Logf("alerts: %d revisions of %d alerts told (%d told again, the same); %d lost, %d foreign, %d different", len(got), len(last(got)), repeated, lost, foreign, different)
	if len(want) == 0 {
		w.t.Error("the traffic raised no alert: this run proves nothing about alerts")
	}
	if lost+foreign+different > 0 {
		w.t.Errorf("alerts: %d lost, %d foreign, %d different of %d", lost, foreign, different, len(want))
	}
	return want
}

// last keeps the newest revision of each alert.
func last(all map[alertKey]string) map[string]string {
	newest := map[string]int{}
	for k := range all {
		newest[k.id] = max(newest[k.id], k.revision)
	}
	out := map[string]string{}
	for id, rev := range newest {
		out[id] = all[alertKey{id, rev}]
	}
	return out
}

// auditStoredAlerts compares the alerts in ClickHouse with the newest
// revisions.
func (w *world) auditStoredAlerts(want map[alertKey]string) {
	w.t.Helper()
	newest := last(want)
	var got map[string]string
	differing := func() (n int) {
		for id, text := range newest {
			if got[id] != text {
				n++
			}
		}
		return n
	}
	deadline := time.Now().Add(patience)
	for {
		got = w.storedAlerts()
		if differing() == 0 || time.Now().After(deadline) {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	if n := differing(); n > 0 || len(got) != len(newest) {
		w.t.Errorf("ClickHouse keeps %d alerts, want %d; %d are missing or not the newest revision", len(got), len(newest), n)
	}
}

func (w *world) storedAlerts() map[string]string {
	w.t.Helper()
	rows, err := w.db.Conn.Query(w.t.Context(), "SELECT id, alert FROM "+w.db.Name+".alerts FINAL")
	if err != nil {
		return nil // the table is made by the first who needs it
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			w.t.Fatal(err)
		}
		var a event.Alert
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			w.t.Fatal(err)
		}
		out[id] = toJSON(w.t, &a)
	}
	return out
}
