package alerting

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lapwing/event"
)

const (
	// maxSilences bounds the list; people write them by hand.
	maxSilences = 1000
	// maxSilence is how long one may last: what nobody renews in a quarter of a
	// year, nobody remembers.
	maxSilence = 90 * 24 * time.Hour
	// maxReason and maxMatch bound what people write.
	maxReason = 2000
	maxMatch  = 500
)

// A Matcher picks alerts. A field that is empty matches everything; at least
// one is not.
type Matcher struct {
	Detector string            `json:"detector,omitempty"`
	Entity   event.Entity      `json:"entity,omitzero"`
	Endpoint event.EndpointRef `json:"endpoint,omitzero"` // any of host, method, route
	Network  string            `json:"network,omitempty"` // prefix: the alert is about an address or network in it, or all calls that it quotes came from there
	Tag      string            `json:"tag,omitempty"`     // among its tags or flags, such as API1:2023 or rule:many-exports
}

// Matches reports whether all fields that are set fit the alert.
func (m Matcher) Matches(a *event.Alert) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return fits(m.Detector, a.Detector) && fits(string(m.Entity.Kind), string(a.Entity.Kind)) && fits(m.Entity.Value, a.Entity.Value) &&
		fits(m.Endpoint.Host, a.Endpoint.Host) && fits(m.Endpoint.Method, a.Endpoint.Method) && fits(m.Endpoint.Route, a.Endpoint.Route) &&
		(m.Network == "" || fromNetwork(m.Network, a)) && (m.Tag == "" || tagged(m.Tag, a))
}

// fromNetwork reports whether an alert is about a prefix.
func fromNetwork(prefix string, a *event.Alert) bool {
	p, err := netip.ParsePrefix(prefix)
	if err != nil {
		return false
	}
	in := func(s string) bool {
		addr, err := netip.ParseAddr(s)
		return err == nil && p.Contains(addr.Unmap())
	}
	switch a.Entity.Kind {
	case event.KindClient:
		return in(a.Entity.Value)
	case event.KindNetwork:
		if about, err := netip.ParsePrefix(a.Entity.Value); err == nil {
			return about.Bits() >= p.Bits() && p.Contains(about.Addr())
		}
	}
	for _, c := range a.Evidence.Calls {
		if !in(c.Client) {
			return false
		}
	}
	return len(a.Evidence.Calls) > 0
}

func tagged(tag string, a *event.Alert) bool {
	for _, list := range [][]string{a.Tags.OWASP, a.Tags.OAT, a.Tags.Attack, a.Flags} {
		if slices.ContainsFunc(list, func(have string) bool { return strings.EqualFold(have, tag) }) {
			return true
		}
	}
	return false
}

// SilenceKind says why alerts are kept from being sent.
type SilenceKind string

const (
	// Muted: somebody does not want to hear of it for a while.
	Muted SilenceKind = ""
	// Expected: a load test or a penetration test. It covers alerts that begin and
	// end, in event time, between From and Until; they get the flag "expected".
	Expected SilenceKind = "expected"
	// Exception: an alert was a false alarm, and so would be its like. It covers
	// alerts up to what Allows says.
	Exception SilenceKind = "exception"
)

// A Silence keeps matching alerts from being sent until it expires. They are
// still accepted, counted, kept and listed.
type Silence struct {
	ID        string      `json:"id"` // given by AddSilence
	Kind      SilenceKind `json:"kind,omitempty"`
	Matcher   Matcher     `json:"matcher"`
	From      time.Time   `json:"from,omitzero"` // Expected
	Until     time.Time   `json:"until"`
	Reason    string      `json:"reason"`
	By        string      `json:"by"`
	CreatedAt time.Time   `json:"created_at"`

	Allows *Allowance `json:"allows,omitempty"` // Exception
	Alert  string     `json:"alert,omitempty"`  // Exception: ID of the alert that was judged

	Matched     int64     `json:"matched"` // revisions of alerts that it kept from being sent
	LastMatched time.Time `json:"last_matched,omitzero"`
}

// An Allowance is the most that an exception covers.
type Allowance struct {
	Severity   event.Severity   `json:"severity"`
	Succeeded  bool             `json:"succeeded"` // what succeeds is covered only if that was known when it was judged
	ScoreLog10 float64          `json:"score_log10"`
	Counts     map[string]int64 `json:"counts"`
}

