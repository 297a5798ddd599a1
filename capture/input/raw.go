package input

import (
	"io"
	"os"
	"sync/atomic"

	"lapwing/capture"
)

// A rawReader is the file below everything: it counts for Progress, and turns
// reads after Close into capture.ErrClosed.
type rawReader struct {
	r      io.Reader
	closer io.Closer
	size   int64
	isDir  bool
	count  atomic.Int64
	closed atomic.Bool
}

// newRaw prepares f for reading. If own is false, f outlives us: standard
// input.
func newRaw(f *os.File, own bool) *rawReader {
	raw := &rawReader{r: f, closer: f}
	regular := false
	if info, err := f.Stat(); err == nil {
		raw.isDir = info.IsDir()
		if regular = info.Mode().IsRegular(); regular {
			raw.size = info.Size()
		}
	}
	if own {
		return raw
	}
	raw.closer = nil
	if !regular {
		// A read of standard input cannot be interrupted: the descriptor may be
		// shared with other processes, so it is not ours to make non-blocking.
		// A pipe in between can be closed at any time; the goroutine that waits
		// in read ends with the next byte, or with the process.
		pr, pw := io.Pipe()
		go func() {
			_, err := io.CopyBuffer(pw, struct{ io.Reader }{f}, make([]byte, 256<<10))
			pw.CloseWithError(err)
		}()
		raw.r, raw.closer = pr, pr
	}
	return raw
}

func (r *rawReader) Read(b []byte) (int, error) {
	if r.closed.Load() {
		return 0, capture.ErrClosed
	}
	n, err := r.r.Read(b)
	r.count.Add(int64(n))
	if err != nil && err != io.EOF && r.closed.Load() {
		err = capture.ErrClosed
	}
	return n, err
}

func (r *rawReader) Close() error {
	if r.closed.Swap(true) {
		return nil
	}
	if r.closer != nil {
		return r.closer.Close()
	}
	if c, ok := r.r.(io.Closer); ok && r.r != io.Reader(os.Stdin) {
		return c.Close()
	}
	return nil
}
