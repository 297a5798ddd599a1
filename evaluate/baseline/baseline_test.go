package baseline

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lapwing/event"
)

var begin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func login(at time.Duration, ip, account string, status int) *event.Call {
	return &event.Call{
		Time: begin.Add(at), Client: netip.MustParseAddr(ip), Method: "POST", Host: "a", Path: "/login", PathShape: "/login",
		Account: account, Status: status, Flags: event.FlagSecretPresented,
	}
}

func get(at time.Duration, ip, path string, status int) *event.Call {
	return &event.Call{Time: begin.Add(at), Client: netip.MustParseAddr(ip), Method: "GET", Host: "a", Path: path, PathShape: "/{slug}", Status: status}
}

func told1(calls ...*event.Call) (rules []string) {
	s := New(func(a Alert) { rules = append(rules, a.Rule) })
	for _, c := range calls {
		s.Observe(c)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

// Each rule fires at its published number, and not one below it.
func TestThresholds(t *testing.T) {
	const ip = "203.0.113.9"
	spread := func(n int, every time.Duration, make func(i int, at time.Duration) *event.Call) (out []*event.Call) {
		for i := range n {
			out = append(out, make(i, time.Duration(i)*every))
		}
		return out
	}
	oneUser := func(_ int, at time.Duration) *event.Call { return login(at, ip, "u", 401) }
	users := func(i int, at time.Duration) *event.Call { return login(at, ip, fmt.Sprint("u", i), 401) }
	good := func(i int, at time.Duration) *event.Call { return login(at, ip, fmt.Sprint("u", i), 200) }
	sources := func(i int, at time.Duration) *event.Call {
		return login(at, fmt.Sprintf("203.0.113.%d", i%5), fmt.Sprint("u", i%9), 401)
	}
	sourcesOne := func(i int, at time.Duration) *event.Call {
		return login(at, fmt.Sprintf("203.0.113.%d", i%5), "u", 401)
	}
	missing := func(i int, at time.Duration) *event.Call { return get(at, ip, fmt.Sprint("/p", i), 404) }
	found := func(i int, at time.Duration) *event.Call { return get(at, ip, fmt.Sprint("/p", i), 200) }
	for _, c := range []struct {
		rule  string
		n     int // first number at which it fires
		every time.Duration
		make  func(i int, at time.Duration) *event.Call
	}{
		{"crowdsec/http-bf", 6, time.Millisecond, oneUser},
		{"crowdsec/slow-bf", 11, time.Millisecond, oneUser},
		{"crowdsec/http-probing", 11, time.Millisecond, missing},
		{"crowdsec/http-crawl", 41, time.Microsecond, found},
		{"aws-atp/volumetric-ip", 21, 20 * time.Second, good},
		{"aws-atp/failed-ip", 11, 20 * time.Second, oneUser},
		{"elastic/stuffing-one-source", 25, 30 * time.Second, users},
		{"elastic/spray-many-sources", 25, 30 * time.Second, sources},
		{"elastic/brute-many-sources", 10, 30 * time.Second, sourcesOne},
		{"elastic/web-fuzzing", 501, time.Second, missing},
		{"sentinel/spray", 5, 3 * time.Minute, users},
		{"auth0/brute-force", 10, 2 * time.Hour, oneUser},
		{"panther/bf-ip", 10, 6 * time.Minute, users},
		{"panther/bf-user", 10, 6 * time.Minute, sourcesOne},
		{"panther/spray", 11, 5 * time.Minute, users},
		{"wallarm/brute-force", 31, 900 * time.Millisecond, found},
	} {
		if got := told1(spread(c.n, c.every, c.make)...); !slices.Contains(got, c.rule) {
			t.Errorf("%s: silent at %d, fired: %v", c.rule, c.n, got)
		}
		if got := told1(spread(c.n-1, c.every, c.make)...); slices.Contains(got, c.rule) {
			t.Errorf("%s: fired at %d", c.rule, c.n-1)
		}
	}
}

// Who keeps below the numbers is never told of, however long.
func TestSlowIsNeverSeen(t *testing.T) {
	var calls []*event.Call
	for i := range 500 {
		calls = append(calls, login(time.Duration(i)*15*time.Minute, "203.0.113.9", fmt.Sprint("u", i), 401))
	}
	if got := told1(calls...); len(got) != 0 {
		t.Errorf("fired: %v", got)
	}
}

func TestTellsOnceADay(t *testing.T) {
	n := 0
	s := New(func(a Alert) {
		if a.Rule == "crowdsec/http-bf" {
			n++
		}
	})
	for day := range 3 {
		for i := range 100 {
			s.Observe(login(time.Duration(day)*25*time.Hour+time.Duration(i)*time.Second, "203.0.113.9", "u", 401))
		}
	}
	if n != 3 {
		t.Errorf("told %d times in three days", n)
	}
}

func TestThreeSigma(t *testing.T) {
	var calls []*event.Call
	for h := range 30 {
		for i := range 40 {
			for k := range 1 + i%3 {
				calls = append(calls, get(time.Duration(h)*time.Hour+time.Duration(3*i+k)*time.Second, fmt.Sprintf("198.51.100.%d", i), "/x", 200))
			}
		}
	}
	if got := told1(calls...); len(got) != 0 {
		t.Fatalf("fired on the ordinary: %v", got)
	}
	for i := range 10 {
		calls = append(calls, get(30*time.Hour+time.Duration(i)*time.Minute, "198.51.100.3", "/x", 200))
	}
	if got := told1(calls...); !slices.Equal(got, []string{"3-sigma"}) {
		t.Errorf("fired: %v", got)
	}
}

func TestEveryRuleSaysItsSource(t *testing.T) {
	for _, r := range Rules() {
		if r.Name == "" || r.Says == "" || r.Source == "" || r.About == "" {
			t.Errorf("%+v", r)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	s := New(func(Alert) {})
	var calls []*event.Call
	for i := range 1000 {
		calls = append(calls, get(time.Duration(i)*10*time.Millisecond, fmt.Sprintf("198.51.100.%d", i%50), fmt.Sprint("/p", i), 200))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c := *calls[i%1000]
		c.Time = c.Time.Add(time.Duration(i/1000) * 10 * time.Second)
		s.Observe(&c)
	}
}
