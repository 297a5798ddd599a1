package tokens

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/event"
)

var epoch = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

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
	alerts map[string]event.Alert
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), labels: labels{of: map[event.ID]detect.Login{}}, alerts: map[string]event.Alert{}}
}

func tok(n int) string { return fmt.Sprintf("tok-%012x", n) }

func (w *world) use(at time.Duration, client, fp string, token int) *event.Call {
	c := &event.Call{ID: event.MakeID(uint64(len(w.calls)+1), 1), Time: epoch.Add(at), Client: netip.MustParseAddr(client), Fingerprint: fp, Method: "GET", Host: "h", Path: "/orders", PathShape: "/orders",
		Status: 200, Auth: event.AuthCookie, UserAgent: "Mozilla/5.0"}
	if token != 0 {
		c.Token, c.Actor = tok(token), event.Actor{Kind: event.KindSession, Value: tok(token)}
	}
	w.calls = append(w.calls, c)
	return c
}

// login hands out a token, unless it is 0.
func (w *world) login(at time.Duration, client, fp string, account string, token int) *event.Call {
	c := w.use(at, client, fp, 0)
	c.Method, c.Path, c.PathShape, c.Account = "POST", "/login", "/login", account
	w.labels.of[c.ID] = detect.Login{Class: detect.LoginPassword, Outcome: detect.LoginSuccess}
	if token != 0 {
		c.Flags, c.IDs = event.FlagMinted, []event.IDRef{{Response: true, In: event.InCookie, Class: event.ClassSecret, Hash: uint64(token) << 16}}
	}
	return c
}

func (w *world) logout(at time.Duration, client, fp string, token int) {
	c := w.use(at, client, fp, token)
	c.Method, c.Path, c.PathShape = "POST", "/logout", "/logout"
}

func (w *world) run(tb testing.TB) *world {
	tb.Helper()
	e := detect.New(detect.Config{Seed: 1}, func(a event.Alert) { w.alerts[a.ID] = a; checkAlert(tb, &a) }, &w.labels, New(Config{Seed: 1}))
	for _, c := range w.calls {
		e.Observe(c)
	}
	e.Close()
	return w
}

var number = regexp.MustCompile(`\d+`)

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
	text := strings.ReplaceAll(a.Summary, a.Entity.Value, "")
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

// about returns the alert at medium or above, of which there is one.
func (w *world) about(tb testing.TB, value string) event.Alert {
	tb.Helper()
	var found []event.Alert
	for _, a := range w.alerts {
		if a.Severity >= event.Medium {
			found = append(found, a)
		}
	}
	if len(found) != 1 || found[0].Entity.Value != value {
		for _, a := range found {
			tb.Log(a.Summary)
		}
		tb.Fatalf("%d alerts, want one about %s", len(found), value)
	}
	return found[0]
}

func (w *world) silent(tb testing.TB) {
	tb.Helper()
	for _, a := range w.alerts {
		if a.Severity >= event.Medium {
			tb.Errorf("false alert: %s %v", a.Summary, a.Evidence.Features)
		}
	}
}

// people use their sessions for days: on a telephone with an application and
// its synchronisation, on the way, on trains, on browsers with several ways to ask.
func people(w *world, users, days int) {
	for u := range users {
		home := fmt.Sprintf("10.%d.%d.7", u>>8, u&255)
		app := fmt.Sprint("app", w.rng.IntN(3))
		for day := range days {
			token := 1_000_000 + u*100 + day
			at := time.Duration(day)*24*time.Hour + 6*time.Hour + time.Duration(w.rng.Int64N(int64(8*time.Hour)))
			w.login(at, home, app, fmt.Sprint("nm-u", u), token)
			from := home
			for range 40 {
				at += time.Duration(w.rng.ExpFloat64() * float64(4*time.Minute))
				switch r := w.rng.Float64(); {
				case r < 0.15: // on the way, from cell to cell
					from = fmt.Sprintf("%d.%d.%d.9", 100+u%3, 64+w.rng.IntN(8), w.rng.IntN(256))
				case r < 0.3:
					from = home
				case r < 0.35:
					from = fmt.Sprintf("2001:db8:%x::1", u+1)
				}
				fp := app
				if w.rng.Float64() < 0.3 {
					fp = "sync" + app
				}
				w.use(at, from, fp, token)
			}
			if w.rng.Float64() < 0.3 {
				w.logout(at+time.Second, from, app, token)
				w.use(at+3*time.Second, from, "sync"+app, token) // was under way
			}
		}
	}
}

func TestPeopleAreSilent(t *testing.T) {
	for seed := range uint64(3) {
		w := newWorld(seed)
		people(w, 150, 5)
		w.run(t).silent(t)
	}
}

const victim = 7

// steal has a victim and a thief share a session; every is between two calls of
// either.
func steal(w *world, at, every time.Duration, n int, thiefsProgram string) {
	w.login(at, "192.0.2.7", "app1", "nm-victim", victim)
	for i := range n {
		at += every
		w.use(at, "192.0.2.7", "app1", victim)
		if i > 5 {
			w.use(at+every/2, "203.0.113.9", thiefsProgram, victim)
		}
	}
}

