package link

import "encoding/binary"

// linkHeader moves c to the IP header for link types other than Ethernet.
// Layouts: tcpdump.org/linktypes.html.
func (d *Decoder) linkHeader(typ uint32, c *cursor) Reason {
	switch typ {
	case TypeRaw, TypeRawBSD, TypeRawOpen, TypeIPv4, TypeIPv6:
		return ok
	case TypeNull, TypeLoop:
		return d.null(c)
	case TypeLinuxSLL:
		return d.cooked(c, 16, 14)
	case TypeLinuxSL2:
		return d.cooked(c, 20, 0)
	case TypePPP, TypePPPHDLC:
		return d.ppp(c)
	case TypePPPoE:
		return d.pppoe(c)
	case TypeCHDLC:
		return d.cooked(c, 4, 2)
	}
	return UnknownLinkType
}

// null reads the 4-byte protocol family of a BSD loopback: host byte order of
// the capturing machine (null) or network order (loop), so both are tried. The
// number of IPv6 differs by system: 10 Linux, 24 NetBSD and OpenBSD, 28
// FreeBSD, 30 macOS.
func (d *Decoder) null(c *cursor) Reason {
	if len(c.data) < 4 {
		return Truncated
	}
	family := binary.LittleEndian.Uint32(c.data)
	if family > 0xffff {
		family = binary.BigEndian.Uint32(c.data)
	}
	c.skip(4)
	switch family {
	case 2, 10, 24, 28, 30:
		return ok
	}
	return UnknownType
}

// cooked reads a header of the given size with an EtherType at an offset.
func (d *Decoder) cooked(c *cursor, size, at int) Reason {
	if len(c.data) < size {
		return Truncated
	}
	typ := binary.BigEndian.Uint16(c.data[at:])
	c.skip(size)
	if typ < 0x600 { // 802.2, CAN and other things that are not EtherTypes
		return UnknownType
	}
	return d.etherType(typ, c)
}
