package detecting

import (
	"fmt"
	"io"
	"strings"

	"lapwing/detect/snapshot"
	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/store"
	"lapwing/store/archive"
	"lapwing/stream/wire"
)

// Herald is the sensor name under which a detector writes into the log that a
// source has fallen silent. The source of such a heartbeat is the name of the
// sensor, a zero byte, and the name of the source.
const Herald = "detector"

// Counts say what became of the records: Seen = Observed + Repeated.
type Counts struct {
	Records     uint64 // records applied
	Stale       uint64 // messages below the position, ignored
	Quarantined uint64 // messages that could not be read
	Seen        uint64 // calls in records
	Observed    uint64 // of them, given to detection
	Repeated    uint64 // of them, sent before
	Lost        uint64 // sequence numbers that never came
	Explained   uint64 // of them, said to be dropped by the sensor
	LateBoots   uint64 // records of a sensor's earlier start
	Silenced    uint64 // sources retired for their silence
	Suppressed  uint64 // alerts about time that an earlier detector has told of
}

// A Follower leads the records of all partitions through one detection. One
// goroutine.
type Follower struct {
	partitions []partition
	clock      *clock
	detection  *standard.Detection
	counts     Counts
	untilNS    int64         // what is raised up to this time was told by another
	muted      bool          `snapshot:"-"`
	raised     []event.Alert `snapshot:"-"`
}

type partition struct {
	next  int64 // offset of the next message; -1: the first there is
	audit archive.Audit
}

// NewFollower makes a follower that has read nothing. build makes its
// detection, always in the same way. Time waits for the sensors in expect until
// they speak or are found to be silent.
func NewFollower(partitions int, expect []string, build func(emit func(event.Alert)) (*standard.Detection, error)) (*Follower, error) {
	f := &Follower{partitions: make([]partition, partitions), clock: newClock(partitions)}
	for p := range f.partitions {
		f.partitions[p].next = -1
	}
	for _, sensor := range expect {
		f.clock.expect(sensor)
	}
	var err error
	f.detection, err = build(f.raise)
	return f, err
}

func (f *Follower) raise(a event.Alert) {
	if f.muted {
		f.counts.Suppressed++
		return
	}
	f.raised = append(f.raised, a)
}

// Position is the offset of the message that Apply takes next from a
// partition; -1 is the first there is.
func (f *Follower) Position(p int) int64 { return f.partitions[p].next }

// LowNS is the event time up to which everything is judged.
func (f *Follower) LowNS() int64 { return f.clock.lowNS }

// Counts returns a copy of the counters.
func (f *Follower) Counts() Counts { return f.counts }

// Detection is what judges; it is the follower's.
func (f *Follower) Detection() *standard.Detection { return f.detection }

// Marks returns how far each sensor was seen in a partition.
func (f *Follower) Marks(p int) []store.Mark { return f.partitions[p].audit.Marks() }

// Quiet says not to tell what is raised until time is beyond ns: another
// detector, which had come so far, has told it.
func (f *Follower) Quiet(ns int64) { f.untilNS = ns }

// begin has a new follower read a partition from an offset on, in the midst of
// what sensors have sent.
func (f *Follower) begin(p int, offset int64) {
	f.partitions[p].next = offset
	if offset > 0 {
		f.partitions[p].audit.Midway()
	}
}

// pass moves the position behind an offset; false if it has been read before.
func (f *Follower) pass(p int, offset int64) bool {
	at := &f.partitions[p]
	if offset < at.next {
		f.counts.Stale++
		return false
	}
	at.next = offset + 1
	return true
}

// Skip leaves out a message that cannot be read.
func (f *Follower) Skip(p int, offset int64) {
	if f.pass(p, offset) {
		f.counts.Quarantined++
	}
}

// Apply takes the next record of a partition, which has passed archive.Check.
// A record below the position is ignored.
func (f *Follower) Apply(p int, offset int64, r *wire.Record) {
	if !f.pass(p, offset) {
		return
	}
	c := &f.counts
	c.Records++
	v := f.partitions[p].audit.Judge(r)
	c.Seen += uint64(len(r.Calls))
	c.Observed += uint64(len(v.News))
	c.Repeated += v.Repeated
	c.Lost += v.Lost
	c.Explained += v.Explained
	if v.Late {
		c.LateBoots++
	}
	for _, call := range v.News {
		if call == nil { // of another cell, and not decoded
			f.detection.Foreign++
			continue
		}
		f.detection.Observe(call)
	}
	for _, h := range r.Heartbeats {
		if sensor, source, ok := strings.Cut(h.Source, "\x00"); ok {
			if r.Sensor == Herald && h.Retired {
				if f.clock.retire(p, sourceName{sensor, source}, h.LowNS) {
					c.Silenced++
				}
			}
			continue
		}
		f.clock.heartbeat(p, r.Sensor, h)
	}
	if low, moved := f.clock.advance(); moved {
		if f.untilNS > 0 {
			f.muted = true
			f.detection.Advance(min(low, f.untilNS))
			f.muted = false
			if low > f.untilNS {
				f.untilNS = 0
			}
		}
		f.detection.Advance(low)
	}
}

// retirement is the record that says that nobody waits for a source any longer.
func retirement(c cell, boot uint64) *wire.Record {
	return &wire.Record{Sensor: Herald, Boot: boot, First: 1, Heartbeats: []event.Heartbeat{{
		Source: c.name.sensor + "\x00" + c.name.source, LowNS: max(c.lowNS, 0), Retired: true,
	}}}
}

// Finished reports that sensors have spoken and all their sources have retired.
func (f *Follower) Finished() bool { return f.clock.finished() }

// Close closes all windows, when nothing more will come.
func (f *Follower) Close() { f.detection.Close() }

// Raised returns what was raised and not yet told; Told lets go of it.
func (f *Follower) Raised() []event.Alert { return f.raised }
func (f *Follower) Told()                 { f.raised = nil }

// Save writes the state, which must have nothing raised that is not told.
func (f *Follower) Save(w io.Writer) error {
	if len(f.raised) > 0 {
		return fmt.Errorf("%d alerts are not told yet", len(f.raised))
	}
	return snapshot.Save(w, f)
}

// Load reads what Save wrote into a new follower. After an error other than
// snapshot.ErrOther the follower is of no use.
func (f *Follower) Load(r io.Reader) error {
	if err := snapshot.Load(r, f); err != nil {
		return err
	}
	return f.check()
}

// check refuses state that would lead out of bounds later.
func (f *Follower) check() error {
	for name, cells := range f.clock.sources {
		if len(cells) != f.clock.partitions {
			return fmt.Errorf("%w: source %q has %d partitions of %d", snapshot.ErrCorrupt, name.source, len(cells), f.clock.partitions)
		}
	}
	if len(f.partitions) != f.clock.partitions {
		return fmt.Errorf("%w: it holds %d partitions of %d", snapshot.ErrCorrupt, len(f.partitions), f.clock.partitions)
	}
	return nil
}
