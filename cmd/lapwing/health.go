package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// health answers /livez and /readyz: ready gives what each part waits for, by
// its name; empty words are no reason.
func health(mux *http.ServeMux, ready func() map[string]string) {
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		waiting := map[string]string{}
		for part, why := range ready() {
			if why != "" {
				waiting[part] = why
			}
		}
		answer := struct {
			Ready   bool              `json:"ready"`
			Waiting map[string]string `json:"waiting,omitempty"`
		}{len(waiting) == 0, waiting}
		if !answer.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(answer) // the asker may be gone
	})
}

// listenMetrics opens the listener for machines: /metrics, /livez, /readyz.
func listenMetrics(address string, collector prometheus.Collector, ready func() map[string]string) (serveIt func(context.Context) error, at string, err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", fmt.Errorf("metrics: %w", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collector, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	health(mux, ready)
	return func(ctx context.Context) error { return serve(ctx, listener, mux) }, listener.Addr().String(), nil
}
