package follow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"time"

	"lapwing/capture"
)

// A watch is a path with the file there now and the generations before it that
// are still open, oldest first.
type watch struct {
	path  string
	tails []*tail
}

// A tail is an open file. It holds no bytes: what is left of a line is read
// again when there is more.
type tail struct {
	path     string
	file     *os.File
	info     os.FileInfo // at open: for its inode
	place    *place      // nil until the first line is complete
	pos      int64       // next byte to read: the beginning of a line, or within one that is skipped
	number   int64       // of the last line; -1 if unknown
	skipping bool        // within a line that is too long
	fromEnd  bool        // begin at the end, if nothing is known of the file
	gone     bool        // another file, or none, is at the path
	quiet    int         // polls without news since it is gone
	size     int64       // at the last look, with everything up to there looked at
}

// turn reads what is new, up to turnBytes. It reports whether it came to the
// end.
func (f *Follower) turn(ctx context.Context, t *tail) (atEnd bool, err error) {
	info, err := t.file.Stat()
	if err != nil {
		f.counts.errors.Add(1)
		return true, nil
	}
	size := info.Size()
	if size == t.size && t.place != nil && info.ModTime().Equal(t.info.ModTime()) {
		return true, nil
	}
	if t.place != nil && (size < t.pos || !f.intact(t)) {
		f.restart(t)
		// The copy that was made before may have lines that were not read.
		// It may have moved meanwhile; then it is news at the next look.
		if err := f.history(ctx, t.path, f.paths(), info, time.Time{}); err != nil && !errors.Is(err, errUnsettled) {
			return false, err
		}
	}
	if t.place == nil && !f.identify(t, size) {
		return true, nil
	}
	for read := int64(0); read < turnBytes; {
		n, err := f.step(ctx, t)
		if err != nil {
			return false, err
		}
		if n == 0 {
			t.size, t.info = size, info
			return true, nil
		}
		t.quiet = 0
		read += n
	}
	return false, nil
}

// intact reports whether the file still begins as it did.
func (f *Follower) intact(t *tail) bool {
	var head [headBytes]byte
	p := t.place.print
	n, _ := t.file.ReadAt(head[:p.length], 0)
	return n == p.length && hash(head[:n]) == p.hash
}

// restart begins again with a file that was cut back or rewritten in place.
func (f *Follower) restart(t *tail) {
	f.counts.truncations.Add(1)
	t.place.open = nil
	t.place = nil
	t.pos, t.number, t.skipping, t.fromEnd, t.size = 0, 0, false, false, -1
}

// identify finds the place of a file, or makes one. It reports false as long as
// that cannot be told.
func (f *Follower) identify(t *tail, size int64) bool {
	var buf [headBytes]byte
	n, err := t.file.ReadAt(buf[:], 0)
	if err != nil && err != io.EOF {
		f.counts.errors.Add(1)
		return false
	}
	head := buf[:n]
	if !complete(head) {
		return false
	}
	id := inode(t.info)
	p := f.places.find(head, id)
	if p != nil && p.open != nil && p.open != t {
		// Another open file begins like this. As long as this one may be a copy
		// of it, wait: once the other is truncated, this has the lines that
		// were not read yet.
		if size >= p.end && f.intact(p.open) {
			return false
		}
		p = nil
	}
	if p != nil && size < p.end {
		p = nil // begins alike, but is another
	}
	if p == nil {
		p = f.places.claim(t.path, head, id)
		if t.fromEnd {
			t.pos = lastLine(t.file, size, f.buf)
			t.number = -1
			if t.pos == 0 {
				t.number = 0
			}
		}
	} else {
		t.pos = p.end
		if t.pos > 0 {
			t.number = -1
		}
	}
	p.open = t
	t.place = p
	return true
}

// lastLine returns where the unfinished line at the end of a file begins, or
// the end if there is none or it is too long.
func lastLine(file *os.File, size int64, buf []byte) int64 {
	from := max(0, size-int64(len(buf)))
	n, _ := file.ReadAt(buf[:size-from], from)
	if i := bytes.LastIndexByte(buf[:n], '\n'); i >= 0 {
		return from + int64(i) + 1
	}
	if from == 0 {
		return 0
	}
	return size
}

// step reads one buffer and hands on the lines in it. It returns how far it
// came, 0 at the end.
func (f *Follower) step(ctx context.Context, t *tail) (int64, error) {
	n, err := t.file.ReadAt(f.buf, t.pos)
	if err != nil && err != io.EOF {
		f.counts.errors.Add(1)
		return 0, nil
	}
	if n == 0 {
		return 0, nil
	}
	if !f.intact(t) {
		// Truncated since the last look. If it has not grown up to here again,
		// what was read is the old content; else nobody knows.
		if info, err := t.file.Stat(); err != nil || info.Size() > t.pos {
			return 0, nil
		}
	}
	start := t.pos
	rest := f.buf[:n]
	for {
		i := bytes.IndexByte(rest, '\n')
		if i < 0 {
			break
		}
		if err := f.line(ctx, t, rest[:i], int64(i)+1); err != nil {
			return 0, err
		}
		rest = rest[i+1:]
	}
	if t.skipping || len(rest) > capture.MaxLine+1 { // + 1 for a CR
		t.skipping = true
		t.pos += int64(len(rest))
	}
	return t.pos - start, nil
}

// line hands on one line and moves behind it.
func (f *Follower) line(ctx context.Context, t *tail, data []byte, used int64) error {
	if n := len(data); n > 0 && data[n-1] == '\r' && int64(n) < used {
		data = data[:n-1]
	}
	number := t.number + 1
	if t.number < 0 {
		number = 0
	}
	tooLong := t.skipping || len(data) > capture.MaxLine
	if !tooLong {
		if err := ctx.Err(); err != nil {
			return err
		}
		l := Line{Source: t.place.source, Data: data, Offset: t.pos, End: t.pos + used, Number: number}
		if err := f.emit(ctx, l); err != nil {
			return err
		}
		f.counts.lines.Add(1)
		f.counts.bytes.Add(int64(len(data)))
		t.place.end = l.End
	} else {
		f.counts.skipped.Add(1)
	}
	t.skipping = false
	t.pos += used
	if t.number >= 0 {
		t.number++
	}
	return nil
}

// finish hands on what is left of a file that was rotated away, and closes it.
func (f *Follower) finish(ctx context.Context, t *tail) error {
	defer f.drop(t)
	if t.place == nil {
		var head [headBytes]byte
		n, _ := t.file.ReadAt(head[:], 0)
		if n == 0 || f.places.find(head[:n], inode(t.info)) != nil {
			return nil
		}
		t.place = f.places.claim(t.path, head[:n], inode(t.info))
	}
	if !f.intact(t) {
		return nil
	}
	n, _ := t.file.ReadAt(f.buf, t.pos)
	if n == 0 && !t.skipping {
		return nil
	}
	return f.line(ctx, t, f.buf[:n], int64(n))
}

// drop closes a file and keeps its place.
func (f *Follower) drop(t *tail) {
	if t.place != nil && t.place.open == t {
		t.place.open = nil
	}
	t.file.Close()
	f.counts.files.Add(-1)
}
