package inventory

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/snapshot"
	"lapwing/detect/spec"
	"lapwing/event"
)

// A world builds calls and shows them to an engine with an inventory in it.
type world struct {
	t      testing.TB
	stage  *Stage
	engine *detect.Engine
	specs  *spec.Set
	alerts []event.Alert
	at     time.Time
	step   time.Duration
	n      uint64
	routes map[event.ID]detect.Route
}

func newWorld(t testing.TB, specs ...string) *world {
	w := &world{t: t, at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), step: time.Second}
	var list []*spec.Spec
	for i, doc := range specs {
		s, err := spec.Parse([]byte(doc), fmt.Sprintf("spec%d.json", i))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	w.specs = spec.NewSet(list...)
	w.routes = map[event.ID]detect.Route{}
	w.begin()
	return w
}

func (w *world) begin() {
	w.stage = New(Config{Specs: w.specs, Seed: 7})
	w.engine = detect.New(detect.Config{Sensor: "test", Seed: 7}, func(a event.Alert) { w.alerts = append(w.alerts, a) }, w.stage, spy{w: w})
}

// A spy keeps the routes that the inventory gave.
type spy struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
	w *world `snapshot:"-"`
}

func (spy) Name() string { return "spy" }
func (s spy) Observe(o *detect.Observation, _ *detect.Output) {
	if len(s.w.routes) < 100_000 {
		s.w.routes[o.Call.ID] = o.Route
	}
}

type option func(*event.Call)

// call makes one call; the answer is a JSON object unless an option says
// otherwise.
func (w *world) call(client int, method, host, path string, status int, opts ...option) event.ID {
	w.n++
	w.at = w.at.Add(w.step)
	c := &event.Call{
		ID: event.MakeID(w.n, 1), Time: w.at, Duration: time.Millisecond,
		Client: netip.AddrFrom4([4]byte{203, byte(client >> 16), byte(client >> 8), byte(client)}),
		Server: netip.MustParseAddr("10.0.0.1"),
		Method: method, Host: host, Path: path, Status: status, ResponseBytes: 200 + int64(w.n*7919%1009), Auth: event.AuthBearer,
		Fingerprint: "f1",
	}
	c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"id:int", "name:string"}, Hash: 11}
	c.Actor = event.Actor{Kind: event.KindClient, Value: c.Client.String()}
	if status >= 400 {
		c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"error:string"}, Hash: 12}
	}
	for _, o := range opts {
		o(c)
	}
	w.engine.Observe(c)
	if w.n%4096 == 0 {
		w.engine.Advance(w.at.UnixNano())
	}
	if w.n == 30 || w.n%30_000 == 400 {
		w.interrupt()
	}
	return c.ID
}

