package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lapwing/cmd/internal/ingest"
	"lapwing/cmd/internal/report"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/parse/pseudonym"
)

type analyzeFlags struct {
	inputFlags
	calls, inventory, html string
	specs, rules           []string
	failOn                 string
}

func newAnalyze(c *common) *cobra.Command {
	f := &analyzeFlags{}
	cmd := &cobra.Command{
		Use:   "analyze INPUT…",
		Short: "Detect over captures, access logs or HAR files, in event time",
		Long: `Run the whole detection over captures (pcap, pcapng), access logs or HAR files,
plain or compressed (gz, zst), merged by event time; - is standard input.

Prints a report, or with -o json one alert a line in event-time order.`,
		Args: args(inputArgs),
		RunE: func(cmd *cobra.Command, inputs []string) error { return analyze(cmd.Context(), c, f, inputs) },
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.calls, "calls", "", "write all calls to this file as NDJSON")
	cmd.Flags().StringVar(&f.inventory, "inventory", "", "write the endpoint inventory to this file as JSON")
	cmd.Flags().StringVar(&f.html, "html", "", "write the report to this file as one HTML page")
	cmd.Flags().StringArrayVar(&f.specs, "spec", nil, "OpenAPI document of the API (repeatable)")
	cmd.Flags().StringArrayVar(&f.rules, "rules", nil, "file or directory of user rules (repeatable)")
	cmd.Flags().StringVar(&f.failOn, "fail-on", "", "exit 3 if an alert has this severity or a higher one")
	return cmd
}

func analyze(ctx context.Context, c *common, f *analyzeFlags, inputs []string) error {
	format, err := c.format("table", "json")
	if err != nil {
		return err
	}
	failOn, failing := event.ParseSeverity(f.failOn)
	if f.failOn != "" && !failing {
		return usageError("--fail-on %q is not one of info, low, medium, high, critical", f.failOn)
	}
	cfg, keys, err := f.prepare(c)
	if err != nil {
		return err
	}
	cfg.Detect.Specs = append(cfg.Detect.Specs, f.specs...)
	cfg.Detect.Rules = append(cfg.Detect.Rules, f.rules...)

	var found revisions
	detection, err := cfg.detector(keys, found.add)
	if err != nil {
		return err
	}
	var files outputs
	defer files.abort()
	var calls *callWriter
	if f.calls != "" {
		w, err := files.create(f.calls)
		if err != nil {
			return err
		}
		calls = &callWriter{w: w, keys: keys}
	}
	started := time.Now()
	rep, readErr := detectOver(ctx, &cfg, keys, inputs, f.logFormat, detection, calls)
	if calls != nil && calls.err != nil {
		return calls.err
	}

	alerts := found.final()
	endpoints := detection.Endpoints()
	if f.inventory != "" {
		if err := files.writeJSON(f.inventory, endpoints, keys); err != nil {
			return err
		}
	}
	lines := account(&rep)
	if f.html != "" {
		w, err := files.create(f.html)
		if err != nil {
			return err
		}
		shown, err := revealed(alerts, keys)
		if err != nil {
			return err
		}
		if err := report.HTML(w, report.Page{Title: "Lapwing: " + strings.Join(inputs, ", "), Lines: lines, Alerts: shown, Endpoints: endpoints}); err != nil {
			return err
		}
	}
	if err := files.commit(); err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	if format == "json" {
		err = alertsJSON(out, alerts, keys)
	} else {
		err = printReport(out, alerts, endpoints, lines, keys, time.Since(started), rep.Calls)
	}
	if err := errors.Join(err, out.Flush()); err != nil {
		return err
	}
	if format == "json" {
		for _, l := range rep.Logs {
			for _, e := range l.Examples {
				fmt.Fprintln(os.Stderr, e)
			}
		}
	}
	complain(readErr)
	switch {
	case readErr != nil:
		return &exitError{code: exitFailed}
	case failing && slices.ContainsFunc(alerts, func(a event.Alert) bool { return a.Severity >= failOn }):
		return &exitError{code: exitFound}
	}
	return nil
}

// revisions are alerts as detection gives them out, in order.
type revisions struct {
	all []event.Alert
}

