package credentials

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"lapwing/event"
)

func (t *traffic) guess(at, every time.Duration, n int, from func(int) string, user string, last bool) {
	for i := range n {
		jitter := time.Duration(t.rng.Int64N(int64(every)/2 + 1))
		t.login(at+time.Duration(i)*every+jitter, from(i), "py", user, last && i == n-1)
	}
}

func TestBruteForceColdAtAnyPace(t *testing.T) {
	for _, by := range []int{1, 100, 5000} {
		tr := newTraffic(1)
		tr.guess(0, 2*time.Second, 20, always("203.0.113.7"), "admin", false)
		tr.stretch(by)
		a := tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
		if a.Counts["failures"] != 20 || !a.StartedAt.Equal(tr.calls[0].Time) || a.Counts["accounts"] != 1 || a.Severity != event.Medium {
			t.Errorf("x%d: %v %v", by, a.Counts, a.Severity)
		}
	}
}

func TestBruteForceIsFoundAtTheThirteenthGuess(t *testing.T) {
	for n, want := range map[int]int{12: 0, 13: 1} {
		for _, by := range []int{1, 100} {
			tr := newTraffic(2)
			tr.warm(0, 60)
			tr.guess(time.Hour, time.Second, n, always("203.0.113.7"), "admin", false)
			tr.stretch(by)
			if got := len(tr.run(t).loud()); got != want {
				t.Errorf("%d guesses, x%d: %d alerts, want %d", n, by, got, want)
			}
		}
	}
}

func TestBruteForceThatSucceedsIsHigh(t *testing.T) {
	tr := newTraffic(3)
	tr.warm(0, 60)
	tr.guess(time.Hour, time.Second, 40, always("203.0.113.7"), "admin", true)
	a := tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
	if a.Severity != event.High || a.Outcome != event.OutcomeSucceeded || a.Counts["entered_accounts"] != 1 {
		t.Errorf("%v %v %v %s", a.Severity, a.Outcome, a.Counts, a.Summary)
	}
}

func TestBruteForceFromManyClientsNamesTheAccount(t *testing.T) {
	tr := newTraffic(4)
	tr.warm(0, 60)
	tr.guess(time.Hour, 10*time.Minute, 40, func(i int) string { return fmt.Sprintf("203.%d.113.%d", i, i+1) }, "ceo", false)
	a := tr.run(t).one(t, "brute_force", event.Entity{Kind: event.KindAccount, Value: "nm-ceo"})
	if a.Counts["clients"] != 8 {
		t.Errorf("clients: %v", a.Counts)
	}
}

func TestSeveralAccountsOfOneClientAreOneIncident(t *testing.T) {
	tr := newTraffic(5)
	tr.warm(0, 60)
	for i := range 5 {
		tr.guess(time.Hour+time.Duration(i)*time.Hour, time.Second, 12, always("203.0.113.7"), fmt.Sprintf("user%d", i), false)
	}
	a := tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
	if a.Counts["attempts"] != 60 || a.Counts["accounts"] != 5 {
		t.Errorf("counts: %v", a.Counts)
	}
}

func TestStuffingOwnsItsAccounts(t *testing.T) {
	tr := newTraffic(6)
	tr.warm(0, 60)
	for round := range 6 {
		tr.stuff(time.Hour+time.Duration(round)*time.Hour, time.Second, 40, always("203.0.113.7"), "py", nil)
	}
	tr.run(t).one(t, "credential_stuffing", clientEntity("203.0.113.7"))
}

func TestBlindBruteForceInLogs(t *testing.T) {
	for _, c := range []struct {
		path   string
		status int
	}{{"/wp-login.php", 200}, {"/api/auth/login", 401}, {"/user/login", 403}, {"/xmlrpc.php", 200}, {"/index.php/anmelden", 200}, {"/account/signin", 302}} {
		for _, by := range []int{1, 100} {
			tr := newTraffic(7)
			for i := range 40 {
				tr.form(time.Duration(i)*1700*time.Millisecond+time.Duration(tr.rng.IntN(900))*time.Millisecond, "203.0.113.7", c.path, c.status, 4523)
			}
			tr.stretch(by)
			a := tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
			if a.Endpoint.Route != c.path {
				t.Errorf("%s: %v", c.path, a.Endpoint)
			}
		}
	}
}

func TestTwentyRefusalsInALogAreEnough(t *testing.T) {
	tr := newTraffic(7)
	for i := range 20 {
		tr.form(time.Duration(i)*time.Second, "203.0.113.7", "/login", 401, 90)
	}
	tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
}

