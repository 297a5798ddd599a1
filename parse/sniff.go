package parse

import (
	"lapwing/parse/http1"
	"lapwing/parse/tcp"
)

// sniff decides what a connection is, and which end is the client, by the
// first bytes of either direction. Until then side means A or B.
func (c *conn) sniff(side int, b []byte, seg tcp.Segment) {
	if c.suspect != classUnknown {
		if c.dir[side].torn {
			*c.p.stats.Coverage.of(c.suspect) += uint64(len(b))
		} else {
			c.answered(side, b, seg)
		}
		return
	}
	h := &c.dir[side].hold
	prefix := b
	torn := c.tc.Midstream && c.nested == 0
	if !h.empty() {
		c.wait(side, piece{kind: pieceData, seg: seg}, b)
		prefix = h.bytes
		for i := range h.pieces {
			if h.pieces[i].kind == pieceGap {
				torn = true
			}
		}
	}
	if torn {
		c.sniffTorn(side, b, seg)
		return
	}
	if !c.proxyRead && c.nested == 0 {
		n, source, more := proxyHeader(prefix)
		switch {
		case more:
			if h.empty() {
				c.wait(side, piece{kind: pieceData, seg: seg}, b)
			}
			return
		case n > 0:
			c.announced(side, source)
			if h.empty() {
				c.p.stats.Coverage.Other += uint64(n)
				if b = b[n:]; len(b) == 0 {
					return
				}
				seg.Seq += uint32(n)
				prefix = b
			} else {
				c.strip(side, n)
				if prefix = h.bytes; h.empty() {
					return
				}
			}
		}
	}
	switch http1.Sniff(prefix) {
	case http1.Undecided:
		if h.empty() {
			c.wait(side, piece{kind: pieceData, seg: seg}, b)
		}
	case http1.Request:
		// Of the side that accepted the connection a word and a blank are no
		// evidence: many servers greet with text.
		if c.tc.SYN && side == server && !http1.StartsRequest(prefix) {
			c.judge(side, classOther, b, h.empty())
			return
		}
		c.begin(side == server, side, b, seg)
	case http1.Response:
		c.begin(side == client, side, b, seg)
	case http1.TLS:
		c.judge(side, classTLS, b, h.empty())
	case http1.HTTP2:
		c.judge(side, classHTTP2, b, h.empty())
	default:
		c.judge(side, classOther, b, h.empty())
	}
}

// sniffTorn looks for evidence in a connection whose start was not seen: a
// segment that starts like a message. Clients nearly always start a request
// with a segment.
func (c *conn) sniffTorn(side int, b []byte, seg tcp.Segment) {
	held := !c.dir[side].hold.empty()
	request, response := http1.StartsRequest(b), http1.StartsResponse(b)
	if request || response {
		other := 1 - side
		swapped := request == (side == server)
		c.begin(swapped, side, b, seg, other)
		return
	}
	if p := http1.Sniff(b); p == http1.TLS || p == http1.HTTP2 {
		k := classTLS
		if p == http1.HTTP2 {
			k = classHTTP2
		}
		if !held {
			*c.p.stats.Coverage.of(k) += uint64(len(b))
		}
		c.ignore(k)
		return
	}
	if held {
		// Nothing of it can be read any more, nor what the other side brings
		// before there is evidence.
		c.forget(side)
	} else {
		c.p.stats.Coverage.Unread += uint64(len(b))
	}
	c.dir[side].torn = true
	if c.passed += int64(len(b)); c.passed > maxMidstreamBytes {
		c.ignore(classOther)
	}
}

// forget counts what a direction holds as unread. An End among it stays known
// by direction.ended.
func (c *conn) forget(side int) {
	n := len(c.dir[side].hold.bytes)
	c.countHeld(side, classUnknown)
	c.p.stats.Coverage.Waiting -= uint64(n)
	c.p.stats.Coverage.Unread += uint64(n)
}

// countHeld drops what a direction holds and counts it as k.
func (c *conn) countHeld(side int, k class) {
	h := &c.dir[side].hold
	n := len(h.bytes)
	c.p.kept -= n
	c.p.stats.Coverage.Waiting -= uint64(n)
	*c.p.stats.Coverage.of(k) += uint64(n)
	h.pieces, h.bytes = h.pieces[:0], h.bytes[:0]
	if c.dir[1-side].hold.empty() {
		c.unlist()
	}
}

// judge decides for something that is not read. fresh says that b is not held.
// Whatever the client said, a server may answer it in HTTP/1 (400 to a TLS
// hello, or to a request line it cannot read), so its first bytes are awaited.
func (c *conn) judge(side int, k class, b []byte, fresh bool) {
	if fresh {
		*c.p.stats.Coverage.of(k) += uint64(len(b))
	}
	d := &c.dir[side]
	if d.torn || c.dir[1-side].torn || c.dir[1-side].ended || !c.tc.SYN || side == server && c.nested == 0 {
		c.ignore(k)
		return
	}
	if !fresh {
		c.countHeld(side, k)
	}
	d.torn, c.suspect = true, k
}

