package tcp

// buffer keeps payload that lies ahead of nextSeq, first bytes winning.
func (a *Assembler) buffer(f *flow, h *half, s *segment, seq uint32, b []byte) {
	if len(b) == 0 || !a.room(f, h, s.dir, seq, len(b)) {
		a.stats.Dropped.Buffer += uint64(len(b))
		return
	}
	// Making room may have moved the stream on, up to this segment or past it.
	if off := seqDiff(seq, h.nextSeq); off <= 0 {
		old := min(int(-off), len(b))
		a.stats.Duplicate += uint64(old)
		if b = b[old:]; len(b) > 0 {
			a.inOrder(f, h, s, b, 0)
		}
		return
	}
	differs := false
	prev, cur := int32(0), h.head
	// Most segments that come early come in order among themselves.
	if h.tail != 0 && seqDiff(seq, a.pages.at(h.tail).end()) >= 0 {
		prev, cur = h.tail, 0
	}
	for len(b) > 0 {
		if cur == 0 {
			a.store(h, s, prev, seq, b)
			break
		}
		c := a.pages.at(cur)
		if n := int(seqDiff(c.seq, seq)); n > 0 {
			n = min(n, len(b))
			prev = a.store(h, s, prev, seq, b[:n])
			b, seq = b[n:], seq+uint32(n)
			continue
		}
		if over := int(seqDiff(c.end(), seq)); over > 0 {
			n := min(over, len(b))
			at := int(seqDiff(seq, c.seq))
			if string(b[:n]) != string(c.buf[at:at+n]) {
				c.flags |= OverlapDiffers
				differs = true
			}
			a.stats.Overlap += uint64(n)
			b, seq = b[n:], seq+uint32(n)
		}
		prev, cur = cur, c.next
	}
	if differs {
		a.stats.OverlapDiffers++
	}
}

// store puts b behind the page prev, or first if prev is 0, and returns the
// last page it wrote. What finds no page is dropped.
func (a *Assembler) store(h *half, s *segment, prev int32, seq uint32, b []byte) int32 {
	for len(b) > 0 {
		if prev != 0 {
			// Small neighbours share a page, so that a byte a segment does not
			// cost a page a byte. The acknowledgement tells answers apart.
			p := a.pages.at(prev)
			if p.end() == seq && p.ack == s.ack && p.flags == s.data && p.n < pageBytes {
				n := copy(p.buf[p.n:], b)
				p.n += int32(n)
				p.atNS = max(p.atNS, a.now)
				a.stats.Buffered += int64(n)
				b, seq = b[n:], seq+uint32(n)
				continue
			}
		}
		id := a.pages.alloc()
		if id == 0 {
			a.stats.Dropped.Buffer += uint64(len(b))
			return prev
		}
		p := a.pages.at(id)
		n := copy(p.buf[:], b)
		p.seq, p.ack, p.n, p.atNS, p.flags = seq, s.ack, int32(n), a.now, s.data
		if prev == 0 {
			p.next, h.head = h.head, id
		} else {
			pp := a.pages.at(prev)
			p.next, pp.next = pp.next, id
		}
		if p.next == 0 {
			h.tail = id
		}
		h.pages++
		a.stats.Buffered += int64(n)
		b, seq = b[n:], seq+uint32(n)
		prev = id
	}
	return prev
}

// room makes sure that n more bytes of this direction can be held. A receiver
// that has not acknowledged past the hole waits for the same bytes as we do:
// then the new ones are refused, and show up later as missing. Else the hole
// is given up.
func (a *Assembler) room(f *flow, h *half, dir int, seq uint32, n int) bool {
	need := int32(n/pageBytes + 1)
	for h.head != 0 && h.pages+need > a.maxPages {
		if h.acked && seqDiff(h.peerAck, h.nextSeq) <= 0 || need > a.maxPages {
			return false
		}
		a.stats.HolesForced++
		a.giveUp(f, h, dir, a.pages.at(h.head).seq)
		if f.conn.ignored || seqDiff(seq, h.nextSeq) <= 0 {
			return true
		}
	}
	if need > a.maxPages {
		return false
	}
	for a.pages.limit-a.pages.inUse < int(need) {
		if !a.forceOldest(f) {
			return false
		}
		if f.conn.ignored || h.ended || seqDiff(seq, h.nextSeq) <= 0 {
			return true
		}
	}
	return true
}

// release gives back everything a direction holds and returns how many payload
// bytes that was.
func (a *Assembler) release(h *half) (n int64) {
	for h.head != 0 {
		p := a.pages.at(h.head)
		n += int64(p.n)
		next := p.next
		a.pages.release(h.head)
		h.head = next
	}
	h.tail, h.pages = 0, 0
	a.stats.Buffered -= n
	a.dropHistory(h)
	return n
}

// trimBehindFIN drops what was buffered behind the end of the direction.
func (a *Assembler) trimBehindFIN(h *half) {
	prev := int32(0)
	for id := h.head; id != 0; {
		p := a.pages.at(id)
		next := p.next
		over := min(seqDiff(p.end(), h.finSeq), p.n)
		if over > 0 {
			p.n -= over
			a.stats.Buffered -= int64(over)
			a.stats.Dropped.AfterFIN += uint64(over)
		}
		if p.n > 0 {
			prev, id = id, next
			continue
		}
		if prev == 0 {
			h.head = next
		} else {
			a.pages.at(prev).next = next
		}
		h.pages--
		a.pages.release(id)
		id = next
	}
	h.tail = prev
}