// tenfold is how much more of the same an exception covers. Evidence is a sum
// over events, so ten times the sum is ten times as many telling events.
const tenfold = 10

// limits are counts that are settings and not measurements.
var limits = []string{"window_s", "at_least", "at_least_percent", "percent", "steps", "duration_s", "period_s"}

// allow is the allowance for more of an alert that was a false alarm.
func allow(a *event.Alert) *Allowance {
	out := &Allowance{Severity: a.Severity, Succeeded: a.Outcome == event.OutcomeSucceeded, ScoreLog10: tenfold * a.Evidence.ScoreLog10, Counts: map[string]int64{}}
	for name, n := range a.Counts {
		if !slices.Contains(limits, name) {
			out.Counts[name] = tenfold * n
		}
	}
	return out
}

// covers reports whether an alert is no more than what is allowed. A count that
// was zero, or was not there, may not be more than ten.
func (w *Allowance) covers(a *event.Alert) bool {
	if a.Severity > w.Severity || a.Outcome == event.OutcomeSucceeded && !w.Succeeded || a.Evidence.ScoreLog10 > w.ScoreLog10 {
		return false
	}
	for name, n := range a.Counts {
		if !slices.Contains(limits, name) && n > max(tenfold, w.Counts[name]) {
			return false
		}
	}
	return true
}

// covers reports whether s keeps the alert from being sent at the time now.
// Expected activity is judged by event time, which says when it was; people's
// silences and exceptions by the clock that people live by.
func (s *Silence) covers(a *event.Alert, now time.Time) bool {
	switch s.Kind {
	case Expected:
		return !a.StartedAt.Before(s.From) && !a.LastSeenAt.After(s.Until) && s.Matcher.Matches(a)
	case Exception:
		return s.Until.After(now) && s.Matcher.Matches(a) && s.Allows != nil && s.Allows.covers(a)
	}
	return s.Until.After(now) && s.Matcher.Matches(a)
}

// flag is what alerts that s covers are marked with where they are kept.
func (s *Silence) flag() string {
	switch s.Kind {
	case Expected:
		return "expected"
	case Exception:
		return "exception"
	}
	return "silenced"
}

// rank has expected activity named before an exception, and that before a
// silence, where several cover an alert.
func (s *Silence) rank() int {
	return slices.Index([]SilenceKind{Expected, Exception, Muted}, s.Kind)
}

func compareSilences(a, b *Silence) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.ID, b.ID))
}

func (s *Silence) check(now time.Time) error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	m := &s.Matcher
	if *m == (Matcher{}) {
		bad("matcher is empty: it would silence everything")
	}
	for _, v := range []string{m.Detector, string(m.Entity.Kind), m.Entity.Value, m.Endpoint.Host, m.Endpoint.Method, m.Endpoint.Route, m.Network, m.Tag, s.By} {
		if len(v) > maxMatch {
			bad("a field has more than %d bytes", maxMatch)
		}
	}
	if m.Network != "" {
		if _, err := netip.ParsePrefix(m.Network); err != nil {
			bad("network %q is no prefix such as 192.0.2.0/24", m.Network)
		}
	}
	if !s.Until.After(now) {
		bad("until %s is not in the future", s.Until.Format(time.RFC3339))
	}
	if s.Kind != Muted && s.Until.Sub(now) > maxSilence {
		bad("until %s is more than 90 days away", s.Until.Format(time.RFC3339))
	}
	switch s.Kind {
	case Muted, Exception:
		if !s.From.IsZero() {
			bad("from is for expected activity")
		}
	case Expected:
		if s.From.IsZero() || !s.From.Before(s.Until) {
			bad("expected activity needs a beginning before its end")
		}
	default:
		bad("the kind %q is none of expected and exception", s.Kind)
	}
	if (s.Kind == Exception) != (s.Allows != nil) {
		bad("exceptions are made by a verdict on an alert")
	}
	if s.Reason == "" || len(s.Reason) > maxReason {
		bad("reason is missing, or longer than %d bytes", maxReason)
	}
	if s.By == "" {
		faults = append(faults, errors.New("by is missing"))
	}
	return errors.Join(faults...)
}
