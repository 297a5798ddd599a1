// Package stdout writes notifications for a person who watches a terminal: one
// line that says what happened and one that says what to look at first.
//
// Text from the traffic is stripped of control characters, so that an attacker
// cannot write to the terminal through us.
package stdout

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lapwing/alerting"
	"lapwing/event"
)

// Config is where and how to write.
type Config struct {
	Name     string // default "stdout"
	W        io.Writer
	Color    bool           // the caller knows whether W is a terminal and NO_COLOR is unset
	Location *time.Location // of the clock shown; default UTC
}

// A Destination writes to one writer.
type Destination struct{ cfg Config }

var _ alerting.Destination = (*Destination)(nil)

// New returns the destination.
func New(c Config) *Destination {
	if c.Name == "" {
		c.Name = "stdout"
	}
	if c.Location == nil {
		c.Location = time.UTC
	}
	return &Destination{c}
}

// Name returns the configured name.
func (d *Destination) Name() string { return d.cfg.Name }

// Send writes n in one Write.
func (d *Destination) Send(_ context.Context, n alerting.Notification) error {
	var b bytes.Buffer
	lead := n.Incident.Lead()
	at := lead.DetectedAt
	if at.IsZero() {
		at = n.At
	}
	label, what := strings.ToUpper(n.Severity().String()), lead.Detector
	switch n.Kind {
	case alerting.KindResolved:
		label = "OVER"
	case alerting.KindAcknowledged:
		label = "TAKEN"
	case alerting.KindSummary:
		what = "summary"
	}
	fmt.Fprintf(&b, "%s  %s  %-20s  %s\n", at.In(d.cfg.Location).Format("15:04:05"), d.paint(label, n.Severity()), alerting.Plain(what), alerting.Plain(n.Headline()))
	if more := details(n); more != "" {
		fmt.Fprintf(&b, "%20s%s\n", "", alerting.Plain(more))
	}
	if _, err := d.cfg.W.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write alert: %w", err)
	}
	return nil
}

// details is what to look at first, and how to see more.
func details(n alerting.Notification) string {
	if n.Kind == alerting.KindSummary {
		var out []string
		for i := range n.Sample {
			lead := n.Sample[i].Lead()
			out = append(out, lead.Severity.String()+" "+lead.Detector+" "+lead.Entity.Value)
		}
		return "the most severe: " + strings.Join(out, "; ")
	}
	lead := n.Incident.Lead()
	var out []string
	switch {
	case n.Kind == alerting.KindAcknowledged:
		out = append(out, "taken by "+n.Incident.AcknowledgedBy)
	case n.Kind == alerting.KindResolved && n.Incident.ResolvedBy != "":
		out = append(out, "resolved by "+n.Incident.ResolvedBy)
	case lead.NextStep != "":
		out = append(out, lead.NextStep)
	}
	if lead.Evidence.ScoreLog10 > 0 {
		out = append(out, fmt.Sprintf("evidence 10^%.1f", lead.Evidence.ScoreLog10))
	}
	if lead.ID != "" {
		out = append(out, "lapwing alerts show "+lead.ID[:min(5, len(lead.ID))])
	}
	return strings.Join(slices.DeleteFunc(out, func(s string) bool { return s == "" }), "   ")
}

func (d *Destination) paint(label string, s event.Severity) string {
	label = fmt.Sprintf("%-8s", label)
	if !d.cfg.Color {
		return label
	}
	codes := [...]string{event.Info: "2", event.Low: "36", event.Medium: "33", event.High: "31", event.Critical: "1;31"}
	if int(s) >= len(codes) {
		return label
	}
	return "\x1b[" + codes[s] + "m" + label + "\x1b[0m"
}
