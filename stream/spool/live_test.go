package spool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lapwing/event"
	"lapwing/stream"
)

// An otherEnd can be away.
type otherEnd struct {
	*auditor
	away atomic.Bool
}

func (o *otherEnd) Send(ctx context.Context, recs []Packed) error {
	if o.away.Load() {
		return errAway
	}
	return o.auditor.Send(ctx, recs)
}

// long is a call that no compression makes small.
func long(n int) *event.Call {
	c := call(fmt.Sprint("/x/", n), n%50)
	x := uint64(n)*0x9e3779b97f4a7c15 + 1
	var b strings.Builder
	for range 120 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&b, "%016x", x)
	}
	c.Query = b.String()
	return c
}

// While the other end is away the log fills: packets are dropped and told,
// logs wait. When it is back, everything else arrives.
func TestFullSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := &otherEnd{auditor: newAuditor(t)}
		other.away.Store(true)
		s, err := Open(Config{Dir: "d", Sensor: "s", Partitions: 4, MaxBytes: 4 << 20, FS: newMemFS(1)}, other)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- s.Run(ctx) }()
		n := 0
		for s.Stats().Dropped[SpoolFull] < 1000 {
			var b stream.Batch
			for range 100 {
				b.Calls = append(b.Calls, long(n))
				n++
			}
			if err := s.Publish(t.Context(), b, nil); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
			if n > 1e6 {
				t.Fatalf("nothing was dropped: %+v", s.Stats())
			}
		}
		if st := s.Stats(); st.Bytes > 4<<20 || st.Trouble != SpoolFull {
			t.Fatalf("the log has %d bytes of %d, trouble %q", st.Bytes, 4<<20, st.Trouble)
		}
		published := make(chan error)
		go func() {
			published <- s.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call("/line", 1)}, Progress: []event.Progress{{Source: "log", Offset: 9}}}, nil)
		}()
		synctest.Wait()
		select {
		case <-published:
			t.Fatal("a batch with progress did not wait")
		default:
		}
		waiting, stop := context.WithTimeout(t.Context(), time.Second)
		if err := s.Publish(waiting, stream.Batch{}, func(error) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("a batch with done did not wait: %v", err)
		}
		stop()
		other.away.Store(false)
		if err := <-published; err != nil {
			t.Fatal(err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		cancel()
		st := s.Stats()
		if got := uint64(len(other.calls)); got != st.Acknowledged || st.Published != uint64(n)+1 || st.Acknowledged+st.Dropped[SpoolFull] != st.Published {
			t.Errorf("%d calls arrived of %d: %+v", got, n, st)
		}
		if other.calls["/line"] != 1 || s.Progress()["log"] != 9 {
			t.Error("the line that waited was lost")
		}
		var gaps uint64
		for _, m := range other.marks {
			gaps += m.gaps
		}
		if gaps != st.Dropped[SpoolFull] {
			t.Errorf("numbers say %d calls are missing, %d were dropped", gaps, st.Dropped[SpoolFull])
		}
		if err := s.Release(); err != nil {
			t.Error(err)
		}
	})
}

