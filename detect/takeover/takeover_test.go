package takeover

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/identity"
	"lapwing/detect/login"
	"lapwing/detect/state"
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
	o.Route.Family, o.Route.Standing = state.Hash(9, o.Call.Path)|1, detect.Established
	if v, ok := l.of[o.Call.ID]; ok {
		v.Account, v.Name, v.Confidence = login.AccountKey(1, o.Call.Account), o.Call.Account, 1
		o.Login = &v
	}
}

type world struct {
	rng    *rand.Rand
	labels labels
	calls  []*event.Call
	tokens uint64
	alerts map[string]event.Alert
	scale  time.Duration
	jwt    bool // calls show a subject that differs from the name at the login
	where  func(netip.Addr) detect.Network
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 1)), labels: labels{of: map[event.ID]detect.Login{}}, alerts: map[string]event.Alert{}, scale: 1}
}

func (w *world) call(at time.Duration, client, fp, method, path, token string, status int) *event.Call {
	c := &event.Call{ID: event.MakeID(uint64(len(w.calls)+1), 1), Time: epoch.Add(at * w.scale), Client: netip.MustParseAddr(client), Fingerprint: fp, Method: method, Host: "h", Path: path, PathShape: path,
		Status: status, Token: token, Actor: event.Actor{Kind: event.KindToken, Value: token}}
	w.calls = append(w.calls, c)
	return c
}

func (w *world) fail(at time.Duration, client, fp, name string) {
	c := w.call(at, client, fp, "POST", "/login", "", 401)
	c.Account, w.labels.of[c.ID] = name, detect.Login{Class: detect.LoginPassword, Outcome: detect.LoginFailure}
}

// login returns the token that it handed out.
func (w *world) login(at time.Duration, client, fp, name string) string {
	c := w.call(at, client, fp, "POST", "/login", "", 200)
	c.Account, w.labels.of[c.ID] = name, detect.Login{Class: detect.LoginPassword, Outcome: detect.LoginSuccess}
	w.tokens++
	c.Flags, c.IDs = event.FlagMinted, []event.IDRef{{Response: true, In: event.InBody, Class: event.ClassSecret, Hash: w.tokens << 16}}
	return fmt.Sprintf("tok-%012x", w.tokens)
}

func (w *world) use(at time.Duration, client, fp, method, path, token string) *event.Call {
	c := w.call(at, client, fp, method, path, token, 200)
	if w.jwt {
		c.User = "nm-sub" + token
		c.Actor = event.Actor{Kind: event.KindUser, Value: c.User}
	}
	return c
}

func (w *world) run(tb testing.TB) *world {
	tb.Helper()
	e := detect.New(detect.Config{Seed: 1, Network: w.where}, func(a event.Alert) { w.alerts[a.ID] = a; checkAlert(tb, &a) },
		&w.labels, identity.New(identity.Config{Seed: 1}), New(Config{Seed: 1}))
	for _, c := range w.calls {
		e.Observe(c)
	}
	e.Close()
	return w
}

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
	for _, n := range []string{"guesses", "changes", "duration_s"} {
		if v := a.Counts[n]; v > 0 && !strings.Contains(a.Summary, fmt.Sprint(v)) && a.Severity == event.High {
			tb.Errorf("%q does not tell %s %d", a.Summary, n, v)
		}
	}
}

func (w *world) one(tb testing.TB, name string, severity event.Severity) event.Alert {
	tb.Helper()
	found := 0
	for _, a := range w.alerts {
		if a.Severity >= event.Medium {
			found++
		}
	}
	for _, a := range w.alerts {
		if found == 1 && a.Entity == (event.Entity{Kind: event.KindAccount, Value: name}) && a.Severity == severity {
			return a
		}
		tb.Log(a.Severity, a.Summary, a.Evidence.Features)
	}
	tb.Fatalf("%d alerts, want one about %s", len(w.alerts), name)
	return event.Alert{}
}

func (w *world) silent(tb testing.TB) {
	tb.Helper()
	for _, a := range w.alerts {
		if a.Severity < event.Medium {
			continue
		}
		tb.Errorf("false alert: %s", a.Summary)
	}
}

