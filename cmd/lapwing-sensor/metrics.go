package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing/cmd/internal/publish"
	"lapwing/cmd/internal/sensor"
	"lapwing/stream/spool"
)

// MetricsConfig is the listener for machines.
type MetricsConfig struct {
	Listen string `yaml:"listen" doc:"address of /metrics, /livez and /readyz; empty: off"`
}

// A meter writes counters in the text form of Prometheus, version 0.0.4. The
// names are those of lapwing; the client library would double the binary.
type meter struct {
	pub     *publish.Publisher // nil while calls go to a file
	sources *sensor.Sources
}

// listen opens the listener; there is none, and no error, if address is "".
func (m *meter) listen(address string, log *slog.Logger) (func(context.Context) error, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics.listen: %w", err)
	}
	log.Info("metrics", "url", "http://"+listener.Addr().String()+"/metrics")
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		m.write(w)
	})
	ok := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	mux.HandleFunc("GET /livez", ok)
	mux.HandleFunc("GET /readyz", ok) // a receiver that is away is bridged: no reason not to be ready
	return func(ctx context.Context) error {
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second}
		stop := context.AfterFunc(ctx, func() { server.Close() })
		defer stop()
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("metrics: %w", err)
		}
		return nil
	}, nil
}

// A page collects samples; all of one name stand together.
type page struct {
	names   []string
	samples map[string][]string
	help    map[string]string
}

