package ip

import (
	"encoding/binary"
	"net/netip"
)

// Transport protocol numbers (IANA) that the packet path acts on.
const (
	ProtoIPIP = 4
	ProtoTCP  = 6
	ProtoUDP  = 17
	ProtoIPv6 = 41
	ProtoGRE  = 47
	ProtoMPLS = 137
)

// An Addr is an IPv4 or IPv6 address as two big-endian words, cheap to compare
// and to hash. IPv4 has Hi 0 and Lo ::ffff:a.b.c.d, as in RFC 4291 §2.5.5.2.
type Addr struct{ Hi, Lo uint64 }

// v4Prefix is the ::ffff:0:0/96 part of a mapped address.
const v4Prefix = 0xffff << 32

// A Packet is one parsed IP datagram, or one fragment of it. Payload is
// borrowed: it is valid until the next packet is read.
type Packet struct {
	Src, Dst Addr
	Payload  []byte // from the transport header on, without link padding
	Missing  int    // bytes that the IP length promises behind Payload and the capture cut off
	Context  uint32 // what separates equal addresses of different networks; 0 unless configured
	Version  uint8  // 4 or 6
	Protocol uint8  // of Payload; extension headers are skipped

	ID             uint32 // valid for a fragment
	FragmentOffset int    // bytes
	MoreFragments  bool
	Fragment       bool
}

// SrcAddr returns the source address.
func (p *Packet) SrcAddr() netip.Addr { return p.Src.Netip(p.Version) }

// DstAddr returns the destination address.
func (p *Packet) DstAddr() netip.Addr { return p.Dst.Netip(p.Version) }

// Netip returns the address, as IPv4 if version is 4.
func (a Addr) Netip(version uint8) netip.Addr {
	if version == 4 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(a.Lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b)
}
