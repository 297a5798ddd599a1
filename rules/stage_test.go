package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/snapshot"
	"lapwing/event"
)

func set(tb testing.TB, source string) *Set {
	tb.Helper()
	list, err := Parse("test.yaml", []byte(source))
	if err != nil {
		tb.Fatal(err)
	}
	s, err := NewSet(list)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

type teller struct {
	*detect.Engine
	stage *Stage
	last  map[string]event.Alert
	order []string
	said  []string
}

func newTeller(live *Live) *teller {
	t := &teller{stage: New(live, 7), last: map[string]event.Alert{}}
	t.Engine = detect.New(detect.Config{Sensor: "t", Seed: 7}, func(a event.Alert) {
		if _, ok := t.last[a.ID]; !ok {
			t.order = append(t.order, a.ID)
		}
		t.last[a.ID] = a
		b, _ := json.Marshal(a)
		t.said = append(t.said, string(b))
	}, t.stage)
	return t
}

func (t *teller) alerts() (out []event.Alert) {
	for _, id := range t.order {
		out = append(out, t.last[id])
	}
	return out
}

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func testCall(n int, at time.Duration, edit func(*event.Call)) *event.Call {
	c := &event.Call{ID: event.MakeID(uint64(n), 3), Time: monday.Add(at), Duration: time.Millisecond, Sensor: "t", Client: netip.MustParseAddr("203.0.113.9"),
		Method: "GET", Host: "api.example", Path: "/x", PathShape: "/x", Status: 200, Actor: event.Actor{Kind: event.KindClient, Value: "203.0.113.9"}}
	if edit != nil {
		edit(c)
	}
	return c
}

const countRule = `
rules:
- id: many
  when: status == 404
  group_by: [client]
  count: {at_least: 5, over: 1m}
  severity: high
  title: "{client} misses {{things}}"
  summary: "{entity} missed {count} times in {window_s} s (limit {at_least}), {matches} in all over {duration_s} s"
  tags: {owasp: "API1:2023", attack: [T1595]}
  benign: [a broken link]
  next_step: Look.
`

func TestCount(t *testing.T) {
	for name, test := range map[string]struct {
		gap  time.Duration
		n    int
		want int
	}{
		"within":        {10 * time.Second, 5, 1},
		"one short":     {time.Second, 4, 0},
		"just too slow": {15 * time.Second, 50, 0}, // five of them take 60 s: the first is over
		"one incident":  {time.Second, 500, 1},
	} {
		live := NewLive(set(t, countRule))
		e := newTeller(live)
		for i := range test.n {
			e.Observe(testCall(i, time.Duration(i)*test.gap, func(c *event.Call) { c.Status = 404 }))
			e.Observe(testCall(1000+i, time.Duration(i)*test.gap, nil))
		}
		e.Close()
		got := e.alerts()
		if len(got) != test.want {
			t.Fatalf("%s: %d alerts, want %d", name, len(got), test.want)
		}
		if live.Stats().Matches != int64(test.n) {
			t.Errorf("%s: %d matches", name, live.Stats().Matches)
		}
		if name != "within" {
			continue
		}
		a := got[0]
		if a.Detector != "custom_rule" || a.Severity != event.High || a.Title != "203.0.113.9 misses {things}" || !slices.Contains(a.Flags, "rule:many") ||
			a.Summary != "Client 203.0.113.9 missed 5 times in 60 s (limit 5), 5 in all over 40 s" || a.Entity != (event.Entity{Kind: event.KindClient, Value: "203.0.113.9"}) ||
			a.Tags.OWASP[0] != "API1:2023" || a.Benign[0].Hypothesis != "a broken link" || a.Evidence.ScoreLog10 != 0 || len(a.Evidence.Calls) != 5 ||
			a.Endpoint != (event.EndpointRef{Host: "api.example", Method: "GET"}) && a.Endpoint.Route != "" || a.Counts["count"] != 5 || !a.StartedAt.Equal(monday.Add(time.Millisecond)) {
			t.Errorf("%+v", a)
		}
	}
}

// Windows agree with counting all events again each time.
func TestWindowsAsModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for round := range 60 {
		wanted, window := 1+rng.IntN(120), int64(1+rng.IntN(1000))*int64(time.Second)
		var w recent
		var d different
		var times []int64
		var values []seen
		at := int64(1e18)
		for range 400 {
			at += rng.Int64N(window / 8)
			times = append(times, at)
			n, oldest := w.add(at, window, wanted)
			exact, part := 0, 0
			for _, x := range times {
				if x > at-window {
					exact++
				}
				if x > at-window+2*window/parts {
					part++
				}
			}
			if wanted <= exactTimes {
				if n != min(exact, wanted) {
					t.Fatalf("round %d: %d, want %d of %d", round, n, exact, wanted)
				}
			} else if n > exact || n < part {
				t.Fatalf("round %d: %d is not between %d and %d", round, n, part, exact)
			}
			if oldest <= at-window-window/parts || oldest > at {
				t.Fatalf("round %d: the oldest is %d s old", round, (at-oldest)/1e9)
			}
			v := rng.Uint64N(40)
			values = append(values, seen{v, at})
			want := map[uint64]bool{}
			for _, s := range values {
				if s.AtNS > at-window {
					want[s.Value] = true
				}
			}
			if n, _ := d.add(v, at, window, 25); n != min(len(want), 50) {
				t.Fatalf("round %d: %d different values, want %d", round, n, len(want))
			}
		}
	}
}

