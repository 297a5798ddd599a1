package login

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

var epoch = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// A watcher stands behind the stage and gathers what it says of each call.
type watcher struct {
	detect.NoAdvance
	detect.NoClose
	said map[event.ID]detect.Login
}

func (w *watcher) Name() string { return For }
func (w *watcher) Observe(o *detect.Observation, _ *detect.Output) {
	if o.Login != nil {
		w.said[o.Call.ID] = *o.Login
	}
}
func (w *watcher) Fact(f *detect.Fact, _ *detect.Output) {
	a := f.Payload.(Attempt)
	w.said[a.Sample.ID] = a.Login
}

func watch(calls []*event.Call) (map[event.ID]detect.Login, *Stage) {
	w := &watcher{said: map[event.ID]detect.Login{}}
	s := New(Config{Seed: 1})
	e := detect.New(detect.Config{Seed: 1}, func(event.Alert) {}, s, w)
	for i, c := range calls {
		if c.ID.IsZero() {
			c.ID = event.MakeID(uint64(i+1), 1)
		}
		if c.Time.IsZero() {
			c.Time = epoch.Add(time.Duration(i) * 3 * time.Second)
		}
		if c.Host == "" {
			c.Host = "app.example.com"
		}
		e.Observe(c)
	}
	e.Close()
	return w.said, s
}

// An app says how one kind of application looks on the wire.
type app struct {
	name string
	make func(i int, ok bool) []*event.Call // the first is the attempt
}

func post(path string, i int) *event.Call {
	return &event.Call{Client: netip.AddrFrom4([4]byte{192, 0, byte(i >> 8), byte(i)}), Method: "POST", Path: path, PathShape: path, Auth: event.AuthNone,
		Account: fmt.Sprintf("nm-%d", i), Flags: event.FlagSecretPresented, RequestBytes: 50,
		Shape: event.Shape{Request: event.BodyShape{Type: "json", Keys: []string{"email:string", "password:string"}, Hash: 1}}}
}

func get(path string, of *event.Call) *event.Call {
	return &event.Call{Client: of.Client, Method: "GET", Path: path, PathShape: path, Status: 200, Source: of.Source, Fingerprint: of.Fingerprint}
}

func mintInto(c *event.Call, in event.Place, hash uint64) string {
	c.Flags |= event.FlagMinted
	c.IDs = []event.IDRef{{Response: true, In: in, Class: event.ClassSecret, Hash: hash}}
	return fmt.Sprintf("tok-%012x", hash>>16)
}

var apps = []app{
	{"token api", func(i int, ok bool) []*event.Call {
		c := post("/v1/login", i)
		c.Status = 401
		if ok {
			c.Status = 200
			mintInto(c, event.InBody, uint64(i)<<20)
		}
		return []*event.Call{c}
	}},
	{"200 with error body", func(i int, ok bool) []*event.Call {
		c := post("/api/user/logon", i)
		c.Status, c.Shape.Response = 200, event.BodyShape{Type: "json", Keys: []string{"code:int", "success:bool"}, Hash: 3, Outcome: "code=1002,success=false"}
		if ok {
			c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"data.session:string", "success:bool"}, Hash: 4, Outcome: "success=true"}
			mintInto(c, event.InBody, uint64(i)<<20)
		}
		return []*event.Call{c}
	}},
	{"silent 200", func(i int, ok bool) []*event.Call { // only the credential tells
		c := post("/session", i)
		c.Status, c.Shape.Response = 200, event.BodyShape{Type: "json", Keys: []string{"message:string"}, Hash: 3}
		if ok {
			c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"jwt:string", "message:string"}, Hash: 4}
			mintInto(c, event.InBody, uint64(i)<<20)
		}
		return []*event.Call{c}
	}},
	{"html form", func(i int, ok bool) []*event.Call { // gives everybody a session
		c := post("/login", i)
		c.Shape.Request.Type = "form"
		c.Status, c.Shape.Response = 302, event.BodyShape{Location: "/login"}
		token := mintInto(c, event.InCookie, uint64(i+1)<<20)
		next := get("/login", c)
		if ok {
			c.Shape.Response.Location = "/dashboard"
			next = get("/dashboard", c)
		}
		next.Token, next.Auth = token, event.AuthCookie
		return []*event.Call{c, next}
	}},
	{"html form shown again", func(i int, ok bool) []*event.Call {
		c := post("/users/sign_in", i)
		c.Shape.Request.Type = "form"
		c.Status, c.ResponseBytes, c.Shape.Response = 200, 4100+int64(i%7), event.BodyShape{Type: "html", Hash: 9}
		mintInto(c, event.InCookie, uint64(i+1)<<20)
		if ok {
			c.Status, c.ResponseBytes, c.Shape.Response = 302, 0, event.BodyShape{Location: "/"}
		}
		return []*event.Call{c}
	}},
	{"graphql", func(i int, ok bool) []*event.Call {
		c := post("/graphql", i)
		c.Operation = "loginUser"
		c.Shape.Request = event.BodyShape{Type: "graphql", Keys: []string{"query:string", "variables.email:string", "variables.password:string"}, Hash: 8}
		c.Status, c.Shape.Response = 200, event.BodyShape{Type: "json", Keys: []string{"data.login:null", "errors[].message:string"}, Hash: 3}
		if ok {
			c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"data.login.token:string"}, Hash: 4}
			mintInto(c, event.InBody, uint64(i)<<20)
		}
		return []*event.Call{c}
	}},
	{"no word in the path", func(i int, ok bool) []*event.Call {
		c := post("/api/7/a", i)
		c.Status, c.Shape.Response = 422, event.BodyShape{Type: "json", Hash: 3}
		if ok {
			c.Status = 201
			mintInto(c, event.InHeader, uint64(i)<<20)
		}
		return []*event.Call{c}
	}},
	{"access log, statuses", func(i int, ok bool) []*event.Call {
		c := &event.Call{Source: event.SourceLog, Client: post("", i).Client, Method: "POST", Path: "/api/login", PathShape: "/api/login", Status: 401, ResponseBytes: 80}
		if ok {
			c.Status, c.ResponseBytes = 200, 700
		}
		return []*event.Call{c}
	}},
	{"access log, redirect", func(i int, ok bool) []*event.Call {
		c := &event.Call{Source: event.SourceLog, Client: post("", i).Client, Method: "POST", Path: "/wp-login.php", PathShape: "/wp-login.php", Status: 200, ResponseBytes: 5000}
		if ok {
			c.Status, c.ResponseBytes = 302, 0
		}
		return []*event.Call{c}
	}},
}

