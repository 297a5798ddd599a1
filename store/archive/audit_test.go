package archive

import (
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"lapwing/event"
	"lapwing/store"
	"lapwing/stream/wire"
)

// rec makes a record of calls numbered from first on; each call's ID says its
// number and its sensor's start.
func rec(sensor string, boot, first uint64, calls int, dropped ...uint64) *wire.Record {
	r := &wire.Record{Sensor: sensor, Boot: boot, First: first}
	for i := range calls {
		r.Calls = append(r.Calls, &event.Call{ID: event.MakeID(boot, first+uint64(i)), Sensor: sensor, Time: epoch})
	}
	for _, d := range dropped {
		r.Drops = append(r.Drops, wire.Drop{Reason: "spool_full", Calls: d})
	}
	return r
}

func TestAudit(t *testing.T) {
	type step struct {
		r                         *wire.Record
		news                      int
		repeated, lost, explained uint64
		late                      bool
	}
	for _, tc := range []struct {
		name  string
		steps []step
		marks []store.Mark
	}{
		{"in order", []step{{r: rec("a", 5, 1, 3), news: 3}, {r: rec("a", 5, 4, 2), news: 2}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 6}}},
		{"a repetition", []step{{r: rec("a", 5, 1, 3), news: 3}, {r: rec("a", 5, 1, 3), repeated: 3}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 4}}},
		{"a repetition with more behind", []step{{r: rec("a", 5, 1, 3), news: 3}, {r: rec("a", 5, 2, 4), news: 2, repeated: 2}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 6}}},
		{"a gap", []step{{r: rec("a", 5, 1, 3), news: 3}, {r: rec("a", 5, 10, 1), news: 1, lost: 6}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 11, Lost: 6}}},
		{"a gap at the beginning", []step{{r: rec("a", 5, 3, 1), news: 1, lost: 2}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 4, Lost: 2}}},
		{"a gap that a heartbeat shows, explained", []step{{r: rec("a", 5, 1, 1), news: 1}, {r: rec("a", 5, 5, 0, 2, 1), lost: 3, explained: 3}, {r: rec("a", 5, 5, 0, 2, 1)}},
			[]store.Mark{{Sensor: "a", Boot: 5, Next: 5, Lost: 3, Explained: 3}}},
		{"a repetition says an older sum of drops", []step{{r: rec("a", 5, 1, 0, 4), explained: 4}, {r: rec("a", 5, 1, 0, 3)}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 1, Explained: 4}}},
		{"a new start", []step{{r: rec("a", 5, 1, 3), news: 3}, {r: rec("a", 9, 1, 2), news: 2}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 4}, {Sensor: "a", Boot: 9, Next: 3}}},
		{"late records of an earlier start are kept once", []step{{r: rec("a", 5, 1, 3), news: 3}, {r: rec("a", 9, 1, 2), news: 2}, {r: rec("a", 5, 2, 3), news: 1, repeated: 2, late: true}},
			[]store.Mark{{Sensor: "a", Boot: 9, Next: 3}, {Sensor: "a", Boot: 5, Next: 5}}},
		{"two sensors", []step{{r: rec("a", 5, 1, 1), news: 1}, {r: rec("b", 5, 1, 1), news: 1}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 2}, {Sensor: "b", Boot: 5, Next: 2}}},
		{"more starts than are told apart", []step{{r: rec("a", 1, 1, 1), news: 1}, {r: rec("a", 2, 1, 1), news: 1}, {r: rec("a", 3, 1, 1), news: 1}, {r: rec("a", 4, 1, 1), news: 1},
			{r: rec("a", 5, 1, 1), news: 1}, {r: rec("a", 1, 1, 1), repeated: 1, late: true}},
			[]store.Mark{{Sensor: "a", Boot: 2, Next: 2}, {Sensor: "a", Boot: 3, Next: 2}, {Sensor: "a", Boot: 4, Next: 2}, {Sensor: "a", Boot: 5, Next: 2}}},
		{"sums do not wrap", []step{{r: rec("a", 5, 1, 0, math.MaxUint64, math.MaxUint64), explained: maxSequence}}, []store.Mark{{Sensor: "a", Boot: 5, Next: 1, Explained: maxSequence}}},
	} {
		a := NewAudit(nil)
		for i, s := range tc.steps {
			v := a.Judge(s.r)
			if len(v.News) != s.news || v.Repeated != s.repeated || v.Lost != s.lost || v.Explained != s.explained || v.Late != s.late {
				t.Errorf("%s, record %d: %d news, %+v", tc.name, i, len(v.News), v)
			}
		}
		if got := a.Marks(); !reflect.DeepEqual(got, tc.marks) {
			t.Errorf("%s: marks %+v, want %+v", tc.name, got, tc.marks)
		}
	}
}

func TestCheckRefusesImpossibleNumbers(t *testing.T) {
	for _, r := range []*wire.Record{rec("", 1, 1, 0), rec("a", 1, 0, 0), rec("a", 1, math.MaxUint64, 0), rec("a", 1, maxSequence+1, 0)} {
		if Check(r) == nil {
			t.Errorf("record of sensor %q from number %d on was let through", r.Sensor, r.First)
		}
	}
	if err := Check(rec("a", 1, maxSequence, 0)); err != nil {
		t.Error(err)
	}
}

// Whatever is sent again and again, in whatever order within one start: every
// number is news once at most, what is neither news nor lost does not exist,
// and stopping in between changes nothing.
func TestEveryNumberIsNewsOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var records []*wire.Record
		next := uint64(1)
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			next += uint64(rapid.SampledFrom([]int{0, 0, 0, 1, 5}).Draw(t, "gap"))
			r := rec("a", 1, next, rapid.IntRange(0, 4).Draw(t, "calls"))
			next = r.Next()
			records = append(records, r)
			for range rapid.IntRange(0, 2).Draw(t, "repetitions") {
				records = append(records, records[rapid.IntRange(0, len(records)-1).Draw(t, "again")])
			}
		}
		a := NewAudit(nil)
		news := make(map[event.ID]int)
		var kept, repeated, seen, lost uint64
		for _, r := range records {
			if rapid.Bool().Draw(t, "stop here") {
				a = NewAudit(a.Marks())
			}
			v := a.Judge(r)
			for _, c := range v.News {
				news[c.ID]++
			}
			seen, kept, repeated, lost = seen+uint64(len(r.Calls)), kept+uint64(len(v.News)), repeated+v.Repeated, lost+v.Lost
		}
		for id, n := range news {
			if n != 1 {
				t.Fatalf("call %s was news %d times", id, n)
			}
		}
		if seen != kept+repeated {
			t.Fatalf("seen %d, kept %d, repeated %d", seen, kept, repeated)
		}
		if kept+lost != next-1 {
			t.Fatalf("kept %d and lost %d of %d numbers", kept, lost, next-1)
		}
	})
}

func TestMarksAreBounded(t *testing.T) {
	a := NewAudit(make([]store.Mark, maxMarks))
	for i := range uint64(5) {
		a.Judge(rec("late", i, 1, 1))
	}
	if n := len(a.Marks()); n > maxMarks {
		t.Errorf("%d marks, want %d at most", n, maxMarks)
	}
	last := a.Marks()[len(a.Marks())-1]
	if last.Sensor != "late" || last.Boot != 4 {
		t.Errorf("the most recent mark is %+v", last)
	}
}
