package filter

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
)

// A frame describes a packet to build; the zero value is Ethernet, IPv4, TCP.
type frame struct {
	tags     []uint16 // VLAN numbers, outermost first
	tpid     uint16
	arp      uint16 // EtherType 0x806 or 0x8035: an ARP packet
	src, dst string
	proto    byte
	sport    uint16
	dport    uint16
	options  int    // words of IPv4 options
	fragment uint16 // IPv4 fragment offset and flags
	fragHdr  bool   // IPv6 fragment header
}

// build returns the frame with its link header, which is made by link.
func (f frame) build(link func(etherType uint16) []byte) []byte {
	be := binary.BigEndian
	src, dst := netip.MustParseAddr(f.src), netip.MustParseAddr(f.dst)
	etherType := uint16(0x800)
	var b []byte
	transport := be.AppendUint16(be.AppendUint16(nil, f.sport), f.dport)
	transport = append(transport, make([]byte, 16)...)
	switch {
	case f.arp != 0:
		etherType = f.arp
		b = append(b, 0, 1, 8, 0, 6, 4, 0, 1, 2, 2, 2, 2, 2, 2)
		b = append(b, src.AsSlice()...)
		b = append(b, 4, 4, 4, 4, 4, 4)
		b = append(b, dst.AsSlice()...)
	case src.Is4():
		b = append(b, 0x45+byte(f.options), 0, 0, 99, 0, 1)
		b = be.AppendUint16(b, f.fragment)
		b = append(b, 64, f.proto, 0, 0)
		b = append(b, src.AsSlice()...)
		b = append(b, dst.AsSlice()...)
		b = append(b, make([]byte, 4*f.options)...)
		b = append(b, transport...)
	default:
		etherType = 0x86dd
		next := f.proto
		if f.fragHdr {
			next = 44
		}
		b = append(b, 0x60, 0, 0, 0, 0, 20, next, 64)
		b = append(b, src.AsSlice()...)
		b = append(b, dst.AsSlice()...)
		if f.fragHdr {
			b = append(b, f.proto, 0, 0, 1, 0, 0, 0, 9)
		}
		b = append(b, transport...)
	}
	return append(link(f.outer(etherType)), append(f.inner(etherType), b...)...)
}

func (f frame) outer(etherType uint16) uint16 {
	if len(f.tags) > 0 {
		return f.tpid
	}
	return etherType
}

// inner returns the tags behind the first EtherType.
func (f frame) inner(etherType uint16) []byte {
	var b []byte
	for i, tag := range f.tags {
		next := etherType
		if i+1 < len(f.tags) {
			next = 0x8100
		}
		b = binary.BigEndian.AppendUint16(b, tag|0x6000) // priority 3
		b = binary.BigEndian.AppendUint16(b, next)
	}
	return b
}

func ethernet(etherType uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, etherType)
}

func cooked1(etherType uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0}, etherType)
}

func cooked2(etherType uint16) []byte {
	return append(binary.BigEndian.AppendUint16(nil, etherType), 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 2, 0, 0)
}

func rawIP(uint16) []byte { return nil }

func pick[T any](rnd *rand.Rand, values ...T) T { return values[rnd.IntN(len(values))] }

// randomFrame draws from few values, so that filters match often.
func randomFrame(rnd *rand.Rand) frame {
	v4 := []string{"10.0.0.1", "10.0.0.2", "10.1.2.3", "192.168.1.9"}
	v6 := []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "fe80::1"}
	addresses := pick(rnd, v4, v4, v6)
	port := func() uint16 { return pick[uint16](rnd, 80, 443, 8080, 8085, 5353, 0) }
	f := frame{
		src: pick(rnd, addresses...), dst: pick(rnd, addresses...),
		proto: pick[byte](rnd, 6, 6, 17, 132, 1, 58, 44), sport: port(), dport: port(),
		options: pick(rnd, 0, 0, 1, 10), fragment: pick[uint16](rnd, 0, 0x4000, 0x2000, 0x2001, 0x1fff),
		fragHdr: rnd.IntN(4) == 0, tpid: pick[uint16](rnd, 0x8100, 0x88a8, 0x9100),
	}
	for range rnd.IntN(3) {
		f.tags = append(f.tags, pick[uint16](rnd, 5, 6, 4095))
	}
	if rnd.IntN(8) == 0 {
		f.arp, f.src, f.dst = pick[uint16](rnd, 0x806, 0x8035), pick(rnd, v4...), pick(rnd, v4...)
	}
	return f
}
