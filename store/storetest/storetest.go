// Package storetest is the conformance suite of stores.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/store"
)

// A Store is what the suite exercises.
type Store interface {
	store.Writer
	store.Reader
}

// Open opens an empty store; Reopen closes it and opens the same data again.
type Open func(t *testing.T) (s Store, reopen func() Store)

// Run checks an implementation against the promises of package store.
func Run(t *testing.T, open Open) {
	t.Run("calls come back whole and in order", func(t *testing.T) { callsWhole(t, open) })
	t.Run("calls are selected", func(t *testing.T) { callsSelected(t, open) })
	t.Run("progress comes with its calls", func(t *testing.T) { progress(t, open) })
	t.Run("a cancelled append leaves nothing", func(t *testing.T) { cancelled(t, open) })
	t.Run("writers do not lose each other's rows", func(t *testing.T) { concurrent(t, open) })
	t.Run("newer revisions win", func(t *testing.T) { alerts(t, open) })
	t.Run("the inventory is replaced", func(t *testing.T) { endpoints(t, open) })
	t.Run("retention", func(t *testing.T) { retention(t, open) })
}

var epoch = time.Date(2026, 1, 5, 9, 0, 0, 123456789, time.UTC)

// Call makes a call with every field set; n makes it unique and orders it.
func Call(n int) *event.Call {
	return &event.Call{
		ID: event.MakeID(uint64(n), ^uint64(n)), Time: epoch.Add(time.Duration(n) * time.Second), Duration: 1234567,
		Sensor: "edge-1", Source: event.SourceLog, Client: netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), ClientPort: 65535,
		Peer: netip.MustParseAddrPort("[2001:db8::2]:1234"), Server: netip.MustParseAddr("2001:db8::1"), ServerPort: 8080,
		Scheme: "https", Protocol: "http/1.1", Method: "POST", Host: "api.example.com", Path: fmt.Sprintf("/v1/o'rders/%d", n), Query: "a=%27;--",
		PathShape: "/v1/orders/{int}", Operation: "query Q", Status: 201, RequestBytes: 1 << 40, ResponseBytes: 7,
		UserAgent: "\"); DROP TABLE calls; --", Referer: "http://r/", Actor: event.Actor{Kind: event.KindUser, Value: fmt.Sprintf("nm-%d", n%3)},
		User: fmt.Sprintf("nm-%d", n%3), Tenant: "nm-t", Token: "tok-0123456789ab", Account: "nm-a", Auth: event.AuthJWT, Fingerprint: "00ff",
		IDs:       []event.IDRef{{In: event.InPath, Name: "3", Class: event.ClassInt, Hash: 1<<63 + 5, Int: int64(n)}, {Response: true, In: event.InBody, Name: "id", Class: event.ClassUUID, Hash: 2, Order: 77}},
		Shape:     event.Shape{Response: event.BodyShape{Type: "json", Keys: []string{"id:int"}, Hash: 9, Items: 3, Outcome: "ok=true", Location: "/x"}},
		Sensitive: event.Sensitive{Response: []string{"email", "pan"}},
		Gap:       event.Gap{Response: 5, IDsIncomplete: true}, Flags: event.FlagMidstream | event.FlagMinted,
	}
}

