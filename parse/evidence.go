package parse

import (
	"lapwing/event"
	"lapwing/parse/http1"
)

// Where packets were lost, the order of the messages that remain no longer says
// which response answers which request. The sequence numbers do, because they
// count what was lost, too:
//
//   - A client that does not pipeline has read every answer before it asks
//     again, so the acknowledgement of its request is the sequence number at
//     which the answer begins. That needs nothing but the two messages
//     themselves, whatever is missing around them.
//   - A server has received the request that it answers, and a client has not
//     received the answer to what it is about to ask. That holds always.
//   - Between two messages with nothing missing in either direction the order
//     counts, pipelined or not.
//
// What they leave open is no pair, or one with FlagAmbiguous.

// evidence is what a connection knows beside its queue.
type evidence struct {
	lossy        bool // something was lost: the order alone is not believed any more
	unordered    bool // responses may be missing between the last one that found its request and the next
	requestsLost bool // requests may be missing before the next
	pipelines    bool // the client has asked without waiting for an answer
	assumed      bool // that the order holds again was concluded from its waiting

	ask   uint32 // acknowledgement of the last request; valid if asks
	asks  bool
	heard uint32 // acknowledgement of the last response; valid if hears
	hears bool

	info      uint32 // where the 1xx responses since the last final one begin; valid if informing
	informing bool
}

// asked takes note of a request.
func (e *evidence) asked(m *message) {
	m.afterHole = e.requestsLost
	e.requestsLost = false
	if m.noAck {
		e.asks = false
		return
	}
	if e.asks && m.ack == e.ask {
		e.sentAtOnce() // nothing had come to answer the one before
	}
	e.ask, e.asks = m.ack, true
}

// sentAtOnce takes note that the client does not wait for answers.
func (e *evidence) sentAtOnce() {
	e.pipelines = true
	if e.assumed {
		e.assumed, e.unordered = false, true
	}
}

// answered takes note of a final response.
func (e *evidence) answered(m *message) {
	e.heard, e.hears = m.ack, !m.noAck
	e.informing = false
}

// informed takes note of a 1xx response that begins at seq.
func (e *evidence) informed(seq uint32) {
	if !e.informing {
		e.info, e.informing = seq, true
	}
}

// behind reports whether requests that the server had when it wrote what comes
// next are not read yet. Where something was lost they are waited for, since
// the queue may hold older ones only.
func (c *conn) behind() bool {
	d := &c.dir[client]
	return c.evidence.lossy && d.seen && !d.ended && d.hold.empty() && !c.noAck() && before(d.next, c.seg.Ack)
}

// weigh returns the exchange that a response belongs to by the evidence, or nil
// if its request is not there. ack is void unless known. Requests that turn out
// to be past their answers end.
func (c *conn) weigh(h *http1.Head, ack uint32, known bool) *exch {
	e := &c.evidence
	begin := h.StartSeq
	if e.informing {
		begin = e.info
	}
	// possible: neither side would have to know the future.
	possible := func(m *message) bool {
		return (!known || before(m.seq, ack)) && (m.noAck || !before(begin, m.ack))
	}
	ordered, bySeq, byAck, oldest := false, -1, -1, -1
	for i, x := range c.queue {
		m := &x.req
		if !possible(m) {
			continue
		}
		if oldest < 0 {
			oldest = i
		}
		if bySeq < 0 && !m.noAck && m.ack == begin {
			bySeq = i
		}
		if byAck < 0 && m.ended && known && m.end == ack {
			byAck = i
		}
	}
	ordered = oldest == 0 && !e.unordered && !c.queue[0].req.afterHole

	pick, unsure := -1, false
	switch {
	case ordered:
		pick, unsure = 0, bySeq > 0 && !e.pipelines
	case bySeq >= 0:
		m := &c.queue[bySeq].req
		pick = bySeq
		if e.pipelines {
			// One of several that were sent at once, unless both ends of the
			// request agree and nothing is missing before it.
			unsure = bySeq != byAck || m.afterHole
		} else {
			e.assumed = bySeq != byAck || m.afterHole
			unsure = byAck >= 0 && byAck != bySeq || c.unheard(m)
		}
	case byAck >= 0:
		// Something stands between: a 1xx that was lost, or the true answer.
		pick, unsure = byAck, true
	case oldest >= 0 && (e.pipelines || !known || c.queue[oldest].req.noAck):
		pick, unsure = oldest, true
	}
	e.unordered = pick < 0 || unsure
	if pick < 0 {
		c.dropPast(begin, ack, known)
		return nil
	}
	for range pick {
		c.pop()
	}
	x := c.queue[0]
	if unsure {
		x.flags |= event.FlagAmbiguous
	}
	if e.informing {
		x.flags |= event.FlagInformational
	}
	return x
}

// unheard reports whether the request before m, which is missing, had not even
// reached the server when it wrote the response before: then its answer is not
// past, and the two were sent at once.
func (c *conn) unheard(m *message) bool {
	if !m.afterHole || c.respLost {
		return false
	}
	return !c.evidence.hears || before(c.evidence.heard, m.seq)
}

// dropPast ends the requests whose answers would have to stand before begin, if
// their client waits for answers.
func (c *conn) dropPast(begin, ack uint32, known bool) {
	for known && !c.evidence.pipelines && len(c.queue) > 0 {
		m := &c.queue[0].req
		if m.noAck || !before(m.ack, begin) || !before(m.seq, ack) {
			return
		}
		c.pop()
	}
}