// people live their lives for days: at home and on the way, on a telephone and a
// computer, now and then on a new one; they mistype, travel, change addresses
// and passwords, export what is theirs.
func people(w *world, users, days int) {
	for u := range users {
		name := fmt.Sprintf("nm-u%d", u)
		home := fmt.Sprintf("10.%d.%d.7", u>>8, u&255)
		devices := []string{fmt.Sprint("fp", w.rng.IntN(10)), fmt.Sprint("fp", w.rng.IntN(10))}
		traveller := w.rng.Float64() < 0.1
		for day := range days {
			at := time.Duration(day)*24*time.Hour + time.Duration(w.rng.Int64N(int64(14*time.Hour)))
			from, fp := home, devices[w.rng.IntN(2)]
			if w.rng.Float64() < 0.3 {
				from = fmt.Sprintf("100.64.%d.1", u%40*4+w.rng.IntN(4)) // a carrier has a few networks in a region
			}
			if traveller {
				from = fmt.Sprintf("172.%d.%d.1", 16+w.rng.IntN(16), w.rng.IntN(256))
			}
			if w.rng.Float64() < 0.02 {
				devices[0] = fmt.Sprint("fp", w.rng.IntN(40))
				fp = devices[0]
			}
			if w.rng.Float64() < 0.12 {
				for k := range w.rng.IntN(5) {
					w.fail(at-time.Duration(k+1)*20*time.Second, from, fp, name)
				}
			}
			token := w.login(at, from, fp, name)
			w.use(at+time.Minute, from, fp, "GET", "/orders", token)
			for _, c := range []struct {
				p            float64
				method, path string
			}{{.002, "PUT", "/me/email"}, {.003, "POST", "/me/payout-methods"}, {.01, "GET", "/me/export"}, {.001, "POST", "/api-keys"}, {.003, "POST", "/me/mfa"}} {
				if w.rng.Float64() < c.p {
					w.use(at+2*time.Minute, from, fp, c.method, c.path, token)
				}
			}
		}
	}
}

func TestLivesAreSilent(t *testing.T) {
	for seed := range uint64(3) {
		w := newWorld(seed)
		w.jwt = seed == 1
		people(w, 400, 14)
		w.run(t).silent(t)
	}
}

// Somebody comes in with a password that is known, from elsewhere, and takes
// the account: found at any pace, whatever address the token is used on.
func TestTakenAfterPhishing(t *testing.T) {
	for _, pace := range []time.Duration{1, 100} {
		for _, jwt := range []bool{false, true} {
			w := newWorld(7)
			w.jwt = jwt
			people(w, 400, 7)
			at := 6*24*time.Hour + 12*time.Hour
			token := w.login(at, "203.0.113.9", "thief", "nm-u33")
			w.use(at+1*time.Minute*pace, "203.0.113.9", "thief", "PUT", "/me/email", token)
			w.use(at+2*time.Minute*pace, "198.51.100.4", "other", "POST", "/api-keys", token)
			w.use(at+3*time.Minute*pace, "198.51.100.5", "other", "GET", "/me/export", token)
			a := w.run(t).one(t, "nm-u33", event.High)
			if !strings.Contains(a.Summary, "mail address") || !strings.Contains(a.Summary, "203.0.113.9") {
				t.Error(a.Summary)
			}
		}
	}
}

func TestGuessedAndTaken(t *testing.T) {
	w := newWorld(8)
	people(w, 400, 7)
	at := 6*24*time.Hour + 12*time.Hour
	for i := range 9 {
		w.fail(at+time.Duration(i)*time.Hour/100, "203.0.113.9", "thief", "nm-u33")
	}
	token := w.login(at+time.Hour, "203.0.113.9", "thief", "nm-u33")
	w.use(at+2*time.Hour, "203.0.113.9", "thief", "PUT", "/me/email", token)
	a := w.run(t).one(t, "nm-u33", event.High)
	if a.Counts["guesses"] != 9 {
		t.Error(a.Summary)
	}
}

// What comes in by a program whose tries nearly all fail is the catch of a
// stuffing run.
func TestCaughtByStuffing(t *testing.T) {
	w := newWorld(9)
	people(w, 400, 7)
	at := 6*24*time.Hour + 12*time.Hour
	for i := range 200 {
		w.fail(at+time.Duration(i)*time.Second, fmt.Sprintf("203.%d.113.9", i), "botnet", fmt.Sprint("nm-x", i))
	}
	token := w.login(at+time.Hour, "203.0.113.9", "botnet", "nm-u33")
	w.use(at+2*time.Hour, "203.0.113.9", "botnet", "PUT", "/me/email", token)
	w.use(at+2*time.Hour, "203.0.113.9", "botnet", "POST", "/me/payout-methods", token)
	w.run(t).one(t, "nm-u33", event.High)
}

