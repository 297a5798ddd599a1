package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"lapwing/cmd/internal/report"
	"lapwing/cmd/internal/supervise"
)

// A fleet is the roles that one process runs.
type fleet struct {
	env   *environment
	roles []role
	lines [][2]string // of the banner
}

// openFleet opens what the roles need and the roles themselves. The caller
// closes it.
func openFleet(ctx context.Context, cfg Config, names []string, f *runFlags, log *slog.Logger) (*fleet, error) {
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, err
	}
	env := &environment{cfg: cfg, log: log, owner: ownerName(&cfg), drain: f.drain}
	fl := &fleet{env: env}
	// A sensor alone looks for itself: it bridges brokers that are away. The
	// others can do nothing without them.
	if !slices.Equal(names, []string{roleSensor}) {
		if err := env.checkKafka(ctx); err != nil {
			return nil, err
		}
	}
	fl.say("kafka", strings.Join(cfg.Stream.Kafka.Brokers, ", ")+", topics "+cfg.Stream.Kafka.Prefix+".*")
	var err error
	if names[0] != roleArchiver || len(names) > 1 { // an archiver alone needs no key
		if env.keys, err = deploymentKey(&cfg, names); err != nil {
			return nil, err
		}
	}
	if slices.Contains(names, roleArchiver) || slices.Contains(names, roleAlerter) {
		kept := ""
		if env.store, kept, err = openKept(ctx, &cfg, writerName(&cfg), env.log); err != nil {
			return nil, err
		}
		fl.say("store", kept)
	}
	for _, name := range names {
		if err := fl.open(ctx, name, f); err != nil {
			return nil, errors.Join(err, fl.close())
		}
	}
	return fl, nil
}

func (fl *fleet) say(what, which string) { fl.lines = append(fl.lines, [2]string{what, which}) }

// open opens one role.
func (fl *fleet) open(ctx context.Context, name string, f *runFlags) error {
	var r role
	var err error
	switch name {
	case roleSensor:
		cfg, sample := &fl.env.cfg, f.sample
		if sample == "" && cfg.Sensor.watchesNothing() {
			if sample, err = bundledSample(cfg); err != nil {
				return err
			}
		}
		var lines [][2]string
		if r, lines, err = openSensor(ctx, fl.env, sample, f.speed); err == nil {
			fl.lines = append(fl.lines, lines...)
		}
	case roleDetector:
		r, err = openDetector(ctx, fl.env)
		for _, s := range fl.env.cfg.Detect.Specs {
			fl.say("spec", s)
		}
		if b := fl.env.cfg.brought; b != nil {
			fl.lines = append(fl.lines, b.lines(&fl.env.cfg)...)
		}
	case roleArchiver:
		r, err = openArchiver(ctx, fl.env)
	case roleAlerter:
		r, err = openAlerter(ctx, fl.env)
		for _, d := range fl.env.cfg.Alerting.names() {
			fl.say("alerts to", d)
		}
	}
	if err == nil {
		fl.roles = append(fl.roles, r)
	}
	return err
}

// run works until ctx ends or all roles have ended, then stops one role after
// the other, from the sources down.
func (fl *fleet) run(ctx context.Context, extra map[string]func(context.Context) error) error {
	below := context.WithoutCancel(ctx)
	services := supervise.New(below, fl.env.log)
	for name, part := range extra {
		services.Go(name, part)
	}
	groups := make([]*supervise.Group, len(fl.roles))
	left := make(chan int, len(fl.roles))
	for i, r := range fl.roles {
		groups[i] = supervise.New(below, fl.env.log)
		groups[i].Go(r.Name(), r.Run)
		go func() {
			_ = groups[i].Wait() // asked again below
			left <- i
		}()
	}
	var failed error
	ended := 0
	for ended < len(fl.roles) && failed == nil {
		select {
		case i := <-left:
			ended++
			failed = groups[i].Wait() // nil: it has nothing left to do, the others may
		case <-services.Done():
			failed = services.Wait()
		case <-ctx.Done():
			ended = len(fl.roles)
		}
	}
	for _, g := range groups {
		g.Stop()
		failed = errors.Join(failed, g.Wait())
	}
	services.Stop()
	return errors.Join(failed, services.Wait())
}

func (fl *fleet) close() error {
	var errs []error
	for _, r := range fl.roles {
		errs = append(errs, r.Close())
	}
	if fl.env.store != nil {
		errs = append(errs, fl.env.store.Close())
	}
	return errors.Join(errs...)
}

// runFleet is `lapwing run` with Kafka.
func runFleet(ctx context.Context, cfg Config, names []string, f *runFlags, log *slog.Logger, p report.Palette) error {
	fl, err := openFleet(ctx, cfg, names, f, log)
	if err != nil {
		return unlessStopped(ctx, err)
	}
	extra := map[string]func(context.Context) error{}
	control, err := fl.listenControl()
	if err != nil {
		return errors.Join(err, fl.close())
	}
	extra["control"] = control
	if cfg.Metrics.Listen != "" {
		serve, address, err := fl.listenMetrics()
		if err != nil {
			return errors.Join(err, fl.close())
		}
		extra["metrics"] = serve
		fl.say("metrics", "http://"+address+"/metrics")
	}
	fmt.Printf("%s · %s · data in %s · Ctrl-C to stop\n", p.Bold("lapwing "+version), strings.Join(names, ", "), cfg.Data)
	for _, l := range fl.lines {
		fmt.Printf("  %-9s %s\n", l[0], l[1])
	}
	fmt.Println()
	return errors.Join(fl.run(ctx, extra), fl.close())
}
