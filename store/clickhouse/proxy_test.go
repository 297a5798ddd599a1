package clickhouse

import (
	"net"
	"sync"
	"testing"
)

// A proxy stands between the store and the server, and can be told to fail.
type proxy struct {
	listener net.Listener
	target   string

	mu       sync.Mutex
	refuse   bool
	cutAfter func(toServer []byte) verdict
	conns    map[net.Conn]bool
}

// A verdict says what becomes of a piece of what the client sends.
type verdict int

const (
	pass verdict = iota
	// cutBefore drops the piece and the connection: the server never sees it.
	cutBefore
	// cutAfter passes the piece on and cuts once the server has answered it,
	// so that the client never sees the answer.
	cutAfter
)

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: make(map[net.Conn]bool)}
	t.Cleanup(func() {
		l.Close()
		p.drop()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

// away makes the server unreachable, or reachable again.
func (p *proxy) away(yes bool) {
	p.mu.Lock()
	p.refuse = yes
	p.mu.Unlock()
	if yes {
		p.drop()
	}
}

// judge sets who decides on what clients send; nil lets everything pass.
func (p *proxy) judge(f func([]byte) verdict) {
	p.mu.Lock()
	p.cutAfter = f
	p.mu.Unlock()
}

func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	p.mu.Lock()
	refuse := p.refuse
	p.mu.Unlock()
	if refuse {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	p.mu.Lock()
	p.conns[client], p.conns[server] = true, true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, client)
		delete(p.conns, server)
		p.mu.Unlock()
	}()

	var mu sync.Mutex // of mute
	mute := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if n > 0 {
				mu.Lock()
				silent := mute
				mu.Unlock()
				if silent {
					client.Close() // the answer is there, and nobody hears it
					return
				}
				if _, err := client.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				client.Close()
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 {
			p.mu.Lock()
			judge := p.cutAfter
			p.mu.Unlock()
			v := pass
			if judge != nil {
				v = judge(buf[:n])
			}
			if v == cutBefore {
				return
			}
			if v == cutAfter {
				mu.Lock()
				mute = true
				mu.Unlock()
			}
			if _, err := server.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	server.(*net.TCPConn).CloseWrite()
	<-done
}
