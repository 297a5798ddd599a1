package simulate

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"time"
)

// A World is an application and everyone who uses it. It is used by one
// goroutine and runs once.
type World struct {
	opts    Options
	seed    uint64
	app     *application
	net     *networks
	progs   *programs
	startNS int64
	endNS   int64
	now     int64
	queue   queue
	nextID  uint64

	proxies   [][]pool // by proxy, by host
	untrusted bool     // the proxies are at public addresses that no sensor knows
	origins   []string
	analytics bool    // its pages set cookies of analytics
	slowness  float64 // of its servers
	errorRate float64
	faults    []fault
	clock     rhythm
	habits    habits

	casts    []*cast
	truth    Truth
	specJSON []byte

	emit func(*Exchange) error
	ctx  context.Context
	err  error
	ran  bool

	// Scratch of the exchange that is being made.
	x                Exchange
	q                request
	rpcID            uint64
	body, sent, line []byte
	scratch, picked  []uint32
	requestHeaders   []Header
	responseHeaders  []Header
	numbers          [8192]string
	dateAt           int64
	dateText         string
}

// A fault is a time in which some operations fail.
type fault struct {
	from, to int64
	login    bool // only those of the login family
	status   int
	share    float64
}

// New draws a world from its options. It fails for options that name an
// unknown application or scenario.
func New(o Options) (*World, error) {
	if o.Start.IsZero() {
		o.Start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	}
	if o.Rate == 0 {
		o.Rate = 1
	}
	if o.Length < 0 || o.Rate < 0 || o.Users < 0 {
		return nil, fmt.Errorf("length, rate and users of a world must not be negative")
	}
	if y := o.Start.Year(); y < 1990 || y > 2200 || o.Length > 10*365*24*time.Hour {
		return nil, fmt.Errorf("a world must lie between the years 1990 and 2200 and last at most ten years")
	}
	w := &World{opts: o, seed: mix(o.Seed + 0x9e3779b97f4a7c15), startNS: o.Start.UnixNano()}
	w.now = w.startNS
	r := newRandom(w.seed, "world", 0)
	k := kinds[r.IntN(len(kinds))]
	users := int(logBetween(r, 200, 2000))
	chosen, err := w.chosen(o)
	if err != nil {
		return nil, err
	}
	if o.Length == 0 {
		o.Length = usualLength(chosen)
	}
	w.opts, w.endNS = o, w.startNS+int64(o.Length)
	if len(chosen) > 0 && o.App == "" {
		k = fitting(chosen, k, newRandom(w.seed, "fitting", 0))
	}
	if o.App != "" {
		if k = kindNamed(o.App); k == nil {
			return nil, fmt.Errorf("no application %q (have: %v)", o.App, Apps())
		}
	}
	if o.Users > 0 {
		users = max(10, o.Users)
	}
	w.progs = newPrograms()
	w.net = newNetworks(w.seed, users)
	w.app = w.suitable(chosen, func(seed uint64) *application { return newApplication(k, seed, users, w.startNS) })
	for _, h := range w.app.hosts {
		w.origins = append(w.origins, "https://"+h)
	}
	w.analytics = chance(r, .5)
	w.slowness = logBetween(r, .4, 2.5)
	w.errorRate = logBetween(r, .0002, .004)
	if chance(r, .45) {
		w.addProxies(1+r.IntN(3), func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 20, 255, byte(2 + i)}) })
	}
	w.drawRhythm()
	w.truth = Truth{Seed: o.Seed, App: k.name, Style: w.app.describe(), Hosts: w.app.hosts, Start: o.Start.UTC(), End: o.Start.Add(o.Length).UTC(), Users: users}
	w.people(users)
	w.machines(users)
	for i, c := range chosen {
		w.stage(i, c)
	}
	return w, nil
}

// addProxies puts proxies before the application, which add X-Forwarded-For.
func (w *World) addProxies(n int, addr func(int) netip.Addr) {
	w.proxies = nil
	for i := range n {
		hosts := make([]pool, len(w.app.hosts))
		for h := range hosts {
			hosts[h] = pool{addr: addr(i), next: uint64(1)<<62 | uint64(i)<<56 | uint64(h)<<52, ports: uint32(mix(w.seed+uint64(h)) % 60_000)}
		}
		w.proxies = append(w.proxies, hosts)
	}
}

