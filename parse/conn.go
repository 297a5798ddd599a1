package parse

import (
	"net/netip"
	"time"

	"lapwing/event"
	"lapwing/parse/http1"
	"lapwing/parse/tcp"
)

func unixNano(ns int64) time.Time        { return time.Unix(0, ns).UTC() }
func nanoseconds(ns int64) time.Duration { return time.Duration(ns) }

type phase uint8

const (
	phaseSniff   phase = iota // what is it, and who is the client?
	phaseHTTP                 // HTTP/1, sides known
	phaseIgnored              // nothing to read: bytes are only counted
)

// Sides of a connection, once they are known. Before, they are A and B.
const (
	client = 0
	server = 1
)

// maxNested bounds how often a CONNECT may be answered inside a CONNECT.
const maxNested = 4

// maxMidstreamBytes is how much of a connection that was under way is looked
// at for a message before it counts as something else: longer than all but the
// longest downloads, and looking costs next to nothing.
const maxMidstreamBytes = 64 << 20

// A direction is one half of a connection.
type direction struct {
	dec    http1.Decoder
	hold   hold
	seg    tcp.Segment // of the bytes given to dec last
	next   uint32      // sequence number after the last byte given to dec
	seen   bool        // next is valid
	torn   bool        // bytes before what is read now were not seen
	ended  bool
	reason tcp.EndReason
}

// A conn reads one connection. It is the tcp.Stream of it.
type conn struct {
	p              *Parser
	tc             *tcp.Conn
	client, server netip.AddrPort
	phase          phase
	class          class
	proxied        netip.AddrPort // client that a trusted PROXY header names
	proxyRead      bool           // such a header was read
	swapped        bool           // side = direction, turned around: the client is B
	midstream      bool           // next call is the first of a connection that was under way
	nested         int
	passed         int64 // bytes looked at in vain, midstream

	dir [2]direction // by side

	// Of the Data under way.
	seg  tcp.Segment
	data []byte

	queue     []*exch // requests that wait for their response, oldest first
	curReq    *exch   // whose body is under way
	curResp   *exch
	informing bool  // the message under way is a 1xx
	respLost  bool  // whole responses may be missing since the last one
	lostBytes int64 // of those
	evidence  evidence
	oneSided  bool // the client's bytes are not captured: responses need not wait
	reset     bool
	overlap   bool // next message has bytes that were also seen otherwise

	suspect       class  // what the client's first bytes look like, while the server's are awaited
	pendingSwitch bool   // the last request asked for another protocol
	switching     class  // what follows the response under way; classUnknown: HTTP/1
	nest          bool   // what follows may be HTTP/1 again: CONNECT
	unread        uint64 // bytes counted as Coverage.Unread in phaseHTTP

	holding            bool // listed among the connections that hold bytes
	replaying          bool
	inReplay           int   // bytes taken from holds and not read yet
	waitSince          int64 // packet time
	holdNext, holdPrev *conn
}

// clientSide and serverSide give the two decoders of a connection their own
// methods without an allocation.
type (
	clientSide conn
	serverSide conn
)

var (
	_ http1.Handler = (*clientSide)(nil)
	_ http1.Handler = (*serverSide)(nil)
	_ tcp.Stream    = (*conn)(nil)
)

func newConn(p *Parser, tc *tcp.Conn) *conn {
	c := &conn{p: p, tc: tc, midstream: tc.Midstream}
	c.initDecoders()
	return c
}

func (c *conn) initDecoders() {
	c.dir[client].dec.Init(http1.Requests, c.p.cfg.HTTP1, &c.p.scratch, (*clientSide)(c))
	c.dir[server].dec.Init(http1.Responses, c.p.cfg.HTTP1, &c.p.scratch, (*serverSide)(c))
}

// side tells which half a direction is: 0 for the client, or before sides are
// known for A.
func (c *conn) side(fromA bool) int {
	if fromA == c.swapped {
		return server
	}
	return client
}

// Data implements tcp.Stream.
func (c *conn) Data(fromA bool, b []byte, seg tcp.Segment) {
	defer c.guard()
	if seg.Flags&tcp.OverlapDiffers != 0 {
		c.overlap = true
		if c.curReq != nil {
			c.curReq.flags |= event.FlagOverlapDiffers
		}
		if c.curResp != nil {
			c.curResp.flags |= event.FlagOverlapDiffers
		}
	}
	if len(b) == 0 {
		return
	}
	switch c.phase {
	case phaseHTTP:
		side := c.side(fromA)
		if !c.dir[side].hold.empty() {
			c.wait(side, piece{kind: pieceData, seg: seg}, b)
			c.settle()
			return
		}
		c.read(side, b, seg)
		if c.dir[client].dec.Messages() == 0 {
			c.checkFirst()
		}
		if c.holding {
			c.settle()
		}
	case phaseSniff:
		c.sniff(c.side(fromA), b, seg)
	default:
		*c.p.stats.Coverage.of(c.class) += uint64(len(b))
	}
}

