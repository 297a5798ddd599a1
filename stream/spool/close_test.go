package spool

import (
	"testing"
	"time"

	"lapwing/event"
	"lapwing/stream"
)

// Calls that are dropped after the last record are told of when the spool is
// closed: no later record would.
func TestCloseTellsOfTheLastDrops(t *testing.T) {
	a := newAuditor(t)
	s, err := Open(Config{Dir: t.TempDir(), Sensor: "s", Partitions: 1, MaxBytes: 8 << 20, MaxPendingBytes: 1, Linger: 100 * time.Millisecond}, a)
	if err != nil {
		t.Fatal(err)
	}
	run := make(chan error, 1)
	go func() { run <- s.Run(t.Context()) }()
	// The first batch fills the memory there is; the second is dropped at once,
	// and nothing comes behind it.
	for n := range 2 {
		b := stream.Batch{Calls: []*event.Call{{ID: event.MakeID(1, uint64(n)), Path: "/p"}}}
		if err := s.Publish(t.Context(), b, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-run; err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.dropped() != 1 || st.Acknowledged != 1 {
		t.Fatalf("%d calls were dropped and %d shipped, want one of each: %+v", st.dropped(), st.Acknowledged, st)
	}
	if m := a.marks[0]; m == nil || m.gaps != 1 || m.drops != 1 {
		t.Errorf("the other end counts %+v, want one missing and one dropped", m)
	}
	if err := s.Release(); err != nil {
		t.Error(err)
	}
}
