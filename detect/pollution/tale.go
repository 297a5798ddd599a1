package pollution

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/event"
)

const (
	formsNamed = 3 // in the text of an alert
	formsKept  = 16
	// provedBy answers about the second thing, which the actor was not told of,
	// are no accident.
	provedBy = 3
)

// A tale tells of one actor that names two things at once.
type tale struct {
	entity              event.Entity
	host, method, route string
	startNS, lastNS     int64
	samples             evidence.Samples
	score               evidence.Score

	copies   int64
	followed int64 // answered about the second one
	untold   int64 // of those: that no answer had told of
	clean    int64
	forms    []string
	cold     bool
}

func newTale(h *hit, nowNS int64) *tale {
	return &tale{entity: h.Entity, host: h.Host, method: h.Method, route: h.Route, startNS: nowNS, lastNS: nowNS}
}

func (t *tale) took(h *hit, nowNS int64) {
	t.lastNS = max(t.lastNS, nowNS)
	t.copies++
	telling := 0.0
	if h.Follows {
		t.followed++
		telling = 1
		if !h.Told {
			t.untold++
			telling = 2
		}
	}
	t.cold = h.Population < knownFrom
	t.samples.AddSample(h.Sample, telling)
	if text := h.First.String() + " and " + h.Second.String(); len(t.forms) < formsKept && !slices.Contains(t.forms, text) {
		t.forms = append(t.forms, text)
	}
}

// Alert implements detect.Case.
func (t *tale) Alert() event.Alert {
	a := event.Alert{
		Detector: "parameter_pollution", RuleVersion: 1, Severity: event.Medium,
		Title:     "Requests name two different objects under one parameter",
		StartedAt: time.Unix(0, t.startNS).UTC(), LastSeenAt: time.Unix(0, t.lastNS).UTC(),
		Entity: t.entity, Endpoint: event.EndpointRef{Host: t.host, Method: t.method, Route: t.route}, Outcome: event.OutcomeUnknown,
		Counts:   map[string]int64{"copies": t.copies, "followed": t.followed, "untold": t.untold, "forms": int64(len(t.forms)), "clean": t.clean, "seconds": (t.lastNS - t.startNS) / int64(time.Second)},
		NextStep: fmt.Sprintf("Send one of the quoted requests as a test user (the object stands in %s): what is checked and what is used must be the same.", strings.Join(t.forms[:min(len(t.forms), formsNamed)], "; ")),
		Evidence: event.Evidence{ScoreLog10: evidence.Log10(t.score.S), Calls: t.samples.Calls(),
			Features: append(t.score.Features(test, "second_objects", "objects_without_a_second", "none"), event.Feature{Name: "answers_about_the_second", Value: float64(t.followed)})},
		Benign: []event.Hypothesis{
			{Hypothesis: "It is how the API is used.", Against: fmt.Sprintf("Fewer than %d actors ask in this form.", benignFrom)},
			{Hypothesis: "The second value is a filter and not the object.", Against: fmt.Sprintf("%d answers were about the second object and not about the first.", t.followed)},
		},
		Tags: event.Tags{OWASP: []string{"API1:2023"}, Attack: []string{"T1190"}},
		Hunt: fmt.Sprintf("%s:%s%s route:%q since:%s", t.entity.Kind, t.entity.Value, evidence.HuntHost(t.host), t.route, time.Unix(0, t.startNS).UTC().Format(time.RFC3339)),
	}
	a.Summary = fmt.Sprintf("%s %s sent %d requests that name a second, different object, on %s %s%s within %d s; %d were answered about the second, of which it had not been told of %d",
		t.entity.Kind, t.entity.Value, t.copies, t.method, t.host, t.route, a.Counts["seconds"], t.followed, t.untold)
	if t.followed > 0 {
		a.Outcome = event.OutcomeSucceeded
	}
	if t.cold {
		a.Flags = append(a.Flags, "cold")
	}
	if t.untold >= provedBy && t.score.S >= detect.High && !t.cold {
		a.Title = "A second object under one parameter passes the check"
		a.Severity = event.High
	}
	return a
}
