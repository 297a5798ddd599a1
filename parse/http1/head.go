package http1

import (
	"bytes"

	"lapwing/event"
)

type verdict uint8

const (
	headMore     verdict = iota // no end in sight
	headWhole                   // parsed
	headFolded                  // whole, but has folded lines: unfold and parse again
	headRejected                // the first line starts no message
)

// wholeHead tries to read a head in place, without a copy: the usual case. It
// returns how many bytes it took.
func (d *Decoder) wholeHead(b []byte, atNS int64) int {
	n, v := d.parse(b, false)
	switch v {
	case headWhole:
		d.lastNS = atNS
		d.deliver()
		return n
	case headFolded:
		d.lastNS = atNS
		d.buf = append(d.buf[:0], b[:n]...)
		d.refold()
		return n
	case headRejected:
		d.handler.Unread(n)
		d.state = stateSearch
		return n
	}
	d.state = stateHead
	d.buf = d.buf[:0]
	d.scanned = 0
	return d.moreHead(b, atNS)
}

// moreHead adds to a head that came in portions.
func (d *Decoder) moreHead(b []byte, atNS int64) int {
	room := d.cfg.HeadBytes - len(d.buf)
	had := len(d.buf)
	if d.scanned == 0 { // the start line is not complete yet
		i := bytes.IndexByte(b, '\n')
		if i < 0 && len(b) < room {
			d.buf = append(d.buf, b...)
			return len(b)
		}
		if i < 0 || i+1 > room {
			d.buf = append(d.buf, b[:room]...)
			d.reject()
			return room
		}
		d.buf = append(d.buf, b[:i+1]...)
		h := &d.scratch.head
		*h = Head{Bytes: d.buf, Fields: h.Fields[:0]}
		if !d.parseStart(h, trimCR(d.buf[:len(d.buf)-1])) {
			d.reject()
			return i + 1
		}
		d.scanned = len(d.buf) - 1
		d.lastNS = atNS
		return i + 1
	}
	take := b
	if len(take) > room {
		take = take[:room]
	}
	d.buf = append(d.buf, take...)
	d.lastNS = atNS
	end, scanned := findEnd(d.buf, d.scanned)
	d.scanned = scanned
	if end == 0 {
		if len(d.buf) < d.cfg.HeadBytes {
			return len(b)
		}
		d.cutHead(0)
		d.state = stateSearch
		return len(take)
	}
	d.buf = d.buf[:end]
	if _, v := d.parse(d.buf, false); v == headFolded {
		d.refold()
	} else {
		d.deliver()
	}
	return end - had
}

// reject gives up what was buffered as the start of a message.
func (d *Decoder) reject() {
	d.dropUnread()
	d.state = stateSearch
}

// refold replaces the folds of the head in buf by spaces (RFC 9112 §5.2) and
// reads it.
func (d *Decoder) refold() {
	b := d.buf
	for i := bytes.IndexByte(b, '\n') + 1; i+1 < len(b); i++ {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			break
		}
		i += j
		if i+1 < len(b) && isBlank(b[i+1]) {
			b[i] = ' '
			if i > 0 && b[i-1] == '\r' {
				b[i-1] = ' '
			}
		}
	}
	_, v := d.parse(b, false)
	if v != headWhole {
		d.reject()
		return
	}
	d.scratch.head.Flags |= event.FlagObsFold
	d.deliver()
}

// cutHead ends a head before its empty line. Lost bytes followed it.
func (d *Decoder) cutHead(lost int64) {
	i := bytes.LastIndexByte(d.buf, '\n')
	if i < 0 {
		d.dropUnread()
		d.state = stateStart
		return
	}
	d.buf = d.buf[:i+1]
	if _, v := d.parse(d.buf, true); v == headRejected {
		d.dropUnread()
		d.state = stateStart
		return
	}
	h := &d.scratch.head
	h.Lost = lost
	complete := lost == 0 && h.Version == VersionNone && len(h.Fields) == 0
	if !complete {
		h.Flags |= event.FlagHeadTruncated
	}
	d.heads++
	h.StartSeq, h.StartNS = d.startSeq, d.startNS
	d.handler.Head(h)
	d.drop()
	d.end(complete)
}

