package evasion

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

var epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

type world struct {
	rng    *rand.Rand
	calls  []*event.Call
	alerts map[string]event.Alert
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), alerts: map[string]event.Alert{}}
}

func (w *world) call(at time.Duration, client, fp string) {
	w.calls = append(w.calls, &event.Call{ID: event.MakeID(uint64(len(w.calls)+1), 1), Time: epoch.Add(at), Client: netip.MustParseAddr(client), Fingerprint: fp, UserAgent: fp, Method: "GET", Host: "h", Path: "/", PathShape: "/", Status: 200})
}

func (w *world) run(tb testing.TB) []event.Alert {
	tb.Helper()
	e := detect.New(detect.Config{Seed: 1}, func(a event.Alert) {
		w.alerts[a.ID] = a
		sum := 0.0
		for _, f := range a.Evidence.Features {
			sum += f.Contribution
		}
		if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-6 || len(a.Evidence.Calls) == 0 || len(a.Benign) == 0 {
			tb.Errorf("%s: contributions %v, score %v, %d calls", a.Title, sum, a.Evidence.ScoreLog10, len(a.Evidence.Calls))
		}
		if a.Severity > event.Low {
			tb.Errorf("%s is told as %s", a.Title, a.Severity)
		}
	}, New(Config{Seed: 1}))
	for _, c := range w.calls {
		e.Observe(c)
	}
	e.Close()
	var list []event.Alert
	for _, a := range w.alerts {
		list = append(list, a)
	}
	return list
}

// ordinary days: homes with a program or two, a busy address with hundreds,
// and new visitors all the time, more of them in the evening.
func ordinary(w *world, days int) {
	for minute := range days * 24 * 60 {
		at := time.Duration(minute) * time.Minute
		busy := 2 + 2*math.Sin(float64(minute)/(24*60)*2*math.Pi)
		for range int(busy + w.rng.Float64()) {
			client := fmt.Sprintf("10.%d.%d.1", w.rng.IntN(4), w.rng.IntN(200))
			if w.rng.Float64() < 0.2 {
				client = fmt.Sprintf("10.%d.%d.%d", w.rng.IntN(256), w.rng.IntN(256), 1+w.rng.IntN(250))
			}
			fp := fmt.Sprint("fp", w.rng.IntN(6))
			for k := range 4 {
				w.call(at+time.Duration(k)*time.Second, client, fp)
			}
			w.call(at, "192.0.2.1", fmt.Sprint("office", w.rng.IntN(300)))
			w.call(at+time.Second, "192.0.2.1", fmt.Sprint("office", w.rng.IntN(300)))
		}
	}
}

func TestOrdinaryDaysAreSilent(t *testing.T) {
	for seed := range uint64(2) {
		w := newWorld(seed)
		ordinary(w, 3)
		for _, a := range w.run(t) {
			t.Errorf("false alert: %s", a.Summary)
		}
	}
}

// An address that is somebody else with every call, at any pace.
func TestEverNewPrograms(t *testing.T) {
	for _, pace := range []time.Duration{time.Second, 100 * time.Second} {
		w := newWorld(3)
		for i := range 200 {
			w.call(time.Duration(i)*pace, "203.0.113.9", fmt.Sprint("made-up", i))
		}
		found := w.run(t)
		if len(found) != 1 || found[0].Entity != (event.Entity{Kind: event.KindClient, Value: "203.0.113.9"}) || found[0].DetectedAt.Sub(epoch)/pace > 50 {
			t.Fatalf("%+v", found)
		}
	}
}

// A program that has its regular users for days, and then thousands of
// addresses with one call each.
func TestEverNewAddresses(t *testing.T) {
	w := newWorld(4)
	ordinary(w, 3)
	for i := range 3 * 24 * 60 {
		w.call(time.Duration(i)*time.Minute, fmt.Sprintf("10.9.%d.1", i%40), "fp9")
	}
	for i := range 3000 {
		w.call(50*time.Hour+time.Duration(i)*2*time.Second, fmt.Sprintf("%d.%d.%d.7", 11+i%90, i>>8, i&255), "fp9")
	}
	for _, a := range w.run(t) {
		if a.Entity == (event.Entity{Kind: event.KindCluster, Value: "fp9"}) {
			return
		}
	}
	t.Error("not found")
}

func TestStateIsBounded(t *testing.T) {
	s := New(Config{Seed: 1, Clients: 512, Names: 1 << 12, Groups: 256})
	e := detect.New(detect.Config{Seed: 1}, func(event.Alert) {}, s)
	w := newWorld(5)
	for i := range 30_000 {
		w.call(time.Duration(i)*100*time.Millisecond, fmt.Sprintf("%d.%d.%d.1", i%200, i>>8&255, i&255), fmt.Sprint("fp", i))
	}
	for _, c := range w.calls {
		e.Observe(c)
	}
	e.Close()
	if s.clients.Len() > 512 || s.groups.Len() > 256 || s.counts.Len() > 1024 {
		t.Errorf("%d clients, %d groups, %d counts", s.clients.Len(), s.groups.Len(), s.counts.Len())
	}
}

func BenchmarkObserve(b *testing.B) {
	s, out := New(Config{Seed: 1}), &detect.Output{}
	c := &event.Call{Status: 200, Method: "GET", Path: "/v1/orders/7", Fingerprint: "0123456789abcdef", UserAgent: "Mozilla/5.0 (X11; Linux x86_64)", Client: netip.MustParseAddr("192.0.2.1")}
	b.ReportAllocs()
	for b.Loop() {
		o := detect.Observation{Call: c, AtNS: 2, Source: 5, Client: 6}
		s.Observe(&o, out)
	}
}
