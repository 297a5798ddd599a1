package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"lapwing/capture/input"
	"lapwing/cmd/internal/heap"
	"lapwing/cmd/internal/report"
	"lapwing/cmd/internal/sensor"
	"lapwing/cmd/internal/source"
	"lapwing/parse"
)

type runFlags struct {
	interfaces []string
	logs       []string
	logFormat  string
	filter     string
	specs      []string
	rules      []string
	data       string
	sample     string
	speed      float64
	target     []string
	trusted    []string
	drain      bool
}

func newRun(c *common) *cobra.Command {
	f := &runFlags{}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Watch traffic until stopped",
		Long: `Watch interfaces, logs and senders, detect, keep and alert.
Without stream.kafka.brokers that is one process. With them the roles are joined
by Kafka, and --target says which of them this process runs:
  sensor     reads traffic and publishes calls
  detector   judges calls; one is active, others stand by
  archiver   keeps calls and the inventory in the store; several share the work
  alerter    tells people; one is active, others stand by
Without any source configured, a sensor replays a bundled recording.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDaemon(cmd.Context(), c, f) },
	}
	cmd.Flags().StringArrayVarP(&f.interfaces, "interface", "i", nil, "network interface to watch (repeatable)")
	cmd.Flags().StringArrayVar(&f.logs, "log", nil, "access log to follow; may be a glob pattern (repeatable)")
	cmd.Flags().StringVar(&f.logFormat, "format", "auto", "format of the logs given by --log")
	cmd.Flags().StringVar(&f.filter, "filter", "", "capture filter, such as: tcp port 80")
	cmd.Flags().StringArrayVar(&f.specs, "spec", nil, "OpenAPI document of the API (repeatable)")
	cmd.Flags().StringArrayVar(&f.rules, "rules", nil, "file or directory of user rules (repeatable)")
	cmd.Flags().StringVar(&f.data, "data", "", "directory for everything that is kept")
	cmd.Flags().StringVar(&f.sample, "sample", "", "replay this capture as if it happened now")
	cmd.Flags().Float64Var(&f.speed, "speed", 60, "how much faster than recorded the sample is replayed")
	cmd.Flags().StringSliceVar(&f.target, "target", []string{"all"}, "roles to run: all, or some of sensor, detector, archiver, alerter, joined by Kafka")
	cmd.Flags().BoolVar(&f.drain, "drain", false, "detector: end once all sensors have retired and everything is judged")
	cmd.Flags().StringSliceVar(&f.trusted, "trusted-proxies", nil, "networks whose forwarding headers are believed")
	return cmd
}

// merge lays the flags over the configuration.
func (f *runFlags) merge(cfg *Config) error {
	if f.speed <= 0 || f.speed > 1e6 {
		return usageError("--speed must be positive and at most 1000000 (got %g)", f.speed)
	}
	cfg.Sensor.Interfaces = append(cfg.Sensor.Interfaces, f.interfaces...)
	if len(f.logs) > 0 {
		cfg.Sensor.Logs = append(cfg.Sensor.Logs, sensor.Log{Paths: f.logs, Format: f.logFormat})
	}
	if f.filter != "" {
		cfg.Sensor.Filter = f.filter
	}
	cfg.Detect.Specs = append(cfg.Detect.Specs, f.specs...)
	cfg.Detect.Rules = append(cfg.Detect.Rules, f.rules...)
	if f.data != "" {
		cfg.Data = f.data
	}
	if f.trusted != nil {
		cfg.Identity.TrustedProxies = f.trusted
	}
	return cfg.Validate()
}

func runDaemon(ctx context.Context, c *common, f *runFlags) error {
	defer heap.Floor(heap.ReaderFloor)()
	cfg, err := c.load()
	if err != nil {
		return err
	}
	roles, err := parseTargets(f.target)
	if err != nil {
		return err
	}
	if err := f.merge(&cfg); err != nil {
		return err
	}
	if f.drain && !slices.Contains(roles, roleDetector) {
		return usageError("--drain is for --target detector; this is --target %s", strings.Join(f.target, ","))
	}
	if !cfg.Stream.Kafka.On() {
		if needsKafka(roles) {
			return usageError("--target %s needs Kafka between the roles: give stream.kafka.brokers, or leave --target out to run everything in one process", strings.Join(f.target, ","))
		}
		if f.drain {
			return usageError("--drain is for --target detector: lapwing analyze reads files to their end")
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: shortTime}))
	p := report.Palette{On: colours(os.Stdout)}
	if cfg.Stream.Kafka.On() {
		return runFleet(ctx, cfg, roles, f, log, p)
	}
	sampled := f.sample
	if sampled == "" && cfg.Sensor.watchesNothing() {
		if sampled, err = bundledSample(&cfg); err != nil {
			return err
		}
	}
	d, err := openDaemon(ctx, cfg, log)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w (give another directory with --data)", err)
	}
	if err != nil {
		return unlessStopped(ctx, err)
	}
	defer d.close()

	lines := [][2]string{{"store", d.kept}}
	parser, err := sensor.Parser(&cfg.Sensor.Config, &cfg.Identity, d.keys)
	if err != nil {
		return err
	}
	if err := d.openSources(parser); err != nil {
		return err
	}
	lines = append(lines, d.sources.Describe()...)
	if d.records != nil {
		lines = append(lines, [2]string{"receiver", d.records.address})
	}
	if sampled != "" {
		line, err := d.openSample(sampled, f.speed, parser, p)
		if err != nil {
			return err
		}
		lines = append(lines, [2]string{"sample", line})
	}
	for _, s := range cfg.Detect.Specs {
		lines = append(lines, [2]string{"spec", s})
	}
	lines = append(lines, d.cfg.brought.lines(&cfg)...)
	for _, name := range cfg.Alerting.names() {
		lines = append(lines, [2]string{"alerts to", name})
	}
	extra := map[string]func(context.Context) error{}
	control, err := d.listenControl()
	if err != nil {
		return err
	}
	extra["control"] = control
	if cfg.Metrics.Listen != "" {
		serve, address, err := d.listenMetrics()
		if err != nil {
			return err
		}
		extra["metrics"] = serve
		lines = append(lines, [2]string{"metrics", "http://" + address + "/metrics"})
	}
	fmt.Printf("%s · everything in one process · data in %s · Ctrl-C to stop\n", p.Bold("lapwing "+version), cfg.Data)
	for _, l := range lines {
		fmt.Printf("  %-9s %s\n", l[0], l[1])
	}
	fmt.Println()
	return d.run(ctx, extra)
}

func shortTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.String(slog.TimeKey, a.Value.Time().UTC().Format(time.RFC3339))
	}
	return a
}

// openSources opens everything that the configuration names.
func (d *daemon) openSources(parser parse.Config) error {
	s, err := sensor.Open(&d.cfg.Sensor.Config, parser, d.stream, d.resume, d.log)
	if err != nil {
		return err
	}
	d.sources = s
	if d.records, err = openRecords(&d.cfg.Sensor.Records, d.stream, d.resume, d.log); err != nil {
		return err
	}
	for _, name := range s.Names() {
		d.marks.Expect(name)
	}
	return nil
}

// openSample prepares a recording to be replayed as if it happened now.
func (d *daemon) openSample(path string, speed float64, parser parse.Config, p report.Palette) (string, error) {
	in, err := input.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	packets, err := in.Packets()
	if err != nil {
		return "", err
	}
	part := &source.Packets{Name: "sample", Config: parser, Pub: d.stream, Now: time.Now}
	ended := func() { time.AfterFunc(2*time.Second, func() { d.printSummary(part, p) }) }
	paced, err := source.NewPaced(packets, speed, time.Now, ended)
	if err != nil {
		return "", err
	}
	part.Source, part.EventNow = paced, paced.EventNow
	d.sources.Packets = append(d.sources.Packets, part)
	d.marks.Expect(part.Name)
	return fmt.Sprintf("%s: %d packets, replayed %g times faster than recorded", path, paced.Len(), speed), nil
}

// printSummary closes the sample with what was seen, and what comes next.
func (d *daemon) printSummary(part *source.Packets, p report.Palette) {
	captured, parsed := part.Stats()
	d.mu.Lock()
	opened := d.stats.Opened
	d.mu.Unlock()
	c := parsed.Coverage
	fmt.Printf("\n%s\n\n", p.Bold(fmt.Sprintf("%d alerts, %d packets dropped, %d calls; %s", opened, captured.KernelDrops, parsed.Calls,
		coverage(captured, c.HTTP, c.TLS, c.HTTP2, c.WebSocket, c.Other+c.Unread+c.Faulted+c.Waiting, c.Lost))))
	fmt.Print(nextSteps)
}

const nextSteps = `The sample is over; Lapwing keeps running. In another terminal:
                          lapwing alerts                      what was found
                          lapwing alerts show ID              the evidence behind one alert
                          lapwing inventory                   the endpoints it learned
Watch your own traffic:   lapwing run --interface eth0        (needs CAP_NET_RAW)
                          lapwing run --log /var/log/nginx/access.log
                          lapwing analyze access.log          one pass over a file
`

// names lists the destinations for the banner.
func (a *AlertingConfig) names() []string {
	var out []string
	for _, d := range a.Destinations {
		out = append(out, fmt.Sprintf("%s (%s)", cmp.Or(d.Name, d.Type), d.Type))
	}
	slices.Sort(out)
	return out
}

// unlessStopped is the error of a start, or nil if all that is wrong is that
// somebody asked the process to end before it was up. A question that was cut
// short may call that its time running out.
func unlessStopped(ctx context.Context, err error) error {
	var late interface{ Timeout() bool }
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.As(err, &late) && late.Timeout()) {
		return nil
	}
	return err
}
