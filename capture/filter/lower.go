package filter

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"
)

const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherRARP = 0x8035
	etherVLAN = 0x8100 // IEEE 802.1Q
	etherQinQ = 0x88a8 // IEEE 802.1ad
	etherOld  = 0x9100 // QinQ before the standard
	etherIPv6 = 0x86dd

	protoTCP, protoUDP, protoSCTP = 6, 17, 132
	protoFragment                 = 44 // IPv6 fragment header
)

// A node is a condition as written. lower turns it into tests of bytes; if
// stripped is set, the outermost VLAN tag is not in the packet but beside it.
type node interface {
	lower(l layout, stripped bool) cond
}

type (
	everything struct{}
	both       struct{ left, right node }
	either     struct{ left, right node }
	negated    struct{ of node }
	protocol   struct {
		name  string
		depth int // VLAN tags before
	}
	vlanTag struct {
		depth int
		id    int // -1: any
	}
	address struct {
		proto, dir string
		prefix     netip.Prefix
		depth      int
	}
	ports struct {
		proto, dir string
		low, high  uint32
		depth      int
	}
)

func (everything) lower(layout, bool) cond     { return constant(true) }
func (n both) lower(l layout, s bool) cond     { return and{n.left.lower(l, s), n.right.lower(l, s)} }
func (n either) lower(l layout, s bool) cond   { return or{n.left.lower(l, s), n.right.lower(l, s)} }
func (n negated) lower(l layout, s bool) cond  { return not{n.of.lower(l, s)} }
func (n protocol) lower(l layout, s bool) cond { return l.behind(n.depth, s).protocol(n.name) }
func (n ports) lower(l layout, s bool) cond    { return l.behind(n.depth, s).ports(n) }
func (n address) lower(l layout, s bool) cond  { return l.behind(n.depth, s).address(n) }

func (n vlanTag) lower(l layout, stripped bool) cond {
	if stripped && n.depth == 0 { // that there is one was tested already
		if n.id < 0 {
			return constant(true)
		}
		return test{load: []bpf.Instruction{bpf.LoadExtension{Num: bpf.ExtVLANTag}, mask(0xfff)}, op: bpf.JumpEqual, value: uint32(n.id)}
	}
	l = l.behind(n.depth, stripped)
	tagged := cond(or{or{l.etherType(etherVLAN), l.etherType(etherQinQ)}, l.etherType(etherOld)})
	if n.id < 0 {
		return tagged
	}
	return and{tagged, test{load: []bpf.Instruction{load(l.network, 2), mask(0xfff)}, op: bpf.JumpEqual, value: uint32(n.id)}}
}

// behind returns the layout after some VLAN tags.
func (l layout) behind(tags int, stripped bool) layout {
	if stripped && tags > 0 {
		tags--
	}
	l.typeAt += 4 * uint32(tags)
	l.network += 4 * uint32(tags)
	return l
}

func load(offset uint32, size int) bpf.Instruction { return bpf.LoadAbsolute{Off: offset, Size: size} }

func mask(v uint32) bpf.Instruction { return bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: v} }

func equal(offset uint32, size int, value uint32) cond {
	return test{load: []bpf.Instruction{load(offset, size)}, op: bpf.JumpEqual, value: value}
}

func (l layout) etherType(v uint32) cond {
	if !l.raw {
		return equal(l.typeAt, 2, v)
	}
	version := map[uint32]uint32{etherIPv4: 0x40, etherIPv6: 0x60}[v]
	if version == 0 {
		return constant(false)
	}
	return test{load: []bpf.Instruction{load(0, 1), mask(0xf0)}, op: bpf.JumpEqual, value: version}
}

func (l layout) protocol(name string) cond {
	p := protocols[name]
	if p.etherType != 0 {
		return l.etherType(p.etherType)
	}
	v4 := and{l.etherType(etherIPv4), equal(l.network+9, 1, p.number)}
	next := equal(l.network+6, 1, p.number)
	fragmented := and{equal(l.network+6, 1, protoFragment), equal(l.network+40, 1, p.number)}
	v6 := and{l.etherType(etherIPv6), or{next, fragmented}}
	switch {
	case !p.v6:
		return v4
	case !p.v4:
		return v6
	}
	return or{v4, v6}
}

