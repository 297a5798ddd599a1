package credentials

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/detect/snapshot/snapshottest"
	"lapwing/event"
)

var epoch = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// traffic builds calls of a made-up API whose login answers with a token or 401.
type traffic struct {
	calls []*event.Call
	rng   *rand.Rand
}

func newTraffic(seed uint64) *traffic { return &traffic{rng: rand.New(rand.NewPCG(seed, 7))} }

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

func (t *traffic) add(at time.Duration, c event.Call) *event.Call {
	c.ID = event.MakeID(uint64(len(t.calls)+1), 99)
	c.Time = epoch.Add(at)
	if c.Host == "" {
		c.Host = "api.example.com"
	}
	if c.Source == event.SourceLog {
		c.Time = c.Time.Truncate(time.Second)
	}
	t.calls = append(t.calls, &c)
	return &c
}

// login adds one attempt with a form of JSON.
func (t *traffic) login(at time.Duration, from, fp, user string, ok bool) *event.Call {
	c := event.Call{
		Client: ip(from), Fingerprint: fp, Method: "POST", Path: "/v1/login", PathShape: "/v1/login", Status: 401, Auth: event.AuthNone,
		Account: "nm-" + user, Flags: event.FlagSecretPresented, RequestBytes: int64(30 + len(user) + t.rng.IntN(9)),
		Shape: event.Shape{Request: event.BodyShape{Type: "json", Keys: []string{"password:string", "username:string"}, Hash: 5},
			Response: event.BodyShape{Type: "json", Keys: []string{"error:string"}, Hash: 6}},
	}
	if ok {
		c.Status, c.Flags = 200, c.Flags|event.FlagMinted
		c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"token:string"}, Hash: 7}
		c.IDs = []event.IDRef{{Response: true, In: event.InBody, Name: "token", Class: event.ClassSecret, Hash: t.rng.Uint64()}}
	}
	return t.add(at, c)
}

// form adds one attempt as an access log shows it.
func (t *traffic) form(at time.Duration, from, path string, status int, size int64) *event.Call {
	return t.add(at, event.Call{Source: event.SourceLog, Client: ip(from), Fingerprint: "ua", Method: "POST", Path: path, PathShape: path, Status: status, ResponseBytes: size})
}

// warm lets the endpoint be known by ordinary users.
func (t *traffic) warm(at time.Duration, n int) {
	for i := range n {
		t.login(at+time.Duration(i)*7*time.Second, fmt.Sprintf("192.0.%d.%d", 10+i/200, 1+i%200), "app", fmt.Sprintf("w%d", i), i%6 != 0)
	}
}

func (t *traffic) stretch(by int) {
	for _, c := range t.calls {
		c.Time = epoch.Add(c.Time.Sub(epoch) * time.Duration(by))
	}
}

type result struct {
	alerts []event.Alert // last revision of each, in order of first
	firsts []event.Alert
	stage  *Stage
}

func (t *traffic) run(tb testing.TB) result {
	tb.Helper()
	var r result
	at := map[string]int{}
	r.stage = New(Config{Seed: 1})
	e := detect.New(detect.Config{Sensor: "t", Seed: 1}, func(a event.Alert) {
		if i, ok := at[a.ID]; ok {
			r.alerts[i] = a
			return
		}
		at[a.ID] = len(r.alerts)
		r.alerts, r.firsts = append(r.alerts, a), append(r.firsts, a)
	}, login.New(login.Config{Seed: 1}), r.stage)
	calls := slices.Clone(t.calls)
	slices.SortStableFunc(calls, func(a, b *event.Call) int { return a.Time.Compare(b.Time) })
	for _, c := range calls {
		e.Observe(c)
		e.Advance(c.Time.UnixNano())
	}
	e.Close()
	for _, a := range r.alerts {
		checkAlert(tb, &a)
	}
	if testing.Short() {
		return r
	}
	if err := snapshottest.Interrupted(calls, func(emit func(event.Alert)) *detect.Engine {
		return detect.New(detect.Config{Sensor: "t", Seed: 1}, emit, login.New(login.Config{Seed: 1}), New(Config{Seed: 1}))
	}); err != nil {
		tb.Error(err)
	}
	return r
}

// loud are the alerts that ask something of a person.
func (r result) loud() (list []event.Alert) {
	for _, a := range r.alerts {
		if a.Severity >= event.Medium {
			list = append(list, a)
		}
	}
	return list
}

func (r result) one(tb testing.TB, detector string, entity event.Entity) event.Alert {
	tb.Helper()
	loud := r.loud()
	if len(loud) != 1 || loud[0].Detector != detector || loud[0].Entity != entity {
		for _, a := range r.alerts {
			tb.Logf("%v %s %v: %s", a.Severity, a.Detector, a.Entity, a.Summary)
		}
		tb.Fatalf("want one alert, %s of %v", detector, entity)
	}
	return loud[0]
}

func (r result) silent(tb testing.TB) {
	tb.Helper()
	for _, a := range r.loud() {
		tb.Errorf("%v %s %v: %s", a.Severity, a.Detector, a.Entity, a.Summary)
	}
}
