package alerting

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lapwing/event"
)

// A probe is a destination that remembers, and fails as it is told.
type probe struct {
	name string
	fail func(attempt int) error // nil: never
	slow time.Duration

	mu       sync.Mutex
	attempts int
	got      []Notification
	at       []time.Time
}

func (d *probe) Name() string { return d.name }

func (d *probe) Send(ctx context.Context, n Notification) error {
	if d.slow > 0 {
		select {
		case <-time.After(d.slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts++
	if d.fail != nil {
		if err := d.fail(d.attempts); err != nil {
			return err
		}
	}
	d.got = append(d.got, n)
	d.at = append(d.at, time.Now())
	return nil
}

func (d *probe) kinds() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []string
	for _, n := range d.got {
		out = append(out, string(n.Kind))
	}
	return strings.Join(out, " ")
}

func (d *probe) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.got)
}

func alert(id string, revision int, s event.Severity) event.Alert {
	return event.Alert{
		ID: id, IncidentID: "inc-" + id, Revision: revision, Detector: "scraping", Severity: s, Status: event.StatusOpen, Summary: "nm-abc took everything",
		Entity: event.Entity{Kind: event.KindUser, Value: "nm-abc"}, Endpoint: event.EndpointRef{Host: "h", Method: "GET", Route: "/x"},
		Counts: map[string]int64{"calls": 3},
	}
}

func open(t testing.TB, dir string, routes ...Route) *Pipeline {
	t.Helper()
	p, err := Open(Config{Dir: dir, Routes: routes, Jitter: func() float64 { return 0 }, Reveal: func(s string) string { return "name-of-" + s }})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run starts delivery and returns what stops it.
func run(t testing.TB, p *Pipeline) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

func accept(t testing.TB, p *Pipeline, alerts ...event.Alert) {
	t.Helper()
	if err := p.Accept(context.Background(), alerts); err != nil {
		t.Fatal(err)
	}
}

func TestRules(t *testing.T) {
	resolved := alert("a", 9, event.High)
	resolved.Status = event.StatusResolved
	for _, c := range []struct {
		name string
		min  event.Severity
		do   func(t *testing.T, p *Pipeline)
		want string
	}{
		{"opens once", 0, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.Medium))
			time.Sleep(time.Second)
			accept(t, p, alert("a", 1, event.Medium), alert("a", 2, event.Medium))
		}, "open"},
		{"rises", 0, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.Medium))
			time.Sleep(time.Second)
			accept(t, p, alert("a", 2, event.High))
			time.Sleep(time.Second)
			accept(t, p, alert("a", 3, event.Medium))
		}, "open severity"},
		{"updates hourly, three a day", 0, func(t *testing.T, p *Pipeline) {
			for i := range 30 {
				accept(t, p, alert("a", i+1, event.Medium))
				time.Sleep(30 * time.Minute)
			}
		}, "open update update update"},
		{"and again the next day", 0, func(t *testing.T, p *Pipeline) {
			for i := range 60 {
				accept(t, p, alert("a", i+1, event.Medium))
				time.Sleep(30 * time.Minute)
			}
		}, "open update update update update update update"},
		{"ends", 0, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.High))
			time.Sleep(time.Second)
			accept(t, p, resolved)
		}, "open resolved"},
		{"opens again", 0, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.High))
			time.Sleep(time.Second)
			accept(t, p, resolved)
			time.Sleep(time.Second)
			accept(t, p, alert("a", 10, event.High))
		}, "open resolved open"},
		{"too mild, then not", event.High, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.Medium))
			time.Sleep(time.Second)
			accept(t, p, alert("a", 2, event.Critical))
		}, "open"},
		{"too mild to the end", event.High, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.Medium))
			mild := resolved
			mild.Severity = event.Medium
			accept(t, p, mild)
		}, ""},
		{"taken: no updates, but a rise", 0, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.Medium))
			time.Sleep(time.Second)
			if err := p.Acknowledge("a", "kim"); err != nil { // by the alert's ID
				t.Fatal(err)
			}
			time.Sleep(3 * time.Hour)
			accept(t, p, alert("a", 2, event.Medium))
			time.Sleep(3 * time.Hour)
			accept(t, p, alert("a", 3, event.High))
		}, "open acknowledged severity"},
		{"resolved by a person stays so for repetitions", 0, func(t *testing.T, p *Pipeline) {
			accept(t, p, alert("a", 1, event.Medium))
			time.Sleep(time.Second)
			if err := p.Resolve("inc-a", "kim"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			accept(t, p, alert("a", 2, event.Medium))
			time.Sleep(time.Second)
			accept(t, p, alert("a", 3, event.High))
		}, "open resolved open"},
		{"silenced", 0, func(t *testing.T, p *Pipeline) {
			s, err := p.AddSilence(Silence{Matcher: Matcher{Detector: "scraping"}, Until: time.Now().Add(time.Hour), Reason: "test", By: "kim"})
			if err != nil {
				t.Fatal(err)
			}
			accept(t, p, alert("a", 1, event.Medium))
			if in := p.Incidents(); len(in) != 1 || in[0].SilencedBy != s.ID {
				t.Errorf("the silenced incident is not listed as such: %+v", in)
			}
			time.Sleep(2 * time.Hour)
			accept(t, p, alert("a", 2, event.Medium))
		}, "open"},
		{"silence expired by hand", 0, func(t *testing.T, p *Pipeline) {
			s, err := p.AddSilence(Silence{Matcher: Matcher{Entity: event.Entity{Value: "nm-abc"}}, Until: time.Now().Add(time.Hour), Reason: "test", By: "kim"})
			if err != nil {
				t.Fatal(err)
			}
			accept(t, p, alert("a", 1, event.Medium))
			if err := p.ExpireSilence(s.ID); err != nil {
				t.Fatal(err)
			}
			accept(t, p, alert("b", 1, event.Medium))
		}, "open"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := &probe{name: "d"}
				p := open(t, dir, Route{Destination: d, MinSeverity: c.min})
				stop := run(t, p)
				c.do(t, p)
				time.Sleep(time.Minute)
				if got := d.kinds(); got != c.want {
					t.Errorf("sent %q, want %q", got, c.want)
				}
				stop()
			})
		})
	}
}

