package spool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/stream"
	"lapwing/stream/wire"
)

// stepped opens a spool that the test moves by hand.
func stepped(t testing.TB, fs FS, partitions int, sender Sender) *Spool {
	t.Helper()
	now := time.Unix(1_700_000_000, 0)
	s, err := open(Config{Dir: "d", Sensor: "s", Partitions: partitions, SegmentBytes: 8 << 10, FS: fs, Now: func() time.Time {
		now = now.Add(200 * time.Millisecond)
		return now
	}}, sender)
	if err != nil {
		t.Fatal(err)
	}
	s.again.sleep = func(context.Context, time.Duration) bool { return false }
	return s
}

func (s *Spool) flushNow(t testing.TB) {
	t.Helper()
	if g := s.next(s.cfg.Now()); g != nil {
		if err := s.write(g); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *Spool) shipAll(t testing.TB) {
	t.Helper()
	for s.load() {
		if err := s.ship(t.Context()); err != nil || s.batch.full {
			t.Fatalf("not shipped: %v", err)
		}
	}
}

// written makes a log with calls in it, as one process leaves it behind.
func written(t testing.TB, fs *memFS, groups, calls int) (total int) {
	t.Helper()
	s := stepped(t, fs, 4, newAuditor(t))
	for range groups {
		var b stream.Batch
		for range calls {
			b.Calls = append(b.Calls, call(fmt.Sprint("/c/", total), total%11))
			total++
		}
		b.Progress = []event.Progress{{Source: "log", Offset: int64(total)}}
		if err := s.Publish(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
		s.flushNow(t)
	}
	s.closed = true
	s.flushNow(t) // as Close does
	if err := s.log.seal(SyncGroup); err != nil {
		t.Fatal(err)
	}
	fs.kill()
	return total
}

// counting is an other end that adds up what came, and what is told of the rest.
type counting struct {
	t     testing.TB
	calls map[string]bool
	next  map[[2]uint64]uint64
	gaps  map[[2]uint64]uint64
	drops map[[2]uint64]uint64
}

func newCounting(t testing.TB) *counting {
	return &counting{t, map[string]bool{}, map[[2]uint64]uint64{}, map[[2]uint64]uint64{}, map[[2]uint64]uint64{}}
}

func (c *counting) Send(_ context.Context, recs []Packed) error {
	for i := range recs {
		rec, err := wire.Decode(recs[i].Value)
		if err != nil {
			c.t.Fatalf("a damaged record was sent: %v", err)
		}
		key := [2]uint64{uint64(recs[i].Partition), rec.Boot}
		if c.next[key] == 0 {
			c.next[key] = 1
		}
		if rec.First < c.next[key] {
			c.t.Fatalf("record %d of %v comes after %d", rec.First, key, c.next[key])
		}
		c.gaps[key] += rec.First - c.next[key]
		c.next[key] = rec.Next()
		c.drops[key] = 0
		for _, d := range rec.Drops {
			c.drops[key] += d.Calls
		}
		for _, call := range rec.Calls {
			if c.calls[call.Path] {
				c.t.Fatalf("%s came twice", call.Path)
			}
			c.calls[call.Path] = true
		}
	}
	return nil
}

// Whatever bits are flipped or bytes are cut off: no panic, no wrong record,
// no more lost than what was damaged, and the loss is told.
func TestDamage(t *testing.T) {
	rounds := 1500
	if testing.Short() {
		rounds = 100
	}
	for round := range rounds {
		rnd := rand.New(rand.NewPCG(uint64(round), 5))
		fs := newMemFS(uint64(round))
		total := written(t, fs, 6, 40)
		names := segmentsOf(fs)
		hit := fs.files[names[rnd.IntN(len(names))]]
		cut := rnd.IntN(8) == 0
		at := rnd.IntN(len(hit.data))
		if cut {
			hit.data = hit.data[:at]
		} else {
			hit.data[at] ^= 1 << rnd.IntN(8)
		}
		other := newCounting(t)
		s := stepped(t, fs, 4, other)
		s.shipAll(t)
		// The next process speaks in every partition.
		if err := s.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call("/new", 1)}}, nil); err != nil {
			t.Fatal(err)
		}
		s.flushNow(t)
		s.shipAll(t)
		missing := total - (len(other.calls) - 1)
		st := s.Stats()
		if !cut && missing > 0 && missing > 40/2 {
			t.Fatalf("round %d: one bit at %d cost %d of %d calls", round, at, missing, total)
		}
		if missing > 0 && !cut {
			if st.Damaged != uint64(missing) {
				t.Fatalf("round %d: %d calls are missing and %d counted", round, missing, st.Damaged)
			}
			for key, gap := range other.gaps {
				// What was last of a partition leaves no gap behind it: only its
				// drops tell.
				if other.drops[key] < gap {
					t.Fatalf("round %d: partition and boot %v miss %d calls and tell of %d", round, key, gap, other.drops[key])
				}
			}
		}
		if st.Appended+st.Recovered != st.Acknowledged+st.Rejected+st.Damaged+st.Pending || st.Pending != 0 {
			t.Fatalf("round %d: %+v", round, st)
		}
		if p := s.Progress()["log"]; p > int64(total) {
			t.Fatalf("progress %d was never made", p)
		}
	}
}

func segmentsOf(fs *memFS) (names []string) {
	for name := range fs.files {
		if _, ok := segmentID(filepath.Base(name)); ok {
			names = append(names, name)
		}
	}
	return names
}

// Any bytes in the place of a segment, and of the position, are survived.
func FuzzOpen(f *testing.F) {
	fs := newMemFS(1)
	written(f, fs, 2, 10)
	for _, name := range segmentsOf(fs) {
		f.Add(fs.files[name].data, fs.files["d/"+positionName].data[:128])
	}
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, segment, position []byte) {
		fs := newMemFS(1)
		fs.files["d/"+segmentName(1)] = &memFile{fs: fs, data: segment, durable: true}
		fs.files["d/"+positionName] = &memFile{fs: fs, data: position, durable: true}
		s, err := open(Config{Dir: "d", Sensor: "s", Partitions: 4, FS: fs}, discard{})
		if err != nil {
			return // records for other partitions
		}
		s.shipAll(t)
		if err := s.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call("/new", 1)}}, nil); err != nil {
			t.Fatal(err)
		}
		s.flushNow(t)
		s.shipAll(t)
		if st := s.Stats(); st.Acknowledged == 0 {
			t.Fatalf("the new call was not shipped: %+v", st)
		}
	})
}

type discard struct{}

func (discard) Send(context.Context, []Packed) error { return nil }

func decoded(t testing.TB, b []byte) *wire.Record {
	t.Helper()
	rec, err := wire.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return rec
}
