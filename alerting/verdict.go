package alerting

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing/event"
)

// maxVerdicts of one incident are kept, the latest ones.
const maxVerdicts = 50

// A Verdict is what a person found out about an alert. Verdicts teach the
// detectors nothing: no ceiling and no threshold moves because of them. A false
// alarm makes an exception for its like, which has a scope, a limit and an end.
type Verdict struct {
	Alert     string    `json:"alert"`
	Incident  string    `json:"incident"`
	Verdict   string    `json:"verdict"` // false_positive or true_positive
	Reason    string    `json:"reason"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
	Exception string    `json:"exception,omitempty"` // ID of the silence it made
}

// Verdicts that can be given.
const (
	FalsePositive = "false_positive"
	TruePositive  = "true_positive"
)

// Scopes of the exception that a false alarm makes.
const (
	ScopeEntity   = "entity"   // the same detector about the same entity
	ScopeEndpoint = "endpoint" // the same detector at the same endpoint, whoever it is about
)

// A Judgement asks for a verdict to be noted.
type Judgement struct {
	Verdict string        `json:"verdict"`
	Reason  string        `json:"reason"`
	By      string        `json:"by"`
	Scope   string        `json:"scope,omitempty"`   // of FalsePositive; "" is ScopeEntity
	Expires time.Duration `json:"expires,omitempty"` // of FalsePositive: how long its exception lasts; 0 is 30 days, at most 90
}

const defaultException = 30 * 24 * time.Hour

// Judge notes a verdict on an alert, durably. A false positive ends the
// incident if all its alerts are judged so, and makes an exception; a true positive
// is noted alone.
func (p *Pipeline) Judge(alert string, j Judgement) (Verdict, error) {
	if j.Reason == "" || len(j.Reason) > maxReason {
		return Verdict{}, refusal{fmt.Errorf("verdict: reason is missing, or longer than %d bytes", maxReason)}
	}
	if j.Verdict != FalsePositive && j.Verdict != TruePositive {
		return Verdict{}, refusal{fmt.Errorf("verdict: %q is neither %s nor %s", j.Verdict, FalsePositive, TruePositive)}
	}
	if j.Verdict == TruePositive && (j.Scope != "" || j.Expires != 0) {
		return Verdict{}, refusal{errors.New("verdict: scope and expiry are for false positives")}
	}
	var v Verdict
	err := p.operate(alert, j.By, func(t *tracked, e *entry, now time.Time) error {
		a := t.alert(alert)
		if a == nil {
			return refusal{errors.New("a verdict is on one alert: give its id")}
		}
		v = Verdict{Alert: a.ID, Incident: t.ID, Verdict: j.Verdict, Reason: j.Reason, By: j.By, At: now}
		if j.Verdict == FalsePositive {
			s, err := exceptionFor(a, &j, now)
			if err != nil {
				return refusal{err}
			}
			if err := p.makeRoom(e, "", now); err != nil {
				return err
			}
			e.Seq = p.state.seq + 1
			s.ID = "sil-" + strconv.FormatUint(e.Seq, 10)
			v.Exception = s.ID
			e.Silences = append(e.Silences, s)
			t.suppress(a.ID, s.ID)
		}
		t.Verdicts = append(t.Verdicts, v)
		if over := len(t.Verdicts) - maxVerdicts; over > 0 {
			t.Verdicts = t.Verdicts[over:]
		}
		t.UpdatedAt = now
		e.Incidents = append(e.Incidents, t)
		if t.State != StateResolved && t.allFalse() {
			t.State, t.ResolvedBy, t.ResolvedAt = StateResolved, j.By, now
			for _, r := range p.routes {
				if k := t.end(r.Destination.Name()); k != "" {
					p.enqueue(e, r, t.ID, k, now)
				}
			}
		}
		return nil
	})
	return v, err
}

// exceptionFor is the silence that a false alarm makes.
func exceptionFor(a *event.Alert, j *Judgement, now time.Time) (Silence, error) {
	lasts := j.Expires
	if lasts == 0 {
		lasts = defaultException
	}
	s := Silence{Kind: Exception, Matcher: Matcher{Detector: a.Detector}, Until: now.Add(lasts), Reason: j.Reason, By: j.By, CreatedAt: now, Allows: allow(a), Alert: a.ID}
	switch j.Scope {
	case "", ScopeEntity:
		s.Matcher.Entity = a.Entity
	case ScopeEndpoint:
		if s.Matcher.Endpoint = a.Endpoint; a.Endpoint == (event.EndpointRef{}) {
			return s, errors.New("the alert is at no endpoint: take the scope entity")
		}
	default:
		return s, fmt.Errorf("the scope %q is neither %s nor %s", j.Scope, ScopeEntity, ScopeEndpoint)
	}
	for _, flag := range a.Flags { // of several rules of the user's only this one was wrong
		if strings.HasPrefix(flag, "rule:") {
			s.Matcher.Tag = flag
		}
	}
	return s, s.check(now)
}

// Verdicts returns all verdicts on the incidents that are kept, the latest first.
func (p *Pipeline) Verdicts() []Verdict {
	var out []Verdict
	for _, in := range p.Incidents() {
		out = append(out, in.Verdicts...)
	}
	return sortVerdicts(out)
}

// Mark returns the alerts with what kept them from being sent among their
// flags: "expected", "exception" or "silenced". What is kept elsewhere says so
// then, too.
func (p *Pipeline) Mark(alerts []event.Alert) []event.Alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]event.Alert, len(alerts))
	for i := range alerts {
		out[i] = alerts[i]
		id := alerts[i].IncidentID
		if id == "" {
			id = alerts[i].ID
		}
		t := p.state.incidents[id]
		if t == nil {
			continue
		}
		if s, ok := p.state.silences[t.Suppressed[alerts[i].ID]]; ok {
			out[i].Flags = withFlag(out[i].Flags, s.flag())
		}
	}
	return out
}

func withFlag(flags []string, flag string) []string {
	if slices.Contains(flags, flag) {
		return flags
	}
	return append(slices.Clone(flags), flag)
}

func sortVerdicts(list []Verdict) []Verdict {
	slices.SortFunc(list, func(a, b Verdict) int { return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Alert, b.Alert)) })
	return list
}
