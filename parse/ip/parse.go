package ip

import "encoding/binary"

// A Fault says why bytes are no usable IP datagram.
type Fault uint8

const (
	OK         Fault = iota
	Truncated        // the header itself is cut off
	BadVersion       // neither 4 nor 6
	BadLength        // lengths contradict each other
	BadHeaders       // extension headers cut off, too many, or out of order
	NoNext           // IPv6 "no next header" (59), or encrypted (ESP): nothing to read behind it
)

const (
	v4MinHeader = 20
	v6Header    = 40

	// maxExtensions bounds the walk over extension headers. RFC 8200 §4.1 names
	// seven; RFC 8883 lets routers drop longer chains.
	maxExtensions = 10

	// maxMissing bounds what a length may promise beyond the captured bytes:
	// twice the largest segment Linux builds (BIG TCP, 512 KiB). A jumbo option
	// could claim 4 GiB.
	maxMissing = 1 << 20
)

// Parse reads the IP headers at the start of data into p and overwrites all of
// it but Context. wireLen is the length data had before the capture cut it; 0
// if unknown. A length that exceeds an uncut packet is a fault: a host drops it.
//
// A total length of 0 (IPv4 segments before hardware splits them, BIG TCP)
// means all of data.
func Parse(data []byte, wireLen int, p *Packet) Fault {
	if len(data) < v4MinHeader {
		return Truncated
	}
	switch data[0] >> 4 {
	case 4:
		return parse4(data, wireLen, p)
	case 6:
		return parse6(data, wireLen, p)
	}
	return BadVersion
}

func parse4(data []byte, wireLen int, p *Packet) Fault {
	header := int(data[0]&15) * 4
	if header < v4MinHeader {
		return BadLength
	}
	if header > len(data) {
		return Truncated
	}
	total := int(binary.BigEndian.Uint16(data[2:]))
	if total == 0 {
		total = max(len(data), wireLen)
	}
	if total < header {
		return BadLength
	}
	missing := 0
	if total < len(data) {
		data = data[:total]
	} else if missing = total - len(data); missing > 0 && !cut(len(data), missing, wireLen) {
		return BadLength
	}
	p.Version = 4
	p.Protocol = data[9]
	p.Src = Addr{Lo: v4Prefix | uint64(binary.BigEndian.Uint32(data[12:]))}
	p.Dst = Addr{Lo: v4Prefix | uint64(binary.BigEndian.Uint32(data[16:]))}
	p.Payload = data[header:]
	p.Missing = missing
	frag := binary.BigEndian.Uint16(data[6:])
	p.Fragment = frag&0x3fff != 0
	if p.Fragment {
		p.ID = uint32(binary.BigEndian.Uint16(data[4:]))
		p.FragmentOffset = int(frag&0x1fff) * 8
		p.MoreFragments = frag&0x2000 != 0
	}
	return OK
}

// cut reports whether the capture may have cut off so many bytes.
func cut(have, missing, wireLen int) bool {
	if missing > maxMissing {
		return false
	}
	return wireLen <= 0 || wireLen-have >= missing
}

func parse6(data []byte, wireLen int, p *Packet) Fault {
	if len(data) < v6Header {
		return Truncated
	}
	p.Version = 6
	p.Src = Addr{binary.BigEndian.Uint64(data[8:]), binary.BigEndian.Uint64(data[16:])}
	p.Dst = Addr{binary.BigEndian.Uint64(data[24:]), binary.BigEndian.Uint64(data[32:])}
	p.Fragment = false
	length := int(binary.BigEndian.Uint16(data[4:]))
	next := data[6]
	if length == 0 {
		length = max(len(data), wireLen) - v6Header
		if jumbo, ok := jumboLength(next, data[v6Header:]); ok {
			length = jumbo
		}
	}
	rest := data[v6Header:]
	missing := 0
	if length < len(rest) {
		rest = rest[:length]
	} else if missing = length - len(rest); missing > 0 && !cut(len(data), missing, wireLen) {
		return BadLength
	}
	p.Missing = missing
	return p.skipExtensions(next, rest)
}

// jumboLength finds the jumbo payload option (RFC 2675) in a hop-by-hop header.
func jumboLength(next uint8, b []byte) (int, bool) {
	if next != extHopByHop || len(b) < 8 {
		return 0, false
	}
	end := min((int(b[1])+1)*8, len(b))
	for i := 2; i+1 < end; {
		switch {
		case b[i] == 0: // Pad1
			i++
		case b[i] == 0xc2 && b[i+1] == 4 && i+6 <= end:
			n := binary.BigEndian.Uint32(b[i+2:])
			return int(n), n > 0xffff && n <= 1<<31-1
		default:
			i += 2 + int(b[i+1])
		}
	}
	return 0, false
}

// IPv6 extension headers (IANA).
const (
	extHopByHop    = 0
	extRouting     = 43
	extFragment    = 44
	extESP         = 50
	extAH          = 51
	extNone        = 59
	extDestination = 60
	extMobility    = 135
	extHIP         = 139
	extShim6       = 140
)

// skipExtensions sets Protocol and Payload to what follows the extension
// headers in b, or stops at a fragment header.
func (p *Packet) skipExtensions(next uint8, b []byte) Fault {
	for range maxExtensions {
		size := 0
		switch next {
		case extHopByHop, extRouting, extDestination, extMobility, extHIP, extShim6:
			if len(b) < 8 {
				return BadHeaders
			}
			size = (int(b[1]) + 1) * 8
		case extAH: // RFC 4302 §2.2: in 4-byte units, minus 2
			if len(b) < 8 {
				return BadHeaders
			}
			size = (int(b[1]) + 2) * 4
		case extFragment:
			if len(b) < 8 {
				return BadHeaders
			}
			field := binary.BigEndian.Uint16(b[2:])
			if field&0xfff9 == 0 { // atomic fragment, RFC 6946: whole
				size = 8
				break
			}
			p.Fragment = true
			p.ID = binary.BigEndian.Uint32(b[4:])
			p.FragmentOffset = int(field &^ 7)
			p.MoreFragments = field&1 != 0
			p.Protocol = b[0]
			p.Payload = b[8:]
			return OK
		case extNone, extESP:
			return NoNext
		default:
			p.Protocol = next
			p.Payload = b
			return OK
		}
		if size > len(b) {
			return BadHeaders
		}
		next = b[0]
		b = b[size:]
	}
	return BadHeaders
}
