package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// A role is one part of Lapwing that can run by itself, joined to the others
// by Kafka and a store alone. A process runs one or several of them.
type role interface {
	// Name is what --target calls it.
	Name() string
	// Run works until ctx ends, then stops in order and returns nil; it also
	// returns nil when there is nothing left to do. It is called again, after a
	// pause, if it returns an error that supervise.Fatal did not make.
	Run(ctx context.Context) error
	// Ready says whether the role does its work or stands by to: it has joined
	// its group and has caught up what it restores. why is empty if so, else
	// what it waits for, in a few words.
	Ready() (why string)
	// Active says whether it works rather than stands by.
	Active() bool
	// Collect gives its metrics. It may be called at any time, from any goroutine.
	Collect(counter, gauge emit)
	// Close lets go of what it holds, after Run has returned.
	Close() error
}

// emit takes one sample of a metric.
type emit func(d *prometheus.Desc, value float64, labels ...string)
