package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/cmd/internal/publish"
	"lapwing/cmd/internal/sensor"
	"lapwing/event"
	"lapwing/stream"
)

// The page is one that Prometheus reads: every sample stands behind the type
// of its name, names stand together, and the counters are the spool's.
func TestMetrics(t *testing.T) {
	cfg := publish.Defaults()
	cfg.HTTPS.URL = "http://127.0.0.1:1" // nobody listens: the call waits
	cfg.Spool.Dir = t.TempDir()
	cfg.Spool.Linger = config.Duration(time.Millisecond)
	quiet := slog.New(slog.DiscardHandler)
	pub, err := publish.Open(t.Context(), &cfg, "edge", 1, quiet)
	if err != nil {
		t.Fatal(err)
	}
	stored := make(chan error, 1)
	if err := pub.Publish(t.Context(), stream.Batch{Calls: []*event.Call{{Path: "/"}}}, func(err error) { stored <- err }); err != nil {
		t.Fatal(err)
	}
	if err := <-stored; err != nil {
		t.Fatal(err)
	}
	said := &strings.Builder{}
	serve, err := (&meter{pub: pub, sources: &sensor.Sources{}}).listen("127.0.0.1:0", slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	url := regexp.MustCompile(`http://\S+/metrics`).FindString(said.String())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx) }()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		t.Fatal(err)
	}
	sample := regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+]+$`)
	typed, current := map[string]bool{}, ""
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSuffix(line, "\n")
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			current, _, _ = strings.Cut(name, " ")
			if typed[current] {
				t.Errorf("%s stands in two places", current)
			}
			typed[current] = true
		} else if !strings.HasPrefix(line, "# HELP ") {
			if m := sample.FindStringSubmatch(line); m == nil || m[1] != current {
				t.Errorf("%q is no sample of %s", line, current)
			}
		}
	}
	for _, want := range []string{"lapwing_spool_published_calls_total 1\n", "lapwing_spool_calls_total{outcome=\"appended\"} 1\n", "lapwing_spool_pending_calls 1\n", "lapwing_spool_building_calls 0\n"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("%q is missing in\n%s", want, body)
		}
	}
	cancel()
	if err := errors.Join(<-ended, pub.Close(t.Context()), pub.Release()); err != nil {
		t.Error(err)
	}
}
