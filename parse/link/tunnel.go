package link

import (
	"encoding/binary"
	"slices"

	"lapwing/parse/ip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// UDP ports of tunnels without a setting.
const (
	portMPLS = 6635  // RFC 7510
	portTZSP = 37008 // TaZmen sniffer, as MikroTik and Aruba mirror
)

// GRE protocols beside EtherTypes.
const (
	greWCCP      = 0x883e // redirected web traffic, draft-mclaggan-wccp-v2rev1
	grePPP       = 0x880b // RFC 2637
	greERSPAN    = 0x88be // types I and II, draft-foschiano-erspan
	greERSPANIII = 0x22eb
)

// tunnel moves c to an IP header carried by a packet of this protocol. It
// returns false, and leaves c alone, if the packet is no tunnel.
//
// gopacket's decoders index without looking in places; what they panic on is
// counted as such.
func (d *Decoder) tunnel(protocol uint8, c *cursor) (found bool, why Reason) {
	defer func() {
		if recover() != nil {
			found, why = false, Panicked
		}
	}()
	switch protocol {
	case ip.ProtoIPIP, ip.ProtoIPv6:
		return true, ok
	case ip.ProtoMPLS:
		return true, d.mpls(c)
	case ip.ProtoGRE:
		return true, d.greTunnel(c)
	case ip.ProtoUDP:
		return d.udpTunnel(c)
	}
	return false, ok
}

func (d *Decoder) udpTunnel(c *cursor) (bool, Reason) {
	const header = 8
	if len(c.data) < header {
		return false, ok // the datagram itself is what is handed out
	}
	port := binary.BigEndian.Uint16(c.data[2:])
	in := *c
	// The UDP length cuts what IP may have behind it; 0 is a jumbogram or an
	// unsplit segment.
	if n := int(binary.BigEndian.Uint16(c.data[4:])); n >= header && n < len(in.data) {
		in.data = in.data[:n]
		in.wire = min(in.wire, n)
	}
	in.skip(header)
	why := ok
	switch {
	case slices.Contains(d.vxlanPorts, port):
		if len(in.data) < 8 || in.data[0]&0x08 == 0 {
			return false, ok // port shared with something else
		}
		why = d.vxlanTunnel(&in)
	case slices.Contains(d.genevePorts, port):
		if len(in.data) < 8 || in.data[0]&0xc0 != 0 {
			return false, ok
		}
		why = d.geneveTunnel(&in)
	case port == portMPLS:
		why = d.mpls(&in)
	case port == portTZSP:
		why = d.tzsp(&in)
	default:
		return false, ok
	}
	*c = in
	return true, why
}

func (d *Decoder) vxlanTunnel(c *cursor) Reason {
	if d.vxlan.DecodeFromBytes(c.data, gopacket.NilDecodeFeedback) != nil {
		return BadTunnel
	}
	if d.keyVNI {
		d.mixContext(idVNI, d.vxlan.VNI)
	}
	c.skip(len(d.vxlan.Contents))
	return d.ethernet(c)
}

// geneveTunnel reads a GENEVE header (RFC 8926). gopacket reads the fixed part
// only: it keeps the offset of options in 8 bits and their length in 4 of its 5
// bits, so that long options are read wrongly, and allocates each.
func (d *Decoder) geneveTunnel(c *cursor) Reason {
	copy(d.head[:], c.data)
	options := int(d.head[0]&0x3f) * 4
	d.head[0] &^= 0x3f
	if d.geneve.DecodeFromBytes(d.head[:], gopacket.NilDecodeFeedback) != nil {
		return BadTunnel
	}
	if len(c.data) < 8+options {
		return Truncated
	}
	if d.keyVNI {
		d.mixContext(idVNI, d.geneve.VNI)
	}
	c.skip(8 + options)
	return d.bridgedOrIP(uint16(d.geneve.Protocol), c)
}

func (d *Decoder) bridgedOrIP(typ uint16, c *cursor) Reason {
	if typ == etherBridged {
		return d.ethernet(c)
	}
	if typ < 0x600 { // a GRE or GENEVE protocol is never a length
		return UnknownType
	}
	return d.etherType(typ, c)
}

// greTunnel reads GRE (RFC 2784, RFC 2890), version 1 of it (RFC 2637), and the
// ERSPAN headers inside.
func (d *Decoder) greTunnel(c *cursor) Reason {
	if len(c.data) < greSize(c.data) {
		return Truncated
	}
	d.gre = layers.GRE{} // optional fields keep their last value otherwise
	if d.gre.DecodeFromBytes(c.data, gopacket.NilDecodeFeedback) != nil {
		return BadTunnel
	}
	if d.gre.Version > 1 {
		return BadTunnel
	}
	c.skip(len(d.gre.Contents))
	if d.keyVNI && d.gre.KeyPresent && d.gre.Version == 0 {
		d.mixContext(idGRE, d.gre.Key)
	}
	switch typ := uint16(d.gre.Protocol); typ {
	case greERSPAN:
		if !d.gre.SeqPresent { // type I has no header of its own
			return d.ethernet(c)
		}
		return d.erspanII(c)
	case greERSPANIII:
		return d.erspanIII(c)
	case grePPP:
		if len(c.data) == 0 {
			return UnknownType // an acknowledgement alone
		}
		return d.ppp(c)
	case greWCCP:
		// Version 2 has a redirect header of 4 bytes, version 1 none.
		if len(c.data) < 4 {
			return Truncated
		}
		if c.data[0]>>4 != 4 {
			c.skip(4)
		}
		return ok
	default:
		return d.bridgedOrIP(typ, c)
	}
}

// greSize is the length of a GRE header by its flags, without the obsolete
// routing entries.
func greSize(b []byte) int {
	if len(b) < 4 {
		return 4
	}
	size := 4
	if b[0]&0xc0 != 0 { // checksum or routing
		size += 4
	}
	for _, present := range [...]bool{b[0]&0x20 != 0, b[0]&0x10 != 0, b[1]&0x80 != 0} { // key, sequence, acknowledgement
		if present {
			size += 4
		}
	}
	return size
}

func (d *Decoder) erspanII(c *cursor) Reason {
	if len(c.data) < 8 {
		return Truncated
	}
	if d.erspan.DecodeFromBytes(c.data, gopacket.NilDecodeFeedback) != nil {
		return BadTunnel
	}
	if d.keyVNI {
		d.mixContext(idERSPAN, uint32(d.erspan.SessionID))
	}
	c.skip(len(d.erspan.Contents))
	return d.ethernet(c)
}

// erspanIII reads the header of 12 bytes and its optional 8
// (draft-foschiano-erspan-03 §4.3). gopacket has no decoder for it.
func (d *Decoder) erspanIII(c *cursor) Reason {
	if len(c.data) < 12 {
		return Truncated
	}
	size := 12
	frameType := c.data[10] >> 2 & 0x1f // bits P, FT(5), Hw(6), D, Gra(2), O
	if c.data[11]&1 != 0 {
		size += 8
	}
	if len(c.data) < size {
		return Truncated
	}
	if d.keyVNI {
		d.mixContext(idERSPAN, uint32(binary.BigEndian.Uint16(c.data[2:]))&0x3ff)
	}
	c.skip(size)
	switch frameType {
	case 0:
		return d.ethernet(c)
	case 2:
		return ok
	}
	return UnknownType
}

// tzsp reads a TZSP header and its tagged fields up to the end tag.
func (d *Decoder) tzsp(c *cursor) Reason {
	if len(c.data) < 4 {
		return Truncated
	}
	if c.data[0] != 1 || c.data[1] > 1 || binary.BigEndian.Uint16(c.data[2:]) != 1 {
		return UnknownType // not version 1, no captured packet in it, or not Ethernet
	}
	for i := 4; i < len(c.data); {
		switch tag := c.data[i]; {
		case tag == 1: // end
			c.skip(i + 1)
			return d.ethernet(c)
		case tag == 0: // padding, without a length
			i++
		case i+1 < len(c.data):
			i += 2 + int(c.data[i+1])
		default:
			return Truncated
		}
	}
	return Truncated
}
