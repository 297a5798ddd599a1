package tcp

// maxAhead bounds how far from the stream a sequence number may lie: the
// largest window TCP can have (RFC 7323 §2.2).
const maxAhead = 1 << 30

// segment applies one segment to its flow.
func (a *Assembler) segment(f *flow, s *segment) {
	if a.now-f.movedNS >= a.stepNS {
		a.setState(f, f.state)
	}
	if f.state == stateClosed {
		if f = a.afterEnd(f, s); f == nil {
			return
		}
	}
	if s.flags&flagSYN != 0 {
		if f = a.handshake(f, s); f == nil {
			return
		}
		s.seq++ // SYN takes one number
	} else if c := &f.challenge; c.valid && int(c.dir) == s.dir && s.seq == c.isn+1 && s.seq != f.half[s.dir].nextSeq {
		f = a.reuse(f, *c)
	}
	h, o := &f.half[s.dir], &f.half[1-s.dir]
	if s.flags&flagRST != 0 {
		a.stats.Dropped.Reset += uint64(len(s.payload))
		a.reset(f, s)
		return
	}
	if w := s.window << h.scale; w > h.window && s.flags&flagSYN == 0 {
		h.window = w
	}
	if f.muted {
		a.mutedSegment(f, s)
		return
	}
	if !h.known {
		h.known, h.tentative = true, true
		h.nextSeq, h.isn = s.seq, s.seq-1
	}
	if s.flags&flagACK != 0 && (!o.acked || s.ack != o.peerAck) {
		a.acknowledge(f, o, s.ack)
	}
	if n := len(s.payload) + s.missing; n != 0 || s.flags&flagFIN != 0 {
		a.data(f, h, s)
	} else {
		h.show(s.seq)
	}
	a.settle(f)
}

// settle brings everything that depends on the directions' positions up to
// date after a packet.
func (a *Assembler) settle(f *flow) {
	for i := range f.half {
		h := &f.half[i]
		// In order and nothing waiting: the usual case.
		if h.hole == holeNone && h.head == 0 && !h.fin && (!h.acked || seqDiff(h.peerAck, h.nextSeq) <= 0) {
			continue
		}
		if f.muted || f.conn.ignored || h.ended {
			continue
		}
		a.settleHole(f, h, i)
		if h.fin && seqDiff(h.nextSeq, h.finSeq) >= 0 || f.half[1-i].ended && h.finLost() {
			a.endHalf(f, i, EndFIN)
		}
	}
	if f.conn.ignored && !f.muted {
		a.mute(f)
	}
	if f.half[0].ended && f.half[1].ended && f.state != stateClosed {
		a.close(f)
	}
}

// finLost reports whether the other side has acknowledged exactly one number
// more than there are bytes: where that side has closed too, it was a FIN.
func (h *half) finLost() bool {
	return !h.fin && h.head == 0 && h.acked && h.peerAck == h.nextSeq+1 && !h.tentative
}

// show notes that the sender has sent everything before seq.
func (h *half) show(seq uint32) {
	if !h.sent || seqDiff(seq, h.sentMax) > 0 {
		h.sent, h.sentMax = true, seq
	}
}

// acknowledge notes that the other side has everything before ack of what h
// sends.
func (a *Assembler) acknowledge(f *flow, h *half, ack uint32) {
	if !h.known {
		h.known, h.tentative = true, true
		h.nextSeq, h.isn = ack, ack-1
	}
	if h.acked && seqDiff(ack, h.peerAck) <= 0 {
		return
	}
	ahead := seqDiff(ack, h.nextSeq)
	if ahead > maxAhead {
		return
	}
	h.acked, h.peerAck = true, ack
	a.stats.AcksSeen++
	if ahead > 1 && (!h.sent || seqDiff(h.sentMax, ack) >= 0) && !h.ended {
		a.stats.AcksAboveHole++
	}
	if h.history != 0 {
		if p := a.pages.at(h.history); seqDiff(ack, h.historySeq+uint32(p.n)) >= 0 {
			a.dropHistory(h)
		}
	}
}

