package detect

import (
	"fmt"
	"slices"
	"time"

	"lapwing/event"
)

// A crowd counts the alerts of one detector on one endpoint within an hour.
// Past perEndpoint it folds further ones into a single alert about the
// endpoint, which says how many there are: nothing is dropped unseen.
type crowd struct {
	key      crowdKey
	seq      int64
	hourNS   int64
	told1by1 int
	folded   int
	told     int // folded when last told
	revision int
	worst    event.Severity
	model    event.Alert // the last folded alert, to take tags and samples from
	firstNS  int64
	lastNS   int64
}

func (in *incidents) crowd(key crowdKey, atNS int64) *crowd {
	c := in.crowds[key]
	if c == nil {
		in.seq++
		c = &crowd{key: key, seq: in.seq, hourNS: atNS - mod(atNS, hourlyNS)}
		in.crowds[key] = c
	}
	return c
}

// takes reports whether the crowd swallows the alert.
func (c *crowd) takes(a event.Alert, atNS int64) bool {
	if c.told1by1 < perEndpoint {
		c.told1by1++
		return false
	}
	if c.folded == 0 {
		c.firstNS = atNS
	}
	c.folded++
	c.lastNS = atNS
	c.worst = max(c.worst, a.Severity)
	c.model = a
	return true
}

// due is true at the first folded alert and whenever their number has doubled.
func (c *crowd) due() bool { return c.told == 0 || c.folded >= 2*c.told }

func (in *incidents) emitCrowd(c *crowd, atNS int64) {
	c.told = c.folded
	c.revision++
	total := int64(c.told1by1 + c.folded)
	where := fmt.Sprintf("%s %s%s", c.key.endpoint.Method, c.key.endpoint.Host, c.key.endpoint.Route)
	entity := event.Entity{Kind: event.KindEndpoint, Value: where}
	key := incidentKey{c.key.detector, entity, "population"}
	name := c.key.detector
	if c.key.crowd != "" {
		key.scope, name = "population of "+c.key.crowd, name+" "+c.key.crowd
	}
	a := event.Alert{
		Detector: c.key.detector, Severity: c.worst, Status: event.StatusOpen, RuleVersion: max(1, c.model.RuleVersion), Revision: c.revision,
		Title: "Many " + name + " alerts on one endpoint",
		Summary: fmt.Sprintf("%d entities raised %s on %s within an hour; %d were told one by one, %d are folded into this alert",
			total, name, where, c.told1by1, c.folded),
		StartedAt: time.Unix(0, c.firstNS).UTC(), LastSeenAt: time.Unix(0, c.lastNS).UTC(), DetectedAt: time.Unix(0, c.firstNS).UTC(),
		Entity: entity, Endpoint: c.key.endpoint, Outcome: c.model.Outcome,
		Counts:   map[string]int64{"entities": total, "told": int64(c.told1by1), "folded": int64(c.folded)},
		NextStep: "Look at the endpoint as a whole: either it is under a distributed attack, or its normal use has changed.",
		Evidence: c.model.Evidence, Benign: c.model.Benign, Tags: c.model.Tags, Flags: slices.Clone(c.model.Flags),
		Hunt: fmt.Sprintf("host:%q route:%q method:%s since:%s", c.key.endpoint.Host, c.key.endpoint.Route, c.key.endpoint.Method, time.Unix(0, c.hourNS).UTC().Format(time.RFC3339)),
	}
	if c.revision > 1 {
		a.Status = event.StatusUpdated
		in.revised++
	} else {
		in.opened++
	}
	a.ID = in.alertID(&a, key, c.hourNS)
	a.IncidentID = incidentID(&a, key, c.hourNS)
	in.complete(&a)
	in.emit(a)
}