// findEnd looks for the empty line that ends a head, from the line feed at or
// after from. It returns the length of the head, or 0 and where to go on.
func findEnd(b []byte, from int) (end, scanned int) {
	for i := from; i < len(b); {
		j := bytes.IndexByte(b[i:], '\n')
		if j < 0 {
			// Go on from the last byte: it may be followed by what decides.
			return 0, len(b)
		}
		i += j
		switch {
		case i+1 >= len(b):
			return 0, i
		case b[i+1] == '\n':
			return i + 2, 0
		case b[i+1] == '\r':
			if i+2 >= len(b) {
				return 0, i
			}
			if b[i+2] == '\n' {
				return i + 3, 0
			}
		}
		i++
	}
	return 0, len(b)
}

func (d *Decoder) parseStart(h *Head, line []byte) bool {
	if d.side == Requests {
		return parseRequestLine(h, line)
	}
	return parseStatusLine(h, line)
}

// parse reads a head at the start of b into the scratch. With cut the end of b
// ends the head. It returns how long the head is, or with headRejected how
// long the line is that starts no message.
func (d *Decoder) parse(b []byte, cut bool) (int, verdict) {
	s := d.scratch
	h := &s.head
	*h = Head{Fields: h.Fields[:0]}
	s.framing = framing{}
	limit := b
	if len(limit) > d.cfg.HeadBytes {
		limit = limit[:d.cfg.HeadBytes]
	}
	first := bytes.IndexByte(limit, '\n')
	if first < 0 {
		return 0, headMore
	}
	h.Bytes = b
	if !d.parseStart(h, trimCR(b[:first])) {
		return first + 1, headRejected
	}
	pairs := 0 // lines ended by CRLF
	if first > 0 && b[first-1] == '\r' {
		pairs = 1
	} else {
		h.Flags |= event.FlagBareLF
	}
	folded := false
	at := first + 1
	for {
		n := bytes.IndexByte(limit[at:], '\n')
		if n < 0 {
			if !cut {
				return 0, headMore
			}
			break
		}
		line := limit[at : at+n]
		if n > 0 && line[n-1] == '\r' {
			pairs++
			line = line[:n-1]
		} else {
			h.Flags |= event.FlagBareLF
		}
		start := at
		at += n + 1
		if len(line) == 0 {
			break
		}
		if isBlank(line[0]) && start == first+1 {
			h.Flags |= event.FlagBadHeader // there is nothing it could continue
			continue
		}
		if isBlank(line[0]) {
			if !cut {
				folded = true
			} else {
				h.Flags |= event.FlagObsFold
			}
			continue
		}
		d.field(h, line, uint32(start))
	}
	h.Bytes = b[:at]
	if folded {
		return at, headFolded
	}
	if bytes.Count(h.Bytes, crByte) != pairs {
		h.Flags |= event.FlagBareLF
	}
	if bytes.IndexByte(h.Bytes, 0) >= 0 {
		h.Flags |= event.FlagBadHeader
	}
	return at, headWhole
}

var crByte = []byte{'\r'}

// field reads one header line that starts at offset start of the head.
func (d *Decoder) field(h *Head, line []byte, start uint32) {
	i := 0
	for i < len(line) && tokenBytes[line[i]] {
		i++
	}
	end := i
	odd := false
	if i == len(line) || line[i] != ':' {
		colon := bytes.IndexByte(line[i:], ':')
		if colon < 0 || i+colon == 0 {
			h.Flags |= event.FlagBadHeader
			return
		}
		end = i + colon
		i = end
		for end > 0 && isBlank(line[end-1]) {
			end--
		}
		if end < i {
			h.Flags |= event.FlagSpaceBeforeColon
		}
		for _, c := range line[:end] {
			if !tokenBytes[c] {
				h.Flags |= event.FlagBadHeader
				break
			}
		}
		odd = true
	}
	if end == 0 {
		h.Flags |= event.FlagBadHeader
		return
	}
	from, to := i+1, len(line)
	for from < to && isBlank(line[from]) {
		from++
	}
	for to > from && isBlank(line[to-1]) {
		to--
	}
	name, value := line[:end], line[from:to]
	if d.scratch.framing.field(h, name, value, odd) {
		h.Upgrade = Span{start + uint32(from), start + uint32(to)}
	}
	if len(h.Fields) == d.cfg.Fields {
		h.Flags |= event.FlagHeadTruncated
		return
	}
	h.Fields = append(h.Fields, FieldSpan{
		Name:  Span{start, start + uint32(end)},
		Value: Span{start + uint32(from), start + uint32(to)},
	})
}
