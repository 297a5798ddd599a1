package scraping

import (
	"cmp"
	"fmt"
	"time"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/event"
)

const (
	// sensitiveFrom items with sensitive data, and half of all, make it grave.
	sensitiveFrom = 200
	// largeCatalogue, largeShare and largeHarvest: a twentieth of a large catalogue.
	largeCatalogue = 20_000
	largeHarvest   = 2000
)

// A tale is what an alert tells of one harvest.
type tale struct {
	entity  event.Entity
	host    string
	method  string
	route   string
	kind    event.Kind
	startNS int64
	lastNS  int64
	samples evidence.Samples
	found   findings

	details, pages, repeats, sensitive int64
	catalogue                          int64
	cold, crawler                      bool
}

func newTale(o *detect.Observation, startNS int64) *tale {
	c := o.Call
	t := &tale{host: c.Host, method: c.Method, route: o.Route.Template, kind: c.Actor.Kind, startNS: startNS}
	if t.route == "" {
		t.route = c.PathShape
	}
	if t.route == "" {
		t.route = c.Path
	}
	t.entity = event.Entity{Kind: c.Actor.Kind, Value: c.Actor.Value}
	if anonymous(c) {
		t.entity = event.Entity{Kind: event.KindClient, Value: cmp.Or(c.Actor.Value, "unknown")}
		if c.Client.IsValid() {
			t.entity.Value = c.Client.String()
		}
	}
	return t
}

func (t *tale) update(h *harvest, o *detect.Observation) {
	t.lastNS = o.AtNS
	t.details, t.pages, t.repeats, t.sensitive = int64(h.details), int64(h.pages), int64(h.repeats), int64(h.sensitive)
}

// Alert implements detect.Case.
func (t *tale) Alert() event.Alert {
	seconds := (t.lastNS - t.startNS) / int64(time.Second)
	a := event.Alert{
		Detector: "scraping", RuleVersion: 1, Severity: t.severity(),
		Title:     "A catalogue is being read by a program",
		StartedAt: time.Unix(0, t.startNS).UTC(), LastSeenAt: time.Unix(0, t.lastNS).UTC(),
		Entity:   t.entity,
		Endpoint: event.EndpointRef{Host: t.host, Method: t.method, Route: t.route},
		Outcome:  event.OutcomeSucceeded,
		Counts: map[string]int64{
			"items": t.details, "pages": t.pages, "repeats": t.repeats, "sensitive": t.sensitive, "catalogue": t.catalogue, "seconds": seconds,
		},
		NextStep: "Find out who this caller is; if nobody agreed to it, limit the rate of distinct items for this kind of caller.",
		Tags:     event.Tags{OWASP: []string{"API6:2023", "API4:2023"}, OAT: []string{"OAT-011"}, Attack: []string{"T1119"}},
		Hunt:     fmt.Sprintf("%s:%s%s since:%s", t.entity.Kind, t.entity.Value, evidence.HuntHost(t.host), time.Unix(0, t.startNS).UTC().Format(time.RFC3339)),
	}
	a.Summary = fmt.Sprintf("%s %s read %d distinct items and %d pages of lists on %s within %d s, with %d repeated reads",
		t.entity.Kind, t.entity.Value, t.details, t.pages, at(t.host), seconds, t.repeats)
	if t.sensitive > 0 {
		a.Summary += fmt.Sprintf("; %d held sensitive data", t.sensitive)
	}
	if t.cold {
		a.Flags = append(a.Flags, "cold")
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(t.found.score), Features: t.found.features(), Calls: t.samples.Calls()}
	a.Benign = []event.Hypothesis{
		{Hypothesis: "A person who reads a lot.", Against: "People pause, come back to things and do something else in between; see pause_share, gap_regularity and repeat_share."},
		{Hypothesis: "An export or a first synchronisation that was agreed on.", Against: t.agreement()},
	}
	return a
}

// at names a host in a sentence; most logs do not.
func at(host string) string {
	if host == "" {
		return "the server"
	}
	return host
}

func (t *tale) agreement() string {
	switch {
	case anonymous(&event.Call{Actor: event.Actor{Kind: t.kind}}):
		return "The caller did not say who it is."
	case t.kind == event.KindKey:
		return "Nothing speaks against it: the caller has a key. It reads more than others with a key."
	}
	return "The caller is a user or a session, not a service with a key."
}

func (t *tale) severity() event.Severity {
	switch {
	case t.found.score < detect.Medium, t.crawler, t.kind == event.KindKey:
		return event.Low
	case t.sensitive >= sensitiveFrom && 2*t.sensitive >= t.details+t.pages,
		t.details >= largeHarvest && t.catalogue >= largeCatalogue && 20*t.details > t.catalogue:
		return event.High
	}
	return event.Medium
}
