package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"lapwing/capture"
	"lapwing/cmd/internal/sensor"
	"lapwing/parse"
)

// listenMetrics opens the daemon's listener for machines.
func (d *daemon) listenMetrics() (serveIt func(context.Context) error, address string, err error) {
	return listenMetrics(d.cfg.Metrics.Listen, &meter{d}, func() map[string]string {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.ready {
			return map[string]string{"detection": "it learns again from stored calls"}
		}
		return nil
	})
}

// A meter reads the counters of every stage when it is asked.
type meter struct{ d *daemon }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("lapwing_"+name, help, labels, nil)
}

var (
	buildInfo       = desc("build_info", "Version of this binary.", "version")
	capturePackets  = desc("capture_packets_total", "Packets that a source met, by what became of them.", "source", "outcome")
	captureBytes    = desc("capture_bytes_total", "Bytes of packets handed on.", "source")
	kernelPackets   = desc("capture_kernel_packets_total", "Packets that passed the kernel's filter.", "source")
	kernelDrops     = desc("capture_kernel_drops_total", "Packets that the kernel dropped because the reader was too slow.", "source")
	parseBytes      = desc("parse_payload_bytes_total", "TCP payload bytes by what they were.", "source", "protocol")
	parseMessages   = desc("parse_messages_total", "HTTP messages read.", "source", "direction")
	parseCalls      = desc("parse_calls_total", "Calls, by whether both halves were seen.", "source", "pairing")
	parseFaults     = desc("parse_faults_total", "Connections given up because of a fault of the parser.", "source")
	logLines        = desc("log_lines_total", "Lines of logs by what became of them.", "log", "outcome")
	streamCalls     = desc("stream_in_flight_calls", "Calls published and not yet handled by every group.")
	streamLag       = desc("stream_lag_calls", "Calls that a group has still to handle.", "group")
	detectCalls     = desc("detect_calls_total", "Calls that detection has judged.")
	detectForced    = desc("detect_forced_calls_total", "Calls judged before their time, for want of room.")
	detectPending   = desc("detect_pending_calls", "Calls held back until their time has come.")
	detectLate      = desc("detect_late_calls_total", "Calls judged after their time.")
	detectTwice     = desc("detect_repeated_calls_total", "Calls not judged, since they had been: the same call again, or read from packets and from a log.", "kind")
	detectAlerts    = desc("detect_alerts_total", "Alerts raised, revised, and folded into others.", "kind")
	detectWatermark = desc("detect_watermark_timestamp_seconds", "Event time up to which everything has been judged.")
	alertQueue      = desc("alerting_queue_notifications", "Notifications waiting, by destination.", "destination")
	alertSent       = desc("alerting_notifications_total", "Notifications by destination and what became of them.", "destination", "outcome")
)

func (m *meter) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m *meter) Collect(ch chan<- prometheus.Metric) {
	counter, gauge := emitters(ch)
	gauge(buildInfo, 1, version)
	sourceMetrics(m.d.sources, counter)
	m.d.records.collect(counter, gauge)
	for _, group := range []string{groupDetect, groupArchive} {
		inFlight, lag := m.d.stream.Pending(group)
		gauge(streamLag, float64(lag), group)
		if group == groupDetect {
			gauge(streamCalls, float64(inFlight))
		}
	}
	m.d.mu.Lock()
	s, low := m.d.stats, m.d.lowNS
	m.d.mu.Unlock()
	counter(detectCalls, float64(s.Judged))
	counter(detectForced, float64(s.Forced))
	counter(detectLate, float64(s.Late))
	counter(detectTwice, float64(s.Repeated), "again")
	counter(detectTwice, float64(s.Duplicates), "packet_and_log")
	gauge(detectPending, float64(s.Pending))
	counter(detectAlerts, float64(s.Opened), "raised")
	counter(detectAlerts, float64(s.Revised), "revised")
	counter(detectAlerts, float64(s.Folded), "folded")
	gauge(detectWatermark, float64(low)/1e9)
	m.d.cfg.brought.collect(counter, gauge)
	storeMetrics(m.d.store, counter)
	alerts := m.d.alerts.Stats()
	counter(alertsAccepted, float64(alerts.Accepted), "accepted")
	counter(alertsAccepted, float64(alerts.Redelivered), "known")
	counter(alertsAccepted, float64(alerts.Silenced), "silenced")
	destinations(alerts, counter, gauge)
}

// emitters turn samples into metrics.
func emitters(ch chan<- prometheus.Metric) (counter, gauge emit) {
	as := func(kind prometheus.ValueType) emit {
		return func(d *prometheus.Desc, v float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
		}
	}
	return as(prometheus.CounterValue), as(prometheus.GaugeValue)
}

// sourceMetrics says what became of everything that sources met.
func sourceMetrics(sources *sensor.Sources, counter emit) {
	for _, p := range sources.Packets {
		captured, parsed := p.Stats()
		packets(counter, p.Name, captured, parsed)
	}
	for _, l := range sources.Logs {
		for name, r := range l.Reports() {
			counter(logLines, float64(r.Calls), name, "call")
			counter(logLines, float64(r.Blank), name, "blank")
			counter(logLines, float64(r.Unparsed), name, "unparsed")
		}
	}
	if sources.HTTP != nil {
		r := sources.HTTP.Report()
		counter(logLines, float64(r.Calls), "http", "call")
		counter(logLines, float64(r.Blank), "http", "blank")
		counter(logLines, float64(r.Unparsed), "http", "unparsed")
	}
}

func packets(counter emit, name string, c capture.Stats, p parse.Stats) {
	counter(capturePackets, float64(c.Packets), name, "read")
	counter(capturePackets, float64(c.Filtered), name, "filtered")
	counter(capturePackets, float64(c.Errored), name, "errored")
	counter(captureBytes, float64(c.Bytes), name)
	counter(kernelPackets, float64(c.KernelPackets), name)
	counter(kernelDrops, float64(c.KernelDrops), name)
	for _, part := range []struct {
		protocol string
		n        uint64
	}{{"http1", p.Coverage.HTTP}, {"tls", p.Coverage.TLS}, {"http2", p.Coverage.HTTP2}, {"websocket", p.Coverage.WebSocket},
		{"other", p.Coverage.Other}, {"unread", p.Coverage.Unread}, {"faulted", p.Coverage.Faulted}, {"lost", p.Coverage.Lost}} {
		counter(parseBytes, float64(part.n), name, part.protocol)
	}
	counter(parseMessages, float64(p.Requests), name, "request")
	counter(parseMessages, float64(p.Responses), name, "response")
	counter(parseCalls, float64(p.Paired), name, "paired")
	counter(parseCalls, float64(p.NoResponse), name, "no_response")
	counter(parseCalls, float64(p.NoRequest), name, "no_request")
	counter(parseFaults, float64(p.Faults), name)
}
