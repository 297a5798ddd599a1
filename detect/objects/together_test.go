package objects_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lapwing/event"
)

// together returns the last alert about a place as a whole.
func together(alerts []event.Alert) (found *event.Alert) {
	for i := range alerts {
		if alerts[i].Entity.Kind == event.KindEndpoint && alerts[i].Severity >= event.Medium {
			found = &alerts[i]
		}
	}
	return found
}

// mall is a shop of many in which everybody keeps to their own, between which
// others do what other(i) does, once for each of the people who come later.
func mall(w *world, early, later int, other func(i int)) {
	shop(w, early)
	for i := range later {
		u := early + i
		who := user(fmt.Sprintf("user%d", u))
		w.list(who, "/orders", 1000+10*u, 1009+10*u)
		for k := range 3 {
			w.sleep(time.Second)
			w.call(who, "GET", fmt.Sprintf("/orders/%d", 1000+10*u+k), 200, fmt.Sprintf("id=%d", 1000+10*u+k))
		}
		other(i)
	}
}

// Two hundred accounts read three objects of others each: none of them shows
// enough by itself.
func TestCollusion(t *testing.T) {
	for name, tc := range map[string]struct {
		own   bool // each also lists and reads three of its own
		pause time.Duration
	}{"bare": {}, "slowly": {pause: 6 * time.Minute}, "with own objects": {own: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			rng := rand.New(rand.NewPCG(5, 6))
			foreign, found := 0, 0
			mall(w, 100, 200, func(i int) {
				w.sleep(tc.pause)
				who := user(fmt.Sprintf("mule%d", i))
				if tc.own {
					w.list(who, "/orders", 50_000+10*i, 50_002+10*i)
					for k := range 3 {
						w.call(who, "GET", fmt.Sprintf("/orders/%d", 50_000+10*i+k), 200)
					}
				}
				for range 3 {
					id := 1000 + rng.IntN(1000)
					w.call(who, "GET", fmt.Sprintf("/orders/%d", id), 200, fmt.Sprintf("id=%d", id))
					foreign++
				}
			})
			alerts := judge(w.calls)
			a := together(alerts)
			if a == nil || a.Detector != "bola" || a.Severity != event.High || a.Counts["owners"] < 3 {
				t.Fatalf("got %+v", a)
			}
			sound(t, alerts)
			for n, c := range w.calls {
				if n%50 != 0 || c.Time.Sub(w.calls[0].Time) < 10*time.Minute {
					continue
				}
				if first := together(judgeQuick(w.calls[:n])); first != nil {
					found = int(first.Counts["read"])
					break
				}
			}
			if found == 0 || found > 60 {
				t.Errorf("found after %d of %d foreign reads", found, foreign)
			}
			t.Logf("found after %d foreign reads", found)
		})
	}
}

// What looks like collusion and is none.
func TestNoCollusion(t *testing.T) {
	for name, other := range map[string]func(w *world, i int){
		"told of them": func(w *world, i int) {
			who := user(fmt.Sprintf("mate%d", i))
			w.list(who, "/orders", 1000+3*i, 1002+3*i)
			for k := range 3 {
				w.call(who, "GET", fmt.Sprintf("/orders/%d", 1000+3*i+k), 200)
			}
		},
		"links among friends": func(w *world, i int) {
			who := user(fmt.Sprintf("user%d", 100+i))
			if i%8 == 0 {
				w.call(who, "GET", fmt.Sprintf("/orders/%d", 1000+4*i), 200)
			}
		},
		"all sessions replaced": func(w *world, i int) {
			old := caller{kind: event.KindSession, name: fmt.Sprintf("old%d", i), client: fmt.Sprintf("10.9.%d.1", i), print: "app"}
			renewed := caller{kind: event.KindSession, name: fmt.Sprintf("new%d", i), client: fmt.Sprintf("10.8.%d.1", i), print: "app"}
			w.list(old, "/orders", 60_000+10*i, 60_009+10*i)
			for k := range 3 {
				w.call(renewed, "GET", fmt.Sprintf("/orders/%d", 60_000+10*i+k), 200)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			mall(w, 100, 200, func(i int) { other(w, i) })
			silent(t, judge(w.calls))
		})
	}
}

// One object of another among five of one's own, one a day: below the share
// that the first test tolerates, and more owners than anybody else reads from.
func TestDilution(t *testing.T) {
	for _, tc := range []struct{ own, most int }{{1, 8}, {5, 10}} {
		w := newWorld()
		shop(w, 100)
		who := user("mallory")
		w.list(who, "/orders", 80_000, 80_199)
		found := 0
		for i := range 40 {
			for k := range tc.own {
				w.call(who, "GET", fmt.Sprintf("/orders/%d", 80_000+i*tc.own+k), 200)
			}
			w.call(who, "GET", fmt.Sprintf("/orders/%d", 1000+(37*i)%1000), 200)
			w.sleep(20 * time.Hour)
			if i < 30 && found == 0 && last(judgeQuick(w.calls), "bola", "mallory") != nil {
				found = i + 1
			}
		}
		if found == 0 || found > tc.most {
			t.Errorf("with %d own objects to each foreign one: found after %d", tc.own, found)
		}
		t.Logf("1:%d found after %d foreign objects", tc.own, found)
		alerts := judge(w.calls)
		sound(t, alerts)
	}
}

// Many addresses, each asking for few numbers that nobody told it of.
func TestGuessingTogether(t *testing.T) {
	world := func(status func(i, k int) int, told bool) []*event.Call {
		w := newWorld()
		mall(w, 100, 120, func(i int) {
			v := visitor(fmt.Sprintf("198.51.%d.%d", i/200, 1+i%200))
			if told {
				w.list(v, "/orders", 9000+2*i, 9001+2*i)
			}
			for k := range 2 {
				w.call(v, "GET", fmt.Sprintf("/orders/%d", 9000+2*i+k), status(i, k))
			}
		})
		return w.calls
	}
	alerts := judge(world(func(i, k int) int { return 404 }, false))
	a := together(alerts)
	if a == nil || a.Detector != "object_enumeration" || a.Counts["actors"] < 20 {
		t.Errorf("got %+v", a)
	}
	sound(t, alerts)
	silent(t, judge(world(func(i, k int) int { return 404 }, true)))
	silent(t, judge(world(func(i, k int) int { // one old link in twenty-five
		if i%25 == 0 && k == 0 {
			return 404
		}
		return 200
	}, true)))
}
