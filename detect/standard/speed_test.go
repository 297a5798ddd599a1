package standard

import (
	"flag"
	"syscall"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/inventory"
	"lapwing/event"
)

var mixUsers = flag.Int("users", 30_000, "users of the mixed world, an eighth of them at a time")

var mixCalls = flag.Int("mix", 400_000, "calls of the mixed world that speed is measured with")

// mixed makes n calls of a mixed world: 30,000 users, 3,750 sessions under
// way, some 5,000 calls a second.
func mixed(n int) (list []*event.Call, m *mix) {
	m = newMix(1, *mixUsers, *mixUsers/8, 200*time.Microsecond)
	for len(list) < n {
		list = append(list, m.next())
	}
	return list, m
}

// BenchmarkMixedWorld is the speed of full detection from decoded calls, once
// its tables know the world: the first quarter of the calls is not measured.
func BenchmarkMixedWorld(b *testing.B) {
	calls, m := mixed(*mixCalls)
	b.ReportAllocs()
	measured, spent := 0, time.Duration(0)
	for b.Loop() {
		b.StopTimer()
		d, err := New(Config{Sensor: "t", Seed: 1}, func(event.Alert) {})
		if err != nil {
			b.Fatal(err)
		}
		feed(d, calls[:len(calls)/4])
		b.StartTimer()
		from := processorTime()
		feed(d, calls[len(calls)/4:])
		spent += processorTime() - from
		measured += len(calls) - len(calls)/4
	}
	b.ReportMetric(float64(measured)/spent.Seconds(), "calls/cpu-s")
	b.ReportMetric(100*float64(m.logins)/float64(len(calls)), "%logins")
	b.ReportMetric(100*float64(m.withIDs)/float64(len(calls)), "%ids")
}

// processorTime is what the process has taken of all processors, the garbage
// collector's part included: a busy machine does not change it much.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func feed(d *Detection, calls []*event.Call) {
	for i, c := range calls {
		d.Observe(c)
		if i%512 == 0 {
			d.Advance(c.End().UnixNano() - 5e9)
		}
	}
}

// BenchmarkStage says what each stage takes of the same world, its facts and
// ticks included, in nanoseconds for each call of the world. The clock is read
// twice a call and stage, which is taken off.
func BenchmarkStage(b *testing.B) {
	calls, _ := mixed(*mixCalls)
	clock := clockCost()
	cfg := &Config{Sensor: "t", Seed: 1}
	for i, s := range stages(cfg, inventory.New(inventory.Config{Seed: 1})) {
		b.Run(s.Name(), func(b *testing.B) {
			b.ReportAllocs()
			spent, measured := time.Duration(0), 0
			for b.Loop() {
				list := stages(cfg, inventory.New(inventory.Config{Seed: 1}))
				t := &timed{Stage: list[i]}
				list[i] = t
				e := detect.New(detect.Config{Sensor: "t", Seed: 1}, func(event.Alert) {}, list...)
				d := &Detection{names: []string{Other}, routes: &routes{}, cells: []*Cell{{Engine: e}}}
				feed(d, calls[:len(calls)/4])
				t.spent, t.times = 0, 0
				feed(d, calls[len(calls)/4:])
				spent += t.spent - time.Duration(t.times)*clock
				measured += len(calls) - len(calls)/4
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(measured), "ns/call")
		})
	}
}

// A timed stage measures what it takes.
type timed struct {
	detect.Stage
	spent time.Duration
	times int
}

func (t *timed) Observe(o *detect.Observation, out *detect.Output) {
	at := time.Now()
	t.Stage.Observe(o, out)
	t.spent += time.Since(at)
	t.times++
}

func (t *timed) Fact(f *detect.Fact, out *detect.Output) {
	at := time.Now()
	t.Stage.Fact(f, out)
	t.spent += time.Since(at)
	t.times++
}

func (t *timed) Advance(nowNS int64, out *detect.Output) {
	at := time.Now()
	t.Stage.Advance(nowNS, out)
	t.spent += time.Since(at)
	t.times++
}

func clockCost() time.Duration {
	const n = 100_000
	begin, sum := time.Now(), time.Duration(0)
	for range n {
		at := time.Now()
		sum += time.Since(at)
	}
	return min(sum/n, time.Since(begin)/n)
}
