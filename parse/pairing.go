package parse

import (
	"lapwing/event"
	"lapwing/parse/http1"
	"lapwing/parse/tcp"
)

// Responses answer requests in order (RFC 9112 §9.3.2). What is done where
// packets were lost stands in evidence.go.

// before reports whether sequence number a lies before b.
func before(a, b uint32) bool { return int32(a-b) < 0 }

// Ready implements http1.Handler. After a request that may switch protocols
// the client's bytes wait for the answer.
func (s *clientSide) Ready() bool { return !s.pendingSwitch || s.oneSided }

// Head implements http1.Handler.
func (s *clientSide) Head(h *http1.Head) http1.Rule {
	c := (*conn)(s)
	if n := len(c.queue); n >= c.p.cfg.MaxPending {
		c.p.stats.QueueOverflow++
		c.pop()
		c.respLost = true
		c.evidence.lossy, c.evidence.unordered = true, true
	} else if n > 0 && !c.dir[server].seen && h.StartNS-c.queue[0].req.startNS > int64(c.p.cfg.AnswerTime) {
		c.pop()
		c.evidence.lossy, c.evidence.unordered = true, true
	}
	x := c.p.newExch()
	c.start(x, client, &x.req, h)
	c.evidence.asked(&x.req)
	c.queue = append(c.queue, x)
	c.curReq = x
	return http1.RuleFramed
}

// start copies a head and what is known of its first segment.
func (c *conn) start(x *exch, side int, m *message, h *http1.Head) {
	m.begin(h)
	// A head that was cut may be read while bytes of the other side are.
	m.ack, m.noAck = c.dir[side].seg.Ack, c.dir[side].seg.Flags&tcp.NoAck != 0
	if c.midstream {
		c.midstream = false
		x.flags |= event.FlagMidstream
	}
	if c.overlap {
		c.overlap = false
		x.flags |= event.FlagOverlapDiffers
	}
}

// Body implements http1.Handler.
func (s *clientSide) Body(b []byte) {
	if x := s.curReq; x != nil {
		s.p.keep(x, &x.req, b)
	}
}

// Lost implements http1.Handler.
func (s *clientSide) Lost(n int64) {
	if x := s.curReq; x != nil {
		x.req.lost += n
		x.req.holed = true
	}
}

// End implements http1.Handler.
func (s *clientSide) End(f http1.Finish) {
	c := (*conn)(s)
	x := c.curReq
	c.curReq = nil
	if x == nil {
		return
	}
	x.req.finish(f)
	if d := &c.dir[client]; c.data != nil && f.Complete {
		x.req.end, x.req.ended = d.seg.Seq+uint32(len(c.data)), true
	}
	if x.early && !x.resp.noAck && c.data != nil && !before(x.resp.ack, c.seg.Seq+uint32(len(c.data))) {
		x.early = false // the server had all of it; capture swapped the packets
	}
	switch {
	case x.resp.done:
		c.pop()
	case !x.resp.begun && (x.req.upgrade.End > x.req.upgrade.Start || isConnect(&x.req)):
		c.pendingSwitch = true
	}
}

func (m *message) finish(f http1.Finish) {
	m.done, m.complete = true, f.Complete
	m.flags |= f.Flags
	if f.LastNS > m.lastNS {
		m.lastNS = f.LastNS
	}
}

// Unread implements http1.Handler.
func (s *clientSide) Unread(n int) { (*conn)(s).countUnread(n) }

// Hole implements http1.Handler.
func (s *clientSide) Hole(int64) {
	s.dir[client].torn = true
	s.evidence.requestsLost = true
}

// Rest implements http1.Handler.
func (s *clientSide) Rest(b []byte) { (*conn)(s).rest(client, b) }