// data takes the payload and the FIN of a segment.
func (a *Assembler) data(f *flow, h *half, s *segment) {
	seq, b, missing := s.seq, s.payload, s.missing
	end := seq + uint32(len(b)+missing)
	off := seqDiff(seq, h.nextSeq)
	if off > maxAhead || off < -maxAhead {
		a.stats.Dropped.OutOfRange += uint64(len(b))
		return
	}
	h.show(end)
	if h.tentative {
		h.tentative = false
		// The guess came from another packet: data from just before it is late,
		// not old. One byte further on, the guess was a keep-alive probe
		// (RFC 9293 §3.8.4), which repeats the last byte.
		if off < 0 && off > -tentativeBack || off == 1 {
			h.nextSeq, h.isn, off = seq, seq-1, 0
		}
	}
	if s.flags&flagFIN != 0 && !h.fin && seqDiff(end, h.nextSeq) >= 0 {
		h.fin, h.finSeq = true, end
		a.trimBehindFIN(h)
	}
	if h.fin && seqDiff(end, h.finSeq) > 0 {
		over := int(seqDiff(end, h.finSeq))
		cut := min(over, missing)
		missing -= cut
		if n := min(over-cut, len(b)); n > 0 {
			a.stats.Dropped.AfterFIN += uint64(n)
			b = b[:len(b)-n]
		}
	}
	if off < 0 {
		old := min(int(-off), len(b))
		a.duplicate(f, h, s, b[:old])
		b = b[old:]
		if seqDiff(end, h.nextSeq) <= 0 {
			return
		}
		missing -= int(-off) - old
		seq, off = h.nextSeq, 0
	}
	if len(b)+missing <= 0 {
		return
	}
	if f.state == stateHandshake {
		a.setState(f, stateOpen)
	}
	if off > 0 {
		a.buffer(f, h, s, seq, b)
		return
	}
	a.inOrder(f, h, s, b, missing)
}

// tentativeBack is how far before a guessed start data is still believed: one
// burst of a mirror that shuffles.
const tentativeBack = 1 << 17

// inOrder hands on payload that starts at nextSeq, and what it sets free.
func (a *Assembler) inOrder(f *flow, h *half, s *segment, b []byte, missing int) {
	differs := false
	for len(b) > 0 && !f.conn.ignored {
		n := len(b)
		if h.head != 0 {
			n = min(n, int(seqDiff(a.pages.at(h.head).seq, h.nextSeq)))
		}
		if n > 0 {
			a.record(f, h, s.dir, b[:n])
			a.deliver(f, h, s.dir, b[:n], Segment{h.nextSeq, s.ack, a.now, s.data})
			b = b[n:]
			continue
		}
		// What came first and waited wins over this segment.
		p := a.pages.at(h.head)
		n = min(len(b), int(p.n))
		if string(b[:n]) != string(p.buf[:n]) {
			p.flags |= OverlapDiffers
			differs = true
		}
		a.stats.Overlap += uint64(n)
		b = b[n:]
		a.deliverHead(f, h, s.dir)
	}
	if differs {
		a.stats.OverlapDiffers++
	}
	if len(b) > 0 {
		a.countIgnored(f, len(b))
	}
	a.drain(f, h, s.dir)
	if missing > 0 && !f.conn.ignored {
		// Copies are cut at the same place, so waiting would be for nothing.
		target := s.seq + uint32(len(s.payload)+s.missing)
		if h.fin && seqDiff(target, h.finSeq) > 0 {
			target = h.finSeq
		}
		for seqDiff(target, h.nextSeq) > 0 && !f.conn.ignored {
			upTo := target
			if h.head != 0 {
				if p := a.pages.at(h.head); seqDiff(p.seq, upTo) < 0 {
					upTo = p.seq
				}
			}
			a.gap(f, h, s.dir, upTo)
			a.drain(f, h, s.dir)
		}
	}
}

// mutedSegment keeps track of a connection nobody reads.
func (a *Assembler) mutedSegment(f *flow, s *segment) {
	h := &f.half[s.dir]
	a.countIgnored(f, len(s.payload))
	end := s.seq + uint32(len(s.payload)+s.missing)
	if !h.known || seqDiff(end, h.nextSeq) > 0 {
		h.known, h.nextSeq = true, end
	}
	if s.flags&flagACK != 0 {
		o := &f.half[1-s.dir]
		o.acked, o.peerAck = true, s.ack
	}
	if s.flags&flagFIN != 0 && !h.ended {
		a.endHalf(f, s.dir, EndFIN)
		if f.half[1-s.dir].ended {
			a.close(f)
		}
	}
}
