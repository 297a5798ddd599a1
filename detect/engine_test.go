package detect

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"lapwing/event"
)

var epoch = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func callAt(n int, at time.Duration) *event.Call {
	return &event.Call{
		ID: event.MakeID(uint64(n), 1), Time: epoch.Add(at), Sensor: "t", Method: "GET", Host: "h", Path: fmt.Sprintf("/x/%d", n), Status: 200,
		Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(n % 7)}),
	}
}

// counter suspects every client a little more with each call, through a fact.
type counter struct {
	seen   []event.ID
	timers []int64
	cases  map[string]*counterCase
}

type counterCase struct {
	client  string
	n       int64
	started int64
}

func (c *counterCase) Alert() event.Alert {
	return event.Alert{Detector: "counter", Entity: event.Entity{Kind: event.KindClient, Value: c.client},
		Severity: event.Medium, Counts: map[string]int64{"n": c.n}, Endpoint: event.EndpointRef{Host: "h", Method: "GET", Route: "/x"}}
}

func (*counter) Name() string { return "counter" }
func (c *counter) Observe(o *Observation, out *Output) {
	c.seen = append(c.seen, o.Call.ID)
	out.Fact("counter", o.Client, o.Call.Client.String())
	out.Fact("nobody", o.Client, 1)
}
func (c *counter) Fact(f *Fact, out *Output) {
	client := f.Payload.(string)
	k := c.cases[client]
	if k == nil {
		k = &counterCase{client: client, started: f.AtNS}
		c.cases[client] = k
	}
	k.n++
	out.Suspect(&Suspicion{Detector: "counter", Entity: event.Entity{Kind: event.KindClient, Value: client}, StartedNS: k.started, Score: float64(k.n) * 3, Case: k})
}
func (c *counter) Advance(now int64, _ *Output) { c.timers = append(c.timers, now) }
func (c *counter) Close(*Output)                {}

func run(calls []*event.Call, step func(e *Engine, c *event.Call)) (alerts []event.Alert, c *counter, s Stats) {
	c = &counter{cases: map[string]*counterCase{}}
	e := New(Config{Sensor: "t", Seed: 7}, func(a event.Alert) { alerts = append(alerts, a) }, c)
	for _, call := range calls {
		e.Observe(call)
		step(e, call)
	}
	e.Close()
	return alerts, c, e.Stats()
}

func TestOrderAndStepsDoNotMatter(t *testing.T) {
	var calls []*event.Call
	for n := range 400 {
		calls = append(calls, callAt(n, time.Duration(n*n)*37*time.Millisecond))
	}
	want, whole, stats := run(calls, func(*Engine, *event.Call) {})
	if len(want) == 0 {
		t.Fatal("no alerts: the test shows nothing")
	}
	if stats.Received != 400 || stats.Judged != 400 || stats.Pending != 0 || stats.Late != 0 {
		t.Errorf("stats %+v", stats)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		// Each call comes up to four seconds behind its time, and the watermark trails by five.
		arrival := map[event.ID]time.Time{}
		for _, c := range calls {
			arrival[c.ID] = c.Time.Add(time.Duration(rng.Int64N(int64(4 * time.Second))))
		}
		shuffled := slices.SortedFunc(slices.Values(calls), func(a, b *event.Call) int { return arrival[a.ID].Compare(arrival[b.ID]) })
		newest := time.Time{}
		got, c, s := run(shuffled, func(e *Engine, call *event.Call) {
			if call.Time.After(newest) {
				newest = call.Time
			}
			if rng.IntN(3) == 0 {
				e.Advance(newest.Add(-5 * time.Second).UnixNano())
			}
		})
		if s.Late != 0 {
			t.Fatalf("%d late", s.Late)
		}
		if !reflect.DeepEqual(c.seen, whole.seen) {
			t.Fatal("calls were judged in another order")
		}
		if !reflect.DeepEqual(c.timers, whole.timers) {
			t.Fatal("timers ran at other times")
		}
		a, _ := json.Marshal(want)
		b, _ := json.Marshal(got)
		if string(a) != string(b) {
			t.Fatalf("alerts differ:\n%s\n%s", a, b)
		}
	}
}

