// Package stream is the seam between those who see calls and those who judge
// or keep them.
//
// Delivery is at least once, in the order of publication for one publisher.
// Several groups read the same stream independently: detection does not wait
// for the archive. A batch counts as durable once the stream answers for it:
// for the in-process stream when every group has handled it, for a broker when
// the broker has it.
package stream

import (
	"context"
	"errors"

	"lapwing/event"
)

// ErrClosed is returned for a batch that is published after Close.
var ErrClosed = errors.New("stream is closed")

// A Batch is what travels at once: calls, how far their sources have been read
// once these calls are done with, and what time it is for those sources.
// Nothing in it is changed after publication.
type Batch struct {
	Calls      []*event.Call
	Progress   []event.Progress
	Heartbeats []event.Heartbeat
}

// A Publisher takes batches.
type Publisher interface {
	// Publish hands a batch on and blocks while the stream is full. If it
	// returns nil, done (if not nil) is called exactly once, from any
	// goroutine: with nil when the batch is durable, else with why it never
	// will be. If it returns an error, done is not called.
	Publish(ctx context.Context, b Batch, done func(error)) error
	// Close takes no more batches and waits until all are durable.
	Close(ctx context.Context) error
}

// A Handler takes batches in order. It returns nil only when it is done with
// all of them; after an error the same batches come again.
type Handler func(ctx context.Context, batches []Batch) error

// A Subscriber reads the stream as one group.
type Subscriber interface {
	// Run hands batches to handle until ctx ends or the stream is closed and
	// read to its end (nil), or handle fails (its error; a later Run
	// continues with the same batches).
	Run(ctx context.Context, handle Handler) error
}
