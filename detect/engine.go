package detect

import (
	"cmp"
	"container/heap"
	"net/netip"
	"slices"
	"time"

	"lapwing/detect/state"
	"lapwing/event"
)

const second = int64(time.Second)

// Config is what an Engine needs to know.
type Config struct {
	Sensor string // name put into alerts
	// API is the group of hosts whose calls this engine gets: part of the
	// identity of its alerts. "" is the engine of everything else.
	API  string
	Seed uint64 // of the hashes behind table keys; from the deployment key
	// MaxPending bounds the calls held back for ordering. Beyond it the oldest
	// second is judged early and counted in Stats.Forced. 0 means DefaultMaxPending.
	MaxPending int
	Historical bool // marks alerts as raised over old data
	// Network looks an address up; nil: nothing is known of any.
	Network func(netip.Addr) Network
}

// DefaultMaxPending holds two minutes of log lateness at 8,000 calls a second.
const DefaultMaxPending = 1 << 20

// An Engine orders calls by event time and leads them through its stages.
type Engine struct {
	cfg       Config `snapshot:"same"`
	stages    []Stage
	incidents *incidents
	out       Output

	buckets  map[int64]*bucket // by whole second of Call.End
	last     *bucket           `snapshot:"-"` // of the call before: calls come in runs
	spare    []*bucket         `snapshot:"-"` // empty, to be used again
	seconds  int64Heap         // keys of buckets
	pending  int
	tickedNS int64 // everything before it has been judged; 0 before the first call
	begun    bool  // there has been a tick
	lastNS   int64 // newest Call.End seen
	stats    Stats
	past     past        // what was judged lately
	twins    twins       // of packets and logs
	obs      Observation `snapshot:"-"`
	fact     Fact        `snapshot:"-"`
}

// Stats count what became of the calls:
// Received = Judged + Repeated + Duplicates + Pending.
type Stats struct {
	Received   int64
	Judged     int64
	Repeated   int64 // not judged: came before, with the same ID
	Duplicates int64 // not judged: lines of a log about calls that were seen as packets
	Pending    int64
	Late       int64 // judged after their time: they came behind the watermark
	Forced     int64 // judged before the watermark, for want of room
	Facts      int64
	Lost       int64 // facts addressed to a stage that is not there, or beyond the rounds of a tick
	Opened     int64 // alerts raised
	Revised    int64 // later revisions of them
	Folded     int64 // alerts folded into a population alert
}

// Add adds the counters of another engine.
func (s *Stats) Add(o Stats) {
	s.Received += o.Received
	s.Judged += o.Judged
	s.Repeated += o.Repeated
	s.Duplicates += o.Duplicates
	s.Pending += o.Pending
	s.Late += o.Late
	s.Forced += o.Forced
	s.Facts += o.Facts
	s.Lost += o.Lost
	s.Opened += o.Opened
	s.Revised += o.Revised
	s.Folded += o.Folded
}

// New returns an Engine that hands each alert, and each later revision of it,
// to emit. Stages run in the order given.
func New(cfg Config, emit func(event.Alert), stages ...Stage) *Engine {
	if cfg.MaxPending <= 0 {
		cfg.MaxPending = DefaultMaxPending
	}
	e := &Engine{cfg: cfg, stages: stages, buckets: make(map[int64]*bucket), twins: newTwins(cfg.Seed)}
	for _, s := range stages {
		e.out.queues = append(e.out.queues, queue{name: s.Name(), to: s})
	}
	slices.SortFunc(e.out.queues, func(a, b queue) int { return cmp.Compare(a.name, b.name) })
	e.incidents = newIncidents(cfg, emit)
	e.out.incidents = e.incidents
	return e
}