func TestCodeGuessing(t *testing.T) {
	for n, want := range map[int]event.Severity{6: 0, 8: event.Medium, 10: event.High} {
		tr := newTraffic(8)
		for i := range 6 { // teaches the endpoint
			c := tr.login(time.Duration(i)*time.Minute, fmt.Sprintf("192.0.2.%d", i+1), "app", fmt.Sprintf("w%d", i), true)
			c.Path, c.PathShape = "/v1/mfa/verify", "/v1/mfa/verify"
			c.Shape.Request = event.BodyShape{Type: "json", Keys: []string{"code:string", "username:string"}, Hash: 15}
		}
		for i := range n {
			c := tr.login(time.Hour+time.Duration(i)*3*time.Second, "203.0.113.7", "py", "victim", false)
			c.Path, c.PathShape, c.RequestBytes = "/v1/mfa/verify", "/v1/mfa/verify", 44
			c.Shape.Request = event.BodyShape{Type: "json", Keys: []string{"code:string", "username:string"}, Hash: 15}
		}
		loud := tr.run(t).loud()
		if want == 0 && len(loud) == 0 {
			continue
		}
		if len(loud) != 1 || loud[0].Severity != want {
			t.Errorf("%d wrong codes: %v", n, loud)
		}
	}
}

func TestLockedDoorIsStillEvidence(t *testing.T) {
	tr := newTraffic(9)
	tr.warm(0, 60)
	tr.guess(time.Hour, time.Second, 40, always("203.0.113.7"), "admin", false)
	for _, c := range tr.calls[65:] {
		c.Status = 429
	}
	tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
}

func TestMonitorWithWrongPasswordIsInfo(t *testing.T) {
	tr := newTraffic(10)
	tr.warm(0, 60)
	for i := range 30 * 288 {
		at := time.Hour + time.Duration(i)*5*time.Minute + time.Duration(tr.rng.IntN(1500))*time.Millisecond
		tr.login(at, "198.51.100.9", "monitor", "probe", false).RequestBytes = 44
	}
	r := tr.run(t)
	r.silent(t)
	if len(r.alerts) != 1 || r.alerts[0].Severity != event.Info {
		t.Errorf("want one info alert, got %+v", r.alerts)
	}
}

func TestFailingMonitorInALogIsSilent(t *testing.T) {
	tr := newTraffic(11)
	for i := range 3000 {
		tr.form(time.Duration(i)*time.Minute, "198.51.100.9", "/login", 401, 90)
	}
	tr.run(t).silent(t)
}

func TestServiceWithExpiredSecretIsSilent(t *testing.T) {
	tr := newTraffic(12)
	tr.warm(0, 60)
	for i := range 5000 {
		c := tr.login(time.Hour+time.Duration(i)*time.Second, "198.51.100.9", "svc", "svc-1", false)
		c.Path, c.PathShape = "/oauth/token", "/oauth/token"
		c.Shape.Request = event.BodyShape{Type: "form", Keys: []string{"client_id:string", "client_secret:string", "grant_type:string"}, Hash: 25}
	}
	tr.run(t).silent(t)
}

func TestForgetfulPersonIsSilent(t *testing.T) {
	tr := newTraffic(13)
	tr.warm(0, 60)
	tr.login(time.Hour, "192.0.2.77", "app", "ann", true)
	for day := range 20 { // three wrong tries a day, then right
		tr.guess(time.Duration(day+1)*24*time.Hour, 20*time.Second, 4, always("192.0.2.77"), "ann", true)
	}
	tr.run(t).silent(t)
}

func TestBasicGuessing(t *testing.T) {
	tr := newTraffic(14)
	for i := range 30 {
		tr.add(time.Duration(i)*time.Second, event.Call{Client: ip("203.0.113.7"), Fingerprint: "hydra", Method: "GET", Path: "/admin/", Status: 401, Auth: event.AuthBasic, Account: "nm-admin", Flags: event.FlagSecretPresented})
	}
	for i := range 3000 { // a healthy client polls with Basic all day
		tr.add(time.Duration(i)*30*time.Second, event.Call{Client: ip("198.51.100.9"), Fingerprint: "svc", Method: "GET", Path: "/feed", Status: 200, Auth: event.AuthBasic, Account: "nm-feed", Flags: event.FlagSecretPresented})
	}
	tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
}

func TestDeterminism(t *testing.T) {
	make := func() result {
		tr := newTraffic(15)
		office(tr, 0, "198.51.100.4", 200, 0.25)
		tr.stuff(5*time.Minute, time.Second, 40, always("198.51.100.4"), "py", nil)
		tr.guess(5*time.Minute, time.Second, 40, always("203.0.113.7"), "admin", true)
		return tr.run(t)
	}
	a, b := make(), make()
	if len(a.alerts) == 0 || !reflect.DeepEqual(a.alerts, b.alerts) {
		t.Error("the same input gave other alerts")
	}
}

