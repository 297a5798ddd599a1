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
	case TypeNFLOG:
		return nflog(c)
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

// nflog finds the payload among the attributes of a netfilter log message:
// family, version and resource id, then attributes with a length and a type in
// the byte order of the capturing host, padded to 4 bytes.
func nflog(c *cursor) Reason {
	const payload = 9 // NFULA_PAYLOAD
	if len(c.data) < 4 {
		return Truncated
	}
	if family := c.data[0]; family != 2 && family != 10 { // AF_INET, AF_INET6 of Linux
		return UnknownType
	}
	for i := 4; i+4 <= len(c.data); {
		var order binary.ByteOrder = binary.LittleEndian
		if c.data[i] == 0 && c.data[i+1] != 0 && c.data[i+3] != 0 {
			// A length below 256 and a type below 256 with the low byte last.
			order = binary.BigEndian
		}
		size, typ := int(order.Uint16(c.data[i:])), order.Uint16(c.data[i+2:])&0x7fff
		if size < 4 {
			return BadTunnel
		}
		if typ == payload {
			end := min(i+size, len(c.data))
			cut := i + size - end
			c.data = c.data[i+4 : end]
			if c.wire > 0 {
				c.wire = len(c.data) + cut
			}
			return ok
		}
		i += (size + 3) &^ 3
	}
	return Truncated
}
