// Package follow reads log files while they grow, through every way of
// rotating them: renamed, copied and truncated, replaced, compressed.
//
// It promises, for the lines that are in the files when it looks: each whole
// line once, in the order of its file, an older generation of a file before the
// newer one. A line without newline waits for it; only the last line of a file
// that was rotated away and has been quiet goes without. Lines above
// capture.MaxLine are counted and skipped, never held in memory.
//
// A file is known by its fingerprint, the FNV-1a hash of its first bytes, as
// many as there were (at most 1024) when its first line was complete; the count
// is part of the fingerprint. So a renamed or compressed file keeps its place,
// and a truncated one is seen to be another even when it has grown past the old
// place. Two files that begin alike are told apart by inode.
//
// The follower keeps no state on disk. It is given the offsets to resume from
// and reports the offset after each line; whoever stores that offset together
// with what came of the line gets every line exactly once, whenever it stops.
//
// Loss is possible in one place: what is written between the last look and a
// truncation is gone, unless the copy made before it lies beside the file under
// a rotated name (a.log.1, a.log-20261121, compressed or not) or is among the
// paths.
//
// Rotation may go on while it looks. A new file is opened before the directory
// is listed, listings count once two in a row agree, and each file is compared
// by inode with what was listed; where that fails it looks again, so that no
// generation is passed over and none comes before an older one.
//
// It polls: notifications of the kernel do not exist on network and overlay
// file systems. Run belongs to one goroutine, Stats to any.
package follow

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"lapwing/capture"
)

// A Line is one line of a file.
type Line struct {
	Source string // "log:" path at first sight "#" fingerprint: the key of Config.Resume
	Data   []byte // without newline (LF or CR LF); valid until emit returns
	Offset int64  // of its first byte in the unpacked file
	End    int64  // of the byte after it: where to resume
	Number int64  // from 1; 0 if unknown after a resume or a start at the end
}

// Config says what to follow.
type Config struct {
	Paths    []string         // files or patterns of filepath.Match, looked for again with every poll
	FromEnd  bool             // what is there at the start is not read, unless an earlier run had followed the path
	Backfill bool             // rotated files beside a path (.1, -20261121, .gz, .zst) are read first, oldest first, if no newer file has progress
	Poll     time.Duration    // 250 ms
	Resume   map[string]int64 // Line.End by Line.Source, of earlier runs
}

// Stats account for what was read, since New.
type Stats struct {
	Files       int64 // open now
	Lines       int64 // handed on
	Bytes       int64 // sum of their lengths
	Skipped     int64 // lines longer than capture.MaxLine
	Rotations   int64 // files that another took the place of
	Truncations int64 // files that were cut back or rewritten in place
	Errors      int64 // files that could not be opened or read, each time
	Ignored     int64 // files beyond the limits, each time
}

const (
	defaultPoll = 250 * time.Millisecond
	// maxFiles bounds open files, well below the usual limit of descriptors.
	maxFiles = 512
	// maxPlaces bounds the remembered files; the oldest that is not open goes
	// first. With hourly rotation that is more than a year.
	maxPlaces = 10_000
	// lingerPolls is how long a file that was rotated away is still watched:
	// servers go on writing to it until they are told to open the new one.
	lingerPolls = 20
	// turnBytes is how much of one file is read before the others have a turn.
	turnBytes = 16 << 20
)

// A Follower follows files.
type Follower struct {
	cfg     Config
	places  places
	watches []*watch // ordered by path
	buf     []byte
	started bool
	resumed map[string]bool // paths of which some generation had progress at the start
	emit    func(context.Context, Line) error
	counts  struct{ files, lines, bytes, skipped, rotations, truncations, errors, ignored atomic.Int64 }
}

// New prepares a follower. It opens no file yet.
func New(cfg Config) (*Follower, error) {
	if len(cfg.Paths) == 0 {
		return nil, errors.New("follow: no path is named")
	}
	for _, p := range cfg.Paths {
		if _, err := filepath.Match(p, ""); err != nil || p == "" {
			return nil, fmt.Errorf("follow: bad pattern %q", p)
		}
	}
	if cfg.Poll == 0 {
		cfg.Poll = defaultPoll
	}
	if cfg.Poll < time.Millisecond {
		return nil, fmt.Errorf("follow: poll interval of %v is below 1ms", cfg.Poll)
	}
	f := &Follower{cfg: cfg, resumed: map[string]bool{}, buf: make([]byte, capture.MaxLine+4096)}
	if err := f.places.load(cfg.Resume); err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	return f, nil
}

// Run follows until ctx is done, then returns nil. It hands each line to emit
// and calls idle whenever all files are at their end, once a poll; idle may be
// nil. An error of either ends Run and is returned; the line that emit refused
// counts as not read. Run may be called once.
func (f *Follower) Run(ctx context.Context, emit func(context.Context, Line) error, idle func(context.Context) error) error {
	f.emit = emit
	defer f.close()
	timer := time.NewTimer(f.cfg.Poll)
	defer timer.Stop()
	for ctx.Err() == nil {
		err := f.scan(ctx)
		more := false
		if err == nil {
			more, err = f.cycle(ctx)
		}
		if err == nil && !more && idle != nil && ctx.Err() == nil {
			err = idle(ctx)
		}
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				return nil
			}
			return err
		}
		if more {
			continue
		}
		timer.Reset(f.cfg.Poll)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	return nil
}

// cycle gives every file a turn. It reports whether any has more to read.
func (f *Follower) cycle(ctx context.Context) (more bool, err error) {
	for _, w := range f.watches {
		for i := 0; i < len(w.tails); i++ {
			t := w.tails[i]
			atEnd, err := f.turn(ctx, t)
			if err != nil {
				return false, err
			}
			if !atEnd {
				more = true
				break // the newer generation waits
			}
			if t.gone {
				if t.quiet++; t.quiet > lingerPolls {
					if err := f.finish(ctx, t); err != nil {
						return false, err
					}
					w.tails = append(w.tails[:i], w.tails[i+1:]...)
					i--
				}
			}
		}
	}
	return more, nil
}

func (f *Follower) close() {
	for _, w := range f.watches {
		for _, t := range w.tails {
			f.drop(t)
		}
	}
	f.watches = nil
}

// Stats returns the account so far.
func (f *Follower) Stats() Stats {
	c := &f.counts
	return Stats{
		Files: c.files.Load(), Lines: c.lines.Load(), Bytes: c.bytes.Load(), Skipped: c.skipped.Load(),
		Rotations: c.rotations.Load(), Truncations: c.truncations.Load(), Errors: c.errors.Load(), Ignored: c.ignored.Load(),
	}
}
