package detect

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"lapwing/detect/snapshot"
	"lapwing/event"
)

// A street is traffic seen by a packet sensor and written down by gateways.
type street struct {
	rng   *rand.Rand
	calls []*event.Call
	n     uint64
}

func (s *street) id() event.ID { s.n++; return event.MakeID(s.n*0x9e3779b97f4a7c15, s.n) }

func (s *street) packet(at time.Duration, client, path string) *event.Call {
	c := &event.Call{
		ID: s.id(), Time: epoch.Add(at), Duration: 30 * time.Millisecond, Sensor: "wire", Source: event.SourcePacket, Client: netip.MustParseAddr(client),
		Method: "GET", Host: "shop.example:8080", Path: path, Status: 200,
	}
	c.Peer = netip.AddrPortFrom(c.Client, 40000)
	s.calls = append(s.calls, c)
	return c
}

// line is what a gateway with whole seconds and a clock that is off writes.
func (s *street) line(of *event.Call, off time.Duration) *event.Call {
	c := *of
	c.ID, c.Sensor, c.Source, c.Peer, c.Host = s.id(), "gateway", event.SourceLog, netip.AddrPort{}, "shop.example"
	c.Time, c.Duration = of.End().Add(off).Truncate(time.Second), 0
	s.calls = append(s.calls, &c)
	return &c
}

// watch runs calls that arrive in disorder through an engine.
func (s *street) watch(t *testing.T) (*counter, Stats) {
	t.Helper()
	c := &counter{cases: map[string]*counterCase{}}
	e := New(Config{Sensor: "t", Seed: 7}, func(event.Alert) {}, c)
	newest := time.Time{}
	for _, call := range s.calls {
		e.Observe(call)
		if call.End().After(newest) {
			newest = call.End()
		}
		if s.rng.IntN(4) == 0 {
			e.Advance(newest.Add(-8 * time.Second).UnixNano())
		}
	}
	e.Close()
	st := e.Stats()
	if st.Received != st.Judged+st.Repeated+st.Duplicates || int(st.Received) != len(s.calls) {
		t.Errorf("%+v of %d calls: some are not accounted for", st, len(s.calls))
	}
	return c, st
}

func client(n int) string { return fmt.Sprintf("192.0.2.%d", 1+n%200) }

// Every call that a gateway wrote down, too, is judged once, as packets,
// whatever the clock of the gateway and however alike the calls are.
func TestTwinsAreJudgedOnce(t *testing.T) {
	for _, off := range []time.Duration{0, -1900 * time.Millisecond, 700 * time.Millisecond, 1900 * time.Millisecond} {
		t.Run(off.String(), func(t *testing.T) {
			s := &street{rng: rand.New(rand.NewPCG(1, uint64(off)))}
			at, both := time.Duration(0), 0
			packets := map[event.ID]bool{}
			for n := range 4000 {
				at += time.Duration(s.rng.Int64N(int64(60 * time.Millisecond)))
				path := "/poll" // some ask for the same again and again, fast
				if n%3 > 0 {
					path = fmt.Sprintf("/orders/%d", s.rng.IntN(300))
				}
				c := s.packet(at, client(s.rng.IntN(5)), path)
				packets[c.ID] = true
				s.line(c, off)
				both++
			}
			c, st := s.watch(t)
			// Some three seconds pass before both kinds are known to be read.
			if st.Duplicates < int64(both)-110 || st.Judged > int64(both)+110 {
				t.Errorf("%d of %d lines are known as twins, %d calls judged", st.Duplicates, both, st.Judged)
			}
			judged := 0
			for _, id := range c.seen {
				if packets[id] {
					judged++
				}
			}
			if judged != both {
				t.Errorf("%d of %d packet calls are judged", judged, both)
			}
		})
	}
}

// Two real calls of one source stay two, and what only one source has stays.
func TestCallsOfOneSourceAreNeverOne(t *testing.T) {
	s := &street{rng: rand.New(rand.NewPCG(3, 3))}
	at := time.Duration(0)
	most := 0
	for n := range 3000 {
		at += 20 * time.Millisecond
		path := fmt.Sprint("/x/", n)
		switch n % 10 {
		case 0: // twice on the wire, once in the log
			s.line(s.packet(at, client(n), path), 0)
			s.packet(at+time.Millisecond, client(n), path)
			most += 2
		case 1: // once on the wire, twice in the log
			c := s.packet(at, client(n), path)
			s.line(c, 0)
			s.line(c, 0)
			most += 2
		case 2: // on the wire alone
			s.packet(at, client(n), path)
			most++
		case 3: // written down alone
			s.line(s.packet(at, client(n), path), 0)
			s.calls[len(s.calls)-2] = s.calls[len(s.calls)-1]
			s.calls = s.calls[:len(s.calls)-1]
			most++
		case 4: // another status, method, caller or host is another call
			l := s.line(s.packet(at, client(n), path), 0)
			switch n / 10 % 4 {
			case 0:
				l.Status = 404
			case 1:
				l.Method = "HEAD"
			case 2:
				l.Client = netip.MustParseAddr("198.51.100.1")
			case 3:
				l.Host = "other.example"
			}
			most += 2
		case 5: // five seconds apart is another call
			l := s.line(s.packet(at, client(n), path), 0)
			l.Time = l.Time.Add(-5 * time.Second)
			most += 2
		default: // behind a proxy: the log names it, the packets look through it
			c := s.packet(at, client(n), path)
			s.line(c, 0)
			c.Client = netip.MustParseAddr("203.0.113.77")
			most++
		}
	}
	_, st := s.watch(t)
	if st.Judged < int64(most) || st.Judged > int64(most)+40 {
		t.Errorf("%d judged, want %d and a few of the first second", st.Judged, most)
	}
}

