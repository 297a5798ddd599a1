package objects_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/objects"
	"lapwing/event"
)

// uuidOf makes a UUID-shaped name of a thing.
func uuidOf(kind string, n int) string {
	h := hash(fmt.Sprint(kind, n))
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(h), uint16(h>>32), h>>48&0xfff, h>>52&0xfff, h*31&0xffffffffffff)
}

// An api answers for objects that name their owner under key.
type api struct {
	noun, key string
	owner     func(n int) string
	id        func(n int) string
}

var orders = api{"orders", "customer.id", func(n int) string { return uuidOf("customer", n/5) }, func(n int) string { return fmt.Sprint(n) }}

// far is far from far(i-1), by no regular step.
func far(i int) int { return 107 + 5*i*i + 11*i%7*31 }

func (s api) open(w *world, who caller, n int, more ...string) {
	ids := append([]string{"id=" + s.id(n)}, more...)
	if s.key != "" {
		ids = append(ids, s.key+"="+s.owner(n))
	}
	w.call(who, "GET", "/"+s.noun+"/"+s.id(n), 200, ids...)
}

// list shows objects; owners says whether their owners stand beside them.
func (s api) list(w *world, who caller, path string, owners bool, ns ...int) {
	var ids []string
	for _, n := range ns {
		ids = append(ids, "data[].id="+s.id(n))
	}
	for _, n := range ns {
		if owners {
			ids = append(ids, "data[]."+s.key+"="+s.owner(n))
		}
	}
	w.call(who, "GET", path, 200, ids...).Shape.Response.Items = len(ns)
}

// The capture holds little more than the attack: what the answers say must do.
func TestAnswersThatNameOtherOwnersAreBOLA(t *testing.T) {
	for name, tc := range map[string]struct {
		api   api
		pause time.Duration
		begin func(w *world, s api, who caller)
		pick  func(i int) int
		most  int // objects until the alert
	}{
		"own list, a look, a walk": {orders, 0, func(w *world, s api, who caller) {
			s.list(w, who, "/orders", false, 1000)
			s.open(w, who, 1000)
		}, func(i int) int { return 995 - 5*i }, 6},
		"own list with owners, at random": {orders, 0, func(w *world, s api, who caller) {
			s.list(w, who, "/orders", true, 1000, 1001)
		}, func(i int) int { return i * 37 % 900 }, 6},
		"one a day": {orders, 24 * time.Hour, func(w *world, s api, who caller) {
			s.list(w, who, "/orders", true, 1000, 1001)
		}, func(i int) int { return i * 37 % 900 }, 6},
		"no list ever": {orders, 0, func(w *world, _ api, who caller) { w.call(who, "GET", "/me", 200, "id=8") }, func(i int) int { return i * 37 % 900 }, 7},
		"harvested UUIDs": {api{"invoices", "account_id", orders.owner, func(n int) string { return uuidOf("invoice", n) }}, 0, func(w *world, s api, who caller) {
			s.open(w, who, 1000)
			s.list(w, who, "/invoices", true, 1000)
		}, func(i int) int { return i * 37 % 900 }, 6},
		"userId in camels, numbers": {api{"cards", "data.userId", func(n int) string { return fmt.Sprint(70 + n) }, orders.id}, time.Minute, func(w *world, s api, who caller) {
			w.call(who, "POST", "/cards", 201, "data.id=1000", "data.userId=1070")
		}, func(i int) int { return i * 37 % 900 }, 6},
		"wrapped in the name of what is served": {api{"claims", "claim.policyHolder.uuid", orders.owner, orders.id}, 0, func(w *world, s api, who caller) {
			w.call(who, "GET", "/claims", 200, "claims[].id=1000", "claims[].policyHolder.uuid="+orders.owner(1000))
		}, func(i int) int { return i * 37 % 900 }, 6},
		"sellers beside": {orders, 0, func(w *world, s api, who caller) {
			w.call(who, "GET", "/orders", 200, "[].id=1000", "[].id=1001", "[].id=1002", "[].customer.id="+s.owner(1000), "[].seller.id=1", "[].seller.id=2", "[].seller.id=3")
		}, func(i int) int { return i * 37 % 900 }, 6},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			mallory := user("mallory")
			tc.begin(w, tc.api, mallory)
			first := 0
			for i := range 12 {
				w.sleep(tc.pause)
				tc.api.open(w, mallory, tc.pick(i))
				if first == 0 && last(judge(w.calls), "bola", "mallory") != nil {
					first = i + 1
				}
			}
			alerts := judge(w.calls)
			a := last(alerts, "bola", "mallory")
			if a == nil {
				t.Fatal("no alert")
			}
			if first > tc.most || a.Severity != event.High || a.Counts["owners"] < 10 || a.Counts["named"] < 10 {
				t.Errorf("alert after %d objects, %v, %v", first, a.Severity, a.Counts)
			}
			ids := map[string]bool{}
			for _, a := range alerts {
				ids[a.ID] = true
			}
			if len(ids) > 2 {
				t.Errorf("one attack is told in %d alerts", len(ids))
			}
			sound(t, alerts)
		})
	}
}

