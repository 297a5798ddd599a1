package wire

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"sync"
	"time"

	"lapwing/simulate"
)

// LiveOptions say how to replay.
type LiveOptions struct {
	Addr string // where the server listens, a loopback address with port
	// Speed is how many seconds of the exchanges pass in one of the clock; 0
	// means 1, +Inf as fast as it goes.
	Speed float64
	// MaxConns bounds open connections, each with a file descriptor on either
	// side; 0 means 400. What finds no room waits.
	MaxConns int
}

// A Live replays exchanges as real HTTP/1.1 over loopback: a server answers as
// the exchanges say, and clients call it, each caller from an address of its
// own within 127.0.0.0/8. Somebody else who calls the server is told 404.
//
// Exchange blocks until its time has come and a connection is free. Requests
// of one connection are answered in order; a call that is late stays late.
type Live struct {
	ctx    context.Context
	stop   context.CancelFunc
	opt    LiveOptions
	server *liveServer
	names  loopback
	conns  map[uint64]*liveClient
	wg     sync.WaitGroup // clients
	first  int64          // begin of the first exchange
	start  time.Time      // on the clock
	newest int64          // begin of the latest exchange
	mu     sync.Mutex     // protects the fields below
	stats  LiveStats
	err    error // first fault of a client
}

// LiveStats counts what a Live did.
type LiveStats struct {
	Exchanges   int64         // answered in full
	Connections int64         // opened
	Strangers   int64         // requests of nobody we know
	Lag         time.Duration // the most that a request was behind its time
}

// NewLive starts the server. The end of ctx ends everything.
func NewLive(ctx context.Context, opt LiveOptions) (*Live, error) {
	if opt.Speed == 0 {
		opt.Speed = 1
	}
	if !(opt.Speed > 0) {
		return nil, fmt.Errorf("speed %g is not above 0", opt.Speed)
	}
	if opt.MaxConns == 0 {
		opt.MaxConns = 400
	}
	host, _, err := net.SplitHostPort(opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("live address %q: want host:port, as 127.0.0.1:8080", opt.Addr)
	}
	ip, err := netip.ParseAddr(host)
	if err != nil || !ip.IsLoopback() || !ip.Is4() {
		return nil, fmt.Errorf("live address %q: made-up traffic stays on this machine: give an address in 127.0.0.0/8", opt.Addr)
	}
	listener, err := net.Listen("tcp4", opt.Addr)
	if err != nil {
		return nil, fmt.Errorf("live server: %w", err)
	}
	l := &Live{opt: opt, conns: map[uint64]*liveClient{}}
	l.ctx, l.stop = context.WithCancel(ctx)
	l.server = newLiveServer(l.ctx, listener)
	return l, nil
}

// Addr is where the server listens.
func (l *Live) Addr() net.Addr { return l.server.listener.Addr() }

// Exchange sends the exchange when its time has come.
func (l *Live) Exchange(e *simulate.Exchange) error {
	if l.start.IsZero() {
		l.start, l.first = time.Now(), e.AtNS
	}
	l.newest = e.AtNS
	l.hangUp()
	if err := l.until(e.AtNS); err != nil {
		return err
	}
	c := l.conns[e.Conn]
	if c == nil {
		if len(l.conns) >= l.opt.MaxConns {
			l.makeRoom()
		}
		c = &liveClient{live: l, from: l.names.of(e.Peer.Addr()), jobs: make(chan *job, 64)}
		l.conns[e.Conn] = c
		l.wg.Add(1)
		go c.run()
	}
	request := appendRequest(nil, e)
	j := &job{
		due: l.at(e.AtNS), request: request, answer: appendResponse(nil, e), takes: l.scaled(max(e.DurationNS, 0)), close: closes(e),
	}
	c.lastNS = endNS(e)
	select {
	case c.jobs <- j:
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
	if j.close {
		close(c.jobs)
		delete(l.conns, e.Conn)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// Close waits for the answers under way and stops the server.
func (l *Live) Close() error {
	for _, c := range l.conns {
		close(c.jobs)
	}
	l.conns = nil
	l.wg.Wait()
	l.stop()
	l.server.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Strangers = l.server.strangers.Load()
	return l.err
}

// Stats returns the counts so far.
func (l *Live) Stats() LiveStats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Strangers = l.server.strangers.Load()
	return s
}

// at is when on the clock a moment of the exchanges is.
func (l *Live) at(ns int64) time.Time { return l.start.Add(l.scaled(ns - l.first)) }

func (l *Live) scaled(ns int64) time.Duration {
	d := float64(ns) / l.opt.Speed
	return time.Duration(min(d, math.MaxInt64/2))
}

// until waits for a moment of the exchanges.
func (l *Live) until(ns int64) error {
	wait := time.Until(l.at(ns))
	if wait <= 0 {
		return context.Cause(l.ctx)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-l.ctx.Done():
		return context.Cause(l.ctx)
	}
}

// hangUp closes connections that idled for a minute of exchange time. It looks
// at all of them only once in a while.
func (l *Live) hangUp() {
	if len(l.conns) < l.opt.MaxConns/2 {
		return
	}
	for id, c := range l.conns {
		if l.newest-c.lastNS > idleNS {
			close(c.jobs)
			delete(l.conns, id)
		}
	}
}

// makeRoom closes the connection that has been idle longest.
func (l *Live) makeRoom() {
	var oldest uint64
	var at int64 = math.MaxInt64
	for id, c := range l.conns {
		if c.lastNS < at || c.lastNS == at && id < oldest {
			oldest, at = id, c.lastNS
		}
	}
	close(l.conns[oldest].jobs)
	delete(l.conns, oldest)
}

// fail keeps the first fault and ends the replay.
func (l *Live) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		l.err = err
		l.stop()
	}
}
