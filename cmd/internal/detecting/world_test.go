package detecting

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
	"lapwing/stream/wire"
)

const testPartitions = 4

// sampled are the calls of the bundled recording in the order in which they
// ended.
var sampled = sync.OnceValues(func() ([]*event.Call, error) {
	r, err := sample.Make(sample.Options{})
	if err != nil {
		return nil, err
	}
	var calls []*event.Call
	p, err := parse.New(parse.Config{Sensor: "t"}, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		return nil, err
	}
	for _, packet := range r.Packets {
		p.Packet(1, packet.Data, len(packet.Data), packet.Time.UnixNano())
	}
	p.Close()
	slices.SortStableFunc(calls, func(a, b *event.Call) int {
		return cmp.Or(a.End().Compare(b.End()), a.ID.Compare(b.ID))
	})
	return calls, nil
})

func build(emit func(event.Alert)) (*standard.Detection, error) {
	return standard.New(standard.Config{Sensor: "t", Seed: 1}, emit)
}

// entry is a message of the test's log.
type entry struct {
	at     time.Time
	record *wire.Record
}

// A world is a log of what sensors sent, and what one detection that saw all of
// it says.
type world struct {
	log   [testPartitions][]entry
	calls int
	said  []string
}

// newWorld has the sensors see the calls of some clients each, live: a record
// a partition and second, with the time up to which everything is told.
func newWorld(tb testing.TB, sensors int, limit int) *world {
	tb.Helper()
	calls, err := sampled()
	if err != nil {
		tb.Fatal(err)
	}
	calls = calls[:min(limit, len(calls))]
	w := &world{calls: len(calls)}
	d, err := build(func(a event.Alert) { w.said = append(w.said, text(tb, a)) })
	if err != nil {
		tb.Fatal(err)
	}
	type sender struct {
		name  string
		next  [testPartitions]uint64
		calls [testPartitions][]*event.Call
	}
	var list []*sender
	for n := range sensors {
		s := &sender{name: fmt.Sprint("sensor", n)}
		for p := range s.next {
			s.next[p] = 1
		}
		list = append(list, s)
	}
	send := func(at time.Time, retired bool) {
		for n, s := range list {
			for p := range s.next {
				r := &wire.Record{Sensor: s.name, Boot: 7, First: s.next[p], Calls: s.calls[p],
					Heartbeats: []event.Heartbeat{{Source: "eth0", LowNS: at.UnixNano(), Retired: retired}}}
				s.next[p], s.calls[p] = r.Next(), nil
				w.log[p] = append(w.log[p], entry{at.Add(time.Duration(n*7+p) * time.Millisecond), r})
			}
		}
	}
	at := calls[0].End().Truncate(time.Second)
	send(at, false)
	for _, c := range calls {
		for ; !c.End().Before(at.Add(time.Second)); at = at.Add(time.Second) {
			send(at.Add(time.Second), false)
		}
		a := c.Client.As16()
		s := list[int(a[15])%sensors]
		p := wire.PartitionOf(wire.SlotOf(c.Actor.Kind, c.Actor.Value), testPartitions)
		s.calls[p] = append(s.calls[p], c)
		d.Observe(c)
	}
	send(at.Add(time.Second), true)
	d.Close()
	if len(w.said) < 3 {
		tb.Fatalf("%d revisions: the world shows nothing", len(w.said))
	}
	return w
}

func text(tb testing.TB, a event.Alert) string {
	tb.Helper()
	b, err := json.Marshal(&a)
	if err != nil {
		tb.Fatal(err)
	}
	return string(b)
}

