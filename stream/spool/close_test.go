package spool

import (
	"strings"
	"testing"

	"lapwing/event"
	"lapwing/stream"
)

// Calls that are dropped after the last record are told of when the spool is
// closed: no later record would.
func TestCloseTellsOfTheLastDrops(t *testing.T) {
	a := newAuditor(t)
	s, err := Open(Config{Dir: t.TempDir(), Sensor: "s", Partitions: 1, MaxRecordBytes: 256 << 10}, a)
	if err != nil {
		t.Fatal(err)
	}
	run := make(chan error, 1)
	go func() { run <- s.Run(t.Context()) }()
	publish := func(c *event.Call) {
		if err := s.Publish(t.Context(), stream.Batch{Calls: []*event.Call{c}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	publish(&event.Call{ID: event.MakeID(1, 1), Path: "/fits"})
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(&event.Call{ID: event.MakeID(1, 2), Path: "/" + strings.Repeat("x", 300<<10)})
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-run; err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Dropped[TooLarge] != 1 || st.Acknowledged != 1 {
		t.Fatalf("want one call dropped and one shipped: %+v", st)
	}
	if m := a.marks[0]; m == nil || m.gaps != 1 || m.drops != 1 {
		t.Errorf("the other end counts %+v, want one missing and one dropped", m)
	}
	if err := s.Release(); err != nil {
		t.Error(err)
	}
}
