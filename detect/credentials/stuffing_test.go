package credentials

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"lapwing/event"
)

func clientEntity(ip string) event.Entity { return event.Entity{Kind: event.KindClient, Value: ip} }

func (t *traffic) stuff(at, every time.Duration, n int, from func(int) string, fp string, hit func(int) bool) {
	for i := range n {
		t.login(at+time.Duration(i)*every, from(i), fp, fmt.Sprintf("victim%d", i), hit != nil && hit(i))
	}
}

func always(s string) func(int) string { return func(int) string { return s } }

// Twenty attempts at a login that was never seen before must be enough, at any pace.
func TestStuffingColdAtAnyPace(t *testing.T) {
	for _, by := range []int{1, 100, 5000} {
		tr := newTraffic(1)
		tr.stuff(0, 2*time.Second, 20, always("203.0.113.7"), "py", nil)
		tr.stretch(by)
		a := tr.run(t).one(t, "credential_stuffing", clientEntity("203.0.113.7"))
		if a.Severity != event.Medium || a.Outcome != event.OutcomeBlocked || a.Counts["accounts"] != 20 {
			t.Errorf("x%d: %v %v %v", by, a.Severity, a.Outcome, a.Counts)
		}
	}
}

func TestStuffingIsFoundAtTheTenthAccount(t *testing.T) {
	for n, want := range map[int]int{9: 0, 10: 1} {
		for _, by := range []int{1, 100} {
			tr := newTraffic(2)
			tr.warm(0, 60)
			tr.stuff(time.Hour, time.Second, n, always("203.0.113.7"), "py", nil)
			tr.stretch(by)
			if got := len(tr.run(t).loud()); got != want {
				t.Errorf("%d accounts, x%d: %d alerts, want %d", n, by, got, want)
			}
		}
	}
}

func TestStuffingThatSucceedsIsHigh(t *testing.T) {
	tr := newTraffic(3)
	tr.warm(0, 60)
	tr.stuff(time.Hour, time.Second, 60, always("203.0.113.7"), "py", func(i int) bool { return i == 40 })
	a := tr.run(t).one(t, "credential_stuffing", clientEntity("203.0.113.7"))
	if a.Severity != event.High || a.Outcome != event.OutcomeSucceeded || a.Counts["entered_accounts"] != 1 {
		t.Errorf("%v %v %v %s", a.Severity, a.Outcome, a.Counts, a.Summary)
	}
}

// Who has come into many accounts is no household for it: the story goes on,
// and is told within the attack's own time.
func TestVictimsDoNotMakeAnAddressShared(t *testing.T) {
	tr := newTraffic(13)
	tr.warm(0, 60)
	tr.stuff(time.Hour, time.Second, 120, always("203.0.113.7"), "py", func(i int) bool { return i >= 40 && i < 60 && i%2 == 0 })
	for i := range 10 { // and the accounts are used
		tr.add(time.Hour+time.Duration(41+2*i)*time.Second, event.Call{Client: ip("203.0.113.7"), Fingerprint: "py", Method: "GET", Path: "/v1/me", PathShape: "/v1/me", Status: 200,
			Auth: event.AuthBearer, User: fmt.Sprintf("nm-user%d", i)})
	}
	a := tr.run(t).one(t, "credential_stuffing", clientEntity("203.0.113.7"))
	if a.Counts["accounts"] != 120 || a.Counts["entered_accounts"] != 10 {
		t.Errorf("told %v of 120 accounts, 10 of them entered", a.Counts)
	}
}

// A bot inside an office or a carrier's address is found by what stays unresolved.
func TestStuffingBehindSharedAddress(t *testing.T) {
	tr := newTraffic(4)
	office(tr, 0, "198.51.100.4", 300, 0.25)
	tr.stuff(20*time.Minute, 3*time.Second, 40, always("198.51.100.4"), "py", nil)
	tr.run(t).one(t, "credential_stuffing", clientEntity("198.51.100.4"))
}