func newTestFollower(tb testing.TB) *Follower {
	tb.Helper()
	f, err := NewFollower(testPartitions, nil, build)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func raised(tb testing.TB, f *Follower) (out []string) {
	for _, a := range f.Raised() {
		out = append(out, text(tb, a))
	}
	return out
}

// conserved checks that every call is accounted for.
func conserved(tb testing.TB, f *Follower, calls int) {
	tb.Helper()
	c, d := f.Counts(), f.Detection().Stats()
	if c.Seen != c.Observed+c.Repeated || int64(c.Observed) != d.Received || d.Received != d.Judged+d.Pending || int(c.Observed) != calls || c.Lost != 0 || d.Late != 0 || d.Forced != 0 {
		tb.Errorf("not conserved: %+v, %+v, of %d calls", c, d, calls)
	}
}

// Whatever the order in which partitions are read, the same is said, to the
// byte and in the same order, as by one who reads no log at all.
func TestInterleavingDoesNotMatter(t *testing.T) {
	for _, sensors := range []int{1, 3} {
		w := newWorld(t, sensors, 1<<30)
		seeds := uint64(6)
		if testing.Short() {
			seeds = 1
		}
		for seed := range seeds {
			rng := rand.New(rand.NewPCG(seed, 1))
			f := newTestFollower(t)
			var at [testPartitions]int
			burst := []int{1, 10, 1000}[seed%3]
			for left := testPartitions; left > 0; {
				p := rng.IntN(testPartitions)
				if at[p] == len(w.log[p]) {
					continue
				}
				for range 1 + rng.IntN(burst) {
					if at[p] == len(w.log[p]) {
						break
					}
					f.Apply(p, int64(at[p]), w.log[p][at[p]].record)
					if at[p]++; at[p] == len(w.log[p]) {
						left--
					}
				}
			}
			if !f.Finished() {
				t.Error("not finished at the end")
			}
			f.Close()
			if got := raised(t, f); !slices.Equal(got, w.said) {
				t.Errorf("%d sensors, seed %d: %d revisions, want %d", sensors, seed, len(got), len(w.said))
			}
			conserved(t, f, w.calls)
		}
	}
}

// What is sent or handed out twice is taken once; what is missing is counted.
func TestRepetitionsAndGaps(t *testing.T) {
	w := newWorld(t, 2, 1<<30)
	f := newTestFollower(t)
	rng := rand.New(rand.NewPCG(1, 2))
	repeated, stale := uint64(0), uint64(0)
	var offset [testPartitions]int64
	for i := range w.log[0] {
		for p := range w.log {
			r := w.log[p][i].record
			f.Apply(p, offset[p], r)
			offset[p]++
			switch rng.IntN(3) {
			case 0: // sent twice
				f.Apply(p, offset[p], r)
				offset[p]++
				repeated += uint64(len(r.Calls))
			case 1: // handed out twice
				f.Apply(p, offset[p]-1, r)
				stale++
			}
		}
	}
	f.Close()
	if got := raised(t, f); !slices.Equal(got, w.said) {
		t.Errorf("%d revisions, want %d", len(got), len(w.said))
	}
	if c := f.Counts(); c.Repeated != repeated || c.Stale != stale || repeated == 0 || stale == 0 {
		t.Errorf("%+v, want %d repeated and %d stale", c, repeated, stale)
	}
	conserved(t, f, w.calls)

	f = newTestFollower(t)
	missing := uint64(0)
	for i := range w.log[1] {
		r := *w.log[1][i].record
		if i%5 == 2 {
			missing += uint64(len(r.Calls))
			f.Skip(1, int64(i))
			continue
		}
		if i == len(w.log[1])-1 {
			r.Drops = []wire.Drop{{Reason: "spool_full", Calls: 3}}
		}
		f.Apply(1, int64(i), &r)
	}
	if c := f.Counts(); c.Lost != missing || missing == 0 || c.Explained != 3 || c.Quarantined == 0 {
		t.Errorf("%+v, want %d lost and 3 of them explained", c, missing)
	}
}

// A follower that goes on from a snapshot says what is left to say.
func TestFollowerGoesOnFromSnapshot(t *testing.T) {
	w := newWorld(t, 2, 1<<30)
	rng := rand.New(rand.NewPCG(3, 3))
	n := len(w.log[0])
	for range 8 {
		cut := rng.IntN(n)
		f := newTestFollower(t)
		var said []string
		for i := range n {
			if i == cut {
				said = raised(t, f)
				f.Told()
				f = reloaded(t, f)
			}
			for p := range w.log {
				if f.Position(p) > int64(i) {
					t.Fatalf("partition %d is at %d and not at %d", p, f.Position(p), i)
				}
				f.Apply(p, int64(i), w.log[p][i].record)
			}
		}
		f.Close()
		if got := append(said, raised(t, f)...); !slices.Equal(got, w.said) {
			t.Errorf("cut at %d: %d revisions, want %d", cut, len(got), len(w.said))
		}
		conserved(t, f, w.calls)
	}
}

func reloaded(tb testing.TB, f *Follower) *Follower {
	tb.Helper()
	var b bytes.Buffer
	if err := f.Save(&b); err != nil {
		tb.Fatal(err)
	}
	again := newTestFollower(tb)
	if err := again.Load(&b); err != nil {
		tb.Fatal(err)
	}
	return again
}
