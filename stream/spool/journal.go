package spool

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"

	"lapwing/event"
)

var errFull = errors.New("the log has reached its bound")

// A segment is one file of the log.
type segment struct {
	id   uint64
	file File
	size int64 // of the file, as far as it is known
	head int64 // what is committed begins here
	end  int64 // and ends here
}

// done reports whether a reader at p has left the segment behind.
func (s *segment) done(p place) bool { return (place{s.id, s.end - 1}).before(p) }

// A place is where a reader of the log stands.
type place struct {
	segment uint64
	offset  int64
}

func (p place) before(o place) bool {
	return p.segment < o.segment || p.segment == o.segment && p.offset < o.offset
}

// A journal is the log on disk. One goroutine appends, one reads.
type journal struct {
	fs           FS
	dir          string
	boot         uint64
	segmentBytes int64
	maxBytes     int64
	zip          *zstd.Encoder

	// Used by the appender alone.
	group     uint64 // number of the group written last
	committed uint64 // group that was committed last
	synced    uint64 // the last one known to be on the disk itself
	nextID    uint64
	frame     []byte // scratch
	packed    []byte // scratch

	mu       sync.Mutex // protects all below
	segments []*segment // by id
	active   *segment   // the last of segments, or nil after a fault
	voids    []void     // groups that do not count, from before this process
	progress map[string]int64
	bytes    int64 // of all files
	shipped  place // everything before it may go
}

// A void is a range of groups, both bounds excluded, that were given up.
type void struct{ above, below uint64 }

func (j *journal) isVoid(group uint64) bool {
	for _, v := range j.voids {
		if group > v.above && group < v.below {
			return true
		}
	}
	return false
}

const segmentSuffix = ".seg"

func segmentName(id uint64) string { return fmt.Sprintf("%016x%s", id, segmentSuffix) }

func segmentID(name string) (uint64, bool) {
	hex, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(hex) != 16 {
		return 0, false
	}
	id, err := strconv.ParseUint(hex, 16, 64)
	return id, err == nil
}

// append commits a group, and waits for the disk if sync is set. After an
// error nothing of it counts.
func (j *journal) append(g *group, sync bool) error {
	j.group++
	j.frame = j.frame[:0]
	for _, r := range g.recs {
		h := header{kind: kindRecord, partition: r.partition, group: j.group, boot: j.boot, first: r.first, calls: r.calls, raw: r.end - r.start}
		payload := g.buf[r.start:r.end]
		if len(payload) >= minPacked {
			if j.packed = j.zip.EncodeAll(payload, j.packed[:0]); len(j.packed) < len(payload) {
				payload, h.flags = j.packed, flagZstd
			}
		}
		j.frame = appendFrame(j.frame, &h, payload)
	}
	var changed []event.Progress
	for source, offset := range g.progress {
		changed = append(changed, event.Progress{Source: source, Offset: offset})
	}
	j.frame = appendFrame(j.frame, &header{kind: kindCommit, group: j.group, boot: j.boot, first: j.committed, calls: uint32(len(g.recs))},
		appendProgress(nil, j.synced, changed))
	return j.write(g.progress, sync)
}

// minPacked is what compressing pays from on.
const minPacked = 256

// write puts j.frame into the log.
func (j *journal) write(progress map[string]int64, sync bool) error {
	j.mu.Lock()
	seg, used := j.active, j.bytes
	j.mu.Unlock()
	need := int64(len(j.frame))
	roll := seg == nil || seg.end+need > j.segmentBytes && seg.end > seg.head
	if used+need+headerBytes > j.maxBytes {
		// A log with nothing to ship takes anything: a bound below one group would stop it for ever.
		if j.holds() {
			return errFull
		}
	}
	if roll {
		var err error
		if seg, err = j.roll(); err != nil {
			return err
		}
	}
	at := seg.end
	n, err := seg.file.WriteAt(j.frame, at)
	if err == nil && sync {
		if err = seg.file.Sync(); err == nil {
			j.synced = j.group
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.grown(seg, at+int64(n))
		j.abandon(seg)
		return err
	}
	j.grown(seg, at+need)
	seg.end = at + need
	j.committed = j.group
	for source, offset := range progress {
		j.keep(source, offset)
	}
	return nil
}

// holds reports whether anything in the log is still to be shipped.
func (j *journal) holds() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments {
		if s.end > s.head && !s.done(j.shipped) {
			return true
		}
	}
	return false
}

