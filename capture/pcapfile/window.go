package pcapfile

import "io"

// bufferBytes is the size of one read. 1 MiB keeps the buffer inside a usual
// level-2 cache, so that the copy out of the page cache is the only trip to
// memory; larger reads measured no faster. It must hold the largest record
// with its header several times over.
const bufferBytes = 1 << 20

// A window is a sliding view of a stream: bytes are looked at in place and
// moved only when a record straddles the end of the buffer.
type window struct {
	r      io.Reader
	buf    []byte
	lo, hi int   // unread bytes are buf[lo:hi]
	base   int64 // offset in the stream of buf[0]
	err    error // sticky error of r, io.EOF included
}

// offset is the position in the stream of the next unread byte.
func (w *window) offset() int64 { return w.base + int64(w.lo) }

// peek returns the next n bytes in place, n <= bufferBytes. When fewer are
// left it returns what there is and the reason: io.EOF when nothing is left,
// io.ErrUnexpectedEOF when something is, or the error of the reader.
func (w *window) peek(n int) ([]byte, error) {
	if w.hi-w.lo >= n {
		return w.buf[w.lo : w.lo+n : w.lo+n], nil
	}
	return w.fill(n)
}

func (w *window) fill(n int) ([]byte, error) {
	if w.buf == nil {
		w.buf = make([]byte, bufferBytes)
	}
	if w.lo > 0 {
		copy(w.buf, w.buf[w.lo:w.hi])
		w.base += int64(w.lo)
		w.hi -= w.lo
		w.lo = 0
	}
	// maxEmptyReads ends a reader that returns neither bytes nor an error.
	const maxEmptyReads = 100
	for empty := 0; w.hi < n && w.err == nil; {
		m, err := w.r.Read(w.buf[w.hi:])
		w.hi += m
		w.err = err
		if m == 0 && err == nil {
			if empty++; empty == maxEmptyReads {
				w.err = io.ErrNoProgress
			}
		}
	}
	if w.hi >= n {
		return w.buf[:n:n], nil
	}
	err := w.err
	if err == io.EOF && w.hi > 0 {
		err = io.ErrUnexpectedEOF
	}
	return w.buf[:w.hi:w.hi], err
}

// advance consumes n bytes that were peeked.
func (w *window) advance(n int) { w.lo += n }

// skip consumes n bytes of any number without keeping them.
func (w *window) skip(n int64) error {
	for n > 0 {
		if have := int64(w.hi - w.lo); have > 0 {
			step := min(n, have)
			w.lo += int(step)
			n -= step
			continue
		}
		if _, err := w.peek(1); err != nil {
			if err == io.EOF {
				return io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// failAt sets the offset that a fault is reported at, after which nothing more
// is read.
func (w *window) failAt(offset int64) { w.base = offset - int64(w.lo) }
