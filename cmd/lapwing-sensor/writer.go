package main

import (
	"bufio"
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
	out    *bufio.Writer
	file   *os.File // nil for standard output
	buf    []byte
	err    error
	closed bool
}

var _ stream.Publisher = (*writer)(nil)

func openWriter(path string, stdout io.Writer) (*writer, error) {
	if path == "-" {
		return &writer{out: bufio.NewWriterSize(stdout, 256<<10)}, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	return &writer{out: bufio.NewWriterSize(f, 256<<10), file: f}, nil
}

// call writes one call, buffered; an error is kept for Close.
func (w *writer) call(c *event.Call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.write(c)
}

func (w *writer) write(c *event.Call) {
	if w.err == nil {
		w.buf = append(c.AppendJSON(w.buf[:0]), '\n')
		_, w.err = w.out.Write(w.buf)
	}
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
	if w.err == nil {
		w.err = w.out.Flush()
	}
	if w.err != nil {
		return w.err
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
	err := errors.Join(w.err, w.out.Flush())
	if w.file != nil {
		err = errors.Join(err, w.file.Sync(), w.file.Close())
	}
	return err
}
