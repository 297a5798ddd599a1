package main

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing/alerting"
	"lapwing/store/clickhouse"
	"lapwing/stream/kafka"
	"lapwing/stream/spool"
)

// listenMetrics opens the listener of the roles. A process is ready when all of
// its roles are.
func (fl *fleet) listenMetrics() (serveIt func(context.Context) error, address string, err error) {
	return listenMetrics(fl.env.cfg.Metrics.Listen, fl, func() map[string]string {
		waiting := map[string]string{}
		for _, r := range fl.roles {
			waiting[r.Name()] = r.Ready()
		}
		return waiting
	})
}

var (
	roleReady  = desc("role_ready", "1 if the role does its work or stands by to.", "role")
	roleActive = desc("role_active", "1 if the role works, 0 if it stands by.", "role")

	kafkaMessages    = desc("kafka_messages_total", "Messages that the brokers took from the role, or gave it.", "role", "direction")
	kafkaBytes       = desc("kafka_bytes_total", "Bytes of their keys and values, uncompressed.", "role", "direction")
	kafkaRetries     = desc("kafka_retries_total", "Requests that failed and were made again.", "role", "request")
	kafkaErrors      = desc("kafka_errors_total", "Requests that were given up.", "role", "request")
	kafkaRebalances  = desc("kafka_rebalances_total", "Generations of consumer groups that were joined.", "role")
	kafkaMissed      = desc("kafka_missed_messages_total", "Messages that retention deleted before they were read.", "role")
	kafkaFenced      = desc("kafka_fenced_messages_total", "Messages that came again from below the position, and were dropped.", "role")
	kafkaQuarantined = desc("kafka_quarantined_messages_total", "Messages that could not be read and were set aside.", "role")
	kafkaLag         = desc("kafka_lag_messages", "Messages of a claimed partition that are still to be read.", "group", "topic", "partition")

	spoolPublished    = desc("spool_published_calls_total", "Calls that sources handed to the spool.")
	spoolCalls        = desc("spool_calls_total", "Calls in the spool's log by what became of them.", "outcome")
	spoolDropped      = desc("spool_dropped_calls_total", "Calls that had a number and never reached the log.", "reason")
	spoolBuilding     = desc("spool_building_calls", "Calls in memory that are being packed.")
	spoolPending      = desc("spool_pending_calls", "Calls in the log that are still to be delivered.")
	spoolBytes        = desc("spool_bytes", "Size of the log on disk.")
	spoolMaxBytes     = desc("spool_max_bytes", "Bound of the log on disk.")
	spoolRecords      = desc("spool_records_total", "Records written to the log, and delivered.", "outcome")
	spoolSentBytes    = desc("spool_sent_bytes_total", "Bytes of delivered records.")
	spoolErrors       = desc("spool_errors_total", "Attempts that failed and are made again.", "kind")
	archiveBatches    = desc("archive_batches_total", "Batches that the store has.")
	archiveRecords    = desc("archive_records_total", "Messages of the calls topic in those batches.", "outcome")
	archiveSeen       = desc("archive_seen_calls_total", "Calls in messages that could be read.")
	archiveCalls      = desc("archive_calls_total", "Of those, by what became of them.", "outcome")
	archiveLost       = desc("archive_lost_calls_total", "Sequence numbers that never came.")
	archiveExplained  = desc("archive_explained_calls_total", "Calls that sensors say they dropped.")
	archiveLateBoots  = desc("archive_late_boot_records_total", "Messages of a sensor's earlier start after a later one.")
	archiveSeconds    = desc("archive_append_seconds_total", "Time that the store took for batches.")
	archiveCommits    = desc("archive_commit_errors_total", "Offsets that could not be committed; nothing is lost by that.")
	inventoryKept     = desc("inventory_endpoints", "Endpoints that this process kept when it last wrote the inventory.")
	receivedRecords   = desc("receiver_records_total", "Records that other sensors sent, by what became of them.", "outcome")
	receivedDenied    = desc("receiver_denied_requests_total", "Requests without a valid token.")
	receivedCalls     = desc("receiver_calls_total", "Calls of stored records.", "outcome")
	receivedLost      = desc("receiver_lost_calls_total", "Sequence numbers that never came and that no drop explains.")
	receivedDropped   = desc("receiver_dropped_calls_total", "Calls that sensors say they dropped.")
	receivedSensors   = desc("receiver_sensors", "Sensors that are heard.")
	clickhouseInserts = desc("clickhouse_inserts_total", "Blocks that ClickHouse has answered for.")
	clickhouseRows    = desc("clickhouse_rows_total", "Calls in those blocks.")
	clickhouseSkipped = desc("clickhouse_skipped_batches_total", "Batches that were kept already.")
	clickhouseRetries = desc("clickhouse_retries_total", "Attempts that failed and were made again.")
	clickhouseLoad    = desc("clickhouse_overloads_total", "Of those, because the server had too many parts or no memory left.")
	alerterMessages   = desc("alerter_messages_total", "Messages of the alerts topic that were handled.", "outcome")
	alerterTakeOvers  = desc("alerter_takeovers_total", "How often this process became the active alerter.")
	alertsAccepted    = desc("alerting_alerts_total", "Revisions of alerts that came, by whether they were news.", "outcome")
	alertingIncidents = desc("alerting_incidents", "Incidents by where they stand.", "state")
)

