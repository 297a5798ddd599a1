package wire

import (
	"context"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// stranger is what a caller hears who is no part of the replay.
const stranger = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 39\r\nConnection: close\r\n\r\nThis server only replays made-up calls\n"

// A liveServer answers each request with what its exchange says. It knows an
// exchange by the connection: clients announce themselves before they write.
type liveServer struct {
	ctx       context.Context
	listener  net.Listener
	wg        sync.WaitGroup
	strangers atomic.Int64
	mu        sync.Mutex // protects expected
	expected  map[netip.AddrPort]chan *job
}

func newLiveServer(ctx context.Context, listener net.Listener) *liveServer {
	s := &liveServer{ctx: ctx, listener: listener, expected: map[netip.AddrPort]chan *job{}}
	s.wg.Add(1)
	go s.accept()
	return s
}

func (s *liveServer) close() {
	s.listener.Close()
	s.wg.Wait()
}

// expect says that a connection comes from this address.
func (s *liveServer) expect(from net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expected[addrPort(from)] = make(chan *job, 1)
}

// queue says which request comes next from there; false if that connection is
// no more. At most one waits: clients send the next after the answer.
func (s *liveServer) queue(from net.Addr, j *job) bool {
	jobs := s.known(from)
	if jobs == nil {
		return false
	}
	select {
	case jobs <- j:
		return true
	case <-s.ctx.Done():
		return false
	}
}

// known takes a caller's queue.
func (s *liveServer) known(from net.Addr) chan *job {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.expected[addrPort(from)]
}

func (s *liveServer) forget(from net.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.expected, addrPort(from))
}

func addrPort(a net.Addr) netip.AddrPort {
	ap := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}

func (s *liveServer) accept() {
	defer s.wg.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if s.ctx.Err() != nil || isClosed(err) {
				return
			}
			continue // out of descriptors for a moment: clients retry nothing, they wait
		}
		s.wg.Add(1)
		go s.serve(conn)
	}
}

func isClosed(err error) bool {
	op, ok := err.(*net.OpError)
	return ok && !op.Temporary()
}

// serve answers one connection until it ends.
func (s *liveServer) serve(conn net.Conn) {
	defer s.wg.Done()
	defer conn.Close()
	release := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer release()
	from := conn.RemoteAddr()
	defer s.forget(from)
	buf := make([]byte, 16<<10)
	for {
		// The first byte comes after the announcement, so look only then.
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		jobs := s.known(from)
		if jobs == nil {
			s.strangers.Add(1)
			io.WriteString(conn, stranger)
			return
		}
		var j *job
		select {
		case j = <-jobs:
		case <-s.ctx.Done():
			return
		}
		for left := len(j.request) - n; left > 0; left -= n {
			if n, err = conn.Read(buf[:min(left, len(buf))]); err != nil {
				return
			}
		}
		if !s.wait(j.takes) {
			return
		}
		if _, err := conn.Write(j.answer); err != nil || j.close {
			return
		}
	}
}

func (s *liveServer) wait(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.ctx.Done():
		return false
	}
}
