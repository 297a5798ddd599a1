// The sensor watches one host's API traffic and hands on what it saw, as
// calls. It detects nothing and stores nothing; it is small and static, to run
// beside services and on mirror ports.
//
// Calls go to Kafka, or over HTTPS to a `lapwing run` without Kafka, through a
// bounded log on disk (section publish); else to standard output or a file, one
// JSON object a line, in the form that docs/calls.md describes. Secrets are hashed and names encrypted under
// the deployment key before a call leaves the process.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/cmd/internal/heap"
	"lapwing/cmd/internal/ingest"
	"lapwing/cmd/internal/publish"
	"lapwing/cmd/internal/sensor"
	"lapwing/cmd/internal/supervise"
	"lapwing/parse/pseudonym"
)

// version is set by the build.
var version = "0.1.0"

// Config is the configuration of the sensor: the sections it shares with lapwing.
type Config struct {
	Sensor   sensor.Config   `yaml:"sensor" doc:"where calls come from"`
	Identity sensor.Identity `yaml:"identity" doc:"who is who, and what is secret"`
	Publish  publish.Config  `yaml:"publish" doc:"where calls go; neither Kafka nor HTTPS: to --output"`
	Metrics  MetricsConfig   `yaml:"metrics" doc:"metrics and health over HTTP"`
}

// Validate implements config.Validator.
func (c *Config) Validate() error {
	return errors.Join(c.Sensor.Validate(), c.Identity.Validate(), c.Publish.Validate("publish"))
}

func main() { os.Exit(start()) }

// start runs until the work is done or a signal ends it, and returns the exit code.
func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	defer stop()
	return exitCode(run(ctx, os.Args[1:], os.Stdout, os.Stderr), os.Stderr)
}

// exitCode says what went wrong, and turns it into 0 done, 1 failed, 2 wrong usage.
func exitCode(err error, stderr io.Writer) int {
	var usage usageError
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "lapwing-sensor:", err)
		return 2
	}
	fmt.Fprintln(stderr, "lapwing-sensor:", err)
	return 1
}

type usageError struct{ error }

var errNothing = usageError{errors.New("nothing to watch: give --interface, --log, --read or a configuration")}

type list []string

func (l *list) String() string     { return fmt.Sprint(*l) }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("lapwing-sensor", flag.ContinueOnError)
	var interfaces, logs, read list
	path := flags.String("config", "", "configuration file (YAML)")
	output := flags.String("output", "-", "file for the calls; - is standard output")
	showVersion := flags.Bool("version", false, "print the version and exit")
	check := flags.Bool("check", false, "say whether the configuration is valid, and exit")
	filter := flags.String("filter", "", "capture filter, such as: tcp port 80")
	flags.Var(&interfaces, "interface", "network interface to watch (repeatable)")
	flags.Var(&logs, "log", "access log to follow (repeatable)")
	flags.Var(&read, "read", "capture, log or HAR file to read once, instead of watching (repeatable)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return usageError{err}
	}
	if *showVersion {
		_, err := fmt.Fprintln(stdout, "lapwing-sensor", version)
		return err
	}
	if flags.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", flags.Arg(0))}
	}
	cfg := Config{Sensor: sensor.Defaults(), Publish: publish.Defaults()}
	if err := config.Load(*path, "LAPWING_", os.Environ(), &cfg); err != nil {
		return err
	}
	cfg.Sensor.Interfaces = append(cfg.Sensor.Interfaces, interfaces...)
	if len(logs) > 0 {
		cfg.Sensor.Logs = append(cfg.Sensor.Logs, sensor.Log{Paths: logs})
	}
	if *filter != "" {
		cfg.Sensor.Filter = *filter
	}
	keys := pseudonym.Offline()
	if cfg.Identity.KeyFile != "" {
		var err error
		if keys, err = pseudonym.Load(cfg.Identity.KeyFile); err != nil {
			return err
		}
	}
	parser, err := sensor.Parser(&cfg.Sensor, &cfg.Identity, keys)
	if err != nil {
		return err
	}
	if *check {
		if cfg.Publish.On() && cfg.Identity.KeyFile == "" {
			return errNoKey
		}
		_, err := fmt.Fprintln(stdout, "the configuration is valid")
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if cfg.Publish.On() {
		if *output != "-" {
			return usageError{errors.New("--output and the section publish are both given: calls go one way")}
		}
		if cfg.Identity.KeyFile == "" {
			return errNoKey
		}
		if len(read) > 0 {
			return publishFiles(ctx, &cfg, parser, read, log, stderr)
		}
		return watch(ctx, &cfg, parser, log, stderr)
	}
	pub, err := openWriter(*output, stdout)
	if err != nil {
		return err
	}
	if len(read) > 0 {
		_, err := ingest.Files(ctx, ingest.Config{Inputs: read, Parse: parser}, ingest.Sink{Call: pub.call, Watermark: func(int64) {}})
		return errors.Join(err, pub.Close(ctx))
	}
	// A daemon's key must not be the published one: its pseudonyms travel.
	if cfg.Identity.KeyFile == "" {
		return errNoKey
	}
	sources, err := sensor.Open(&cfg.Sensor, parser, pub, nil, log)
	if err != nil {
		return err
	}
	if len(sources.Parts()) == 0 {
		return errNothing
	}
	serve, err := (&meter{sources: sources}).listen(cfg.Metrics.Listen, log)
	if err != nil {
		return err
	}
	err = runSources(ctx, sources, serve, log)
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, pub.Close(bounded))
}

// errNoKey refuses to let pseudonyms travel that anybody could read.
var errNoKey = errors.New("watching and publishing need a deployment key: set identity.key_file (64 hex digits, mode 0600), the same as lapwing has")

// runSources runs all sources, and serve unless it is nil, until ctx ends.
func runSources(ctx context.Context, sources *sensor.Sources, serve func(context.Context) error, log *slog.Logger) error {
	defer heap.Floor(heap.ReaderFloor)()
	group := supervise.New(ctx, log)
	if serve != nil {
		group.Go("metrics", serve)
	}
	for name, part := range sources.Parts() {
		group.Go(name, part)
	}
	return group.Wait()
}