// Describe implements prometheus.Collector.
func (fl *fleet) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(fl, ch) }

// Collect implements prometheus.Collector.
func (fl *fleet) Collect(ch chan<- prometheus.Metric) {
	counter, gauge := emitters(ch)
	gauge(buildInfo, 1, version)
	for _, r := range fl.roles {
		gauge(roleReady, one(r.Ready() == ""), r.Name())
		gauge(roleActive, one(r.Active()), r.Name())
		r.Collect(counter, gauge)
	}
	storeMetrics(fl.env.store, counter)
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// kafkaMetrics is what each role's client counts.
func kafkaMetrics(role string, s kafka.Stats, counter, gauge emit) {
	counter(kafkaMessages, float64(s.ProduceMessages), role, "out")
	counter(kafkaMessages, float64(s.FetchMessages), role, "in")
	counter(kafkaBytes, float64(s.ProduceBytes), role, "out")
	counter(kafkaBytes, float64(s.FetchBytes), role, "in")
	counter(kafkaRetries, float64(s.ProduceRetries), role, "produce")
	counter(kafkaRetries, float64(s.FetchRetries), role, "fetch")
	counter(kafkaRetries, float64(s.GroupErrors), role, "join")
	counter(kafkaErrors, float64(s.ProduceErrors), role, "produce")
	counter(kafkaErrors, float64(s.CommitErrors), role, "commit")
	counter(kafkaRebalances, float64(s.Rebalances), role)
	counter(kafkaMissed, float64(s.Missed), role)
	counter(kafkaFenced, float64(s.Fenced), role)
	counter(kafkaQuarantined, float64(s.Quarantined), role)
	for _, c := range s.Claims {
		if c.Lag >= 0 {
			gauge(kafkaLag, float64(c.Lag), c.Group, c.Topic, strconv.Itoa(c.Partition))
		}
	}
}

// Collect implements role.
func (r *sensorRole) Collect(counter, gauge emit) {
	if s, ok := r.out.Kafka(); ok {
		kafkaMetrics(roleSensor, s, counter, gauge)
	}
	sourceMetrics(r.sources, counter)
	r.records.collect(counter, gauge)
	spoolMetrics(r.out.Stats(), counter, gauge)
}

// collect is what a receiver counts; there may be none.
func (r *recordsReceiver) collect(counter, gauge emit) {
	if r == nil {
		return
	}
	s := r.Stats()
	counter(receivedRecords, float64(s.Stored), "stored")
	counter(receivedRecords, float64(s.Duplicates), "duplicate")
	counter(receivedRecords, float64(s.Refused), "refused")
	counter(receivedRecords, float64(s.Failed), "failed")
	counter(receivedDenied, float64(s.Denied))
	counter(receivedCalls, float64(s.Calls), "stored")
	counter(receivedCalls, float64(s.Repeated), "repeated")
	counter(receivedLost, float64(s.Lost))
	counter(receivedDropped, float64(s.Dropped))
	gauge(receivedSensors, float64(s.Sensors))
}

func spoolMetrics(s spool.Stats, counter, gauge emit) {
	counter(spoolPublished, float64(s.Published))
	for _, part := range []struct {
		outcome string
		n       uint64
	}{{"appended", s.Appended}, {"recovered", s.Recovered}, {"acknowledged", s.Acknowledged}, {"rejected", s.Rejected}, {"damaged", s.Damaged}} {
		counter(spoolCalls, float64(part.n), part.outcome)
	}
	for _, reason := range []string{spool.SpoolFull, spool.DiskFull, spool.DiskError, spool.TooLarge} {
		counter(spoolDropped, float64(s.Dropped[reason]), reason)
	}
	gauge(spoolBuilding, float64(s.Building))
	gauge(spoolPending, float64(s.Pending))
	gauge(spoolBytes, float64(s.Bytes))
	gauge(spoolMaxBytes, float64(s.MaxBytes))
	counter(spoolRecords, float64(s.Records), "appended")
	counter(spoolRecords, float64(s.Sent), "acknowledged")
	counter(spoolSentBytes, float64(s.SentBytes))
	counter(spoolErrors, float64(s.SendErrors), "send")
	counter(spoolErrors, float64(s.DiskErrors), "disk")
}

// Collect implements role.
func (r *archiverRole) Collect(counter, gauge emit) {
	kafkaMetrics(roleArchiver, r.client.Stats(), counter, gauge)
	s := r.archiver.Stats()
	counter(archiveBatches, float64(s.Batches))
	counter(archiveRecords, float64(s.Records-s.Quarantined), "read")
	counter(archiveRecords, float64(s.Quarantined), "quarantined")
	counter(archiveSeen, float64(s.CallsSeen))
	counter(archiveCalls, float64(s.CallsKept), "kept")
	counter(archiveCalls, float64(s.Repeated), "repeated")
	counter(archiveLost, float64(s.Lost))
	counter(archiveExplained, float64(s.Explained))
	counter(archiveLateBoots, float64(s.LateBoots))
	counter(archiveSeconds, s.Append.Seconds())
	counter(archiveCommits, float64(s.CommitErrors))
	gauge(inventoryKept, float64(r.inventory.endpoints.Load()))
}

// Collect implements role.
func (r *alerterRole) Collect(counter, gauge emit) {
	kafkaMetrics(roleAlerter, r.client.Stats(), counter, gauge)
	r.mu.Lock()
	counts, p := r.counts, r.alerts
	r.mu.Unlock()
	counter(alerterMessages, float64(counts.Read-counts.Quarantined), "read")
	counter(alerterMessages, float64(counts.Quarantined), "quarantined")
	counter(alerterTakeOvers, float64(counts.TakeOvers))
	if p == nil {
		return // a stand-by has nothing to tell
	}
	s := p.Stats()
	counter(alertsAccepted, float64(s.Accepted), "accepted")
	counter(alertsAccepted, float64(s.Redelivered), "known")
	counter(alertsAccepted, float64(s.Silenced), "silenced")
	for _, state := range []alerting.State{alerting.StateOpen, alerting.StateAcknowledged, alerting.StateResolved} {
		gauge(alertingIncidents, float64(s.Incidents[state]), string(state))
	}
	destinations(s, counter, gauge)
}

// storeMetrics is what a ClickHouse client counts; the embedded store counts nothing.
func storeMetrics(kept keptStore, counter emit) {
	ch, ok := kept.(*clickhouse.Store)
	if !ok {
		return
	}
	s := ch.Stats()
	counter(clickhouseInserts, float64(s.Inserts))
	counter(clickhouseRows, float64(s.Rows))
	counter(clickhouseSkipped, float64(s.Skipped))
	counter(clickhouseRetries, float64(s.Retries))
	counter(clickhouseLoad, float64(s.Overloaded))
}
