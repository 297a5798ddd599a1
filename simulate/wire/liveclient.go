package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// A job is one exchange on its way.
type job struct {
	due     time.Time
	request []byte
	answer  []byte
	takes   time.Duration
	close   bool
}

// A liveClient is one connection: it sends the requests of its jobs in order
// and reads their answers.
type liveClient struct {
	live   *Live
	from   netip.Addr
	jobs   chan *job
	lastNS int64 // end of its last exchange; the goroutine of Live has it
}

// patience is how long an answer may be overdue: the server is this process.
const patience = 30 * time.Second

func (c *liveClient) run() {
	defer c.live.wg.Done()
	if err := c.work(); err != nil {
		c.live.fail(fmt.Errorf("live client %s: %w", c.from, err))
	}
	for range c.jobs { // the sender must not block on who has given up
	}
}

func (c *liveClient) work() error {
	l := c.live
	var conn net.Conn
	defer func() {
		if conn != nil {
			conn.Close()
		}
	}()
	for j := range c.jobs {
		if conn == nil {
			d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 0)), Timeout: patience}
			var err error
			if conn, err = d.DialContext(l.ctx, "tcp4", l.Addr().String()); err != nil {
				if l.ctx.Err() != nil {
					return context.Cause(l.ctx)
				}
				return err
			}
			l.server.expect(conn.LocalAddr())
			l.mu.Lock()
			l.stats.Connections++
			l.mu.Unlock()
		}
		if err := c.exchange(conn, j); err != nil {
			if l.ctx.Err() != nil {
				return context.Cause(l.ctx)
			}
			return err
		}
	}
	return nil
}

// exchange sends one request and reads the whole answer.
func (c *liveClient) exchange(conn net.Conn, j *job) error {
	l := c.live
	lag := time.Since(j.due)
	conn.SetDeadline(time.Now().Add(j.takes + patience))
	if !l.server.queue(conn.LocalAddr(), j) {
		return errors.New("the server has closed the connection")
	}
	if _, err := conn.Write(j.request); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	if len(j.answer) == 0 { // a server that hangs up
		io.Copy(io.Discard, conn)
	} else if _, err := io.CopyN(io.Discard, conn, int64(len(j.answer))); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	l.mu.Lock()
	l.stats.Exchanges++
	l.stats.Lag = max(l.stats.Lag, lag)
	l.mu.Unlock()
	return nil
}
