package identity

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/event"
)

var epoch = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// An asker stands behind the stage: it notes who each call is found to be, and
// asks about tokens by fact.
type asker struct {
	detect.NoAdvance
	detect.NoClose
	users map[string]string // by path
	told  map[string]string
}

func (a *asker) Name() string { return "asker" }
func (a *asker) Observe(o *detect.Observation, out *detect.Output) {
	a.users[o.Call.Path] = o.UserName
	if o.Call.Token != "" {
		out.Fact(For, TokenKey(1, o.Call.Token), Ask{To: "asker", Else: 1, Payload: o.Call.Path})
	}
}
func (a *asker) Fact(f *detect.Fact, _ *detect.Output) {
	if n, ok := f.Payload.(Answer); ok {
		a.told[n.Payload.(string)] = n.Name
	}
}

// A label stands in for the login model.
type label struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
	class map[event.ID]detect.Login
}

func (l *label) Name() string { return "login" }
func (l *label) Observe(o *detect.Observation, _ *detect.Output) {
	if v, ok := l.class[o.Call.ID]; ok {
		v.Account, v.Name = login.AccountKey(1, o.Call.Account), o.Call.Account
		o.Login = &v
	}
}

type script struct {
	calls []*event.Call
	label label
	n     int
}

func (s *script) call(client, token, path string, mint ...uint64) *event.Call {
	s.n++
	c := &event.Call{ID: event.MakeID(uint64(s.n), 1), Time: epoch.Add(time.Duration(s.n) * time.Minute), Client: netip.MustParseAddr(client), Method: "POST", Host: "h", Path: path,
		Status: 200, Token: token, Fingerprint: "fp", Auth: event.AuthCookie, Actor: event.Actor{Kind: event.KindSession, Value: token}}
	for _, m := range mint {
		c.Flags |= event.FlagMinted
		c.IDs = append(c.IDs, event.IDRef{Response: true, In: event.InBody, Class: event.ClassSecret, Hash: m << 16})
	}
	s.calls = append(s.calls, c)
	return c
}

func (s *script) as(c *event.Call, class detect.LoginClass, outcome detect.LoginOutcome, account string) *event.Call {
	if s.label.class == nil {
		s.label.class = map[event.ID]detect.Login{}
	}
	c.Account = account
	s.label.class[c.ID] = detect.Login{Class: class, Outcome: outcome, Confidence: 1}
	return c
}

func (s *script) run() (*asker, *Stage) {
	a := &asker{users: map[string]string{}, told: map[string]string{}}
	stage := New(Config{Seed: 1})
	e := detect.New(detect.Config{Seed: 1}, func(event.Alert) {}, &s.label, stage, a)
	for _, c := range s.calls {
		e.Observe(c)
	}
	e.Close()
	return a, stage
}

func tok(n uint64) string { return fmt.Sprintf("tok-%012x", n) }

