package spool

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lapwing/event"
	"lapwing/stream"
	"lapwing/stream/wire"
)

// An auditor is the other end: it keeps each call once, and follows the
// numbers as a receiver does.
type auditor struct {
	t      rapid.TB
	seen   map[[3]uint64][]byte // (partition, boot, first) to bytes
	marks  map[int]*audit       // by partition
	calls  map[string]int       // how often, by path, repetitions dropped
	fail   func(recs []Packed) error
	beats  int
	strict bool // gaps and drops must agree at any time
}

type audit struct {
	boot, next  uint64
	gaps, drops uint64
}

func newAuditor(t rapid.TB) *auditor {
	return &auditor{t: t, seen: map[[3]uint64][]byte{}, marks: map[int]*audit{}, calls: map[string]int{}, strict: true}
}

func (a *auditor) Send(_ context.Context, recs []Packed) error {
	if a.fail != nil {
		if err := a.fail(recs); err != nil {
			return err
		}
	}
	for i := range recs {
		a.take(&recs[i])
	}
	return nil
}

func (a *auditor) take(p *Packed) {
	rec, err := wire.Decode(p.Value)
	if err != nil {
		a.t.Fatalf("a record does not decode: %v", err)
	}
	if rec.Boot != p.Boot || rec.First != p.First || uint64(len(rec.Calls)) != p.Calls {
		a.t.Fatalf("record %d/%d with %d calls is announced as %d/%d with %d", rec.Boot, rec.First, len(rec.Calls), p.Boot, p.First, p.Calls)
	}
	a.beats += len(rec.Heartbeats)
	m := a.marks[p.Partition]
	if m == nil {
		m = &audit{boot: rec.Boot, next: 1}
		a.marks[p.Partition] = m
	}
	if rec.Boot < m.boot {
		if len(rec.Calls) > 0 && a.seen[[3]uint64{uint64(p.Partition), rec.Boot, rec.First}] == nil {
			a.t.Fatalf("partition %d: a record of boot %d comes after boot %d", p.Partition, rec.Boot, m.boot)
		}
		return // shipped again after a crash
	}
	if rec.Boot > m.boot {
		*m = audit{boot: rec.Boot, next: 1}
	}
	if len(rec.Calls) > 0 {
		key := [3]uint64{uint64(p.Partition), rec.Boot, rec.First}
		if old, again := a.seen[key]; again && !bytes.Equal(old, p.Value) {
			a.t.Fatalf("record %v was sent with other bytes", key)
		}
		a.seen[key] = bytes.Clone(p.Value)
	}
	if rec.First < m.next {
		if rec.Next() > m.next {
			a.t.Fatalf("partition %d: record %d…%d overlaps what ends at %d", p.Partition, rec.First, rec.Next(), m.next)
		}
		return // a repetition
	}
	m.gaps += rec.First - m.next
	m.next, m.drops = rec.Next(), 0
	for _, d := range rec.Drops {
		m.drops += d.Calls
	}
	if a.strict && m.gaps != m.drops {
		a.t.Fatalf("partition %d: numbers say %d calls are missing, drops say %d (%v)", p.Partition, m.gaps, m.drops, rec.Drops)
	}
	for _, c := range rec.Calls {
		a.calls[c.Path]++
		if a.calls[c.Path] > 1 {
			a.t.Fatalf("call %s came twice", c.Path)
		}
	}
}

func call(path string, actor int) *event.Call {
	return &event.Call{
		ID: event.MakeID(uint64(actor), uint64(len(path))), Time: time.Unix(1_700_000_000, 0).UTC(), Sensor: "s", Method: "GET", Host: "api.example", Path: path,
		Actor: event.Actor{Kind: event.KindClient, Value: fmt.Sprint("192.0.2.", actor)},
	}
}

// A world is a sensor with a log to read and packets that pass, on a disk that
// may fail, before an other end that may be away.
type world struct {
	t     *rapid.T
	fs    *memFS
	now   time.Time
	s     *Spool
	held  *group // a group whose writing failed, to be tried again
	other *auditor

	lines     int // of the log, written so far
	read      int // published by this process
	confirmed int // answered for by done
	packets   int // published, by all processes
}

func (w *world) open() {
	var err error
	w.s, err = open(Config{Dir: "d", Sensor: "s", Partitions: 4, MaxBytes: 4 << 20, SegmentBytes: 24 << 10, MaxPendingBytes: 8 << 10, FS: w.fs, Now: func() time.Time { return w.now }}, w.other)
	if err != nil {
		w.t.Fatal(err)
	}
	w.s.again.sleep = func(context.Context, time.Duration) bool { return false }
	w.held = nil
	w.read = int(w.s.Progress()["log"])
	if w.read < w.confirmed {
		w.t.Fatalf("the log was confirmed to line %d and resumes from %d", w.confirmed, w.read)
	}
}

// flush tries once to write what is packed.
func (w *world) flush() {
	w.now = w.now.Add(200 * time.Millisecond)
	g := w.held
	if g == nil {
		g = w.s.next(w.now)
	}
	if g != nil {
		w.held = g
		if w.s.write(g) == nil {
			w.held = nil
		}
	}
}