func TestOperationsRefuse(t *testing.T) {
	p := open(t, t.TempDir())
	accept(t, p, alert("a", 1, event.Low))
	if err := p.Acknowledge("nope", "kim"); !errors.Is(err, ErrUnknown) {
		t.Errorf("unknown incident: %v", err)
	}
	if err := p.Acknowledge("inc-a", ""); err == nil {
		t.Error("nobody acknowledged")
	}
	if err := p.Resolve("inc-a", "kim"); err != nil {
		t.Error(err)
	}
	if err := p.Acknowledge("inc-a", "kim"); err == nil {
		t.Error("a resolved incident was acknowledged")
	}
	for _, s := range []Silence{
		{Until: time.Now().Add(time.Hour), Reason: "r", By: "b"}, {Matcher: Matcher{Detector: "d"}, Reason: "r", By: "b"},
		{Matcher: Matcher{Detector: "d"}, Until: time.Now().Add(time.Hour), By: "b"}, {Matcher: Matcher{Detector: "d"}, Until: time.Now().Add(time.Hour), Reason: "r"},
	} {
		if _, err := p.AddSilence(s); err == nil {
			t.Errorf("accepted %+v", s)
		}
	}
	in := p.Incidents()[0]
	in.Alerts[0].Counts["calls"] = 99
	if p.Incidents()[0].Alerts[0].Counts["calls"] != 3 {
		t.Error("Incidents hands out shared memory")
	}
}

// Numbers that JSON cannot hold must not stop the pipeline.
func TestAcceptOddNumbers(t *testing.T) {
	p := open(t, t.TempDir())
	a := alert("a", 1, event.Low)
	a.Evidence = event.Evidence{ScoreLog10: math.Inf(1), Features: []event.Feature{{Value: math.NaN()}}}
	accept(t, p, a)
}

func TestRestartNeitherLosesNorRepeats(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		first := &probe{name: "d"}
		down := &probe{name: "down", fail: func(int) error { return errors.New("down") }}
		p := open(t, dir, Route{Destination: first}, Route{Destination: down})
		stop := run(t, p)
		accept(t, p, alert("a", 1, event.Low), alert("b", 1, event.Low))
		time.Sleep(time.Second)
		stop()

		second, up := &probe{name: "d"}, &probe{name: "down"}
		p = open(t, dir, Route{Destination: second}, Route{Destination: up})
		accept(t, p, alert("a", 1, event.Low), alert("c", 1, event.Low)) // a again
		stop = run(t, p)
		time.Sleep(time.Hour)
		stop()
		if first.count() != 2 || second.count() != 1 || up.count() != 3 {
			t.Errorf("sent %d before, %d after, and %d to the one that was down; want 2, 1, 3", first.count(), second.count(), up.count())
		}
		keys := map[string]bool{}
		for _, n := range slices.Concat(first.got, second.got) {
			if keys[n.Key] {
				t.Errorf("key %s twice", n.Key)
			}
			keys[n.Key] = true
		}
	})
}