func TestLinks(t *testing.T) {
	const home, away = "192.0.2.1", "198.51.100.1"
	const ok = detect.LoginSuccess
	for name, tc := range map[string]struct {
		play func(s *script)
		want map[string]string
	}{
		"what a login hands out": {func(s *script) {
			s.as(s.call(home, "", "/login", 7, 8), detect.LoginPassword, ok, "nm-a")
			s.call(away, tok(7), "/x")
			s.call(away, tok(8), "/y")
			s.call(away, tok(9), "/z")
		}, map[string]string{"/x": "nm-a", "/y": "nm-a", "/z": ""}},
		"a failed login gives a session to nobody": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, detect.LoginFailure, "nm-a")
			s.call(home, tok(7), "/x")
		}, map[string]string{"/x": ""}},
		"a session that is kept at login": {func(s *script) {
			s.call(home, tok(7), "/before")
			s.as(s.call(home, tok(7), "/login"), detect.LoginPassword, ok, "nm-a")
			s.call(home, tok(7), "/x")
		}, map[string]string{"/before": "", "/x": "nm-a"}},
		"an application's own token is no session": {func(s *script) {
			s.as(s.call(home, tok(7), "/login"), detect.LoginPassword, ok, "nm-a").Auth = event.AuthBearer
			s.call(home, tok(7), "/x")
		}, map[string]string{"/x": ""}},
		"a rolling session": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, ok, "nm-a")
			s.call(home, tok(7), "/1", 8)
			s.call(home, tok(8), "/2", 9)
			s.call(home, tok(9), "/3")
		}, map[string]string{"/2": "nm-a", "/3": "nm-a"}},
		"a refresh by the token presented": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, ok, "nm-a")
			s.as(s.call(away, tok(7), "/refresh", 8), detect.LoginRefresh, ok, "")
			s.call(away, tok(8), "/x")
		}, map[string]string{"/x": "nm-a"}},
		"a refresh by the client": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, ok, "nm-a")
			s.as(s.call(home, "", "/refresh", 8), detect.LoginRefresh, ok, "")
			s.call(away, tok(8), "/x")
		}, map[string]string{"/x": "nm-a"}},
		"a refresh by a client that two people share": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, ok, "nm-a")
			s.as(s.call(home, "", "/login", 9), detect.LoginPassword, ok, "nm-b")
			s.as(s.call(home, "", "/refresh", 8), detect.LoginRefresh, ok, "")
			s.call(home, tok(8), "/x")
			s.call(home, tok(9), "/y")
		}, map[string]string{"/x": "", "/y": "nm-b"}},
		"a second factor": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, detect.LoginMoreNeeded, "nm-a")
			s.as(s.call(home, tok(7), "/mfa", 8), detect.LoginMFA, ok, "")
			s.call(home, tok(8), "/x")
		}, map[string]string{"/x": "nm-a"}},
		"a second factor that is not known as one": {func(s *script) {
			s.as(s.call(home, "", "/login"), detect.LoginPassword, detect.LoginMoreNeeded, "nm-a")
			s.call(away, "", "/code", 9)
			s.call(home, "", "/code", 8)
			s.call(home, tok(8), "/x")
			s.call(away, tok(9), "/y")
		}, map[string]string{"/x": "nm-a", "/y": ""}},
		"a second factor where two people log in": {func(s *script) {
			s.as(s.call(home, "", "/login"), detect.LoginPassword, detect.LoginMoreNeeded, "nm-a")
			s.as(s.call(home, "", "/login"), detect.LoginPassword, detect.LoginMoreNeeded, "nm-b")
			s.call(home, "", "/code", 8)
			s.call(home, tok(8), "/x")
		}, map[string]string{"/x": ""}},
		"a token for everybody, after a login that gave one": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, ok, "nm-a")
			s.call(home, "", "/guest", 8)
			s.call(home, tok(8), "/x")
		}, map[string]string{"/x": ""}},
		"a login that is not known as one": {func(s *script) {
			c := s.call(home, "", "/a7", 7)
			c.Account, c.Flags = "nm-a", c.Flags|event.FlagSecretPresented
			s.call(home, tok(7), "/x")
		}, map[string]string{"/x": "nm-a"}},
		"an answer about me": {func(s *script) {
			c := s.as(s.call(home, "", "/login"), detect.LoginPassword, ok, "nm-a")
			c.IDs = append(c.IDs, event.IDRef{In: event.InBody, Name: "email", Class: event.ClassName, Hash: 77})
			c = s.call(away, tok(7), "/v1/me")
			c.Method = "GET"
			c.IDs = append(c.IDs, event.IDRef{Response: true, In: event.InBody, Name: "email", Class: event.ClassName, Hash: 77})
			s.call(away, tok(7), "/x")
		}, map[string]string{"/v1/me": "", "/x": "nm-a"}},
		"a call that shows its user keeps it": {func(s *script) {
			s.as(s.call(home, "", "/login", 7), detect.LoginPassword, ok, "nm-a")
			s.call(home, tok(7), "/x").User = "nm-42"
		}, map[string]string{"/x": "nm-42"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &script{}
			tc.play(s)
			a, _ := s.run()
			for path, want := range tc.want {
				if a.users[path] != want {
					t.Errorf("%s is %q's, want %q", path, a.users[path], want)
				}
			}
		})
	}
}

// Whoever asks by fact learns the account even of a call that shows another
// name, and hears under the key it gave if nobody knows.
func TestAsk(t *testing.T) {
	s := &script{}
	s.as(s.call("192.0.2.1", "", "/login", 7), detect.LoginPassword, detect.LoginSuccess, "nm-a")
	s.call("192.0.2.1", tok(7), "/x").User = "nm-42"
	s.call("192.0.2.1", tok(9), "/y")
	a, _ := s.run()
	if got, ok := a.told["/y"]; a.told["/x"] != "nm-a" || got != "" || !ok {
		t.Errorf("told %v", a.told)
	}
}

func TestLinksAreForgotten(t *testing.T) {
	s := &script{}
	s.as(s.call("192.0.2.1", "", "/login", 7), detect.LoginPassword, detect.LoginSuccess, "nm-a")
	s.call("192.0.2.1", tok(7), "/late").Time = epoch.Add(31 * 24 * time.Hour)
	if a, _ := s.run(); a.users["/late"] != "" {
		t.Error("a link outlived its month")
	}
}

func TestTablesAreBounded(t *testing.T) {
	stage, out := New(Config{Seed: 1, Tokens: 512, Sources: 512, Names: 512}), &detect.Output{}
	for i := range uint64(20_000) {
		stage.Fact(&detect.Fact{Key: i * 0x9e3779b97f4a7c15, AtNS: int64(i), Payload: learned{Link{User: i}}}, out)
		stage.Fact(&detect.Fact{Key: i * 0x9e3779b97f4a7c15, AtNS: int64(i), Payload: named{user: i}}, out)
	}
	if stage.links.Len() > 512 || stage.names.Len() > 512 || stage.Stats().Evicted == 0 {
		t.Errorf("%d links, %d names", stage.links.Len(), stage.names.Len())
	}
}

func BenchmarkObserve(b *testing.B) {
	stage, out := New(Config{Seed: 1}), &detect.Output{}
	c := &event.Call{Token: tok(7), Status: 200, Method: "GET", Path: "/v1/orders/7"}
	stage.Fact(&detect.Fact{Key: MintedKey(7 << 16), AtNS: 1, Payload: learned{Link{User: 3, Name: "nm-a"}}}, out)
	b.ReportAllocs()
	for b.Loop() {
		o := detect.Observation{Call: c, AtNS: 2}
		stage.Observe(&o, out)
	}
}
