package itest

import (
	"strings"
	"testing"

	"lapwing/event"
	"lapwing/stream/wire"
)

func record(boot, first uint64, drops uint64, ids ...uint64) []byte {
	r := wire.Record{Sensor: "s", Boot: boot, First: first}
	for _, id := range ids {
		r.Calls = append(r.Calls, &event.Call{ID: event.MakeID(1, id), Sensor: "s"})
	}
	if drops > 0 {
		r.Drops = []wire.Drop{{Reason: "spool_full", Calls: drops}}
	}
	return r.Append(nil)
}

func TestLogAudit(t *testing.T) {
	for _, test := range []struct {
		name    string
		records [][]byte
		lost    uint64
		repeats int
		doubled int
		fault   string
	}{
		{name: "in order", records: [][]byte{record(7, 1, 0, 1, 2), record(7, 3, 0, 3)}},
		{name: "sent twice", records: [][]byte{record(7, 1, 0, 1, 2), record(7, 1, 0, 1, 2), record(7, 3, 0, 3)}, repeats: 1},
		{name: "a second boot begins at 1", records: [][]byte{record(7, 1, 0, 1), record(8, 1, 0, 2)}},
		{name: "dropped and said", records: [][]byte{record(7, 1, 0, 1), record(7, 4, 2, 4)}, lost: 2},
		{name: "dropped at the end and said", records: [][]byte{record(7, 1, 0, 1), record(7, 4, 2)}, lost: 2},
		{name: "lost unsaid", records: [][]byte{record(7, 1, 0, 1), record(7, 4, 0, 4)}, lost: 2, fault: "missing"},
		{name: "said and not lost", records: [][]byte{record(7, 1, 0, 1), record(7, 2, 2, 4)}, fault: "missing"},
		{name: "repeated with other content", records: [][]byte{record(7, 1, 0, 1), record(7, 1, 0, 2)}, repeats: 1, fault: "other bytes"},
		{name: "overlapping", records: [][]byte{record(7, 1, 0, 1, 2), record(7, 2, 0, 2, 3)}, fault: "goes back"},
		{name: "read twice by the sensor", records: [][]byte{record(7, 1, 0, 1), record(8, 1, 0, 1)}, doubled: 1},
		{name: "no record", records: [][]byte{[]byte("garbage")}, fault: "offset 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := NewLogAudit()
			for i, r := range test.records {
				a.Add(3, int64(i), r)
			}
			a.Close()
			faults := strings.Join(a.Balanced(), "; ")
			if test.fault == "" && faults != "" || !strings.Contains(faults, test.fault) {
				t.Errorf("faults %q, want one about %q", faults, test.fault)
			}
			if a.Lost != test.lost || a.Repeated != test.repeats || a.Doubled() != test.doubled {
				t.Errorf("lost %d, repeated %d, doubled %d; want %d, %d, %d", a.Lost, a.Repeated, a.Doubled(), test.lost, test.repeats, test.doubled)
			}
		})
	}
}

func TestCompare(t *testing.T) {
	id := func(n uint64) event.ID { return event.MakeID(0, n) }
	missing, foreign, doubled := Compare(map[event.ID]int{id(1): 1, id(2): 2, id(4): 1}, map[event.ID]int{id(1): 1, id(2): 1, id(3): 1})
	if missing != 1 || foreign != 1 || doubled != 1 {
		t.Errorf("missing %d, foreign %d, doubled %d; want one of each", missing, foreign, doubled)
	}
}
