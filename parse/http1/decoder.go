package http1

import (
	"bytes"

	"lapwing/event"
)

// Config bounds a Decoder. The zero value means the defaults.
type Config struct {
	// HeadBytes bounds a head, 64 KiB by default: eight times what nginx
	// accepts in its default configuration (4 x 8 KiB, large_client_header_buffers).
	HeadBytes int
	// Fields bounds the header lines that are kept of a head, 256 by default.
	// Later ones still take part in framing.
	Fields int
}

const (
	defaultHeadBytes = 64 << 10
	defaultFields    = 256

	// searchBytes bounds the line that is carried from one portion to the next
	// while searching; no start line worth finding is longer.
	searchBytes = 8 << 10

	// smallHead is the buffer that a decoder keeps between messages; larger
	// ones are given back to the collector, so that idle connections cost little.
	smallHead = 4 << 10
)

type state uint8

const (
	stateStart  state = iota // before the first byte of a message
	stateHead                // inside a head that did not come whole
	stateFixed               // inside a body of known length
	stateChunk               // inside chunked framing
	stateClose               // inside a body that ends with the connection
	stateSearch              // out of step: looking for a start line
	stateRest                // another protocol
)

// A Decoder reads one direction. Make it with New.
type Decoder struct {
	side    Side
	state   state
	cfg     Config
	handler Handler

	buf     []byte // head so far, or while searching the line so far
	scanned int    // bytes of buf known to hold no end of head
	scratch *Scratch

	startSeq uint32
	startNS  int64
	lastNS   int64 // of the last byte that belonged to a message

	remaining int64 // of a fixed body or of the current chunk
	untouched bool  // no byte of the body was seen yet; kept where it may matter
	omittable bool  // see BodyMayBeOmitted and RuleUnasked
	chunk     chunkState
	bare      bool        // see ExpectBare
	flags     event.Flags // learnt after the head
	heads     int         // messages begun
}

// A Scratch is room for parsing heads that all decoders of one goroutine
// share. The zero value is ready to use.
type Scratch struct {
	head    Head
	framing framing
}

// New returns a decoder for one direction. Decoders of one goroutine may
// share a Scratch.
func New(side Side, cfg Config, scratch *Scratch, h Handler) *Decoder {
	d := new(Decoder)
	d.Init(side, cfg, scratch, h)
	return d
}

// Init makes d as New would, keeping its buffer.
func (d *Decoder) Init(side Side, cfg Config, scratch *Scratch, h Handler) {
	if cfg.HeadBytes <= 0 {
		cfg.HeadBytes = defaultHeadBytes
	}
	if cfg.Fields <= 0 {
		cfg.Fields = defaultFields
	}
	*d = Decoder{side: side, cfg: cfg, handler: h, scratch: scratch, buf: d.buf[:0]}
}

// Messages returns how many heads were read.
func (d *Decoder) Messages() int { return d.heads }

// Idle reports whether the decoder is between messages, in step, with nothing buffered.
func (d *Decoder) Idle() bool { return d.state == stateStart && len(d.buf) == 0 }

// Blocked reports whether the decoder is before a message that its Handler is
// not Ready for.
func (d *Decoder) Blocked() bool { return d.state == stateStart && !d.handler.Ready() }

// InStep reports whether the decoder knows where it is, as opposed to looking
// for the start of a message.
func (d *Decoder) InStep() bool { return d.state != stateSearch }

// ExpectBare says that the next message answers a request of HTTP/0.9: unless
// it starts with a status line it is a body without a head, up to the close.
func (d *Decoder) ExpectBare() {
	d.bare = true
}

// Search puts a decoder that has read nothing yet out of step: the direction
// was under way when its capture began.
func (d *Decoder) Search() {
	if d.state == stateStart {
		d.state = stateSearch
	}
}

// Switch hands everything from here on to Handler.Rest. It has effect between
// messages only; a request whose body is still under way goes on.
func (d *Decoder) Switch() {
	if d.state == stateStart || d.state == stateSearch {
		d.drop()
		d.state = stateRest
	}
}

// BodyMayBeOmitted says that the server has given its final answer to a request
// with Expect: 100-continue. If no byte of the body was seen, and the next
// portion starts like a request, then the client has left the body out.
func (d *Decoder) BodyMayBeOmitted() { d.omittable = true }

