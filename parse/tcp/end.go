package tcp

// endHalf ends one direction. What waits behind its end is dropped.
func (a *Assembler) endHalf(f *flow, dir int, reason EndReason) {
	h := &f.half[dir]
	h.ended, h.endReason = true, reason
	a.setHole(f, h, dir, holeNone)
	if n := a.release(h); f.conn.ignored {
		a.countIgnored(f, int(n))
	} else {
		a.stats.Dropped.AfterFIN += uint64(n)
	}
	if f.opened && f.stream != nil {
		h.lastNS = max(h.lastNS, a.now)
		f.stream.End(f.fromA(dir), reason, h.lastNS)
	}
}

// close keeps an ended flow for a while, so that late copies open nothing new.
func (a *Assembler) close(f *flow) {
	f.stream = nil
	a.setState(f, stateClosed)
}

// finish ends both directions, A's first: what waits is handed on with the gaps
// before it.
func (a *Assembler) finish(f *flow, reason EndReason) {
	for _, dir := range [2]int{f.dirA(), 1 - f.dirA()} {
		h := &f.half[dir]
		if h.ended {
			continue
		}
		a.setHole(f, h, dir, holeNone)
		for !f.conn.ignored && !f.muted {
			if h.fin && seqDiff(h.nextSeq, h.finSeq) >= 0 {
				break // the rest lies behind the end
			}
			end := h.lostUpTo()
			switch {
			case h.head != 0:
				end = a.pages.at(h.head).seq
			case h.fin:
				end = h.finSeq
			}
			if end == h.nextSeq {
				break
			}
			a.giveUp(f, h, dir, end)
		}
		why := reason
		if h.fin && seqDiff(h.nextSeq, h.finSeq) >= 0 {
			why = EndFIN
		}
		a.endHalf(f, dir, why)
	}
	a.close(f)
}

// mute carries out Ignore: buffers are given back and nothing is held again.
func (a *Assembler) mute(f *flow) {
	f.muted = true
	for i := range f.half {
		a.setHole(f, &f.half[i], i, holeNone)
		a.countIgnored(f, int(a.release(&f.half[i])))
	}
}

// reset takes a RST. Hosts believe one within the window only (RFC 9293
// §3.10.7.4, RFC 5961 §3); a blind attacker would else end our view of a
// connection that goes on.
func (a *Assembler) reset(f *flow, s *segment) {
	h, o := &f.half[s.dir], &f.half[1-s.dir]
	believed := false
	switch {
	case h.known && !f.muted:
		from := h.nextSeq
		if h.acked && seqDiff(h.peerAck, from) < 0 {
			from = h.peerAck // the receiver may not have what we have
		}
		window := int32(min(max(o.window, 0xffff), maxAhead))
		believed = seqDiff(s.seq, from) >= 0 && seqDiff(s.seq, h.nextSeq) <= window
	case f.muted:
		believed = true // nothing is lost by it
	}
	// The answer to a SYN has no place in a window (RFC 9293 §3.10.7.3).
	if !believed && !f.opened && s.flags&flagACK != 0 && o.known && s.ack == o.nextSeq {
		believed = true
	}
	if !believed {
		a.stats.ResetsRejected++
		return
	}
	f.wasReset, f.resetBy = true, uint8(s.dir)
	a.finish(f, EndRST)
}

// afterEnd looks at a segment of a flow that has ended. It returns the flow the
// segment belongs to, or nil if it is a late copy.
func (a *Assembler) afterEnd(f *flow, s *segment) *flow {
	h, o := &f.half[s.dir], &f.half[1-s.dir]
	syn, ack := s.flags&flagSYN != 0, s.flags&flagACK != 0
	switch {
	case syn && !ack && !(h.syn && h.isn == s.seq && f.opened),
		syn && ack && !(h.syn && h.isn == s.seq) && !(o.syn && s.ack == o.isn+1):
		key, hash := f.key, f.hash
		a.remove(f)
		return a.newFlow(&key, hash, s)
	case f.wasReset && int(f.resetBy) == s.dir && len(s.payload) > 0 && !syn &&
		s.flags&flagRST == 0 && s.seq == h.nextSeq && !f.muted:
		// No host goes on after its own RST: someone else sent it.
		a.stats.ResetsRejected++
		a.reopen(f)
		return f
	}
	if s.flags&flagRST != 0 {
		a.stats.Dropped.Reset += uint64(len(s.payload))
	} else {
		a.stats.Dropped.Closed += uint64(len(s.payload))
	}
	return nil
}

// reopen goes on with a connection whose RST was a forgery, as a new Stream:
// the old one has been told the end.
func (a *Assembler) reopen(f *flow) {
	f.wasReset, f.opened, f.reopened = false, false, true
	for i := range f.half {
		f.half[i].ended = false
	}
	a.setState(f, stateOpen)
}
