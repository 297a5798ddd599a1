package standard

import (
	"testing"

	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
)

// sampled are the calls of the bundled recording, as a sensor gives them out.
func sampled(tb testing.TB) []*event.Call {
	tb.Helper()
	r, err := sample.Make(sample.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	var calls []*event.Call
	p, err := parse.New(parse.Config{Sensor: "t"}, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		tb.Fatal(err)
	}
	for _, packet := range r.Packets {
		p.Packet(1, packet.Data, len(packet.Data), packet.Time.UnixNano())
	}
	p.Close()
	return calls
}

func BenchmarkCallsToAlerts(b *testing.B) {
	calls := sampled(b)
	b.ReportAllocs()
	alerts := 0
	for b.Loop() {
		d, err := New(Config{Sensor: "t", Seed: 1}, func(event.Alert) { alerts++ })
		if err != nil {
			b.Fatal(err)
		}
		for i, c := range calls {
			d.Observe(c)
			if i%512 == 0 {
				d.Advance(c.End().UnixNano() - 5e9)
			}
		}
		d.Close()
	}
	if alerts == 0 {
		b.Fatal("nothing was found: the benchmark does not exercise detection")
	}
	b.ReportMetric(float64(b.N)*float64(len(calls))/b.Elapsed().Seconds(), "calls/s")
}

// The same calls in another process, with the same seed, give the same alerts.
func TestDetectionIsAFunctionOfTheCalls(t *testing.T) {
	calls := sampled(t)
	run := func(step int) (out []event.Alert) {
		d, err := New(Config{Sensor: "t", Seed: 1}, func(a event.Alert) { out = append(out, a) })
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range calls {
			d.Observe(c)
			if i%step == 0 {
				d.Advance(c.End().UnixNano() - 5e9)
			}
		}
		d.Close()
		return out
	}
	want := run(1 << 30)
	if len(want) == 0 {
		t.Fatal("no alerts: the test shows nothing")
	}
	for _, step := range []int{1, 7, 1000} {
		got := run(step)
		if len(got) != len(want) {
			t.Fatalf("watermark at every %d calls: %d revisions, want %d", step, len(got), len(want))
		}
		for i := range got {
			if got[i].ID != want[i].ID || got[i].Revision != want[i].Revision || got[i].Summary != want[i].Summary || got[i].Evidence.ScoreLog10 != want[i].Evidence.ScoreLog10 {
				t.Fatalf("watermark at every %d calls: revision %d is %s, want %s", step, i, got[i].Summary, want[i].Summary)
			}
		}
	}
}