// Observe takes one call. It is judged once the watermark has passed its end.
func (e *Engine) Observe(c *event.Call) {
	end := c.End().UnixNano()
	at := end
	e.stats.Received++
	e.lastNS = max(e.lastNS, at)
	if begin := floorSecond(at) - int64(time.Hour); e.tickedNS == 0 || !e.begun && begin < e.tickedNS {
		// The earliest call that comes before the first tick sets the beginning of
		// time: inputs that are read side by side begin days apart.
		e.tickedNS = begin
	}
	if at < e.tickedNS {
		e.stats.Late++
		at = e.tickedNS // joins the next tick to be judged
	}
	b := e.bucket(floorSecond(at))
	b.late = b.late || end < b.secondNS
	b.add(end, c)
	e.pending++
	for e.pending > e.cfg.MaxPending {
		e.stats.Forced += int64(len(e.buckets[e.seconds[0]].calls))
		e.advance(e.seconds[0]+second, 0)
	}
}

// Advance says that every call that ended before watermarkNS has been
// observed, and judges them. How often it is called, and with what steps, does
// not change the outcome. Where the same traffic is read from packets and from
// logs, calls are judged some seconds later, when the twins of both are known.
func (e *Engine) Advance(watermarkNS int64) {
	if e.tickedNS != 0 {
		e.advance(floorSecond(watermarkNS), 1)
	}
}

// Close judges all that is left and lets every stage close its windows.
func (e *Engine) Close() {
	if e.tickedNS == 0 {
		return
	}
	e.advance(floorSecond(e.lastNS)+second, 0)
	for _, s := range e.stages {
		s.Close(&e.out)
	}
	e.deliver()
	e.tick(e.tickedNS)
	e.incidents.close(e.lastNS)
}

// Stats returns a copy of the counters.
func (e *Engine) Stats() Stats {
	s := e.stats
	s.Pending = int64(e.pending)
	s.Lost = e.out.lost
	s.Opened, s.Revised, s.Folded = e.incidents.opened, e.incidents.revised, e.incidents.folded
	return s
}

// advance runs all ticks up to the whole second to. Ticks fall on seconds that
// hold calls, and between them on whole minutes (after a silent day, hours), so
// that timers run whether or not anybody calls.
// With looks 1, ticks wait until the calls that may be twins of theirs are
// known, with 0 not.
func (e *Engine) advance(to, looks int64) {
	for {
		next := e.next()
		if next+looks*e.twins.ahead() > to {
			return
		}
		e.tick(next)
	}
}

// next is when the next tick falls.
func (e *Engine) next() int64 {
	next := e.nextTimer()
	if len(e.seconds) > 0 && e.seconds[0]+second <= next {
		next = e.seconds[0] + second
	}
	return next
}

// NextNS is the watermark at which Advance would do the next tick, and false
// before the first call. Several engines that are advanced tick by tick in the
// order of their times tell their alerts in that order.
func (e *Engine) NextNS() (int64, bool) { return e.next() + e.twins.ahead(), e.tickedNS != 0 }

func (e *Engine) nextTimer() int64 {
	step := int64(time.Minute)
	if len(e.seconds) > 0 && e.seconds[0]-e.tickedNS > int64(24*time.Hour) {
		step = int64(time.Hour)
	}
	return e.tickedNS - mod(e.tickedNS, step) + step
}

// tick judges every call that ended before now, a whole second.
func (e *Engine) tick(now int64) {
	e.begun = true
	for len(e.seconds) > 0 && e.seconds[0] < now {
		key := heap.Pop(&e.seconds).(int64)
		b := e.buckets[key]
		delete(e.buckets, key)
		if e.last == b {
			e.last = nil
		}
		e.settle(b)
		if e.twins.meets(b) {
			e.introduce(b)
		}
		e.pending -= len(b.calls)
		for i := range b.calls {
			if t := &b.calls[i]; e.twins.has(t.call, t.atNS) {
				e.stats.Duplicates++
			} else {
				e.judge(t.atNS, t.call)
			}
			e.past.add(b.calls[i].call.ID, b.calls[i].atNS)
		}
		e.past.forget(key)
		e.twins.forget(key)
		e.recycle(b)
	}
	e.deliver()
	e.out.atNS, e.out.call, e.out.index = now, event.ID{}, 0
	for _, s := range e.stages {
		s.Advance(now, &e.out)
	}
	e.deliver()
	e.incidents.advance(now)
	e.tickedNS = max(e.tickedNS, now)
}