func TestStormIsFoldedAndCounted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := &probe{name: "d"}
		p := open(t, dir, Route{Destination: d})
		stop := run(t, p)
		var storm []event.Alert
		for i := range 300 {
			storm = append(storm, alert(fmt.Sprint(i), 1, event.Severity(i%5)))
		}
		accept(t, p, storm...)
		time.Sleep(10 * time.Minute)
		stop()
		told := 0
		perMinute := map[time.Time]int{}
		for i, n := range d.got {
			told += max(1, n.Folded)
			perMinute[d.at[i].Truncate(time.Minute)]++
			if n.Kind == KindSummary && (!strings.Contains(n.Headline(), fmt.Sprint(n.Folded)) || len(n.Sample) > maxSample || len(n.Sample) == 0 || n.Severity() != event.Critical) {
				t.Errorf("summary %q with %d samples", n.Headline(), len(n.Sample))
			}
		}
		if told != 300 {
			t.Errorf("%d of 300 notifications were sent or counted", told)
		}
		for at, n := range perMinute {
			if n > defaultPerMinute {
				t.Errorf("%d messages in the minute of %v", n, at)
			}
		}
		if s := p.Stats().Destinations[0]; s.Queued != s.Delivered+s.Folded+s.Dead+int64(s.Pending) || s.Folded < 250 {
			t.Errorf("the sum does not hold: %+v", s)
		}
	})
}

func TestSlowDestinationDelaysNoOther(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		slow, quick := &probe{name: "slow", slow: 20 * time.Second}, &probe{name: "quick"}
		p := open(t, dir, Route{Destination: slow}, Route{Destination: quick})
		stop := run(t, p)
		accept(t, p, alert("a", 1, event.Low), alert("b", 1, event.Low))
		time.Sleep(time.Second)
		if quick.count() != 2 || slow.count() != 0 {
			t.Errorf("quick got %d, slow %d", quick.count(), slow.count())
		}
		time.Sleep(time.Minute)
		if slow.count() != 2 {
			t.Errorf("slow got %d", slow.count())
		}
		stop()
	})
}

func TestRetries(t *testing.T) {
	boom := errors.New("boom")
	for _, c := range []struct {
		name            string
		fail            func(int) error
		after           time.Duration
		sent, attempts  int
		dead            int64
		breaker         bool
		notBefore, till time.Duration // of the first delivery, after the start
	}{
		{"twice, then well", func(n int) error { return pick(n <= 2, boom) }, time.Minute, 1, 3, 0, false, time.Second, 5 * time.Second},
		{"asked to wait", func(n int) error { return pick(n == 1, RetryAfter(boom, 40*time.Second)) }, time.Minute, 1, 2, 0, false, 40 * time.Second, 41 * time.Second},
		{"asked to wait ten years", func(n int) error { return pick(n == 1, RetryAfter(boom, 87600*time.Hour)) }, 2 * time.Hour, 1, 2, 0, false, time.Hour, time.Hour + time.Second},
		{"refused for good", func(int) error { return Permanent(boom) }, time.Minute, 0, 1, 1, false, 0, 0},
		{"down for ten minutes: the breaker opens", func(int) error { return boom }, 10 * time.Minute, 0, 8, 0, true, 0, 0},
		{"down for days: dead", func(int) error { return boom }, 25 * time.Hour, 0, -1, 1, true, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := &probe{name: "d", fail: c.fail}
				p := open(t, dir, Route{Destination: d})
				stop := run(t, p)
				start := time.Now()
				accept(t, p, alert("a", 1, event.Low))
				time.Sleep(c.after)
				s := p.Stats().Destinations[0]
				stop()
				if d.count() != c.sent || c.attempts >= 0 && d.attempts != c.attempts || s.Dead != c.dead || s.BreakerOpen != c.breaker {
					t.Errorf("sent %d in %d attempts, %+v", d.count(), d.attempts, s)
				}
				if c.attempts < 0 && d.attempts > 150 {
					t.Errorf("%d attempts in a day: the breaker does not spare the destination", d.attempts)
				}
				if c.sent > 0 {
					if took := d.at[0].Sub(start); took < c.notBefore || took > c.till {
						t.Errorf("delivered after %v, want %v to %v", took, c.notBefore, c.till)
					}
				}
			})
		})
	}
}

func pick(when bool, err error) error {
	if when {
		return err
	}
	return nil
}

func TestReveal(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		may, mayNot := &probe{name: "may"}, &probe{name: "may-not"}
		p := open(t, dir, Route{Destination: may, Reveal: true}, Route{Destination: mayNot})
		stop := run(t, p)
		accept(t, p, alert("a", 1, event.Low))
		time.Sleep(time.Second)
		stop()
		if got := may.got[0].Headline(); got != "name-of-nm-abc took everything" {
			t.Errorf("revealed: %q", got)
		}
		if got := mayNot.got[0].Headline(); got != "nm-abc took everything" {
			t.Errorf("not to be revealed: %q", got)
		}
		if got := p.Incidents()[0].Alerts[0].Entity.Value; got != "nm-abc" {
			t.Errorf("the state was revealed: %q", got)
		}
	})
	if got := revealText("warm-nm-x nm-a, nm-b!", strings.ToUpper); got != "warm-nm-x NM-A, NM-B!" {
		t.Error(got)
	}
	if _, err := Open(Config{Dir: dir, Routes: []Route{{Destination: &probe{name: "d"}, Reveal: true}}}); err == nil {
		t.Error("a route may reveal without a key")
	}
}