// What is taken for twins does not depend on how often the watermark moves, and
// a snapshot in between changes nothing.
func TestTwinsSurviveSnapshots(t *testing.T) {
	s := &street{rng: rand.New(rand.NewPCG(5, 5))}
	for n := range 2000 {
		c := s.packet(time.Duration(n)*15*time.Millisecond, client(n%7), fmt.Sprint("/y/", n%20))
		if n%5 > 0 {
			s.line(c, -800*time.Millisecond)
		}
	}
	run := func(step int, cut int) (seen []event.ID, st Stats) {
		c := &counter{cases: map[string]*counterCase{}}
		e := New(Config{Sensor: "t", Seed: 7}, func(event.Alert) {}, c)
		for i, call := range s.calls {
			if i == cut {
				var b bytes.Buffer
				if err := snapshot.Save(&b, &engineAlone{e}); err != nil {
					t.Fatal(err)
				}
				fresh := &counter{cases: map[string]*counterCase{}}
				e = New(Config{Sensor: "t", Seed: 7}, func(event.Alert) {}, fresh)
				if err := snapshot.Load(&b, &engineAlone{e}); err != nil {
					t.Fatal(err)
				}
				c = fresh
			}
			e.Observe(call)
			if i%step == 0 {
				e.Advance(call.End().Add(-4 * time.Second).UnixNano())
			}
		}
		e.Close()
		return c.seen, e.Stats()
	}
	want, all := run(1, -1)
	if all.Duplicates < 1000 {
		t.Fatalf("%+v: the test shows nothing", all)
	}
	for _, step := range []int{3, 50, 100_000} {
		got, st := run(step, -1)
		if fmt.Sprint(got) != fmt.Sprint(want) || st != all {
			t.Errorf("steps of %d calls: %+v, want %+v", step, st, all)
		}
	}
	if got, st := run(1, 1500); st != all || len(got) != len(want) || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("after a snapshot: %+v, want %+v", st, all)
	}
}

// engineAlone is a root for snapshots.
type engineAlone struct{ Engine *Engine }

func (*engineAlone) SnapshotTypes() []any { return []any{(*counter)(nil), (*counterCase)(nil)} }

// The same call again is dropped, in its second and behind the watermark.
func TestTheSameCallAgain(t *testing.T) {
	c := &counter{cases: map[string]*counterCase{}}
	e := New(Config{}, func(event.Alert) {}, c)
	for n := range 50 {
		e.Observe(callAt(n, time.Duration(n)*time.Second))
		e.Observe(callAt(n/2, time.Duration(n/2)*time.Second))
		e.Advance(epoch.Add(time.Duration(n)*time.Second - 10*time.Second).UnixNano())
	}
	anonymous := callAt(0, 48*time.Second)
	anonymous.ID = event.ID{}
	e.Observe(anonymous) // calls without an ID are nobody's repetition
	e.Observe(anonymous)
	e.Close()
	if s := e.Stats(); s.Judged != 52 || s.Repeated != 50 || s.Late == 0 {
		t.Errorf("%+v, want 52 judged, 50 repeated, some of them late", s)
	}
}

func TestDriftIsLearned(t *testing.T) {
	var d drift
	if from, to := d.within(); from != earliestNS || to != latestNS {
		t.Errorf("knowing nothing: %d to %d", from, to)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	for range 20_000 {
		d.learn(500e6 + rng.Int64N(second))
	}
	if from, to := d.within(); from < 300e6 || from > 500e6 || to < 1500e6 || to > 1700e6 {
		t.Errorf("lines half a second to one and a half behind: %d to %d ms", from/1e6, to/1e6)
	}
	for range 20_000 { // the clock is put right
		d.learn(rng.Int64N(second))
	}
	if from, to := d.within(); from > 0 || to > 1200e6 {
		t.Errorf("no offset any more: %d to %d ms", from/1e6, to/1e6)
	}
}

func BenchmarkTwins(b *testing.B) {
	s := &street{rng: rand.New(rand.NewPCG(1, 1))}
	for n := range 20_000 {
		s.line(s.packet(time.Duration(n)*200*time.Microsecond, client(n), fmt.Sprint("/z/", n%1000)), 0)
	}
	b.ReportAllocs()
	for b.Loop() {
		e := New(Config{Seed: 7}, func(event.Alert) {})
		for i, c := range s.calls {
			e.Observe(c)
			if i%512 == 0 {
				e.Advance(c.End().Add(-4 * time.Second).UnixNano())
			}
		}
		e.Close()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.calls)), "ns/call")
}
