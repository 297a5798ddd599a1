package parse

import (
	"lapwing/event"
	"lapwing/parse/http1"
)

// A message is the copy of a head and of the first part of a body that waits
// for its exchange to be complete.
type message struct {
	begun    bool // its head was seen
	done     bool // its end was seen, or it was cut
	complete bool // nothing lacks at its end

	head    []byte
	fields  []http1.FieldSpan
	method  http1.Span
	target  http1.Span
	status  int
	version http1.Version
	flags   event.Flags
	upgrade http1.Span
	expect  bool

	startNS, lastNS int64
	seq             uint32
	ack             uint32 // of the other direction, received when the first byte was sent
	noAck           bool
	end             uint32 // behind the segment with the last byte; valid if ended
	ended           bool
	afterHole       bool // messages between the one before and this one may be missing

	body      []byte
	bodyBytes int64 // whole body, without what is missing
	lost      int64 // missing bytes, of head or body
	holed     bool  // body continues behind a hole: nothing more is kept
}

func (m *message) reset() {
	*m = message{head: m.head[:0], fields: m.fields[:0], body: m.body[:0]}
}

// begin copies a head.
func (m *message) begin(h *http1.Head) {
	m.begun = true
	m.head = append(m.head[:0], h.Bytes...)
	m.fields = append(m.fields[:0], h.Fields...)
	m.method, m.target, m.status, m.version = h.Method, h.Target, h.Status, h.Version
	m.flags |= h.Flags
	m.upgrade, m.expect = h.Upgrade, h.ExpectContinue
	m.startNS, m.lastNS, m.seq = h.StartNS, h.StartNS, h.StartSeq
	m.lost += h.Lost
}

// An exch is one exchange under way.
type exch struct {
	req, resp message
	flags     event.Flags
	early     bool  // the response began before the request ended
	counted   int   // bytes of bodies counted in Parser.kept
	next      *exch // in the free list
}

// maxFreeExchanges bounds the free list; each keeps at most maxFreeBody bytes
// of either body, so that the list stays below 64 MiB at its worst and near
// 10 MiB with ordinary traffic.
const (
	maxFreeExchanges = 1024
	maxFreeBody      = 32 << 10
	maxFreeHead      = 4 << 10
)

func (p *Parser) newExch() *exch {
	x := p.free
	if x == nil {
		x = new(exch)
	} else {
		p.free = x.next
		p.freeCount--
		x.next = nil
	}
	p.stats.Pending++
	return x
}

func (p *Parser) release(x *exch) {
	p.kept -= x.counted
	p.stats.Pending--
	if p.freeCount == maxFreeExchanges {
		return
	}
	for _, m := range [...]*message{&x.req, &x.resp} {
		if cap(m.body) > maxFreeBody {
			m.body = nil
		}
		if cap(m.head) > maxFreeHead {
			m.head = nil
		}
		m.reset()
	}
	x.flags, x.counted, x.early = 0, 0, false
	x.next = p.free
	p.free = x
	p.freeCount++
}

// keep appends what Config allows of a piece of body.
func (p *Parser) keep(x *exch, m *message, b []byte) {
	m.bodyBytes += int64(len(b))
	room := p.cfg.BodyBytes - len(m.body)
	if room <= 0 || m.holed {
		return
	}
	if len(b) > room {
		b = b[:room]
	}
	if p.kept+len(b) > p.cfg.MaxKeptBytes {
		m.holed = true
		p.stats.BodiesUnkept++
		return
	}
	if len(m.body) == 0 && len(b) > 0 && cap(m.body) < len(b) {
		m.body = make([]byte, 0, roundUp(len(b)))
	}
	m.body = append(m.body, b...)
	p.kept += len(b)
	x.counted += len(b)
}

// roundUp spares the first growth steps of a body that comes in many segments.
func roundUp(n int) int {
	const step = 4 << 10
	return (n + step - 1) / step * step
}
