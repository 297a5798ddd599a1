package objects_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/objects"
	"lapwing/event"
)

// shop makes users who list their own ten orders each and open some.
func shop(w *world, users int) {
	for u := range users {
		who := user(fmt.Sprintf("user%d", u))
		w.list(who, "/orders", 1000+10*u, 1009+10*u)
		for i := range 4 {
			w.sleep(2 * time.Second)
			w.call(who, "GET", fmt.Sprintf("/orders/%d", 1000+10*u+i*2), 200, "id="+fmt.Sprint(1000+10*u+i*2))
		}
	}
}

func TestReadingOrdersOfOthersIsBOLA(t *testing.T) {
	for _, pause := range []time.Duration{0, time.Minute, 24 * time.Hour} {
		w := newWorld()
		shop(w, 12)
		mallory := user("mallory")
		w.list(mallory, "/orders", 5000, 5003)
		rng := rand.New(rand.NewPCG(1, 2))
		ids := rng.Perm(120)
		alerted := 0
		for n, id := range ids[:15] {
			if pause == 24*time.Hour && n == 12 {
				break
			}
			w.sleep(pause)
			w.call(mallory, "GET", fmt.Sprintf("/orders/%d", 1000+id), 200, fmt.Sprintf("id=%d", 1000+id))
			if alerted == 0 && last(judge(w.calls), "bola", "mallory") != nil {
				alerted = n + 1
			}
		}
		alerts := judge(w.calls)
		a := last(alerts, "bola", "mallory")
		if a == nil {
			t.Fatalf("pause %v: no alert", pause)
		}
		if alerted < 5 || alerted > 7 {
			t.Errorf("pause %v: alert after %d foreign objects, want 5 to 7", pause, alerted)
		}
		if a.Severity != event.High || a.Outcome != event.OutcomeSucceeded || a.Counts["owners"] < 3 {
			t.Errorf("pause %v: %v %v %v", pause, a.Severity, a.Outcome, a.Counts)
		}
		sound(t, alerts)
	}
}

func TestRefusedReadsAreMedium(t *testing.T) {
	w := newWorld()
	shop(w, 12)
	for i := range 20 {
		w.call(user("mallory"), "GET", fmt.Sprintf("/orders/%d", 1003+7*i%120), 403)
	}
	alerts := judge(w.calls)
	if a := last(alerts, "bola", "mallory"); a == nil || a.Severity != event.Medium || a.Outcome != event.OutcomeBlocked {
		t.Errorf("got %+v", a)
	}
	sound(t, alerts)
}

func TestOwnerWhoListsLaterProvesTheTheft(t *testing.T) {
	w := newWorld()
	for i := range 20 {
		w.call(user("mallory"), "GET", fmt.Sprintf("/orders/%d", 1000+i*6), 200)
	}
	w.sleep(48 * time.Hour)
	shop(w, 12)
	if a := last(judge(w.calls), "bola", "mallory"); a == nil || a.Counts["owners"] < 3 {
		t.Errorf("got %+v", a)
	}
}

func TestWalkWithoutAnyListIsEnumeration(t *testing.T) {
	for name, tc := range map[string]struct {
		status func(i int) int
		pause  time.Duration
		who    caller
		most   int
	}{
		"anonymous, all missing": {func(int) int { return 404 }, 0, visitor("203.0.113.9"), 8},
		"anonymous, some found": {func(i int) int {
			if i%5 == 0 {
				return 200
			}
			return 404
		}, 0, visitor("203.0.113.9"), 9},
		"user, all found":           {func(int) int { return 200 }, 0, user("eve"), 17},
		"user, all found, hourly":   {func(int) int { return 200 }, time.Hour, user("eve"), 17},
		"user, all found, by weeks": {func(int) int { return 200 }, 10 * time.Hour, user("eve"), 17},
		"anonymous, all 401":        {func(int) int { return 401 }, 0, visitor("203.0.113.9"), 30},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			entity := tc.who.name
			if entity == "" {
				entity = tc.who.client
			}
			first := 0
			for i := range 40 {
				w.sleep(tc.pause)
				w.call(tc.who, "GET", fmt.Sprintf("/users/%d", i+1), tc.status(i))
				if first == 0 && last(judge(w.calls), "object_enumeration", entity) != nil {
					first = i + 1
				}
			}
			if first == 0 || first > tc.most {
				t.Errorf("alert after %d objects, want at most %d", first, tc.most)
			}
			alerts := judge(w.calls)
			if a := last(alerts, "object_enumeration", entity); a != nil && a.Severity < event.Medium {
				t.Errorf("severity %v", a.Severity)
			}
			sound(t, alerts)
		})
	}
}

