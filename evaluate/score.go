package evaluate

import (
	"net/netip"
	"slices"
	"strings"

	"lapwing/evaluate/baseline"
	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

// A Score is what came of one run.
type Score struct {
	Name    string  `json:"name"` // of the run's scenario
	Seed    uint64  `json:"seed"`
	App     string  `json:"app"`
	Spec    bool    `json:"spec"` // detection knew the application's description
	Calls   int64   `json:"calls"`
	Logins  int64   `json:"logins"`
	Objects int64   `json:"with_ids"`
	Days    float64 `json:"tenant_days"`
	Seconds float64 `json:"seconds"` // of wall time, with making the world

	Parts  []PartScore `json:"parts,omitempty"`
	Alerts []Told      `json:"alerts,omitempty"` // in order of their first revision, at most 200
	Total  int         `json:"alerts_total"`
	Lost   int         `json:"alerts_lost,omitempty"`

	// Verdicts counts the alerts by verdict and worst severity.
	Verdicts map[Verdict][event.Critical + 1]int `json:"verdicts"`
	// Rules are the alerts of static rules that were about nobody who attacked.
	Rules map[string]int `json:"rules_false,omitempty"`
}

// A PartScore says what became of one attack, or of one harmless part.
type PartScore struct {
	Scenario string `json:"scenario"`
	Level    string `json:"level,omitempty"`
	Twin     bool   `json:"twin,omitempty"`
	Attack   bool   `json:"attack"`
	Calls    int64  `json:"calls"`
	Targets  int    `json:"targets"` // distinct accounts, objects or paths in them
	Harm     int64  `json:"harm"`
	HarmUnit string `json:"harm_unit,omitempty"`

	// Of an attack. The rest holds if it was found.
	Found    bool           `json:"found"` // a right alert, medium or above
	Noted    bool           `json:"noted"` // a right alert of any severity
	Severity event.Severity `json:"severity"`
	Detector string         `json:"detector,omitempty"` // of the first right alert
	// Until the first right alert of medium severity: calls of the part, distinct
	// targets of them, minutes, and harm done.
	CallsBefore   int64   `json:"calls_before"`
	TargetsBefore int     `json:"targets_before"`
	MinutesBefore float64 `json:"minutes_before"`
	HarmBefore    int64   `json:"harm_before"`
	Told          int     `json:"told"` // right alerts of medium severity and above

	// Callers that right alerts list, in truth and falsely; all there are.
	CallersRight int `json:"callers_right"`
	CallersWrong int `json:"callers_wrong"`
	Callers      int `json:"callers"`

	Rules []string `json:"rules,omitempty"` // static rules that found it

	// Of a harmless part: alerts about it, medium or above.
	FalseAbout int `json:"false_about"`
}

// Told is one alert with its verdict.
type Told struct {
	ID       string         `json:"id"`
	Detector string         `json:"detector"`
	Severity event.Severity `json:"severity"` // the worst it reached
	Entity   event.Entity   `json:"entity"`
	Endpoint string         `json:"endpoint"`
	Summary  string         `json:"summary"`
	Verdict  Verdict        `json:"verdict"`
	Part     int            `json:"part"` // that it is about, from 1; 0: everyday traffic
	AtNS     int64          `json:"at_ns"`
	Faults   []string       `json:"faults,omitempty"` // of its explanation
}

const maxTold = 200 // alerts kept of a run; the counts are of all

// score judges everything told against the truth.
func (l *ledger) score(truth *simulate.Truth) *Score {
	s := &Score{
		App: truth.App, Calls: l.calls, Logins: truth.Logins, Objects: truth.Objects, Days: truth.End.Sub(truth.Start).Hours() / 24,
		Total: len(l.order) + l.lost, Lost: l.lost, Verdicts: map[Verdict][event.Critical + 1]int{}, Rules: map[string]int{},
	}
	for len(l.parts) < len(truth.Parts) {
		l.parts = append(l.parts, &part{})
	}
	for i := range truth.Parts {
		s.Parts = append(s.Parts, l.part(&truth.Parts[i], i+1))
	}
	right := make([][]*told, len(truth.Parts))
	for _, t := range l.told() {
		verdict, about := l.judge(truth, t)
		counts := s.Verdicts[verdict]
		counts[t.worst]++
		s.Verdicts[verdict] = counts
		if verdict == Right {
			right[about-1] = append(right[about-1], t)
		} else if about > 0 && verdict == False && t.worst >= event.Medium {
			s.Parts[about-1].FalseAbout++
		}
		if len(s.Alerts) < maxTold {
			s.Alerts = append(s.Alerts, l.show(t, verdict, about))
		}
	}
	for i, list := range right {
		l.found(&truth.Parts[i], i+1, list, &s.Parts[i])
	}
	l.scoreRules(truth, s)
	return s
}

func (l *ledger) show(t *told, verdict Verdict, about int) Told {
	a := &t.last
	reveal := func(s string) string { return l.keys.Reveal(s, pseudonym.Plain) }
	return Told{
		ID: a.ID, Detector: a.Detector, Severity: t.worst, Entity: event.Entity{Kind: a.Entity.Kind, Value: reveal(a.Entity.Value)},
		Endpoint: strings.TrimSpace(a.Endpoint.Method + " " + a.Endpoint.Host + a.Endpoint.Route), Summary: reveal(a.Summary),
		Verdict: verdict, Part: about, AtNS: t.first[event.Info], Faults: l.faults(a, verdict, about),
	}
}

// part counts what the part held.
func (l *ledger) part(p *simulate.Part, n int) PartScore {
	seen := l.parts[n-1]
	targets := map[uint64]struct{}{}
	for i := range seen.calls {
		targets[seen.calls[i].target] = struct{}{}
	}
	return PartScore{
		Scenario: p.Scenario, Level: p.Level, Twin: p.Twin, Attack: p.Attack, Calls: max(p.Calls, int64(len(seen.calls))),
		Targets: len(targets), Harm: p.Harm, HarmUnit: p.HarmUnit, Callers: max(len(p.Callers), 1),
	}
}

// found fills in what the right alerts say.
func (l *ledger) found(p *simulate.Part, n int, list []*told, s *PartScore) {
	var first *told
	listed := map[netip.Addr]bool{}
	for _, t := range list {
		s.Noted = true
		s.Severity = max(s.Severity, t.worst)
		clients(&t.last, listed)
		if t.worst < event.Medium {
			continue
		}
		s.Told++
		if first == nil || t.first[event.Medium] < first.first[event.Medium] {
			first = t
		}
	}
	seen := l.parts[n-1]
	for a := range listed {
		if seen.callers[a] {
			s.CallersRight++
		} else {
			s.CallersWrong++
		}
	}
	if first == nil {
		return
	}
	at := first.first[event.Medium]
	s.Found, s.Detector = true, first.last.Detector
	s.MinutesBefore = max(0, float64(at-p.Start.UnixNano())/60e9)
	targets := map[uint64]struct{}{}
	for _, c := range seen.sortedCalls() {
		if c.endNS > at {
			break
		}
		s.CallsBefore++
		s.HarmBefore += int64(c.harm)
		targets[c.target] = struct{}{}
	}
	s.TargetsBefore = len(targets)
}

// clients adds the addresses that an alert lists: as its entity, as features,
// among the quoted calls.
func clients(a *event.Alert, into map[netip.Addr]bool) {
	add := func(s string) {
		if addr, err := netip.ParseAddr(s); err == nil {
			into[addr.Unmap()] = true
		}
	}
	if a.Entity.Kind == event.KindClient {
		add(a.Entity.Value)
	}
	for i := range a.Evidence.Features {
		if v, ok := strings.CutPrefix(a.Evidence.Features[i].Name, "client:"); ok {
			add(v)
		}
	}
	for i := range a.Evidence.Calls {
		add(a.Evidence.Calls[i].Client)
	}
}

// scoreRules judges what the static rules said.
func (l *ledger) scoreRules(truth *simulate.Truth, s *Score) {
	hits := make([]map[string]bool, len(truth.Parts))
	for _, r := range l.rules {
		about := false
		for i := range truth.Parts {
			if l.hit(&truth.Parts[i], i+1, r) {
				about = true
				if hits[i] == nil {
					hits[i] = map[string]bool{}
				}
				hits[i][r.Rule] = true
			}
		}
		if !about {
			s.Rules[r.Rule]++
		}
	}
	for i, found := range hits {
		for _, r := range baseline.Rules() {
			if found[r.Name] {
				s.Parts[i].Rules = append(s.Parts[i].Rules, r.Name)
			}
		}
		slices.Sort(s.Parts[i].Rules)
	}
}