// direction joins the tests of source and destination.
func direction(dir string, at func(source bool) cond) cond {
	switch dir {
	case "src":
		return at(true)
	case "dst":
		return at(false)
	case "and":
		return and{at(true), at(false)}
	}
	return or{at(true), at(false)}
}

func (l layout) address(n address) cond {
	if n.prefix.Addr().Is6() {
		return and{l.etherType(etherIPv6), direction(n.dir, func(source bool) cond {
			if source {
				return prefix6(l.network+8, n.prefix)
			}
			return prefix6(l.network+24, n.prefix)
		})}
	}
	in := func(etherType, src, dst uint32) cond {
		return and{l.etherType(etherType), direction(n.dir, func(source bool) cond {
			if source {
				return prefix4(l.network+src, n.prefix)
			}
			return prefix4(l.network+dst, n.prefix)
		})}
	}
	ip, arp, rarp := in(etherIPv4, 12, 16), in(etherARP, 14, 24), in(etherRARP, 14, 24)
	switch n.proto {
	case "ip":
		return ip
	case "arp":
		return arp
	case "rarp":
		return rarp
	}
	return or{or{ip, arp}, rarp}
}

func prefix4(offset uint32, p netip.Prefix) cond {
	a := p.Addr().As4()
	return word(offset, binary.BigEndian.Uint32(a[:]), p.Bits())
}

func prefix6(offset uint32, p netip.Prefix) cond {
	a := p.Addr().As16()
	c := word(offset, binary.BigEndian.Uint32(a[:]), p.Bits())
	for i := 1; i < 4; i++ { // words without a bit of the prefix too: tcpdump wants them to be there
		c = and{c, word(offset+uint32(4*i), binary.BigEndian.Uint32(a[4*i:]), max(0, p.Bits()-32*i))}
	}
	return c
}

// word tests the first bits of a word of four bytes.
func word(offset, value uint32, bits int) cond {
	if bits >= 32 {
		return equal(offset, 4, value)
	}
	return test{load: []bpf.Instruction{load(offset, 4), mask(^uint32(1<<(32-bits) - 1))}, op: bpf.JumpEqual, value: value}
}

func (l layout) ports(n ports) cond {
	numbers := []uint32{protoTCP, protoUDP, protoSCTP}
	if n.proto != "" {
		numbers = []uint32{protocols[n.proto].number}
	}
	carried := func(offset uint32) cond {
		c := equal(offset, 1, numbers[0])
		for _, v := range numbers[1:] {
			c = or{c, equal(offset, 1, v)}
		}
		return c
	}
	within := func(loads ...bpf.Instruction) cond {
		if n.low == n.high {
			return test{load: loads, op: bpf.JumpEqual, value: n.low}
		}
		return and{test{load: loads, op: bpf.JumpGreaterOrEqual, value: n.low}, test{load: loads, op: bpf.JumpLessOrEqual, value: n.high}}
	}
	v6 := and{and{l.etherType(etherIPv6), carried(l.network + 6)}, direction(n.dir, func(source bool) cond {
		if source {
			return within(load(l.network+40, 2))
		}
		return within(load(l.network+42, 2))
	})}
	first := not{test{load: []bpf.Instruction{load(l.network+6, 2)}, op: bpf.JumpBitsSet, value: 0x1fff}}
	v4 := and{and{and{l.etherType(etherIPv4), carried(l.network + 9)}, first}, direction(n.dir, func(source bool) cond {
		header := bpf.LoadMemShift{Off: l.network}
		if source {
			return within(header, bpf.LoadIndirect{Off: l.network, Size: 2})
		}
		return within(header, bpf.LoadIndirect{Off: l.network + 2, Size: 2})
	})}
	return or{v6, v4}
}