// answered decides by the first bytes of the side that answers a suspect.
func (c *conn) answered(side int, b []byte, seg tcp.Segment) {
	k := c.suspect
	if http1.StartsResponse(b) {
		c.suspect = classUnknown
		if !c.dir[side].hold.empty() { // a gap before it
			c.wait(side, piece{kind: pieceData, seg: seg}, b)
		}
		c.begin(side == client, side, b, seg, 1-side)
		return
	}
	*c.p.stats.Coverage.of(k) += uint64(len(b))
	c.ignore(k)
}

// begin starts reading HTTP/1. The direction that decided is in step; those in
// torn are not.
func (c *conn) begin(swapped bool, side int, b []byte, seg tcp.Segment, torn ...int) {
	fresh := c.dir[side].hold.empty()
	c.client, c.server = c.tc.A, c.tc.B
	if c.swapped {
		c.client, c.server = c.server, c.client
	}
	if swapped {
		c.swapped = !c.swapped
		c.client, c.server = c.server, c.client
		c.dir[client], c.dir[server] = c.dir[server], c.dir[client]
		side = 1 - side
		c.initDecoders()
	}
	if c.proxied.IsValid() {
		c.client = c.proxied
	}
	c.phase, c.class = phaseHTTP, classHTTP
	c.p.stats.Connections.HTTP++
	for i := range torn {
		t := torn[i]
		if swapped {
			t = 1 - t
		}
		c.dir[t].torn = true
		if c.dir[t].hold.empty() {
			c.dir[t].dec.Search()
		}
	}
	if fresh {
		c.read(side, b, seg)
	} else if len(torn) > 0 {
		// What was held before the torn start is lost with it.
		c.keepLast(side)
	}
	c.replay()
	c.checkFirst()
	c.settle()
}

// keepLast drops all held pieces of a direction but the last, which starts a
// message.
func (c *conn) keepLast(side int) {
	h := &c.dir[side].hold
	last := h.pieces[len(h.pieces)-1]
	drop := len(h.bytes) - int(last.n)
	c.p.kept -= drop
	c.p.stats.Coverage.Waiting -= uint64(drop)
	c.p.stats.Coverage.Unread += uint64(drop)
	h.bytes = append(h.bytes[:0], h.bytes[drop:]...)
	h.pieces = append(h.pieces[:0], last)
}

// checkFirst takes the connection for something else if its first line turned
// out to be no request line.
//
// The server's answer is awaited: if it is HTTP/1, so is the connection.
func (c *conn) checkFirst() {
	d, s := &c.dir[client], &c.dir[server]
	if c.phase != phaseHTTP || d.torn || d.dec.InStep() || d.dec.Messages() > 0 || s.dec.Messages() > 0 || !s.seen || s.dec.InStep() {
		return
	}
	c.giveUp(classOther)
}

// giveUp reclassifies a connection in which no message was found.
func (c *conn) giveUp(k class) {
	if c.phase == phaseHTTP {
		c.p.stats.Connections.HTTP--
		c.p.stats.Coverage.Unread -= c.unread
		*c.p.stats.Coverage.of(k) += c.unread
	}
	c.ignore(k)
}

// afterSwitch goes on after a response that hands the connection to another
// protocol. What follows a CONNECT may be HTTP again and is looked at afresh.
func (c *conn) afterSwitch() {
	k := c.switching
	c.switching = classUnknown
	c.popAll()
	if !c.nest || c.nested == maxNested {
		c.ignore(k)
		return
	}
	c.nested++
	c.nest = false
	c.phase = phaseSniff
	c.unread, c.respLost, c.lostBytes = 0, false, 0
	c.curReq, c.curResp = nil, nil
	c.initDecoders()
	// What either side has sent already was held: decide by it.
	for side := range c.dir {
		d := &c.dir[side]
		d.torn = false
		if d.hold.empty() || c.phase != phaseSniff {
			continue
		}
		c.resniff(side)
	}
}

// resniff offers held pieces of one direction as if they came now.
func (c *conn) resniff(side int) {
	h := &c.dir[side].hold
	pieces, bytes := h.pieces, h.bytes
	h.pieces, h.bytes = nil, nil
	c.p.kept -= len(bytes)
	c.p.stats.Coverage.Waiting -= uint64(len(bytes))
	fromA := (side == client) != c.swapped
	at := 0
	for _, pc := range pieces {
		switch pc.kind {
		case pieceData:
			b := bytes[at : at+int(pc.n)]
			at += int(pc.n)
			switch s := c.side(fromA); c.phase {
			case phaseSniff:
				c.sniff(s, b, pc.seg)
			case phaseHTTP:
				c.wait(s, pc, b)
				c.settle()
			default:
				*c.p.stats.Coverage.of(c.class) += uint64(len(b))
			}
		default:
			if c.phase != phaseIgnored {
				c.wait(c.side(fromA), pc, nil)
			}
		}
	}
}
