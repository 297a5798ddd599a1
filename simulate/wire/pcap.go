package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"lapwing/simulate"
)

// A Pcap writes packets as a mirror port beside the application sees them:
// each connection with its handshake, requests and answers cut into segments
// and acknowledged, connections kept open while they are used and closed by the
// server once they idle. The first byte of a request and the last of its answer
// stand at the times the exchange says.
//
// The file is classic pcap, little-endian, with nanoseconds, Ethernet, uncut
// (draft-ietf-opsawg-pcap).
type Pcap struct {
	w      *bufio.Writer
	conns  map[uint64]*conn // open ones, by Exchange.Conn
	tuples map[tuple]int    // in use or lately so
	queue  frames           // what is still to be written
	pushed uint64           // frames so far, which orders those of one moment
	newest int64            // begin of the latest exchange
	last   int64            // time of the last packet written
	free   []*message       // messages to use again
	frame  []byte           // scratch
}

const (
	mtu           = 1500
	idleNS        = 65e9  // the server closes a connection this idle (nginx: 75 s, Apache: 5 s, ALB: 60 s)
	waitNS        = 30e9  // a port rests this long before it is used again
	maxRTTNS      = 180e6 // no client is farther away
	gapNS         = 12e3  // one full segment at 1 Gbit/s
	kernelNS      = 60e3  // until the server's kernel answers
	leadNS        = 2*maxRTTNS + 100e6
	maxOpen       = 1 << 17 // connections; above, clients hang up after each answer. About 50 MB
	maxFree       = 1 << 12
	pcapMagicNano = 0xa1b23c4d
)

// NewPcap returns a Sink that writes packets to w.
func NewPcap(w io.Writer) *Pcap {
	p := &Pcap{w: bufio.NewWriterSize(w, 256<<10), conns: map[uint64]*conn{}, tuples: map[tuple]int{}, newest: math.MinInt64, last: math.MinInt64}
	head := make([]byte, 24)
	le := binary.LittleEndian
	le.PutUint32(head[0:], pcapMagicNano)
	le.PutUint16(head[4:], 2)
	le.PutUint16(head[6:], 4)
	le.PutUint32(head[16:], 262144)
	le.PutUint32(head[20:], 1)
	p.w.Write(head) // a bufio.Writer keeps its error until the next write
	return p
}

// Exchange puts one exchange on the wire.
func (p *Pcap) Exchange(e *simulate.Exchange) error {
	if e.AtNS < p.newest {
		return fmt.Errorf("exchange at %d ns comes after one at %d ns: exchanges must be ordered by their begin", e.AtNS, p.newest)
	}
	p.newest = e.AtNS
	// What follows may put packets up to one round trip before its begin.
	if err := p.write(e.AtNS - leadNS); err != nil {
		return err
	}
	c := p.conns[e.Conn]
	if c == nil {
		var err error
		if c, err = p.dial(e); err != nil {
			return err
		}
		p.conns[e.Conn] = c
	}
	if e.AtNS < c.busyNS {
		return fmt.Errorf("exchange at %d ns overlaps the one before it on connection %d of %s", e.AtNS, e.Conn, e.Peer)
	}
	p.carry(c, e)
	switch {
	case closes(e):
		p.finish(c, c.busyNS+gapNS, serverSide)
	case len(p.conns) > maxOpen:
		p.finish(c, c.busyNS+c.rttNS+gapNS, clientSide)
	}
	return nil
}