// settle puts a bucket into order, and drops what came before with the same ID:
// sources that start again, and messages that are delivered twice.
func (e *Engine) settle(b *bucket) {
	n := b.sort()
	if b.late {
		n += e.past.drop(b)
	}
	e.pending -= n
	e.stats.Repeated += int64(n)
}

// introduce shows the calls of a bucket, and of those that follow as far as
// twins may be, to each other.
func (e *Engine) introduce(b *bucket) {
	e.twins.introduce(b)
	for at := b.secondNS + second; at <= b.secondNS+e.twins.ahead(); at += second {
		if next := e.buckets[at]; next != nil {
			e.settle(next)
			e.twins.introduce(next)
		}
	}
}

func (e *Engine) judge(atNS int64, c *event.Call) {
	e.stats.Judged++
	o := &e.obs
	*o = Observation{Call: c, AtNS: atNS, Object: primaryObject(c)}
	client := c.Client.As16()
	o.Client = state.Hash(e.cfg.Seed, string(client[:]))
	o.Source = state.Join(o.Client, state.Hash(e.cfg.Seed, c.Fingerprint))
	o.Actor = o.Source
	if c.Actor.Kind != event.KindClient && c.Actor.Kind != "" {
		o.Actor = state.Join(state.Hash(e.cfg.Seed, string(c.Actor.Kind)), state.Hash(e.cfg.Seed, c.Actor.Value))
	}
	if e.cfg.Network != nil {
		o.Network = e.cfg.Network(c.Client)
	}
	e.out.atNS, e.out.call, e.out.index = atNS, c.ID, 0
	for _, s := range e.stages {
		s.Observe(o, &e.out)
	}
}

// rounds bounds how often facts may lead to further facts within a tick.
const rounds = 4

// deliver hands the facts of a tick to the stages they are for, in order of
// the stages' names: an order that does not depend on which stages there are.
func (e *Engine) deliver() {
	for range rounds {
		some := false
		for i := range e.out.queues {
			if q := &e.out.queues[i]; len(q.facts) > 0 {
				q.sort()
				some = true
			}
		}
		if !some {
			break
		}
		for i := range e.out.queues {
			q := &e.out.queues[i]
			if len(q.reading) == 0 {
				continue
			}
			e.stats.Facts += int64(len(q.reading))
			for _, at := range q.order {
				f := &q.reading[at.n]
				e.fact = Fact{To: q.name, Key: f.key, AtNS: f.atNS, Call: f.call, Index: int(f.index), Payload: f.payload}
				e.out.atNS, e.out.call, e.out.index = f.atNS, f.call, f.index
				q.to.Fact(&e.fact, &e.out)
			}
		}
		for i := range e.out.queues {
			e.out.queues[i].done()
		}
	}
	for i := range e.out.queues { // beyond the rounds
		q := &e.out.queues[i]
		e.out.lost += int64(len(q.facts))
		clear(q.facts)
		q.facts = q.facts[:0]
	}
	e.fact = Fact{}
}

// primaryObject is the identifier that a call is about: the last in its path,
// else the first in its query, else the first in its body.
func primaryObject(c *event.Call) *event.IDRef {
	var best *event.IDRef
	for i := range c.IDs {
		r := &c.IDs[i]
		if r.Response || r.Class == event.ClassSecret || r.Class == event.ClassName || r.In > event.InBody {
			continue
		}
		if best == nil || r.In < best.In || r.In == event.InPath && best.In == event.InPath {
			best = r
		}
	}
	return best
}

func floorSecond(ns int64) int64 { return ns - mod(ns, second) }

func mod(a, b int64) int64 { return ((a % b) + b) % b }

type int64Heap []int64

func (h int64Heap) Len() int           { return len(h) }
func (h int64Heap) Less(i, j int) bool { return h[i] < h[j] }
func (h int64Heap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *int64Heap) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *int64Heap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}
