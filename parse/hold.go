package parse

import "lapwing/parse/tcp"

type pieceKind uint8

const (
	pieceData pieceKind = iota
	pieceGap
	pieceEnd
)

// A piece is something that a direction brought and that is not read yet.
type piece struct {
	kind   pieceKind
	reason tcp.EndReason
	n      int64 // length: of the data in hold.bytes, or of the gap
	seg    tcp.Segment
}

// A hold keeps what waits, in order.
type hold struct {
	pieces []piece
	bytes  []byte
}

func (h *hold) empty() bool { return len(h.pieces) == 0 }

// maxHoldPieces bounds the pieces of one direction, against bytes that come
// one at a time.
const maxHoldPieces = 4096

// wait holds a piece of one direction.
func (c *conn) wait(side int, pc piece, b []byte) {
	h := &c.dir[side].hold
	if pc.kind == pieceData {
		pc.n = int64(len(b))
		h.bytes = append(h.bytes, b...)
		c.p.kept += len(b)
		c.p.stats.Coverage.Waiting += uint64(len(b))
	}
	h.pieces = append(h.pieces, pc)
	c.list()
}

// list puts c on the list of connections that hold something, if it is not.
func (c *conn) list() {
	if c.holding {
		return
	}
	c.holding, c.waitSince = true, c.p.nowNS
	c.holdPrev = c.p.holdLast
	if c.holdPrev == nil {
		c.p.holdFirst = c
	} else {
		c.holdPrev.holdNext = c
	}
	c.p.holdLast = c
}

// unlist takes c off the list of connections that hold something.
func (c *conn) unlist() {
	if !c.holding {
		return
	}
	c.holding = false
	if c.holdPrev == nil {
		c.p.holdFirst = c.holdNext
	} else {
		c.holdPrev.holdNext = c.holdNext
	}
	if c.holdNext == nil {
		c.p.holdLast = c.holdPrev
	} else {
		c.holdNext.holdPrev = c.holdPrev
	}
	c.holdNext, c.holdPrev = nil, nil
}

// overfull reports whether waiting has to end for lack of room.
func (c *conn) overfull() bool {
	for i := range c.dir {
		h := &c.dir[i].hold
		if len(h.bytes) > c.p.cfg.HoldBytes || len(h.pieces) > maxHoldPieces {
			return true
		}
	}
	return c.p.kept > c.p.cfg.MaxKeptBytes
}

// expireHolds ends waiting that has lasted too long.
func (p *Parser) expireHolds(nowNS int64) {
	for c := p.holdFirst; c != nil && nowNS-c.waitSince > int64(p.cfg.HoldTime); c = p.holdFirst {
		c.unlist()
		c.expire()
	}
}

// expire goes on without what was waited for.
func (c *conn) expire() {
	defer c.guard()
	if c.phase != phaseHTTP {
		return // undecided bytes are few, and wait as long as the connection lasts
	}
	c.p.stats.HoldsExpired++
	c.impatient()
}

// impatient reads what waits, whatever it waits for.
func (c *conn) impatient() {
	if !c.dir[client].hold.empty() {
		c.pendingSwitch = false
	}
	c.oneSided = true
	c.evidence.lossy, c.evidence.unordered = true, true
	c.replay()
	c.oneSided = !c.dir[client].seen
}

// settle reads what waits as far as that has become possible.
func (c *conn) settle() {
	if !c.holding || c.phase != phaseHTTP {
		return
	}
	c.replay()
	if c.holding && c.overfull() {
		c.p.stats.HoldsExpired++
		c.impatient()
	}
}

// replay offers held pieces to the decoders until neither takes any more.
func (c *conn) replay() {
	if c.replaying {
		return
	}
	c.replaying = true
	for progress := true; progress && c.phase == phaseHTTP; {
		progress = false
		for side := range c.dir {
			if c.replaySide(side) {
				progress = true
			}
		}
	}
	c.replaying = false
	if c.dir[client].hold.empty() && c.dir[server].hold.empty() {
		c.unlist()
	} else if c.phase == phaseHTTP {
		c.list()
	}
}

// replaySide offers the held pieces of one direction and reports whether
// anything was taken.
func (c *conn) replaySide(side int) bool {
	h := &c.dir[side].hold
	if h.empty() {
		return false
	}
	if h.pieces[0].kind == pieceData {
		c.seg = h.pieces[0].seg // what Ready goes by
		if c.dir[side].dec.Blocked() {
			return false
		}
	}
	// The decoder's handler may hold more: work on what there was.
	pieces, bytes := h.pieces, h.bytes
	h.pieces, h.bytes = nil, nil
	c.inReplay = len(bytes)
	at, done := 0, 0
	for ; done < len(pieces) && h.empty() && c.phase == phaseHTTP; done++ {
		pc := &pieces[done]
		switch pc.kind {
		case pieceData:
			b := bytes[at : at+int(pc.n)]
			at += int(pc.n)
			c.p.kept -= len(b)
			c.inReplay -= len(b)
			c.p.stats.Coverage.Waiting -= uint64(len(b))
			c.read(side, b, pc.seg)
		case pieceGap:
			c.gap(side, pc.n)
		case pieceEnd:
			c.finish(side, pc.reason)
		}
	}
	c.inReplay = 0
	// Whatever was not taken stands in h already, before the rest.
	progress := at > 0 || done > 0
	if !h.empty() && done == 1 && pieces[0].kind == pieceData && h.pieces[0].n == pieces[0].n {
		progress = false
	}
	if done == len(pieces) && h.empty() {
		h.pieces, h.bytes = pieces[:0], bytes[:0]
		if cap(h.bytes) > maxFreeHead {
			h.pieces, h.bytes = nil, nil
		}
		return progress
	}
	h.pieces = append(h.pieces, pieces[done:]...)
	h.bytes = append(h.bytes, bytes[at:]...)
	if c.phase == phaseIgnored {
		c.dropHolds(c.class)
	}
	return progress
}

// dropHolds forgets what waits and counts it as k.
func (c *conn) dropHolds(k class) {
	for i := range c.dir {
		h := &c.dir[i].hold
		n := len(h.bytes)
		c.p.kept -= n
		c.p.stats.Coverage.Waiting -= uint64(n)
		*c.p.stats.Coverage.of(k) += uint64(n)
		h.pieces, h.bytes = nil, nil
	}
	c.unlist()
}
