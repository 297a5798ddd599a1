package distributed

import (
	"fmt"
	"math"
	"strings"

	"lapwing/detect/evidence"
	"lapwing/detect/tell"
	"lapwing/event"
)

// words are what the two kinds of attack differ in.
type words struct {
	title, did, next, oat string
	attack                []string
}

var (
	stuffed = words{"Distributed credential stuffing", "tried stolen logins", "end the sessions of the accounts that were entered, and", "OAT-008", []string{"T1110.004", "T1589.001", "T1090"}}
	sprayed = words{"Password spraying", "tried few passwords at many accounts", "have the accounts that were entered choose another password, and", "OAT-007", []string{"T1110.003", "T1090"}}
)

// Alert tells the campaign.
func (c *campaign) Alert() event.Alert { return c.tell(c.detector) }

func (c *campaign) tell(detector string) event.Alert {
	w := stuffed
	if detector == spraying {
		w = sprayed
	}
	percent := func(v float64) int64 { return int64(math.Round(100 * v)) }
	share := c.score.share
	excess := int64(math.Round(max(0, c.score.excess())))
	a := event.Alert{
		Detector: detector, Severity: event.Medium, Outcome: event.OutcomeBlocked,
		Title:     w.title + " at " + tell.Where(c.endpoint),
		StartedAt: tell.At(c.startedNS), LastSeenAt: tell.At(c.lastNS), Entity: c.entity, Endpoint: c.endpoint,
		Counts: map[string]int64{
			"attempts": c.attempts, "failures": c.failures, "accounts": c.accounts, "clients": c.clients, "unknown_accounts": c.nobody,
			"entered_accounts": c.entered, "successes": c.came, "excess_attempts": excess, "duration_s": tell.Seconds(c.startedNS, c.lastNS),
			"attack_share_percent": percent(share.value), "attack_share_low_percent": percent(share.low), "attack_share_high_percent": percent(share.high),
		},
		Tags: event.Tags{OWASP: []string{"API2:2023"}, OAT: []string{w.oat}, Attack: w.attack},
		Hunt: c.hunt(),
	}
	a.Summary = fmt.Sprintf("%s %s at %s: %d attempts by clients unknown to %d accounts, from %d addresses in %d s; %d failed. About %d are more than usual, %d to %d %% of its logins",
		c.who(), w.did, tell.Where(c.endpoint), c.attempts, c.accounts, c.clients, a.Counts["duration_s"], c.failures, excess, percent(share.low), percent(share.high))
	a.NextStep = "See whether this program may log in at all, and challenge it; watch the accounts in the quoted calls."
	if c.entity.Kind == event.KindEndpoint {
		a.NextStep = "Challenge logins by clients that are new to the account; watch the accounts in the quoted calls."
	}
	a.Benign = []event.Hypothesis{
		{Hypothesis: "people mistype or forgot their passwords", Against: "they fail where their account was entered before; only clients new to the account count here"},
		{Hypothesis: "many people came at once", Against: "what counts is the share of such failures among logins, not their number"},
		{Hypothesis: "a new version of a program or a new network", Against: "people come in after a mistake; " + c.against()},
	}
	if c.entered > 0 {
		a.Severity, a.Outcome = event.High, event.OutcomeSucceeded
		a.Summary += fmt.Sprintf("; %d accounts were entered by it", c.entered)
		if len(c.names) > 0 {
			a.Summary += ", such as " + strings.Join(c.names, ", ")
		}
		a.NextStep = strings.ToUpper(w.next[:1]) + w.next[1:] + " challenge the program."
	}
	if c.came > 0 && c.entered == 0 {
		a.Summary += fmt.Sprintf("; %d accounts were entered meanwhile by clients unknown to them, people among these", c.came)
		a.Outcome = event.OutcomeUnknown
	}
	if c.cold {
		a.Flags = append(a.Flags, "cold")
		a.Severity = min(a.Severity, event.Medium)
	}
	a.Evidence = c.evidence()
	return a
}

func (c *campaign) who() string {
	switch c.kind {
	case program:
		return "Program " + c.label
	case agent:
		return "Agent " + c.label
	case network:
		return "Network " + c.label
	case class:
		return "Clients in " + c.label + " networks"
	case rare:
		return "Programs that were hardly ever seen"
	}
	return "Many sources"
}

func (c *campaign) against() string {
	if c.score.late {
		return "these stayed outside for ten minutes"
	}
	return "the share is far above what programs show here"
}

// evidence spells the score out. What a count gained and what the exposure
// spent add up to it.
func (c *campaign) evidence() event.Evidence {
	e := &c.score
	what := "first_failures_of_strangers"
	if e.late {
		what = "unresolved_failures_of_strangers"
	}
	list := []event.Feature{
		{Name: what, Value: float64(e.cusum.Count), Baseline: float64(e.cusum.Expected), Contribution: evidence.Log10(float64(e.cusum.Gained))},
		{Name: "logins_that_these_are_of", Value: float64(e.cusum.Exposure), Contribution: -evidence.Log10(float64(e.cusum.Spent))},
		{Name: "usual_share", Value: e.forecast}, {Name: "highest_usual_share", Value: e.ceiling},
		{Name: "rise_tested", Value: e.test.Boost()}, {Name: "slot_s", Value: e.test.Slot().Seconds()},
	}
	if n, top := c.secrets.Most(); n > 0 {
		list = append(list, event.Feature{Name: "equally_long_secrets", Value: float64(top), Baseline: float64(n) / 3})
	}
	for _, p := range c.programs {
		list = append(list, event.Feature{Name: "participant:" + p.label, Value: p.share.value})
	}
	for _, n := range c.names {
		list = append(list, event.Feature{Name: "account_entered:" + n, Value: 1})
	}
	score := 0.0
	for _, f := range list {
		score += f.Contribution
	}
	return event.Evidence{ScoreLog10: score, Features: list, Calls: c.samples.Calls()}
}

func (c *campaign) hunt() string {
	e := c.entity
	if c.kind == agent {
		return fmt.Sprintf("user_agent:%q host:%q route:%q since:%s", c.label, c.endpoint.Host, c.endpoint.Route, tell.At(c.startedNS).Format("2006-01-02T15:04:05Z07:00"))
	}
	return tell.Hunt(e, c.endpoint, c.startedNS)
}