func TestIncidentLife(t *testing.T) {
	var calls []*event.Call
	for n := range 12 {
		c := callAt(n, time.Duration(n)*time.Second)
		c.Client = netip.MustParseAddr("192.0.2.1")
		calls = append(calls, c)
	}
	later := callAt(99, 30*time.Hour)
	later.Client = netip.MustParseAddr("192.0.2.2")
	alerts, _, stats := run(append(calls, later), func(*Engine, *event.Call) {})
	if len(alerts) < 3 {
		t.Fatalf("%d revisions", len(alerts))
	}
	first, last := alerts[0], alerts[len(alerts)-1]
	if first.Status != event.StatusOpen || first.Counts["n"] != 5 || first.Revision != 1 {
		t.Errorf("opened as %+v", first)
	}
	if last.Status != event.StatusResolved || last.ID != first.ID || last.Counts["n"] != 12 {
		t.Errorf("ended as %+v", last)
	}
	if stats.Opened != 1 || stats.Lost != 13 {
		t.Errorf("stats %+v", stats)
	}
	for i, a := range alerts {
		if a.Revision != i+1 || len(a.ID) != 26 || !a.DetectedAt.Equal(first.DetectedAt) {
			t.Errorf("revision %d: %+v", i, a)
		}
	}
}

func TestCrowdIsFoldedAndCounted(t *testing.T) {
	var calls []*event.Call
	for n := range 100 {
		for range 5 {
			c := callAt(len(calls), time.Duration(len(calls))*time.Millisecond)
			c.Client = netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})
			calls = append(calls, c)
		}
	}
	alerts, _, stats := run(calls, func(*Engine, *event.Call) {})
	entities := map[event.Entity]event.Alert{}
	for _, a := range alerts {
		entities[a.Entity] = a
	}
	crowd, ok := entities[event.Entity{Kind: event.KindEndpoint, Value: "GET h/x"}]
	if !ok || len(entities) != perEndpoint+1 {
		t.Fatalf("%d entities", len(entities))
	}
	if crowd.Counts["folded"] != 70 || crowd.Counts["entities"] != 100 || stats.Folded != 70 {
		t.Errorf("crowd %+v, stats %+v", crowd.Counts, stats)
	}
}

func TestHostileTimes(t *testing.T) {
	calls := []*event.Call{callAt(1, 0), callAt(2, -40*365*24*time.Hour), callAt(3, 200*365*24*time.Hour)}
	_, c, s := run(calls, func(e *Engine, call *event.Call) { e.Advance(call.End().UnixNano()) })
	if len(c.seen) != 3 || s.Late != 1 {
		t.Errorf("judged %d, late %d", len(c.seen), s.Late)
	}
}

// Inputs may begin days apart, and the later one be looked at first: what
// matters is that no watermark has passed.
func TestTheFirstCallNeedNotBeTheEarliest(t *testing.T) {
	c := &counter{cases: map[string]*counterCase{}}
	e := New(Config{}, func(event.Alert) {}, c)
	e.Observe(callAt(2, 72*time.Hour))
	e.Observe(callAt(1, 0))
	e.Advance(epoch.Add(time.Minute).UnixNano())
	if s := e.Stats(); s.Late != 0 || s.Judged != 1 || s.Pending != 1 || c.seen[0] != callAt(1, 0).ID {
		t.Errorf("%+v, judged %v: want the earlier call judged, in time, and the later one held", s, c.seen)
	}
	e.Observe(callAt(3, -2*time.Hour))
	if s := e.Stats(); s.Late != 1 {
		t.Errorf("%+v: a call before what was judged is late", s)
	}
}

func TestMaxPendingForces(t *testing.T) {
	c := &counter{cases: map[string]*counterCase{}}
	e := New(Config{MaxPending: 10}, func(event.Alert) {}, c)
	for n := range 100 {
		e.Observe(callAt(n, time.Duration(n)*time.Second))
	}
	s := e.Stats()
	if s.Pending > 10 || s.Received != s.Judged+s.Pending || s.Forced != s.Judged {
		t.Errorf("%+v", s)
	}
}
