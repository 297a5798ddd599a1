package archive

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

// A stub is what the cutter sees of a message.
type stub struct {
	at           time.Time
	calls, bytes int
}

// stubs draws messages whose times mostly rise, stand still, jump ahead and
// fall back.
func stubs(t *rapid.T) []stub {
	at := epoch
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) stub {
		step := rapid.OneOf(rapid.Int64Range(0, 300), rapid.Int64Range(-3000, 3000), rapid.Int64Range(0, 1)).Draw(t, "ms")
		at = at.Add(time.Duration(step) * time.Millisecond)
		return stub{at, rapid.IntRange(0, 60).Draw(t, "calls"), rapid.IntRange(1, 90).Draw(t, "bytes")}
	}), 1, 200).Draw(t, "messages")
}

var tight = Limits{Window: 2 * time.Second, Calls: 100, Bytes: 300, Records: 12}

// cuts returns the indices at which batches begin, from begin on.
func cuts(messages []stub, begin int) (out []int) {
	c := NewCutter(tight)
	for i := begin; i < len(messages); i++ {
		if c.Add(messages[i].at, messages[i].calls, messages[i].bytes) {
			out = append(out, i)
		}
	}
	return out
}

func TestCutsFollowFromTheLogAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := stubs(t)
		want := cuts(messages, 0)
		for i, begin := range append([]int{0}, want...) {
			if got := cuts(messages, begin); !slices.Equal(got, want[i:]) {
				t.Fatalf("cuts from %d on: %v, want %v", begin, got, want[i:])
			}
		}
	})
}

// fits says the same as the cutter, by looking at a whole batch at once.
func fits(batch []stub) bool {
	window := func(at time.Time) int64 { return at.UnixMilli() / 2000 }
	latest, calls, bytes := batch[0].at, 0, 0
	for _, m := range batch {
		if m.at.After(latest) {
			latest = m.at
		}
		calls, bytes = calls+m.calls, bytes+m.bytes
	}
	return len(batch) == 1 ||
		window(latest) == window(batch[0].at) && calls <= tight.Calls && bytes <= tight.Bytes && len(batch) <= tight.Records
}

func TestBatchesAreMaximalRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		messages := stubs(t)
		begin := 0
		for _, end := range cuts(messages, 0) {
			if !fits(messages[begin:end]) {
				t.Fatalf("messages %d to %d are one batch and should not be", begin, end)
			}
			if fits(messages[begin : end+1]) {
				t.Fatalf("message %d would still have fitted the batch from %d on", end, begin)
			}
			begin = end
		}
		if begin < len(messages) && !fits(messages[begin:]) {
			t.Fatalf("the open batch from %d on should have been cut", begin)
		}
	})
}

func TestWindows(t *testing.T) {
	for _, tc := range []struct {
		name string
		ms   []int64
		cuts []int
	}{
		{"one window", []int64{0, 500, 1999}, nil},
		{"the next window", []int64{1999, 2000}, []int{1}},
		{"falling back does not cut", []int64{2100, 100, 2200}, nil},
		{"the running maximum counts, not the last time", []int64{1900, 2100, 100, 3900}, []int{1}},
		{"a slower clock's messages after a cut", []int64{100, 2100, 200, 2200, 4100}, []int{1, 4}},
		{"before 1970", []int64{-2001, -2000, -1, 0}, []int{1, 3}},
		{"a clock far ahead", []int64{100, 1e12, 200, 300}, []int{1}},
	} {
		c := NewCutter(Limits{})
		var got []int
		for i, ms := range tc.ms {
			if c.Add(time.UnixMilli(ms), 1, 1) {
				got = append(got, i)
			}
		}
		if !slices.Equal(got, tc.cuts) {
			t.Errorf("%s: cuts at %v, want %v", tc.name, got, tc.cuts)
		}
	}
}
