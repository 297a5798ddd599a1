package distributed

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing/event"
)

// warm is a site after six days of ordinary life, twenty logins a minute, and
// the state of its engine.
var warm = sync.OnceValues(func() (*site, []byte) {
	w := newSite(1, 3000, 20)
	w.run(6*24*time.Hour, nil)
	for _, a := range w.loud() {
		panic(a.Summary)
	}
	return w, w.save(quiet{})
})

// quiet reports as a panic what fails outside of any one test.
type quiet struct{ testing.TB }

func (quiet) Helper()           {}
func (quiet) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func warmSite(seed uint64) *site {
	w, saved := warm()
	return w.fork(saved, seed)
}

// found runs an attack until it is told, at most so long, and returns the alert.
func (w *site) found(t *testing.T, a *attack, most time.Duration) event.Alert {
	t.Helper()
	begin := w.at
	w.run(most, func(at time.Time) bool {
		a.minute(w, at)
		return len(w.loud()) == 0
	})
	list := w.loud()
	if len(list) == 0 {
		t.Fatalf("not found after %d attempts in %v", a.tried, most)
	}
	checkAlert(t, &list[0])
	t.Logf("%d attempts, %.0f min: %s (10^%.1f)", a.tried, w.at.Sub(begin).Minutes(), list[0].Summary, list[0].Evidence.ScoreLog10)
	return list[0]
}

func TestDelays(t *testing.T) {
	for _, c := range []struct {
		name    string
		program func(*site) string
		perMin  float64
		most    int // attempts, the median of three
		days    int
		entity  event.Kind
	}{
		{"own program, .02 % of logins", always(900), .004, 20, 6, event.KindCluster},
		{"own program, 1 %", always(900), .2, 20, 1, event.KindCluster},
		{"own program, as much as everybody else", always(900), 20, 60, 1, event.KindCluster},
		{"rare program, .1 %", always(9), .02, 100, 6, event.KindCluster},
		{"rare program, 1 %", always(9), .2, 60, 2, event.KindCluster},
		{"most popular program, 1 %", always(0), .2, 120, 2, event.KindCluster},
		{"programs as people have them, 2 %", proportional, .4, 60, 2, event.KindEndpoint},
		{"another program every time, 1 %", func(w *site) string { return fingerprint(1000 + w.rng.IntN(1e6)) }, .2, 60, 2, event.KindEndpoint},
	} {
		t.Run(c.name, func(t *testing.T) {
			var tries []int
			wrong := 0
			for seed := range uint64(3) {
				w := warmSite(50 + seed)
				a := &attack{perMin: c.perMin, program: c.program}
				alert := w.found(t, a, time.Duration(c.days)*24*time.Hour)
				tries = append(tries, a.tried)
				if alert.Detector != "credential_stuffing" {
					t.Errorf("told as %s", alert.Detector)
				}
				if alert.Entity.Kind != c.entity {
					wrong++ // by chance a quarter of the programs may have most of a dozen attempts
				}
			}
			slices.Sort(tries)
			if wrong > 1 {
				t.Errorf("%d of 3 do not name a %s", wrong, c.entity)
			}
			if tries[1] > c.most {
				t.Errorf("%v attempts, want a median of %d at most", tries, c.most)
			}
		})
	}
}

// Nothing is known on the first day, and a program of the attacker's own is
// found all the same.
func TestCold(t *testing.T) {
	w := newSite(3, 1000, 10)
	w.run(3*time.Hour, nil)
	w.silent(t)
	a := &attack{perMin: .2, program: always(900)}
	alert := w.found(t, a, 8*time.Hour)
	if a.tried > 25 || !slices.Contains(alert.Flags, "cold") || alert.Severity != event.Medium {
		t.Errorf("%d attempts, flags %v, %v", a.tried, alert.Flags, alert.Severity)
	}
}

// An attack that is right now and then is told with the accounts it entered.
// The last revision may be an hour old.
func TestEntered(t *testing.T) {
	w := warmSite(4)
	a := &attack{perMin: 1, program: always(900), hit: .15}
	w.run(6*time.Hour, func(at time.Time) bool { a.minute(w, at); return true })
	list := w.loud()
	if len(list) != 1 {
		t.Fatalf("%d alerts", len(list))
	}
	checkAlert(t, &list[0])
	if al := list[0]; al.Severity != event.High || al.Outcome != event.OutcomeSucceeded || al.Counts["entered_accounts"] < 10 || al.Counts["attempts"] < int64(a.tried)*3/4 {
		t.Errorf("%v %v %v after %d attempts", al.Severity, al.Outcome, al.Counts, a.tried)
	}
}

// An attack with a dozen programs of its own is one campaign.
func TestManyProgramsAreOneCampaign(t *testing.T) {
	w := warmSite(5)
	a := &attack{perMin: 4, program: func(w *site) string { return fingerprint(900 + w.rng.IntN(12)) }}
	w.run(12*time.Hour, func(at time.Time) bool { a.minute(w, at); return true })
	list := w.loud()
	if len(list) != 1 {
		t.Fatalf("%d alerts: %v", len(list), list)
	}
	checkAlert(t, &list[0])
	named := 0
	for _, f := range list[0].Evidence.Features {
		if strings.HasPrefix(f.Name, "participant:") {
			named++
		}
	}
	if named < 8 {
		t.Errorf("%d participants are named", named)
	}
}

