package overlap

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"lapwing/detect/evidence"
	"lapwing/event"
)

// A tale is what is told of one program at one place.
type tale struct {
	startNS int64
	lastNS  int64
	samples evidence.Samples
	told    bool

	from       Origin
	cohort     int // rareProgram or untold, else a program of its own
	m          measure
	actors     int64
	touches    int64
	sensitive  int64
	dispersion float64
	enumerates bool
	crawler    bool
}

const (
	// A catalogue from which a twentieth is much.
	largeCatalogue = 20_000
	muchOfIt       = 0.05
	muchSensitive  = 200
)

func newTale(nowNS int64) *tale { return &tale{startNS: nowNS, lastNS: nowNS} }

func (t *tale) detector() string {
	if t.enumerates {
		return "object_enumeration"
	}
	return "scraping"
}

func (t *tale) entity() event.Entity {
	if t.cohort < cohorts {
		return event.Entity{Kind: event.KindEndpoint, Value: t.where()}
	}
	return event.Entity{Kind: event.KindCluster, Value: cmp.Or(t.from.Fingerprint, t.from.UserAgent)}
}

func (t *tale) where() string {
	return fmt.Sprintf("%s %s%s", t.from.Method, t.from.Host, t.from.Route)
}

// Alert implements detect.Case.
func (t *tale) Alert() event.Alert {
	e := t.entity()
	percent := int64(math.Round(100 * t.m.taken / max(1, t.m.catalogue)))
	a := event.Alert{
		Detector: t.detector(), RuleVersion: 1, Severity: event.Medium,
		Title:     "A catalogue is taken by many callers together, each a part",
		StartedAt: time.Unix(0, t.startNS).UTC(), LastSeenAt: time.Unix(0, t.lastNS).UTC(),
		Entity: e, Endpoint: event.EndpointRef{Host: t.from.Host, Method: t.from.Method, Route: t.from.Route}, Outcome: event.OutcomeSucceeded,
		Counts: map[string]int64{
			"actors": t.actors, "objects": int64(math.Round(t.m.taken)), "reads": t.touches, "met": int64(math.Round(t.m.met)), "met_expected": int64(math.Round(t.m.expected)),
			"catalogue": int64(math.Round(t.m.catalogue)), "percent": percent, "sensitive": t.sensitive, "seconds": (t.lastNS - t.startNS) / int64(time.Second),
		},
		NextStep: "Look at the quoted calls: if the callers are not customers of yours, limit what one program may read, or serve it a feed.",
		Evidence: event.Evidence{ScoreLog10: evidence.Log10(t.m.score), Calls: t.samples.Calls(), Features: []event.Feature{
			{Name: "read_by_a_second_one", Value: t.m.met, Baseline: t.m.expected, Contribution: evidence.Log10(t.m.score)},
			{Name: "dispersion_of_parts", Value: t.dispersion, Baseline: evenDispersion},
			{Name: "read_by_nobody_else", Value: t.m.cold, Baseline: t.m.coldElsewhere},
			{Name: "share_of_catalogue", Value: t.m.taken / max(1, t.m.catalogue)},
		}},
		Benign: []event.Hypothesis{
			{Hypothesis: "A long catalogue, in which everybody reads something else.", Against: fmt.Sprintf("Readers who pick blindly from twice the catalogue would have met at least %.0f times; these met %.0f times.", t.m.expected, t.m.met)},
			{Hypothesis: "Each reads what is their own.", Against: "What is read here is read by others too, and these callers take equal parts or what nobody else reads."},
		},
		Tags: event.Tags{OWASP: []string{"API6:2023"}, OAT: []string{"OAT-011"}, Attack: []string{"T1119", "T1090"}},
	}
	if t.enumerates {
		a.Title = "Identifiers are tried by many callers together, each a part"
		a.Tags.OWASP = []string{"API1:2023"}
	}
	switch {
	case t.crawler:
		a.Severity = event.Low
	case t.sensitive >= muchSensitive && 2*t.sensitive >= t.touches, t.m.catalogue >= largeCatalogue && t.m.taken >= muchOfIt*t.m.catalogue:
		a.Severity = event.High
	}
	who := fmt.Sprintf("%d callers with one program", t.actors)
	hunt := ""
	switch {
	case t.cohort == untold:
		who = fmt.Sprintf("%d callers that no answer had told of it", t.actors)
	case t.cohort == rareProgram:
		who = fmt.Sprintf("%d callers with rare programs", t.actors)
	case t.from.Fingerprint != "":
		hunt = "fingerprint:" + t.from.Fingerprint + " "
	default:
		hunt = fmt.Sprintf("user_agent:%q ", t.from.UserAgent)
	}
	a.Summary = fmt.Sprintf("%s read %d objects on %s within %d s, %d %% of what is known there, and met at %d of them, where independent readers meet at %d at least",
		who, a.Counts["objects"], t.where(), a.Counts["seconds"], percent, a.Counts["met"], a.Counts["met_expected"])
	a.Hunt = hunt + fmt.Sprintf("host:%q route:%q since:%s", t.from.Host, t.from.Route, a.StartedAt.Format(time.RFC3339))
	return a
}