// A sequence is found exactly when some choice of events makes it.
func TestSequenceAsModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	found := 0
	for round := range 300 {
		steps, window := 2+rng.IntN(4), int64(20+rng.IntN(60))
		var w ordered
		var list []struct {
			at   int64
			fits uint64
		}
		at := int64(1000)
		for range 60 {
			at += rng.Int64N(12) + 1
			fits := rng.Uint64() & rng.Uint64() & (1<<steps - 1)
			list = append(list, struct {
				at   int64
				fits uint64
			}{at, fits})
			done, _ := w.add(fits, steps, at, window)
			// the latest beginning of a chain that ends at step i in event j
			best := make([][]int64, len(list))
			want := false
			for j, e := range list {
				best[j] = make([]int64, steps)
				for i := range steps {
					if e.fits&(1<<i) == 0 {
						continue
					}
					if i == 0 {
						best[j][0] = e.at
						continue
					}
					for k := range j {
						if best[k][i-1] > e.at-window {
							best[j][i] = max(best[j][i], best[k][i-1])
						}
					}
				}
				want = j == len(list)-1 && best[j][steps-1] != 0
			}
			if done != want {
				t.Fatalf("round %d: %v, want %v", round, done, want)
			}
			if want {
				found++
			}
		}
	}
	if found < 100 {
		t.Errorf("%d found: the test shows little", found)
	}
}

// Groups beyond the bound give way, those with a story last, and are counted.
func TestGroupsAreBounded(t *testing.T) {
	live := NewLive(set(t, strings.Replace(countRule, "count:", "groups: 512\n  count:", 1)))
	e := newTeller(live)
	at := time.Duration(0)
	attack := func(n int) *event.Call {
		return testCall(n, at, func(c *event.Call) { c.Status = 404 })
	}
	for i := range 5 {
		e.Observe(attack(i))
		at += time.Millisecond
	}
	for i := range 50_000 {
		at += time.Millisecond
		e.Observe(testCall(100+i, at, func(c *event.Call) {
			c.Status, c.Client = 404, netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		}))
	}
	e.Observe(attack(1_000_000))
	e.Close()
	groups := 0
	for _, st := range e.stage.states {
		st.table.each(func(*group) { groups++ })
	}
	if groups > 512 || live.Stats().Evicted < 49_000 {
		t.Errorf("%d groups, %d evicted", groups, live.Stats().Evicted)
	}
	if len(e.alerts()) != 1 {
		t.Errorf("%d alerts", len(e.alerts()))
	}
}

