package itest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy stands between clients and one TCP server and breaks connections on
// order. Safe for concurrent use.
type Proxy struct {
	Addr string // where clients connect

	listener net.Listener
	target   string

	mu     sync.Mutex
	refuse bool
	conns  map[*proxied]struct{}
	armed  bool  // the next answer is withheld, once
	spare  int64 // that many bytes of clients have been let through

	withheld atomic.Int64 // connections that were cut that way
}

// grace is how long a server has to do its part once a connection is deaf.
const grace = 150 * time.Millisecond

// proxied is one connection with both its ends.
type proxied struct {
	client, server net.Conn
	deaf           atomic.Bool // the server's answers no longer reach the client
}

func (p *proxied) close() {
	p.client.Close()
	p.server.Close()
}

// NewProxy listens on a port of its own, or on addr if it is not "", and
// connects each client to target.
func NewProxy(t testing.TB, addr, target string) *Proxy {
	t.Helper()
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: l.Addr().String(), listener: l, target: target, conns: map[*proxied]struct{}{}}
	t.Cleanup(func() {
		l.Close()
		p.Cut()
	})
	go p.serve()
	return p
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		go p.handle(client)
	}
}

func (p *Proxy) handle(client net.Conn) {
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse {
		client.Close()
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		client.Close()
		return
	}
	c := &proxied{client: client, server: server}
	p.mu.Lock()
	if p.refuse {
		p.mu.Unlock()
		c.close()
		return
	}
	p.conns[c] = struct{}{}
	p.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { p.upstream(c) })
	both.Go(func() { p.downstream(c) })
	both.Wait()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// upstream copies what the client sends. Once the ordered number of bytes went
// through, the connection turns deaf: the server gets and does everything, and
// the client never hears of it.
func (p *Proxy) upstream(c *proxied) {
	defer c.close()
	buf := make([]byte, 32<<10)
	for {
		n, err := c.client.Read(buf)
		if n > 0 {
			if p.turns(n) {
				c.deaf.Store(true)
			}
			if _, err := c.server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			// What the client sent last is let arrive before the end does.
			if half, ok := c.server.(*net.TCPConn); ok && c.deaf.Load() {
				_ = half.CloseWrite() // it may be closed
				_, _ = io.Copy(io.Discard, c.server)
			}
			return
		}
	}
}

// downstream copies what the server answers, unless the connection is deaf:
// then it is cut a little after the first answer that is swallowed, so that a
// server which answers before it commits has the time to commit.
func (p *Proxy) downstream(c *proxied) {
	defer c.close()
	buf := make([]byte, 32<<10)
	told := false
	for {
		n, err := c.server.Read(buf)
		switch {
		case n > 0 && c.deaf.Load():
			if !told {
				told = true
				p.withheld.Add(1)
				time.AfterFunc(grace, c.close)
			}
		case n > 0:
			if _, err := c.client.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// turns counts n more bytes of a client and reports whether they are those
// after which the answer is withheld.
func (p *Proxy) turns(n int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.armed {
		return false
	}
	if p.spare -= int64(n); p.spare >= 0 {
		return false
	}
	p.armed = false
	return true
}

// Cut breaks every open connection. New ones are let through.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.close()
	}
}

// Down breaks every connection and refuses new ones until Up.
func (p *Proxy) Down() {
	p.mu.Lock()
	p.refuse = true
	p.mu.Unlock()
	p.Cut()
}

// Up lets connections through again.
func (p *Proxy) Up() {
	p.mu.Lock()
	p.refuse = false
	p.mu.Unlock()
}

// WithholdAnswer lets clients send the given number of bytes from now on, then
// lets the one that passes it do its request at the server and breaks its
// connection in place of the answer: done, and never told.
func (p *Proxy) WithholdAnswer(afterBytes int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.armed, p.spare = true, afterBytes
}

// Withheld returns how many answers were withheld.
func (p *Proxy) Withheld() int64 { return p.withheld.Load() }

// Connections returns how many are open.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}
