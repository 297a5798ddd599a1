package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"lapwing/alerting"
	"lapwing/cmd/internal/sensor"
	"lapwing/cmd/internal/source"
	"lapwing/cmd/internal/supervise"
	"lapwing/detect"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/store"
	"lapwing/stream"
	"lapwing/stream/local"
)

// The two readers of the stream. A slow database holds up only the archive,
// until the stream is full.
const (
	groupDetect  = "detect"
	groupArchive = "archive"
)

// detectPosition is the progress entry under which detection notes how far it
// has judged: after a restart, what it says about earlier time is old news.
const detectPosition = "detect"

// A daemon is the whole of Lapwing in one process.
type daemon struct {
	cfg  Config
	log  *slog.Logger
	keys *pseudonym.Keyring

	store   keptStore
	kept    string // what the store is, in words
	stream  *local.Stream
	alerts  *alerting.Pipeline
	marks   source.Watermarks
	started time.Time
	resume  map[string]int64
	sources *sensor.Sources
	records *recordsReceiver // nil if no other sensor is heard

	snapshots snapshots

	mu        sync.Mutex // protects what detection tells others
	detection *standard.Detection
	raised    []event.Alert // since the last delivery
	stats     detect.Stats
	lowNS     int64
	ready     bool
}

// openDaemon opens everything that is kept. The caller closes it.
func openDaemon(ctx context.Context, cfg Config, log *slog.Logger) (*daemon, error) {
	if err := cfg.bring(); err != nil {
		return nil, err
	}
	d := &daemon{cfg: cfg, log: log, started: time.Now()}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return nil, err
	}
	var err error
	if d.keys, err = cfg.Identity.Key(cfg.Data); err != nil {
		return nil, err
	}
	if d.detection, err = cfg.detector(d.keys, func(a event.Alert) { d.raised = append(d.raised, a) }); err != nil {
		return nil, err
	}
	if d.store, d.kept, err = openKept(ctx, &cfg, writerName(&cfg), log); err != nil {
		return nil, err
	}
	if d.resume, err = d.store.Progress(ctx); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	if d.stream, err = local.New(0, groupDetect, groupArchive); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	if d.alerts, err = openAlerting(&cfg, d.keys, log, nil); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	return d, nil
}

func (d *daemon) close() error {
	return errors.Join(d.alerts.Close(), d.store.Close())
}

// drain is how long the orderly end may take.
const drain = 20 * time.Second

// run works until ctx ends, then stops from the sources down: nothing that
// was read is lost.
func (d *daemon) run(ctx context.Context, extra map[string]func(context.Context) error) error {
	if err := d.learnAgain(ctx); err != nil {
		return err
	}
	// Sinks outlive sources.
	below, stopBelow := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBelow()
	sinks := supervise.New(below, d.log)
	sinks.Go("archive", func(ctx context.Context) error { return d.stream.Group(groupArchive).Run(ctx, d.archive) })
	sinks.Go("detect", func(ctx context.Context) error { return d.stream.Group(groupDetect).Run(ctx, d.judge) })
	sinks.Go("alerting", d.alerts.Run)
	sinks.Go("upkeep", d.upkeep)
	sinks.Go("rules and networks", func(ctx context.Context) error { return d.cfg.brought.watch(ctx, d.log) })
	for name, part := range extra {
		sinks.Go(name, part)
	}

	sources := supervise.New(ctx, d.log)
	for name, run := range d.sources.Parts() {
		sources.Go(name, run)
	}
	if d.records != nil {
		sources.Go("records", d.records.Run)
	}
	d.mu.Lock()
	d.ready = true
	d.mu.Unlock()
	select {
	case <-ctx.Done():
	case <-sources.Done():
	case <-sinks.Done():
		sources.Stop()
	}
	err := sources.Wait()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if closed := d.stream.Close(bounded); closed != nil {
		err = errors.Join(err, closed)
	} else {
		d.lastSnapshot()
	}
	d.drainAlerts(bounded)
	sinks.Stop()
	return errors.Join(err, sinks.Wait())
}

// archive keeps calls together with the progress they complete.
func (d *daemon) archive(ctx context.Context, batches []stream.Batch) error {
	var calls []*event.Call
	var progress []event.Progress
	for _, b := range batches {
		calls = append(calls, b.Calls...)
		progress = append(progress, b.Progress...)
	}
	if err := d.store.AppendCalls(ctx, calls, progress); err != nil {
		return err
	}
	d.snapshots.archived.Add(int64(len(batches)))
	return nil
}