func TestRandomUUIDsAreEnumeration(t *testing.T) {
	w := newWorld()
	for i := range 12 {
		w.call(user("eve"), "GET", fmt.Sprintf("/files/%08d-1111-4111-8111-111111111111", i*7919), 404)
	}
	if last(judge(w.calls), "object_enumeration", "eve") == nil {
		t.Error("no alert")
	}
}

func TestWalkInLogs(t *testing.T) {
	w := newWorld()
	who := visitor("203.0.113.9")
	who.log = true
	for i := range 60 {
		status := 200
		if i%3 != 0 {
			status = 404
		}
		w.call(who, "GET", fmt.Sprintf("/users/%d", i+1), status)
	}
	alerts := judge(w.calls)
	if a := last(alerts, "object_enumeration", who.client); a == nil || a.Severity != event.Medium {
		t.Errorf("got %+v", a)
	}
	sound(t, alerts)
}

// Most logs have whole seconds: the order within one is lost.
// A log does not show what a list disclosed. Who reads a list and then what may
// have been on it walks nothing; who reads one list and walks on, does.
func TestListsInLogsDisclose(t *testing.T) {
	who := visitor("203.0.113.9")
	who.log = true
	sync := func(items int) *world {
		w := newWorld()
		for p := range 5 {
			w.sleep(time.Second)
			list := w.call(who, "GET", "/orders", 200)
			list.Query, list.ResponseBytes = fmt.Sprintf("page=%d", p+1), 4000
			for i := range items {
				w.sleep(time.Second)
				w.call(who, "GET", fmt.Sprintf("/orders/%d", 1000+p*items+i), 200)
			}
		}
		return w
	}
	if alerts := judge(sync(40).calls); len(alerts) > 0 {
		t.Errorf("lists and their objects: %s", alerts[0].Summary)
	}
	if len(judge(sync(160).calls)) == 0 {
		t.Error("far more than the lists can have held: no alert")
	}
}

// Names in a path have no key that answers could disclose. Who guesses them
// misses; who follows links, also old ones, seldom does; and where everybody
// misses, the names come from elsewhere.
func TestGuessedNames(t *testing.T) {
	for name, tc := range map[string]struct {
		missEvery, othersMiss int // one in so many
		caught                bool
	}{
		"guesses": {1, 30, true}, "guesses and reads what it finds": {2, 30, true}, "old links": {5, 30, false}, "pictures that few have": {1, 1, false},
	} {
		for _, log := range []bool{true, false} {
			w := newWorld()
			ask := func(who caller, i, missEvery int) {
				who.log = log
				w.sleep(30 * time.Second)
				status := 200
				if i%missEvery == 0 {
					status = 404
				}
				w.call(who, "GET", fmt.Sprintf("/stories/how-to-%s-%d", who.client, i), status)
			}
			for u := range 30 {
				for i := range 12 {
					ask(visitor(fmt.Sprintf("198.51.100.%d", u)), i+1, tc.othersMiss)
				}
			}
			for i := range 120 {
				ask(visitor("203.0.113.9"), i, tc.missEvery)
			}
			alerts := judge(w.calls)
			if a := last(alerts, "object_enumeration", "203.0.113.9"); (a != nil && a.Severity >= event.Medium) != tc.caught {
				t.Errorf("%s (log %v): got %+v", name, log, a)
			}
			sound(t, alerts)
		}
	}
}

