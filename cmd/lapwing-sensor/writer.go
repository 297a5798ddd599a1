package main

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"

	"lapwing/event"
	"lapwing/stream"
)

// A writer is a stream.Publisher that writes calls as NDJSON. Batches are on
// their way to the kernel when Publish returns.
type writer struct {
	mu     sync.Mutex
	out    io.Writer
	file   *os.File // nil for standard output
	buf    []byte   // written and not yet on its way
	err    error
	closed bool
}

var _ stream.Publisher = (*writer)(nil)

func openWriter(path string, stdout io.Writer) (*writer, error) {
	if path == "-" {
		return &writer{out: stdout}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &writer{out: f, file: f}, nil
}

// call writes one call, buffered; an error is kept for Close.
func (w *writer) call(c *event.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(c)
}

// flushBytes is how much is written at once.
const flushBytes = 256 << 10

func (w *writer) write(c *event.Call) {
	if w.err != nil {
		return
	}
	w.buf = append(c.AppendJSON(w.buf), '\n')
	if len(w.buf) >= flushBytes {
		w.flush()
	}
}

// flush hands everything to the kernel. After an error nothing more is written.
func (w *writer) flush() error {
	if w.err == nil && len(w.buf) > 0 {
		_, w.err = w.out.Write(w.buf)
		w.buf = w.buf[:0]
	}
	return w.err
}

// Publish implements stream.Publisher.
func (w *writer) Publish(_ context.Context, b stream.Batch, done func(error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return stream.ErrClosed
	}
	for _, c := range b.Calls {
		w.write(c)
	}
	if err := w.flush(); err != nil {
		return err
	}
	if done != nil {
		done(nil)
	}
	return nil
}

// Close implements stream.Publisher.
func (w *writer) Close(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	err := w.flush()
	if w.file == nil {
		return err
	}
	// Pipes and devices cannot be synced.
	if info, statErr := w.file.Stat(); statErr == nil && info.Mode().IsRegular() {
		err = errors.Join(err, w.file.Sync())
	}
	return errors.Join(err, w.file.Close())
}
