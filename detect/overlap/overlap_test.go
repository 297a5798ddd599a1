package overlap_test

import (
	"fmt"
	"testing"
	"time"

	"lapwing/event"
)

const workersFrom = 1 << 20

// Workers who divide a catalogue among themselves are found before 15 % of it
// or 3,000 things are gone, however slow they are and however it is read.
func TestDividedCatalogue(t *testing.T) {
	for name, tc := range map[string]struct {
		size  int
		slope float64
		each  int
		pace  time.Duration
	}{
		"steep":           {20_000, 1.0, 3, 300 * time.Millisecond},
		"flat":            {20_000, 0.6, 3, 300 * time.Millisecond},
		"small":           {4000, 0.8, 3, 300 * time.Millisecond},
		"large":           {60_000, 1.0, 5, 300 * time.Millisecond},
		"hundredth speed": {20_000, 1.0, 3, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFair(1, tc.size, tc.slope)
			f.pace = tc.pace
			f.visitors(0, 800, 10)
			order := f.rng.Perm(tc.size)
			for w := 0; (w+1)*tc.each <= min(4000, tc.size); w++ {
				for k := range tc.each {
					f.read(workersFrom+w, "tool", "Mozilla/5.0", order[w*tc.each+k])
				}
				f.visitors(10_000+w, 1, 6)
			}
			alerts := judge(f.calls)
			a := first(alerts)
			if a == nil {
				t.Fatal("not found")
			}
			taken := int(a.Counts["objects"])
			if a.Entity.Value != "tool" || taken > max(3000, tc.size*15/100) {
				t.Errorf("%v after %d of %d", a.Entity, taken, tc.size)
			}
			t.Logf("found after %d of %d: %s", taken, tc.size, a.Summary)
			sound(t, alerts)
		})
	}
}

// What many read without being one.
func TestIndependentReaders(t *testing.T) {
	for name, crowd := range map[string]func(f *fair){
		"another browser": func(f *fair) {
			for i := range 600 {
				for range 1 + f.rng.IntN(8) {
					f.read(workersFrom+i, "new", "Mozilla/5.0", f.popular())
				}
			}
		},
		"from search engines, anything": func(f *fair) {
			for i := range 3000 {
				f.read(workersFrom+i, "landing", "Mozilla/5.0", f.rng.IntN(len(f.cdf)))
			}
		},
		"a sale": func(f *fair) {
			for i := range 4000 {
				f.read(workersFrom+i, fmt.Sprint("browser-", i%5), "Mozilla/5.0", 7)
			}
			for i := range 600 {
				for range 3 {
					f.read(workersFrom+10_000+i, "new", "Mozilla/5.0", f.popular())
				}
			}
		},
		"their own, by a new release": func(f *fair) {
			// 1,500 people come from a new address each day and read some of their own
			// ten things, on the last day with a new program.
			for day := range 8 {
				print := "app-1"
				if day == 7 {
					print = "app-2"
				}
				for i := range 1500 {
					for _, k := range f.rng.Perm(10)[:1+f.rng.IntN(8)] {
						f.read(workersFrom+day*2000+i, print, "app", 1_000_000+10*i+k)
					}
				}
			}
		},
		"their own at a place for all": func(f *fair) {
			// Documents that are read by the one who wrote them, with the app, beside
			// those for all, on the web.
			for i := range 400 {
				for k := range 1 + int(f.rng.ExpFloat64()*3) {
					f.read(workersFrom+i, "app", "app", 500_000+100*i+k)
				}
			}
		},
		"their own, by links in a mail": func(f *fair) {
			for i := range 3000 {
				f.read(workersFrom+i, "mail", "mail", 500_000+i)
			}
		},
		"one program of few": func(f *fair) {
			for i := range 3000 {
				f.read(workersFrom+i%20, "partner", "sync", i)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFair(2, 20_000, 1.0)
			f.visitors(0, 1500, 10)
			crowd(f)
			f.visitors(5000, 500, 10)
			if a := first(judge(f.calls)); a != nil {
				t.Errorf("%s", a.Summary)
			}
		})
	}
}

// Declared crawlers divide what they read, and say so.
func TestCrawlersAreLow(t *testing.T) {
	f := newFair(3, 20_000, 1.0)
	f.visitors(0, 1500, 10)
	for i := range 3000 {
		f.read(workersFrom+i/3, "bot", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", i)
	}
	alerts := judge(f.calls)
	found := false
	for _, a := range alerts {
		if a.Entity.Kind == event.KindCluster {
			found = true
			if a.Severity > event.Low {
				t.Errorf("%v: %s", a.Severity, a.Summary)
			}
		}
	}
	if !found {
		t.Error("not seen at all")
	}
}

// Logs show no fingerprint: the user agent without versions takes its place.
func TestByUserAgentAndAfterARestart(t *testing.T) {
	f := newFair(4, 5000, 0.9)
	f.visitors(0, 800, 8)
	for i := range 2400 {
		f.read(workersFrom+i/3, "", fmt.Sprintf("python-requests/2.%d", i/3%20), i)
	}
	for _, c := range f.calls {
		c.Source = event.SourceLog
	}
	a := first(judge(f.calls))
	if a == nil || a.Entity.Kind != event.KindCluster {
		t.Errorf("got %+v", a)
	}
	interrupted(t, f.calls)
}

// Workers that hide in every program that people use still know what nobody
// told them.
func TestUntold(t *testing.T) {
	world := func(workers bool) []*event.Call {
		f := newFair(5, 6000, 0.9)
		visit := func(who, n int) {
			var things []int
			for range n {
				things = append(things, f.popular())
			}
			f.list(who, fmt.Sprint("browser-", who%5), things)
			for _, thing := range things {
				f.read(who, fmt.Sprint("browser-", who%5), "Mozilla/5.0", thing)
			}
		}
		for i := range 600 {
			visit(i, 5)
		}
		order := f.rng.Perm(6000)
		for i := range 900 {
			for k := range 3 {
				thing := order[3*i+k]
				if !workers { // links from everywhere
					thing = f.popular()
				}
				f.read(workersFrom+i, fmt.Sprint("browser-", i%5), "Mozilla/5.0", thing)
			}
			visit(10_000+i, 2)
		}
		return f.calls
	}
	alerts := judge(world(true))
	a := first(alerts)
	if a == nil || a.Entity.Kind != event.KindEndpoint || a.Detector != "object_enumeration" {
		t.Fatalf("got %+v", a)
	}
	t.Log(a.Summary)
	sound(t, alerts)
	if a := first(judge(world(false))); a != nil {
		t.Errorf("links: %s", a.Summary)
	}
}