func TestAppsAreRecognisedAndOutcomesRight(t *testing.T) {
	for _, a := range apps {
		for _, attack := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/attack=%v", a.name, attack), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(1, 2))
				var calls []*event.Call
				want := map[*event.Call]bool{}
				for i := range 200 {
					ok := rng.Float64() < 0.8
					if attack && i < 150 { // the first 150 that are ever seen are an attack
						ok = i == 77
					}
					c := a.make(i, ok)
					want[c[0]] = ok
					calls = append(calls, c...)
				}
				got, _ := watch(calls)
				wrong, missing := 0, 0
				for c, ok := range want {
					l, seen := got[c.ID]
					switch {
					case !seen:
						missing++
					case l.Class != detect.LoginPassword, l.Outcome.Succeeded() != ok, l.Outcome.Failed() == ok:
						wrong++
					}
				}
				allowed := 3
				if attack { // until the first success at the 78th, the last 64 are held
					allowed = max(0, 78-heldPerEndpoint)
				}
				if wrong > 0 || missing > allowed {
					t.Errorf("%d of %d outcomes wrong, %d missing", wrong, len(want), missing)
				}
			})
		}
	}
}

func TestOthersAreNoLogins(t *testing.T) {
	for name, change := range map[string]func(*event.Call, int){
		"search": func(c *event.Call, _ int) { c.Path = "/api/search" },
		"order": func(c *event.Call, _ int) {
			c.Path, c.Auth, c.Token, c.Status = "/api/orders", event.AuthBearer, "tok-0123456789ab", 201
		},
		"cart hands out a cookie": func(c *event.Call, i int) {
			c.Path = "/cart/items"
			mintInto(c, event.InCookie, uint64(i)<<20)
		},
		"missing login page": func(c *event.Call, _ int) {
			c.Path, c.Status, c.Flags = "/wp-login.php", 404, event.FlagSecretPresented
		},
		"logout": func(c *event.Call, _ int) { c.Path = "/logout" },
		"log of api posts": func(c *event.Call, _ int) {
			c.Path, c.Source, c.Auth = "/api/author/books", event.SourceLog, event.AuthUnknown
		},
		"login page": func(c *event.Call, _ int) { c.Path, c.Method = "/login", "GET" },
	} {
		var calls []*event.Call
		for i := range 100 {
			c := &event.Call{Client: netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), Method: "POST", Auth: event.AuthNone, Status: 200, ResponseBytes: int64(500 * i),
				Shape: event.Shape{Request: event.BodyShape{Type: "json", Keys: []string{"q:string"}, Hash: 2}}}
			change(c, i)
			c.PathShape = c.Path
			calls = append(calls, c)
		}
		if got, _ := watch(calls); len(got) > 0 {
			t.Errorf("%s: %d calls taken for logins", name, len(got))
		}
	}
}

