package simulate

import (
	"errors"
	"iter"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"
)

// An agent is somebody who acts: a person in a session, a machine, the program
// of an attacker. It is written as if it had the world to itself (call, sleep,
// call again); between two of its steps the world lets others go on. It runs in
// a coroutine that exists only while it is in the middle of something.
type agent struct {
	w       *World
	id      uint64
	now     int64 // Unix ns of its own clock; never behind the world's when it acts
	rng     *rand.Rand
	part    *partState // nil: everyday traffic
	client  *client
	account *account // behind the calls; nil for nobody
	last    reply
	count   uint64

	play  func(*agent)
	again func(*agent) int64 // when to play next, 0 for never
	judge func(*request, *reply) int

	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
}

// errOver unwinds an agent whose world has ended; it never leaves the package.
var errOver = errors.New("the run is over")

// connID numbers connections by agent, so that one agent more leaves the
// others' as they are.
func (a *agent) connID() uint64 {
	a.count++
	return a.id<<24 | a.count&(1<<24-1)
}

func (a *agent) begin() {
	a.resume, a.stop = iter.Pull(func(yield func(struct{}) bool) {
		a.yield = yield
		defer func() {
			if r := recover(); r != nil && r != error(errOver) {
				panic(r)
			}
		}()
		a.play(a)
	})
}

// sleepUntil lets others act until a time.
func (a *agent) sleepUntil(ns int64) {
	if ns <= a.now {
		return
	}
	a.now = ns
	if a.w.queue.first() > ns && ns < a.w.endNS { // nobody else comes before
		a.w.now = ns
		return
	}
	if !a.yield(struct{}{}) {
		panic(errOver)
	}
}

func (a *agent) sleep(d time.Duration) { a.sleepUntil(a.now + int64(d)) }

// think pauses as a person does who reads: lognormal around a median.
func (a *agent) think(median time.Duration) {
	a.sleep(time.Duration(logNormal(a.rng, float64(median), 1)))
}

// credential is what goes out with a request.
func (a *agent) credential(q *request) *token {
	switch {
	case q.anonymous:
		return nil
	case q.token != nil:
		return q.token
	case q.op != nil && q.op.kind >= opRobots && q.op.kind <= opPage && a.w.app.style.auth != authCookie:
		return nil // a browser loads pages without the token that its scripts hold
	}
	return a.client.token
}

// call makes a request and waits for its answer. The reply is valid until the
// agent's next call.
func (a *agent) call(q request) *reply {
	p := a.issue(q)
	a.sleepUntil(p.overNS)
	return p
}

// issue makes a request and returns at once; the answer will be there at
// reply.overNS. When all connections are busy it first waits for one.
func (a *agent) issue(q request) *reply {
	w := a.w
	host := q.host
	if q.op != nil {
		host = q.op.host
	}
	k, free := a.client.dial(w, a, host)
	for k == nil {
		a.sleepUntil(free)
		k, free = a.client.dial(w, a, host)
	}
	if a.now >= w.endNS {
		panic(errOver)
	}
	// The request in the world's scratch: one of the agent's own would live on
	// the heap because judges may look at it.
	w.q = q
	x, p := &w.x, &a.last
	*x = Exchange{AtNS: a.now}
	w.write(a, a.client, &w.q, x)
	w.answer(a, &w.q, p)
	x.DurationNS, x.Status = p.tookNS, p.status
	p.overNS = a.now + p.tookNS
	k.freeNS = p.overNS
	x.Conn, x.Server = k.id, w.app.servers[host]
	x.Caller = a.client.out.addr
	x.Peer = netip.AddrPortFrom(x.Caller, k.port)
	if !x.Caller.Is4() {
		x.Server = w.app.serverV6[host]
	}
	x.RequestHeaders = w.requestHeaders
	if len(w.proxies) > 0 {
		w.viaProxy(a, x, host, p)
	}
	w.finish(a, &w.q, p, x)
	w.send(a, &w.q, p, x)
	w.q = request{}
	return p
}

// viaProxy puts a proxy between caller and server: its address, its
// connections, and the lines it adds.
func (w *World) viaProxy(a *agent, x *Exchange, host int, p *reply) {
	px := w.proxies[hash2(uint64(x.Caller.As16()[15])+w.seed, uint64(x.Caller.As16()[12]))%uint64(len(w.proxies))]
	k := px[host].dial(a.now)
	k.freeNS = p.overNS
	x.Server = w.app.servers[host]
	x.Conn, x.Peer = k.id, netip.AddrPortFrom(px[host].addr, k.port)
	h := x.RequestHeaders
	from := x.Caller.String()
	lines := h[:0]
	list := from
	for _, l := range h {
		if l.Name == "X-Forwarded-For" {
			list = l.Value + ", " + list
			continue
		}
		if l.Name == "Connection" {
			continue
		}
		lines = append(lines, l)
	}
	x.RequestHeaders = append(lines, Header{"X-Forwarded-For", list}, Header{"X-Real-IP", from}, Header{"X-Forwarded-Proto", "https"})
	w.requestHeaders = x.RequestHeaders
}

// finish writes the header lines of the answer.
func (w *World) finish(a *agent, q *request, p *reply, x *Exchange) {
	s := &w.app.style
	h := w.responseHeaders[:0]
	if s.server != "" {
		h = append(h, Header{"Server", s.server})
	}
	h = append(h, Header{"Date", w.date(a.now)})
	body := w.body
	if p.status == 204 || p.status == 304 {
		body = nil
	}
	if len(body) > 0 {
		kind := "application/json; charset=utf-8"
		switch {
		case p.html:
			kind = "text/html; charset=utf-8"
		case p.plain:
			kind = "text/plain; charset=utf-8"
		case s.errors == errorProblem && p.status >= 400 && s.api == apiREST:
			kind = "application/problem+json"
		}
		h = append(h, Header{"Content-Type", kind})
	}
	if p.status != 204 && p.status != 304 {
		h = append(h, Header{"Content-Length", w.number(len(body))})
	}
	if p.location != "" {
		h = append(h, Header{"Location", p.location})
	}
	if p.cookie != "" {
		h = append(h, Header{"Set-Cookie", p.cookie})
	}
	if p.op != nil && p.op.deprecated {
		h = append(h, Header{"Deprecation", "true"})
	}
	if s.requestID != "" {
		w.line = appendHex(w.line[:0], a.rng.Uint64(), 16)
		h = append(h, Header{s.requestID, string(w.line)})
	}
	if x.Method == "HEAD" {
		body = nil
	}
	x.ResponseHeaders, x.ResponseBody = h, body
	w.responseHeaders = h
}

// number writes a length; small ones are written once and for all.
func (w *World) number(n int) string {
	if n < len(w.numbers) {
		if w.numbers[n] == "" {
			w.numbers[n] = strconv.Itoa(n)
		}
		return w.numbers[n]
	}
	return strconv.Itoa(n)
}

// date writes a Date line, anew once a second.
func (w *World) date(ns int64) string {
	if s := ns / 1e9; s != w.dateAt || w.dateText == "" {
		w.line = appendDate(w.line[:0], s)
		w.dateAt, w.dateText = s, string(w.line)
	}
	return w.dateText
}
