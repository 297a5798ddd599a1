package probing

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/event"
)

const (
	familiesNamed = 6
	reachedKept   = 64
)

// A probe is the story of one suspect: from the first path that counted on.
type probe struct {
	by      scale
	entity  event.Entity
	host    string
	method  string
	route   string
	startNS int64
	lastNS  int64
	samples evidence.Samples
	test    evidence.Test
	score   evidence.Score

	absent      int64 // distinct paths that are not there
	found       int64 // distinct paths that are
	families    int64
	bits        [4]uint64
	names       []string
	clients     []netip.Addr
	fingerprint string // of the program, in packets
	// Of a cluster: how its paths are shared among the first networks.
	networks   [networksCounted]uint64
	perNetwork [networksCounted]int64
	paths      int64
	exposed    int64 // distinct answered paths that should not be reachable
	reachedT   []uint64
	firstHit   string // the first of them
}

func newProbe(o *detect.Observation, by scale) *probe {
	c := o.Call
	p := &probe{by: by, host: c.Host, method: c.Method, route: o.Route.Template, startNS: o.AtNS, lastNS: o.AtNS}
	if p.route == "" {
		p.route = c.Path
	}
	switch by {
	case byActor:
		p.entity = event.Entity{Kind: c.Actor.Kind, Value: c.Actor.Value}
	case byNetwork:
		p.entity = event.Entity{Kind: event.KindNetwork, Value: "unknown"}
		if n, err := c.Client.Unmap().Prefix(bitsOf(c)); err == nil {
			p.entity.Value = n.String()
		}
	case byCluster:
		p.entity, p.fingerprint = clusterEntity(c), c.Fingerprint
	default:
		p.entity = event.Entity{Kind: event.KindClient, Value: cmp.Or(c.Actor.Value, "unknown")}
		if c.Client.IsValid() {
			p.entity.Value = c.Client.String()
		}
	}
	return p
}

// count takes a path that is not there. It reports whether its family is news
// that may still add to the evidence.
func (p *probe) count(h *hit) (bonus bool) {
	p.absent++
	p.lastNS = max(p.lastNS, h.o.AtNS)
	telling := 0.0
	if h.is != none {
		telling = 1
		if bit := uint64(1) << (h.is & 63); p.bits[h.is>>6]&bit == 0 {
			p.bits[h.is>>6] |= bit
			p.families++
			telling = 2
			bonus = p.families <= familiesCounted
			if len(p.names) < familiesNamed {
				p.names = append(p.names, dictionary[h.is].name)
			}
		}
	}
	p.samples.Add(h.o.Call, telling)
	if p.by >= byNetwork && len(p.clients) < clientsKept {
		known := false
		for _, c := range p.clients {
			known = known || c == h.o.Call.Client
		}
		if !known {
			p.clients = append(p.clients, h.o.Call.Client)
		}
	}
	return bonus
}

// reached takes an answer that a scanner should not have had.
func (p *probe) reached(o *detect.Observation, target uint64) {
	p.lastNS = max(p.lastNS, o.AtNS)
	for _, t := range p.reachedT {
		if t == target {
			return
		}
	}
	if len(p.reachedT) == reachedKept {
		return
	}
	p.reachedT = append(p.reachedT, target)
	p.exposed++
	if p.firstHit == "" {
		p.firstHit = o.Call.Path
	}
	p.samples.Add(o.Call, 10)
}

// Alert implements detect.Case.
func (p *probe) Alert() event.Alert {
	seconds := (p.lastNS - p.startNS) / int64(time.Second)
	a := event.Alert{
		Detector: "probing", RuleVersion: 1, Severity: p.severity(),
		Title:     "Paths that do not exist were tried",
		StartedAt: time.Unix(0, p.startNS).UTC(), LastSeenAt: time.Unix(0, p.lastNS).UTC(),
		Entity:   p.entity,
		Endpoint: event.EndpointRef{Host: p.host, Method: p.method, Route: p.route},
		Outcome:  event.OutcomeBlocked,
		Counts: map[string]int64{
			"paths": p.absent, "families": p.families, "found": p.found, "exposed": p.exposed, "clients": max(1, int64(len(p.clients))), "seconds": seconds,
		},
		NextStep: "Look through the paths that were answered; block the source at the gateway if it goes on.",
		Tags:     event.Tags{OWASP: []string{"API9:2023", "API8:2023"}, OAT: []string{"OAT-014", "OAT-018"}, Attack: []string{"T1595.002", "T1595.003"}},
		Hunt:     fmt.Sprintf("%s:%s%s since:%s", p.entity.Kind, p.entity.Value, evidence.HuntHost(p.host), time.Unix(0, p.startNS).UTC().Format(time.RFC3339)),
	}
	who := string(p.entity.Kind) + " " + p.entity.Value
	if p.by == byCluster {
		a.Title = "A scan divided among many addresses"
		a.NextStep = "Look through the paths that were answered; the workers share a program, not an address, so that blocking addresses will not end it."
		field := "user_agent"
		if len(p.fingerprint) > 0 {
			field = "fingerprint"
		}
		a.Hunt = fmt.Sprintf("%s:%q%s since:%s", field, p.entity.Value, evidence.HuntHost(p.host), time.Unix(0, p.startNS).UTC().Format(time.RFC3339))
		who = fmt.Sprintf("at least %d clients of the program %q", len(p.clients), p.entity.Value)
	}
	a.Summary = fmt.Sprintf("%s asked %s for %d distinct paths that do not exist within %d s", who, at(p.host), p.absent, seconds)
	if p.families > 0 {
		a.Summary += fmt.Sprintf(", of %d kinds that scanners look for", p.families)
	}
	if p.exposed > 0 {
		a.Outcome = event.OutcomeSucceeded
		a.Title = "A scan found something"
		a.Summary += fmt.Sprintf("; %d answered that should not be reachable", p.exposed)
		a.NextStep = "Take " + p.firstHit + " off the network or into the specification, and see what else this source called."
	} else {
		a.Summary += "; none of them was there"
	}
	names := "none"
	if len(p.names) > 0 {
		names = "scanner_names: " + strings.Join(p.names, ", ")
	}
	a.Evidence = event.Evidence{
		ScoreLog10: evidence.Log10(p.score.S),
		Features: append(p.score.Features(p.test, "absent_paths", "answered_paths", names),
			event.Feature{Name: "exposed_paths", Value: float64(p.exposed)}),
		Calls: p.samples.Calls(),
	}
	a.Benign = []event.Hypothesis{
		{Hypothesis: "A broken link or a broken release of an app.", Against: fmt.Sprintf("Fewer than %d other clients missed the same paths, and %d distinct ones are too many for one page.", brokenFrom, p.absent)},
		{Hypothesis: "A crawler that returns to pages which are gone.", Against: fmt.Sprintf("Only %d of its distinct paths were answered; crawlers follow links, and most of those lead somewhere.", p.found)},
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

func (p *probe) severity() event.Severity {
	switch {
	case p.score.S < detect.Medium:
		return event.Low
	case p.exposed > 0:
		return event.High
	case p.test == crawling:
		return event.Low
	case p.by == byCluster && p.absent < clusterLasting:
		return event.Low
	case p.absent >= lasting:
		return event.Medium
	}
	return event.Low
}
