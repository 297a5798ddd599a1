package usercheck

import (
	"fmt"

	"lapwing/detect/evidence"
	"lapwing/detect/tell"
	"lapwing/event"
)

const detectorName = "user_enumeration"

var tags = event.Tags{OWASP: []string{"API2:2023"}, OAT: []string{"OAT-007"}, Attack: []string{"T1589.002", "T1087"}}

// A checking case tells of somebody who asks which accounts exist. It
// implements detect.Case.
type checking struct {
	entity    event.Entity
	ref       event.EndpointRef
	score     evidence.Score
	which     test
	startedNS int64
	lastNS    int64
	questions int64
	targets   int64
	absent    int64
	taken     int64
	entered   int64
	clients   int64
	samples   evidence.Samples
}

func (c *checking) copy(t *track, which test, clients int64) {
	c.score, c.which, c.clients = t.scores[which], which, clients
	c.startedNS, c.lastNS = t.startedNS, t.lastNS
	c.questions, c.targets, c.absent, c.taken, c.entered = t.questions, t.targets, t.absent, t.taken, t.entered
}

// Alert tells the case.
func (c *checking) Alert() event.Alert {
	duration := tell.Seconds(c.startedNS, c.lastNS)
	a := event.Alert{
		Detector: detectorName, Severity: event.Medium, Outcome: event.OutcomeUnknown,
		Title:     "User enumeration by " + c.entity.Value,
		StartedAt: tell.At(c.startedNS), LastSeenAt: tell.At(c.lastNS), Entity: c.entity, Endpoint: c.ref,
		Counts: map[string]int64{
			"questions": c.questions, "identifiers": c.targets, "absent": c.absent, "taken": c.taken,
			"entered_accounts": c.entered, "clients": c.clients, "duration_s": duration,
		},
		NextStep: "Make the endpoint answer alike whether or not the name exists, and slow the source down.",
		Tags:     tags,
		Hunt:     tell.Hunt(c.entity, c.ref, c.startedNS),
	}
	who := tell.Who(c.entity)
	if c.clients > 1 {
		who = fmt.Sprintf("At least %d clients of %s", c.clients, c.entity.Value)
	}
	a.Summary = fmt.Sprintf("%s asked for %d names in %d calls at %s in %d s: the answers told of %d that they are unknown and of %d that they are taken; %d came in",
		who, c.targets, c.questions, tell.Where(c.ref), duration, c.absent, c.taken, c.entered)
	if c.which == testBlind {
		a.Summary = fmt.Sprintf("%s asked in %d calls at %s in %d s for names that cannot be seen: the answers told %d times that a name is unknown and %d times that it is taken",
			who, c.questions, tell.Where(c.ref), duration, c.absent, c.taken)
	}
	if c.absent+c.taken > 0 {
		a.Outcome = event.OutcomeSucceeded
	}
	switch c.which {
	case testTold:
		a.Benign = []event.Hypothesis{
			{Hypothesis: "people mistype their names", Against: "at most one name in seven, each counted once in 30 days; here it is most of them"},
			{Hypothesis: "many people behind one address", Against: "their other names are known, and count against"},
		}
	case testAsking:
		a.Benign = []event.Hypothesis{
			{Hypothesis: "a form checks each name while it is typed", Against: "whoever fills it in makes an account in the end, after some seven names"},
			{Hypothesis: "many people forgot their passwords", Against: "people come in afterwards, or with other names before; here hardly anybody does"},
		}
	case testBlind:
		a.Benign = []event.Hypothesis{
			{Hypothesis: "somebody repeats a name that is wrong", Against: "people correct it or give up long before so many answers of this kind"},
		}
	case testRefused:
		a.Benign = []event.Hypothesis{
			{Hypothesis: "a form that is hard to fill in", Against: "it is made in the end for at least one person in four; here for fewer"},
			{Hypothesis: "a class registers from one address", Against: "its registrations are made"},
		}
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(c.score.S), Features: c.score.Features(all[c.which], hitNames[c.which], misses[c.which], ""), Calls: c.samples.Calls()}
	return a
}

// An oracle case tells of an endpoint that lets everybody find out which names
// it knows. It implements detect.Case.
type oracle struct {
	ref       event.EndpointRef
	kind      kind
	score     float64
	most      float64 // the answer that tells most
	rest      float64
	penalty   float64
	mostNames int64
	mostKnown int64
	mostSays  reply
	answers   int64
	names     int64
	known     int64
	startedNS int64
	lastNS    int64
	samples   evidence.Samples
}

func (c *oracle) entity() event.Entity {
	return event.Entity{Kind: event.KindEndpoint, Value: tell.Where(c.ref)}
}

// Alert tells the case.
func (c *oracle) Alert() event.Alert {
	a := event.Alert{
		Detector: detectorName, Severity: event.Info, Outcome: event.OutcomeUnknown,
		Title: "Answers of " + tell.Where(c.ref) + " tell which accounts exist",
		Summary: fmt.Sprintf("%s has %d ways to refuse or answer; of %d names with one of them %d had come in before, of all %d names %d had",
			tell.Where(c.ref), c.answers, c.mostNames, c.mostKnown, c.names, c.known),
		StartedAt: tell.At(c.startedNS), LastSeenAt: tell.At(c.lastNS), Entity: c.entity(), Endpoint: c.ref,
		Counts:   map[string]int64{"answers": c.answers, "telling_answer_names": c.mostNames, "telling_answer_known": c.mostKnown, "names": c.names, "known": c.known},
		NextStep: "Answer alike, in status, words and length, whether or not the account exists.",
		Benign:   []event.Hypothesis{{Hypothesis: "the answers differ for another reason", Against: "the names behind them differ in whether they ever came in, by more than chance"}},
		Tags:     event.Tags{OWASP: tags.OWASP, Attack: tags.Attack},
		Hunt:     tell.Hunt(c.entity(), c.ref, c.startedNS),
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(c.score), Calls: c.samples.Calls(), Features: []event.Feature{
		{Name: "known_names_behind_telling_answer", Value: float64(c.mostKnown), Baseline: float64(c.mostNames) * float64(c.known) / float64(max(1, c.names)), Contribution: evidence.Log10(c.most)},
		{Name: "other_answers", Value: float64(c.answers - 1), Contribution: evidence.Log10(c.rest)},
		{Name: "shares_fitted", Value: float64(c.answers - 1), Contribution: evidence.Log10(-c.penalty)},
	}}
	return a
}