// interrupt goes on with a new engine from a snapshot of the old one.
func (w *world) interrupt() {
	w.t.Helper()
	var b strings.Builder
	if err := errors.Join(snapshot.Check(w.engine, "[]string", "inventory.features", "[]event.Feature"), snapshot.Save(&b, w.engine)); err != nil {
		w.t.Fatal(err)
	}
	w.begin()
	if err := snapshot.Load(strings.NewReader(b.String()), w.engine); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() []event.Endpoint {
	w.engine.Advance(w.at.UnixNano())
	w.engine.Close()
	return w.stage.Endpoints()
}

func shape(hash uint64, keys ...string) option {
	return func(c *event.Call) {
		c.Shape.Response = event.BodyShape{Type: "json", Keys: keys, Hash: hash}
	}
}

func page(size int64) option {
	return func(c *event.Call) {
		c.Shape.Response = event.BodyShape{Type: "html", Hash: 99}
		c.ResponseBytes = size
	}
}

func fromLog(c *event.Call) {
	c.Source, c.Auth, c.Fingerprint = event.SourceLog, event.AuthUnknown, "ua1"
	c.Shape = event.Shape{}
}

func anonymous(c *event.Call) { c.Auth = event.AuthNone }
func sensitive(classes ...string) option {
	return func(c *event.Call) { c.Sensitive.Response = classes }
}
func location(to string) option    { return func(c *event.Call) { c.Shape.Response.Location = to } }
func as(fingerprint string) option { return func(c *event.Call) { c.Fingerprint = fingerprint } }
func bytes(n int64) option         { return func(c *event.Call) { c.ResponseBytes = n } }
func table(rows []event.Endpoint) (s string) {
	for _, r := range rows {
		s += fmt.Sprintf("%s %s%s %s\n", r.Method, r.Host, r.Route, r.State)
	}
	return s
}

func (w *world) loud() (out []event.Alert) {
	for _, a := range w.alerts {
		if a.Severity >= event.Medium && a.Status == event.StatusOpen {
			out = append(out, a)
		}
	}
	return out
}

func (w *world) alertsAfterClose() []event.Alert {
	w.close()
	return w.loud()
}

const shopSpec = `{"openapi":"3.0.0","info":{"title":"shop","version":"2"},"servers":[{"url":"https://api.shop.example/v2"}],"paths":{
"/orders":{"get":{"responses":{}},"post":{"responses":{}}},
"/orders/{orderId}":{"get":{"responses":{}},"delete":{"responses":{}}},
"/users/{userId}":{"get":{"responses":{}}},
"/search":{"get":{"deprecated":true,"responses":{}}},
"/reports":{"get":{"responses":{}}}}}`

// benign is some use of the described API by several clients.
func (w *world) benign(host string, rounds int) {
	for i := range rounds {
		w.call(i%7, "GET", host, "/v2/orders", 200)
		w.call(i%7, "GET", host, fmt.Sprintf("/v2/orders/%d", i), 200)
		w.call(i%7, "GET", host, fmt.Sprintf("/v2/users/%d", i%5), 200)
		w.call(i%7, "POST", host, "/v2/orders", 201)
	}
}

func TestStatesAndAlerts(t *testing.T) {
	w := newWorld(t, shopSpec)
	const host = "api.shop.example"
	w.benign(host, 20)
	w.call(1, "GET", host, "/v2/search", 200)
	for i := range 6 {
		w.call(i%2, "GET", host, "/internal/export", 200, shape(31, "rows[].email:string"))
		w.call(i%2, "GET", host, "/v2/search", 200, shape(32, "hits:array"))
		w.call(i%3, "GET", host, fmt.Sprintf("/v1/users/%d", i), 200)
	}
	w.call(3, "DELETE", host, "/v2/users/4", 200)
	w.call(3, "OPTIONS", host, "/v2/users/4", 204)
	w.call(3, "GET", host, "/static/app.js", 200)
	w.call(3, "GET", host, "/v2/nothing", 404)
	w.call(3, "HEAD", host, "/v2/orders", 200)
	rows := w.close()
	want := `DELETE api.shop.example/v2/orders/{orderId} orphan
DELETE api.shop.example/v2/users/{userId} shadow
GET api.shop.example/internal/export shadow
GET api.shop.example/v1/users/{id} zombie
GET api.shop.example/v2/orders documented
GET api.shop.example/v2/orders/{orderId} documented
GET api.shop.example/v2/reports orphan
GET api.shop.example/v2/search zombie
GET api.shop.example/v2/users/{userId} documented
POST api.shop.example/v2/orders documented
`
	if got := table(rows); got != want {
		t.Errorf("inventory:\n%swant:\n%s", got, want)
	}
	found := map[string]event.Alert{}
	for _, a := range w.loud() {
		found[a.Detector+" "+a.Entity.Value] = a
	}
	for _, key := range []string{
		"shadow_endpoint GET api.shop.example/internal/export",
		"zombie_endpoint GET api.shop.example/v1/users/{id}",
		"zombie_endpoint GET api.shop.example/v2/search",
	} {
		if _, ok := found[key]; !ok {
			t.Errorf("no alert %q", key)
		}
	}
	if len(found) != 3 {
		t.Errorf("%d alerts at medium and above, want 3: %v", len(found), found)
	}
}

func TestScoreIsTheSumOfItsFeatures(t *testing.T) {
	w := newWorld(t, shopSpec)
	w.benign("api.shop.example", 10)
	for i := range 5 {
		w.call(i, "GET", "api.shop.example", "/admin/users", 200, anonymous, sensitive("email"))
	}
	w.close()
	if len(w.alerts) == 0 {
		t.Fatal("no alert")
	}
	for _, a := range w.alerts {
		sum := 0.0
		for _, f := range a.Evidence.Features {
			sum += f.Contribution
		}
		if sum != a.Evidence.ScoreLog10 {
			t.Errorf("%s: features add up to %v, score is %v", a.Title, sum, a.Evidence.ScoreLog10)
		}
		checkNumbers(t, a)
	}
	if got := w.loud()[0].Severity; got != event.High {
		t.Errorf("sensitive data without a credential is %v, want high", got)
	}
}

// checkNumbers fails if the summary has a number that is no field.
func checkNumbers(t *testing.T, a event.Alert) {
	t.Helper()
	text := a.Summary
	for _, known := range []string{a.Entity.Value, a.Endpoint.Route, a.StartedAt.Format(time.RFC3339), a.LastSeenAt.Format(time.RFC3339)} {
		if known != "" {
			text = strings.ReplaceAll(text, known, "")
		}
	}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r < '0' || r > '9' }) {
		ok := false
		for _, n := range a.Counts {
			ok = ok || fmt.Sprint(n) == word
		}
		if !ok && !strings.Contains(text, "/v"+word) {
			t.Errorf("%s: %q has the number %s, which is no field (%v)", a.Detector, a.Summary, word, a.Counts)
		}
	}
}