// A new telephone with a forgotten password: reset, then in, and a second
// factor put in.
func TestOwnerOnANewTelephone(t *testing.T) {
	w := newWorld(10)
	people(w, 300, 7)
	for u := range 100 {
		name, at := fmt.Sprintf("nm-u%d", u), 7*24*time.Hour+time.Duration(u)*time.Minute
		client := fmt.Sprintf("172.20.%d.1", u)
		for k := range 4 {
			w.fail(at+time.Duration(k)*time.Second, client, "new", name)
		}
		c := w.call(at+20*time.Second, client, "new", "POST", "/reset", "", 200)
		c.Account, w.labels.of[c.ID] = name, detect.Login{Class: detect.LoginReset, Outcome: detect.LoginSuccess}
		token := w.login(at+30*time.Second, client, "new", name)
		w.use(at+40*time.Second, client, "new", "POST", "/me/mfa", token)
	}
	w.run(t).silent(t)
}

// What every login is followed by speaks for nothing.
func TestCommonChangesWeighNothing(t *testing.T) {
	w := newWorld(11)
	for u := range 300 {
		name := fmt.Sprintf("nm-u%d", u)
		for day := range 6 {
			at := time.Duration(day)*24*time.Hour + time.Duration(u)*time.Minute
			client, fp := fmt.Sprintf("10.%d.%d.1", u>>8, u&255), "fp"
			if w.rng.Float64() < 0.05 {
				client, fp = fmt.Sprintf("172.16.%d.1", w.rng.IntN(256)), fmt.Sprint("n", w.rng.IntN(9))
			}
			token := w.login(at, client, fp, name)
			for _, path := range []string{"/me/export", "/me/email", "/me/payout-methods"} {
				w.use(at+time.Second, client, fp, "POST", path, token)
			}
		}
	}
	w.run(t).silent(t)
}

// A stranger changes the address and looks at everything that there is, which
// hardly anybody does.
func TestSweep(t *testing.T) {
	w := newWorld(14)
	people(w, 400, 7)
	for i, c := range slices.Clone(w.calls) { // everybody looks at a few places
		if c.Token == "" || i%2 == 0 {
			continue
		}
		for range 1 + w.rng.IntN(5) {
			w.use(c.Time.Sub(epoch)+time.Second, c.Client.String(), c.Fingerprint, "GET", fmt.Sprint("/place", w.rng.IntN(12)), c.Token)
		}
	}
	at := 6*24*time.Hour + 12*time.Hour
	token := w.login(at, "203.0.113.9", "thief", "nm-u33")
	w.use(at+time.Minute, "203.0.113.9", "thief", "PUT", "/me/email", token)
	for i := range 30 {
		w.use(at+time.Duration(i)*time.Hour/4, "203.0.113.9", "thief", "GET", fmt.Sprint("/place", i), token)
	}
	for _, a := range w.run(t).alerts {
		if a.Entity.Value == "nm-u33" && a.Counts["places"] >= 15 && a.Evidence.ScoreLog10 > 5 {
			return
		}
	}
	t.Error("not told")
}

// A form that is sent again with the address on file changes nothing; the same
// by a stranger with another address does.
func TestWhatIsOnFile(t *testing.T) {
	w := newWorld(15)
	for u := range 300 {
		name, mail := fmt.Sprintf("nm-u%d", u), uint64(1000+u)
		for day := range 6 {
			at, client := time.Duration(day)*24*time.Hour+time.Duration(u)*time.Minute, fmt.Sprintf("10.%d.%d.1", u>>8, u&255)
			token := w.login(at, client, "fp", name)
			me := w.use(at+time.Second, client, "fp", "GET", "/me", token)
			me.IDs = []event.IDRef{{Response: true, In: event.InBody, Name: "email", Class: event.ClassName, Hash: mail}}
			save := w.use(at+2*time.Second, client, "fp", "PUT", "/me/email", token)
			save.IDs = []event.IDRef{{In: event.InBody, Name: "email", Class: event.ClassName, Hash: mail}}
		}
	}
	at := 6 * 24 * time.Hour
	token := w.login(at, "203.0.113.9", "thief", "nm-u33")
	for i, path := range []string{"/me/email", "/me/payout-methods"} {
		c := w.use(at+time.Duration(i)*time.Minute, "203.0.113.9", "thief", "PUT", path, token)
		c.IDs = []event.IDRef{{In: event.InBody, Name: "email", Class: event.ClassName, Hash: 7}}
	}
	w.run(t).one(t, "nm-u33", event.High)
}