// One password for everybody shows in bodies that are equally long but for the
// name, once it is the turn of the next: a single round may be of generated
// passwords, one for each, and stays stuffing.
func TestSpraying(t *testing.T) {
	for people, want := range map[int][]string{30: {"credential_stuffing", "password_spraying"}, 3000: {"credential_stuffing"}} {
		w := warmSite(6)
		spray := &attack{perMin: .5, program: always(900), clients: 50, secret: func(*site) int { return 11 },
			user: func(w *site, n int) string { return w.people[n%people].name }}
		w.run(4*time.Hour, func(at time.Time) bool { spray.minute(w, at); return true })
		names := map[string]bool{}
		for _, a := range w.loud() {
			checkAlert(t, &a)
			names[a.Detector] = true
			if a.Detector == "password_spraying" && a.Tags.OAT[0] != "OAT-007" {
				t.Errorf("tags %v", a.Tags)
			}
		}
		if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, want) {
			t.Errorf("%d attempts at %d people: told as %v, want %v", spray.tried, people, got, want)
		}
	}
}

// Where bodies cannot be seen, rounds over the same accounts do.
func TestSprayingInRounds(t *testing.T) {
	w := warmSite(7)
	s := newStory(1)
	for n := range 120 {
		s.add(&tried{marks: failed | stranger, account: uint64(1 + n%40), client: uint64(n), weight: 1}, w.at.UnixNano())
	}
	if !s.spraying(true) || s.spraying(false) {
		t.Error("three rounds over forty accounts are no spraying")
	}
	s = newStory(1)
	for n := range 120 {
		s.add(&tried{marks: failed | stranger, account: uint64(1 + n), client: uint64(n), weight: 1, secret: int32(30 + n%5)}, w.at.UnixNano())
	}
	if s.spraying(true) {
		t.Error("a list of accounts with passwords of five lengths is spraying")
	}
}

// What a single source answers for is left to whoever judges sources.
func TestOneSourceIsNoCampaign(t *testing.T) {
	w := warmSite(8)
	a := &attack{perMin: 1, program: always(900), clients: 1}
	w.run(3*time.Hour, func(at time.Time) bool { a.minute(w, at); return true })
	w.silent(t)
}

// Whoever goes on from a snapshot says the same.
func TestSnapshotGoesOn(t *testing.T) {
	a := warmSite(9)
	at := &attack{perMin: .3, program: always(900), hit: .1}
	a.run(20*time.Minute, func(now time.Time) bool { at.minute(a, now); return true })
	saved := a.save(t)
	again := a.fork(saved, 10)
	a.rng = a.fork(saved, 10).rng
	begun := len(a.order)
	second := *at
	a.run(5*time.Hour, func(now time.Time) bool { at.minute(a, now); return true })
	again.run(5*time.Hour, func(now time.Time) bool { second.minute(again, now); return true })
	if len(again.loud()) != 1 || begun != 0 {
		t.Fatalf("%d alerts, %d before", len(again.loud()), begun)
	}
	if one, two := a.save(t), again.save(t); !bytes.Equal(one, two) {
		t.Error("the state is another")
	}
	if x, y := a.loud()[0], again.loud()[0]; x.ID != y.ID || x.Summary != y.Summary {
		t.Errorf("%s\n%s", x.Summary, y.Summary)
	}
}

var number = regexp.MustCompile(`\b\d+\b`)

func checkAlert(tb testing.TB, a *event.Alert) {
	tb.Helper()
	sum := 0.0
	for _, f := range a.Evidence.Features {
		sum += f.Contribution
	}
	if math.Abs(sum-a.Evidence.ScoreLog10) > 1e-9 || sum < 5.99 {
		tb.Errorf("%s: contributions add up to %v, score is %v", a.Title, sum, a.Evidence.ScoreLog10)
	}
	if len(a.Evidence.Calls) == 0 || len(a.Evidence.Calls) > 10 {
		tb.Errorf("%s: %d calls quoted", a.Title, len(a.Evidence.Calls))
	}
	text := strings.NewReplacer(a.Entity.Value, "", a.Endpoint.Host+a.Endpoint.Route, "").Replace(a.Summary)
	for _, f := range a.Evidence.Features {
		if _, name, ok := strings.Cut(f.Name, ":"); ok {
			text = strings.ReplaceAll(text, name, "")
		}
	}
	for _, n := range number.FindAllString(text, -1) {
		v, _ := strconv.ParseInt(n, 10, 64)
		found := false
		for _, c := range a.Counts {
			found = found || c == v
		}
		if !found {
			tb.Errorf("%q: %s is no field of %v", a.Summary, n, a.Counts)
		}
	}
	if a.Hunt == "" || a.NextStep == "" || len(a.Tags.OWASP) == 0 || a.LastSeenAt.Before(a.StartedAt) || a.StartedAt.IsZero() {
		tb.Errorf("alert is incomplete: %+v", a)
	}
}

// One login through the stage: from the account over the endpoint to the minute.
func BenchmarkAttempt(b *testing.B) {
	w, saved := warm()
	v := w.fork(saved, 30)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		v.come(v.at.Add(time.Duration(n%1200) * 50 * time.Millisecond))
		if n++; n%1200 == 0 {
			v.at = v.at.Add(time.Minute)
			v.flush(v.at)
		}
	}
}
