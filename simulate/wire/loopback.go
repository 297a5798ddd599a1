package wire

import "net/netip"

// loopback gives every caller an address within 127.0.0.0/8. Callers of one
// network (/24, /64) stay in one /24, so that what shares a network still does.
// The first 65,000 networks are kept apart; further ones share.
type loopback struct {
	nets map[netip.Prefix]uint32
}

// of returns the caller's address: equal callers have equal ones.
func (l *loopback) of(caller netip.Addr) netip.Addr {
	caller = caller.Unmap()
	if caller.IsLoopback() && caller.Is4() {
		return caller
	}
	if l.nets == nil {
		l.nets = map[netip.Prefix]uint32{}
	}
	bits, host := 64, byte(1+hashAddr(caller, 8)%254)
	if caller.Is4() {
		a := caller.As4()
		bits, host = 24, a[3]
	}
	p, err := caller.Prefix(bits)
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	n, ok := l.nets[p]
	if !ok {
		const room = 65_000 // 127.1.0.0 to 127.254.…: the server's own network stays free
		if n = uint32(len(l.nets)); n >= room {
			n = uint32(hashAddr(p.Addr(), 9) % room)
		} else {
			l.nets[p] = n
		}
	}
	n += 256
	return netip.AddrFrom4([4]byte{127, byte(n >> 8), byte(n), host})
}
