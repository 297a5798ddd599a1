package tcp

// open makes the Stream before the first event; it returns nil if the
// connection is ignored.
func (a *Assembler) open(f *flow) Stream {
	if !f.opened {
		f.opened = true
		f.setConn()
		f.stream = a.cfg.Open(&f.conn, a.now)
		a.stats.StreamsOpened++
		if f.stream == nil {
			f.conn.ignored = true
			return nil
		}
		for i := range f.half {
			if h := &f.half[i]; h.ended { // before the connection carried a byte
				h.lastNS = max(h.lastNS, a.now)
				f.stream.End(f.fromA(i), h.endReason, h.lastNS)
			}
		}
	}
	if f.conn.ignored {
		return nil
	}
	return f.stream
}

// deliver hands on b, which starts at nextSeq. Positions are moved first, so
// that a Stream that panics leaves them right.
func (a *Assembler) deliver(f *flow, h *half, dir int, b []byte, seg Segment) {
	h.nextSeq += uint32(len(b))
	if seg.AtNS < h.lastNS {
		seg.AtNS = h.lastNS
	} else {
		h.lastNS = seg.AtNS
	}
	stream := f.stream
	if !f.opened || f.conn.ignored {
		if stream = a.open(f); stream == nil {
			a.countIgnored(f, len(b))
			return
		}
	}
	a.stats.Delivered += uint64(len(b))
	stream.Data(f.fromA(dir), b, seg)
}

// gap reports everything up to seq as missing.
func (a *Assembler) gap(f *flow, h *half, dir int, upTo uint32) {
	n := int64(seqDiff(upTo, h.nextSeq))
	h.nextSeq = upTo
	h.tentative = false
	if f.state == stateHandshake {
		a.setState(f, stateOpen)
	}
	stream := a.open(f)
	if stream == nil {
		return
	}
	a.stats.Gaps++
	a.stats.Missing += uint64(n)
	// When bytes went missing is not known; it was before what follows them.
	at := a.now
	if h.head != 0 {
		at = a.pages.at(h.head).atNS
	}
	h.lastNS = max(h.lastNS, at)
	stream.Gap(f.fromA(dir), n, h.lastNS)
}

// drain hands on buffered pages as long as they are next.
func (a *Assembler) drain(f *flow, h *half, dir int) {
	for h.head != 0 && !f.conn.ignored && a.pages.at(h.head).seq == h.nextSeq {
		a.deliverHead(f, h, dir)
	}
}

// deliverHead hands on the first buffered page, which must be next. The page
// is given back after the call, because the Stream reads from it.
func (a *Assembler) deliverHead(f *flow, h *half, dir int) {
	id := h.head
	p := a.pages.at(id)
	h.head = p.next
	if h.head == 0 {
		h.tail = 0
	}
	h.pages--
	a.stats.Buffered -= int64(p.n)
	a.record(f, h, dir, p.buf[:p.n])
	a.deliver(f, h, dir, p.buf[:p.n], Segment{p.seq, p.ack, p.atNS, p.flags})
	a.pages.release(id)
}

// duplicate takes bytes of a range that has been handed on. They matter only
// if the receiver may still prefer them: until it acknowledges the first copy.
func (a *Assembler) duplicate(f *flow, h *half, s *segment, b []byte) {
	a.stats.Duplicate += uint64(len(b))
	if h.history == 0 || len(b) == 0 || len(b) == 1 && s.seq == h.nextSeq-1 {
		return // a keep-alive probe may carry one byte of garbage
	}
	p := a.pages.at(h.history)
	skip := int(seqDiff(s.seq, h.historySeq)) // into the history
	from := 0
	if skip < 0 {
		from, skip = -skip, 0
	}
	if from >= len(b) || skip >= int(p.n) {
		return
	}
	n := min(len(b)-from, int(p.n)-skip)
	if string(b[from:from+n]) == string(p.buf[skip:skip+n]) {
		return
	}
	a.stats.OverlapDiffers++
	if f.opened && !f.conn.ignored && !h.ended {
		h.lastNS = max(h.lastNS, a.now)
		f.stream.Data(f.fromA(s.dir), nil, Segment{h.nextSeq, s.ack, h.lastNS, s.data | OverlapDiffers})
	}
}

// record keeps the first unacknowledged bytes of the client, whose requests an
// attacker would want to show differently to us and to the server. Answers are
// long, and the monitored servers are not the attacker: they are not kept.
func (a *Assembler) record(f *flow, h *half, dir int, b []byte) {
	if f.oriented && !f.fromA(dir) {
		return
	}
	var p *page
	if h.history == 0 {
		if h.acked && seqDiff(h.peerAck, h.nextSeq+uint32(len(b))) >= 0 {
			return
		}
		if 4*a.histories >= a.pages.limit {
			return // where nothing is acknowledged, copies must not crowd out the buffers
		}
		id := a.pages.alloc()
		if id == 0 {
			return
		}
		a.histories++
		p = a.pages.at(id)
		p.n = 0
		h.history, h.historySeq = id, h.nextSeq
	} else if p = a.pages.at(h.history); h.historySeq+uint32(p.n) != h.nextSeq {
		return // full, or behind a gap
	}
	p.n += int32(copy(p.buf[p.n:], b))
}

func (a *Assembler) dropHistory(h *half) {
	if h.history != 0 {
		a.pages.release(h.history)
		h.history = 0
		a.histories--
	}
}

// countIgnored counts payload that Ignore keeps from the Stream.
func (a *Assembler) countIgnored(f *flow, n int) {
	a.stats.Dropped.Ignored += uint64(n)
	if f.conn.ignoredBytes != nil {
		*f.conn.ignoredBytes += uint64(n)
	}
}