func TestStuffingFromRotatingNetwork(t *testing.T) {
	tr := newTraffic(5)
	tr.warm(0, 60)
	tr.stuff(time.Hour, time.Second, 60, func(i int) string { return fmt.Sprintf("203.0.113.%d", 1+i%30) }, "py", nil)
	tr.run(t).one(t, "credential_stuffing", event.Entity{Kind: event.KindNetwork, Value: "203.0.113.0/24"})
}

func TestStuffingWithRotatingFingerprintIsOneIncident(t *testing.T) {
	tr := newTraffic(6)
	tr.warm(0, 60)
	for i := range 60 {
		tr.login(time.Hour+time.Duration(i)*time.Second, "203.0.113.7", fmt.Sprintf("fp%d", i%7), fmt.Sprintf("v%d", i), false)
	}
	tr.run(t).one(t, "credential_stuffing", clientEntity("203.0.113.7"))
}

// office has n people log in within half an hour; a share mistypes first.
func office(t *traffic, at time.Duration, from string, n int, mistype float64) {
	for i := range n {
		when := at + time.Duration(t.rng.Int64N(int64(30*time.Minute)))
		user := fmt.Sprintf("office%d", i)
		for t.rng.Float64() < mistype {
			t.login(when, from, fmt.Sprintf("browser%d", i%9), user, false)
			when += time.Duration(5+t.rng.IntN(60)) * time.Second
		}
		t.login(when, from, fmt.Sprintf("browser%d", i%9), user, true)
	}
}

func TestOfficeMondayIsSilent(t *testing.T) {
	for seed := range uint64(8) {
		tr := newTraffic(seed)
		office(tr, 0, "198.51.100.4", 500, 0.25)
		tr.run(t).silent(t)
	}
}

func TestPasswordExpiryDayIsSilent(t *testing.T) {
	for seed := range uint64(5) {
		tr := newTraffic(seed)
		for day := range 3 {
			mistype := 0.15
			if day == 2 {
				mistype = 0.6
			}
			office(tr, time.Duration(day)*24*time.Hour, "198.51.100.4", 300, mistype)
		}
		tr.run(t).silent(t)
	}
}

func TestOutageAndRetryStormAreSilent(t *testing.T) {
	tr := newTraffic(9)
	tr.warm(0, 60)
	for i := range 3000 {
		c := tr.login(time.Hour+time.Duration(i)*300*time.Millisecond, fmt.Sprintf("198.51.%d.%d", i%3, i%97), "app", fmt.Sprintf("u%d", i%400), false)
		c.Status, c.Shape.Response = 503, event.BodyShape{Type: "html"}
	}
	for i := range 400 {
		tr.login(2*time.Hour+time.Duration(i)*200*time.Millisecond, fmt.Sprintf("198.51.%d.%d", i%3, i%97), "app", fmt.Sprintf("u%d", i), i%6 != 0)
	}
	tr.run(t).silent(t)
}

func TestCarrierIsSilent(t *testing.T) {
	tr := newTraffic(10)
	for i := range 4000 {
		at := time.Duration(i) * 11 * time.Second
		user := fmt.Sprintf("sub%d", i)
		if tr.rng.Float64() < 0.2 {
			tr.login(at, "100.64.0.9", "phone", user, false)
			if tr.rng.Float64() < 0.2 {
				continue // gives up
			}
			at += 20 * time.Second
		}
		tr.login(at, "100.64.0.9", "phone", user, true)
	}
	tr.run(t).silent(t)
}

// The same list of test users, wrong on purpose, every five minutes for a month.
func TestIntegrationTestsAreSilent(t *testing.T) {
	tr := newTraffic(11)
	tr.warm(0, 60)
	for i := range 3000 {
		at := time.Hour + time.Duration(i)*5*time.Minute
		for j := range 4 {
			tr.login(at+time.Duration(j)*time.Second, "198.51.100.9", "ci", fmt.Sprintf("test%d", j), j == 3).RequestBytes = 44
		}
	}
	tr.run(t).silent(t)
}

