package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"lapwing/event"
)

// Palette colours words; its zero value does not.
type Palette struct{ On bool }

func (p Palette) paint(code, s string) string {
	if !p.On {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Severity paints a severity, padded to eight characters.
func (p Palette) Severity(s event.Severity) string {
	word := fmt.Sprintf("%-8s", strings.ToUpper(s.String()))
	switch s {
	case event.Critical, event.High:
		return p.paint("1;31", word)
	case event.Medium:
		return p.paint("33", word)
	}
	return p.paint("2", word)
}

// Dim paints what matters less.
func (p Palette) Dim(s string) string { return p.paint("2", s) }

// Bold paints a headline.
func (p Palette) Bold(s string) string { return p.paint("1", s) }

// ShortID is enough of an alert's ID to ask for it.
func ShortID(id string) string { return id[:min(len(id), 8)] }

// AlertLine writes an alert as a person reads it first: what happened, then
// what to look at, in two lines.
func AlertLine(w io.Writer, a *event.Alert, p Palette) error {
	_, err := fmt.Fprintf(w, "%s  %s  %-20s  %s\n%s\n",
		a.DetectedAt.UTC().Format("15:04:05"), p.Severity(a.Severity), a.Detector, Printable(a.Summary),
		p.Dim(fmt.Sprintf("          %s   evidence 10^%.1f   lapwing alerts show %s", Printable(a.NextStep), a.Evidence.ScoreLog10, ShortID(a.ID))))
	return err
}

// AlertColumns and AlertRow are the table of alerts.
var AlertColumns = []string{"id", "detected", "severity", "detector", "entity", "endpoint", "outcome", "status", "evidence#"}

// AlertRow is one row of it.
func AlertRow(a *event.Alert) []string {
	return []string{ShortID(a.ID), stamp(a.DetectedAt), a.Severity.String(), a.Detector,
		string(a.Entity.Kind) + " " + Short(a.Entity.Value, 40), Short(endpoint(a.Endpoint), 48), string(a.Outcome), string(a.Status),
		fmt.Sprintf("10^%.1f", a.Evidence.ScoreLog10)}
}

func endpoint(e event.EndpointRef) string {
	return strings.TrimSpace(e.Method + " " + e.Host + e.Route)
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

// AlertDetail writes everything an alert says.
func AlertDetail(w io.Writer, a *event.Alert, p Palette) error {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, Printable(fmt.Sprintf(format, args...)))
	}
	fmt.Fprintf(&b, "%s  %s\n\n%s\n\n", strings.TrimSpace(p.Severity(a.Severity)), p.Bold(Printable(a.Title)), Printable(a.Summary))
	line("alert", "%s   incident %s   revision %d   %s", a.ID, a.IncidentID, a.Revision, a.Status)
	line("detector", "%s (rule version %d)", a.Detector, a.RuleVersion)
	line("entity", "%s %s", a.Entity.Kind, a.Entity.Value)
	if e := endpoint(a.Endpoint); e != "" {
		line("endpoint", "%s", e)
	}
	line("outcome", "%s", a.Outcome)
	line("time", "started %s   detected %s   last seen %s (UTC)", stamp(a.StartedAt), stamp(a.DetectedAt), stamp(a.LastSeenAt))
	if len(a.Flags) > 0 {
		line("flags", "%s", strings.Join(a.Flags, ", "))
	}
	tags := slices.Concat(a.Tags.OWASP, a.Tags.OAT, a.Tags.Attack)
	if len(tags) > 0 {
		line("tags", "%s", strings.Join(tags, ", "))
	}
	line("next step", "%s", a.NextStep)

	fmt.Fprintf(&b, "\n%s  10^%.2f\n", p.Bold("Evidence"), a.Evidence.ScoreLog10)
	var rows [][]string
	for _, f := range a.Evidence.Features {
		ratio := ""
		if f.LikelihoodRatio != 0 {
			ratio = fmt.Sprintf("×%.3g each", f.LikelihoodRatio)
		}
		rows = append(rows, []string{"  " + f.Name, number(f.Value), number(f.Baseline), ratio, fmt.Sprintf("%+.2f", f.Contribution)})
	}
	if err := Table(&b, []string{"  feature", "observed#", "usual#", "weight#", "adds (log10)#"}, rows); err != nil {
		return err
	}
	if len(a.Counts) > 0 {
		var parts []string
		for k, v := range a.Counts {
			parts = append(parts, fmt.Sprintf("%s %d", k, v))
		}
		slices.Sort(parts)
		fmt.Fprintf(&b, "\n%s\n  %s\n", p.Bold("Counts"), strings.Join(parts, "   "))
	}
	if len(a.Benign) > 0 {
		fmt.Fprintf(&b, "\n%s\n", p.Bold("Could it be harmless?"))
		for _, h := range a.Benign {
			fmt.Fprintf(&b, "  %s — %s\n", Printable(h.Hypothesis), Printable(h.Against))
		}
	}
	if len(a.Evidence.Calls) > 0 {
		fmt.Fprintf(&b, "\n%s\n", p.Bold("Sample calls"))
		rows = nil
		for _, c := range a.Evidence.Calls {
			rows = append(rows, []string{"  " + stamp(c.Time), c.Client, c.Method, Short(c.Host+c.Path, 72), fmt.Sprint(c.Status)})
		}
		if err := Table(&b, []string{"  time", "client", "method", "url", "status#"}, rows); err != nil {
			return err
		}
	}
	fmt.Fprintf(&b, "\n%s\n  %s\n", p.Bold("All calls behind it"), Printable(a.Hunt))
	_, err := io.WriteString(w, b.String())
	return err
}

func number(v float64) string {
	if v == float64(int64(v)) {
		return fmt.Sprintf("%d", int64(v))
	}
	return fmt.Sprintf("%.2f", v)
}
