package alerting

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lapwing/event"
)

func TestMatcher(t *testing.T) {
	a := alert("a", 1, event.Medium)
	a.Tags = event.Tags{OWASP: []string{"API1:2023"}, Attack: []string{"T1110.004"}}
	a.Flags = []string{"rule:exports"}
	a.Evidence.Calls = []event.CallSample{{Client: "192.0.2.7"}, {Client: "192.0.2.200"}}
	client := alert("b", 1, event.Medium)
	client.Entity = event.Entity{Kind: event.KindClient, Value: "192.0.2.7"}
	network := alert("c", 1, event.Medium)
	network.Entity = event.Entity{Kind: event.KindNetwork, Value: "192.0.2.0/25"}
	for i, test := range []struct {
		m    Matcher
		a    event.Alert
		want bool
	}{
		{Matcher{Detector: "scraping"}, a, true},
		{Matcher{Detector: "bola"}, a, false},
		{Matcher{Endpoint: event.EndpointRef{Host: "h"}}, a, true},
		{Matcher{Endpoint: event.EndpointRef{Host: "h", Route: "/y"}}, a, false},
		{Matcher{Tag: "api1:2023"}, a, true},
		{Matcher{Tag: "rule:exports"}, a, true},
		{Matcher{Tag: "rule:export"}, a, false},
		{Matcher{Network: "192.0.2.0/24"}, a, true},
		{Matcher{Network: "192.0.2.0/25"}, a, false}, // one of its calls came from elsewhere
		{Matcher{Network: "192.0.2.0/24"}, alert("d", 1, event.Medium), false},
		{Matcher{Network: "192.0.2.0/25"}, client, true},
		{Matcher{Network: "198.51.100.0/24"}, client, false},
		{Matcher{Network: "192.0.2.0/24"}, network, true},
		{Matcher{Network: "192.0.2.0/26"}, network, false},
		{Matcher{Detector: "scraping", Network: "192.0.2.0/24", Tag: "T1110.004"}, a, true},
		{Matcher{Detector: "scraping", Network: "192.0.2.0/24", Tag: "T1110"}, a, false},
	} {
		if got := test.m.Matches(&test.a); got != test.want {
			t.Errorf("%d: %+v: %v", i, test.m, got)
		}
	}
}

func TestSilencesRefused(t *testing.T) {
	p := open(t, t.TempDir())
	m, soon := Matcher{Detector: "d"}, time.Now().Add(time.Hour)
	for name, s := range map[string]Silence{
		"network": {Matcher: Matcher{Network: "192.0.2.1"}, Until: soon, Reason: "r", By: "b"},
		"long":    {Kind: Expected, Matcher: m, From: time.Now(), Until: time.Now().Add(91 * 24 * time.Hour), Reason: "r", By: "b"},
		"never":   {Kind: Expected, Matcher: m, Until: soon, Reason: "r", By: "b"},
		"from":    {Matcher: m, From: time.Now(), Until: soon, Reason: "r", By: "b"},
		"by hand": {Kind: Exception, Matcher: m, Until: soon, Reason: "r", By: "b"},
		"kind":    {Kind: "other", Matcher: m, Until: soon, Reason: "r", By: "b"},
		"huge":    {Matcher: Matcher{Tag: strings.Repeat("x", 1000)}, Until: soon, Reason: "r", By: "b"},
	} {
		if _, err := p.AddSilence(s); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// at gives an alert its times.
func at(a event.Alert, started, last time.Time) event.Alert {
	a.StartedAt, a.LastSeenAt = started, last
	return a
}

// Alerts of expected activity are kept, counted and tagged, and not sent; what
// began before it or goes on after it is.
func TestExpectedActivity(t *testing.T) {
	for name, test := range map[string]struct {
		started, last time.Duration // from the beginning of the window, which lasts two hours
		want          string
	}{
		"within":  {time.Minute, time.Hour, ""},
		"before":  {-time.Minute, time.Hour, "open"},
		"goes on": {time.Minute, 3 * time.Hour, "open"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := &probe{name: "d"}
				p := open(t, dir, Route{Destination: d})
				stop := run(t, p)
				from := time.Now()
				s, err := p.AddSilence(Silence{Kind: Expected, Matcher: Matcher{Endpoint: event.EndpointRef{Host: "h"}}, From: from, Until: from.Add(2 * time.Hour), Reason: "load test", By: "kim"})
				if err != nil {
					t.Fatal(err)
				}
				a := at(alert("a", 1, event.High), from.Add(test.started), from.Add(test.last))
				accept(t, p, a)
				time.Sleep(time.Minute)
				if got := d.kinds(); got != test.want {
					t.Errorf("sent %q, want %q", got, test.want)
				}
				marked := slices.Contains(p.Mark([]event.Alert{a})[0].Flags, "expected")
				in := p.Incidents()[0]
				if covered := test.want == ""; marked != covered || slices.Contains(in.Alerts[0].Flags, "expected") != covered || (in.SilencedBy == s.ID) != covered || p.Silences()[0].Matched != int64(len(in.Suppressed)) {
					t.Errorf("marked %v, %+v, %+v", marked, in, p.Silences())
				}
				stop()
			})
		})
	}
}

