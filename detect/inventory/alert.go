package inventory

import (
	"fmt"
	"strconv"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

// An endpointCase is the suspicion about one endpoint.
type endpointCase struct {
	e        *endpoint
	detector string
	state    event.State
	features features
	next     *endpoint // the newer version, of a zombie
	quiet    bool
}

var _ detect.Case = (*endpointCase)(nil)

// Alert describes the endpoint as it is now.
func (k *endpointCase) Alert() event.Alert {
	e := k.e
	clients := e.clients.count()
	a := event.Alert{
		Detector: k.detector, Entity: e.entity(),
		Endpoint:  event.EndpointRef{Host: e.host.name, Method: e.method, Route: e.template},
		StartedAt: at(e.first), LastSeenAt: at(e.last),
		Outcome:  event.OutcomeSucceeded,
		Severity: k.severity(),
		Counts: map[string]int64{
			"calls": e.calls, "confirmed": e.good, "succeeded": e.ok, "clients": clients, "actors": e.actors.count(),
			"unauthenticated": e.anonymous, "sensitive_classes": int64(len(e.sensitive)),
		},
		Evidence: event.Evidence{ScoreLog10: k.features.sum(), Features: k.features, Calls: e.samples.Calls()},
		Tags:     event.Tags{OWASP: []string{"API9:2023"}, Attack: []string{"T1595"}},
		Hunt:     fmt.Sprintf("host:%s method:%s route:%s since:%s", quote(e.host.name), e.method, strconv.Quote(e.template), stamp(e.first)),
	}
	if e.ok == 0 {
		a.Outcome = event.OutcomeUnknown
	}
	who := fmt.Sprintf("%s %s%s was called %s by %s and answered %d with success", e.method, e.host.name, e.template,
		times(e.calls), counted(clients, "client"), e.ok)
	when := fmt.Sprintf("from %s to %s", stamp(e.first), stamp(e.last))
	switch {
	case k.detector == "zombie_endpoint":
		a.Title = "Retired endpoint still answers"
		reason := "though its description marks it as deprecated"
		a.NextStep = "Ask the callers to move, then switch the endpoint off or set a date for it."
		if k.next != nil {
			a.Title = "Old API version still answers"
			reason = "though " + k.next.template + " has taken its place"
			a.Counts["newer_version_clients"] = k.next.clients.count()
		}
		a.Summary = fmt.Sprintf("%s %s, %s.", who, when, reason)
		a.Benign = []event.Hypothesis{
			{Hypothesis: "callers are still moving to the replacement", Against: fmt.Sprintf("none known here: check the date agreed for the %s", counted(clients, "client"))},
			{Hypothesis: "it only tells callers that it is gone", Against: fmt.Sprintf("%d of %d calls were answered with success", e.ok, e.calls)},
		}
	case k.state == event.StateNew:
		a.Title = "New endpoint"
		a.Summary = fmt.Sprintf("%s %s; it was not seen in the first week of watching this host.", who, when)
		a.NextStep = "Check that the release that brought it was meant to."
		a.Benign = []event.Hypothesis{
			{Hypothesis: "a release added it", Against: "not tested: there is no description of this API to compare with"},
			{Hypothesis: "the server answers anything", Against: fmt.Sprintf("its answers differ from those to paths that do not exist (%d confirmed)", e.good)},
		}
	default:
		a.Title = "Undocumented endpoint in use"
		a.Summary = fmt.Sprintf("%s %s, and is in no description of this API.", who, when)
		a.NextStep = "Find out who owns it: add it to the description, protect it, or switch it off."
		a.Benign = []event.Hypothesis{
			{Hypothesis: "the server answers paths that do not exist with success", Against: fmt.Sprintf("this answer is not one it gives to other paths (%d confirmed)", e.good)},
			{Hypothesis: "the description is about another API", Against: fmt.Sprintf("it has %d of the %d confirmed API calls of this host", e.host.inside, e.host.inside+e.host.outside)},
		}
		a.Counts["host_described"] = e.host.inside
		a.Counts["host_api_calls"] = e.host.inside + e.host.outside
	}
	return a
}

func (k *endpointCase) severity() event.Severity {
	if k.quiet {
		return event.Info
	}
	score := k.features.natural()
	if score >= detect.High && len(k.e.sensitive) > 0 && k.e.anonymous > 0 {
		return event.High
	}
	if score >= detect.Medium {
		return event.Medium
	}
	return event.Low
}

// A hostCase is the suspicion about a whole host.
type hostCase struct {
	h                 *host
	rogue             bool
	features          features
	inside, outside   int64
	routes, calls, ok int64
	actors            int64
	sensitive         bool
	exposed           bool
	first, last       int64
}

// Alert describes the host as it was when it was judged.
func (k *hostCase) Alert() event.Alert {
	a := event.Alert{
		Detector: "shadow_endpoint", Entity: event.Entity{Kind: event.KindHost, Value: k.h.name},
		Endpoint: event.EndpointRef{Host: k.h.name}, Outcome: event.OutcomeSucceeded,
		Tags: event.Tags{OWASP: []string{"API9:2023"}, Attack: []string{"T1595"}},
	}
	if !k.rogue {
		a.Title = "Specification does not describe this host"
		a.Severity, a.Outcome = event.Info, event.OutcomeUnknown
		a.StartedAt, a.LastSeenAt = at(k.h.first), at(k.last)
		a.Counts = map[string]int64{"outside": k.outside, "api_calls": k.inside + k.outside}
		a.Summary = fmt.Sprintf("%d of %d confirmed API calls to %s are to endpoints that its description does not have.",
			k.outside, k.inside+k.outside, k.h.name)
		a.NextStep = "Check that the right description, with the right base path, is configured; until then its undocumented endpoints are told as information."
		a.Evidence = event.Evidence{ScoreLog10: 2, Features: []event.Feature{{Name: "mostly undescribed", Value: 1, Contribution: 2}}}
		a.Benign = []event.Hypothesis{{Hypothesis: "the description is out of date or has another base path", Against: "not ruled out: it is the likeliest cause"}}
		a.Hunt = fmt.Sprintf("host:%s since:%s", quote(k.h.name), stamp(k.h.first))
		return a
	}
	a.Title = "Described API served by an unexpected host"
	a.StartedAt, a.LastSeenAt = at(k.first), at(k.last)
	a.Counts = map[string]int64{"routes": k.routes, "calls": k.calls, "succeeded": k.ok, "actors": k.actors}
	a.Summary = fmt.Sprintf("%s served %d described routes to %s in %s from %s to %s, %d of them with success, and no description names it.",
		k.h.name, k.routes, counted(k.actors, "caller"), counted(k.calls, "call"), stamp(k.first), stamp(k.last), k.ok)
	a.NextStep = "Find out whether this is a staging or debugging copy that should not be reachable."
	a.Severity = event.Low
	if k.features.natural() >= detect.Medium {
		a.Severity = event.Medium
	}
	if k.features.natural() >= detect.High && k.sensitive && k.exposed {
		a.Severity = event.High
	}
	a.Evidence.Calls = k.h.samples.Calls()
	a.Evidence.ScoreLog10, a.Evidence.Features = k.features.sum(), k.features
	a.Benign = []event.Hypothesis{
		{Hypothesis: "it is the described host under another name", Against: "the described host answers too"},
		{Hypothesis: "it is the same service behind the gateway", Against: "its clients are not the servers of the described host"},
	}
	a.Hunt = fmt.Sprintf("host:%s since:%s", quote(k.h.name), stamp(k.first))
	return a
}

// An orphanCase says which described operations nobody used for 30 days.
type orphanCase struct {
	h           *host
	silent      int64
	example     string
	first, last int64
}

// Alert tells how many operations are silent, and one of them.
func (k *orphanCase) Alert() event.Alert {
	return event.Alert{
		Detector: "orphan_endpoint", Severity: event.Info, Title: "Described endpoints without traffic",
		Entity: event.Entity{Kind: event.KindHost, Value: k.h.name}, Endpoint: event.EndpointRef{Host: k.h.name},
		StartedAt: at(k.first), LastSeenAt: at(k.last), Outcome: event.OutcomeUnknown,
		Counts: map[string]int64{"silent": k.silent},
		Summary: fmt.Sprintf("%d described operations of %s, such as %s, had no answered call from %s to %s.",
			k.silent, k.h.name, k.example, stamp(k.first), stamp(k.last)),
		NextStep: "Remove what is not needed from the service and from its description.",
		Evidence: event.Evidence{ScoreLog10: 2, Features: []event.Feature{{Name: "silent operations", Value: float64(k.silent), Contribution: 2}}},
		Benign: []event.Hypothesis{
			{Hypothesis: "they are used less than once a month", Against: "not ruled out"},
			{Hypothesis: "their traffic does not pass this sensor", Against: "not ruled out"},
		},
		Tags: event.Tags{OWASP: []string{"API9:2023"}},
		Hunt: fmt.Sprintf("host:%s since:%s", quote(k.h.name), stamp(k.first)),
	}
}

func stamp(ns int64) string { return time.Unix(0, ns).UTC().Format(time.RFC3339) }

func quote(host string) string { return strconv.Quote(host) }

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.FormatInt(n, 10) + " " + what + "s"
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func times(n int64) string { return counted(n, "time") }