// judge leads calls through detection, and hands on what it says before it
// takes more.
func (d *daemon) judge(ctx context.Context, batches []stream.Batch) error {
	d.mu.Lock()
	for _, b := range batches {
		for _, c := range b.Calls {
			d.detection.Observe(c)
		}
		for _, h := range b.Heartbeats {
			d.marks.Heartbeat(h)
		}
	}
	if low := d.marks.LowNS(); low > d.lowNS {
		d.detection.Advance(low)
		d.lowNS = low
	}
	raised := d.raised
	d.raised = nil
	d.stats = d.detection.Stats()
	d.mu.Unlock()
	if err := d.tell(ctx, raised); err != nil {
		return err
	}
	d.snapshots.judged.Add(int64(len(batches)))
	d.keepSnapshot(time.Now())
	return nil
}

// tell hands alerts to the store and to alerting. Both know an alert they
// have seen, so a repetition after an error does no harm.
func (d *daemon) tell(ctx context.Context, alerts []event.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := d.alerts.Accept(ctx, alerts)
		err = errors.Join(err, d.store.PutAlerts(ctx, d.alerts.Mark(alerts)))
		if err == nil {
			return nil
		}
		// Detection cannot judge the same calls twice, so its alerts wait here.
		d.log.Error("alerts are not kept yet", "alerts", len(alerts), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// upkeep writes the inventory and detection's position, and deletes what is
// too old.
func (d *daemon) upkeep(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	var retained time.Time
	for {
		ending := false
		select {
		case <-tick.C:
		case <-ctx.Done():
			ending = true
		}
		if err := d.keepInventory(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		if ending {
			return nil
		}
		if now := time.Now(); now.Sub(retained) > time.Hour {
			retained = now
			n, err := d.store.Retain(ctx, now.Add(-time.Duration(d.cfg.Store.Retention)))
			if err != nil {
				return err
			}
			if n > 0 {
				d.log.Info("deleted old calls", "calls", n)
			}
		}
	}
}

func (d *daemon) keepInventory(ctx context.Context) error {
	d.mu.Lock()
	endpoints := d.detection.Endpoints()
	low := d.lowNS
	d.mu.Unlock()
	var position []event.Progress
	if low > 0 {
		position = []event.Progress{{Source: detectPosition, Offset: low}}
	}
	return errors.Join(d.store.PutEndpoints(ctx, endpoints), d.store.AppendCalls(ctx, nil, position))
}

// learnAgain shows stored calls to detection, so that what it knew before a
// restart it knows again. What it says about the time before its noted
// position has been told already.
func (d *daemon) learnAgain(ctx context.Context) error {
	if restored, err := d.restoreSnapshot(); err != nil {
		return err
	} else if restored {
		return d.catchUp(ctx)
	}
	if d.cfg.Detect.Replay <= 0 {
		return nil
	}
	position := d.resume[detectPosition]
	began := time.Now()
	n, err := d.show(ctx, began.Add(-time.Duration(d.cfg.Detect.Replay)), position, func(*event.Call) bool { return true })
	if err != nil {
		return err
	}
	var news []event.Alert
	for _, a := range d.raised {
		if a.LastSeenAt.UnixNano() > position {
			news = append(news, a)
		}
	}
	d.raised = nil
	if n > 0 {
		d.log.Info("learned again from stored calls", "calls", n, "took", time.Since(began).Round(time.Millisecond))
	}
	return d.tell(ctx, news)
}

// show has detection judge stored calls up to position.
func (d *daemon) show(ctx context.Context, since time.Time, position int64, want func(*event.Call) bool) (n int, err error) {
	err = d.store.Calls(ctx, store.CallQuery{Since: since}, func(c *event.Call) error {
		if !want(c) {
			return ctx.Err()
		}
		d.detection.Observe(c)
		if n++; n%4096 == 0 {
			d.detection.Advance(min(c.End().UnixNano(), position))
		}
		return ctx.Err()
	})
	if err != nil {
		return n, fmt.Errorf("learn from stored calls: %w", err)
	}
	d.lowNS = position
	d.detection.Advance(position)
	return n, nil
}
