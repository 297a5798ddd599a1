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
	ID             string         `json:"id"`
	FirstAlert     string         `json:"first_alert"` // its ID never changes: the key for others
	State          State          `json:"state"`
	Severity       event.Severity `json:"severity"` // the highest of its alerts
	OpenedAt       time.Time      `json:"opened_at"`
	UpdatedAt      time.Time      `json:"updated_at"`
	AcknowledgedBy string         `json:"acknowledged_by,omitempty"`
	AcknowledgedAt time.Time      `json:"acknowledged_at,omitzero"`
	ResolvedBy     string         `json:"resolved_by,omitempty"` // empty: the detector saw it end
	ResolvedAt     time.Time      `json:"resolved_at,omitzero"`
	SilencedBy     string         `json:"silenced_by,omitempty"`    // ID of the silence its last alert met
	DroppedAlerts  int            `json:"dropped_alerts,omitempty"` // alerts that gave way to maxAlerts
	Alerts         []event.Alert  `json:"alerts"`                   // latest revisions, by start, then ID
}

// Lead is the alert that speaks for the incident: the most severe, of equals
// the earliest.
func (in *Incident) Lead() event.Alert {
	if len(in.Alerts) == 0 {
		return event.Alert{}
	}
	best := 0
	for i := range in.Alerts {
		if in.Alerts[i].Severity > in.Alerts[best].Severity {
			best = i
		}
	}
	return in.Alerts[best]
}

// Clone returns a deep copy.
func (in *Incident) Clone() Incident {
	out := *in
	out.Alerts = make([]event.Alert, len(in.Alerts))
	for i := range in.Alerts {
		out.Alerts[i] = cloneAlert(in.Alerts[i])
	}
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
	reopened bool
	ended    bool
}

// take puts an alert into the incident.
func (t *tracked) take(a event.Alert, now time.Time) change {
	var c change
	known := slices.IndexFunc(t.Alerts, func(have event.Alert) bool { return have.ID == a.ID })
	if known >= 0 && t.Alerts[known].Revision >= a.Revision {
		return c
	}
	c.fresh = true
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
		t.Alerts = slices.Delete(t.Alerts, least, least+1)
		t.DroppedAlerts++
	}
	t.UpdatedAt = now
	t.Severity = event.Info
	running := false
	for i := range t.Alerts {
		t.Severity = max(t.Severity, t.Alerts[i].Severity)
		running = running || t.Alerts[i].Status != event.StatusResolved
	}
	switch {
	case t.State != StateResolved && !running:
		t.State, t.ResolvedAt, t.ResolvedBy = StateResolved, now, ""
		c.ended = true
	case t.State == StateResolved && a.Status != event.StatusResolved && (t.ResolvedBy == "" || known < 0 || t.Severity > before):
		// A person's word stands against mere repetition, not against news.
		t.State, t.ResolvedAt, t.ResolvedBy, t.AcknowledgedBy, t.AcknowledgedAt = StateOpen, time.Time{}, "", "", time.Time{}
		t.OpenedAt = now
		c.reopened = true
	}
	return c
}