// A password was changed and a service was not told: it came in before, and
// now fails once a second for days.
func TestServiceWithChangedPasswordIsSilent(t *testing.T) {
	tr := newTraffic(16)
	for i := range 20000 {
		c := event.Call{Client: ip("198.51.100.9"), Fingerprint: "svc", Method: "GET", Path: "/feed", Status: 200, Auth: event.AuthBasic, Account: "nm-feed", Flags: event.FlagSecretPresented}
		if i > 100 {
			c.Status = 401
		}
		tr.add(time.Duration(i)*time.Second+time.Duration(tr.rng.IntN(40))*time.Millisecond, c)
	}
	tr.run(t).silent(t)
}

// Where a log cannot show whether a redirect leads in or back, what the client
// does next can.
func TestRedirectsInALogAreJudgedByWhatFollows(t *testing.T) {
	tr := newTraffic(17)
	for i := range 400 { // people behind one address log in and go on
		at := time.Duration(i) * 20 * time.Second
		if i%4 == 0 {
			tr.form(at, "198.51.100.4", "/account/signin", 302, 0)
			at += 5 * time.Second
		}
		tr.form(at, "198.51.100.4", "/account/signin", 302, 0)
		c := tr.form(at+time.Second, "198.51.100.4", "/dashboard", 200, 9000)
		c.Method = "GET"
	}
	for i := range 60 {
		tr.form(time.Hour+time.Duration(i)*1700*time.Millisecond, "203.0.113.7", "/account/signin", 302, 0)
	}
	tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
}

func TestCouponGuessing(t *testing.T) {
	tr := newTraffic(18)
	for i := range 40 {
		c := tr.login(time.Duration(i)*time.Second+time.Duration(tr.rng.IntN(300))*time.Millisecond, "203.0.113.7", "py", "", false)
		c.Account, c.Path, c.PathShape, c.Status = "", "/cart/coupon", "/cart/coupon", 404
		c.Auth, c.Token = event.AuthBearer, "tok-00000000000a"
		c.Shape.Request = event.BodyShape{Type: "json", Keys: []string{"code:string"}, Hash: 33}
	}
	a := tr.run(t).one(t, "brute_force", clientEntity("203.0.113.7"))
	if a.Tags.OWASP[0] != "API6:2023" {
		t.Errorf("tags: %v", a.Tags)
	}
}

// Every five minutes, with three retries each time.
func TestMonitorWithRetriesIsSilent(t *testing.T) {
	tr := newTraffic(19)
	tr.warm(0, 60)
	for i := range 400 {
		for try := range 4 {
			at := time.Hour + time.Duration(i)*5*time.Minute + time.Duration(try*try)*time.Second + time.Duration(tr.rng.IntN(3000))*time.Millisecond
			tr.login(at, "198.51.100.9", "monitor", "probe", false).RequestBytes = 44
		}
	}
	r := tr.run(t)
	r.silent(t)
	if len(r.alerts) != 1 {
		t.Errorf("%d alerts, want the one that tells of the monitor", len(r.alerts))
	}
}

// Three monitors in three places, one account.
func TestMonitorsOfOneAccountAreSilent(t *testing.T) {
	tr := newTraffic(20)
	tr.warm(0, 60)
	for i := range 500 {
		for site := range 5 {
			at := time.Hour + time.Duration(i)*time.Minute + time.Duration(site)*7*time.Second + time.Duration(tr.rng.IntN(800))*time.Millisecond
			tr.login(at, fmt.Sprintf("198.51.%d.9", site), "monitor", "probe", false).RequestBytes = 44
		}
	}
	tr.run(t).silent(t)
}

// A log does not tell a wrong password from an expired refresh token where
// both go to one place: it takes a third more to say anything.
func TestTokenEndpointInALogNeedsMore(t *testing.T) {
	for n, want := range map[int]int{25: 0, 40: 1} {
		tr := newTraffic(21)
		for i := range n {
			tr.form(time.Duration(i)*1700*time.Millisecond, "203.0.113.7", "/oauth/token", 401, 90)
		}
		if got := len(tr.run(t).loud()); got != want {
			t.Errorf("%d refusals: %d alerts, want %d", n, got, want)
		}
	}
}

// A phone keeps the old password and tries it whenever it wakes up.
func TestDeviceWithOldPasswordIsSilent(t *testing.T) {
	tr := newTraffic(22)
	tr.warm(0, 60)
	tr.login(time.Hour, "192.0.2.77", "app", "ann", true)
	at := 2 * time.Hour
	for range 300 {
		at += time.Duration(tr.rng.Int64N(int64(20 * time.Minute)))
		tr.login(at, "192.0.2.77", "app", "ann", false).RequestBytes = 44
	}
	tr.run(t).silent(t)
}

// … but a client that came in once may not guess on.
func TestKnownClientThatGuessesIsFound(t *testing.T) {
	tr := newTraffic(23)
	tr.warm(0, 60)
	tr.login(time.Hour, "192.0.2.77", "app", "ann", true)
	tr.guess(2*time.Hour, time.Second, 40, always("192.0.2.77"), "ann", false)
	tr.run(t).one(t, "brute_force", clientEntity("192.0.2.77"))
}
