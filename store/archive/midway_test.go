package archive

import (
	"testing"

	"lapwing/stream/wire"
)

// Who begins in the midst of the log does not miss what went before, but what
// is missing from then on.
func TestMidway(t *testing.T) {
	drops := func(n uint64) []wire.Drop { return []wire.Drop{{Reason: "spool_full", Calls: n}} }
	for _, midway := range []bool{false, true} {
		var a Audit
		if midway {
			a.Midway()
		}
		v := a.Judge(&wire.Record{Sensor: "s", Boot: 5, First: 1001, Drops: drops(40)})
		if midway && (v.Lost != 0 || v.Explained != 0) || !midway && (v.Lost != 1000 || v.Explained != 40) {
			t.Errorf("midway %v: the first record shows %d lost, %d explained", midway, v.Lost, v.Explained)
		}
		v = a.Judge(&wire.Record{Sensor: "s", Boot: 5, First: 1011, Drops: drops(50)})
		if v.Lost != 10 || v.Explained != 10 {
			t.Errorf("midway %v: then %d lost, %d explained, want 10 of each", midway, v.Lost, v.Explained)
		}
		if m := a.Marks(); len(m) != 1 || m[0].Next != 1011 {
			t.Errorf("midway %v: marks %+v", midway, m)
		}
	}
}