// Ready implements http1.Handler. A response whose request may still come,
// because capture swapped their packets, waits.
func (s *serverSide) Ready() bool {
	c := (*conn)(s)
	if c.oneSided {
		return true
	}
	if c.behind() {
		return false
	}
	x := c.unanswered()
	if x == nil {
		d := &c.dir[client]
		known := d.seen && !c.noAck() && !before(d.next, c.seg.Ack)
		if !known && !(d.ended && d.hold.empty()) && !d.dec.Versionless() {
			return false
		}
		if c.curReq == nil {
			d.dec.Flush() // the server has answered a head that lacks its end
		}
		if x = c.unanswered(); x == nil {
			return true
		}
	}
	if x.req.version == http1.VersionNone && len(x.req.fields) == 0 {
		c.dir[server].dec.ExpectBare()
	}
	return true
}

// unanswered returns the oldest request without a final response, or nil.
func (c *conn) unanswered() *exch {
	for _, x := range c.queue {
		if !x.resp.begun {
			return x
		}
	}
	return nil
}

// Head implements http1.Handler.
func (s *serverSide) Head(h *http1.Head) http1.Rule {
	c := (*conn)(s)
	if h.Status >= 100 && h.Status < 200 && h.Status != 101 {
		c.informing = true
		c.evidence.informed(h.StartSeq)
		if c.evidence.lossy {
			return http1.RuleNoBody // whom it informs is known with the final response
		}
		if x := c.unanswered(); x != nil {
			x.flags |= event.FlagInformational
		}
		return http1.RuleNoBody
	}
	x := c.match(h)
	c.start(x, server, &x.resp, h)
	c.evidence.answered(&x.resp)
	c.curResp = x
	if !x.req.begun {
		if h.Status == 101 {
			return c.switchTo(x, h)
		}
		return http1.RuleUnasked
	}
	if !x.req.done {
		x.early = true // unless the rest of the request turns out to have come first
		if x.req.expect {
			c.dir[client].dec.BodyMayBeOmitted()
		}
	}
	connect := isConnect(&x.req)
	if connect || x.req.upgrade.End > x.req.upgrade.Start {
		c.pendingSwitch = false
	}
	switch method := x.req.method.In(x.req.head); {
	case h.Status == 101, connect && h.Status/100 == 2:
		return c.switchTo(x, h)
	case string(method) == "HEAD":
		return http1.RuleNoBody
	}
	return http1.RuleFramed
}

func isConnect(m *message) bool { return string(m.method.In(m.head)) == "CONNECT" }

// switchTo notes what follows the response.
func (c *conn) switchTo(x *exch, h *http1.Head) http1.Rule {
	x.flags |= event.FlagUpgrade
	c.switching = classOther
	if h.Status != 101 {
		c.nest = true
		return http1.RuleSwitch
	}
	switch to := h.Upgrade.In(h.Bytes); {
	case containsFold(to, "websocket"):
		c.switching = classWebSocket
	case containsFold(to, "h2c"):
		c.switching = classHTTP2
	}
	return http1.RuleSwitch
}

// match returns the exchange that a response belongs to, or a new one without
// a request. Where nothing was lost it is the oldest open one.
func (c *conn) match(h *http1.Head) *exch {
	for len(c.queue) > 0 && c.queue[0].resp.begun {
		c.pop() // its request never ended, and the server went on
	}
	seg := &c.dir[server].seg
	known := seg.Flags&tcp.NoAck == 0
	var x *exch
	if c.evidence.lossy {
		x = c.weigh(h, seg.Ack, known)
	} else if len(c.queue) > 0 && (!known || before(c.queue[0].req.seq, seg.Ack)) {
		x = c.queue[0]
	}
	c.respLost, c.lostBytes = false, 0
	if x != nil {
		return x
	}
	x = c.p.newExch()
	if d := &c.dir[client]; known && d.seen && !d.torn && !c.oneSided {
		x.flags |= event.FlagAmbiguous // nothing was missed: a response that nobody asked for, as after smuggling
	}
	return x
}

// Body implements http1.Handler.
func (s *serverSide) Body(b []byte) {
	if x := s.curResp; x != nil {
		s.p.keep(x, &x.resp, b)
	}
}

