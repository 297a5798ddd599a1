package kafka

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A cutter cuts connections: before what is written arrives, or after it, when
// the broker does what it was asked to and nobody hears of it.
type cutter struct {
	mu   sync.Mutex
	rng  *rand.Rand
	rate int // one write in so many is cut; 0: none
	cuts int
}

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: 3 * time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &cutConn{Conn: conn, by: c}, nil
}

func (c *cutter) draw() (before, after bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rate == 0 || c.rng.IntN(c.rate) != 0 {
		return false, false
	}
	c.cuts++
	before = c.rng.IntN(2) == 0
	return before, !before
}

func (c *cutter) set(rate int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate = rate
}

type cutConn struct {
	net.Conn
	by *cutter
}

func (c *cutConn) Write(b []byte) (int, error) {
	before, after := c.by.draw()
	if before {
		c.Conn.Close()
		return 0, errors.New("cut before writing")
	}
	n, err := c.Conn.Write(b)
	if after {
		// Our side is closed for good; what was written still arrives.
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			tcp.CloseWrite()
		}
		c.Conn.SetReadDeadline(time.Unix(1, 0))
	}
	return n, err
}

// SetDeadline must not revive a connection that was cut.
func (c *cutConn) SetDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(t) }