func all(t *testing.T, s Store, q store.CallQuery) []*event.Call {
	t.Helper()
	var out []*event.Call
	if err := s.Calls(t.Context(), q, func(c *event.Call) error { out = append(out, c); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func callsWhole(t *testing.T, open Open) {
	s, reopen := open(t)
	var want []*event.Call
	for n := range 5000 {
		want = append(want, Call(n))
	}
	bare := &event.Call{ID: event.MakeID(1<<63, 0), Time: epoch.Add(-time.Hour), Sensor: "bare"}
	if err := s.AppendCalls(t.Context(), append(want, bare), nil); err != nil {
		t.Fatal(err)
	}
	want = append([]*event.Call{bare}, want...)
	for range 2 {
		got := all(t, s, store.CallQuery{})
		if len(got) != len(want) {
			t.Fatalf("%d calls, want %d", len(got), len(want))
		}
		for i := range got {
			if !reflect.DeepEqual(got[i], want[i]) {
				t.Fatalf("call %d:\n got %s\nwant %s", i, got[i].AppendJSON(nil), want[i].AppendJSON(nil))
			}
		}
		s = reopen()
	}
}

func callsSelected(t *testing.T, open Open) {
	s, _ := open(t)
	var calls []*event.Call
	for n := range 30 {
		calls = append(calls, Call(n))
	}
	if err := s.AppendCalls(t.Context(), calls, nil); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		q    store.CallQuery
		want int64
	}{
		"all":    {store.CallQuery{}, 30},
		"since":  {store.CallQuery{Since: calls[10].End()}, 20},
		"until":  {store.CallQuery{Until: calls[10].End()}, 10},
		"client": {store.CallQuery{Client: "203.0.113.7"}, 1},
		"actor":  {store.CallQuery{Actor: "nm-1"}, 10},
		"token":  {store.CallQuery{Actor: "tok-0123456789ab"}, 30},
		"host":   {store.CallQuery{Host: "other"}, 0},
		"path":   {store.CallQuery{PathPrefix: "/v1/o'rders/1"}, 11},
		"quoted": {store.CallQuery{Client: "' OR 1=1 --"}, 0},
	} {
		n, err := s.CountCalls(t.Context(), tc.q)
		if err != nil || n != tc.want || int64(len(all(t, s, tc.q))) != tc.want {
			t.Errorf("%s: %d (%v), want %d", name, n, err, tc.want)
		}
	}
	if got := all(t, s, store.CallQuery{Limit: 3}); len(got) != 3 || got[2].ID != calls[2].ID {
		t.Errorf("limit 3 gave %d", len(got))
	}
	stop := errors.New("stop")
	if err := s.Calls(t.Context(), store.CallQuery{}, func(*event.Call) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("Calls = %v, want the callback's error", err)
	}
}

func progress(t *testing.T, open Open) {
	s, reopen := open(t)
	for i, p := range []event.Progress{{Source: "log:a", Offset: 10}, {Source: "log:b", Offset: 5}, {Source: "log:a", Offset: 30}, {Source: "log:a", Offset: 20}} {
		if err := s.AppendCalls(t.Context(), []*event.Call{Call(i)}, []event.Progress{p}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := reopen().Progress(t.Context())
	if want := map[string]int64{"log:a": 30, "log:b": 5}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("progress %v (%v), want %v", got, err, want)
	}
}

func cancelled(t *testing.T, open Open) {
	s, _ := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.AppendCalls(ctx, []*event.Call{Call(1)}, []event.Progress{{Source: "x", Offset: 1}}); err == nil {
		t.Fatal("a cancelled append succeeded")
	}
	if n, err := s.CountCalls(t.Context(), store.CallQuery{}); n != 0 || err != nil {
		t.Errorf("%d calls (%v) after a failed append", n, err)
	}
	if err := s.AppendCalls(t.Context(), []*event.Call{Call(1)}, nil); err != nil {
		t.Errorf("the next append: %v", err)
	}
}

func concurrent(t *testing.T, open Open) {
	s, _ := open(t)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 5 {
				if err := s.AppendCalls(t.Context(), []*event.Call{Call(w*1000 + i)}, []event.Progress{{Source: "x", Offset: int64(w*10 + i)}}); err != nil {
					t.Error(err)
				}
				if _, err := s.CountCalls(t.Context(), store.CallQuery{}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n, err := s.CountCalls(t.Context(), store.CallQuery{}); n != 20 || err != nil {
		t.Errorf("%d calls (%v), want 20", n, err)
	}
}

func alerts(t *testing.T, open Open) {
	s, reopen := open(t)
	a := event.Alert{ID: "00000000000000000000000AB1", Revision: 2, Detector: "bola", Severity: event.High, Status: event.StatusOpen, DetectedAt: epoch, LastSeenAt: epoch,
		StartedAt: epoch, Counts: map[string]int64{"n": 2}, Entity: event.Entity{Kind: event.KindUser, Value: "nm-x"}, Summary: "two"}
	older, newer, other := a, a, a
	older.Revision, older.Summary = 1, "one"
	newer.Revision, newer.Summary, newer.Status, newer.LastSeenAt = 3, "three", event.StatusResolved, epoch.Add(time.Hour)
	other.ID, other.Detector, other.Severity, other.DetectedAt = "0000000000000000000000AC22", "probing", event.Low, epoch.Add(time.Minute)
	if err := s.PutAlerts(t.Context(), []event.Alert{a, older, newer, a, other}); err != nil {
		t.Fatal(err)
	}
	s = reopen()
	got, err := s.Alerts(t.Context(), store.AlertQuery{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []event.Alert{newer, other})
	for name, tc := range map[string]struct {
		q    store.AlertQuery
		want []event.Alert
	}{
		"prefix":   {store.AlertQuery{ID: "0000000000000000000000ac"}, []event.Alert{other}},
		"wildcard": {store.AlertQuery{ID: "%"}, nil},
		"detector": {store.AlertQuery{Detector: "bola"}, []event.Alert{newer}},
		"severity": {store.AlertQuery{Severity: event.Medium}, []event.Alert{newer}},
		"status":   {store.AlertQuery{Status: event.StatusOpen}, []event.Alert{other}},
		"since":    {store.AlertQuery{Since: epoch.Add(time.Second)}, []event.Alert{newer}},
		"limit":    {store.AlertQuery{Limit: 1}, []event.Alert{other}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := s.Alerts(t.Context(), tc.q)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, got, tc.want)
		})
	}
}

func endpoints(t *testing.T, open Open) {
	s, reopen := open(t)
	a := event.Endpoint{Host: "h", Method: "GET", Route: "/a", State: event.StateNew, FirstSeen: epoch, LastSeen: epoch, Calls: 3, Statuses: []int{200}}
	b := event.Endpoint{Host: "h", Method: "GET", Route: "/b", State: event.StateOrphan}
	for _, list := range [][]event.Endpoint{{a, b}, {b}, {b, a}, {a, b}} {
		if err := s.PutEndpoints(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	s = reopen()
	got, err := s.Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []event.Endpoint{a, b})
	if err := s.PutEndpoints(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got, err = s.Endpoints(t.Context()); len(got) != 0 || err != nil {
		t.Errorf("%v (%v)", got, err)
	}
}

func retention(t *testing.T, open Open) {
	s, _ := open(t)
	var calls []*event.Call
	for n := range 10 {
		calls = append(calls, Call(n))
	}
	if err := s.AppendCalls(t.Context(), calls, nil); err != nil {
		t.Fatal(err)
	}
	old := event.Alert{ID: "A", Revision: 1, Status: event.StatusResolved, LastSeenAt: epoch.Add(-time.Hour), DetectedAt: epoch}
	open1 := event.Alert{ID: "B", Revision: 1, Status: event.StatusOpen, LastSeenAt: epoch.Add(-time.Hour), DetectedAt: epoch}
	if err := s.PutAlerts(t.Context(), []event.Alert{old, open1}); err != nil {
		t.Fatal(err)
	}
	n, err := s.Retain(t.Context(), calls[4].End())
	if err != nil || n != 4 {
		t.Errorf("deleted %d (%v), want 4", n, err)
	}
	if left, err := s.CountCalls(t.Context(), store.CallQuery{}); left != 6 || err != nil {
		t.Errorf("%d left (%v)", left, err)
	}
	got, err := s.Alerts(t.Context(), store.AlertQuery{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, []event.Alert{open1})
}

// equal compares by JSON, in which an absent list and an empty one are the same thing.
func equal[T any](t *testing.T, got, want []T) {
	t.Helper()
	if len(got) == 0 && len(want) == 0 {
		return
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("\n got %s\nwant %s", g, w)
	}
}