// ship makes at most n attempts to send.
func (w *world) ship(n int) {
	for range n {
		if !w.s.load() {
			return
		}
		// With pauses that never end, a failure ends ship.
		if err := w.s.ship(context.Background()); err == nil && w.s.batch.full {
			continue
		}
	}
}

func (w *world) packetBatch(n int) {
	b := stream.Batch{Heartbeats: []event.Heartbeat{{Source: "eth0", LowNS: w.now.UnixNano()}}}
	for range n {
		b.Calls = append(b.Calls, call(fmt.Sprint("/p/", w.packets), w.packets%17))
		w.packets++
	}
	if err := w.s.Publish(context.Background(), b, nil); err != nil {
		w.t.Fatal(err)
	}
}

// readLog publishes the next lines of the log, if that would not wait.
func (w *world) readLog(n int) {
	w.lines = max(w.lines, w.read+n)
	w.s.mu.Lock()
	wait := w.s.pending() >= w.s.cfg.MaxPendingBytes
	w.s.mu.Unlock()
	if wait {
		return
	}
	var b stream.Batch
	for range n {
		b.Calls = append(b.Calls, call(fmt.Sprint("/l/", w.read), w.read%13))
		w.read++
	}
	end := w.read
	b.Progress = []event.Progress{{Source: "log", Offset: int64(end)}}
	if err := w.s.Publish(context.Background(), b, func(err error) {
		if err != nil {
			w.t.Fatalf("lines are given up: %v", err)
		}
		w.confirmed = max(w.confirmed, end)
	}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) identities() {
	st := w.s.Stats()
	if st.Published != st.Appended+st.dropped()+st.Building {
		w.t.Fatalf("published calls do not add up: %+v", st)
	}
	if st.Appended+st.Recovered != st.Acknowledged+st.Rejected+st.Damaged+st.Pending || int64(st.Pending) < 0 {
		w.t.Fatalf("calls in the log do not add up: %+v", st)
	}
}

// Whatever the disk and the other end do: lines of the log arrive once each,
// records in order and as the same bytes, and what is missing of packets is
// what drops say.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{t: t, fs: newMemFS(rapid.Uint64().Draw(t, "seed")), now: time.Unix(1_700_000_000, 0), other: newAuditor(t)}
		w.open()
		t.Repeat(map[string]func(*rapid.T){
			"packets": func(t *rapid.T) { w.packetBatch(rapid.IntRange(1, 60).Draw(t, "n")) },
			"lines":   func(t *rapid.T) { w.readLog(rapid.IntRange(1, 60).Draw(t, "n")) },
			"flush":   func(t *rapid.T) { w.flush() },
			"flush2":  func(t *rapid.T) { w.flush(); w.flush() },
			"ship":    func(t *rapid.T) { w.ship(3) },
			"away":    func(t *rapid.T) { w.other.fail = func([]Packed) error { return errAway } },
			"back":    func(t *rapid.T) { w.other.fail = nil },
			"full":    func(t *rapid.T) { w.fs.room = rapid.Int64Range(0, 3000).Draw(t, "room") },
			"roomy":   func(t *rapid.T) { w.fs.room = -1 },
			"broken": func(t *rapid.T) {
				w.fs.faults = rapid.IntRange(1, 4).Draw(t, "faults")
				w.fs.short = rapid.Bool().Draw(t, "short")
			},
			"unread":   func(t *rapid.T) { w.fs.reading = rapid.IntRange(1, readTries-1).Draw(t, "reads") },
			"answered": func(t *rapid.T) { w.other.fail = afterwards(w.other) },
			"kill":     func(t *rapid.T) { w.fs.faults, w.fs.reading = 0, 0; w.fs.kill(); w.open() },
			"power":    func(t *rapid.T) { w.fs.faults, w.fs.reading = 0, 0; w.fs.powerLoss(); w.open() },
			"":         func(*rapid.T) { w.identities() },
		})
		// In the end everything works, and everything arrives.
		w.fs.faults, w.fs.room, w.fs.reading, w.other.fail = 0, -1, 0, nil
		for range 50 {
			w.flush()
			w.ship(50)
			if w.read < w.lines {
				w.readLog(w.lines - w.read)
			}
			w.identities()
		}
		for n := range w.lines {
			if w.other.calls[fmt.Sprint("/l/", n)] != 1 {
				t.Fatalf("line %d of %d came %d times", n, w.lines, w.other.calls[fmt.Sprint("/l/", n)])
			}
		}
		st := w.s.Stats()
		if st.Pending != 0 || st.Building != 0 || st.Damaged != 0 {
			t.Fatalf("not everything is delivered: %+v", st)
		}
		if st.Segments > 2 {
			t.Fatalf("%d segments are left of what was delivered", st.Segments)
		}
	})
}

var errAway = fmt.Errorf("away")

// afterwards is an other end whose answer is lost, once.
func afterwards(a *auditor) func([]Packed) error {
	return func(recs []Packed) error {
		for i := range recs {
			a.take(&recs[i])
		}
		a.fail = nil
		return errAway
	}
}