func TestLoneProbeIsVisibleAtOnceAndNotAlerted(t *testing.T) {
	w := newWorld(t, shopSpec)
	w.benign("api.shop.example", 20)
	id := w.call(50, "GET", "api.shop.example", "/v2/beta", 200, shape(31, "a:int"))
	rows := w.close()
	if !strings.Contains(table(rows), "GET api.shop.example/v2/beta shadow") {
		t.Errorf("not in the inventory:\n%s", table(rows))
	}
	if r := w.routes[id]; r.Standing != detect.Candidate || !r.Confirmed || r.Documented || !r.HasSpec {
		t.Errorf("route %+v", r)
	}
	if a := w.loud(); len(a) != 0 {
		t.Errorf("alert %q on a single call", a[0].Summary)
	}
}

func TestNothingAtMediumWithoutADescription(t *testing.T) {
	w := newWorld(t)
	w.step = time.Hour
	for i := range 400 {
		w.call(i%9, "GET", "h", fmt.Sprintf("/users/%d", i), 200)
		if i > 250 {
			w.call(i%9, "GET", "h", "/internal/export", 200, anonymous, sensitive("email"))
		}
	}
	rows := w.close()
	if table(rows) != "GET h/internal/export new\nGET h/users/{id} new\n" {
		t.Errorf("inventory:\n%s", table(rows))
	}
	if a := w.loud(); len(a) != 0 {
		t.Errorf("alert %q", a[0].Summary)
	}
	if len(w.alerts) == 0 || w.alerts[0].Severity != event.Info {
		t.Errorf("a new endpoint after the first week was not told: %v", w.alerts)
	}
}

// A description of something else must not flood.
func TestDescriptionOfAnotherBasePath(t *testing.T) {
	w := newWorld(t, shopSpec)
	for i := range 600 {
		w.call(i%9, "GET", "api.shop.example", fmt.Sprintf("/shop/thing%c/%d", 'a'+i%20, i), 200, shape(uint64(i%20), "a:int"))
		if i%10 == 0 {
			w.call(i%9, "GET", "api.shop.example", "/v2/orders", 200)
		}
	}
	w.close()
	if a := w.loud(); len(a) != 0 {
		t.Errorf("%d alerts at medium, such as %q", len(a), a[0].Summary)
	}
	told := 0
	for _, a := range w.alerts {
		if a.Title == "Specification does not describe this host" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times that the description does not fit, want once", told)
	}
}

func TestHostsThatServeADescribedAPI(t *testing.T) {
	t.Run("another name, the described one unseen", func(t *testing.T) {
		w := newWorld(t, shopSpec)
		w.benign("10.1.2.3:8080", 60)
		got := table(w.close())
		if !strings.Contains(got, "GET 10.1.2.3:8080/v2/orders/{orderId} documented") || strings.Contains(got, "new") {
			t.Errorf("inventory:\n%s", got)
		}
		if len(w.loud()) != 0 {
			t.Errorf("alert %q", w.loud()[0].Summary)
		}
	})
	t.Run("beside the described one", func(t *testing.T) {
		w := newWorld(t, shopSpec)
		w.benign("api.shop.example", 20)
		w.benign("staging.shop.example:8080", 60)
		got := table(w.close())
		if !strings.Contains(got, "GET staging.shop.example:8080/v2/orders/{orderId} rogue_host") {
			t.Errorf("inventory:\n%s", got)
		}
		a := w.loud()
		if len(a) != 1 || a[0].Entity != (event.Entity{Kind: event.KindHost, Value: "staging.shop.example:8080"}) {
			t.Fatalf("alerts: %v", a)
		}
		checkNumbers(t, a[0])
	})
	t.Run("before the described one", func(t *testing.T) {
		w := newWorld(t, shopSpec)
		w.benign("staging.shop.example:8080", 60)
		w.benign("api.shop.example", 20)
		if a := w.alertsAfterClose(); len(a) != 1 || a[0].Entity.Value != "staging.shop.example:8080" {
			t.Errorf("alerts: %v", a)
		}
	})
	t.Run("behind the gateway", func(t *testing.T) {
		w := newWorld(t, shopSpec)
		w.benign("api.shop.example", 20)
		for i := range 60 {
			hop := func(c *event.Call) { c.Client = netip.MustParseAddr("10.0.0.1") }
			w.call(0, "GET", "orders.internal:9000", fmt.Sprintf("/v2/orders/%d", i), 200, hop)
			w.call(0, "GET", "orders.internal:9000", "/v2/orders", 200, hop)
			w.call(0, "GET", "orders.internal:9000", fmt.Sprintf("/v2/users/%d", i), 200, hop)
		}
		got := table(w.close())
		if !strings.Contains(got, "GET orders.internal:9000/v2/orders/{orderId} documented") {
			t.Errorf("inventory:\n%s", got)
		}
		if len(w.loud()) != 0 {
			t.Errorf("alert %q", w.loud()[0].Summary)
		}
	})
}

