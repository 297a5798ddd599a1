package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"lapwing/cmd/internal/detecting"
	"lapwing/detect"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/stream/kafka"
)

// A detectorRole judges the calls that it reads from Kafka. Each API that the
// configuration lists is judged by one detector of the deployment, and the
// hosts that none lists by one more; the APIs spread over the detectors that
// run. Whoever takes one over goes on from its newest snapshot.
type detectorRole struct {
	client  *kafka.Client
	cells   []cellDetector
	brought *brought
	log     *slog.Logger
}

// A cellDetector is a candidate for judging one API.
type cellDetector struct {
	name  string
	group *kafka.Group
	*detecting.Detector
}

func openDetector(ctx context.Context, env *environment) (role, error) {
	client, err := env.dial(ctx, roleDetector)
	if err != nil {
		return nil, err
	}
	whole, err := env.cfg.detector(env.keys, func(event.Alert) {})
	if err != nil { // a specification that cannot be read is said now
		client.Close()
		return nil, err
	}
	r := &detectorRole{client: client, brought: env.cfg.brought, log: env.log}
	topics := client.Topics()
	for i, name := range whole.Cells() {
		group := client.GroupExclusive("detect", topics.Calls)
		if name != standard.Other {
			group = client.GroupTurn("detect."+name, topics.Calls, i+1)
		}
		r.cells = append(r.cells, cellDetector{name, group, detecting.New(detecting.Config{
			Cell: name, Partitions: client.Partitions(), Topics: topics, KeyMark: env.keys.Mark(), Expect: env.cfg.Detect.Sensors, Drain: env.drain, Learn: time.Duration(env.cfg.Detect.Replay), Log: env.log.With("api", name),
			Build: func(emit func(event.Alert)) (*standard.Detection, error) { return env.cfg.cell(name, env.keys, emit) },
		}, client)})
	}
	return r, nil
}

// Name implements role.
func (r *detectorRole) Name() string { return roleDetector }

// Run implements role. It ends when ctx does, when a cell fails, or when all
// cells have nothing left to do.
func (r *detectorRole) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, len(r.cells))
	var cells sync.WaitGroup
	for i, c := range r.cells {
		cells.Go(func() {
			if errs[i] = c.Run(ctx, c.group); errs[i] != nil {
				cancel()
			}
		})
	}
	var watch sync.WaitGroup
	watch.Go(func() { _ = r.brought.watch(ctx, r.log) }) // ends with ctx, without an error
	cells.Wait()
	cancel()
	watch.Wait()
	return errors.Join(errs...)
}

// Ready implements role.
func (r *detectorRole) Ready() string {
	if r.client.Stats().Rebalances < uint64(len(r.cells)) {
		return "it has not joined its groups yet"
	}
	for _, c := range r.cells {
		if waits := c.Stats().Waits; waits != "" {
			return waits
		}
	}
	return ""
}

// Active implements role.
func (r *detectorRole) Active() bool {
	for _, c := range r.cells {
		if c.Stats().Active {
			return true
		}
	}
	return false
}

// Close implements role.
func (r *detectorRole) Close() error {
	r.client.Close()
	return nil
}

