package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"lapwing/capture/input"
	"lapwing/cmd/internal/publish"
	"lapwing/cmd/internal/sensor"
	"lapwing/cmd/internal/source"
	"lapwing/cmd/internal/supervise"
	"lapwing/parse"
)

// A sensorRole leads what sources see through a bounded log on disk to Kafka.
type sensorRole struct {
	env     *environment
	out     *publish.Publisher
	sources *sensor.Sources
	records *recordsReceiver // nil if no other sensor is heard
	running atomic.Bool
}

// openSensor opens the spool and every source. sample, if it is not empty, is
// a capture to replay as if it happened now.
func openSensor(ctx context.Context, env *environment, sample string, speed float64) (_ *sensorRole, lines [][2]string, err error) {
	cfg := &env.cfg
	parser, err := sensor.Parser(&cfg.Sensor.Config, &cfg.Identity, env.keys)
	if err != nil {
		return nil, nil, err
	}
	r := &sensorRole{env: env}
	to := publish.Config{Kafka: cfg.Stream.Kafka, Spool: cfg.Stream.Spool}
	to.Spool.Dir = cmp.Or(to.Spool.Dir, cfg.path("spool"))
	if r.out, err = publish.Open(ctx, &to, cfg.Sensor.Name, env.keys.Mark(), env.log.With("role", roleSensor)); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			err = errors.Join(err, r.out.Close(bounded), r.out.Release())
		}
	}()
	if r.sources, err = sensor.Open(&cfg.Sensor.Config, parser, r.out, r.out.Progress(), env.log); err != nil {
		return nil, nil, err
	}
	if r.records, err = openRecords(&cfg.Sensor.Records, r.out, r.out.Progress(), env.log); err != nil {
		return nil, nil, err
	}
	lines = append(r.sources.Describe(), [2]string{"spool", to.Spool.Dir})
	if r.records != nil {
		lines = append(lines, [2]string{"receiver", r.records.address})
	}
	if sample != "" {
		line, err := r.openSample(sample, speed, parser)
		if err != nil {
			return nil, nil, err
		}
		lines = append(lines, [2]string{"sample", line})
	}
	return r, lines, nil
}

// openSample adds a recording to the sources.
func (r *sensorRole) openSample(path string, speed float64, parser parse.Config) (string, error) {
	in, err := input.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	packets, err := in.Packets()
	if err != nil {
		return "", err
	}
	paced, err := source.NewPaced(packets, speed, time.Now, func() { r.env.log.Info("the sample is over") })
	if err != nil {
		return "", err
	}
	r.sources.Packets = append(r.sources.Packets, &source.Packets{
		Name: "sample", Config: parser, Pub: r.out, Now: time.Now, Source: paced, EventNow: paced.EventNow,
	})
	return fmt.Sprintf("%s: %d packets, replayed %g times faster than recorded", path, paced.Len(), speed), nil
}

// Name implements role.
func (r *sensorRole) Name() string { return roleSensor }

// Run implements role. What was read when ctx ends is in the log on disk when
// Run returns; what the brokers do not take in time goes out after the next start.
func (r *sensorRole) Run(ctx context.Context) error {
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()
	shipping := supervise.New(below, r.env.log)
	shipping.Go("spool", r.out.Run)
	sources := supervise.New(ctx, r.env.log)
	for name, run := range r.sources.Parts() {
		sources.Go(name, run)
	}
	if r.records != nil {
		sources.Go("records", r.records.Run)
	}
	r.running.Store(true)
	defer r.running.Store(false)
	select {
	case <-ctx.Done():
	case <-sources.Done():
	}
	err := sources.Wait()
	bounded, cancel := context.WithTimeout(below, drain)
	defer cancel()
	err = errors.Join(err, r.out.Close(bounded))
	if left := r.out.Drain(bounded); left != nil {
		r.env.log.Warn("calls wait in the spool for the next start", "reason", left)
	}
	stopBelow()
	return errors.Join(err, shipping.Wait())
}

// Ready implements role: brokers that are away are bridged, and no reason not
// to be ready.
func (r *sensorRole) Ready() string {
	if !r.running.Load() {
		return "sources are being opened"
	}
	return ""
}

// Active implements role.
func (r *sensorRole) Active() bool { return r.running.Load() }

// Close implements role.
func (r *sensorRole) Close() error { return r.out.Release() }
