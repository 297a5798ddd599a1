package usercheck

import (
	"fmt"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

// The names that one client asks about are found after as many as the theory
// says, at any pace.
func TestToldAtAnyPace(t *testing.T) {
	var counts []int64
	for _, pace := range []time.Duration{time.Second, 100 * time.Second, 3 * time.Hour} {
		w := newWorld(1)
		for i := range 120 {
			outcome := detect.LoginNoSuchUser
			if w.rng.Float64() < 0.3 {
				outcome = detect.LoginFailure
			}
			w.login(time.Duration(i)*pace, "203.0.113.7", "fp", person(i), outcome)
		}
		a := w.run(t).one(t, event.KindClient, "203.0.113.7")
		counts = append(counts, int64(a.DetectedAt.Sub(epoch)/pace))
		if a.Outcome != event.OutcomeSucceeded || a.Counts["absent"] == 0 {
			t.Errorf("%+v", a)
		}
	}
	if counts[0] != counts[1] || counts[1] != counts[2] || counts[0] > 45 {
		t.Errorf("found at names %v", counts)
	}
}

func TestRetriesOfOneNameAreNothing(t *testing.T) {
	w := newWorld(2)
	for i := range 2000 {
		w.login(time.Duration(i)*time.Minute, "203.0.113.7", "fp", person(i%4), detect.LoginNoSuchUser)
	}
	w.run(t).silent(t)
}

// An office and a carrier: people mistype their names, forget their passwords
// and come in.
func TestPeopleAreSilent(t *testing.T) {
	w := newWorld(3)
	for i := range 4000 {
		at := time.Duration(i) * 20 * time.Second
		client := home(i)
		switch i % 4 {
		case 0:
			client = "192.0.2.1"
		case 1:
			client = "198.51.100.1"
		}
		fp := fmt.Sprintf("fp%d", w.rng.IntN(4))
		switch r := w.rng.Float64(); {
		case r < 0.06:
			w.login(at, client, fp, fmt.Sprintf("nm-typo%d", i), detect.LoginNoSuchUser)
		case r < 0.15:
			w.label(w.call(at, client, fp, "/forgot", 200), detect.LoginForgot, detect.LoginSuccess, person(i))
			w.label(w.call(at+90*time.Second, client, fp, "/reset", 200), detect.LoginReset, detect.LoginSuccess, person(i))
		case r < 0.2:
			w.login(at, client, fp, person(i), detect.LoginFailure)
		}
		w.login(at+2*time.Minute, client, fp, person(i), detect.LoginSuccess)
	}
	w.run(t).silent(t)
}

// A form that asks at every key, filled in by a thousand people, of whom two in
// ten give up; half of them behind one address.
func TestFormsThatCheckNamesAreSilent(t *testing.T) {
	w := newWorld(4)
	for i := range 1000 {
		at, client := time.Duration(i)*time.Minute, home(i)
		if i%2 == 0 {
			client = "192.0.2.1"
		}
		for k := range 3 + w.rng.IntN(8) {
			w.lookup(at+time.Duration(k)*time.Second, client, "fp", fmt.Sprintf("%s-%d", person(i), k))
		}
		switch {
		case w.rng.Float64() < 0.2: // gives up
		case w.rng.Float64() < 0.2:
			w.label(w.call(at+30*time.Second, client, "fp", "/register", 409), detect.LoginRegister, detect.LoginTaken, person(i))
			fallthrough
		default:
			w.label(w.call(at+50*time.Second, client, "fp", "/register", 201), detect.LoginRegister, detect.LoginSuccess, person(i)+"x")
		}
	}
	w.run(t).silent(t)
}

func TestLookupsWithoutEnd(t *testing.T) {
	w := newWorld(5)
	for i := range 150 {
		w.lookup(time.Duration(i)*time.Minute, "203.0.113.7", "fp", person(i))
	}
	a := w.run(t).one(t, event.KindClient, "203.0.113.7")
	if n := a.DetectedAt.Sub(epoch) / time.Minute; n > 90 {
		t.Errorf("found at name %d", n)
	}
}

func TestForgottenPasswordsOfOthers(t *testing.T) {
	w := newWorld(6)
	for i := range 150 { // the answers are all alike: only that nobody comes in tells
		w.label(w.call(time.Duration(i)*time.Minute, "203.0.113.7", "fp", "/forgot", 200), detect.LoginForgot, detect.LoginUnknown, person(i))
	}
	w.run(t).one(t, event.KindClient, "203.0.113.7")
}

// Names that the sensor does not recognise as such: the answers are counted.
func TestUnseenNames(t *testing.T) {
	w := newWorld(13)
	for i := range 300 { // people, one in five with a typing error
		outcome := detect.LoginSuccess
		if i%5 == 0 {
			outcome = detect.LoginFailure
		}
		w.label(w.call(time.Duration(i)*time.Minute, "192.0.2.1", "fp", "/forgot", 200), detect.LoginForgot, outcome, "")
	}
	for i := range 40 {
		w.label(w.call(time.Duration(i)*time.Hour, "203.0.113.7", "tool", "/forgot", 404), detect.LoginForgot, detect.LoginNoSuchUser, "")
	}
	a := w.run(t).one(t, event.KindClient, "203.0.113.7")
	if n := a.DetectedAt.Sub(epoch) / time.Hour; n > 20 {
		t.Errorf("found at call %d", n)
	}
}

func TestRegistrations(t *testing.T) {
	class := newWorld(7)
	for i := range 60 { // a school class: similar names, one address, a form that is hard to fill in
		at := time.Duration(i) * 10 * time.Second
		if class.rng.Float64() < 0.4 {
			class.label(class.call(at, "192.0.2.1", "fp", "/register", 422), detect.LoginRegister, detect.LoginFailure, person(i))
		}
		class.label(class.call(at+40*time.Second, "192.0.2.1", "fp", "/register", 201), detect.LoginRegister, detect.LoginSuccess, person(i)+"b")
	}
	class.run(t).silent(t)

	thief := newWorld(8)
	for i := range 40 {
		thief.label(thief.call(time.Duration(i)*time.Hour, "203.0.113.7", "fp", "/register", 409), detect.LoginRegister, detect.LoginTaken, person(i))
	}
	a := thief.run(t).one(t, event.KindClient, "203.0.113.7")
	if n := a.DetectedAt.Sub(epoch) / time.Hour; n > 15 {
		t.Errorf("found at name %d", n)
	}
}

// One question an address: the program over all of them is told.
func TestDistributed(t *testing.T) {
	w := newWorld(9)
	for i := range 2000 {
		w.login(time.Duration(i)*time.Minute, home(i), fmt.Sprintf("fp%d", i%5), person(i), detect.LoginSuccess)
	}
	for i := range 80 {
		w.login(time.Duration(i)*20*time.Minute, fmt.Sprintf("203.%d.113.7", i), "botnet", fmt.Sprintf("nm-guess%d", i), detect.LoginNoSuchUser)
	}
	w.run(t).one(t, event.KindCluster, "botnet")
}

// An endpoint that says "no" with one code to those who have an account, and
// with another to those who have none, is told; what it gives away is then held
// against those who ask.
func TestOracleIsLearned(t *testing.T) {
	w := newWorld(10)
	say := func(c *event.Call, code string) { c.Shape.Response.Outcome = "code=" + code }
	at := time.Duration(0)
	for i := range 600 {
		at += time.Minute
		w.login(at, home(i%200), "fp", person(i%200), detect.LoginSuccess)
		switch {
		case i%10 == 3:
			say(w.login(at+time.Second, home(i%200), "fp", person(i%200), detect.LoginFailure), "E2")
		case i%15 == 4:
			say(w.login(at+time.Second, home(i%200), "fp", fmt.Sprintf("nm-typo%d", i), detect.LoginFailure), "E7")
		}
	}
	learned := len(w.calls)
	w.run(t).silent(t)
	findings := 0
	for _, a := range w.alerts {
		if a.Severity == event.Info && a.Entity.Kind == event.KindEndpoint {
			findings++
		}
	}
	if findings != 1 {
		t.Fatalf("%d findings", findings)
	}
	for i := range 60 {
		say(w.login(at+time.Duration(i)*time.Hour, "203.0.113.7", "fp", fmt.Sprintf("nm-guess%d", i), detect.LoginFailure), "E7")
	}
	w.alerts = map[string]event.Alert{}
	a := w.run(t).one(t, event.KindClient, "203.0.113.7")
	if a.Counts["absent"] < 10 || len(w.calls) != learned+60 {
		t.Errorf("%v", a.Counts)
	}
}

// One answer to all teaches nothing, however many ask.
func TestOneAnswerIsNoOracle(t *testing.T) {
	w := newWorld(11)
	for i := range 1000 {
		at := time.Duration(i) * time.Minute
		w.login(at, home(i%200), "fp", person(i%200), detect.LoginSuccess)
		w.login(at+time.Second, home(i%200), "fp", person(i%400), detect.LoginFailure)
	}
	for range w.run(t).alerts {
		t.Fatal("an alert")
	}
}

func TestStateIsBounded(t *testing.T) {
	s := New(Config{Seed: 1, Clients: 512, Groups: 512, Endpoints: 256, Distinct: 1 << 12, Accounts: 1 << 12})
	e := detect.New(detect.Config{Seed: 1}, func(event.Alert) {}, &labels{of: map[event.ID]detect.Login{}}, s)
	w := newWorld(12)
	for i := range 20_000 {
		c := w.lookup(time.Duration(i)*time.Second, home(i), fmt.Sprint("fp", i), person(i))
		c.Path = fmt.Sprintf("/%d/users/exists", i)
		c.PathShape = c.Path
		e.Observe(c)
	}
	e.Close()
	if s.clients.Len() > 512 || s.sources.Len() > 512 || s.groups.Len() > 512 || s.endpoints.Len() > 256 || s.lookups.Len() > 4096 {
		t.Errorf("%d clients, %d groups, %d endpoints", s.clients.Len(), s.groups.Len(), s.endpoints.Len())
	}
}

func TestLookupPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/api/users/exists": true, "/check-email": true, "/v1/accounts/lookup": true, "/username/{slug}/available": true, "/auth/validateEmail": true,
		"/checkout/users": false, "/users/{id}": false, "/orders/check": false, "/health/check": false, "/v1/me": false,
	} {
		if lookupPath(path) != want {
			t.Errorf("%s: %v", path, !want)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	s, out := New(Config{Seed: 1}), &detect.Output{}
	c := &event.Call{Status: 200, Method: "GET", Path: "/v1/orders/7", PathShape: "/v1/orders/{int}", IDs: []event.IDRef{{In: event.InPath, Class: event.ClassInt, Hash: 7}}}
	b.ReportAllocs()
	for b.Loop() {
		o := detect.Observation{Call: c, AtNS: 2}
		s.Observe(&o, out)
	}
}