func TestOldVersionWithoutDescription(t *testing.T) {
	w := newWorld(t)
	for i := range 200 {
		w.call(i%40, "GET", "h", fmt.Sprintf("/api/v2/users/%d", i), 200)
		if i%50 == 0 {
			w.call(41, "GET", "h", fmt.Sprintf("/api/v1/users/%d", i), 200)
		}
	}
	if got := table(w.close()); got != "GET h/api/v1/users/{id} zombie\nGET h/api/v2/users/{id} new\n" {
		t.Errorf("inventory:\n%s", got)
	}
}

// A word where every caller sends identifiers is an endpoint of its own.
func TestWordAmongIdentifiersIsNotTheParameter(t *testing.T) {
	w := newWorld(t, shopSpec)
	w.benign("api.shop.example", 40)
	w.call(1, "GET", "api.shop.example", "/v2/orders/export", 200, shape(77, "rows[].a:int"))
	if got := table(w.close()); !strings.Contains(got, "GET api.shop.example/v2/orders/export shadow") {
		t.Errorf("inventory:\n%s", got)
	}
}

// What is not described below a described parameter is one endpoint, also
// while its values are too few and too odd to be known for identifiers.
func TestShadowBelowADescribedParameter(t *testing.T) {
	w := newWorld(t, shopSpec)
	w.benign("api.shop.example", 20)
	for i, id := range []string{"x_QMxpkBnWpWnxNM", "x_abcDefGhiJklMn", "A1", "kW"} {
		w.call(i, "GET", "api.shop.example", "/v2/orders/"+id+"/history", 200, shape(78, "events[].at:string"))
	}
	w.call(1, "GET", "api.shop.example", "/v2/orders/bulk-import/history", 200, shape(79, "jobs[].at:string"))
	got := table(w.close())
	if strings.Count(got, "/history") != 2 || !strings.Contains(got, "GET api.shop.example/v2/orders/{id}/history shadow") ||
		!strings.Contains(got, "GET api.shop.example/v2/orders/bulk-import/history shadow") {
		t.Errorf("inventory:\n%s", got)
	}
}

// Slowing everything down must not change what is said.
func TestPaceDoesNotMatter(t *testing.T) {
	var first string
	for _, step := range []time.Duration{time.Second, 100 * time.Second} {
		w := newWorld(t, shopSpec)
		w.step = step
		w.benign("api.shop.example", 20)
		for i := range 8 {
			w.call(i%3, "GET", "api.shop.example", "/internal/export", 200, shape(31, "rows[].email:string"))
		}
		got := table(w.close())
		for _, a := range w.loud() {
			got += fmt.Sprintln(a.Detector, a.Entity.Value, a.Severity)
		}
		if first == "" {
			first = got
		} else if got != first {
			t.Errorf("at %v:\n%swant:\n%s", step, got, first)
		}
	}
	if !strings.Contains(first, "shadow_endpoint GET api.shop.example/internal/export medium") {
		t.Errorf("no alert at all:\n%s", first)
	}
}

func TestDeterminism(t *testing.T) {
	run := func() string {
		w := newWorld(t, shopSpec)
		for i := range 3000 {
			w.call(i%50, "GET", fmt.Sprintf("h%d", i%3), fmt.Sprintf("/u/%s/x%d", name(i), i%7), 200)
		}
		w.benign("api.shop.example", 30)
		w.call(1, "GET", "api.shop.example", "/admin/x", 200, anonymous)
		rows := w.close()
		return fmt.Sprintf("%+v\n%+v\n%+v", rows, w.alerts, w.stage.Stats())
	}
	a := run()
	for range 3 {
		if b := run(); a != b {
			t.Fatal("two runs over the same calls differ")
		}
	}
}

func TestOrphansAreToldOnceAfterThirtyDays(t *testing.T) {
	for days, want := range map[int]int{20: 0, 40: 1} {
		w := newWorld(t, shopSpec)
		w.step = 2 * time.Hour
		for range days * 12 {
			w.call(1, "GET", "api.shop.example", "/v2/orders", 200)
		}
		w.close()
		told := 0
		for _, a := range w.alerts {
			if a.Detector == "orphan_endpoint" && a.Status == event.StatusOpen {
				told++
				if a.Severity != event.Info || a.Counts["silent"] != 6 {
					t.Errorf("alert %+v", a)
				}
				checkNumbers(t, a)
			}
		}
		if told != want {
			t.Errorf("told %d times after %d days, want %d", told, days, want)
		}
	}
}