func TestJourney(t *testing.T) {
	w := newWorld(12)
	w.where = func(a netip.Addr) detect.Network {
		n := detect.Network{ASN: uint32(a.As4()[0]), Country: [2]byte{'D', 'E'}, Class: detect.NetworkResidential}
		if a.As4()[0] == 203 {
			n.Country = [2]byte{'B', 'R'}
		}
		return n
	}
	people(w, 400, 7)
	at := 6*24*time.Hour + 23*time.Hour
	w.login(at-10*time.Minute, "10.0.33.7", "fp1", "nm-u33")
	token := w.login(at, "203.0.113.9", "thief", "nm-u33")
	w.use(at+time.Minute, "203.0.113.9", "thief", "PUT", "/me/email", token)
	a := w.run(t).one(t, "nm-u33", event.High)
	if !slices.ContainsFunc(a.Evidence.Features, func(f event.Feature) bool { return f.Name == "country_changed_within_the_hour" }) {
		t.Error("the journey is not told")
	}
}

func TestPlaces(t *testing.T) {
	s := New(Config{Seed: 1})
	for _, tc := range []struct {
		method, path, operation string
		keys                    []string
		want                    change
	}{
		{"PUT", "/users/{id}/email", "", nil, changeContact},
		{"POST", "/newsletter/email", "", nil, changeNone},
		{"POST", "/email/verify", "", nil, changeNone},
		{"PATCH", "/v1/me", "", []string{"email:string"}, changeContact},
		{"PATCH", "/v1/me", "", []string{"theme:string"}, changeNone},
		{"PATCH", "/v1/me", "", []string{"name:string", "phone:string"}, changePhone},
		{"PATCH", "/v1/me", "", []string{"email:string", "phone:string"}, changeContact},
		{"GET", "/v1/me/email", "", nil, changeNone},
		{"DELETE", "/account/2fa", "", nil, changeFactor},
		{"POST", "/api/payout-methods", "", nil, changePayout},
		{"POST", "/konto/bankverbindung", "", nil, changePayout},
		{"POST", "/user/api_keys", "", nil, changeKey},
		{"DELETE", "/user/api_keys/{id}", "", nil, changeNone},
		{"GET", "/me/data-export", "", nil, changeExport},
		{"GET", "/orders/export.csv", "", nil, changeExport},
		{"POST", "/graphql", "mutation changeEmail", nil, changeContact},
		{"POST", "/graphql", "mutation UpdateMe", []string{"variables.input.email:string"}, changeContact},
		{"POST", "/graphql", "mutation UpdateOrder", []string{"variables.input.email:string"}, changeNone},
		{"POST", "/graphql", "query Me", []string{"variables.email:string"}, changeNone},
		{"GET", "/orders/{id}", "", nil, changeNone},
	} {
		o := &detect.Observation{Call: &event.Call{Method: tc.method, PathShape: tc.path, Path: tc.path, Operation: tc.operation, Status: 200, Token: "tok-000000000001", Shape: event.Shape{Request: event.BodyShape{Keys: tc.keys}}}}
		if got := s.changeOf(o); got != tc.want {
			t.Errorf("%s %s %s: %d, want %d", tc.method, tc.path, tc.operation, got, tc.want)
		}
	}
}

func TestStateIsBounded(t *testing.T) {
	s := New(Config{Seed: 1, Accounts: 512, Sources: 512, Clusters: 512, Familiar: 4096})
	w := newWorld(13)
	e := detect.New(detect.Config{Seed: 1}, func(event.Alert) {}, &w.labels, s)
	for i := range 20_000 {
		w.login(time.Duration(i)*time.Second, fmt.Sprintf("10.%d.%d.1", i>>8&255, i&255), fmt.Sprint("fp", i), fmt.Sprint("nm-", i))
	}
	for _, c := range w.calls {
		e.Observe(c)
	}
	e.Close()
	if s.accounts.Len() > 512 || s.sources.Len() > 512 || s.clusters.Len() > 512 {
		t.Errorf("%d accounts, %d sources, %d clusters", s.accounts.Len(), s.sources.Len(), s.clusters.Len())
	}
}

func BenchmarkObserve(b *testing.B) {
	s, out := New(Config{Seed: 1}), &detect.Output{}
	c := &event.Call{Status: 200, Method: "POST", Path: "/v1/orders", PathShape: "/v1/orders", Token: "tok-000000000001"}
	b.ReportAllocs()
	for b.Loop() {
		o := detect.Observation{Call: c, AtNS: 2, Route: detect.Route{Family: 7}}
		s.Observe(&o, out)
	}
}
