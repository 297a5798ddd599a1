package probing_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/probing"
	"lapwing/detect/snapshot/snapshottest"
	"lapwing/event"
)

var epoch = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

type world struct {
	n     int
	at    time.Time
	calls []*event.Call
}

func newWorld() *world { return &world{at: epoch} }

func (w *world) sleep(d time.Duration) { w.at = w.at.Add(d) }

func (w *world) get(client, path string, status int) *event.Call {
	w.n++
	w.at = w.at.Add(150 * time.Millisecond)
	c := &event.Call{
		ID: event.MakeID(uint64(w.n), 3), Time: w.at, Source: event.SourceLog, Client: netip.MustParseAddr(client), Method: "GET", Host: "shop.test",
		Path: path, PathShape: shapeOf(path), Status: status, Actor: event.Actor{Kind: event.KindClient, Value: client},
	}
	w.calls = append(w.calls, c)
	return c
}

func shapeOf(path string) string {
	segs := strings.Split(path, "/")
	for i, s := range segs {
		if _, err := strconv.Atoi(s); err == nil {
			segs[i] = "{int}"
		}
	}
	return strings.Join(segs, "/")
}

func key(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// routes stands in for the inventory: a shape that was answered once is a
// candidate, twenty times an established route.
type routes struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
	seen map[string]int
	spec map[string]bool
}

func (*routes) Name() string { return "inventory" }
func (r *routes) Observe(o *detect.Observation, _ *detect.Output) {
	k := o.Call.Method + o.Call.PathShape
	if o.Call.Status >= 200 && o.Call.Status < 300 {
		r.seen[k]++
	}
	o.Route = detect.Route{Key: key(k), Family: key(o.Call.PathShape), Template: o.Call.PathShape, HasSpec: r.spec != nil, Documented: r.spec[o.Call.PathShape]}
	if strings.HasPrefix(o.Call.Path, "/pages/") && r.spec["/pages/{slug}"] {
		o.Route.Template, o.Route.Documented = "/pages/{slug}", true
	}
	switch n := r.seen[k]; {
	case n >= 20:
		o.Route.Standing = detect.Established
	case n > 0:
		o.Route.Standing = detect.Candidate
	}
}

func judge(calls []*event.Call, spec ...string) (alerts []event.Alert) {
	r := &routes{seen: map[string]int{}}
	for _, s := range spec {
		if r.spec == nil {
			r.spec = map[string]bool{}
		}
		r.spec[s] = true
	}
	e := detect.New(detect.Config{Sensor: "t", Seed: 7}, func(a event.Alert) { alerts = append(alerts, a) }, r, probing.New(7))
	for _, c := range calls {
		e.Observe(c)
	}
	e.Close()
	if testing.Short() {
		return alerts
	}
	if err := snapshottest.Interrupted(calls, func(emit func(event.Alert)) *detect.Engine {
		return detect.New(detect.Config{Sensor: "t", Seed: 7}, emit, &routes{seen: map[string]int{}, spec: r.spec}, probing.New(7))
	}); err != nil {
		panic(err)
	}
	return alerts
}

func last(alerts []event.Alert, entity string) (found *event.Alert) {
	for i := range alerts {
		if alerts[i].Entity.Value == entity {
			found = &alerts[i]
		}
	}
	return found
}

func sound(t *testing.T, alerts []event.Alert) {
	t.Helper()
	for _, a := range alerts {
		sum := 0.0
		for _, f := range a.Evidence.Features {
			sum += f.Contribution
		}
		if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-9 {
			t.Errorf("contributions add up to %v, score is %v", sum, a.Evidence.ScoreLog10)
		}
		rest := strings.NewReplacer(a.Entity.Value, "", a.Endpoint.Host, "").Replace(a.Summary)
		for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return r < '0' || r > '9' }) {
			n, _ := strconv.ParseInt(word, 10, 64)
			ok := false
			for _, v := range a.Counts {
				ok = ok || v == n
			}
			if !ok {
				t.Errorf("%d in %q is no field", n, a.Summary)
			}
		}
		if len(a.Evidence.Calls) == 0 || len(a.Benign) != 2 || a.Hunt == "" || a.NextStep == "" {
			t.Errorf("incomplete: %+v", a)
		}
	}
}