// Names of people stand in public answers; what is under them is not public.
func TestSubresourcesOfPeopleNamedElsewhere(t *testing.T) {
	w := newWorld()
	wishes := func(who caller, n int) {
		w.call(who, "GET", "/users/"+uuidOf("user", n)+"/wishlist", 200, "userId="+uuidOf("user", n))
	}
	for u := range 12 {
		who := user(fmt.Sprint("u", u))
		w.call(who, "GET", "/me", 200, "id="+uuidOf("user", u))
		wishes(who, u)
		w.sleep(time.Minute)
		wishes(who, u)
	}
	mallory := user("u3")
	var ids []string
	for u := range 12 {
		ids = append(ids, "reviews[].author.id="+uuidOf("user", u))
	}
	w.call(mallory, "GET", "/products/8/reviews", 200, ids...)
	silent(t, judge(w.calls))
	for u := range 12 {
		wishes(mallory, u)
	}
	a := last(judge(w.calls), "bola", "u3")
	if a == nil || a.Counts["owners"] < 10 {
		t.Errorf("got %+v", a)
	}
}

func TestOwnersThatSayNothing(t *testing.T) {
	shopper := func(n int) caller { return user(fmt.Sprint("shopper", n)) }
	for name, build := range map[string]func(w *world){
		"own orders through links, with sellers": func(w *world) {
			for u := range 10 {
				w.call(shopper(u), "GET", "/me", 200, "id="+orders.owner(5*u))
				for i := range 5 {
					orders.open(w, shopper(u), 5*u+i, fmt.Sprint("seller.id=", i*7+u))
				}
			}
		},
		"own orders through links, whoever that is": func(w *world) {
			for u := range 10 {
				for i := range 5 {
					orders.open(w, shopper(u), 5*u+i, fmt.Sprint("seller_id=", i*7+u))
				}
			}
		},
		"marketplace": func(w *world) {
			s := api{"offers", "owner.id", orders.owner, orders.id}
			for u := range 3 {
				s.list(w, shopper(u), "/offers", true, 1, 6, 11, 16, 21, 26, 31)
				for i := range 20 {
					w.sleep(5 * time.Second)
					s.open(w, shopper(u), far(i))
				}
			}
		},
		"posts by authors, read through links": func(w *world) {
			s := api{"posts", "user_id", orders.owner, orders.id}
			for u := range 5 {
				w.call(shopper(u), "POST", "/posts", 201, "id="+fmt.Sprint(5*u), "user_id="+orders.owner(5*u))
				for i := range 20 {
					w.sleep(5 * time.Second)
					s.open(w, shopper(u), far(i)+u)
				}
			}
		},
		"things of all that lists show without owners": func(w *world) {
			s := api{"designs", "owner_id", orders.owner, orders.id}
			for u := range 3 {
				w.call(shopper(u), "GET", "/me", 200, "id="+orders.owner(5*u))
				s.list(w, shopper(u), "/designs", false, 100, 200, 300, 400, 500)
				for i := range 5 {
					s.open(w, shopper(u), 100*(i+1))
				}
				for i := range 10 {
					w.sleep(time.Minute)
					s.open(w, shopper(u), far(i)+1000*u)
				}
			}
		},
		"support agent with a list of results": func(w *world) {
			for u := range 20 {
				orders.list(w, shopper(u), "/orders", true, 5*u, 5*u+1)
			}
			agent := user("agent")
			for i := range 20 {
				orders.list(w, agent, "/orders/search", i%2 == 0, 5*i, 5*i+1)
				orders.open(w, agent, 5*i)
			}
		},
		"admin who opens what a search of people found": func(w *world) {
			admin := user("admin")
			for u := range 20 {
				w.call(shopper(u), "GET", "/me", 200, "id="+uuidOf("customer", u))
				w.call(shopper(u), "GET", "/users/"+uuidOf("customer", u)+"/wallet", 200, "userId="+uuidOf("customer", u))
				w.call(shopper(u), "GET", "/users/"+uuidOf("customer", u)+"/wallet", 200, "userId="+uuidOf("customer", u))
			}
			for u := range 20 {
				w.call(admin, "GET", "/users", 200, "users[].id="+uuidOf("customer", u))
				w.call(admin, "GET", "/users/"+uuidOf("customer", u)+"/wallet", 200, "userId="+uuidOf("customer", u))
			}
		},
		"colleagues of one account": func(w *world) {
			s := api{"deals", "owner_id", orders.owner, orders.id}
			for u := range 4 {
				s.list(w, shopper(u), "/deals", true, 5*u, 5*u+5, 5*u+10, 5*u+15, 5*u+20)
				for i := range 8 {
					s.open(w, shopper(u), far(i))
				}
			}
		},
		"colleagues with own lists and links, one account": func(w *world) {
			s := api{"deals", "owner_id", orders.owner, orders.id}
			for u := range 6 {
				w.call(shopper(u), "GET", "/deals", 200, fmt.Sprintf("[].id=%d", 5*u), fmt.Sprintf("[].id=%d", 5*u+1), "[].owner_id="+s.owner(5*u), "[].account_id=77")
				for i := range 8 {
					s.open(w, shopper(u), far(i)+u, "account_id=77")
				}
			}
		},
		"family": func(w *world) {
			for u := range 3 {
				orders.list(w, shopper(u), "/orders", true, 0, 1, 2, 3, 5, 6, 7, 8, 10)
				for i := range 15 {
					orders.open(w, shopper(u), i)
				}
			}
		},
		"tickets with assignees": func(w *world) {
			s := api{"tickets", "assignee_id", orders.owner, orders.id}
			for u := range 12 {
				s.list(w, shopper(u), "/tickets/mine", true, 5*u, 5*u+1, 5*u+2)
				for i := range 8 {
					s.open(w, shopper(u), far(i)+u)
				}
			}
		},
		"drivers and riders": func(w *world) {
			for u := range 6 {
				for i := range 6 {
					n := 10*u + i
					w.call(shopper(u), "POST", "/rides", 201, fmt.Sprint("id=", n), fmt.Sprint("rider.id=", u), fmt.Sprint("driver.id=", 500+n%4))
				}
			}
			for d := range 4 {
				var ids []string
				for n := range 60 {
					if n%10 < 6 && n%4 == d {
						ids = append(ids, fmt.Sprint("rides[].id=", n), fmt.Sprint("rides[].rider.id=", n/10), fmt.Sprint("rides[].driver.id=", 500+d))
					}
				}
				w.call(user(fmt.Sprint("driver", d)), "GET", "/rides", 200, ids...)
				for n := 100 + d; n < 140; n += 4 { // offered by a push message
					w.call(user(fmt.Sprint("driver", d)), "GET", fmt.Sprint("/rides/", n), 200, fmt.Sprint("id=", n), fmt.Sprint("rider.id=", n), fmt.Sprint("driver.id=", 500+d))
				}
			}
		},
		"shared with me": func(w *world) {
			s := api{"docs", "owner.id", orders.owner, orders.id}
			for u := range 5 {
				s.list(w, shopper(u), "/docs", true, 5*u, 5*u+1, 5*u+2, 5*u+3)
				s.list(w, shopper(u), "/docs/shared", false, 200, 206, 212, 218, 224, 230, 236, 242)
				for i := range 8 {
					s.open(w, shopper(u), 200+6*i)
				}
			}
		},
		"a partner's key that is told of orders by hooks": func(w *world) {
			key := caller{kind: event.KindKey, name: "partner", client: "192.0.2.8", print: "sdk"}
			for _, n := range rand.New(rand.NewPCG(4, 8)).Perm(400)[:30] {
				w.sleep(time.Minute)
				orders.open(w, key, n)
			}
		},
		"a service that works on the orders of everybody": func(w *world) {
			for _, n := range rand.New(rand.NewPCG(4, 8)).Perm(400)[:30] {
				w.sleep(time.Minute)
				orders.open(w, user("billing-service"), n)
			}
		},
		"sessions that are replaced": func(w *world) {
			for h := range 12 {
				who := caller{kind: event.KindSession, name: fmt.Sprintf("tok-%012d", h), client: "192.0.2.77", print: "app"}
				if h == 0 {
					orders.list(w, who, "/orders", true, 0, 1, 2)
				}
				orders.open(w, who, h%5)
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

// Eight actors teach a word that no list of ours knows.
func TestAnUnknownWordIsLearned(t *testing.T) {
	s := api{"lockers", "inhaber_ref.id", orders.owner, orders.id}
	w := newWorld()
	for u := range 10 {
		s.list(w, user(fmt.Sprint("u", u)), "/lockers", true, 5*u, 5*u+1, 5*u+2)
	}
	for i := range 10 {
		s.open(w, user("u3"), 500+7*i)
	}
	if last(judge(w.calls), "bola", "u3") == nil {
		t.Error("no alert")
	}
	s.key = "paket_ref.id"
	w = newWorld()
	for i := range 10 {
		s.open(w, user("u3"), 500+7*i)
	}
	silent(t, judge(w.calls))
}

func TestOwnersNamedSameCallsSameAlerts(t *testing.T) {
	w := newWorld()
	for u := range 10 {
		orders.list(w, user(fmt.Sprint("u", u)), "/orders", true, 5*u, 5*u+1)
	}
	for i := range 30 {
		orders.open(w, user("u1"), 100+7*i)
		orders.open(w, user("late"), 100+7*i)
	}
	want, _ := json.Marshal(judge(w.calls))
	if !strings.Contains(string(want), `"bola"`) {
		t.Fatal("no alert")
	}
	shuffled := slices.Clone(w.calls)
	rand.New(rand.NewPCG(1, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if got, _ := json.Marshal(judge(shuffled)); string(got) != string(want) {
		t.Error("the order of arrival shows in the alerts")
	}
}

// A flood of actors and of keys neither grows the memory nor hides an attack.
func TestOwnersNamedInAFlood(t *testing.T) {
	w := newWorld()
	mallory := user("mallory")
	orders.list(w, mallory, "/orders", true, 1000, 1001)
	for i := range 40_000 {
		who := caller{kind: event.KindUser, name: fmt.Sprint("bot", i), client: "192.0.2.1", print: "x"}
		s := api{fmt.Sprint("things", i%9000), "owner_id", orders.owner, orders.id}
		s.open(w, who, i, "account_id=1", "memberId=2", "client.id=3")
		if i%4000 == 0 {
			orders.open(w, mallory, i/4000*5)
		}
	}
	if last(judge(w.calls), "bola", "mallory") == nil {
		t.Error("forgotten under a flood")
	}
}

// A call whose answer names an owner in each of 64 elements.
func BenchmarkListWithOwners(b *testing.B) {
	w := newWorld()
	var ns []int
	for i := range 64 {
		ns = append(ns, i%5)
	}
	for range 64 {
		orders.list(w, user("u"), "/orders", true, ns...)
	}
	o := observations(w.calls)
	s := objects.New(7)
	var out detect.Output
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Observe(&o[i%len(o)], &out)
	}
}
