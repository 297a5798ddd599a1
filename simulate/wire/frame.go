package wire

import (
	"encoding/binary"
	"net/netip"
)

const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK

	ethernetBytes = 14
	ipv4Bytes     = 20
	ipv6Bytes     = 40
	tcpBytes      = 20
	stampBytes    = 12 // the timestamps option with its padding
)

// A segment is one TCP segment, before it is bytes.
type segment struct {
	from, to netip.AddrPort
	fromMAC  uint64 // low 48 bits
	toMAC    uint64
	ttl      uint8
	ident    uint16
	seq, ack uint32
	flags    uint8
	window   uint16
	mss      uint16 // in a SYN
	stamped  bool   // carries timestamps (RFC 7323)
	val, ecr uint32
	payload  []byte
}

// appendFrame appends the segment as an Ethernet frame with right checksums.
func appendFrame(b []byte, s *segment) []byte {
	b = appendMAC(appendMAC(b, s.toMAC), s.fromMAC)
	options := 0
	switch {
	case s.flags&flagSYN != 0 && s.stamped:
		options = 20 // MSS, SACK permitted, timestamps, NOP, window scale
	case s.flags&flagSYN != 0:
		options = 12 // MSS, NOP, window scale, NOP, NOP, SACK permitted
	case s.stamped:
		options = stampBytes
	}
	tcpLen := tcpBytes + options + len(s.payload)
	src, dst := s.from.Addr(), s.to.Addr()
	var sum uint32
	if src.Is4() {
		b = append(b, 0x08, 0x00)
		at := len(b)
		b = append(b, 0x45, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(ipv4Bytes+tcpLen))
		b = binary.BigEndian.AppendUint16(b, s.ident)
		b = append(b, 0x40, 0, s.ttl, 6, 0, 0)
		a4, b4 := src.As4(), dst.As4()
		b = append(append(b, a4[:]...), b4[:]...)
		binary.BigEndian.PutUint16(b[at+10:], fold(sumOf(0, b[at:])))
		sum = sumOf(0, b[at+12:])
	} else {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(tcpLen))
		b = append(b, 6, s.ttl)
		at := len(b)
		a16, b16 := src.As16(), dst.As16()
		b = append(append(b, a16[:]...), b16[:]...)
		sum = sumOf(0, b[at:])
	}
	sum += 6 + uint32(tcpLen)
	at := len(b)
	b = binary.BigEndian.AppendUint16(b, s.from.Port())
	b = binary.BigEndian.AppendUint16(b, s.to.Port())
	b = binary.BigEndian.AppendUint32(b, s.seq)
	b = binary.BigEndian.AppendUint32(b, s.ack)
	b = append(b, uint8((tcpBytes+options)/4)<<4, s.flags)
	b = binary.BigEndian.AppendUint16(b, s.window)
	b = append(b, 0, 0, 0, 0)
	if s.flags&flagSYN != 0 {
		b = append(b, 2, 4, uint8(s.mss>>8), uint8(s.mss))
		if !s.stamped {
			b = append(b, 1, 3, 3, 7, 1, 1, 4, 2)
		}
	}
	if s.stamped {
		if s.flags&flagSYN != 0 {
			b = append(b, 4, 2)
		} else {
			b = append(b, 1, 1)
		}
		b = append(b, 8, 10)
		b = binary.BigEndian.AppendUint32(b, s.val)
		b = binary.BigEndian.AppendUint32(b, s.ecr)
		if s.flags&flagSYN != 0 {
			b = append(b, 1, 3, 3, 7)
		}
	}
	b = append(b, s.payload...)
	binary.BigEndian.PutUint16(b[at+16:], fold(sumOf(sum, b[at:])))
	return b
}

func appendMAC(b []byte, m uint64) []byte {
	return append(b, uint8(m>>40), uint8(m>>32), uint8(m>>24), uint8(m>>16), uint8(m>>8), uint8(m))
}

// sumOf adds b to an Internet checksum (RFC 1071); all but the last part of a
// sum must have an even length.
func sumOf(sum uint32, b []byte) uint32 {
	wide := uint64(sum)
	for ; len(b) >= 4; b = b[4:] {
		wide += uint64(binary.BigEndian.Uint32(b))
	}
	if len(b) >= 2 {
		wide += uint64(binary.BigEndian.Uint16(b)) << 16
		b = b[2:]
		if len(b) == 1 {
			wide += uint64(b[0]) << 8
		}
	} else if len(b) == 1 {
		wide += uint64(b[0]) << 24
	}
	wide = wide>>32 + wide&0xffffffff
	wide = wide>>32 + wide&0xffffffff
	return uint32(wide>>16) + uint32(wide&0xffff)
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