// browse lets visitors use the site.
func browse(w *world, clients int) {
	for i := range clients {
		for _, p := range []string{"/", "/products", "/products/7", "/cart", "/about", "/contact", "/api/prices", "/api/stock"} {
			w.get(fmt.Sprintf("198.51.%d.%d", i/200, i%200+1), p, 200)
		}
	}
}

func TestFuzzingIsFoundAtAnyPace(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Minute, 20 * time.Hour} {
		w := newWorld()
		browse(w, 10)
		first := 0
		for i := range 30 {
			w.sleep(pause)
			w.get("203.0.113.5", fmt.Sprintf("/word%c%c", 'a'+i%26, 'a'+i/26), 404)
			if first == 0 && last(judge(w.calls), "203.0.113.5") != nil {
				first = i + 1
			}
		}
		if first != 6 {
			t.Errorf("pause %v: alert after %d paths, want 6", pause, first)
		}
		alerts := judge(w.calls)
		if a := last(alerts, "203.0.113.5"); a == nil || a.Severity != event.Medium || a.Outcome != event.OutcomeBlocked {
			t.Errorf("pause %v: got %+v", pause, a)
		}
		sound(t, alerts)
	}
}

func TestScannerNamesNeedFewRequests(t *testing.T) {
	w := newWorld()
	browse(w, 3)
	for _, p := range []string{"/.env", "/.git/config", "/actuator/health"} {
		w.get("203.0.113.5", p, 404)
	}
	alerts := judge(w.calls)
	if a := last(alerts, "203.0.113.5"); a == nil || a.Severity != event.Low || a.Counts["families"] != 3 {
		t.Errorf("got %+v", a)
	}
	sound(t, alerts)
}

// A place that takes any name takes those of scanners too; other names that
// are missing there are not this stage's to judge.
func TestScannerNamesUnderAPlaceForNames(t *testing.T) {
	scan := func(names ...string) []event.Alert {
		w := newWorld()
		browse(w, 20)
		for _, n := range names {
			w.get("203.0.113.5", "/pages/"+n, 404)
		}
		return judge(w.calls, "/pages/{slug}")
	}
	if a := last(scan(".env", ".git", "backup.zip", "dump.sql", "phpinfo.php", "wp-login.php", "actuator", "id_rsa"), "203.0.113.5"); a == nil {
		t.Errorf("scanner: got %+v", a)
	}
	if alerts := scan("how-to-a", "how-to-b", "how-to-c", "how-to-d", "how-to-e", "how-to-f", "how-to-g", "how-to-h"); len(alerts) > 0 {
		t.Errorf("old links: %s", alerts[0].Summary)
	}
}

func TestScanThatFindsSomethingIsHigh(t *testing.T) {
	for name, tc := range map[string]struct {
		path string
		spec []string
	}{
		"secret file":  {"/.env", nil},
		"undocumented": {"/internal-report", []string{"/", "/products", "/products/{int}", "/cart", "/about", "/contact", "/api/prices", "/api/stock"}},
	} {
		w := newWorld()
		browse(w, 3)
		for i := range 14 {
			w.get("203.0.113.5", fmt.Sprintf("/guess%c", 'a'+i), 404)
		}
		w.get("203.0.113.5", tc.path, 200)
		alerts := judge(w.calls, tc.spec...)
		if a := last(alerts, "203.0.113.5"); a == nil || a.Severity != event.High || a.Outcome != event.OutcomeSucceeded || a.Counts["exposed"] != 1 {
			t.Errorf("%s: got %+v", name, a)
		}
		sound(t, alerts)
	}
}

func TestScanFromANetwork(t *testing.T) {
	w := newWorld()
	for i := range 60 {
		w.get(fmt.Sprintf("203.0.113.%d", i+1), fmt.Sprintf("/w%c%c", 'a'+i%26, 'a'+i/26), 404)
		w.sleep(20 * time.Minute)
	}
	alerts := judge(w.calls)
	if a := last(alerts, "203.0.113.0/24"); a == nil || a.Severity < event.Medium || a.Entity.Kind != event.KindNetwork {
		t.Errorf("got %+v", a)
	}
	sound(t, alerts)
}

