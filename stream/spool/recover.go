package spool

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"

	"lapwing/event"
)

// A seen is a frame that recovery met.
type seen struct {
	header
	segment *segment
	at      int64
}

// openJournal finds out what the log in a directory holds. What was committed
// is there again; what was not is as if it had never been written.
func openJournal(fs FS, dir string, segmentBytes, maxBytes int64) (*journal, []seen, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, nil, err
	}
	j := &journal{fs: fs, dir: dir, segmentBytes: segmentBytes, maxBytes: maxBytes, zip: zip, progress: map[string]int64{}, nextID: 1}
	names, err := fs.List(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("the spool's directory cannot be read: %w", err)
	}
	for _, name := range names {
		id, ok := segmentID(name)
		if !ok {
			continue
		}
		file, err := fs.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, nil, fmt.Errorf("a segment of the spool cannot be opened: %w", err)
		}
		size, err := file.Size()
		if err != nil {
			return nil, nil, fmt.Errorf("a segment of the spool cannot be read: %w", err)
		}
		j.segments = append(j.segments, &segment{id: id, file: file, size: size})
		j.bytes += size
		j.nextID = max(j.nextID, id+1)
	}
	slices.SortFunc(j.segments, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })

	var frames []seen
	for _, s := range j.segments {
		frames = scan(frames, s)
	}
	return j, j.judge(frames), nil
}

// scan adds the frames of a segment: only their heads are read.
func scan(frames []seen, s *segment) []seen {
	var room [headerBytes]byte
	for at := int64(0); at+headerBytes <= s.size; {
		h, ok := readHeader(s.file, at, room[:])
		if !ok {
			if at, ok = resync(s.file, at+1, s.size); !ok {
				break
			}
			continue
		}
		end := at + headerBytes + int64(h.length)
		if end > s.size {
			break // torn
		}
		if h.kind == kindSegment && at == 0 {
			s.head = end
		}
		frames = append(frames, seen{h, s, at})
		at = end
	}
	return frames
}

// readTries is how often a read is tried before its bytes count as damaged.
const readTries = 4

func readFull(f File, b []byte, at int64) (n int, err error) {
	for range readTries {
		if n, err = f.ReadAt(b, at); n == len(b) {
			return n, nil
		}
	}
	return n, err
}

func readHeader(f File, at int64, room []byte) (header, bool) {
	if _, err := readFull(f, room[:headerBytes], at); err != nil {
		return header{}, false
	}
	return parseHeader(room)
}

// resync finds the next header at or after at, before end.
func resync(f File, at, end int64) (int64, bool) {
	const window = 64 << 10
	var b [window + headerBytes]byte
	for ; at < end; at += window {
		n, _ := readFull(f, b[:min(int64(len(b)), end-at)], at) // unreadable: as if it were damaged
		for i := 0; i+headerBytes <= n && i < window; i++ {
			if binary.LittleEndian.Uint32(b[i:]) == magic {
				if _, ok := parseHeader(b[i:]); ok {
					return at + int64(i), true
				}
			}
		}
	}
	return end, false
}

// judge says which frames count, restores the progress, and returns the
// records that count in the order of the log.
func (j *journal) judge(frames []seen) []seen {
	var commits []seen
	for i := range frames {
		f := &frames[i]
		j.group = max(j.group, f.group)
		j.boot = max(j.boot, f.boot)
		if f.kind == kindCommit {
			commits = append(commits, *f)
		}
	}
	// Only what the disk was waited for is sure to be whole: the last group may
	// have its end and not its middle.
	var synced uint64
	for i := range commits {
		if s, _, err := j.progressAt(&commits[i]); err == nil {
			synced = max(synced, s)
		}
	}
	for len(commits) > 0 {
		last := &commits[len(commits)-1]
		if last.group <= synced || j.whole(last, frames) {
			break
		}
		commits = commits[:len(commits)-1]
	}
	j.synced = synced
	if len(commits) > 0 {
		// A process that was killed may have left the last group to the kernel
		// alone; what counts now must outlast a power failure. If the disk refuses,
		// one that comes soon may cost the group.
		if last := commits[len(commits)-1]; last.group > synced && last.segment.file.Sync() == nil && j.fs.SyncDir(j.dir) == nil {
			j.synced = last.group
		}
	}
	// Each commit names the one before it: what lies between was given up.
	if len(commits) > 0 {
		j.committed = commits[len(commits)-1].group
	}
	j.voids = append(j.voids, void{j.committed, j.group + 1})
	before := j.committed
	for _, c := range slices.Backward(commits) {
		if c.group > before {
			continue // given up itself
		}
		if c.first+1 < c.group {
			j.voids = append(j.voids, void{c.first, c.group})
		}
		before = c.first
	}

	var records []seen
	for i := range frames {
		f := &frames[i]
		switch {
		case f.kind == kindSegment:
		case j.isVoid(f.group):
			continue
		case f.kind == kindRecord:
			records = append(records, *f)
		}
		f.segment.end = f.at + headerBytes + int64(f.length)
		if f.kind != kindRecord {
			if _, progress, err := j.progressAt(f); err == nil {
				for _, p := range progress {
					j.keep(p.Source, p.Offset)
				}
			}
		}
	}
	return records
}

// progressAt reads the payload of a commit or of a segment's head.
func (j *journal) progressAt(f *seen) (uint64, []event.Progress, error) {
	payload := make([]byte, f.length)
	if _, err := readFull(f.segment.file, payload, f.at+headerBytes); err != nil {
		return 0, nil, err
	}
	if !f.sound(payload) {
		return 0, nil, errPayload
	}
	return parseProgress(payload)
}

// whole reports whether all of a group is there.
func (j *journal) whole(commit *seen, frames []seen) bool {
	if _, _, err := j.progressAt(commit); err != nil {
		return false
	}
	n := uint32(0)
	for i := range frames {
		f := &frames[i]
		if f.kind != kindRecord || f.group != commit.group {
			continue
		}
		payload := make([]byte, f.length)
		if _, err := readFull(f.segment.file, payload, f.at+headerBytes); err != nil || !f.sound(payload) {
			return false
		}
		n++
	}
	return n == commit.calls
}
