package scraping_test

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
	"lapwing/detect/scraping"
	"lapwing/detect/snapshot/snapshottest"
	"lapwing/event"
)

var epoch = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

type world struct {
	n     int
	at    time.Time
	calls []*event.Call
}

func newWorld() *world { return &world{at: epoch} }

func (w *world) sleep(d time.Duration) { w.at = w.at.Add(d) }

func key(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h ^ h>>31
}

type caller struct {
	client, print, name string
	kind                event.Kind
}

func visitor(client string) caller { return caller{client: client, print: "x"} }

func (w *world) call(who caller, method, path, query string, status int) *event.Call {
	w.n++
	w.at = w.at.Add(time.Millisecond)
	c := &event.Call{
		ID: event.MakeID(uint64(w.n), 3), Time: w.at, Client: netip.MustParseAddr(who.client), Method: method, Host: "shop.test", Path: path, Query: query,
		Status: status, Fingerprint: who.print, ResponseBytes: 5000, Actor: event.Actor{Kind: event.KindClient, Value: who.client},
	}
	if who.kind != "" {
		c.Actor = event.Actor{Kind: who.kind, Value: who.name}
	}
	segs := strings.Split(path, "/")
	for i, s := range segs {
		if n, err := strconv.ParseInt(s, 10, 64); err == nil {
			segs[i] = "{int}"
			c.IDs = append(c.IDs, event.IDRef{In: event.InPath, Name: strconv.Itoa(i), Class: event.ClassInt, Hash: key(s), Int: n})
		}
	}
	c.PathShape = strings.Join(segs, "/")
	w.calls = append(w.calls, c)
	return c
}

func (w *world) product(who caller, n int) *event.Call {
	return w.call(who, "GET", fmt.Sprintf("/products/%d", n), "", 200)
}

func (w *world) page(who caller, n int) *event.Call {
	return w.call(who, "GET", "/products", fmt.Sprintf("page=%d&limit=20", n), 200)
}

type routes struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
	undisclosed map[string]bool // actors that read what nobody told them of
}

func (routes) Name() string { return "inventory" }
func (r routes) Observe(o *detect.Observation, out *detect.Output) {
	t := strings.ReplaceAll(o.Call.PathShape, "{int}", "{id}")
	o.Route = detect.Route{Family: key(t), Key: key(o.Call.Method + t), Template: t, Standing: detect.Established}
	if r.undisclosed[o.Call.Actor.Value] {
		out.Fact(scraping.Name, o.Actor, scraping.Undisclosed{Objects: 1})
	}
}