var (
	detectorRecords   = desc("detector_records_total", "Messages of the calls topic by what became of them.", "api", "outcome")
	detectorSeen      = desc("detector_seen_calls_total", "Calls in records that were applied.", "api")
	detectorCalls     = desc("detector_calls_total", "Of those, by what became of them.", "api", "outcome")
	detectorLost      = desc("detector_lost_calls_total", "Sequence numbers that never came.", "api")
	detectorExplained = desc("detector_explained_calls_total", "Calls that sensors say they dropped.", "api")
	detectorLateBoots = desc("detector_late_boot_records_total", "Records of a sensor's earlier start after a later one.", "api")
	detectorSilenced  = desc("detector_silenced_sources_total", "Sources that were no longer waited for because they were silent, by partition.", "api")
	detectorSources   = desc("detector_sources", "Sources that time waits for.", "api")
	detectorOtherKeys = desc("detector_other_key_sensors", "Sensors whose records were made under another deployment key.", "api")
	detectorTakeOvers = desc("detector_takeovers_total", "How often this process became the active detector.", "api")
	detectorAlerts    = desc("detector_alerts_total", "Revisions of alerts by what became of them.", "api", "outcome")
	detectorEndpoints = desc("detector_endpoints_total", "Changes of the inventory that this process published.", "api")
	detectorSnapshots = desc("detector_snapshots_total", "Snapshots by whether they were written.", "api", "outcome")
	detectorSaveBytes = desc("detector_snapshot_bytes", "Size of the last snapshot, compressed.", "api")
	detectorSaveTook  = desc("detector_snapshot_seconds", "For how long detection stood still for the last snapshot.", "api")
	detectorSavedAt   = desc("detector_snapshot_timestamp_seconds", "When the last snapshot was written.", "api")
)

// Collect implements role.
func (r *detectorRole) Collect(counter, gauge emit) {
	kafkaMetrics(roleDetector, r.client.Stats(), counter, gauge)
	var sum detect.Stats
	low := int64(0)
	for _, c := range r.cells {
		s := c.Stats()
		collectCell(c.name, &s, counter, gauge)
		sum.Add(s.Detect)
		if s.LowNS > 0 && (low == 0 || s.LowNS < low) {
			low = s.LowNS
		}
	}
	r.brought.collect(counter, gauge)
	counter(detectCalls, float64(sum.Judged))
	counter(detectForced, float64(sum.Forced))
	counter(detectLate, float64(sum.Late))
	counter(detectTwice, float64(sum.Repeated), "again")
	counter(detectTwice, float64(sum.Duplicates), "packet_and_log")
	gauge(detectPending, float64(sum.Pending))
	counter(detectAlerts, float64(sum.Opened), "raised")
	counter(detectAlerts, float64(sum.Revised), "revised")
	counter(detectAlerts, float64(sum.Folded), "folded")
	if low > 0 {
		gauge(detectWatermark, float64(low)/1e9)
	}
}

func collectCell(api string, s *detecting.Stats, counter, gauge emit) {
	counter(detectorRecords, float64(s.Records), api, "applied")
	counter(detectorRecords, float64(s.Stale), api, "stale")
	counter(detectorRecords, float64(s.Counts.Quarantined), api, "quarantined")
	counter(detectorSeen, float64(s.Seen), api)
	counter(detectorCalls, float64(s.Observed-s.Foreign), api, "observed")
	counter(detectorCalls, float64(s.Foreign), api, "foreign")
	counter(detectorCalls, float64(s.Repeated), api, "repeated")
	counter(detectorLost, float64(s.Counts.Lost), api)
	counter(detectorExplained, float64(s.Explained), api)
	counter(detectorLateBoots, float64(s.LateBoots), api)
	counter(detectorSilenced, float64(s.Silenced), api)
	gauge(detectorSources, float64(s.Sources), api)
	gauge(detectorOtherKeys, float64(s.OtherKeys), api)
	counter(detectorTakeOvers, float64(s.TakeOvers), api)
	counter(detectorAlerts, float64(s.Alerts), api, "told")
	counter(detectorAlerts, float64(s.Suppressed), api, "known")
	counter(detectorEndpoints, float64(s.Endpoints), api)
	counter(detectorSnapshots, float64(s.Snapshots), api, "written")
	counter(detectorSnapshots, float64(s.SaveErrors), api, "failed")
	gauge(detectorSaveBytes, float64(s.SavedBytes), api)
	gauge(detectorSaveTook, s.SaveTook.Seconds(), api)
	if !s.SavedAt.IsZero() {
		gauge(detectorSavedAt, float64(s.SavedAt.UnixNano())/1e9, api)
	}
}