func TestStolen(t *testing.T) {
	for _, every := range []time.Duration{2 * time.Minute, 200 * time.Minute} {
		w := newWorld(10)
		people(w, 150, 3)
		steal(w, 30*time.Hour, every, 24, "tool")
		a := w.run(t).about(t, tok(victim))
		if n := a.DetectedAt.Sub(epoch.Add(30*time.Hour)) / every; n > 14 { // eight turns of the thief
			t.Errorf("every %s: found after %d uses of the victim", every, n)
		}
		if a.Entity.Kind != event.KindSession || a.Counts["parties"] != 2 {
			t.Errorf("%+v %v", a.Entity, a.Counts)
		}
	}
}

func TestStolenAndReplayedByTheSameProgram(t *testing.T) {
	w := newWorld(11)
	people(w, 150, 3)
	steal(w, 30*time.Hour, 2*time.Minute, 60, "app1")
	w.run(t).about(t, tok(victim))
}

func TestSold(t *testing.T) {
	w := newWorld(12)
	people(w, 150, 3)
	w.login(30*time.Hour, "192.0.2.7", "app1", "nm-seller", victim)
	for i := range 60 {
		w.use(31*time.Hour+time.Duration(i)*40*time.Minute, fmt.Sprintf("203.%d.113.9", i%50), fmt.Sprint("buyer", i%50), victim)
	}
	a := w.run(t).about(t, tok(victim))
	if a.Counts["parties"] < 4 {
		t.Error(a.Summary)
	}
}

func TestUsedAfterLogout(t *testing.T) {
	w := newWorld(13)
	people(w, 200, 3)
	steal(w, 30*time.Hour, 20*time.Minute, 11, "tool")
	w.logout(34*time.Hour, "192.0.2.7", "app1", victim)
	for i := range 12 {
		w.use(35*time.Hour+time.Duration(i)*time.Hour, "203.0.113.9", "tool", victim)
	}
	a := w.run(t).about(t, tok(victim))
	if a.Counts["after_logout"] == 0 || !strings.Contains(a.Summary, "logged out") {
		t.Error(a.Summary)
	}
}

// Somebody plants a session, the victim logs in under it, and both go on.
func TestPlanted(t *testing.T) {
	w := newWorld(14)
	people(w, 200, 3)
	w.use(30*time.Hour, "203.0.113.9", "tool", victim)
	for i := range 60 { // others log in under sessions of their own
		w.use(30*time.Hour, fmt.Sprintf("10.9.%d.1", i), "app2", 500+i)
		c := w.login(30*time.Hour+time.Minute, fmt.Sprintf("10.9.%d.1", i), "app2", fmt.Sprint("nm-o", i), 0)
		c.Token, c.Actor = tok(500+i), event.Actor{Kind: event.KindSession, Value: tok(500 + i)}
	}
	c := w.login(31*time.Hour, "192.0.2.7", "app1", "nm-victim", 0)
	c.Token, c.Actor = tok(victim), event.Actor{Kind: event.KindSession, Value: tok(victim)}
	for i := range 8 {
		at := 31*time.Hour + time.Duration(i+1)*3*time.Minute
		w.use(at, "192.0.2.7", "app1", victim)
		w.use(at+time.Minute, "203.0.113.9", "tool", victim)
	}
	w.run(t).about(t, tok(victim))
	findings := 0
	for _, a := range w.alerts {
		if a.Entity.Kind == event.KindEndpoint && a.Severity == event.Info {
			findings++
		}
	}
	if findings != 1 {
		t.Errorf("%d findings that sessions survive the login", findings)
	}
}

// Pages are rendered by a server that presents the browser's session, from the
// very first user on.
func TestServersThatRenderPagesAreSilent(t *testing.T) {
	for _, serverFirst := range []bool{false, true} {
		w := newWorld(15)
		for u := range 200 {
			at := time.Duration(u) * 7 * time.Minute
			client, fp := fmt.Sprintf("10.1.%d.1", u), fmt.Sprint("browser", w.rng.IntN(12))
			if serverFirst {
				w.login(at, "172.16.0.1", "server", fmt.Sprint("nm-", u), 1000+u)
			} else {
				w.login(at, client, fp, fmt.Sprint("nm-", u), 1000+u)
			}
			for i := range 20 {
				w.use(at+time.Duration(i)*2*time.Minute, client, fp, 1000+u)
				w.use(at+time.Duration(i)*2*time.Minute+time.Second, "172.16.0.1", "server", 1000+u)
			}
		}
		w.run(t).silent(t)
	}
}

// A delivery network in front, not listed as trusted: every call has another of
// its addresses.
func TestDeliveryNetworkIsSilent(t *testing.T) {
	w := newWorld(16)
	for u := range 200 {
		at := time.Duration(u) * time.Minute
		fp := fmt.Sprint("browser", u%9)
		edge := func() string { return fmt.Sprintf("104.%d.%d.3", 16+w.rng.IntN(8), w.rng.IntN(200)) }
		w.login(at, edge(), fp, fmt.Sprint("nm-", u), 1000+u)
		for i := range 60 {
			w.use(at+time.Duration(i)*time.Minute, edge(), fp, 1000+u)
		}
	}
	w.run(t).silent(t)
}

