package http1

import "bytes"

// knownMethods are the methods that the search believes in where a line does
// not start with them: those of RFC 9110, RFC 5789, RFC 4918, RFC 3253 that
// occur, and QUERY.
var knownMethods = [...]string{
	"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "QUERY",
	"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH", "PURGE",
}

// search looks for the start of a message in b, which follows what is buffered
// of the line under way, and returns how many bytes it took. When it finds one
// the state becomes stateStart, with the line buffered if part of it was.
func (d *Decoder) search(b []byte, seq uint32, atNS int64) int {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		if len(d.buf) == 0 {
			d.startSeq, d.startNS = seq, atNS
		}
		if len(b) > searchBytes {
			d.handler.Unread(len(d.buf) + len(b) - searchBytes)
			d.buf = append(d.buf[:0], b[len(b)-searchBytes:]...)
			d.startSeq, d.startNS = seq+uint32(len(b)-searchBytes), atNS
			return len(b)
		}
		if over := len(d.buf) + len(b) - 2*searchBytes; over > 0 {
			// Dropping half at a time keeps the copying linear.
			cut := len(d.buf) - searchBytes/2
			if cut > 0 {
				d.handler.Unread(cut)
				d.buf = append(d.buf[:0], d.buf[cut:]...)
				d.startSeq += uint32(cut)
			}
		}
		d.buf = append(d.buf, b...)
		return len(b)
	}
	if len(d.buf) == 0 {
		off, ok := d.findStart(b[:i+1])
		if !ok {
			d.handler.Unread(i + 1)
			return i + 1
		}
		if off > 0 {
			d.handler.Unread(off)
		}
		d.state = stateStart
		return off
	}
	line := b[:i+1]
	if len(line) > searchBytes {
		line = line[len(line)-searchBytes:]
		d.handler.Unread(i + 1 - len(line))
		d.dropUnread()
		d.startSeq, d.startNS = seq+uint32(i+1-len(line)), atNS
	}
	d.buf = append(d.buf, line...)
	off, ok := d.findStart(d.buf)
	for ok && len(d.buf)-off > d.cfg.HeadBytes { // no head can be so long: as if it came whole
		off += d.cfg.HeadBytes
		d.handler.Unread(off)
		d.buf = append(d.buf[:0], d.buf[off:]...)
		d.startSeq += uint32(off)
		off, ok = d.findStart(d.buf)
	}
	if !ok {
		d.handler.Unread(len(d.buf))
		d.buf = d.buf[:0]
		return i + 1
	}
	if off > 0 {
		d.handler.Unread(off)
		d.buf = append(d.buf[:0], d.buf[off:]...)
		d.startSeq += uint32(off)
	}
	d.lastNS = atNS
	d.state = stateStart
	return i + 1
}

// findStart returns where in a line, line feed included, a message starts.
func (d *Decoder) findStart(line []byte) (int, bool) {
	find := findRequestLine
	if d.side == Responses {
		find = findStatusLine
	}
	off, ok := find(line)
	if !ok {
		return 0, false
	}
	// The head parser has the last word, so that what was found is not
	// rejected later.
	var h Head
	return off, d.parseStart(&h, trimCR(bytes.TrimSuffix(line[off:], []byte{'\n'})))
}

// findStatusLine accepts "HTTP/1.x NNN" anywhere in a line: the body before it
// need not end with one.
func findStatusLine(line []byte) (int, bool) {
	const mark = "HTTP/1."
	for at := 0; ; {
		i := bytes.Index(line[at:], []byte(mark))
		if i < 0 {
			return 0, false
		}
		i += at
		if StartsResponse(line[i:]) {
			return i, true
		}
		at = i + len(mark)
	}
}

// findRequestLine accepts a line that ends with a version and either starts
// with a word in capitals or has a known method before its target.
func findRequestLine(line []byte) (int, bool) {
	l := trimCR(bytes.TrimSuffix(line, []byte{'\n'}))
	const version = len(" HTTP/1.1")
	if len(l) < version+3 {
		return 0, false
	}
	v := l[len(l)-version:]
	if string(v) != " HTTP/1.1" && string(v) != " HTTP/1.0" {
		return 0, false
	}
	if StartsRequest(l) {
		return 0, true
	}
	l = l[:len(l)-version]
	sp := bytes.LastIndexByte(l, ' ')
	if sp < 1 || sp+1 == len(l) {
		return 0, false
	}
	l = l[:sp]
	if len(l) <= maxMethod && isUpper(l) {
		return 0, true
	}
	for _, m := range knownMethods {
		if bytes.HasSuffix(l, []byte(m)) {
			return len(l) - len(m), true
		}
	}
	return 0, false
}

// StartsRequest reports whether b starts with a known method and a blank: a
// strong hint that the direction carries requests.
func StartsRequest(b []byte) bool {
	for _, m := range knownMethods {
		if len(b) > len(m)+1 && b[0] == m[0] && b[len(m)] == ' ' && string(b[:len(m)]) == m {
			c := b[len(m)+1]
			return c > ' ' && c < 0x7f
		}
	}
	return false
}

// StartsResponse reports whether b starts with HTTP/1.x and a status.
func StartsResponse(b []byte) bool {
	if len(b) < 13 || string(b[:7]) != "HTTP/1." || !isDigit(b[7]) || b[8] != ' ' {
		return false
	}
	for _, c := range b[9:12] {
		if !isDigit(c) {
			return false
		}
	}
	return b[12] == ' ' || b[12] == '\r' || b[12] == '\n'
}

// startsRequest is StartsRequest for a portion that may hold the whole line.
func startsRequest(b []byte) bool {
	if !StartsRequest(b) {
		return false
	}
	i := bytes.IndexByte(b, '\n')
	return i > 0 && bytes.Contains(b[:i], []byte(" HTTP/1."))
}
