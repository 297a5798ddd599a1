// Package pagerduty sends notifications to PagerDuty's Events API v2.
//
// The first alert's ID is the dedup_key, so that repeats, updates, the
// acknowledgement and the end meet the same PagerDuty alert. An event never
// passes PagerDuty's 512,000 bytes: details go first.
package pagerduty

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"lapwing/alerting"
	"lapwing/alerting/post"
	"lapwing/event"
)

const (
	// Endpoint is where the Events API v2 lives.
	Endpoint = "https://events.pagerduty.com/v2/enqueue"

	maxEvent   = 512_000
	maxSummary = 1024
	maxKey     = 255
)

// Config says with which service to raise events.
type Config struct {
	Name       string // default "pagerduty"
	RoutingKey string // of the integration; a secret of 32 characters
	URL        string // default Endpoint
	Client     post.Client
}

// A Destination raises events with one routing key.
type Destination struct{ cfg Config }

var (
	_ alerting.Destination = (*Destination)(nil)
	_ alerting.Keyed       = (*Destination)(nil)
)

// New returns the destination, or what is wrong with the configuration.
func New(c Config) (*Destination, error) {
	if c.Name == "" {
		c.Name = "pagerduty"
	}
	if len(c.RoutingKey) != 32 {
		return nil, fmt.Errorf("alerting: %s: the routing key has 32 characters (got %d)", c.Name, len(c.RoutingKey))
	}
	if c.URL == "" {
		c.URL = Endpoint
	}
	return &Destination{c}, nil
}

// Name returns the configured name.
func (d *Destination) Name() string { return d.cfg.Name }

// Keyed says that PagerDuty keeps track of each incident.
func (d *Destination) Keyed() bool { return true }

type pdEvent struct {
	RoutingKey  string   `json:"routing_key"`
	EventAction string   `json:"event_action"`
	DedupKey    string   `json:"dedup_key"`
	Client      string   `json:"client,omitempty"`
	Payload     *payload `json:"payload,omitempty"`
}

type payload struct {
	Summary       string         `json:"summary"`
	Source        string         `json:"source"`
	Severity      string         `json:"severity"`
	Timestamp     string         `json:"timestamp,omitempty"`
	Component     string         `json:"component,omitempty"`
	Group         string         `json:"group,omitempty"`
	Class         string         `json:"class,omitempty"`
	CustomDetails map[string]any `json:"custom_details,omitempty"`
}

// Send raises n as a trigger, acknowledge or resolve event.
func (d *Destination) Send(ctx context.Context, n alerting.Notification) error {
	body, err := d.encode(n)
	if err != nil {
		return alerting.Permanent(fmt.Errorf("encode event: %w", err))
	}
	_, err = d.cfg.Client.JSON(ctx, d.cfg.URL, body, nil)
	return err
}

func (d *Destination) encode(n alerting.Notification) ([]byte, error) {
	e := pdEvent{RoutingKey: d.cfg.RoutingKey, EventAction: "trigger", DedupKey: n.Incident.FirstAlert, Client: "Lapwing"}
	switch n.Kind {
	case alerting.KindAcknowledged:
		e.EventAction = "acknowledge"
	case alerting.KindResolved:
		e.EventAction = "resolve"
	case alerting.KindSummary:
		e.DedupKey = n.Key
	}
	e.DedupKey = alerting.Cut(e.DedupKey, maxKey)
	if e.EventAction == "trigger" {
		e.Payload = details(n)
	}
	body, err := json.Marshal(e)
	if err != nil || len(body) <= maxEvent {
		return body, err
	}
	e.Payload.CustomDetails = map[string]any{"note": "details left out: the event would have been too large"}
	return json.Marshal(e)
}

func details(n alerting.Notification) *payload {
	lead := n.Incident.Lead()
	p := &payload{
		Summary:  alerting.Cut(alerting.Plain(n.Headline()), maxSummary),
		Source:   alerting.Cut(first(lead.Endpoint.Host, lead.Sensor, "lapwing"), 255),
		Severity: severity(n.Severity()),
		Class:    lead.Detector, Component: alerting.Cut(lead.Endpoint.Method+" "+lead.Endpoint.Route, 255), Group: string(lead.Entity.Kind),
	}
	if p.Summary == "" {
		p.Summary = first(lead.Title, lead.Detector, "alert")
	}
	if !lead.StartedAt.IsZero() {
		p.Timestamp = lead.StartedAt.UTC().Format(time.RFC3339)
	}
	if n.Kind == alerting.KindSummary {
		p.CustomDetails = map[string]any{"folded": n.Folded, "most_severe": n.Sample}
		p.Class, p.Component, p.Group = "summary", "", ""
		return p
	}
	p.CustomDetails = map[string]any{
		"kind": n.Kind, "entity": lead.Entity, "endpoint": lead.Endpoint, "outcome": lead.Outcome, "counts": lead.Counts, "next_step": lead.NextStep,
		"evidence": lead.Evidence, "hunt": lead.Hunt, "tags": lead.Tags, "incident_id": n.Incident.ID, "alerts": len(n.Incident.Alerts),
	}
	return p
}

func severity(s event.Severity) string {
	switch s {
	case event.Critical:
		return "critical"
	case event.High:
		return "error"
	case event.Medium:
		return "warning"
	}
	return "info"
}

func first(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
