package main

import (
	"context"

	"lapwing/cmd/internal/detecting"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/stream/kafka"
)

// A detectorRole judges the calls that it reads from Kafka. One detector of a
// deployment is active, the others stand by; whoever takes over goes on from
// the newest snapshot.
type detectorRole struct {
	client   *kafka.Client
	group    *kafka.Group
	detector *detecting.Detector
	drain    bool
}

func openDetector(ctx context.Context, env *environment) (role, error) {
	client, err := env.dial(ctx, roleDetector)
	if err != nil {
		return nil, err
	}
	build := func(emit func(event.Alert)) (*standard.Detection, error) { return env.cfg.detector(env.keys, emit) }
	if _, err := build(func(event.Alert) {}); err != nil { // a specification that cannot be read is said now
		client.Close()
		return nil, err
	}
	topics := client.Topics()
	return &detectorRole{
		client: client, group: client.GroupExclusive("detect", topics.Calls), drain: env.drain,
		detector: detecting.New(detecting.Config{
			Partitions: client.Partitions(), Topics: topics, Build: build, Expect: env.cfg.Detect.Sensors, Drain: env.drain, Log: env.log,
		}, client),
	}, nil
}

// Name implements role.
func (r *detectorRole) Name() string { return roleDetector }

// Run implements role.
func (r *detectorRole) Run(ctx context.Context) error { return r.detector.Run(ctx, r.group) }

// Ready implements role.
func (r *detectorRole) Ready() string {
	if r.client.Stats().Rebalances == 0 {
		return "it has not joined its group yet"
	}
	return r.detector.Stats().Waits
}

// Active implements role.
func (r *detectorRole) Active() bool { return r.detector.Stats().Active }

// Close implements role.
func (r *detectorRole) Close() error {
	r.client.Close()
	return nil
}

var (
	detectorRecords   = desc("detector_records_total", "Messages of the calls topic by what became of them.", "outcome")
	detectorSeen      = desc("detector_seen_calls_total", "Calls in records that were applied.")
	detectorCalls     = desc("detector_calls_total", "Of those, by what became of them.", "outcome")
	detectorLost      = desc("detector_lost_calls_total", "Sequence numbers that never came.")
	detectorExplained = desc("detector_explained_calls_total", "Calls that sensors say they dropped.")
	detectorLateBoots = desc("detector_late_boot_records_total", "Records of a sensor's earlier start after a later one.")
	detectorSilenced  = desc("detector_silenced_sources_total", "Sources that were no longer waited for because they were silent, by partition.")
	detectorSources   = desc("detector_sources", "Sources that time waits for.")
	detectorTakeOvers = desc("detector_takeovers_total", "How often this process became the active detector.")
	detectorAlerts    = desc("detector_alerts_total", "Revisions of alerts by what became of them.", "outcome")
	detectorEndpoints = desc("detector_endpoints_total", "Changes of the inventory that this process published.")
	detectorSnapshots = desc("detector_snapshots_total", "Snapshots by whether they were written.", "outcome")
	detectorSaveBytes = desc("detector_snapshot_bytes", "Size of the last snapshot, compressed.")
	detectorSaveTook  = desc("detector_snapshot_seconds", "For how long detection stood still for the last snapshot.")
	detectorSavedAt   = desc("detector_snapshot_timestamp_seconds", "When the last snapshot was written.")
)

// Collect implements role.
func (r *detectorRole) Collect(counter, gauge emit) {
	kafkaMetrics(roleDetector, r.client.Stats(), counter, gauge)
	s := r.detector.Stats()
	counter(detectorRecords, float64(s.Records), "applied")
	counter(detectorRecords, float64(s.Stale), "stale")
	counter(detectorRecords, float64(s.Counts.Quarantined), "quarantined")
	counter(detectorSeen, float64(s.Seen))
	counter(detectorCalls, float64(s.Observed), "observed")
	counter(detectorCalls, float64(s.Repeated), "repeated")
	counter(detectorLost, float64(s.Counts.Lost))
	counter(detectorExplained, float64(s.Explained))
	counter(detectorLateBoots, float64(s.LateBoots))
	counter(detectorSilenced, float64(s.Silenced))
	gauge(detectorSources, float64(s.Sources))
	counter(detectorTakeOvers, float64(s.TakeOvers))
	counter(detectorAlerts, float64(s.Alerts), "told")
	counter(detectorAlerts, float64(s.Suppressed), "known")
	counter(detectorEndpoints, float64(s.Endpoints))
	counter(detectorSnapshots, float64(s.Snapshots), "written")
	counter(detectorSnapshots, float64(s.SaveErrors), "failed")
	gauge(detectorSaveBytes, float64(s.SavedBytes))
	gauge(detectorSaveTook, s.SaveTook.Seconds())
	if !s.SavedAt.IsZero() {
		gauge(detectorSavedAt, float64(s.SavedAt.UnixNano())/1e9)
	}
	d := s.Detect
	counter(detectCalls, float64(d.Judged))
	counter(detectForced, float64(d.Forced))
	counter(detectLate, float64(d.Late))
	gauge(detectPending, float64(d.Pending))
	counter(detectAlerts, float64(d.Opened), "raised")
	counter(detectAlerts, float64(d.Revised), "revised")
	counter(detectAlerts, float64(d.Folded), "folded")
	if s.LowNS > 0 {
		gauge(detectWatermark, float64(s.LowNS)/1e9)
	}
}
