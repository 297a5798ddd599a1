package usercheck

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/event"
)

var epoch = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// labels stand in for the login model.
type labels struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
	of map[event.ID]detect.Login
}

func (l *labels) Name() string { return "login" }
func (l *labels) Observe(o *detect.Observation, _ *detect.Output) {
	if v, ok := l.of[o.Call.ID]; ok {
		v.Account, v.Name, v.Confidence = login.AccountKey(1, o.Call.Account), o.Call.Account, 1
		o.Login = &v
	}
}

type world struct {
	rng    *rand.Rand
	labels labels
	calls  []*event.Call
	alerts map[string]event.Alert // last revision by id
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), labels: labels{of: map[event.ID]detect.Login{}}, alerts: map[string]event.Alert{}}
}

func (w *world) call(at time.Duration, client, fp, path string, status int) *event.Call {
	c := &event.Call{ID: event.MakeID(uint64(len(w.calls)+1), 1), Time: epoch.Add(at), Client: netip.MustParseAddr(client), Fingerprint: fp, Method: "POST", Host: "h", Path: path, PathShape: path,
		Status: status, Shape: event.Shape{Response: event.BodyShape{Type: "json", Hash: uint64(status)}}}
	w.calls = append(w.calls, c)
	return c
}

func (w *world) login(at time.Duration, client, fp, account string, outcome detect.LoginOutcome) *event.Call {
	c := w.call(at, client, fp, "/login", map[bool]int{true: 200, false: 401}[outcome.Succeeded()])
	return w.label(c, detect.LoginPassword, outcome, account)
}

func (w *world) label(c *event.Call, class detect.LoginClass, outcome detect.LoginOutcome, account string) *event.Call {
	c.Account = account
	w.labels.of[c.ID] = detect.Login{Class: class, Outcome: outcome}
	return c
}

func (w *world) lookup(at time.Duration, client, fp, name string) *event.Call {
	c := w.call(at, client, fp, "/users/exists", 200)
	c.Method = "GET"
	c.IDs = []event.IDRef{{In: event.InQuery, Name: "email", Class: event.ClassName, Hash: login.AccountKey(2, name)}}
	return c
}

func (w *world) run(tb testing.TB) *world {
	tb.Helper()
	return w.runWith(tb)
}

// runWith has other stages between the labels and the one under test.
func (w *world) runWith(tb testing.TB, between ...detect.Stage) *world {
	tb.Helper()
	stages := append(append([]detect.Stage{&w.labels}, between...), New(Config{Seed: 1}))
	e := detect.New(detect.Config{Seed: 1}, func(a event.Alert) {
		if a.Detector == detectorName {
			w.alerts[a.ID] = a
			checkAlert(tb, &a)
		}
	}, stages...)
	for _, c := range w.calls {
		e.Observe(c)
	}
	e.Close()
	return w
}

// one returns the only alert at medium or above.
func (w *world) one(tb testing.TB, kind event.Kind, value string) event.Alert {
	tb.Helper()
	var found []event.Alert
	for _, a := range w.alerts {
		if a.Severity >= event.Medium {
			found = append(found, a)
		}
	}
	if len(found) != 1 || found[0].Entity != (event.Entity{Kind: kind, Value: value}) {
		for _, a := range found {
			tb.Log(a.Summary)
		}
		tb.Fatalf("%d alerts, want one about %s %s", len(found), kind, value)
	}
	return found[0]
}

func (w *world) silent(tb testing.TB) {
	tb.Helper()
	for _, a := range w.alerts {
		if a.Severity >= event.Medium {
			tb.Errorf("false alert: %s", a.Summary)
		}
	}
}

var number = regexp.MustCompile(`\d+`)

// checkAlert holds an alert to the contract: contributions add up, and no
// number is told that is not a field.
func checkAlert(tb testing.TB, a *event.Alert) {
	tb.Helper()
	sum := 0.0
	for _, f := range a.Evidence.Features {
		sum += f.Contribution
	}
	if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-9 {
		tb.Errorf("%s: contributions add up to %v, score is %v", a.Title, sum, a.Evidence.ScoreLog10)
	}
	if len(a.Evidence.Calls) == 0 || len(a.Benign) == 0 || a.Hunt == "" || a.NextStep == "" || a.LastSeenAt.Before(a.StartedAt) {
		tb.Errorf("alert is incomplete: %+v", a)
	}
	text := strings.NewReplacer(a.Entity.Value, "", a.Endpoint.Host+a.Endpoint.Route, "").Replace(a.Summary)
	for _, n := range number.FindAllString(text, -1) {
		v, _ := strconv.ParseInt(n, 10, 64)
		found := false
		for _, c := range a.Counts {
			found = found || c == v
		}
		if !found {
			tb.Errorf("%q: %s is no field of %v", a.Summary, n, a.Counts)
		}
	}
}

func person(i int) string { return fmt.Sprintf("nm-%d", i) }

func home(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>14&255, i>>6&255, 1+i&63) }
