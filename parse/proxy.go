package parse

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
)

// Load balancers may say in front of the first request who the client is: the
// PROXY protocol, versions 1 and 2 (haproxy.org, doc/proxy-protocol.txt).

const (
	proxyV1 = "PROXY "
	proxyV2 = "\r\n\r\n\x00\r\nQUIT\n"

	maxProxyV1 = 107     // the longest line, CRLF included
	maxProxyV2 = 4 << 10 // addresses need 36 bytes; the rest are TLVs, and only a certificate makes them long
)

// proxyHeader reads a PROXY header at the start of b and returns its length, 0
// if there is none, and the source it names, if any. more says that b is too
// short to tell.
func proxyHeader(b []byte) (n int, source netip.AddrPort, more bool) {
	switch {
	case hasPrefix(b, proxyV1):
		return proxyLine(b)
	case hasPrefix(b, proxyV2):
		return proxyBinary(b)
	case len(b) > 0 && (len(b) < len(proxyV1) && strings.HasPrefix(proxyV1, string(b)) || len(b) < len(proxyV2) && strings.HasPrefix(proxyV2, string(b))):
		return 0, source, true
	}
	return 0, source, false
}

func hasPrefix(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

func proxyLine(b []byte) (n int, source netip.AddrPort, more bool) {
	i := bytes.IndexByte(b[:min(len(b), maxProxyV1)], '\n')
	if i < 0 {
		return 0, source, len(b) < maxProxyV1
	}
	f := strings.Fields(string(b[:i]))
	if len(f) < 2 || f[1] != "TCP4" && f[1] != "TCP6" && f[1] != "UNKNOWN" {
		return 0, source, false
	}
	if len(f) == 6 {
		if p, err := netip.ParseAddrPort(netJoin(f[2], f[4])); err == nil {
			source = p
		}
	}
	return i + 1, source, false
}

func netJoin(host, port string) string {
	if strings.IndexByte(host, ':') >= 0 {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

func proxyBinary(b []byte) (n int, source netip.AddrPort, more bool) {
	const fixed = len(proxyV2) + 4
	if len(b) < fixed {
		return 0, source, true
	}
	size := int(binary.BigEndian.Uint16(b[fixed-2:]))
	if b[12]>>4 != 2 || size > maxProxyV2 {
		return 0, source, false
	}
	if len(b) < fixed+size {
		return 0, source, true
	}
	a := b[fixed : fixed+size]
	switch family, command := b[13]>>4, b[12]&15; {
	case command != 1: // LOCAL: the balancer itself
	case family == 1 && len(a) >= 12:
		source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[:4])), binary.BigEndian.Uint16(a[8:]))
	case family == 2 && len(a) >= 36:
		source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(a[:16])).Unmap(), binary.BigEndian.Uint16(a[32:]))
	}
	return fixed + size, source, false
}

// announced notes the client that a PROXY header names. Anyone can write one:
// it counts only from a trusted peer.
func (c *conn) announced(side int, source netip.AddrPort) {
	c.proxyRead = true
	peer := c.tc.A.Addr()
	if side == server {
		peer = c.tc.B.Addr()
	}
	for _, p := range c.p.cfg.Exchange.TrustedProxies {
		if p.Contains(peer.Unmap()) && source.IsValid() {
			c.proxied = source
			return
		}
	}
}

// strip drops the first n held bytes of a direction and counts them as other.
func (c *conn) strip(side, n int) {
	h := &c.dir[side].hold
	c.p.kept -= n
	c.p.stats.Coverage.Waiting -= uint64(n)
	c.p.stats.Coverage.Other += uint64(n)
	h.bytes = append(h.bytes[:0], h.bytes[n:]...)
	for n > 0 {
		pc := &h.pieces[0]
		cut := min(n, int(pc.n))
		pc.n -= int64(cut)
		pc.seg.Seq += uint32(cut)
		n -= cut
		if pc.n == 0 {
			h.pieces = append(h.pieces[:0], h.pieces[1:]...)
		}
	}
	if h.empty() && c.dir[1-side].hold.empty() {
		c.unlist()
	}
}