// carry puts request and answer into the queue.
func (p *Pcap) carry(c *conn, e *simulate.Exchange) {
	m := p.message()
	m.buf = appendRequest(m.buf[:0], e)
	n := len(m.buf)
	m.buf = appendResponse(m.buf, e)
	request, answer := m.buf[:n], m.buf[n:]
	up, down := (len(request)+c.mss-1)/c.mss, (len(answer)+c.mss-1)/c.mss
	m.left = up + down

	duration := max(e.DurationNS, 0)
	gap := min(int64(gapNS), duration/int64(up+down+1))
	at := e.AtNS
	for i := range up {
		part := request[i*c.mss : min((i+1)*c.mss, len(request))]
		last := i == up-1
		p.send(c, clientSide, at, ackOrPush(last), part, m)
		if last && down == 0 || i%2 == 1 {
			p.send(c, serverSide, at+min(kernelNS, gap), flagACK, nil, nil)
		}
		if !last {
			at += gap
		}
	}
	end := e.AtNS + duration
	if down > 0 {
		// A server sends ten segments a round trip (RFC 6928), as far as the
		// exchange has time for it.
		span := max(int64(down-1)*gap, min(int64(down/10)*c.rttNS, duration/2))
		span = min(span, end-at)
		for i := range down {
			part := answer[i*c.mss : min((i+1)*c.mss, len(answer))]
			last := i == down-1
			at := end
			if !last {
				at = end - span + span*int64(i)/int64(down-1)
			}
			p.send(c, serverSide, at, ackOrPush(last), part, m)
			if last || i%2 == 1 {
				p.acknowledge(c, at+c.rttNS)
			}
		}
	}
	c.busyNS = end
	if !c.watched {
		c.watched = true
		p.push(event{at: end + idleNS, kind: idleCheck, conn: c})
	}
}

func ackOrPush(last bool) uint8 {
	if last {
		return flagACK | flagPSH
	}
	return flagACK
}

// Close ends all connections that were open and writes what is left. A real
// capture would just stop; a server that shuts down says goodbye.
func (p *Pcap) Close() error {
	return p.write(math.MaxInt64)
}

// write emits what is due until a time.
func (p *Pcap) write(until int64) error {
	for len(p.queue) > 0 && p.queue[0].at < until {
		ev := p.queue.pop()
		switch ev.kind {
		case idleCheck:
			p.idle(ev.conn, ev.at)
			continue
		case portFree:
			if t := ev.conn.tuple(); p.tuples[t] <= 1 {
				delete(p.tuples, t)
			} else {
				p.tuples[t]--
			}
			continue
		}
		p.emit(&ev)
		if ev.message != nil {
			p.release(ev.message)
		}
	}
	if err := p.flushed(until); err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	return nil
}

// flushed returns the writer's error; at the end it flushes.
func (p *Pcap) flushed(until int64) error {
	if until == math.MaxInt64 {
		return p.w.Flush()
	}
	_, err := p.w.Write(nil)
	return err
}

// emit writes one segment, unless it acknowledges what was acknowledged.
func (p *Pcap) emit(ev *event) {
	c := ev.conn
	me, other := &c.side[ev.from], &c.side[1-ev.from]
	if ev.kind == acknowledgement && int32(me.acked-ev.ack) >= 0 {
		return
	}
	me.acked = ev.ack
	s := segment{
		from: me.addr, to: other.addr, fromMAC: me.mac, toMAC: other.mac, ttl: me.ttl, ident: me.ident,
		seq: ev.seq, ack: ev.ack, flags: ev.flags, window: me.window, mss: uint16(me.mss), stamped: c.stamped, payload: ev.payload,
	}
	me.ident++
	if ev.flags&flagACK == 0 {
		s.ack = 0
	}
	if ev.flags&flagSYN != 0 {
		s.window = 64240 // not scaled yet
	}
	if c.stamped {
		me.stamp = me.base + uint32(ev.at/1e6)
		s.val = me.stamp
		if ev.flags&flagACK != 0 {
			s.ecr = other.stamp
		}
	}
	p.last = max(p.last, ev.at) // the record below never goes back
	p.frame = append(p.frame[:0], make([]byte, 16)...)
	p.frame = appendFrame(p.frame, &s)
	n := uint32(len(p.frame) - 16)
	le := binary.LittleEndian
	le.PutUint32(p.frame[0:], uint32(p.last/1e9))
	le.PutUint32(p.frame[4:], uint32(p.last%1e9))
	le.PutUint32(p.frame[8:], n)
	le.PutUint32(p.frame[12:], n)
	p.w.Write(p.frame)
}

// A message is the bytes of an exchange, until its last segment is written.
type message struct {
	buf  []byte
	left int
}

func (p *Pcap) message() *message {
	if n := len(p.free); n > 0 {
		m := p.free[n-1]
		p.free = p.free[:n-1]
		return m
	}
	return &message{}
}

func (p *Pcap) release(m *message) {
	if m.left--; m.left == 0 && len(p.free) < maxFree && cap(m.buf) <= 64<<10 {
		p.free = append(p.free, m)
	}
}
