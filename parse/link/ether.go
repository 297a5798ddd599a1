package link

import "encoding/binary"

// EtherTypes (IEEE registry) that are followed.
const (
	etherIPv4    = 0x0800
	etherIPv6    = 0x86dd
	etherVLAN    = 0x8100
	etherQinQ    = 0x88a8 // 802.1ad
	etherQinQOld = 0x9100 // before 802.1ad
	etherMPLS    = 0x8847
	etherMPLSUp  = 0x8848
	etherPPPoE   = 0x8864 // session stage, RFC 2516
	etherBridged = 0x6558 // Ethernet in GRE or GENEVE
)

const etherHeader = 14

// ethernet moves c behind the Ethernet header and whatever tags follow it.
func (d *Decoder) ethernet(c *cursor) Reason {
	if len(c.data) < etherHeader {
		return Truncated
	}
	typ := binary.BigEndian.Uint16(c.data[12:])
	c.skip(etherHeader)
	if typ == etherIPv4 || typ == etherIPv6 {
		return ok
	}
	return d.etherType(typ, c)
}

// etherType moves c to the IP header that an EtherType promises.
func (d *Decoder) etherType(typ uint16, c *cursor) Reason {
	for range maxTags + 1 {
		switch typ {
		case etherIPv4, etherIPv6:
			return ok
		case etherVLAN, etherQinQ, etherQinQOld:
			if len(c.data) < 4 {
				return Truncated
			}
			if d.keyVLAN {
				d.mixContext(idVLAN, uint32(binary.BigEndian.Uint16(c.data))&0xfff)
			}
			typ = binary.BigEndian.Uint16(c.data[2:])
			c.skip(4)
		case etherMPLS, etherMPLSUp:
			return d.mpls(c)
		case etherPPPoE:
			return d.pppoe(c)
		default:
			if typ < 0x600 { // a length: 802.3
				return d.llc(c)
			}
			return UnknownType
		}
	}
	return TooDeep
}

// llc reads a SNAP header (IEEE 802.2) with an EtherType in it.
func (d *Decoder) llc(c *cursor) Reason {
	if len(c.data) < 8 {
		return Truncated
	}
	if c.data[0] != 0xaa || c.data[1] != 0xaa || c.data[2] != 3 {
		return UnknownType
	}
	typ := binary.BigEndian.Uint16(c.data[6:])
	c.skip(8)
	if typ == etherIPv4 || typ == etherIPv6 {
		return ok
	}
	return UnknownType
}

// mpls skips a label stack (RFC 3032). What follows is not named: the first
// nibble tells IP, and a zero nibble is the control word of a pseudowire
// (RFC 4385), which carries Ethernet.
func (d *Decoder) mpls(c *cursor) Reason {
	for range maxLabels {
		if len(c.data) < 4 {
			return Truncated
		}
		bottom := c.data[2]&1 != 0
		c.skip(4)
		if !bottom {
			continue
		}
		if len(c.data) < 4 {
			return Truncated
		}
		switch c.data[0] >> 4 {
		case 4, 6:
			return ok
		case 0:
			c.skip(4)
			return d.innerEthernet(c)
		}
		return d.innerEthernet(c)
	}
	return TooDeep
}

// innerEthernet reads a frame behind labels, where only IP is worth having:
// another label stack there would let the depth grow without bound.
func (d *Decoder) innerEthernet(c *cursor) Reason {
	if len(c.data) < etherHeader {
		return Truncated
	}
	typ := binary.BigEndian.Uint16(c.data[12:])
	c.skip(etherHeader)
	for range maxTags + 1 {
		switch typ {
		case etherIPv4, etherIPv6:
			return ok
		case etherVLAN, etherQinQ, etherQinQOld:
			if len(c.data) < 4 {
				return Truncated
			}
			typ = binary.BigEndian.Uint16(c.data[2:])
			c.skip(4)
		default:
			return UnknownType
		}
	}
	return TooDeep
}

// pppoe reads a PPPoE session header (RFC 2516 §4) and the PPP protocol.
func (d *Decoder) pppoe(c *cursor) Reason {
	if len(c.data) < 8 {
		return Truncated
	}
	if c.data[0] != 0x11 || c.data[1] != 0 {
		return UnknownType
	}
	c.skip(6)
	return d.ppp(c)
}

// ppp reads a PPP protocol field (RFC 1661 §2), one byte if its lowest bit is
// set, with or without HDLC address and control before it.
func (d *Decoder) ppp(c *cursor) Reason {
	if len(c.data) >= 2 && c.data[0] == 0xff && c.data[1] == 3 {
		c.skip(2)
	}
	if len(c.data) < 2 {
		return Truncated
	}
	proto, size := binary.BigEndian.Uint16(c.data), 2
	if c.data[0]&1 != 0 {
		proto, size = uint16(c.data[0]), 1
	}
	c.skip(size)
	switch proto {
	case 0x21, 0x57: // IPv4, IPv6
		return ok
	case 0x281, 0x283: // MPLS
		return d.mpls(c)
	}
	return UnknownType
}

// Kinds of ids in a context: VLAN 5 is another network than VNI 5.
const (
	idVLAN = 1 + iota
	idVNI
	idGRE
	idERSPAN
)

// mixContext folds an id into the context, order mattering: tag 5 in tag 6 is
// another network than 6 in 5. Zero stays "none".
func (d *Decoder) mixContext(kind, id uint32) {
	d.context = (d.context^id)*0x9e3779b1 + kind*0x85ebca6b
	if d.context == 0 {
		d.context = 1
	}
}