func TestWalkInLogsOfWholeSeconds(t *testing.T) {
	for _, perSecond := range []int{10, 60, 100} {
		w := newWorld()
		who := visitor("203.0.113.9")
		who.log = true
		for i := range 300 {
			c := w.call(who, "GET", fmt.Sprintf("/users/%d", i+1), 200)
			c.Time = epoch.Add(time.Duration(i/perSecond) * time.Second)
			c.ID = event.MakeID(hash(c.Path), 1)
		}
		alerts := judge(w.calls)
		if a := last(alerts, "object_enumeration", who.client); a == nil || a.Severity != event.Medium || a.Counts["read"] < 250 {
			t.Errorf("%d a second: got %+v", perSecond, a)
		}
		sound(t, alerts)
	}
}

func TestBenign(t *testing.T) {
	for name, build := range map[string]func(w *world){
		"own orders, polled for a week": func(w *world) {
			shop(w, 30)
			for range 300 {
				w.sleep(30 * time.Minute)
				w.call(user("user3"), "GET", "/orders/1030", 200, "id=1030")
			}
		},
		"binge with infinite scroll": func(w *world) {
			for p := range 30 {
				w.list(visitor("198.51.100.4"), "/products", 20*p, 20*p+19)
				for i := range 20 {
					w.sleep(9 * time.Second)
					w.call(visitor("198.51.100.4"), "GET", fmt.Sprintf("/products/%d", 20*p+i), 200, fmt.Sprintf("id=%d", 20*p+i))
				}
			}
		},
		"first full sync of a partner, lists longer than what is kept": func(w *world) {
			who := caller{kind: event.KindKey, name: "partner", client: "192.0.2.8", print: "sdk"}
			for p := range 4 {
				c := w.list(who, "/products", 500*p, 500*p+63)
				c.Shape.Response.Items, c.Gap.IDsIncomplete = 500, true
			}
			for i := range 2000 {
				w.call(who, "GET", fmt.Sprintf("/products/%d", i), 200, fmt.Sprintf("id=%d", i))
			}
		},
		"catalogue that several users see": func(w *world) {
			for u := range 8 {
				who := user(fmt.Sprintf("u%d", u))
				w.list(who, "/products", 1, 40)
				for i := range 12 {
					w.sleep(5 * time.Second)
					w.call(who, "GET", fmt.Sprintf("/products/%d", 1+(i*7+u)%40), 200)
				}
			}
		},
		"token rotation with a cached list": func(w *world) {
			for h := range 12 {
				who := caller{kind: event.KindToken, name: fmt.Sprintf("tok-%012d", h), client: "192.0.2.77", print: "app"}
				if h == 0 {
					w.list(who, "/orders", 100, 160)
				}
				for i := range 5 {
					w.sleep(12 * time.Minute)
					w.call(who, "GET", fmt.Sprintf("/orders/%d", 100+h*5+i), 200, fmt.Sprintf("id=%d", 100+h*5+i))
				}
			}
		},
		"API whose identifiers all come from elsewhere": func(w *world) {
			rng := rand.New(rand.NewPCG(5, 5))
			for range 12 {
				for u := range 40 {
					w.sleep(time.Minute)
					w.call(visitor(fmt.Sprintf("198.51.100.%d", u)), "GET", fmt.Sprintf("/parcels/%d", rng.IntN(1e9)), 200)
				}
			}
		},
		"colleagues of one tenant": func(w *world) {
			for u := range 6 {
				who := user(fmt.Sprintf("c%d", u))
				who.tenant = "acme"
				w.list(who, "/tickets", 100*u, 100*u+20)
			}
			who := user("c1")
			who.tenant = "acme"
			for _, id := range []int{300, 401, 502, 309, 417} {
				w.call(who, "GET", fmt.Sprintf("/tickets/%d", id), 200)
			}
		},
		"expired session asks for its own objects": func(w *world) {
			for _, id := range rand.New(rand.NewPCG(3, 3)).Perm(25) {
				w.sleep(time.Second)
				w.call(visitor("198.51.100.6"), "GET", fmt.Sprintf("/messages/%d", 71000+13*id*id), 401)
			}
		},
		"server errors": func(w *world) {
			for i := range 60 {
				w.call(user("u"), "GET", fmt.Sprintf("/orders/%d", i), 503)
			}
		},
		"a reader of HTML pages": func(w *world) {
			for i := range 40 {
				w.sleep(20 * time.Second)
				c := w.call(visitor("198.51.100.6"), "GET", fmt.Sprintf("/articles/%d", 1000+i*i*3), 200)
				c.Shape.Response.Type = "html"
			}
		},
		"profiles of authors": func(w *world) {
			for u := range 12 {
				who := user(fmt.Sprintf("u%d", u))
				w.call(who, "GET", "/me", 200, fmt.Sprintf("id=%d", 70000+u))
				var ids []string
				for a := range 12 {
					ids = append(ids, fmt.Sprintf("posts[].author=%d", 70000+a))
				}
				w.call(who, "GET", "/feed", 200, ids...)
				for a := range 12 {
					w.sleep(time.Second)
					w.call(who, "GET", fmt.Sprintf("/users/%d", 70000+a*5%12), 200)
				}
			}
		},
		"API that lists nothing": func(w *world) {
			for _, i := range rand.New(rand.NewPCG(4, 8)).Perm(60) {
				w.sleep(3 * time.Second)
				w.call(visitor("198.51.100.8"), "GET", fmt.Sprintf("/accounts/%d", 17+31*i), 200)
			}
		},
		"human reader in a log": func(w *world) {
			who := visitor("198.51.100.7")
			who.log = true
			for _, i := range rand.New(rand.NewPCG(8, 8)).Perm(100) {
				w.sleep(20 * time.Second)
				w.call(who, "GET", fmt.Sprintf("/posts/%d", i), 200)
			}
		},
		"support agent who searches first": func(w *world) {
			shop(w, 40)
			for u := range 40 {
				w.list(user("agent"), "/orders/search", 1000+10*u, 1000+10*u)
				w.call(user("agent"), "GET", fmt.Sprintf("/orders/%d", 1000+10*u), 200)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			build(w)
			silent(t, judge(w.calls))
		})
	}
}