// maxProgress bounds the sources whose progress is kept. What a file's
// progress is worth ends with the file; those that are named first go first.
const maxProgress = 1 << 14

func (j *journal) keep(source string, offset int64) {
	if _, known := j.progress[source]; !known && len(j.progress) >= maxProgress {
		for other := range j.progress {
			delete(j.progress, other)
			break
		}
	}
	j.progress[source] = max(j.progress[source], offset)
}

// grown notes the size of a file. mu is held.
func (j *journal) grown(s *segment, size int64) {
	if size > s.size {
		j.bytes += size - s.size
		s.size = size
	}
}

// abandon writes no more to a segment whose writing failed, and takes back
// what does not count. mu is held.
func (j *journal) abandon(s *segment) {
	j.active = nil
	if s.file.Truncate(s.end) == nil && s.size > s.end {
		j.bytes -= s.size - s.end
		s.size = s.end
	}
}

// roll opens the next segment. Its head holds all progress, so that older
// segments can go.
func (j *journal) roll() (*segment, error) {
	if err := j.finish(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	all := make([]event.Progress, 0, len(j.progress))
	for source, offset := range j.progress {
		all = append(all, event.Progress{Source: source, Offset: offset})
	}
	j.mu.Unlock()
	id := j.nextID
	j.nextID++
	name := filepath.Join(j.dir, segmentName(id))
	file, err := j.fs.Create(name)
	if err != nil {
		return nil, err
	}
	// The head belongs to the group that was committed last: it counts by itself.
	head := appendFrame(nil, &header{kind: kindSegment, group: j.committed, boot: j.boot, first: id}, appendProgress(nil, j.synced, all))
	n, err := file.WriteAt(head, 0)
	if err == nil {
		if err = file.Sync(); err == nil {
			err = j.fs.SyncDir(j.dir)
		}
	}
	if err != nil {
		file.Close()
		if j.fs.Remove(name) != nil {
			j.mu.Lock()
			j.bytes += int64(n) // until the next start finds it
			j.mu.Unlock()
		}
		return nil, err
	}
	seg := &segment{id: id, file: file, size: int64(len(head)), head: int64(len(head)), end: int64(len(head))}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.active = seg
	j.segments = append(j.segments, seg)
	j.bytes += seg.size
	return seg, nil
}

// finish makes the active segment durable before it is left.
func (j *journal) finish() error {
	j.mu.Lock()
	seg := j.active
	j.mu.Unlock()
	if seg == nil || j.synced == j.committed {
		return nil
	}
	if err := seg.file.Sync(); err != nil {
		j.mu.Lock()
		j.abandon(seg)
		j.mu.Unlock()
		return err
	}
	j.synced = j.committed
	return nil
}

// frees reports whether a reader at p leaves segments behind.
func (j *journal) frees(p place) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.segments) > 1 && j.segments[0].done(p)
}

// passed notes that everything before p is shipped.
func (j *journal) passed(p place) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shipped = p
}

// free removes segments that end before p, but for the last one: it holds the
// progress. It returns how many bytes that gave back.
func (j *journal) free(p place) (freed int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.shipped = p
	kept := j.segments[:0]
	for i, s := range j.segments {
		if i == len(j.segments)-1 || !s.done(p) {
			kept = append(kept, s)
			continue
		}
		if e := j.fs.Remove(filepath.Join(j.dir, segmentName(s.id))); e != nil {
			err = e
			kept = append(kept, s)
			continue
		}
		s.file.Close()
		freed += s.size
	}
	clear(j.segments[len(kept):])
	j.segments = kept
	j.bytes -= freed
	return freed, err
}

// usage is how many bytes all files have, and how many there are.
func (j *journal) usage() (bytes int64, segments int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.bytes, len(j.segments)
}

func (j *journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var errs []error
	for _, s := range j.segments {
		errs = append(errs, s.file.Close())
	}
	j.segments, j.active = nil, nil
	return errors.Join(errs...)
}

// seal makes everything durable and says so in the log: what is found damaged
// later was not torn by a crash.
func (j *journal) seal(sync Sync) error {
	j.mu.Lock()
	seg := j.active
	j.mu.Unlock()
	if seg == nil || sync == SyncNone {
		return nil
	}
	if err := j.finish(); err != nil {
		return err
	}
	// Without this note the last group is only looked at more strictly.
	_ = j.append(&group{}, true)
	return nil
}