// A computer that is in an office with a proxy by day and at home by night,
// under one session for a month.
func TestCommutersAreSilent(t *testing.T) {
	w := newWorld(17)
	for u := range 60 {
		home, office := fmt.Sprintf("10.2.%d.1", u), "198.51.100.1"
		w.login(time.Duration(u)*time.Minute, home, "browser", fmt.Sprint("nm-", u), 1000+u)
		for day := range 30 {
			at := time.Duration(day) * 24 * time.Hour
			for i := range 20 {
				w.use(at+9*time.Hour+time.Duration(i)*9*time.Minute, office, "proxied", 1000+u)
				w.use(at+19*time.Hour+time.Duration(i)*5*time.Minute, home, "browser", 1000+u)
			}
		}
	}
	w.run(t).silent(t)
}

func (w *world) key(at time.Duration, client, fp string, token int) *event.Call {
	c := w.use(at, client, fp, token)
	c.Auth, c.Actor.Kind, c.UserAgent = event.AuthAPIKey, event.KindKey, "python"
	return c
}

// Keys that fleets of servers share from birth, and a program's token that no
// login in view handed out.
func TestFleetsAreSilent(t *testing.T) {
	w := newWorld(18)
	for i := range 4000 {
		at := time.Duration(i) * time.Minute
		w.key(at, fmt.Sprintf("172.%d.0.1", w.rng.IntN(20)), fmt.Sprint("lang", w.rng.IntN(4)), 50+w.rng.IntN(5))
		c := w.use(at, fmt.Sprintf("172.%d.0.1", 30+w.rng.IntN(9)), fmt.Sprint("lang", w.rng.IntN(4)), 90)
		c.Auth, c.User, c.Actor = event.AuthJWT, "nm-service", event.Actor{Kind: event.KindUser, Value: "nm-service"}
	}
	w.run(t).silent(t)
}

func TestKeyInABrowser(t *testing.T) {
	w := newWorld(19)
	for k := range 30 {
		for i := range 300 {
			w.key(time.Duration(i)*10*time.Minute+time.Duration(k)*time.Second, fmt.Sprintf("172.16.%d.1", k), "lang", 50+k)
		}
	}
	for i := range 3 {
		c := w.key(40*time.Hour+time.Duration(i)*time.Hour, "203.0.113.9", "browser", 55)
		c.UserAgent = "Mozilla/5.0"
	}
	w.run(t)
	found := slices.Collect(func(yield func(event.Alert) bool) {
		for _, a := range w.alerts {
			if !yield(a) {
				return
			}
		}
	})
	if len(found) != 1 || found[0].Entity != (event.Entity{Kind: event.KindKey, Value: tok(55)}) || found[0].Severity != event.Low {
		t.Fatalf("%+v", found)
	}
}

// A release at which every application gets another program and a proxy before
// it, within half an hour.
func TestReleaseIsSilent(t *testing.T) {
	w := newWorld(20)
	for u := range 300 {
		for i := range 120 {
			at := time.Duration(i)*3*time.Minute + time.Duration(u)*time.Second/2
			if i < 60 || i%2 == 0 {
				w.use(at, fmt.Sprintf("10.3.%d.%d", u>>8, u&255), "old", 1000+u)
			} else {
				w.use(at, fmt.Sprintf("172.20.%d.%d", u>>8, u&255), "new", 1000+u)
			}
		}
	}
	w.run(t).silent(t)
}

func TestStateIsBounded(t *testing.T) {
	s := New(Config{Seed: 1, Tokens: 512, Clients: 512, Programs: 512})
	w := newWorld(21)
	e := detect.New(detect.Config{Seed: 1}, func(event.Alert) {}, &w.labels, s)
	for i := range 20_000 {
		w.use(time.Duration(i)*time.Second, fmt.Sprintf("10.%d.%d.1", i>>8&255, i&255), fmt.Sprint("fp", i), i/2)
	}
	for _, c := range w.calls {
		e.Observe(c)
	}
	e.Close()
	if s.tokens.Len() > 512 || s.clients.Len() > 512 || s.programs.Len() > 512 || s.pairs.Len() > 512 || len(s.lessons) > 0 {
		t.Errorf("%d tokens, %d clients, %d programs, %d pairs", s.tokens.Len(), s.clients.Len(), s.programs.Len(), s.pairs.Len())
	}
}

func BenchmarkObserve(b *testing.B) {
	s, out := New(Config{Seed: 1}), &detect.Output{}
	c := &event.Call{Status: 200, Method: "GET", Path: "/v1/orders/7", PathShape: "/v1/orders/{int}", Token: "tok-000000000001", Client: netip.MustParseAddr("192.0.2.1")}
	b.ReportAllocs()
	for b.Loop() {
		o := detect.Observation{Call: c, AtNS: 2, Source: 5, Route: detect.Route{Key: 7}}
		s.Observe(&o, out)
	}
}
