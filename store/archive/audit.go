package archive

import (
	"fmt"
	"math"
	"slices"

	"lapwing/event"
	"lapwing/store"
	"lapwing/stream/wire"
)

const (
	// maxBoots is how many starts of one sensor are told apart in a partition:
	// the present one, the one whose spool is still being sent, and two
	// sensors that share a name by mistake.
	maxBoots = 4
	// maxMarks bounds the marks of a partition, and so a row of the ledger.
	// The one that was silent the longest goes first.
	maxMarks = 16_384
	// maxSequence is far above what a sensor can count to, and far below where
	// sums would wrap around.
	maxSequence = math.MaxUint64 >> 1
)

// An Audit follows the sequence numbers of one partition: it tells repetitions
// from news, and counts what never came. It is a pure function of its marks at
// the start and of the records it is given.
//
// A record of a start that is older than another of the same sensor is late,
// and still kept if it is news: after a restart a sensor sends what its spool
// holds under the numbers it had. Only when maxBoots starts of a sensor are
// known is an unknown older one taken for a repetition.
type Audit struct {
	marks  []store.Mark // the most recently seen last
	midway bool
}

// Midway says that reading begins somewhere in the log: what a start of a
// sensor had counted and dropped before its first record is not missed.
func (a *Audit) Midway() { a.midway = true }

// NewAudit goes on from the marks of a position in the log.
func NewAudit(marks []store.Mark) *Audit { return &Audit{marks: slices.Clone(marks)} }

// Marks returns how far each start of each sensor has been seen, the most
// recently seen last: a copy.
func (a *Audit) Marks() []store.Mark { return slices.Clone(a.marks) }

// A Verdict is what a record brought. Its calls are News and repetitions:
// len(Calls) = len(News) + Repeated.
type Verdict struct {
	News      []*event.Call
	Repeated  uint64 // calls that had been seen
	Lost      uint64 // sequence numbers that this record shows to be missing
	Explained uint64 // calls that the sensor newly says it dropped
	Late      bool   // of an earlier start than one that has been seen
}

// Check refuses a record of which the numbers cannot be true. Such a record is
// to be set aside, not judged.
func Check(r *wire.Record) error {
	if r.Sensor == "" {
		return fmt.Errorf("record names no sensor")
	}
	if r.First == 0 || r.First > maxSequence {
		return fmt.Errorf("record begins at the impossible sequence number %d", r.First)
	}
	return nil
}

// Judge takes the next record of the partition, which has passed Check.
func (a *Audit) Judge(r *wire.Record) Verdict {
	var v Verdict
	m, known := a.find(r, &v)
	calls := uint64(len(r.Calls))
	if !known {
		v.Repeated = calls
		return v
	}
	if a.midway && m.Next == 0 {
		m.Next, m.Explained = r.First, dropped(r)
	}
	m.Next = max(m.Next, 1)
	if r.First > m.Next {
		v.Lost = r.First - m.Next
		m.Lost += v.Lost
		m.Next = r.First
	}
	v.Repeated = min(calls, m.Next-r.First)
	v.News = r.Calls[v.Repeated:]
	m.Next = max(m.Next, r.Next())
	if sum := dropped(r); sum > m.Explained {
		v.Explained = sum - m.Explained
		m.Explained = sum
	}
	a.marks = append(a.marks, m)
	if len(a.marks) > maxMarks {
		a.marks = slices.Delete(a.marks, 0, 1)
	}
	return v
}

// dropped is how many calls the sensor says it dropped since its start.
func dropped(r *wire.Record) (sum uint64) {
	for _, d := range r.Drops {
		sum = min(maxSequence, sum+min(maxSequence, d.Calls))
	}
	return sum
}

// find takes the record's mark out of the list, or makes a new one. It fails
// for a start that must be taken for seen.
func (a *Audit) find(r *wire.Record, v *Verdict) (store.Mark, bool) {
	at, boots, oldest := -1, 0, -1
	for i := range a.marks {
		if a.marks[i].Sensor != r.Sensor {
			continue
		}
		boots++
		if a.marks[i].Boot > r.Boot {
			v.Late = true
		}
		if oldest < 0 || a.marks[i].Boot < a.marks[oldest].Boot {
			oldest = i
		}
		if a.marks[i].Boot == r.Boot {
			at = i
		}
	}
	if at >= 0 {
		m := a.marks[at]
		a.marks = slices.Delete(a.marks, at, at+1)
		return m, true
	}
	if boots >= maxBoots {
		if r.Boot < a.marks[oldest].Boot {
			return store.Mark{}, false
		}
		a.marks = slices.Delete(a.marks, oldest, oldest+1)
	}
	return store.Mark{Sensor: r.Sensor, Boot: r.Boot}, true
}
