package alerting

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"lapwing/event"
)

// State is where an incident stands with the people who work on it.
type State string

const (
	StateOpen         State = "open"
	StateAcknowledged State = "acknowledged"
	StateResolved     State = "resolved"
)

// maxAlerts of an incident are kept; a detector raises few per entity, and the
// least severe, oldest ones give way.
const maxAlerts = 50

// An Incident groups the alerts that tell of one thing.
type Incident struct {
	ID             string            `json:"id"`
	FirstAlert     string            `json:"first_alert"` // its ID never changes: the key for others
	State          State             `json:"state"`
	Severity       event.Severity    `json:"severity"` // the highest of its alerts that no silence met; of all, if all met one
	OpenedAt       time.Time         `json:"opened_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
	AcknowledgedBy string            `json:"acknowledged_by,omitempty"`
	AcknowledgedAt time.Time         `json:"acknowledged_at,omitzero"`
	ResolvedBy     string            `json:"resolved_by,omitempty"` // empty: the detector saw it end
	ResolvedAt     time.Time         `json:"resolved_at,omitzero"`
	SilencedBy     string            `json:"silenced_by,omitempty"`    // ID of a silence, if all its running alerts met one
	Suppressed     map[string]string `json:"suppressed,omitempty"`     // by ID of an alert: that of the silence its last revision met
	Verdicts       []Verdict         `json:"verdicts,omitempty"`       // on its alerts, by time
	DroppedAlerts  int               `json:"dropped_alerts,omitempty"` // alerts that gave way to maxAlerts
	Alerts         []event.Alert     `json:"alerts"`                   // latest revisions, by start, then ID
}

// Lead is the alert that speaks for the incident: of those that no silence met
// the most severe, of equals the earliest.
func (in *Incident) Lead() event.Alert {
	if len(in.Alerts) == 0 {
		return event.Alert{}
	}
	best := 0
	for i := range in.Alerts {
		a, b := &in.Alerts[i], &in.Alerts[best]
		if heard, was := !in.suppressed(a), !in.suppressed(b); heard != was && heard || heard == was && a.Severity > b.Severity {
			best = i
		}
	}
	return in.Alerts[best]
}

func (in *Incident) suppressed(a *event.Alert) bool { return in.Suppressed[a.ID] != "" }

// alert returns the alert of that ID; nil if there is none.
func (in *Incident) alert(id string) *event.Alert {
	for i := range in.Alerts {
		if in.Alerts[i].ID == id {
			return &in.Alerts[i]
		}
	}
	return nil
}

// suppress notes that an alert met a silence; "" that it meets none.
func (in *Incident) suppress(alert, silence string) {
	if silence == "" {
		delete(in.Suppressed, alert)
	} else {
		if in.Suppressed == nil {
			in.Suppressed = map[string]string{}
		}
		in.Suppressed[alert] = silence
	}
	in.weigh()
}

// weigh finds the severity, and whether there is anything to hear of.
func (in *Incident) weigh() {
	all, heard, anyHeard := event.Info, event.Info, false
	in.SilencedBy = ""
	for i := range in.Alerts {
		a := &in.Alerts[i]
		all = max(all, a.Severity)
		if !in.suppressed(a) {
			heard, anyHeard = max(heard, a.Severity), true
		}
	}
	if in.Severity = heard; !anyHeard {
		in.Severity = all
	}
	for i := range in.Alerts {
		a := &in.Alerts[i]
		if a.Status == event.StatusResolved {
			continue
		}
		if !in.suppressed(a) {
			in.SilencedBy = ""
			return
		}
		in.SilencedBy = in.Suppressed[a.ID]
	}
}

// allFalse reports that the last verdict on each alert is that it was a false
// alarm.
func (in *Incident) allFalse() bool {
	last := map[string]string{}
	for _, v := range in.Verdicts {
		last[v.Alert] = v.Verdict
	}
	for i := range in.Alerts {
		if last[in.Alerts[i].ID] != FalsePositive {
			return false
		}
	}
	return true
}

// Clone returns a deep copy.
func (in *Incident) Clone() Incident {
	out := *in
	out.Alerts = make([]event.Alert, len(in.Alerts))
	for i := range in.Alerts {
		out.Alerts[i] = cloneAlert(in.Alerts[i])
	}
	out.Suppressed = maps.Clone(in.Suppressed)
	out.Verdicts = slices.Clone(in.Verdicts)
	return out
}

func cloneAlert(a event.Alert) event.Alert {
	a.Counts = maps.Clone(a.Counts)
	a.Evidence.Features = slices.Clone(a.Evidence.Features)
	a.Evidence.Calls = slices.Clone(a.Evidence.Calls)
	a.Benign = slices.Clone(a.Benign)
	a.Tags.OWASP = slices.Clone(a.Tags.OWASP)
	a.Tags.OAT = slices.Clone(a.Tags.OAT)
	a.Tags.Attack = slices.Clone(a.Tags.Attack)
	a.Flags = slices.Clone(a.Flags)
	return a
}

// tracked is an incident with what its destinations were told. It is what the
// log holds; a tracked value is never changed once it is in the pipeline's
// state, only replaced.
type tracked struct {
	Incident
	Told map[string]told `json:"told,omitempty"` // by destination
}

// told is what one destination knows of an incident.
type told struct {
	Severity event.Severity `json:"severity"`
	At       time.Time      `json:"at"`
	Updates  []time.Time    `json:"updates,omitempty"` // the last few update notifications
	Open     bool           `json:"open"`              // it was told of an opening and of no end
}

func (t *tracked) clone() *tracked {
	out := &tracked{Incident: t.Clone(), Told: make(map[string]told, len(t.Told))}
	for k, v := range t.Told {
		v.Updates = slices.Clone(v.Updates)
		out.Told[k] = v
	}
	return out
}

// change is what an alert did to its incident.
type change struct {
	fresh    bool // news: not a redelivery
	silent   bool // what changed is not to be heard of
	reopened bool
	ended    bool
}

// take puts an alert into the incident. silence is the ID of the one that it
// meets, "" if none.
func (t *tracked) take(a event.Alert, silence string, now time.Time) change {
	var c change
	known := slices.IndexFunc(t.Alerts, func(have event.Alert) bool { return have.ID == a.ID })
	if known >= 0 && t.Alerts[known].Revision >= a.Revision {
		return c
	}
	c.fresh, c.silent = true, silence != ""
	before := t.Severity
	a = cloneAlert(a)
	if known >= 0 {
		t.Alerts[known] = a
	} else {
		t.Alerts = append(t.Alerts, a)
	}
	slices.SortStableFunc(t.Alerts, func(x, y event.Alert) int {
		return cmp.Or(x.StartedAt.Compare(y.StartedAt), cmp.Compare(x.ID, y.ID))
	})
	for len(t.Alerts) > maxAlerts {
		least := 0
		for i := range t.Alerts {
			if t.Alerts[i].Severity < t.Alerts[least].Severity {
				least = i
			}
		}
		delete(t.Suppressed, t.Alerts[least].ID)
		t.Alerts = slices.Delete(t.Alerts, least, least+1)
		t.DroppedAlerts++
	}
	t.UpdatedAt = now
	broke := known >= 0 && t.Suppressed[a.ID] != "" && silence == "" // it is more than was silenced, or goes on after that
	running := false
	t.suppress(a.ID, silence)
	for i := range t.Alerts {
		running = running || t.Alerts[i].Status != event.StatusResolved
	}
	switch {
	case t.State != StateResolved && !running:
		t.State, t.ResolvedAt, t.ResolvedBy = StateResolved, now, ""
		c.ended = true
	case t.State == StateResolved && a.Status != event.StatusResolved && (t.ResolvedBy == "" || known < 0 || t.Severity > before || broke):
		// A person's word stands against mere repetition, not against news.
		t.State, t.ResolvedAt, t.ResolvedBy, t.AcknowledgedBy, t.AcknowledgedAt = StateOpen, time.Time{}, "", "", time.Time{}
		t.OpenedAt = now
		c.reopened = true
	}
	return c
}