func TestBasicCountsASessionOnce(t *testing.T) {
	var calls []*event.Call
	for i := range 50 {
		calls = append(calls, &event.Call{Client: netip.MustParseAddr("192.0.2.1"), Method: "GET", Path: fmt.Sprintf("/feed/%d", i), Status: 200, Auth: event.AuthBasic, Account: "nm-a", Flags: event.FlagSecretPresented})
		calls = append(calls, &event.Call{Client: netip.MustParseAddr("192.0.2.2"), Method: "GET", Path: "/feed", Status: 401, Auth: event.AuthBasic, Account: "nm-b", Flags: event.FlagSecretPresented})
		calls = append(calls, &event.Call{Client: netip.MustParseAddr("192.0.2.3"), Method: "GET", Path: "/feed", Status: 502, Auth: event.AuthBasic, Account: "nm-c", Flags: event.FlagSecretPresented})
	}
	got, _ := watch(calls)
	n := map[string]map[detect.LoginOutcome]int{"nm-a": {}, "nm-b": {}, "nm-c": {}}
	for _, l := range got {
		n[l.Name][l.Outcome]++
	}
	if n["nm-a"][detect.LoginSuccess] != 1 || n["nm-b"][detect.LoginFailure] != 50 || n["nm-c"][detect.LoginError] != 50 {
		t.Errorf("outcomes: %v", n)
	}
}

// Where everything is answered with 200, the body says whether a password of HTTP
// Basic was right, and many other things that went wrong as well.
func TestBasicIsReadFromTheBody(t *testing.T) {
	for name, tc := range map[string]struct {
		operation, outcome string
		keys               []string
		want               detect.LoginOutcome // unknown: nothing is said
	}{
		"right":                   {"login", "", nil, detect.LoginSuccess},
		"wrong":                   {"login", "error.code=-32000,error.message=~0bad0bad", []string{"error.code:int", "error.message:string"}, detect.LoginFailure},
		"nobody":                  {"mutation SignIn", "errors[].code=USER_NOT_FOUND", []string{"errors[].code:string"}, detect.LoginNoSuchUser},
		"locked":                  {"login", "error.message=locked", []string{"error.message:string"}, detect.LoginLocked},
		"refused by name":         {"orders.list", "error.message=UNAUTHENTICATED", []string{"error.message:string"}, detect.LoginFailure},
		"an order does not exist": {"orders.get", "error.message=NOT_FOUND", []string{"error.message:string"}, detect.LoginUnknown},
		"an order was refused":    {"orders.create", "success=false", []string{"success:bool"}, detect.LoginUnknown},
		"an order":                {"orders.get", "status=paid", []string{"status:string"}, detect.LoginSuccess},
	} {
		c := &event.Call{Client: netip.MustParseAddr("192.0.2.1"), Method: "POST", Path: "/rpc", Operation: tc.operation, Status: 200, Auth: event.AuthBasic, Account: "nm-a", Flags: event.FlagSecretPresented}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: tc.keys, Outcome: tc.outcome}
		got, _ := watch([]*event.Call{c})
		if l, said := got[c.ID]; said != (tc.want != detect.LoginUnknown) || l.Outcome != tc.want {
			t.Errorf("%s: %v (%v), want %v", name, l.Outcome, said, tc.want)
		}
	}
}

// A flood of login-like paths must neither grow the state nor push out a login that is known.
func TestFloodOfPathsIsBounded(t *testing.T) {
	s := New(Config{Seed: 1, Endpoints: 512, Sources: 512, Held: 1000})
	out := &detect.Output{}
	see := func(c *event.Call, i int) bool {
		o := &detect.Observation{Call: c, AtNS: epoch.UnixNano() + int64(i)*1e6, Client: uint64(i), Source: uint64(i)}
		s.Observe(o, out)
		return o.Login != nil
	}
	for i := range 40 {
		c := post("/v1/login", i)
		c.Status = 401
		see(c, i)
	}
	for i := range 100_000 {
		c := post(fmt.Sprintf("/x%d/login", i), i)
		c.Status = 200
		see(c, i)
	}
	if s.endpoints.Len() > 512 || s.tries.Len() > 512 || s.mints.Len() > 512 || s.held > 1000 {
		t.Errorf("held %d, endpoints %d, tries %d, mints %d", s.held, s.endpoints.Len(), s.tries.Len(), s.mints.Len())
	}
	if s.Stats().Endpoints == 0 {
		t.Error("nothing was counted as pushed out")
	}
	sum := 0
	s.endpoints.Each(func(_ uint64, _ int64, e *endpoint) bool {
		if e.model != nil {
			sum += len(e.model.held)
		}
		return true
	})
	if sum != s.held {
		t.Errorf("%d attempts are held, %d are counted", sum, s.held)
	}
	c := post("/v1/login", 5)
	c.Status = 401
	if !see(c, 200_000) {
		t.Error("a known login was pushed out by unknown paths")
	}
}
