package http1

import (
	"bytes"

	"lapwing/event"
)

// coding is the last transfer coding of a message.
type coding uint8

const (
	codingNone    coding = iota
	codingChunked        // chunked is last
	codingOther          // something else is last
)

// framing gathers what the header lines say about the length of the body.
type framing struct {
	hosts     int
	lengths   int
	length    int64
	badLength bool
	transfers int // Transfer-Encoding lines
	coding    coding
	odd       bool // a framing field was written in a way that others may overlook
}

// field takes note of one header line. odd says that its name was written in a
// way that some recipients refuse. It reports whether the line is Upgrade.
func (f *framing) field(h *Head, name, value []byte, odd bool) bool {
	switch len(name) {
	case 4:
		if equalFold(name, "host") {
			f.hosts++
		}
	case 6:
		if equalFold(name, "expect") && equalFold(value, "100-continue") {
			h.ExpectContinue = true
		}
	case 7:
		return equalFold(name, "upgrade")
	case 14:
		if equalFold(name, "content-length") {
			f.odd = f.odd || odd
			f.contentLength(h, value)
		}
	case 17:
		if equalFold(name, "transfer-encoding") {
			f.odd = f.odd || odd
			f.transferEncoding(h, value)
		}
	}
	return false
}

// contentLength reads a value or, as some agents send it, a list of values.
func (f *framing) contentLength(h *Head, value []byte) {
	for more := true; more; {
		var one []byte
		one, value, more = bytes.Cut(value, commaByte)
		n, ok := parseLength(trim(one))
		if !ok {
			f.badLength = true
			h.Flags |= event.FlagBadLength
		}
		if f.lengths++; f.lengths > 1 {
			h.Flags |= event.FlagDuplicateLength
			if n != f.length {
				h.Flags |= event.FlagAmbiguous
			}
			continue
		}
		f.length = n
	}
}

var commaByte = []byte{','}

// parseLength reads 1*DIGIT below 2^63, RFC 9110 §8.6.
func parseLength(b []byte) (int64, bool) {
	if len(b) == 0 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if !isDigit(c) || n > (1<<63-1-9)/10 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

func (f *framing) transferEncoding(h *Head, value []byte) {
	if f.transfers++; f.transfers > 1 {
		h.Flags |= event.FlagUnknownTE | event.FlagAmbiguous
	}
	for more := true; more; {
		var one []byte
		one, value, more = bytes.Cut(value, commaByte)
		one = trim(one)
		switch {
		case equalFold(one, "chunked"):
			if f.coding == codingChunked {
				h.Flags |= event.FlagUnknownTE // chunked twice, RFC 9112 §6.1
			}
			f.coding = codingChunked
		case equalFold(one, "identity"), len(one) == 0:
			// Obsolete (RFC 2616 §3.6): no coding. Beside another it confuses.
			h.Flags |= event.FlagUnknownTE
			if f.coding != codingNone {
				h.Flags |= event.FlagAmbiguous
			}
		case equalFold(one, "gzip"), equalFold(one, "x-gzip"), equalFold(one, "deflate"), equalFold(one, "compress"), equalFold(one, "x-compress"):
			h.Flags |= event.FlagUnknownTE
			f.coding = codingOther
		case equalFold(trimOdd(one), "chunked"):
			h.Flags |= event.FlagUnknownTE | event.FlagAmbiguous
			f.coding = codingChunked
		default:
			h.Flags |= event.FlagUnknownTE | event.FlagAmbiguous
			f.coding = codingOther
		}
	}
}

// trim removes blanks.
func trim(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// trimOdd removes whatever lenient readers pass over: control bytes, quotes,
// parameters.
func trimOdd(b []byte) []byte {
	if i := bytes.IndexByte(b, ';'); i >= 0 {
		b = b[:i]
	}
	odd := func(c byte) bool { return c <= ' ' || c == '"' || c == '\'' || c >= 0x7f }
	for len(b) > 0 && odd(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && odd(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

// deliver reports the head in the scratch and enters its body.
func (d *Decoder) deliver() {
	h, f := &d.scratch.head, &d.scratch.framing
	h.StartSeq, h.StartNS = d.startSeq, d.startNS
	d.heads++

	chunked := f.coding == codingChunked
	if f.transfers > 0 {
		if f.lengths > 0 {
			h.Flags |= event.FlagContentLengthAndTE | event.FlagAmbiguous
		}
		if h.Version == Version10 {
			h.Flags |= event.FlagUnknownTE | event.FlagAmbiguous
		}
	}
	if f.badLength || f.odd {
		h.Flags |= event.FlagAmbiguous
	}
	if d.side == Requests {
		if f.hosts > 1 {
			h.Flags |= event.FlagDuplicateHost
		}
		if f.hosts == 0 && h.Version >= Version11 {
			h.Flags |= event.FlagMissingHost
		}
	}

	// The state is set before the handler hears of the message, and the
	// scratch may serve another decoder from then on.
	length, badLength := f.length, f.badLength
	other := f.coding == codingOther
	hasLength := f.lengths > 0
	informational := d.side == Responses && h.Status < 200
	noBody := informational || d.side == Responses && (h.Status == 204 || h.Status == 304)
	rule := d.handler.Head(h)
	d.drop()

	d.flags = 0
	switch {
	case rule == RuleSwitch:
		d.end(true)
		d.state = stateRest
	case rule == RuleNoBody || noBody:
		d.end(true)
	case chunked:
		d.state = stateChunk
		d.chunk = chunkState{}
		d.remaining = 0
	case hasLength && !badLength && !(other && d.side == Responses):
		d.fixed(length)
	case d.side == Responses:
		d.state = stateClose
		d.flags |= event.FlagCloseDelimited
	case badLength:
		// nginx answers 400 and closes; whoever goes on reads something that
		// cannot be known from here.
		d.end(false)
		d.state = stateSearch
	default:
		d.end(true)
	}
	if rule == RuleUnasked && d.state != stateStart {
		d.untouched, d.omittable = true, true
	}
}

func (d *Decoder) fixed(n int64) {
	if n == 0 {
		d.end(true)
		return
	}
	d.state = stateFixed
	d.remaining = n
	d.untouched = true
	d.omittable = false
}