// One attempt a client, all with the same program: nobody stands out but the program.
func TestBotnetWithItsOwnProgram(t *testing.T) {
	for _, by := range []int{1, 100} {
		tr := newTraffic(12)
		tr.warm(0, 60)
		tr.stuff(time.Hour, time.Minute, 40, func(i int) string { return fmt.Sprintf("203.%d.113.%d", i, i+1) }, "bot", func(i int) bool { return i == 30 })
		tr.stretch(by)
		a := tr.run(t).one(t, "credential_stuffing", event.Entity{Kind: event.KindCluster, Value: "bot"})
		if a.Severity != event.High {
			t.Errorf("severity %v: %s", a.Severity, a.Summary)
		}
	}
}

// A log shows who tried only where the server authenticates by itself.
func TestStuffingByBasicInALog(t *testing.T) {
	tr := newTraffic(13)
	for i := range 20 {
		tr.add(time.Duration(i)*3*time.Second, event.Call{Source: event.SourceLog, Client: ip("203.0.113.7"), Fingerprint: "ua", Method: "GET", Path: "/private/", Status: 401, Account: fmt.Sprintf("nm-%d", i)})
	}
	tr.run(t).one(t, "credential_stuffing", clientEntity("203.0.113.7"))
}

func TestOfficeInALogIsSilent(t *testing.T) {
	for _, status := range []int{401, 200} { // refused, or shown the form again
		for seed := range uint64(4) {
			tr := newTraffic(seed)
			for range 500 {
				at := time.Duration(tr.rng.Int64N(int64(30 * time.Minute)))
				for tr.rng.Float64() < 0.3 {
					tr.form(at, "198.51.100.4", "/login", status, 4000)
					at += 15 * time.Second
				}
				ok := 200
				if status == 200 {
					ok = 302
				}
				tr.form(at, "198.51.100.4", "/login", ok, 150)
			}
			tr.run(t).silent(t)
		}
	}
}

// Few passwords for everybody are told by their name once the second round
// shows them: bodies are equally long but for the account in them. A single
// round, and a list of generated passwords, might be either and are stuffing.
func TestSprayingIsToldFromStuffing(t *testing.T) {
	for name, tc := range map[string]struct {
		rounds int
		vary   int
		want   []string
	}{
		"two passwords for everybody":          {2, 1, []string{"credential_stuffing", "password_spraying"}},
		"equally long passwords, one for each": {1, 1, []string{"credential_stuffing"}},
		"passwords of all lengths, twice":      {2, 6, []string{"credential_stuffing"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTraffic(31)
			tr.warm(0, 60)
			for round := range tc.rounds {
				for i := range 40 {
					user := base64.RawURLEncoding.EncodeToString([]byte(fmt.Sprintf("0123456789abcdefuser%0*d", 1+i%7, i)))
					c := tr.login(time.Hour+time.Duration(40*round+i)*time.Minute, "203.0.113.7", "py", user, false)
					c.RequestBytes = int64(40 + 3*round + len(fmt.Sprintf("user%0*d", 1+i%7, i)) + tr.rng.IntN(tc.vary))
				}
			}
			names := map[string]bool{}
			for _, a := range tr.run(t).alerts {
				if a.Entity != clientEntity("203.0.113.7") {
					t.Errorf("told about %v", a.Entity)
				}
				names[a.Detector] = true
			}
			if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, tc.want) {
				t.Errorf("told as %v, want %v", got, tc.want)
			}
		})
	}
}

// An attack that rotates through programs is told of the first of them, and not
// of each: what the others do is left to whoever judges all programs together.
func TestRotatingProgramsAreOneIncident(t *testing.T) {
	tr := newTraffic(32)
	tr.warm(0, 60)
	for i := range 400 {
		tr.login(time.Hour+time.Duration(i)*time.Minute, fmt.Sprintf("203.%d.%d.7", i%200, i%251), fmt.Sprintf("py%d", i%8), fmt.Sprintf("victim%d", i), false)
	}
	if list := tr.run(t).loud(); len(list) != 1 || list[0].Entity.Kind != event.KindCluster {
		t.Errorf("%d alerts: %v", len(list), list)
	}
}