// A false alarm ends its incident, and its like is not sent, up to ten times
// as much of it; what is more, worse, or has success, is.
func TestFalsePositive(t *testing.T) {
	judged := func() event.Alert {
		a := alert("a", 1, event.Medium)
		a.Evidence.ScoreLog10 = 6
		a.Counts = map[string]int64{"objects": 20, "window_s": 60, "users": 0}
		a.Outcome = event.OutcomeBlocked
		return a
	}
	for name, test := range map[string]struct {
		next func(*event.Alert)
		want string
	}{
		"the same again": {func(a *event.Alert) { a.Revision = 2 }, ""},
		"its like":       {func(a *event.Alert) { a.ID, a.IncidentID = "b", "inc-b" }, ""},
		"ten times":      {func(a *event.Alert) { a.Revision, a.Counts["objects"], a.Evidence.ScoreLog10 = 2, 200, 60 }, ""},
		"another window": {func(a *event.Alert) { a.Revision, a.Counts["window_s"] = 2, 6000 }, ""},
		"more":           {func(a *event.Alert) { a.Revision, a.Counts["objects"] = 2, 201 }, " open"},
		"more evidence":  {func(a *event.Alert) { a.ID, a.IncidentID, a.Evidence.ScoreLog10 = "b", "inc-b", 61 }, " open"},
		"new count":      {func(a *event.Alert) { a.Revision, a.Counts["users"] = 2, 11 }, " open"},
		"worse":          {func(a *event.Alert) { a.Revision, a.Severity = 2, event.High }, " open"},
		"success":        {func(a *event.Alert) { a.Revision, a.Outcome = 2, event.OutcomeSucceeded }, " open"},
		"somebody else":  {func(a *event.Alert) { a.ID, a.IncidentID, a.Entity.Value = "b", "inc-b", "nm-other" }, " open"},
		"something else": {func(a *event.Alert) { a.ID, a.Detector = "b", "bola" }, " open"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				d := &probe{name: "d"}
				p := open(t, dir, Route{Destination: d})
				stop := run(t, p)
				accept(t, p, judged())
				time.Sleep(time.Minute)
				v, err := p.Judge("a", Judgement{Verdict: FalsePositive, Reason: "our own export", By: "kim"})
				if err != nil || v.Exception == "" {
					t.Fatal(v, err)
				}
				time.Sleep(time.Hour)
				next := judged()
				test.next(&next)
				accept(t, p, next)
				time.Sleep(2 * time.Hour)
				if got := d.kinds(); got != "open resolved"+test.want {
					t.Errorf("sent %q, want %q", got, "open resolved"+test.want)
				}
				list := p.Silences()
				if len(list) != 1 || list[0].Kind != Exception || list[0].Alert != "a" || (list[0].Matched == 1) != (test.want == "") || !list[0].Until.Equal(v.At.Add(defaultException)) {
					t.Errorf("%+v", list)
				}
				if got := p.Verdicts(); len(got) != 1 || got[0] != v {
					t.Errorf("%+v", got)
				}
				if test.want == "" { // nothing is lost, and after its end nothing is silenced
					time.Sleep(defaultException)
					next.Revision++
					accept(t, p, next)
					time.Sleep(time.Minute)
					if got := d.kinds(); got != "open resolved open" {
						t.Errorf("after the end of the exception: sent %q", got)
					}
				}
				before := all(t, p)
				stop()
				again := open(t, dir, Route{Destination: d})
				if after := all(t, again); after != before {
					t.Errorf("after a restart:\n%s\nbefore:\n%s", after, before)
				}
				again.Close()
			})
		})
	}
}

