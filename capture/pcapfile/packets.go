package pcapfile

import "lapwing/capture"

// enhanced reads an Enhanced Packet Block. It reports false when the block
// contradicts itself.
func (g *ng) enhanced(body []byte, p *capture.Packet) bool {
	if len(body) < 20 {
		return false
	}
	o := g.order
	return g.timed(p, o.Uint32(body), o.Uint32(body[4:]), o.Uint32(body[8:]), o.Uint32(body[12:]), o.Uint32(body[16:]), body[20:])
}

// obsolete reads a Packet Block, the forerunner of the enhanced one.
func (g *ng) obsolete(body []byte, p *capture.Packet) bool {
	if len(body) < 20 {
		return false
	}
	o := g.order
	return g.timed(p, uint32(o.Uint16(body)), o.Uint32(body[4:]), o.Uint32(body[8:]), o.Uint32(body[12:]), o.Uint32(body[16:]), body[20:])
}

func (g *ng) timed(p *capture.Packet, index, high, low, captured, wire uint32, rest []byte) bool {
	if int64(index) >= int64(len(g.interfaces)) || captured > MaxRecord || int64(captured) > int64(len(rest)) {
		return false
	}
	f := &g.interfaces[index]
	g.lastNS = f.time(uint64(high)<<32 | uint64(low))
	p.LinkType = f.link
	p.TimeNS = g.lastNS
	p.Data = rest[:captured:captured]
	p.WireLength = wireLength(captured, wire)
	return true
}

// simple reads a Simple Packet Block: first interface, no time, and the
// captured length follows from the snap length. The time of the packet before
// is kept, so that merging by time leaves the order of the file alone.
func (g *ng) simple(body []byte, p *capture.Packet) bool {
	if len(body) < 4 || len(g.interfaces) == 0 {
		return false
	}
	f := &g.interfaces[0]
	wire := g.order.Uint32(body)
	captured := wire
	if f.snap > 0 {
		captured = min(captured, f.snap)
	}
	rest := body[4:]
	if captured > MaxRecord || int64(captured) > int64(len(rest)) {
		return false
	}
	p.LinkType = f.link
	p.TimeNS = g.lastNS
	p.Data = rest[:captured:captured]
	p.WireLength = wireLength(captured, wire)
	return true
}
