package simulate

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// seen is what a run shows of its first part.
type seen struct {
	w        *World
	part     Part
	calls    int
	status   map[int]int
	callers  map[string]int
	users    map[string]int
	agents   map[string]int
	targets  map[string]int
	logins   map[string][]bool // by user: did the attempt go well
	times    []int64
	everyday int
}

// look runs a world with one scenario. suits narrows the seeds.
func look(t *testing.T, id string, o Options, suits func(*application) bool) *seen {
	t.Helper()
	o.Scenarios = []Choice{{ID: id}}
	var w *World
	for seed := uint64(1); ; seed++ {
		o.Seed = seed
		var err error
		if w, err = New(o); err != nil {
			t.Fatal(err)
		}
		if suits == nil || suits(w.app) {
			break
		}
	}
	s := &seen{w: w, status: map[int]int{}, callers: map[string]int{}, users: map[string]int{}, agents: map[string]int{}, targets: map[string]int{}, logins: map[string][]bool{}}
	login := w.app.login.template()
	if err := w.Run(t.Context(), func(x *Exchange) error {
		if x.Part == 0 {
			s.everyday++
			return nil
		}
		s.calls++
		s.status[x.Status]++
		s.callers[x.Caller.String()]++
		s.users[x.User]++
		s.agents[agentOf(x)]++
		s.targets[x.Target]++
		s.times = append(s.times, x.AtNS)
		if x.Target == login {
			s.logins[x.User] = append(s.logins[x.User], x.Status < 400)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	s.part = w.Truth().Parts[0]
	if s.part.Calls != int64(s.calls) || s.part.Attack || s.part.Harm != 0 {
		t.Errorf("%s: %d calls of %d, attack %v, harm %d", id, s.part.Calls, s.calls, s.part.Attack, s.part.Harm)
	}
	return s
}

// plain is an application that tells failures by the status.
func plain(a *application) bool {
	return a.style.api == apiREST && a.style.auth <= authCookie && (a.style.fail == fail401 || a.style.fail == fail400 || a.style.fail == fail422) && !a.style.form && a.style.mfa == 0 && a.style.lockAfter == 0
}

func (s *seen) firstFailures() float64 {
	failed := 0
	for _, tries := range s.logins {
		if !tries[0] {
			failed++
		}
	}
	return float64(failed) / float64(max(1, len(s.logins)))
}

func near(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s: %g, want %g to %g", what, got, low, high)
	}
}

// What each scenario says of itself is so.
func TestHarmlessScenariosAreWhatTheySay(t *testing.T) {
	if testing.Short() {
		t.Skip("a world is one goroutine: the whole test looks at more of them")
	}
	small := Options{Users: 60, Length: 24 * time.Hour, Rate: .3}
	for id, check := range map[string]func(*testing.T){
		"B01": func(t *testing.T) {
			s := look(t, "B01", Options{Users: 400, Rate: .1}, plain)
			near(t, "addresses", float64(len(s.callers)), 1, 1)
			near(t, "people", float64(len(s.users)), 380, 400)
			near(t, "first failures", s.firstFailures(), .18, .32)
			hour, workday := s.w.clock.hour(s.times[len(s.times)/2])
			if hour < 8 || hour > 9 || !workday {
				t.Errorf("at %d o'clock", hour)
			}
		},
		"B02": func(t *testing.T) {
			s := look(t, "B02", Options{Users: 400, Rate: .1}, plain)
			near(t, "first failures", s.firstFailures(), .5, .7)
		},
		"B03": func(t *testing.T) {
			s := look(t, "B03", small, plain)
			near(t, "answers of 503", float64(s.status[503]), 30, 5000)
		},
		"B04": func(t *testing.T) {
			s := look(t, "B04", Options{Users: 300, Rate: .1}, nil)
			near(t, "addresses", float64(len(s.callers)), 1, 1)
			near(t, "programs", float64(len(s.agents)), 1, 40)
			near(t, "people", float64(len(s.users)), 200, 300)
		},
		"B05": func(t *testing.T) {
			s := look(t, "B05", small, nil)
			near(t, "proxies that the truth names", float64(len(s.w.truth.Proxies)), 0, 0)
			near(t, "proxies", float64(len(s.w.proxies)), 6, 6)
		},
		"B06": func(t *testing.T) { near(t, "callers", float64(len(look(t, "B06", small, nil).callers)), 200, 3000) },
		"B07": func(t *testing.T) { near(t, "calls", float64(look(t, "B07", small, nil).calls), 5000, 70_000) },
		"B08": func(t *testing.T) {
			s := look(t, "B08", small, plain)
			near(t, "addresses", float64(len(s.callers)), 1, 1)
			near(t, "share of distinct targets", float64(len(s.targets))/float64(s.calls), .9, 1)
		},
		"B09": func(t *testing.T) {
			s := look(t, "B09", small, plain)
			near(t, "calls", float64(s.calls), 395, 800)
			near(t, "refusals", float64(s.status[403]+s.status[404]), 0, 0)
			near(t, "hours", float64(s.times[len(s.times)-1]-s.times[0])/3600e9, 6, 14)
		},
		"B10": func(t *testing.T) {
			s := look(t, "B10", small, plain)
			near(t, "refusals", float64(s.status[403]+s.status[404]), 0, 0)
			near(t, "share of distinct targets", float64(len(s.targets))/float64(s.calls), 1, 1)
		},
		"B11": func(t *testing.T) {
			s := look(t, "B11", small, plain)
			fresh := 0
			for _, op := range s.w.app.ops {
				if op.kind == opConfig && !op.documented && op.calls > 0 {
					fresh++
				}
			}
			near(t, "new endpoints that are used", float64(fresh), 10, 14)
		},
		"B12": func(t *testing.T) {
			s := look(t, "B12", small, func(a *application) bool { return plain(a) && !a.style.soft404 })
			near(t, "share of 404", float64(s.status[404])/float64(s.calls), .04, .14)
		},
		"B13": func(t *testing.T) {
			s := look(t, "B13", Options{Users: 60, Rate: .3, App: "shop"}, nil)
			near(t, "programs", float64(len(s.agents)), 3, 3)
			near(t, "calls", float64(s.calls), 2000, 60_000)
		},
		"B14": func(t *testing.T) {
			s := look(t, "B14", small, plain)
			near(t, "logins a day", float64(len(s.logins["svc-status-check"])), 280, 290)
			if slices.Contains(s.logins["svc-status-check"], true) {
				t.Error("the wrong password is right")
			}
		},
		"B15": func(t *testing.T) {
			s := look(t, "B15", small, plain)
			seconds := float64(s.times[len(s.times)-1]-s.times[0]) / 1e9
			near(t, "calls a second", float64(s.calls)/seconds, .8, 1.01)
			near(t, "share of 401", float64(s.status[401])/float64(s.calls), .98, 1)
		},
		"B16": func(t *testing.T) {
			s := look(t, "B16", small, nil)
			near(t, "addresses", float64(len(s.callers)), 5, 5)
			near(t, "people", float64(len(s.users)), 20, 20)
		},
		"B17": func(t *testing.T) {
			s := look(t, "B17", small, nil)
			near(t, "addresses for each of 20", float64(len(s.callers))/20, 3, 20)
		},
		"B18": func(t *testing.T) {
			s := look(t, "B18", Options{Users: 60, Rate: .3, App: "social", Length: 24 * time.Hour}, nil)
			near(t, "people", float64(len(s.users)), 5, 5)
			near(t, "devices", float64(len(s.callers)), 10, 200)
		},
		"B19": func(t *testing.T) {
			s := look(t, "B19", small, plain)
			near(t, "addresses", float64(len(s.callers)), 1, 1)
			near(t, "accounts", float64(len(s.users)), 200, 200)
			near(t, "first failures", s.firstFailures(), .03, .2)
		},
		"B20": func(t *testing.T) { near(t, "calls of three", float64(look(t, "B20", small, nil).calls), 1800, 2300) },
		"B21": func(t *testing.T) { near(t, "calls", float64(look(t, "B21", small, nil).calls), 1500, 7000) },
		"B22": func(t *testing.T) {
			s := look(t, "B22", small, plain)
			near(t, "refusals", float64(s.status[401]), 40, 1000)
		},
		"B23": func(t *testing.T) { near(t, "people", float64(len(look(t, "B23", small, nil).users)), 60, 60) },
		"B24": func(t *testing.T) {
			s := look(t, "B24", small, plain)
			near(t, "addresses", float64(len(s.callers)), 1, 1)
			near(t, "accounts made", float64(s.w.app.register.calls), 30, 60)
		},
		"B25": func(t *testing.T) { near(t, "calls", float64(look(t, "B25", small, nil).calls), 500, 1e5) },
		"B26": func(t *testing.T) { near(t, "calls", float64(look(t, "B26", small, nil).calls), 500, 1e5) },
		"B27": func(t *testing.T) {
			near(t, "calls", float64(look(t, "B27", Options{Users: 60, Rate: .3, App: "social"}, nil).calls), 200, 1e5)
		},
		"B28": func(t *testing.T) {
			s := look(t, "B28", small, plain)
			near(t, "rounds a day", float64(s.targets[s.w.app.health.template()]), 280, 290)
			near(t, "logins a round", float64(len(s.logins["svc-smoke-test"])), 560, 590)
		},
		"B29": func(t *testing.T) {
			s := look(t, "B29", Options{Users: 60, Rate: .3, App: "shop"}, func(a *application) bool { return plain(a) && !a.style.soft404 })
			near(t, "share of 404", float64(s.status[404])/float64(s.calls), .02, .04)
			near(t, "slugs", float64(len(s.targets)), 3000, 40_000)
		},
		"B30": func(t *testing.T) {
			s := look(t, "B30", small, nil)
			near(t, "callers", float64(len(s.callers)), 800, 3000)
		},
	} {
		t.Run(id, check)
	}
}

func TestDisorderRepeatsAndDelays(t *testing.T) {
	const delay = 90e9
	var sent, got []int64
	seenIDs := map[uint64]int{}
	emit, flush := Disorder(1, .01, delay, func(x *Exchange) error {
		got = append(got, x.AtNS)
		seenIDs[x.Conn]++
		return nil
	})
	run(t, Options{Seed: 1, App: "shop", Users: 60, Length: 10 * time.Hour}, func(x *Exchange) {
		sent = append(sent, x.AtNS)
		c := *x
		c.Conn = uint64(len(sent))
		if err := emit(&c); err != nil {
			t.Fatal(err)
		}
	})
	if err := flush(); err != nil {
		t.Fatal(err)
	}
	twice := float64(len(got)-len(sent)) / float64(len(sent))
	near(t, "share that came twice", twice, .004, .02)
	if len(seenIDs) != len(sent) {
		t.Errorf("%d of %d came", len(seenIDs), len(sent))
	}
	if slices.IsSorted(got) {
		t.Error("nothing is out of order")
	}
	high := int64(0)
	for _, at := range got {
		if high-at > delay {
			t.Fatalf("%d s late", (high-at)/1e9)
		}
		high = max(high, at)
	}
}

func TestScenariosAreListed(t *testing.T) {
	all := Scenarios()
	benign := 0
	for i, s := range all {
		if s.ID == "" || s.Name == "" || s.Says == "" || i > 0 && all[i-1].ID >= s.ID {
			t.Errorf("%+v", s)
		}
		for _, app := range s.Apps {
			if kindNamed(app) == nil {
				t.Errorf("%s wants %q", s.ID, app)
			}
		}
		if strings.HasPrefix(s.ID, "B") {
			benign++
			if s.Attack {
				t.Errorf("%s is called an attack", s.ID)
			}
		}
	}
	if benign != 30 {
		t.Errorf("%d harmless scenarios", benign)
	}
}