func TestBounds(t *testing.T) {
	dir := t.TempDir()
	p, err := Open(Config{Dir: dir, MaxIncidents: 40})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		accept(t, p, alert(fmt.Sprint(i), 1, event.Low))
	}
	if n := len(p.Incidents()); n > 40 || p.Stats().Evicted != int64(100-n) {
		t.Errorf("%d incidents, %d evicted", n, p.Stats().Evicted)
	}
	for i := range maxAlerts + 10 {
		a := alert(fmt.Sprint("x", i), 1, event.Low)
		a.IncidentID = "one"
		accept(t, p, a)
	}
	for _, in := range p.Incidents() {
		if in.ID == "one" && (len(in.Alerts) != maxAlerts || in.DroppedAlerts != 10) {
			t.Errorf("%d alerts, %d dropped", len(in.Alerts), in.DroppedAlerts)
		}
	}
}

func TestCompactionKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	down := &probe{name: "d"}
	p := open(t, dir, Route{Destination: down})
	p.tight = 20_000
	if _, err := p.AddSilence(Silence{Matcher: Matcher{Detector: "other"}, Until: time.Now().Add(time.Hour), Reason: "r", By: "b"}); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		accept(t, p, alert(fmt.Sprint(i%5), i+1, event.Low))
	}
	if size := p.Stats().LogBytes; size > 40_000 {
		t.Errorf("the log has %d bytes for five incidents", size)
	}
	before := fmt.Sprintf("%+v %+v", p.Incidents(), p.Silences())
	pending := p.Stats().Destinations[0].Pending
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	p = open(t, dir, Route{Destination: down})
	if after := fmt.Sprintf("%+v %+v", p.Incidents(), p.Silences()); after != before || p.Stats().Destinations[0].Pending != pending || pending != 5 {
		t.Errorf("after: %s, %d pending\nbefore: %s, %d", after, p.Stats().Destinations[0].Pending, before, pending)
	}
}

// Whatever moment the process dies at: what Accept took before is there, and
// after redelivery everything is sent.
func TestKillAtEveryByte(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, Route{Destination: &probe{name: "d"}})
	var ends []int64
	for i := range 4 {
		accept(t, p, alert(fmt.Sprint(i), 1, event.Low))
		ends = append(ends, p.Stats().LogBytes)
	}
	log, err := os.ReadFile(filepath.Join(dir, "alerts.log"))
	if err != nil {
		t.Fatal(err)
	}
	for cut := 0; cut <= len(log); cut += 1 + cut%7*3 { // a spread of offsets; the journal's own test takes every one
		at := t.TempDir()
		if err := os.WriteFile(filepath.Join(at, "alerts.log"), log[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		synctest.Test(t, func(t *testing.T) {
			d := &probe{name: "d"}
			p := open(t, at, Route{Destination: d})
			want := 0
			for _, e := range ends {
				if int64(cut) >= e {
					want++
				}
			}
			if got := len(p.Incidents()); got != want {
				t.Fatalf("cut at %d: %d incidents, want %d", cut, got, want)
			}
			for i := range 4 {
				accept(t, p, alert(fmt.Sprint(i), 1, event.Low))
			}
			stop := run(t, p)
			time.Sleep(time.Minute)
			stop()
			if d.count() != 4 {
				t.Fatalf("cut at %d: %d notifications, want 4", cut, d.count())
			}
		})
	}
}

func TestRemovedDestination(t *testing.T) {
	dir := t.TempDir()
	p := open(t, dir, Route{Destination: &probe{name: "gone"}})
	accept(t, p, alert("a", 1, event.Low))
	_ = p.Close()
	p = open(t, dir)
	if s := p.Stats(); s.Unrouted != 1 {
		t.Errorf("%+v", s)
	}
}

func TestConfigFaults(t *testing.T) {
	d := &probe{name: "d"}
	err := Config{Routes: []Route{{}, {Destination: d}, {Destination: d, PerMinute: -1}}}.Validate()
	for _, want := range []string{"directory", "no destination", `two destinations are named "d"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func BenchmarkAccept(b *testing.B) {
	p, err := Open(Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		if err := p.Accept(context.Background(), []event.Alert{alert(fmt.Sprint(i), 1, event.Low)}); err != nil {
			b.Fatal(err)
		}
	}
}
