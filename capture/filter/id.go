package filter

import (
	"net/netip"
	"strconv"
	"strings"
)

// protocols are the words that stand alone or before a direction and a type.
var protocols = map[string]struct {
	etherType uint32 // of the words that name a link-layer protocol
	number    uint32 // of the words that name one above IP
	v4, v6    bool   // carried by
}{
	"ip":    {etherType: etherIPv4},
	"ip6":   {etherType: etherIPv6},
	"arp":   {etherType: etherARP},
	"rarp":  {etherType: etherRARP},
	"tcp":   {number: 6, v4: true, v6: true},
	"udp":   {number: 17, v4: true, v6: true},
	"sctp":  {number: 132, v4: true, v6: true},
	"icmp":  {number: 1, v4: true},
	"icmp6": {number: 58, v6: true},
}

// check refuses qualifiers that cannot stand together.
func (q qualifier) check(at token) error {
	if q.proto == "" {
		return nil
	}
	isPort := q.typ == "port" || q.typ == "portrange"
	transport := q.proto == "tcp" || q.proto == "udp" || q.proto == "sctp"
	link := protocols[q.proto].etherType != 0
	if isPort && !transport || !isPort && !link {
		return failAt(at, "%q cannot qualify %q", q.proto, q.typ)
	}
	return nil
}

// id parses one id of kind q, with any "not" before it.
func (p *parser) id(q qualifier) (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	if p.peek() == "not" {
		p.next()
		n, err := p.id(q)
		return negated{n}, err
	}
	t := p.next()
	if t.text == "" || t.text == "(" || t.text == ")" {
		return nil, failAt(t, "%s needs a value", q.typ)
	}
	p.last = q
	switch q.typ {
	case "host":
		addr, err := netip.ParseAddr(t.text)
		if err != nil || addr.Zone() != "" {
			return nil, failAt(t, "%s is no IP address; names are not resolved", quote(t.text))
		}
		return p.prefix(q, netip.PrefixFrom(addr, addr.BitLen()), t)
	case "net":
		prefix, err := parseNet(t)
		if err != nil {
			return nil, err
		}
		return p.prefix(q, prefix, t)
	case "port":
		n, ok := parsePort(t.text)
		if !ok {
			return nil, failAt(t, "%s is no port number (0 to 65535)", quote(t.text))
		}
		return ports{proto: q.proto, dir: q.dir, low: n, high: n, depth: p.vlans}, nil
	case "portrange":
		a, b, _ := strings.Cut(t.text, "-")
		low, ok1 := parsePort(a)
		high, ok2 := parsePort(b)
		if !ok1 || !ok2 {
			return nil, failAt(t, "%s is no range of ports such as 8000-8080", quote(t.text))
		}
		return ports{proto: q.proto, dir: q.dir, low: min(low, high), high: max(low, high), depth: p.vlans}, nil
	}
	return nil, failAt(t, "say what %s is: host, net or port", quote(t.text))
}

func (p *parser) prefix(q qualifier, prefix netip.Prefix, t token) (node, error) {
	v6 := prefix.Addr().Is6()
	if v6 && q.proto != "" && q.proto != "ip6" || !v6 && q.proto == "ip6" {
		return nil, failAt(t, "%s is no address of %s", quote(t.text), q.proto)
	}
	return address{proto: q.proto, dir: q.dir, prefix: prefix, depth: p.vlans}, nil
}

// parseNet reads a CIDR prefix. The IPv4 address may be short: 10 is 10.0.0.0/8
// and 10.1/12 is not what it seems, so host bits must be zero.
func parseNet(t token) (netip.Prefix, error) {
	fail := func() (netip.Prefix, error) {
		return netip.Prefix{}, failAt(t, "%s is no network such as 10.0.0.0/8", quote(t.text))
	}
	text, length, hasLength := strings.Cut(t.text, "/")
	bits := -1
	if !strings.Contains(text, ":") {
		parts := strings.Count(text, ".") + 1
		if parts > 4 {
			return fail()
		}
		text += strings.Repeat(".0", 4-parts)
		bits = 8 * parts
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || addr.Zone() != "" {
		return fail()
	}
	if bits < 0 {
		bits = addr.BitLen()
	}
	if hasLength {
		n, err := strconv.ParseUint(length, 10, 8)
		if err != nil || int(n) > addr.BitLen() {
			return fail()
		}
		bits = int(n)
	}
	prefix := netip.PrefixFrom(addr, bits)
	if prefix.Masked() != prefix {
		return netip.Prefix{}, failAt(t, "%s has bits set beyond its length; the network is %s", quote(t.text), prefix.Masked())
	}
	return prefix, nil
}

func parsePort(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint32(n), err == nil
}