func (r *revisions) add(a event.Alert) { r.all = append(r.all, a) }

// final returns the last revision of each alert, by (detected, id): one pass
// over files has one answer.
func (r *revisions) final() []event.Alert {
	last := map[string]event.Alert{}
	for _, a := range r.all {
		last[a.ID] = a
	}
	return slices.SortedFunc(maps.Values(last), func(a, b event.Alert) int {
		return cmp.Or(a.DetectedAt.Compare(b.DetectedAt), cmp.Compare(a.ID, b.ID))
	})
}

// handed is one thing that reading gives to detection.
type handed struct {
	calls     []*event.Call
	watermark int64 // 0: none
}

// detectOver reads on one goroutine and detects on another. What detection
// sees, and in which order, does not depend on their pace.
func detectOver(ctx context.Context, cfg *Config, keys *pseudonym.Keyring, inputs []string, format string, d *standard.Detection, calls *callWriter) (ingest.Report, error) {
	const batch = 512
	work := make(chan handed, 64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for h := range work {
			for _, c := range h.calls {
				d.Observe(c)
			}
			if h.watermark > 0 {
				d.Advance(h.watermark)
			}
		}
		d.Close()
	}()
	pending := make([]*event.Call, 0, batch)
	flush := func(watermark int64) {
		work <- handed{pending, watermark}
		pending = make([]*event.Call, 0, batch)
	}
	rep, err := read(ctx, cfg, keys, inputs, format, ingest.Sink{
		Call: func(c *event.Call) {
			if calls != nil {
				calls.write(c)
			}
			if pending = append(pending, c); len(pending) == batch {
				flush(0)
			}
		},
		Watermark: flush,
	})
	flush(0)
	close(work)
	<-done
	return rep, err
}

// alertsJSON writes one alert a line.
func alertsJSON(w io.Writer, alerts []event.Alert, keys *pseudonym.Keyring) error {
	for i := range alerts {
		data, err := json.Marshal(&alerts[i])
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, keys.Reveal(string(data), pseudonym.JSON)); err != nil {
			return err
		}
	}
	return nil
}

// revealed returns copies of alerts with names instead of pseudonyms.
func revealed(alerts []event.Alert, keys *pseudonym.Keyring) ([]event.Alert, error) {
	data, err := json.Marshal(alerts)
	if err != nil {
		return nil, err
	}
	var out []event.Alert
	err = json.Unmarshal([]byte(keys.Reveal(string(data), pseudonym.JSON)), &out)
	return out, err
}

func printReport(w io.Writer, alerts []event.Alert, endpoints []event.Endpoint, lines []string, keys *pseudonym.Keyring, took time.Duration, calls int64) error {
	p := report.Palette{On: colours(os.Stdout)}
	shown, err := revealed(alerts, keys)
	if err != nil {
		return err
	}
	for i := range shown {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := report.AlertDetail(w, &shown[i], p); err != nil {
			return err
		}
	}
	if len(alerts) > 0 {
		fmt.Fprintln(w)
	}
	states := map[event.State]int{}
	for i := range endpoints {
		states[endpoints[i].State]++
	}
	var parts []string
	for _, s := range []event.State{event.StateDocumented, event.StateNew, event.StateShadow, event.StateZombie, event.StateOrphan, event.StateRogueHost} {
		if states[s] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", states[s], s))
		}
	}
	bySeverity := map[event.Severity]int{}
	for i := range alerts {
		bySeverity[alerts[i].Severity]++
	}
	var found []string
	for s := event.Critical; ; s-- {
		if bySeverity[s] > 0 {
			found = append(found, fmt.Sprintf("%d %s", bySeverity[s], s))
		}
		if s == event.Info {
			break
		}
	}
	summary := "no alerts"
	if len(found) > 0 {
		summary = "alerts: " + strings.Join(found, ", ")
	}
	fmt.Fprintln(w, p.Bold(summary))
	if len(parts) > 0 {
		fmt.Fprintln(w, "endpoints: "+strings.Join(parts, ", "))
	}
	for _, l := range lines {
		fmt.Fprintln(w, report.Printable(l))
	}
	_, err = fmt.Fprintf(w, "%d calls in %s\n", calls, took.Round(time.Millisecond))
	return err
}
