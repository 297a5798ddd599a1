package sample

import (
	"container/heap"
	"iter"
	"math/rand/v2"
	"sort"
	"time"
)

// quiet is how long before the end of a recording nobody starts anything new,
// so that every request in it is answered in it.
const quiet = 8 * time.Second

// world is one run: the shop, its people and the wire between them.
type world struct {
	seed   uint64
	shop   *shop
	wire   *wire
	agents []*agent
	queue  agenda
	tally  tally
}

// agent is one person or program. Its script is ordinary sequential code; sleep
// hands control to whoever is next in event time.
type agent struct {
	w      *world
	number int
	now    time.Duration // since Start
	over   bool          // the recording has ended: calls and sleeps do nothing
	rng    *rand.Rand
	label  string // which attack this is, or a benign role
	client *client
	user   *account
	token  string // bearer token, when the program keeps one
	cookie string // Cookie header, when a browser keeps one
	resume func() (time.Duration, bool)
	finish func()
	yield  func(time.Duration) bool
}

// add registers an agent that begins at the given time and runs the script.
func (w *world) add(at time.Duration, label string, c *client, script func(*agent)) *agent {
	a := &agent{
		w: w, number: len(w.agents), now: at, label: label, client: c,
		rng: rand.New(rand.NewPCG(w.seed, uint64(len(w.agents))+1)),
	}
	a.resume, a.finish = iter.Pull(func(yield func(time.Duration) bool) {
		a.yield = yield
		script(a)
		if !a.over {
			a.client.hangUp(a.now)
		}
	})
	w.agents = append(w.agents, a)
	heap.Push(&w.queue, a)
	return a
}

// run lets everyone act in order of event time until the recording ends.
func (w *world) run() {
	for w.queue.Len() > 0 {
		a := w.queue[0]
		if a.now >= Length-quiet {
			break
		}
		at, alive := a.resume()
		if !alive {
			heap.Pop(&w.queue)
			continue
		}
		a.now = at
		heap.Fix(&w.queue, 0)
	}
	for _, a := range w.agents {
		a.over = true
		a.finish()
		a.client.settle(Length)
	}
}

// sleepUntil waits for a point of event time.
func (a *agent) sleepUntil(at time.Duration) {
	if a.over || at <= a.now {
		return
	}
	if !a.yield(at) {
		a.over = true
	}
}

// sleep waits exactly d.
func (a *agent) sleep(d time.Duration) { a.sleepUntil(a.now + d) }

// pauses are quantiles of a log-normal distribution (sigma 0.7) in percent of its
// median. A table keeps floating point, which differs between processors, out.
var pauses = [...]int64{25, 38, 48, 57, 66, 76, 87, 100, 115, 132, 152, 178, 210, 262, 400, 600}

// think waits as people do: log-normally around the median.
func (a *agent) think(median time.Duration) {
	percent := pauses[a.rng.IntN(len(pauses))] + a.rng.Int64N(20)
	a.sleep(median / 100 * time.Duration(percent))
}

// between is a duration drawn evenly from [low, high).
func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)))
}

// chance is true with probability p.
func (a *agent) chance(p float64) bool { return a.rng.Float64() < p }

// agenda is a heap of agents by the time they act next, then by number.
type agenda []*agent

func (q agenda) Len() int { return len(q) }
func (q agenda) Less(i, j int) bool {
	if q[i].now != q[j].now {
		return q[i].now < q[j].now
	}
	return q[i].number < q[j].number
}
func (q agenda) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *agenda) Push(x any)   { *q = append(*q, x.(*agent)) }
func (q *agenda) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// Make simulates the shop and returns its recording.
func Make(o Options) (*Recording, error) {
	w := &world{seed: o.Seed ^ 0x1a9319, wire: newWire(o.Seed)}
	w.shop = newShop(rand.New(rand.NewPCG(w.seed, 0)))
	w.tally.start()
	w.populate()
	w.attack()
	w.run()
	packets, err := w.wire.packets()
	if err != nil {
		return nil, err
	}
	r := &Recording{Packets: packets}
	r.Truth = w.truth(o, packets)
	return r, nil
}

// inOrder sorts frames by time, keeping the order they were made in.
func inOrder(fs []frame) {
	sort.SliceStable(fs, func(i, j int) bool { return fs[i].at < fs[j].at })
}