// world is traffic that meets the rules of testdata now and then.
func world(n int) []*event.Call {
	rng := rand.New(rand.NewPCG(9, 9))
	var calls []*event.Call
	for i := range n {
		calls = append(calls, testCall(i, time.Duration(i)*700*time.Millisecond, func(c *event.Call) {
			client := byte(rng.IntN(12))
			c.Client = netip.AddrFrom4([4]byte{203, 0, 113, client})
			c.Actor.Value = c.Client.String()
			c.Status = []int{200, 200, 401, 404, 403}[rng.IntN(5)]
			c.Path = []string{"/v1/login", "/v1/orders/7", "/v1/export", "/v1/coupons/x"}[rng.IntN(4)]
			c.Method = []string{"GET", "POST"}[rng.IntN(2)]
			c.Account = fmt.Sprint("nm-", rng.IntN(40))
			c.User = fmt.Sprint("nm-u", client)
			c.PathShape = c.Path
		}))
	}
	return calls
}

// Another rule, its coming and going change nothing of what a rule says; nor
// does a new title of it, but in the title.
func TestRulesAreAlone(t *testing.T) {
	data, err := os.ReadFile("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, one := set(t, string(data)), set(t, countRule)
	both, err := NewSet(append(slices.Clone(all.Rules()), one.Rules()...))
	if err != nil {
		t.Fatal(err)
	}
	retitled := set(t, strings.Replace(countRule, "next_step: Look.", "next_step: Look closely.", 1))
	calls := world(3000)
	run := func(sets ...*Set) (out []string) {
		live := NewLive(sets[0])
		e := newTeller(live)
		for i, c := range calls {
			live.Replace(sets[i*len(sets)/len(calls)])
			e.Observe(c)
			if i%50 == 0 {
				e.Advance(c.Time.UnixNano())
			}
		}
		e.Close()
		for _, a := range e.alerts() {
			if slices.Contains(a.Flags, "rule:many") {
				out = append(out, fmt.Sprint(a.ID, a.Summary, a.Counts, a.StartedAt, a.DetectedAt))
			}
		}
		return out
	}
	want := run(one)
	if len(want) < 5 {
		t.Fatalf("%d alerts: the test shows nothing", len(want))
	}
	for name, sets := range map[string][]*Set{"beside others": {both}, "others come and go": {one, both, one, both}, "retitled": {one, retitled, both}} {
		if got := run(sets...); !slices.Equal(got, want) {
			t.Errorf("%s: %d alerts, want %d", name, len(got), len(want))
		}
	}
	live := NewLive(both)
	e := newTeller(live)
	for _, c := range calls {
		e.Observe(c)
	}
	e.Advance(calls[len(calls)-1].Time.UnixNano())
	live.Replace(all)
	e.Close()
	for _, a := range e.alerts() {
		if slices.Contains(a.Flags, "rule:many") && a.Status != event.StatusResolved {
			t.Errorf("alert %s of a rule that is gone is %s", a.ID, a.Status)
		}
	}
}

// Whoever goes on from a snapshot says what the one who was never interrupted
// says; rules that have changed meanwhile begin anew, and the others go on.
func TestGoesOnFromSnapshot(t *testing.T) {
	data, err := os.ReadFile("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := set(t, string(data))
	calls := world(2500)
	whole := newTeller(NewLive(s))
	type taken struct {
		at, said int
		data     []byte
	}
	var list []taken
	for i, c := range calls {
		whole.Observe(c)
		if i%100 == 0 {
			whole.Advance(c.Time.UnixNano())
		}
		if i%600 == 599 {
			var b bytes.Buffer
			if err := snapshot.Save(&b, whole.Engine); err != nil {
				t.Fatal(err)
			}
			list = append(list, taken{i + 1, len(whole.said), b.Bytes()})
		}
	}
	whole.Close()
	if len(whole.said) < 10 {
		t.Fatalf("%d revisions: the test shows nothing", len(whole.said))
	}
	for _, cut := range list {
		e := newTeller(NewLive(s))
		if err := snapshot.Load(bytes.NewReader(cut.data), e.Engine); err != nil {
			t.Fatal(err)
		}
		for i := cut.at; i < len(calls); i++ {
			e.Observe(calls[i])
			if i%100 == 0 {
				e.Advance(calls[i].Time.UnixNano())
			}
		}
		e.Close()
		if !slices.Equal(e.said, whole.said[cut.said:]) {
			t.Errorf("cut at %d: %d revisions, want %d", cut.at, len(e.said), len(whole.said)-cut.said)
		}
		other := newTeller(NewLive(set(t, countRule)))
		if err := snapshot.Load(bytes.NewReader(cut.data), other.Engine); err != nil {
			t.Fatalf("with other rules: %v", err)
		}
		for _, c := range calls[cut.at:] {
			other.Observe(c)
		}
		other.Close()
		if len(other.stage.states) != 1 || len(other.last) == 0 {
			t.Errorf("with other rules: %d are remembered, %d alerts", len(other.stage.states), len(other.last))
		}
	}
}

// Every number in a summary is a count of the alert, and features add up.
func TestNumbersAreFields(t *testing.T) {
	s, err := Load("testdata/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	e := newTeller(NewLive(s))
	for _, c := range world(3000) {
		e.Observe(c)
	}
	e.Close()
	if len(e.last) < 6 {
		t.Fatalf("%d alerts", len(e.last))
	}
	for _, a := range e.last {
		if a.Counts["folded"] > 0 {
			continue // the engine's words
		}
		if len(a.Flags) == 0 || !strings.HasPrefix(a.Flags[0], "rule:") {
			t.Errorf("%s: flags %v do not name the rule", a.ID, a.Flags)
			continue
		}
		text := strings.ReplaceAll(strings.ReplaceAll(a.Summary, a.Entity.Value, ""), strings.TrimPrefix(a.Flags[0], "rule:"), "")
		for _, f := range a.Evidence.Features {
			if _, v, ok := strings.Cut(f.Name, ":"); ok {
				text = strings.ReplaceAll(text, v, "")
			}
			if f.Contribution != 0 {
				t.Errorf("%s: %s contributes to evidence that is zero", a.ID, f.Name)
			}
		}
		for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
			known := false
			for _, n := range a.Counts {
				known = known || fmt.Sprint(n) == word
			}
			if !known {
				t.Errorf("%q: %s is no count", a.Summary, word)
			}
		}
	}
}

// Text from traffic stays text.
func TestValuesAreNoMarkup(t *testing.T) {
	live := NewLive(set(t, "rules:\n- id: ua\n  when: status == 200\n  group_by: [user_agent]\n  title: 'by {user_agent}'\n"))
	e := newTeller(live)
	e.Observe(testCall(1, 0, func(c *event.Call) { c.UserAgent = "{matches}\n\x1b[31m\u202e" + strings.Repeat("ä", 500) }))
	e.Close()
	a := e.alerts()[0]
	if !strings.HasPrefix(a.Title, "by {matches}  [31m ä") || len([]rune(a.Title)) > 3+maxShown {
		t.Errorf("%q", a.Title)
	}
}

func BenchmarkObserve(b *testing.B) {
	data, err := os.ReadFile("testdata/rules.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for _, copies := range []int{1, 10} {
		var list []*Rule
		for n := range copies {
			source := strings.ReplaceAll(string(data), "- id: ", fmt.Sprintf("- id: c%d-", n))
			list = append(list, set(b, source).Rules()...)
		}
		s, err := NewSet(list)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("%d rules", len(list)), func(b *testing.B) {
			stage := New(NewLive(s), 1)
			o := testObservation()
			o.Call.Status, o.Call.Method = 200, "GET" // most calls match nothing
			o.Call.UserAgent = "Mozilla/5.0"
			o.Call.Path = "/v1/items/17"
			b.ReportAllocs()
			var out detect.Output
			for b.Loop() {
				stage.Observe(o, &out)
			}
		})
	}
}
