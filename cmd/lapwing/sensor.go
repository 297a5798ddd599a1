package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"lapwing/capture/input"
	"lapwing/cmd/internal/sensor"
	"lapwing/cmd/internal/source"
	"lapwing/cmd/internal/supervise"
	"lapwing/parse"
	"lapwing/stream/kafka"
	"lapwing/stream/spool"
)

// A sensorRole leads what sources see through a bounded log on disk to Kafka.
type sensorRole struct {
	env     *environment
	client  *kafka.Client
	spool   *spool.Spool
	sources *sensor.Sources
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
	if r.client, err = env.dial(ctx, roleSensor); err != nil {
		return nil, nil, err
	}
	dir := cmp.Or(cfg.Stream.Spool.Dir, cfg.path("spool"))
	sync := spool.SyncGroup
	if !cfg.Stream.Spool.Sync {
		sync = spool.SyncNone
	}
	r.spool, err = spool.Open(spool.Config{
		Dir: dir, Sensor: cfg.Sensor.Name, Partitions: r.client.Partitions(), MaxBytes: int64(cfg.Stream.Spool.MaxBytes),
		Linger: time.Duration(cfg.Stream.Spool.Linger), Sync: sync, Log: env.log.With("role", roleSensor),
	}, r.client.Sender())
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			err = errors.Join(err, r.spool.Close(bounded), r.spool.Release())
		}
	}()
	if r.sources, err = sensor.Open(&cfg.Sensor.Config, parser, r.spool, r.spool.Progress(), env.log); err != nil {
		return nil, nil, err
	}
	lines = append(r.sources.Describe(), [2]string{"spool", dir})
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
		Name: "sample", Config: parser, Pub: r.spool, Now: time.Now, Source: paced, EventNow: paced.EventNow,
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
	shipping.Go("spool", r.spool.Run)
	sources := supervise.New(ctx, r.env.log)
	for name, run := range r.sources.Parts() {
		sources.Go(name, run)
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
	err = errors.Join(err, r.spool.Close(bounded))
	if left := r.spool.Drain(bounded); left != nil {
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
func (r *sensorRole) Close() error {
	r.client.Close()
	return r.spool.Release()
}
