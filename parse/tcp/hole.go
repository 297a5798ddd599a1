package tcp

// A hole is a range that is missing while later bytes, or the fact that they
// were sent, are known.
type holeKind uint8

const (
	holeNone  holeKind = iota
	holeOpen           // the receiver may be waiting for it too
	holeAcked          // the receiver has it: only the capture missed it, or will see it late
)

// holeList links directions with a hole of one kind, the longest waiting first.
// An element is flow id * 2 + direction; 0 is none, as flow 0 does not exist.
type holeList struct{ head, tail int32 }

func (a *Assembler) halfAt(e int32) *half { return &a.flows.at(e >> 1).half[e&1] }

func (a *Assembler) setHole(f *flow, h *half, dir int, kind holeKind) {
	e := f.id<<1 | int32(dir)
	if h.hole != holeNone {
		l := &a.holes[h.hole]
		if h.holePrev == 0 {
			l.head = h.holeNext
		} else {
			a.halfAt(h.holePrev).holeNext = h.holeNext
		}
		if h.holeNext == 0 {
			l.tail = h.holePrev
		} else {
			a.halfAt(h.holeNext).holePrev = h.holePrev
		}
	}
	h.hole = kind
	if kind == holeNone {
		return
	}
	h.holePackets = 0
	h.holeNS, h.holeSeq = a.now, h.nextSeq
	l := &a.holes[kind]
	h.holePrev, h.holeNext = l.tail, 0
	if l.tail == 0 {
		l.head = e
	} else {
		a.halfAt(l.tail).holeNext = e
	}
	l.tail = e
}

// lostUpTo returns the end of what the receiver has acknowledged and its sender
// is known to have sent. An acknowledgement alone is believed only if the
// sender's direction is not captured at all: a client may acknowledge bytes
// that do not exist yet, to have us skip them.
func (h *half) lostUpTo() uint32 {
	if !h.acked || !h.known {
		return h.nextSeq
	}
	end := h.peerAck
	if h.sent && seqDiff(h.sentMax, end) < 0 {
		end = h.sentMax
	}
	if h.fin && seqDiff(end, h.finSeq) > 0 {
		end = h.finSeq
	}
	n := seqDiff(end, h.nextSeq)
	if n <= 0 || n == 1 && h.head == 0 && !h.fin {
		return h.nextSeq // one number alone is a FIN that was not captured
	}
	return end
}

// settleHole finds out whether h has a hole, and gives it up if enough packets
// went by since the receiver acknowledged it.
func (a *Assembler) settleHole(f *flow, h *half, dir int) {
	for !f.conn.ignored {
		kind := holeNone
		end := h.lostUpTo()
		switch {
		case end != h.nextSeq:
			kind = holeAcked
		case h.head != 0 || h.fin && seqDiff(h.finSeq, h.nextSeq) > 0:
			kind = holeOpen
		}
		if kind != h.hole || kind != holeNone && h.holeSeq != h.nextSeq {
			a.setHole(f, h, dir, kind)
			return
		}
		if kind != holeAcked {
			return
		}
		h.holePackets++
		if int(h.holePackets) < a.cfg.AckTolerancePackets {
			return
		}
		a.giveUp(f, h, dir, end)
		a.setHole(f, h, dir, holeNone) // the next hole waits anew
	}
}

// giveUp reports the bytes before upTo as missing, up to the first that is
// there, and hands on what follows.
func (a *Assembler) giveUp(f *flow, h *half, dir int, upTo uint32) {
	if h.head != 0 {
		if p := a.pages.at(h.head); seqDiff(p.seq, upTo) < 0 {
			upTo = p.seq
		}
	}
	if seqDiff(upTo, h.nextSeq) > 0 {
		a.gap(f, h, dir, upTo)
	}
	a.drain(f, h, dir)
}

// sweepHoles gives up holes whose time has come.
func (a *Assembler) sweepHoles() {
	for _, kind := range [...]holeKind{holeAcked, holeOpen} {
		wait := int64(a.cfg.AckTolerance)
		if kind == holeOpen {
			wait = int64(a.cfg.HoleTimeout)
		}
		for {
			e := a.holes[kind].head
			if e == 0 || a.now-a.halfAt(e).holeNS < wait {
				break
			}
			a.expireHole(e, kind)
		}
	}
}

func (a *Assembler) expireHole(e int32, kind holeKind) {
	f, dir := a.flows.at(e>>1), int(e&1)
	h := &f.half[dir]
	a.setHole(f, h, dir, holeNone)
	switch {
	case kind == holeAcked:
		a.giveUp(f, h, dir, h.lostUpTo())
	case h.acked:
		// The receiver waits too; a retransmission will come, or the flow end.
	case h.head != 0:
		a.giveUp(f, h, dir, a.pages.at(h.head).seq)
	case h.fin:
		a.giveUp(f, h, dir, h.finSeq)
	}
	a.settle(f)
}

// maxForceTries keeps the cost of one packet constant.
const maxForceTries = 64

// forceOldest gives up the hole that has waited longest, to get pages back. The
// current flow is settled by its own packet. The search is bounded, because
// holes with nothing behind them stand in the same lists.
func (a *Assembler) forceOldest(current *flow) bool {
	for _, kind := range [...]holeKind{holeAcked, holeOpen} {
		for e, tries := a.holes[kind].head, 0; e != 0 && tries < maxForceTries; tries++ {
			f, dir := a.flows.at(e>>1), int(e&1)
			h := &f.half[dir]
			e = h.holeNext
			if h.head == 0 {
				continue
			}
			a.stats.HolesForced++
			a.setHole(f, h, dir, holeNone)
			a.giveUp(f, h, dir, a.pages.at(h.head).seq)
			if f != current {
				a.settle(f)
			}
			return true
		}
	}
	return false
}
