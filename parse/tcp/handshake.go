package tcp

// handshake takes the SYN of a segment and returns the flow its payload, if
// any, belongs to, or nil if it belongs to none.
func (a *Assembler) handshake(f *flow, s *segment) *flow {
	if s.flags&flagACK != 0 {
		return a.synAck(f, s)
	}
	h := &f.half[s.dir]
	switch {
	case h.syn && h.isn == s.seq:
		return f // sent again
	case h.known && h.isn == s.seq:
		// It belongs to what was taken for a connection under way: the mirror
		// delivered it late.
		a.orient(f, s.dir)
		h.syn, h.scale = true, s.scale
		return f
	case !f.opened && !h.syn:
		// Nothing was read yet, and this is where reading begins.
		a.orient(f, s.dir)
		h.start(s)
		return f
	}
	// Port reuse, or an attempt to make us lose the connection under way.
	f.challenge = synChallenge{valid: true, dir: uint8(s.dir), scale: s.scale, isn: s.seq}
	a.stats.Dropped.OutOfRange += uint64(len(s.payload))
	return nil
}

func (a *Assembler) synAck(f *flow, s *segment) *flow {
	if c := f.challenge; c.valid && int(c.dir) == 1-s.dir && s.ack == c.isn+1 {
		f = a.reuse(f, c)
	}
	h, o := &f.half[s.dir], &f.half[1-s.dir]
	if h.syn && h.isn == s.seq {
		return f // sent again
	}
	if o.syn && (seqDiff(s.ack, o.isn+1) < 0 || seqDiff(s.ack, o.isn+1) > 0xffff) {
		// It answers a SYN that was not the one we saw: believe it only once the
		// client goes on from there.
		f.challenge = synChallenge{valid: true, dir: uint8(1 - s.dir), isn: s.ack - 1}
		a.stats.Dropped.OutOfRange += uint64(len(s.payload))
		return nil
	}
	switch {
	case !f.opened:
		if !f.oriented {
			a.orient(f, 1-s.dir)
		}
		h.start(s)
		if !o.known || o.tentative && o.nextSeq != s.ack {
			o.known, o.tentative, o.nextSeq = true, false, s.ack
		}
		return f
	case !h.known || h.tentative:
		// Data went with the SYN (RFC 7413).
		h.start(s)
		return f
	case h.isn == s.seq:
		h.syn, h.scale = true, s.scale // delivered late
		return f
	}
	f.challenge = synChallenge{valid: true, dir: uint8(1 - s.dir), isn: s.ack - 1}
	a.stats.Dropped.OutOfRange += uint64(len(s.payload))
	return nil
}

// start sets a direction's beginning from its SYN.
func (h *half) start(s *segment) {
	h.syn, h.isn = true, s.seq
	h.known, h.tentative = true, false
	h.nextSeq = s.seq + 1
	h.scale = s.scale
	h.window = max(h.window, s.window)
}

// orient notes who initiated. What a Stream has been told stays.
func (a *Assembler) orient(f *flow, initiator int) {
	if f.opened {
		if f.dirA() == initiator {
			f.oriented, f.conn.SYN = true, true
		}
		return
	}
	f.oriented = true
	f.lowIsA = initiator == 0
}

// reuse ends f and begins the connection that c announced on the same ports.
func (a *Assembler) reuse(f *flow, c synChallenge) *flow {
	key, hash := f.key, f.hash
	if f.state != stateClosed {
		a.stats.FlowsReused++
		a.finish(f, EndReused)
	}
	a.remove(f)
	f = a.newFlow(&key, hash, &segment{dir: int(c.dir)})
	a.orient(f, int(c.dir))
	f.half[c.dir].start(&segment{seq: c.isn, scale: c.scale})
	return f
}