// Lost implements http1.Handler.
func (s *serverSide) Lost(n int64) {
	if x := s.curResp; x != nil {
		x.resp.lost += n
		x.resp.holed = true
	}
}

// End implements http1.Handler.
func (s *serverSide) End(f http1.Finish) {
	c := (*conn)(s)
	if c.informing {
		c.informing = false
		return
	}
	x := c.curResp
	c.curResp = nil
	if x == nil {
		return
	}
	x.resp.finish(f)
	if d := &c.dir[server]; d.ended && d.reason != 0 && f.Flags&event.FlagCloseDelimited != 0 {
		x.resp.complete = false // what ended it was not its sender
	}
	switch {
	case !x.req.begun:
		c.emit(x)
	case x.req.done:
		if len(c.queue) > 1 && c.pipelined(&c.queue[1].req, &x.resp) {
			c.queue[1].flags |= event.FlagPipelined
			if !c.evidence.lossy { // else the end may be another's
				c.evidence.sentAtOnce()
			}
		}
		c.pop()
	}
}

// pipelined reports whether a request was sent before the response that ends
// now was there. Capture may have swapped their packets, so what the client
// acknowledged counts, and time only where that is not known.
func (c *conn) pipelined(next, resp *message) bool {
	if next.noAck || c.data == nil {
		return next.startNS < resp.lastNS
	}
	return before(next.ack, c.seg.Seq+uint32(len(c.data)))
}

// Unread implements http1.Handler.
func (s *serverSide) Unread(n int) { (*conn)(s).countUnread(n) }

// Hole implements http1.Handler.
func (s *serverSide) Hole(n int64) {
	s.dir[server].torn = true
	s.respLost = true
	s.lostBytes += n
	s.evidence.unordered, s.evidence.informing = true, false
}

// Rest implements http1.Handler.
func (s *serverSide) Rest(b []byte) { (*conn)(s).rest(server, b) }

func (c *conn) countUnread(n int) {
	c.p.stats.Coverage.HTTP -= uint64(n)
	c.p.stats.Coverage.Unread += uint64(n)
	c.unread += uint64(n)
}

// rest holds what follows a switch of protocols, until afterSwitch says what
// becomes of it.
func (c *conn) rest(side int, b []byte) {
	c.p.stats.Coverage.HTTP -= uint64(len(b))
	seg := c.seg
	seg.Seq += uint32(len(c.data) - len(b))
	c.wait(side, piece{kind: pieceData, seg: seg}, b)
}

// pop ends the oldest exchange as it is.
func (c *conn) pop() {
	x := c.queue[0]
	n := copy(c.queue, c.queue[1:])
	c.queue[n] = nil
	c.queue = c.queue[:n]
	if x == c.curReq {
		c.curReq = nil
	}
	if x == c.curResp {
		c.curResp = nil
	}
	if !x.resp.begun {
		x.resp.lost += c.lostBytes
		c.lostBytes = 0
		if n == 0 {
			c.pendingSwitch = false
		}
	}
	c.emit(x)
}

// popAll ends every exchange as it is.
func (c *conn) popAll() {
	for len(c.queue) > 0 {
		c.pop()
	}
	if x := c.curResp; x != nil { // one without a request
		c.curResp = nil
		c.emit(x)
	}
}

func (c *conn) emit(x *exch) {
	if x.early {
		x.flags |= event.FlagEarlyResponse
	}
	if c.reset && !(x.resp.done && x.resp.complete) {
		x.flags |= event.FlagReset
	}
	c.p.build(c, x)
}

func containsFold(b []byte, lower string) bool {
	for i := 0; i+len(lower) <= len(b); i++ {
		j := 0
		for j < len(lower) && b[i+j]|0x20 == lower[j]|0x20 {
			j++
		}
		if j == len(lower) {
			return true
		}
	}
	return false
}