// all is what people have said, in words.
func all(t *testing.T, p *Pipeline) string {
	t.Helper()
	b, err := json.Marshal([]any{p.Silences(), p.Verdicts()})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestVerdicts(t *testing.T) {
	p := open(t, t.TempDir())
	defer p.Close()
	rule := alert("r", 1, event.Medium)
	rule.Flags = []string{"rule:exports"}
	other := alert("o", 1, event.Medium)
	other.IncidentID = rule.IncidentID
	accept(t, p, rule, other, alert("a", 1, event.Low))
	if v, err := p.Judge("a", Judgement{Verdict: TruePositive, Reason: "it was them", By: "kim"}); err != nil || v.Exception != "" || len(p.Silences()) != 0 || p.Incidents()[len(p.Incidents())-1].State != StateOpen && p.Incidents()[0].State != StateOpen {
		t.Errorf("%+v, %v, %+v", v, err, p.Silences())
	}
	v, err := p.Judge("r", Judgement{Verdict: FalsePositive, Reason: "r", By: "kim", Scope: ScopeEndpoint, Expires: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if s := p.Silences()[0]; s.Matcher != (Matcher{Detector: "scraping", Endpoint: rule.Endpoint, Tag: "rule:exports"}) || s.ID != v.Exception {
		t.Errorf("%+v", s)
	}
	for _, in := range p.Incidents() {
		if in.ID == rule.IncidentID && (in.State != StateOpen || in.SilencedBy != "" || in.Lead().ID != "o") {
			t.Errorf("an incident with another alert: %+v", in)
		}
	}
	for name, j := range map[string]Judgement{
		"reason":  {Verdict: FalsePositive, By: "kim"},
		"by":      {Verdict: FalsePositive, Reason: "r"},
		"verdict": {Verdict: "maybe", Reason: "r", By: "kim"},
		"scope":   {Verdict: FalsePositive, Reason: "r", By: "kim", Scope: "world"},
		"long":    {Verdict: FalsePositive, Reason: "r", By: "kim", Expires: 91 * 24 * time.Hour},
		"expiry":  {Verdict: TruePositive, Reason: "r", By: "kim", Expires: time.Hour},
	} {
		if _, err := p.Judge("a", j); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := p.Judge("inc-a", Judgement{Verdict: TruePositive, Reason: "r", By: "kim"}); err == nil {
		t.Error("a verdict on a whole incident")
	}
}

// A silenced alert neither mutes others of its incident nor speaks for them.
func TestSilencedBesideHeard(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d := &probe{name: "d"}
		p := open(t, dir, Route{Destination: d})
		stop := run(t, p)
		if _, err := p.AddSilence(Silence{Matcher: Matcher{Detector: "scraping"}, Until: time.Now().Add(24 * time.Hour), Reason: "test", By: "kim"}); err != nil {
			t.Fatal(err)
		}
		loud := alert("b", 1, event.Medium)
		loud.Detector, loud.IncidentID = "bola", "inc-a"
		accept(t, p, alert("a", 1, event.High))
		time.Sleep(time.Minute)
		accept(t, p, loud)
		time.Sleep(2 * time.Hour)
		accept(t, p, alert("a", 2, event.Critical)) // would be an update, and a rise
		time.Sleep(time.Minute)
		if got := d.kinds(); got != "open" {
			t.Errorf("sent %q", got)
		}
		if in := d.got[0].Incident; in.Severity != event.Medium || in.Lead().ID != "b" || in.SilencedBy != "" || len(in.Alerts) != 2 {
			t.Errorf("%+v", in)
		}
		stop()
	})
}
