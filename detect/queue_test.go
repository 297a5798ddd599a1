package detect

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"lapwing/event"
)

// hearer notes the facts it gets, and sends on those with a number above zero.
type hearer struct {
	NoAdvance
	NoClose
	name  string
	heard []Fact
	lent  Payloads[int64]
}

func (h *hearer) Name() string { return h.name }

func (h *hearer) Observe(o *Observation, out *Output) {
	for i := range 3 { // keys repeat, and come in no order
		n := h.lent.New()
		*n = int64(i)
		out.Fact("b", few(uint64(o.AtNS)/1000+uint64(i)), n)
		out.Fact("a", few(uint64(o.AtNS)/1000+uint64(2*i)), int64(i))
		out.Fact("gone", 1, i)
	}
}

// few is one of 16 keys, spread as hashes are.
func few(n uint64) uint64 { return n * 0x9e3779b97f4a7c15 >> 60 << 60 }

func (h *hearer) Fact(f *Fact, out *Output) {
	kept := *f
	if p, ok := f.Payload.(*int64); ok {
		kept.Payload = *p
		h.lent.Done(p)
	}
	h.heard = append(h.heard, kept)
	if n := kept.Payload.(int64); n > 0 {
		out.Fact(h.name, f.Key+1, n-1)
	}
}

// Facts are read in order of (key, time, call, index), round by round, however
// they were sent, and those for nobody are counted.
func TestFactsComeInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 4))
	a, b := &hearer{name: "a"}, &hearer{name: "b"}
	e := New(Config{Seed: 3}, func(event.Alert) {}, &quiet{a}, b)
	calls := 200
	for n := range calls {
		c := callAt(n, 0)
		c.Time = epoch.Add(time.Duration(n/40) * time.Millisecond) // many at the same time
		c.ID = event.MakeID(rng.Uint64(), 1)
		e.Observe(c)
	}
	e.Advance(epoch.UnixNano() + 2*second)
	order := func(x, y Fact) int {
		return cmp.Or(cmp.Compare(x.Key, y.Key), cmp.Compare(x.AtNS, y.AtNS), x.Call.Compare(y.Call), cmp.Compare(x.Index, y.Index))
	}
	for _, h := range []*hearer{a, b} {
		// Each fact with number n came n rounds before that with 0.
		if want := calls * (1 + 2 + 3); len(h.heard) != want {
			t.Fatalf("%s heard %d facts, want %d", h.name, len(h.heard), want)
		}
		for round, n := range []int{3 * calls, 2 * calls, calls} {
			got := h.heard[:n]
			h.heard = h.heard[n:]
			if !slices.IsSortedFunc(got, order) {
				t.Errorf("%s: round %d was read out of order", h.name, round)
			}
		}
	}
	if s := e.Stats(); s.Lost != int64(3*calls) || s.Facts != int64(2*6*calls) {
		t.Errorf("%+v: want %d lost of %d", s, 3*calls, 2*6*calls)
	}
}

// quiet sends nothing.
type quiet struct{ *hearer }

func (*quiet) Observe(*Observation, *Output) {}

// Facts that go round and round end with the tick.
func TestFactsEnd(t *testing.T) {
	r := &restless{}
	e := New(Config{}, func(event.Alert) {}, r)
	e.Observe(callAt(1, 0))
	e.Close()
	if s := e.Stats(); r.n != rounds || s.Lost != 1 {
		t.Errorf("%d facts, %+v: want %d, and one lost", r.n, s, rounds)
	}
}

type restless struct {
	NoAdvance
	NoClose
	n int
}

func (*restless) Name() string                        { return "r" }
func (*restless) Observe(_ *Observation, out *Output) { out.Fact("r", 1, 1) }
func (r *restless) Fact(_ *Fact, out *Output)         { r.n++; out.Fact("r", 1, 1) }

func BenchmarkFacts(b *testing.B) {
	r := &receiver{}
	e := New(Config{}, func(event.Alert) {}, r)
	rng := rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		for i := range 4000 {
			e.out.atNS = int64(i)
			p := r.lent.New()
			p[0] = int64(i)
			e.out.Fact("receiver", rng.Uint64(), p)
		}
		e.deliver()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/4000, "ns/fact")
}

type receiver struct {
	NoAdvance
	NoClose
	lent Payloads[[8]int64]
	sum  int64
}

func (*receiver) Name() string                  { return "receiver" }
func (*receiver) Observe(*Observation, *Output) {}
func (r *receiver) Fact(f *Fact, _ *Output) {
	p := f.Payload.(*[8]int64)
	r.sum += p[0]
	r.lent.Done(p)
}
