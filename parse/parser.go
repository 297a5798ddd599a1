package parse

import (
	"errors"
	"fmt"
	"runtime/debug"

	"lapwing/event"
	"lapwing/parse/exchange"
	"lapwing/parse/http1"
	"lapwing/parse/link"
	"lapwing/parse/tcp"
)

// A Parser turns packets into calls. See the package comment for its promises.
type Parser struct {
	cfg     Config
	ports   *[1 << 16]bool // nil: any
	emit    func(*event.Call)
	link    *link.Decoder
	tcp     *tcp.Assembler
	builder *exchange.Builder
	stats   Stats
	kept    int // bytes of bodies kept and of held data

	scratch http1.Scratch
	raw     exchange.Raw
	fields  [2][]exchange.Field

	free      *exch
	freeCount int

	holdFirst, holdLast *conn // connections that hold bytes, oldest first
	emitting            bool
	nowNS               int64 // latest packet time

	observe func(*exchange.Raw) // tests compare what was read before anything is hidden
}

// New returns a Parser that hands each call to emit, which owns it.
func New(cfg Config, emit func(*event.Call)) (*Parser, error) {
	if emit == nil {
		return nil, errors.New("parser without a receiver of calls")
	}
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	p := &Parser{cfg: cfg, emit: emit, link: link.New(cfg.Link)}
	if len(cfg.Ports) > 0 {
		p.ports = new([1 << 16]bool)
		for _, port := range cfg.Ports {
			p.ports[port] = true
		}
	}
	var err error
	if p.builder, err = exchange.NewBuilder(cfg.Exchange); err != nil {
		return nil, fmt.Errorf("call builder: %w", err)
	}
	cfg.TCP.Open = p.open
	if p.tcp, err = tcp.New(cfg.TCP); err != nil {
		return nil, fmt.Errorf("stream assembler: %w", err)
	}
	return p, nil
}

// Packet reads one captured frame. linkType is a LINKTYPE_ number, wireLength
// what the frame had on the wire (0 if unknown), atNS its packet time in Unix
// nanoseconds. data is borrowed until Packet returns.
func (p *Parser) Packet(linkType uint32, data []byte, wireLength int, atNS int64) {
	p.stats.Packets++
	p.stats.Bytes += uint64(len(data))
	p.nowNS = max(p.nowNS, atNS)
	if p.holdFirst != nil {
		p.expireHolds(p.nowNS)
	}
	if pkt, ok := p.link.Decode(link.Frame{LinkType: linkType, Data: data, WireLen: wireLength, AtNS: atNS}); ok {
		p.tcp.Packet(pkt, atNS)
	}
}

// Advance says that packet time has reached nowNS, so that what waits for time
// to pass need not wait for a packet.
func (p *Parser) Advance(nowNS int64) {
	p.nowNS = max(p.nowNS, nowNS)
	p.expireHolds(p.nowNS)
	p.tcp.Advance(nowNS)
}

// Close is the end of input: every connection ends, every call comes out.
func (p *Parser) Close() {
	p.tcp.Close()
}

// Stats returns the counts so far.
func (p *Parser) Stats() Stats {
	s := p.stats
	s.Link = p.link.Stats()
	s.TCP = p.tcp.Stats()
	s.KeptBytes = int64(p.kept)
	return s
}

// open makes the stream of a connection, or nil if its ports are not wanted.
func (p *Parser) open(tc *tcp.Conn, atNS int64) tcp.Stream {
	if p.ports != nil && !p.ports[tc.A.Port()] && !p.ports[tc.B.Port()] {
		tc.CountIgnored(&p.stats.Coverage.Filtered)
		return nil
	}
	return newConn(p, tc)
}

// fault handles a panic in one connection. A panic of the receiver of calls is
// not ours to hide.
func (p *Parser) fault(c *conn, v any) {
	if p.emitting {
		panic(v)
	}
	if p.stats.Faults++; p.stats.Faults == 1 {
		p.stats.LastFault = fmt.Sprintf("%v\n%s", v, debug.Stack())
	}
	c.abandon()
}

// build turns an exchange into a call and hands it on. x is released.
func (p *Parser) build(c *conn, x *exch) {
	r := &p.raw
	*r = exchange.Raw{Source: event.SourcePacket, Peer: c.client, Server: c.server, Scheme: "http", HeadersKnown: true}
	first, v := &x.req, x.req.version
	if !x.req.begun {
		first, v = &x.resp, x.resp.version
	}
	r.IDHigh, r.IDLow = callID(c.client, c.server, first.seq, first.startNS, !x.req.begun)
	r.Time = unixNano(first.startNS)
	r.Protocol = "http/1.1"
	switch v {
	case http1.Version10:
		r.Protocol = "http/1.0"
	case http1.VersionNone:
		r.Protocol = "http/0.9"
	}
	r.Flags = x.flags | x.req.flags | x.resp.flags
	if x.req.begun {
		r.Method, r.Target = x.req.method.In(x.req.head), x.req.target.In(x.req.head)
		r.RequestHeaders = p.spread(0, &x.req)
		r.RequestBody = body(&x.req)
		r.Gap.Request = x.req.lost
		p.stats.Requests++
	} else {
		r.Gap.NoRequest = true
	}
	r.Gap.Response = x.resp.lost
	switch {
	case x.resp.begun:
		p.stats.Responses++
		r.Status = x.resp.status
		r.ResponseHeaders = p.spread(1, &x.resp)
		r.ResponseBody = body(&x.resp)
		if d := x.resp.lastNS - first.startNS; d > 0 {
			r.Duration = nanoseconds(d)
		}
		if x.req.begun {
			p.stats.Paired++
		} else {
			p.stats.NoRequest++
		}
	default:
		r.Gap.NoResponse = true
		p.stats.NoResponse++
	}
	p.stats.Calls++
	if p.observe != nil {
		p.observe(r)
	}
	call := p.builder.Call(r)
	p.release(x)
	p.emitting = true
	p.emit(call)
	p.emitting = false
}

// spread lays the fields of a head out for the builder.
func (p *Parser) spread(i int, m *message) []exchange.Field {
	out := p.fields[i][:0]
	for _, f := range m.fields {
		out = append(out, exchange.Field{Name: f.Name.In(m.head), Value: f.Value.In(m.head)})
	}
	p.fields[i] = out
	return out
}

func body(m *message) exchange.Body {
	return exchange.Body{
		WireBytes: m.bodyBytes,
		Data:      m.body,
		Complete:  m.complete && m.lost == 0 && int64(len(m.body)) == m.bodyBytes,
	}
}
