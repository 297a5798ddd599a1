package objects

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/event"
)

const (
	crowdScope = "together"
	partsKept  = 64
	partsNamed = 8 // in the text of an alert
)

// A crowdCase tells of what many actors do at one place together.
type crowdCase struct {
	*story
	guess  bool
	actors int64
	parts  []participant
	owners []uint64

	total, gain, loss, share float64
}

// A participant is one actor that took part, and by how many objects.
type participant struct {
	entity  event.Entity
	objects int64
}

func newCrowdCase(w *part, nowNS int64) *crowdCase {
	at := w.at
	at.entity = event.Entity{Kind: event.KindEndpoint, Value: fmt.Sprintf("%s %s%s", at.method, at.host, at.route)}
	return &crowdCase{story: newStory(at, nowNS), guess: w.guess}
}

func (c *crowdCase) detector() string {
	if c.guess {
		return "object_enumeration"
	}
	return "bola"
}

func (c *crowdCase) took(w *part, nowNS int64) {
	c.startNS = min(c.startNS, w.sample.Time.UnixNano())
	c.count(w.ok, w.missing, nowNS)
	telling := 0.0
	if w.ok {
		telling = 1
		if !slices.Contains(c.owners, w.owner) && len(c.owners) < ownersKept {
			c.owners = append(c.owners, w.owner)
		}
	}
	c.samples.AddSample(w.sample, telling)
	i := slices.IndexFunc(c.parts, func(p participant) bool { return p.entity == w.at.entity })
	switch {
	case i >= 0:
		c.parts[i].objects++
		return
	case len(c.parts) < partsKept:
		c.parts = append(c.parts, participant{w.at.entity, 1})
		c.actors++
	case w.firstPart: // more than are kept are counted by their first part
		c.actors++
	}
}

// Alert implements detect.Case.
func (c *crowdCase) Alert() event.Alert {
	a := c.alert(c.detector())
	a.Evidence.ScoreLog10 = evidence.Log10(c.total)
	a.Counts["actors"] = c.actors
	a.Counts["owners"] = int64(len(c.owners))
	a.Severity = event.Medium
	a.Hunt = fmt.Sprintf("host:%q route:%q method:%s since:%s", c.at.host, c.at.route, c.at.method, a.StartedAt.Format("2006-01-02T15:04:05Z07:00"))
	what := "objects of others"
	if c.guess {
		what = "objects that do not exist or are refused, and that no answer had told them of"
	}
	a.Summary = fmt.Sprintf("%d actors together asked for %d %s on %s %s%s within %d s, each for few; %s",
		c.actors, c.objects, what, c.at.method, c.at.host, c.at.route, a.Counts["seconds"], c.outcome())
	a.Evidence.Features = []event.Feature{
		{Name: "actors_that_took_part", Value: float64(c.actors), Baseline: c.share, Contribution: evidence.Log10(c.gain)},
		{Name: "actors_that_did_not", Value: 1, Contribution: -evidence.Log10(c.loss)},
		{Name: "shares_tried", Value: float64(len(attackers)), Contribution: evidence.Log10(c.total - c.gain + c.loss)},
		{Name: "ceiling", Value: c.test.P0, Baseline: c.test.P1},
	}
	who := slices.Clone(c.parts)
	slices.SortStableFunc(who, func(x, y participant) int { return cmp.Compare(y.objects, x.objects) })
	var list []string
	for _, p := range who[:min(len(who), partsNamed)] {
		list = append(list, fmt.Sprintf("%s %s", p.entity.Kind, p.entity.Value))
	}
	a.NextStep = fmt.Sprintf("Look at what the actors have in common (registration, network, client), beginning with %s.", strings.Join(list, ", "))
	few := fmt.Sprintf("At this place at most %.3f of an actor's objects were of that kind; so many actors with so many are not explained by it.", c.test.P0)
	if c.guess {
		a.Title = "Many callers try object identifiers together"
		a.Benign = []event.Hypothesis{
			{Hypothesis: "Old links and deleted objects.", Against: few},
			{Hypothesis: "A broken release of an app.", Against: "No answer had told these callers of what they asked for; an app asks for what it was told."},
		}
		a.Tags = event.Tags{OWASP: []string{"API1:2023"}, OAT: []string{"OAT-011"}, Attack: []string{"T1119"}}
		return a
	}
	a.Title = "Many accounts read objects of others together"
	if c.read == 0 {
		a.Title = "Many accounts ask for objects of others together"
	}
	a.Summary += fmt.Sprintf("; what was read belongs to %d other owners", len(c.owners))
	if c.total >= detect.High && len(c.owners) >= manyOwners && c.read > 0 {
		a.Severity = event.High
	}
	a.Benign = []event.Hypothesis{
		{Hypothesis: "Objects that people share by links.", Against: few},
		{Hypothesis: "Accounts that changed hands or credentials all at once.", Against: "What was read belongs to several owners for each of the accounts, or the accounts are known by user and not by credential."},
	}
	a.Tags = event.Tags{OWASP: []string{"API1:2023"}, Attack: []string{"T1190", "T1213"}}
	return a
}
