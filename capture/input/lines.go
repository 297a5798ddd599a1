package input

import (
	"bytes"
	"fmt"
	"io"

	"lapwing/capture"
)

// A Line is one line of a text, without its end (LF or CR LF).
type Line struct {
	Data   []byte // valid until the next call of Next
	Offset int64  // of its first byte in the unpacked content
	End    int64  // of the byte after its newline
	Number int64  // from 1; skipped lines have numbers too
}

// LineStats account for lines: those handed on, and those that were not.
type LineStats struct {
	Lines   int64 // handed to the caller
	Bytes   int64 // sum of their lengths
	Skipped int64 // longer than capture.MaxLine, or cut off by a read error
}

// Lines reads a text line by line. The last line needs no newline. It holds
// one buffer of little more than capture.MaxLine and belongs to one goroutine.
type Lines struct {
	r      io.Reader
	name   string
	buf    []byte
	lo, hi int
	seen   int   // buf[lo:lo+seen] is known to hold no newline
	base   int64 // offset of buf[0]
	number int64
	err    error
	stats  LineStats
}

// NewLines reads lines from r; name is used in errors.
func NewLines(r io.Reader, name string) *Lines { return newLines(r, name, 0) }

func newLines(r io.Reader, name string, base int64) *Lines {
	// Room for the longest line with its end; the 4 KiB keep reads from
	// becoming tiny when such a line fills the buffer.
	return &Lines{r: r, name: name, base: base, buf: make([]byte, capture.MaxLine+4096)}
}

// Next fills l with the next line. It returns io.EOF at the end and any other
// error with the name of the input, after all whole lines that precede it.
func (t *Lines) Next(l *Line) error {
	for {
		if i := bytes.IndexByte(t.buf[t.lo+t.seen:t.hi], '\n'); i >= 0 {
			n := t.seen + i
			if t.take(l, n, n+1) {
				return nil
			}
			continue
		}
		t.seen = t.hi - t.lo
		if t.seen > capture.MaxLine+1 { // + 1 for a CR
			if err := t.discardLine(); err != nil {
				return err
			}
			continue
		}
		if t.err == nil {
			t.fill()
			continue
		}
		if t.seen == 0 {
			return t.end()
		}
		if t.err != io.EOF {
			t.number++
			t.stats.Skipped++
			t.lo, t.seen = t.hi, 0
			continue
		}
		if n := t.seen; t.take(l, n, n) {
			return nil
		}
	}
}

// take hands on n bytes as a line and consumes used of them. It reports false
// for a line that is too long.
func (t *Lines) take(l *Line, n, used int) bool {
	data := t.buf[t.lo : t.lo+n : t.lo+n]
	if n > 0 && data[n-1] == '\r' && used > n {
		data = data[:n-1]
	}
	*l = Line{Data: data, Offset: t.base + int64(t.lo), End: t.base + int64(t.lo+used), Number: t.number + 1}
	t.number++
	t.lo += used
	t.seen = 0
	if len(data) > capture.MaxLine {
		t.stats.Skipped++
		return false
	}
	t.stats.Lines++
	t.stats.Bytes += int64(len(data))
	return true
}

// discardLine drops what is left of a line that is too long.
func (t *Lines) discardLine() error {
	t.number++
	t.stats.Skipped++
	for {
		if i := bytes.IndexByte(t.buf[t.lo:t.hi], '\n'); i >= 0 {
			t.lo += i + 1
			t.seen = 0
			return nil
		}
		t.lo, t.seen = t.hi, 0
		if t.err != nil {
			return t.end()
		}
		t.fill()
	}
}

func (t *Lines) fill() {
	if t.lo > 0 {
		copy(t.buf, t.buf[t.lo:t.hi])
		t.base += int64(t.lo)
		t.hi -= t.lo
		t.lo = 0
	}
	const maxEmptyReads = 100 // ends a reader that returns neither bytes nor an error
	for range maxEmptyReads {
		n, err := t.r.Read(t.buf[t.hi:])
		t.hi += n
		t.err = err
		if n > 0 || err != nil {
			return
		}
	}
	t.err = io.ErrNoProgress
}

func (t *Lines) end() error {
	if t.err == io.EOF {
		return io.EOF
	}
	return fmt.Errorf("%s: line %d: %w", t.name, t.number, t.err)
}

// Stats returns the account so far.
func (t *Lines) Stats() LineStats { return t.stats }
