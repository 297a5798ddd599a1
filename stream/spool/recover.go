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
func openJournal(fs FS, dir string, segmentBytes, maxBytes int64) (*journal, error) {
	zip, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, err
	}
	j := &journal{fs: fs, dir: dir, segmentBytes: segmentBytes, maxBytes: maxBytes, zip: zip, progress: map[string]int64{}, nextID: 1}
	names, err := fs.List(dir)
	if err != nil {
		return nil, fmt.Errorf("the spool's directory cannot be read: %w", err)
	}
	for _, name := range names {
		id, ok := segmentID(name)
		if !ok {
			continue
		}
		file, err := fs.Open(filepath.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("a segment of the spool cannot be opened: %w", err)
		}
		size, err := file.Size()
		if err != nil {
			return nil, fmt.Errorf("a segment of the spool cannot be read: %w", err)
		}
		j.segments = append(j.segments, &segment{id: id, file: file, size: size})
		j.bytes += size
		j.nextID = max(j.nextID, id+1)
	}
	slices.SortFunc(j.segments, func(a, b *segment) int { return cmp.Compare(a.id, b.id) })

	j.judge()
	return j, nil
}

// scan hands the frames of a segment to visit: only their heads are read.
func scan(s *segment, visit func(seen)) {
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
		visit(seen{h, s, at})
		at = end
	}
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

// A commit is what recovery keeps of a commit frame: a log may hold millions.
type commit struct {
	group, before uint64
	segment       *segment
	at            int64
	records       uint32
}

// judge says which frames count, where each segment ends, and restores the
// progress.
func (j *journal) judge() {
	var commits []commit
	var synced uint64
	for _, s := range j.segments {
		scan(s, func(f seen) {
			j.group = max(j.group, f.group)
			j.boot = max(j.boot, f.boot)
			switch {
			case f.kind == kindSegment && f.at == 0:
				s.head = f.at + headerBytes + int64(f.length)
			case f.kind == kindCommit:
				commits = append(commits, commit{f.group, f.first, s, f.at, f.calls})
				if m, _, err := progressAt(&f); err == nil {
					synced = max(synced, m)
				}
			}
		})
	}
	// Only what the disk was waited for is sure to be whole: the last group may
	// have its end and not its middle.
	for len(commits) > 0 {
		last := &commits[len(commits)-1]
		if last.group <= synced || whole(last) {
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
		if c.before+1 < c.group {
			j.voids = append(j.voids, void{c.before, c.group})
		}
		before = c.before
	}

	j.records(place{}, func(f seen) {
		f.segment.end = f.at + headerBytes + int64(f.length)
		if f.kind != kindRecord {
			if _, progress, err := progressAt(&f); err == nil {
				for _, p := range progress {
					j.keep(p.Source, p.Offset)
				}
			}
		}
	})
}

// records hands every frame that counts, from a place on, to visit.
func (j *journal) records(from place, visit func(seen)) {
	for _, s := range j.segments {
		scan(s, func(f seen) {
			if (f.kind == kindSegment || !j.isVoid(f.group)) && !(place{s.id, f.at}).before(from) {
				visit(f)
			}
		})
	}
}

// progressAt reads the payload of a commit or of a segment's head.
func progressAt(f *seen) (uint64, []event.Progress, error) {
	payload := make([]byte, f.length)
	if _, err := readFull(f.segment.file, payload, f.at+headerBytes); err != nil {
		return 0, nil, err
	}
	if !f.sound(payload) {
		return 0, nil, errPayload
	}
	return parseProgress(payload)
}

// whole reports whether all of a group is there. It was written at once, into
// one segment.
func whole(c *commit) bool {
	n, ok := uint32(0), false
	bad := false
	scan(c.segment, func(f seen) {
		switch {
		case f.group != c.group || f.kind == kindSegment:
		case f.kind == kindCommit:
			_, _, err := progressAt(&f)
			ok = err == nil
		default:
			payload := make([]byte, f.length)
			_, err := readFull(f.segment.file, payload, f.at+headerBytes)
			bad = bad || err != nil || !f.sound(payload)
			n++
		}
	})
	return ok && !bad && n == c.records
}