func (p *page) add(name, help string, value float64, labels ...string) {
	if p.samples == nil {
		p.samples, p.help = map[string][]string{}, map[string]string{}
	}
	name = "lapwing_" + name
	if _, known := p.help[name]; !known {
		p.names = append(p.names, name)
		p.help[name] = help
	}
	var pairs []string
	for i := 0; i+1 < len(labels); i += 2 {
		pairs = append(pairs, labels[i]+`="`+escapeLabel.Replace(labels[i+1])+`"`)
	}
	sample := name
	if len(pairs) > 0 {
		sample += "{" + strings.Join(pairs, ",") + "}"
	}
	p.samples[name] = append(p.samples[name], sample+" "+strconv.FormatFloat(value, 'g', -1, 64))
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

func (p *page) writeTo(w io.Writer) {
	var b strings.Builder
	for _, name := range p.names {
		kind := "gauge"
		if strings.HasSuffix(name, "_total") {
			kind = "counter"
		}
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", name, p.help[name], name, kind)
		for _, s := range p.samples[name] {
			b.WriteString(s)
			b.WriteByte('\n')
		}
	}
	_, _ = io.WriteString(w, b.String()) // who asked may be gone
}

func (m *meter) write(w io.Writer) {
	var p page
	p.add("build_info", "Version of this binary.", 1, "version", version)
	for _, s := range m.sources.Packets {
		c, parsed := s.Stats()
		const packets = "Packets that a source met, by what became of them."
		p.add("capture_packets_total", packets, float64(c.Packets), "source", s.Name, "outcome", "read")
		p.add("capture_packets_total", packets, float64(c.Filtered), "source", s.Name, "outcome", "filtered")
		p.add("capture_packets_total", packets, float64(c.Errored), "source", s.Name, "outcome", "errored")
		p.add("capture_bytes_total", "Bytes of packets handed on.", float64(c.Bytes), "source", s.Name)
		p.add("capture_kernel_packets_total", "Packets that passed the kernel's filter.", float64(c.KernelPackets), "source", s.Name)
		p.add("capture_kernel_drops_total", "Packets that the kernel dropped because the reader was too slow.", float64(c.KernelDrops), "source", s.Name)
		p.add("parse_calls_total", "Calls, by whether both halves were seen.", float64(parsed.Paired), "source", s.Name, "pairing", "paired")
		p.add("parse_calls_total", "Calls, by whether both halves were seen.", float64(parsed.NoResponse), "source", s.Name, "pairing", "no_response")
		p.add("parse_calls_total", "Calls, by whether both halves were seen.", float64(parsed.NoRequest), "source", s.Name, "pairing", "no_request")
		for _, part := range []struct {
			protocol string
			bytes    uint64
		}{{"http1", parsed.Coverage.HTTP}, {"tls", parsed.Coverage.TLS}, {"http2", parsed.Coverage.HTTP2}, {"websocket", parsed.Coverage.WebSocket},
			{"other", parsed.Coverage.Other}, {"unread", parsed.Coverage.Unread}, {"faulted", parsed.Coverage.Faulted}, {"lost", parsed.Coverage.Lost}} {
			p.add("parse_payload_bytes_total", "TCP payload bytes by what they were.", float64(part.bytes), "source", s.Name, "protocol", part.protocol)
		}
		p.add("parse_faults_total", "Connections given up because of a fault of the parser.", float64(parsed.Faults), "source", s.Name)
	}
	for _, l := range m.sources.Logs {
		reports := l.Reports()
		for _, name := range slices.Sorted(maps.Keys(reports)) {
			r := reports[name]
			m.lines(&p, name, r.Calls, r.Blank, r.Unparsed)
		}
	}
	if m.sources.HTTP != nil {
		r := m.sources.HTTP.Report()
		m.lines(&p, "http", r.Calls, r.Blank, r.Unparsed)
	}
	if m.pub != nil {
		m.spool(&p, m.pub.Stats())
		if k, ok := m.pub.Kafka(); ok {
			p.add("kafka_messages_total", "Messages that the brokers took.", float64(k.ProduceMessages), "role", "sensor", "direction", "out")
			p.add("kafka_bytes_total", "Bytes of them, uncompressed.", float64(k.ProduceBytes), "role", "sensor", "direction", "out")
			p.add("kafka_retries_total", "Requests that failed and were made again.", float64(k.ProduceRetries), "role", "sensor", "request", "produce")
		}
	}
	p.writeTo(w)
}

func (m *meter) lines(p *page, log string, calls, blank, unparsed int64) {
	const help = "Lines of logs by what became of them."
	p.add("log_lines_total", help, float64(calls), "log", log, "outcome", "call")
	p.add("log_lines_total", help, float64(blank), "log", log, "outcome", "blank")
	p.add("log_lines_total", help, float64(unparsed), "log", log, "outcome", "unparsed")
}

func (m *meter) spool(p *page, s spool.Stats) {
	p.add("spool_published_calls_total", "Calls that sources handed to the spool.", float64(s.Published))
	const calls = "Calls in the spool's log by what became of them."
	p.add("spool_calls_total", calls, float64(s.Appended), "outcome", "appended")
	p.add("spool_calls_total", calls, float64(s.Recovered), "outcome", "recovered")
	p.add("spool_calls_total", calls, float64(s.Acknowledged), "outcome", "acknowledged")
	p.add("spool_calls_total", calls, float64(s.Rejected), "outcome", "rejected")
	p.add("spool_calls_total", calls, float64(s.Damaged), "outcome", "damaged")
	for _, reason := range []string{spool.SpoolFull, spool.DiskFull, spool.DiskError, spool.TooLarge} {
		p.add("spool_dropped_calls_total", "Calls that had a number and never reached the log.", float64(s.Dropped[reason]), "reason", reason)
	}
	p.add("spool_building_calls", "Calls in memory that are being packed.", float64(s.Building))
	p.add("spool_pending_calls", "Calls in the log that are still to be delivered.", float64(s.Pending))
	p.add("spool_bytes", "Size of the log on disk.", float64(s.Bytes))
	p.add("spool_max_bytes", "Bound of the log on disk.", float64(s.MaxBytes))
	p.add("spool_records_total", "Records written to the log, and delivered.", float64(s.Records), "outcome", "appended")
	p.add("spool_records_total", "Records written to the log, and delivered.", float64(s.Sent), "outcome", "acknowledged")
	p.add("spool_sent_bytes_total", "Bytes of delivered records.", float64(s.SentBytes))
	p.add("spool_errors_total", "Attempts that failed and are made again.", float64(s.SendErrors), "kind", "send")
	p.add("spool_errors_total", "Attempts that failed and are made again.", float64(s.DiskErrors), "kind", "disk")
}