// Data reads the next portion, whose first byte has the sequence number seq
// and was seen at atNS. It returns how many bytes it took: all, unless the
// Handler was not Ready.
func (d *Decoder) Data(b []byte, seq uint32, atNS int64) int {
	for i := 0; i < len(b); {
		rest := b[i:]
		if d.untouched && d.omittable {
			if d.startsNext(rest) {
				d.flags |= event.FlagAmbiguous
				d.end(true)
			}
			d.untouched = false
		}
		switch d.state {
		case stateStart:
			if len(d.buf) > 0 { // a start line that the search found
				if !d.handler.Ready() {
					return i
				}
				if d.state == stateStart {
					d.state, d.scanned = stateHead, len(d.buf)-1
				}
				continue
			}
			// RFC 9112 §2.2: empty lines before a request are ignored.
			// Some servers leave one behind a response too.
			if rest[0] == '\r' || rest[0] == '\n' {
				d.handler.Unread(1)
				i++
				continue
			}
			if !d.handler.Ready() {
				return i
			}
			if d.state != stateStart { // the handler switched protocols
				continue
			}
			d.startSeq, d.startNS = seq+uint32(i), atNS
			if bare := d.bare; bare {
				d.bare = false
				if n := min(len(rest), len("HTTP/")); !equalFold(rest[:n], "http/"[:n]) {
					d.beginBare()
					continue
				}
			}
			i += d.wholeHead(rest, atNS)
		case stateHead:
			i += d.moreHead(rest, atNS)
		case stateFixed:
			d.untouched = false
			n := len(rest)
			if int64(n) > d.remaining {
				n = int(d.remaining)
			}
			d.lastNS = atNS
			d.remaining -= int64(n)
			i += n
			d.handler.Body(rest[:n])
			if d.remaining == 0 {
				d.end(true)
			}
		case stateChunk:
			d.lastNS = atNS
			i += d.chunked(rest)
		case stateClose:
			d.lastNS = atNS
			d.handler.Body(rest)
			return len(b)
		case stateSearch:
			i += d.search(rest, seq+uint32(i), atNS)
		case stateRest:
			d.handler.Rest(rest)
			return len(b)
		}
	}
	return len(b)
}

// Gap reports n bytes missing.
func (d *Decoder) Gap(n int64) {
	if n <= 0 {
		return
	}
	if d.state == stateStart && len(d.buf) > 0 {
		d.state = stateHead
	}
	if d.untouched && d.omittable { // the hole may be in what follows instead
		d.flags |= event.FlagAmbiguous
		d.end(false)
	}
	switch d.state {
	case stateStart:
		d.state = stateSearch
		d.handler.Hole(n)
	case stateSearch:
		d.dropUnread()
		d.handler.Hole(n)
	case stateHead:
		d.cutHead(n)
		d.state = stateSearch
		d.handler.Hole(n)
	case stateFixed:
		d.untouched = false
		if n < d.remaining {
			d.remaining -= n
			d.handler.Lost(n)
			return
		}
		over := n - d.remaining
		d.handler.Lost(d.remaining)
		d.remaining = 0
		d.end(true)
		if over > 0 {
			d.state = stateSearch
			d.handler.Hole(over)
		}
	case stateChunk:
		// Inside the data of a chunk the framing survives.
		if d.chunk.step == chunkData && n < d.remaining {
			d.remaining -= n
			d.handler.Lost(n)
			return
		}
		d.handler.Lost(n)
		d.end(false)
		d.state = stateSearch
		d.handler.Hole(n)
	case stateClose:
		d.handler.Lost(n)
	case stateRest:
	}
}

// Flush ends a head that lacks its empty line, because the other side has
// answered it (HTTP/0.9) or nothing more will come. It has no other effect.
func (d *Decoder) Flush() {
	if d.state == stateHead {
		d.cutHead(0)
	}
}

// Versionless reports whether the decoder is inside a head whose request line
// is complete and states no version: a request of HTTP/0.9 unless more follows.
func (d *Decoder) Versionless() bool {
	if d.state != stateHead || d.side != Requests {
		return false
	}
	i := bytes.IndexByte(d.buf, '\n')
	if i < 0 {
		return false
	}
	var h Head
	h.Bytes = d.buf
	return parseRequestLine(&h, trimCR(d.buf[:i])) && h.Version == VersionNone
}

// Close says that the direction has ended.
func (d *Decoder) Close() {
	if d.state == stateStart && len(d.buf) > 0 {
		d.state = stateHead
	}
	switch d.state {
	case stateHead:
		d.cutHead(0)
	case stateFixed, stateChunk:
		d.end(false)
	case stateClose:
		d.end(true)
	case stateSearch:
		d.dropUnread()
	}
	if d.state != stateRest {
		d.state = stateStart
	}
	d.drop()
}

// end finishes the message under way.
func (d *Decoder) end(complete bool) {
	f := Finish{Complete: complete, Flags: d.flags, LastNS: d.lastNS}
	d.flags = 0
	d.state = stateStart
	d.omittable, d.untouched = false, false
	d.handler.End(f)
}

// startsNext reports whether b starts like the next message of this direction.
func (d *Decoder) startsNext(b []byte) bool {
	if d.side == Requests {
		return startsRequest(b)
	}
	return StartsResponse(b)
}

// beginBare starts a response of HTTP/0.9: no status line, no fields.
func (d *Decoder) beginBare() {
	h := &d.scratch.head
	*h = Head{Fields: h.Fields[:0], StartSeq: d.startSeq, StartNS: d.startNS, Flags: event.FlagBadVersion}
	d.heads++
	d.handler.Head(h)
	d.state = stateClose
	d.flags = event.FlagCloseDelimited
}

// drop empties the buffer and gives back a large one.
func (d *Decoder) drop() {
	if cap(d.buf) > smallHead {
		d.buf = nil
	}
	d.buf = d.buf[:0]
	d.scanned = 0
}

func (d *Decoder) dropUnread() {
	if len(d.buf) > 0 {
		d.handler.Unread(len(d.buf))
	}
	d.drop()
}