func judge(calls []*event.Call, undisclosed ...string) (alerts []event.Alert) {
	r := routes{undisclosed: map[string]bool{}}
	for _, u := range undisclosed {
		r.undisclosed[u] = true
	}
	e := detect.New(detect.Config{Sensor: "t", Seed: 7}, func(a event.Alert) { alerts = append(alerts, a) }, r, scraping.New(7))
	for _, c := range calls {
		e.Observe(c)
	}
	e.Close()
	if testing.Short() {
		return alerts
	}
	if err := snapshottest.Interrupted(calls, func(emit func(event.Alert)) *detect.Engine {
		return detect.New(detect.Config{Sensor: "t", Seed: 7}, emit, r, scraping.New(7))
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

// walk reads pages of twenty and every product on them.
func (w *world) walk(who caller, products int, gap func() time.Duration) {
	for i := range products {
		if i%20 == 0 {
			w.page(who, i/20)
		}
		w.sleep(gap())
		w.product(who, i)
	}
}

func every(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

func TestScrapersAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 2))
	for name, tc := range map[string]struct {
		who      caller
		products int
		gap      func() time.Duration
	}{
		"as fast as it goes":      {visitor("203.0.113.5"), 500, every(20 * time.Millisecond)},
		"one a minute":            {visitor("203.0.113.5"), 500, every(time.Minute)},
		"one in a quarter":        {visitor("203.0.113.5"), 1200, every(15 * time.Minute)},
		"with an account":         {caller{client: "203.0.113.5", kind: event.KindUser, name: "eve"}, 1500, every(50 * time.Millisecond)},
		"jittered, day and night": {visitor("203.0.113.5"), 3000, func() time.Duration { return time.Duration(float64(time.Minute) * rng.ExpFloat64()) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.walk(tc.who, tc.products, tc.gap)
			alerts := judge(w.calls)
			entity := tc.who.name
			if entity == "" {
				entity = tc.who.client
			}
			if a := last(alerts, entity); a == nil || a.Severity < event.Medium {
				t.Errorf("got %+v", a)
			}
			sound(t, alerts)
		})
	}
}

func TestSlownessDoesNotHide(t *testing.T) {
	when := func(gap time.Duration) int {
		w := newWorld()
		w.walk(visitor("203.0.113.5"), 600, every(gap))
		for n := 100; n < len(w.calls); n += 10 {
			if len(judge(w.calls[:n])) > 0 {
				return n
			}
		}
		return 0
	}
	// Both have a fixed gap above what counts as a pause; a hundred times slower is no later.
	fast, slow := when(3*time.Second), when(5*time.Minute)
	if fast == 0 || slow == 0 || slow > fast {
		t.Errorf("first alert after %d calls, a hundred times slower after %d", fast, slow)
	}
}

func TestFingerprintsThatChange(t *testing.T) {
	w := newWorld()
	for i := range 3000 {
		w.sleep(20 * time.Millisecond)
		if i%20 == 0 {
			w.page(caller{client: "203.0.113.5", print: fmt.Sprint("ua", i%97)}, i/20)
		}
		w.product(caller{client: "203.0.113.5", print: fmt.Sprint("ua", i%97)}, i)
	}
	if a := last(judge(w.calls), "203.0.113.5"); a == nil || a.Severity < event.Medium {
		t.Errorf("got %+v", a)
	}
}

// One who takes everything must not set the measure that everybody, and so he
// himself, is judged by.
func TestScraperAmongKnownActors(t *testing.T) {
	people := rand.New(rand.NewPCG(9, 9))
	visit := func(w *world) {
		for u := range 80 {
			who := visitor(fmt.Sprintf("198.51.100.%d", u))
			for range 30 {
				w.sleep(time.Duration(people.ExpFloat64() * float64(8*time.Second)))
				w.product(who, people.IntN(400))
			}
		}
	}
	w := newWorld()
	visit(w)
	w.walk(visitor("203.0.113.5"), 800, every(40*time.Millisecond))
	visit(w)
	if a := last(judge(w.calls), "203.0.113.5"); a == nil || a.Severity < event.Medium {
		t.Errorf("got %+v", a)
	}
}

// Ten hours without a quarter of an hour's rest are no person, whatever the
// pace; a crowd behind one address is known by reading the same things.
func TestNobodyReadsWithoutRest(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	pace := func() time.Duration { return time.Duration(math.Exp(1.6+.5*rng.NormFloat64()) * float64(time.Second)) }
	w := newWorld()
	w.walk(visitor("203.0.113.5"), 6000, pace)
	if a := last(judge(w.calls), "203.0.113.5"); a == nil || a.Severity < event.Medium {
		t.Errorf("without rest: got %+v", a)
	}
	w = newWorld()
	z := rand.NewZipf(rng, 1.1, 4, 5999)
	for range 20_000 {
		w.sleep(pace())
		w.product(visitor("203.0.113.5"), int(z.Uint64()))
	}
	if a := last(judge(w.calls), "203.0.113.5"); a != nil && a.Severity >= event.Medium {
		t.Errorf("crowd: got %+v", a)
	}
}

// What was scraped stays scraped when its taker goes on like a person.
func TestLaterCalmDoesNotLowerAnAlert(t *testing.T) {
	people := rand.New(rand.NewPCG(7, 7))
	eve := caller{client: "203.0.113.5", kind: event.KindUser, name: "eve"}
	w := newWorld()
	w.walk(eve, 1500, every(50*time.Millisecond))
	for i := range 200 {
		w.sleep(time.Duration(math.Exp(2+people.NormFloat64()) * float64(time.Second)))
		w.product(eve, 1500+i)
	}
	if a := last(judge(w.calls), "eve"); a == nil || a.Severity < event.Medium {
		t.Errorf("got %+v", a)
	}
}

// A program that takes everything in order and then begins again repeats as
// much as a crowd; a crowd takes nothing in order.
func TestLoopOverACatalogue(t *testing.T) {
	w := newWorld()
	for range 3 {
		for p := range 16 {
			w.page(visitor("203.0.113.5"), p)
			for i := range 20 {
				w.sleep(20 * time.Millisecond)
				w.product(visitor("203.0.113.5"), 20*p+i)
			}
		}
	}
	if a := last(judge(w.calls), "203.0.113.5"); a == nil || a.Severity < event.Medium {
		t.Errorf("loop: got %+v", a)
	}
	rng := rand.New(rand.NewPCG(3, 3))
	w = newWorld()
	for range 1500 {
		w.sleep(20 * time.Millisecond)
		if rng.IntN(4) == 0 {
			w.page(visitor("203.0.113.5"), rng.IntN(16))
		}
		w.product(visitor("203.0.113.5"), rng.IntN(320))
	}
	if a := last(judge(w.calls), "203.0.113.5"); a != nil && a.Severity >= event.Medium {
		t.Errorf("crowd: got %+v", a)
	}
}

func TestSensitiveHarvestIsHigh(t *testing.T) {
	w := newWorld()
	w.walk(visitor("203.0.113.5"), 700, every(10*time.Millisecond))
	for _, c := range w.calls {
		c.Sensitive.Response = []string{"email"}
	}
	alerts := judge(w.calls)
	if a := last(alerts, "203.0.113.5"); a == nil || a.Severity != event.High {
		t.Errorf("got %+v", a)
	}
	sound(t, alerts)
}

func TestEnumerationIsNotScraping(t *testing.T) {
	w := newWorld()
	w.walk(visitor("203.0.113.5"), 700, every(10*time.Millisecond))
	for _, a := range judge(w.calls, "203.0.113.5") {
		t.Errorf("%s", a.Summary)
	}
}

func TestBenign(t *testing.T) {
	people := rand.New(rand.NewPCG(6, 6))
	think := func() time.Duration { return time.Duration(math.Exp(2+people.NormFloat64()) * float64(time.Second)) }
	for name, build := range map[string]func(w *world){
		"binge of 600 items in two hours": func(w *world) { w.walk(visitor("198.51.100.1"), 600, think) },
		"binge where details load with the list": func(w *world) {
			for p := range 30 {
				w.page(visitor("198.51.100.1"), p)
				for i := range 20 {
					w.product(visitor("198.51.100.1"), 20*p+i)
				}
				w.sleep(5*time.Second + think())
			}
		},
		"monitor": func(w *world) {
			for range 3000 {
				w.sleep(time.Minute)
				w.product(visitor("198.51.100.1"), 1)
			}
		},
		"app that polls since a time": func(w *world) {
			for i := range 3000 {
				w.sleep(5 * time.Second)
				w.call(visitor("198.51.100.1"), "GET", "/events", fmt.Sprintf("start=%d", 1767225600+5*i), 200)
				w.call(visitor("198.51.100.1"), "GET", "/messages", fmt.Sprintf("after=m%d", i), 200).ResponseBytes = 30
			}
		},
		"first full sync of a partner": func(w *world) {
			w.walk(caller{client: "198.51.100.1", kind: event.KindKey, name: "partner"}, 20_000, every(5*time.Millisecond))
		},
		"sync of a phone": func(w *world) {
			w.walk(caller{client: "198.51.100.1", kind: event.KindUser, name: "ann"}, 300, every(30*time.Millisecond))
		},
		"office behind one address": func(w *world) {
			z := rand.NewZipf(people, 1.1, 4, 4000)
			for i := range 20_000 {
				w.sleep(time.Duration(people.ExpFloat64() * float64(time.Second)))
				who := caller{client: "198.51.100.1", print: fmt.Sprint("browser", i%30)}
				w.product(who, int(z.Uint64()))
				if i%3 == 0 {
					w.call(who, "GET", "/cart", "", 200)
				}
			}
		},
		"declared crawler": func(w *world) {
			w.walk(visitor("198.51.100.1"), 2000, every(2*time.Second))
			for _, c := range w.calls {
				c.UserAgent = "Mozilla/5.0 (compatible; bingbot/2.0)"
			}
		},
		"flash sale": func(w *world) {
			for i := range 5000 {
				w.product(visitor(fmt.Sprintf("198.51.%d.%d", i/250, i%250)), i%10)
			}
		},
		"server errors": func(w *world) {
			for i := range 5000 {
				w.call(visitor("198.51.100.1"), "GET", fmt.Sprintf("/products/%d", i), "", 503)
			}
		},
		"busy cohort": func(w *world) { // everybody reads a lot at this host
			for u := range 80 {
				w.walk(visitor(fmt.Sprintf("198.51.100.%d", u)), 240, every(40*time.Millisecond))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			build(w)
			for _, a := range judge(w.calls) {
				if a.Severity >= event.Medium {
					t.Errorf("%s: %+v", a.Summary, a.Evidence.Features)
				}
			}
		})
	}
}

func TestSameCallsSameAlerts(t *testing.T) {
	w := newWorld()
	w.walk(visitor("203.0.113.5"), 700, every(10*time.Millisecond))
	want, _ := json.Marshal(judge(w.calls))
	shuffled := slices.Clone(w.calls)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if got, _ := json.Marshal(judge(shuffled)); string(got) != string(want) || len(want) < 100 {
		t.Error("the order of arrival shows in the alerts")
	}
}

func TestFloodDoesNotHideAScraper(t *testing.T) {
	s := scraping.New(7)
	var alerts []event.Alert
	e := detect.New(detect.Config{Seed: 7, MaxPending: 4096}, func(a event.Alert) { alerts = append(alerts, a) }, routes{}, s)
	w := newWorld()
	for i := range 200_000 {
		a := netip.AddrFrom4([4]byte{20, byte(i >> 16), byte(i >> 8), byte(i)})
		e.Observe(w.product(visitor(a.String()), i%50))
		if i%150 == 0 {
			e.Observe(w.product(visitor("203.0.113.5"), 1000+i))
		}
		w.calls = w.calls[:0]
	}
	e.Close()
	if last(alerts, "203.0.113.5") == nil {
		t.Error("forgotten under a flood")
	}
	if s.Evicted() == 0 {
		t.Error("nothing was evicted: the test shows nothing")
	}
}

func BenchmarkItem(b *testing.B)  { bench(b, "/products/7") }
func BenchmarkOther(b *testing.B) { bench(b, "/health") }

func bench(b *testing.B, path string) {
	w := newWorld()
	c := w.call(visitor("198.51.100.1"), "GET", path, "", 200)
	o := detect.Observation{Call: c, AtNS: c.Time.UnixNano(), Actor: 1, Client: 2}
	if len(c.IDs) > 0 {
		o.Object = &c.IDs[0]
	}
	routes{}.Observe(&o, nil)
	s := scraping.New(7)
	b.ReportAllocs()
	for b.Loop() {
		s.Observe(&o, nil)
	}
}