// Gap implements tcp.Stream.
func (c *conn) Gap(fromA bool, n int64, atNS int64) {
	defer c.guard()
	c.p.stats.Coverage.Lost += uint64(n)
	side := c.side(fromA)
	c.evidence.lossy = true
	if c.phase == phaseSniff { // it may be dropped with what is held before the first message
		c.evidence.unordered, c.evidence.requestsLost = true, true
	}
	switch {
	case c.phase == phaseIgnored:
	case c.phase == phaseSniff || !c.dir[side].hold.empty():
		c.wait(side, piece{kind: pieceGap, n: n, seg: tcp.Segment{AtNS: atNS}}, nil)
		if c.phase == phaseHTTP {
			c.settle()
		}
	default:
		c.gap(side, n)
		c.settle()
	}
}

// End implements tcp.Stream.
func (c *conn) End(fromA bool, reason tcp.EndReason, atNS int64) {
	defer c.guard()
	side := c.side(fromA)
	d := &c.dir[side]
	if d.ended {
		return
	}
	switch {
	case c.phase == phaseHTTP && d.hold.empty():
		c.finish(side, reason)
	case c.phase == phaseIgnored:
		d.ended = true
	default:
		c.wait(side, piece{kind: pieceEnd, reason: reason, seg: tcp.Segment{AtNS: atNS}}, nil)
		d.ended = true
	}
	if c.phase == phaseHTTP {
		c.settle()
	}
	if c.dir[client].ended && c.dir[server].ended {
		c.close()
	}
}

// guard turns a panic into the loss of this connection.
func (c *conn) guard() {
	if v := recover(); v != nil {
		c.p.fault(c, v)
	}
}

// read gives bytes to a decoder and holds back what it does not take.
func (c *conn) read(side int, b []byte, seg tcp.Segment) {
	d := &c.dir[side]
	c.data, c.seg, d.seg = b, seg, seg
	d.seen = true
	n := d.dec.Data(b, seg.Seq, seg.AtNS)
	c.data = nil
	d.next = seg.Seq + uint32(n)
	c.p.stats.Coverage.HTTP += uint64(n)
	if n < len(b) {
		seg.Seq += uint32(n)
		c.wait(side, piece{kind: pieceData, seg: seg}, b[n:])
	}
	if c.switching != classUnknown && c.curResp == nil {
		c.afterSwitch()
	}
}

func (c *conn) noAck() bool { return c.seg.Flags&tcp.NoAck != 0 }

func (c *conn) gap(side int, n int64) {
	d := &c.dir[side]
	d.next += uint32(n)
	d.dec.Gap(n)
}

// finish ends one direction.
func (c *conn) finish(side int, reason tcp.EndReason) {
	d := &c.dir[side]
	d.ended, d.reason = true, reason
	if reason == tcp.EndRST {
		c.reset = true
	}
	d.dec.Close()
}

// close ends the connection: what still waits is read as it is, and requests
// without a response become calls.
func (c *conn) close() {
	if c.phase == phaseSniff {
		if c.suspect == classUnknown {
			c.suspect = classOther
		}
		c.ignore(c.suspect)
	}
	if c.phase == phaseHTTP {
		c.oneSided = true
		c.replay()
	}
	if c.phase == phaseHTTP {
		if c.dir[client].dec.Messages()+c.dir[server].dec.Messages() == 0 {
			c.giveUp(classOther)
		}
		c.popAll()
	}
	c.curReq, c.curResp = nil, nil
	c.dropHolds(classOther)
}

// abandon drops everything after a panic, without calling anything that may
// panic again.
func (c *conn) abandon() {
	for _, x := range c.queue {
		c.p.release(x)
	}
	if x := c.curResp; x != nil && !x.req.begun {
		c.p.release(x)
	}
	cov := &c.p.stats.Coverage
	cov.Faulted += uint64(len(c.data) + c.inReplay)
	cov.Waiting -= uint64(c.inReplay)
	c.p.kept -= c.inReplay
	c.data, c.inReplay = nil, 0
	if c.class == classHTTP {
		c.p.stats.Connections.HTTP--
	}
	c.queue, c.curReq, c.curResp, c.replaying = nil, nil, nil, false
	c.dropHolds(classFaulted)
	c.ignore(classFaulted)
}

// ignore stops reading. What comes is counted as k.
func (c *conn) ignore(k class) {
	c.popAll()
	c.phase, c.class = phaseIgnored, k
	*c.p.stats.Connections.of(k)++
	c.dropHolds(k)
	c.tc.CountIgnored(c.p.stats.Coverage.of(k))
	c.tc.Ignore()
}