// A record that the other end will never take is set aside and told as
// dropped; those behind it arrive.
func TestRejectedRecord(t *testing.T) {
	fs := newMemFS(1)
	a := newAuditor(t)
	a.strict = false
	refused := uint64(0)
	a.fail = func(recs []Packed) error {
		for i := range recs {
			if recs[i].Partition == 2 && recs[i].Calls > 0 && refused == 0 {
				refused = recs[i].Calls
				for j := range i {
					a.take(&recs[j])
				}
				return &Rejection{Index: i, Reason: "malformed"}
			}
		}
		return nil
	}
	s := stepped(t, fs, 4, a)
	for round := range 2 {
		var b stream.Batch
		for n := range 40 {
			b.Calls = append(b.Calls, call(fmt.Sprint("/", round, "/", n), n))
		}
		if err := s.Publish(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
		s.flushNow(t)
		s.shipAll(t)
	}
	st := s.Stats()
	if refused == 0 || st.Rejected != refused || st.Acknowledged != 80-refused || uint64(len(a.calls)) != 80-refused {
		t.Errorf("%d refused, %d arrived: %+v", refused, len(a.calls), st)
	}
	if m := a.marks[2]; m.gaps != refused || m.drops != refused {
		t.Errorf("the other end misses %d calls and is told of %d, want %d", m.gaps, m.drops, refused)
	}
	kept, err := fs.List("d/rejected")
	if err != nil || len(kept) != 1 {
		t.Errorf("set aside: %v, %v", kept, err)
	}
}

// Every partition hears of the time at least once a second, also when nothing
// happens, and of a source's end.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		heard := map[int][]time.Time{}
		retired := map[int]bool{}
		a := newAuditor(t)
		a.fail = func(recs []Packed) error {
			for i := range recs {
				p := recs[i].Partition
				heard[p] = append(heard[p], time.Now())
				for _, h := range decoded(t, recs[i].Value).Heartbeats {
					if h.Source == "eth1" && h.Retired {
						retired[p] = true
					}
					if h.Source == "eth1" && !h.Retired && retired[p] {
						t.Errorf("partition %d hears of a source that has ended", p)
					}
				}
			}
			return nil
		}
		s, err := Open(Config{Dir: "d", Sensor: "s", Partitions: 16, FS: newMemFS(1)}, a)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- s.Run(ctx) }()
		beat := func(h ...event.Heartbeat) {
			if err := s.Publish(t.Context(), stream.Batch{Heartbeats: h}, nil); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		beat(event.Heartbeat{Source: "eth0", LowNS: 1}, event.Heartbeat{Source: "eth1", LowNS: 1})
		time.Sleep(5 * time.Second)
		beat(event.Heartbeat{Source: "eth1", LowNS: 2, Retired: true})
		time.Sleep(5 * time.Second)
		cancel()
		<-ran
		for p := range 16 {
			last := start
			for _, at := range heard[p] {
				if at.Sub(last) > time.Second {
					t.Errorf("partition %d heard nothing for %v", p, at.Sub(last))
				}
				last = at
			}
			if time.Since(last) > time.Second || !retired[p] {
				t.Errorf("partition %d: heard last %v ago, retired %v", p, time.Since(last), retired[p])
			}
		}
		if err := errors.Join(s.Close(t.Context()), s.Release()); err != nil {
			t.Error(err)
		}
		if err := s.Publish(t.Context(), stream.Batch{}, nil); !errors.Is(err, stream.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A disk that takes nothing until the end: Close says how many calls are lost,
// and done is told.
func TestCloseOnABrokenDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fs := newMemFS(1)
		fs.room = 0
		s, err := Open(Config{Dir: "d", Sensor: "s", Partitions: 1, FS: fs}, discard{})
		if err != nil {
			t.Fatal(err)
		}
		var told error
		if err := s.Publish(t.Context(), stream.Batch{Calls: []*event.Call{call("/a", 1), call("/b", 1)}}, func(err error) { told = err }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if st := s.Stats(); st.Trouble != DiskFull || st.Building != 2 {
			t.Errorf("stats %+v", st)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var lost *LostError
		if err := s.Close(ctx); !errors.As(err, &lost) || lost.Calls != 2 {
			t.Errorf("Close: %v", err)
		}
		if told == nil {
			t.Error("done was not told")
		}
		if st := s.Stats(); st.Dropped[DiskFull] != 2 || st.Building != 0 {
			t.Errorf("stats %+v", st)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	fs := newMemFS(1)
	written(t, fs, 1, 40)
	if _, err := open(Config{Dir: "d", Sensor: "s", Partitions: 2, FS: fs}, discard{}); err == nil || !strings.Contains(err.Error(), "more than 2 partitions") {
		t.Errorf("fewer partitions: %v", err)
	}
	for _, cfg := range []Config{{Sensor: "s", Partitions: 1}, {Dir: "d", Partitions: 1}, {Dir: "d", Sensor: "s"}, {Dir: "d", Sensor: "s", Partitions: 3}} {
		if _, err := Open(cfg, discard{}); err == nil {
			t.Errorf("%+v was accepted", cfg)
		}
	}
	dir := t.TempDir()
	s, err := Open(Config{Dir: dir, Sensor: "s", Partitions: 1}, discard{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir, Sensor: "s", Partitions: 1}, discard{}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("two processes in one directory: %v", err)
	}
	if err := errors.Join(s.Close(t.Context()), s.Release()); err != nil {
		t.Error(err)
	}
}

// The clock may go backwards between two starts: numbers are told apart still.
func TestBootsGrow(t *testing.T) {
	fs := newMemFS(1)
	var last uint64
	for _, at := range []int64{5000, 4000, 4000, 9000, 1} {
		s, err := open(Config{Dir: "d", Sensor: "s", Partitions: 1, FS: fs, Now: func() time.Time { return time.UnixMilli(at) }}, discard{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Boot() <= last || s.Boot() < uint64(at) {
			t.Fatalf("boot %d after %d at %d", s.Boot(), last, at)
		}
		last = s.Boot()
		s.flushNow(t)
		fs.kill()
	}
}

// Brokers that are away for ten minutes at 5,000 calls a second fit into the
// default bound: calls come in groups of 1,000 each 200 ms, over 16 partitions.
func TestTenMinutesFit(t *testing.T) {
	calls := traffic(50_000)
	s := stepped(t, newMemFS(1), 16, discard{})
	for from := 0; from < len(calls); from += 1000 {
		if err := s.Publish(t.Context(), stream.Batch{Calls: calls[from : from+1000]}, nil); err != nil {
			t.Fatal(err)
		}
		s.flushNow(t)
	}
	perCall := s.Stats().Bytes / int64(len(calls))
	t.Logf("%d bytes a call on disk", perCall)
	if need := perCall * 5000 * 600; need > 1<<30 {
		t.Errorf("%d bytes a call need %d MiB", perCall, need>>20)
	}
}