// newAgent makes an everyday agent with a stream of its own.
func (w *World) newAgent(name string, n uint64) *agent {
	w.nextID++
	return &agent{w: w, id: w.nextID, rng: newRandom(w.seed, name, n)}
}

// start lets an agent begin at a time.
func (w *World) start(a *agent, ns int64) {
	a.now = ns
	w.queue.push(a)
}

// Run makes the traffic. emit gets every exchange in the order of their begin;
// an exchange and its slices are valid until emit returns. An error of emit, or
// the end of ctx, ends the run.
func (w *World) Run(ctx context.Context, emit func(*Exchange) error) error {
	if w.ran {
		return fmt.Errorf("a world runs once; make another from the same options")
	}
	w.ran, w.ctx, w.emit = true, ctx, emit
	defer w.end()
	for w.err == nil {
		a := w.queue.pop()
		if a == nil || a.now >= w.endNS {
			if a != nil && a.stop != nil {
				a.stop()
			}
			break
		}
		w.now = a.now
		if a.resume == nil {
			a.begin()
		}
		if _, more := a.resume(); more {
			w.queue.push(a)
			continue
		}
		a.resume, a.stop, a.yield = nil, nil, nil
		if a.again != nil && w.err == nil {
			if next := a.again(a); next > 0 {
				a.now = max(next, a.now+1)
				w.queue.push(a)
			}
		}
	}
	return w.err
}

// end unwinds everyone who is in the middle of something and completes the
// truth.
func (w *World) end() {
	for a := w.queue.pop(); a != nil; a = w.queue.pop() {
		if a.stop != nil {
			a.stop()
		}
	}
	w.complete()
}

// send counts an exchange and hands it out.
func (w *World) send(a *agent, q *request, p *reply, x *Exchange) {
	t := &w.truth
	t.Exchanges++
	if p.op != nil && p.op.login != "" {
		t.Logins++
	}
	if q.id != "" || p.res != nil {
		t.Objects++
	}
	if a.account != nil {
		x.User = w.app.loginName(a.account)
	}
	if a.part != nil {
		a.part.add(a, q, p, x)
	}
	if t.Exchanges&1023 == 0 {
		w.err = w.ctx.Err()
	}
	if w.err == nil {
		w.err = w.emit(x)
	}
	if w.err != nil {
		panic(errOver)
	}
}

// fault returns a status when the server fails at this call, else 0.
func (w *World) fault(a *agent, op *operation) int {
	for i := range w.faults {
		f := &w.faults[i]
		if a.now >= f.from && a.now < f.to && (!f.login || op.login != "") && (f.share >= 1 || chance(a.rng, f.share)) {
			return f.status
		}
	}
	if a.rng.Float64() < w.errorRate {
		return [...]int{500, 502, 503, 504}[a.rng.IntN(4)]
	}
	return 0
}

// queue holds who acts next: a heap by time, then by number.
type queue struct{ heap []entry }

type entry struct {
	at int64
	a  *agent
}

func (e entry) before(o entry) bool { return e.at < o.at || e.at == o.at && e.a.id < o.a.id }

func (q *queue) first() int64 {
	if len(q.heap) == 0 {
		return math.MaxInt64
	}
	return q.heap[0].at
}

func (q *queue) push(a *agent) {
	e := entry{a.now, a}
	q.heap = append(q.heap, e)
	i := len(q.heap) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !e.before(q.heap[up]) {
			break
		}
		q.heap[i] = q.heap[up]
		i = up
	}
	q.heap[i] = e
}

func (q *queue) pop() *agent {
	if len(q.heap) == 0 {
		return nil
	}
	top := q.heap[0].a
	n := len(q.heap) - 1
	e := q.heap[n]
	q.heap[n] = entry{}
	q.heap = q.heap[:n]
	if n == 0 {
		return top
	}
	i := 0
	for {
		c := 4*i + 1
		if c >= n {
			break
		}
		best := c
		for j := c + 1; j < min(c+4, n); j++ {
			if q.heap[j].before(q.heap[best]) {
				best = j
			}
		}
		if !q.heap[best].before(e) {
			break
		}
		q.heap[i] = q.heap[best]
		i = best
	}
	q.heap[i] = e
	return top
}
