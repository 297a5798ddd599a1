package tokens

import (
	"fmt"
	"strings"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/tell"
	"lapwing/event"
)

const detectorName = "token_abuse"

// addresses keeps the first ten distinct ones.
type addresses []string

// Add adds an address.
func (l *addresses) Add(a string) {
	if a == "" || len(*l) >= 10 {
		return
	}
	for _, have := range *l {
		if have == a {
			return
		}
	}
	*l = append(*l, a)
}

// An abused case tells of a token in other hands. It implements detect.Case.
type abused struct {
	entity    event.Entity
	user      string
	ref       event.EndpointRef
	score     [parts]float64
	usual     [parts]float64
	numbers   [parts]int64
	startedNS int64
	lastNS    int64
	sights    int64
	switches  int64
	parties   addresses
	samples   evidence.Samples
}

func (c *abused) copy(t *token, p *sight) {
	o := t.others
	c.ref, c.score, c.usual = p.ref, o.score, o.usual
	if p.user != "" {
		c.user = p.user
	}
	c.startedNS, c.lastNS, c.sights, c.switches = o.startedNS, o.lastNS, int64(t.sights), o.switches
	c.numbers = [parts]int64{partParty: o.parties, partTurns: o.turns, partFlips: int64(t.flips.hits), partNetworks: o.networks, partLogout: o.after, partPlanted: 1, partBrowser: 1}
}

var partNames = [parts]string{
	"other_parties", "turns_without_pause", "returns_between_far_networks", "networks_beyond_3_in_10_min", "looks_after_logout", "login_under_session_of_another", "key_of_a_program_in_a_browser",
}

// Alert tells the case.
func (c *abused) Alert() event.Alert {
	duration := tell.Seconds(c.startedNS, c.lastNS)
	a := event.Alert{
		Detector: detectorName, Severity: event.Medium, Outcome: event.OutcomeSucceeded,
		Title:     strings.ToUpper(string(c.entity.Kind[:1])) + string(c.entity.Kind[1:]) + " " + c.entity.Value + " is used by others",
		StartedAt: tell.At(c.startedNS), LastSeenAt: tell.At(c.lastNS), Entity: c.entity, Endpoint: c.ref,
		Counts: map[string]int64{
			"parties": c.numbers[partParty] + 1, "switches": c.switches, "turns": c.numbers[partTurns], "returns": c.numbers[partFlips],
			"networks_beyond": c.numbers[partNetworks], "after_logout": c.numbers[partLogout], "looks": c.sights, "duration_s": duration,
		},
		NextStep: "End the session or revoke the key, and find out where it was taken: a shared link, a log, a browser extension, a stolen device.",
		Benign: []event.Hypothesis{
			{Hypothesis: "one device changes networks", Against: "its program would stay the same, or it would not be in both places at once"},
			{Hypothesis: "several programs of one owner share the token", Against: "they would share an address, or many owners would have them"},
		},
		Tags: event.Tags{OWASP: []string{"API2:2023"}, Attack: []string{"T1539", "T1550.004"}},
		Hunt: tell.Hunt(c.entity, event.EndpointRef{}, c.startedNS),
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s was used by %d parties in %d s", tell.Who(c.entity), c.numbers[partParty]+1, duration)
	if c.user != "" {
		fmt.Fprintf(&b, ", as %s", c.user)
	}
	total := 0.0
	for p := range parts {
		if c.score[p] == 0 {
			continue
		}
		total += c.score[p]
		a.Evidence.Features = append(a.Evidence.Features, event.Feature{Name: partNames[p], Value: float64(c.numbers[p]), Baseline: c.usual[p], Contribution: evidence.Log10(c.score[p])})
		switch p {
		case partTurns:
			fmt.Fprintf(&b, "; %d of %d changes between them were turns without a pause", c.numbers[p], c.switches)
		case partFlips:
			fmt.Fprintf(&b, "; one program came back %d times between far networks", c.numbers[p])
		case partNetworks:
			fmt.Fprintf(&b, "; it was seen in %d more networks within minutes than a journey explains", c.numbers[p])
		case partLogout:
			fmt.Fprintf(&b, "; others used it %d times after its bearer had logged out", c.numbers[p])
		case partPlanted:
			b.WriteString("; somebody logged in under it who was not the first to have it")
		case partBrowser:
			b.WriteString("; it is a program's and turned up in a browser")
		}
	}
	for _, address := range c.parties {
		a.Evidence.Features = append(a.Evidence.Features, event.Feature{Name: "client:" + address, Value: 1})
	}
	a.Evidence.ScoreLog10, a.Evidence.Calls = evidence.Log10(total), c.samples.Calls()
	a.Summary = b.String()
	switch {
	case total < detect.Medium:
		a.Severity, a.Outcome = event.Low, event.OutcomeUnknown
	case total >= detect.High && (c.score[partLogout] > 0 || c.score[partPlanted] > 0):
		a.Severity = event.High
	}
	if c.entity.Kind == event.KindKey {
		a.Tags.Attack = []string{"T1528", "T1550.001"}
	}
	return a
}