func TestSameCallsSameAlerts(t *testing.T) {
	w := newWorld()
	shop(w, 10)
	for i := range 30 {
		w.call(user("mallory"), "GET", fmt.Sprintf("/orders/%d", 1000+3*i), 200)
	}
	want, _ := json.Marshal(judge(w.calls))
	shuffled := slices.Clone(w.calls)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	got, _ := json.Marshal(judge(shuffled))
	if string(got) != string(want) || len(want) < 100 {
		t.Error("the order of arrival shows in the alerts")
	}
}

func TestFloodOfActorsDoesNotHideAnAttack(t *testing.T) {
	w := newWorld()
	stage := objects.New(7)
	for i := range 170_000 {
		who := caller{kind: event.KindUser, name: fmt.Sprint("bot", i), client: "192.0.2.1", print: "x"}
		w.call(who, "GET", fmt.Sprintf("/orders/%d", i*31), 200)
		if i%17_000 == 0 {
			w.call(user("eve"), "GET", fmt.Sprintf("/invoices/%d", 100+i/17_000), 403)
		}
	}
	alerts, _ := judgeBy(stage, w.calls)
	if last(alerts, "object_enumeration", "eve") == nil {
		t.Error("forgotten under a flood")
	}
	if stage.Stats().Evicted == 0 {
		t.Error("nothing was evicted: the test shows nothing")
	}
}

func BenchmarkIrrelevantCall(b *testing.B) { bench(b, "/health") }
func BenchmarkObjectCall(b *testing.B)     { bench(b, "/orders/17") }

// A list of 64 identifiers that the actor was told of before.
func BenchmarkList(b *testing.B) {
	w := newWorld()
	for range 64 {
		w.list(user("u"), "/orders", 1, 64)
	}
	o := observations(w.calls)
	s := objects.New(7)
	var out detect.Output
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Observe(&o[i%len(o)], &out)
	}
}

func bench(b *testing.B, path string) {
	w := newWorld()
	for range 1024 {
		w.call(user("u"), "GET", path, 200)
	}
	o := observations(w.calls)
	s := objects.New(7)
	var out detect.Output
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Observe(&o[i%len(o)], &out)
	}
}