func TestScanByATokenThatChangesAddresses(t *testing.T) {
	w := newWorld()
	for i := range 40 {
		c := w.get(fmt.Sprintf("203.%d.113.7", i), fmt.Sprintf("/w%c%c", 'a'+i%26, 'a'+i/26), 404)
		c.Actor = event.Actor{Kind: event.KindToken, Value: "tok-00"}
	}
	if a := last(judge(w.calls), "tok-00"); a == nil || a.Entity.Kind != event.KindToken {
		t.Errorf("got %+v", a)
	}
}

// Each worker asks for one path and is never seen again; what they share is
// their program.
func TestScanDividedAmongNetworks(t *testing.T) {
	for name, tc := range map[string]struct {
		agent, fingerprint string
		networks           int
		want               bool
	}{
		"one tool, by its headers":          {"Mozilla/5.0 (X11)", "00aa11bb22cc33dd", 60, true},
		"one tool, in a log":                {"fuzz/2.1", "", 60, true},
		"a program nobody can tell":         {"", "", 60, false},
		"the popular browser":               {"browser", "", 60, false}, // its users' answered paths speak for it
		"one network, which answers for it": {"fuzz/2.1", "", 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			first := 0
			for i := range 120 {
				for j := range 4 { // the site's own visitors, others each time
					for _, p := range []string{"/", "/products", "/cart"} {
						w.get(fmt.Sprintf("198.%d.%d.1", 50+j, i), p, 200).UserAgent = "browser"
					}
				}
				c := w.get(fmt.Sprintf("203.%d.113.%d", i%tc.networks, i%tc.networks+1), fmt.Sprintf("/word%c%c", 'a'+i%26, 'a'+i/26), 404)
				c.UserAgent, c.Fingerprint = tc.agent, tc.fingerprint
				w.sleep(20 * time.Minute)
			}
			alerts := judge(w.calls)
			for i := range alerts {
				if alerts[i].Entity.Kind == event.KindCluster && first == 0 {
					first = int(alerts[i].Counts["paths"])
				}
			}
			if (first > 0) != tc.want || first > 25 {
				t.Fatalf("told of after %d paths, want told %v, within 25", first, tc.want)
			}
			sound(t, alerts)
			if !tc.want {
				return
			}
			if a := alerts[len(alerts)-1]; a.Severity != event.Medium || a.Entity.Kind != event.KindCluster || a.Entity.Value != tc.fingerprint && tc.fingerprint != "" {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestBenign(t *testing.T) {
	for name, build := range map[string]func(w *world){
		"browsing": func(w *world) { browse(w, 40) },
		"what browsers ask for": func(w *world) {
			for _, p := range []string{"/favicon.ico", "/robots.txt", "/apple-touch-icon.png", "/apple-touch-icon-precomposed.png", "/.well-known/assetlinks.json",
				"/sitemap.xml", "/ads.txt", "/browserconfig.xml", "/manifest.json", "/.well-known/change-password", "/security.txt"} {
				w.get("198.51.100.1", p, 404)
			}
		},
		"broken release of an app": func(w *world) {
			browse(w, 200)
			for i := range 200 {
				for _, p := range []string{"/v3/feed", "/v3/me", "/v3/badges"} {
					w.get(fmt.Sprintf("198.51.%d.%d", i/200, i%200+1), p, 404)
				}
			}
		},
		"page with many broken links": func(w *world) {
			for i := range 60 {
				client := fmt.Sprintf("198.51.100.%d", i+1)
				for _, p := range []string{"/", "/products", "/cart", "/about"} {
					w.get(client, p, 200)
				}
				for j := range 6 {
					w.get(client, fmt.Sprintf("/gone/%c", 'a'+j), 404).Referer = "https://shop.test/about"
				}
			}
		},
		"objects that are missing": func(w *world) {
			for i := range 300 {
				w.get("198.51.100.1", fmt.Sprintf("/users/%d", i), 404)
			}
		},
		"slugs, three in a hundred gone": func(w *world) {
			rng := rand.New(rand.NewPCG(4, 4))
			for i := range 3000 {
				status := 200
				if rng.IntN(100) < 3 {
					status = 404
				}
				w.get("198.51.100.1", fmt.Sprintf("/blog/a-%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676), status)
			}
		},
		"office behind one address, each with a typing error": func(w *world) {
			for i := range 500 {
				for _, p := range []string{"/", "/products", "/products/7", "/cart", "/about", "/contact", "/api/prices", "/api/stock"} {
					w.get("198.51.100.1", p, 200).Actor = event.Actor{Kind: event.KindUser, Value: fmt.Sprint("u", i)}
				}
				if i%3 == 0 {
					w.get("198.51.100.1", fmt.Sprintf("/prodcts-%d-x", i), 404).Actor = event.Actor{Kind: event.KindUser, Value: fmt.Sprint("u", i)}
				}
			}
			for i, c := range w.calls {
				c.Fingerprint = fmt.Sprint("browser", i/8%40)
			}
		},
		"monitor of one missing path": func(w *world) {
			for range 2000 {
				w.sleep(5 * time.Minute)
				w.get("198.51.100.1", "/healthcheck-old", 404)
			}
		},
		"crawler with stale links": func(w *world) {
			for i := range 300 {
				status := 200
				if i%4 == 0 {
					status = 404
				}
				w.get("198.51.100.1", fmt.Sprintf("/p-%c%c", 'a'+i%26, 'a'+i/26), status).UserAgent = "Mozilla/5.0 (compatible; Googlebot/2.1)"
			}
		},
		"outage": func(w *world) {
			for i := range 100 {
				w.get("198.51.100.1", fmt.Sprintf("/x%c%c", 'a'+i%26, 'a'+i/26), 503)
			}
		},
		"visitors of a blog that is made of it": func(w *world) {
			for i := range 30 {
				client := fmt.Sprintf("198.51.100.%d", i+1)
				for _, p := range []string{"/wp-content/a.css", "/wp-json/posts", "/wp-login.php", "/index.php"} {
					w.get(client, p, 200)
				}
				w.get(client, "/wp-content/gone"+fmt.Sprint(i), 404)
				w.get(client, "/old.php", 404)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			build(w)
			for _, a := range judge(w.calls) {
				if a.Severity >= event.Medium {
					t.Errorf("%s", a.Summary)
				}
			}
		})
	}
}

func TestSameCallsSameAlerts(t *testing.T) {
	w := newWorld()
	browse(w, 5)
	for i := range 40 {
		w.get(fmt.Sprintf("203.0.113.%d", i%3+1), fmt.Sprintf("/w%d.bak", i), 404)
	}
	want, _ := json.Marshal(judge(w.calls))
	shuffled := slices.Clone(w.calls)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if got, _ := json.Marshal(judge(shuffled)); string(got) != string(want) || len(want) < 100 {
		t.Error("the order of arrival shows in the alerts")
	}
}

func TestFloodDoesNotHideAScan(t *testing.T) {
	s := probing.New(7)
	var alerts []event.Alert
	e := detect.New(detect.Config{Seed: 7, MaxPending: 4096}, func(a event.Alert) { alerts = append(alerts, a) }, s)
	w := newWorld()
	rng := rand.New(rand.NewPCG(9, 9))
	for i := range 100_000 {
		a := netip.AddrFrom4([4]byte{byte(20 + rng.IntN(100)), byte(rng.Uint32()), byte(rng.Uint32()), byte(rng.Uint32())})
		e.Observe(w.get(a.String(), fmt.Sprintf("/f%dx", i), 404))
		if i%7_000 == 0 {
			e.Observe(w.get("203.0.113.5", fmt.Sprintf("/slow%dx", i), 404))
		}
		w.calls = w.calls[:0]
	}
	e.Close()
	if last(alerts, "203.0.113.5") == nil {
		t.Error("forgotten under a flood")
	}
	if s.Stats().Evicted == 0 {
		t.Error("nothing was evicted: the test shows nothing")
	}
}

func BenchmarkAnswered(b *testing.B) {
	w := newWorld()
	browse(w, 128)
	o := make([]detect.Observation, len(w.calls))
	for i, c := range w.calls {
		o[i] = detect.Observation{Call: c, AtNS: c.Time.UnixNano(), Actor: uint64(i), Source: uint64(i), Client: uint64(i), Route: detect.Route{Standing: detect.Established}}
	}
	s := probing.New(7)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Observe(&o[i%len(o)], nil)
	}
}
