package identity

import (
	"bytes"
	"net/netip"

	"lapwing/parse/body"
)

// maxHops bounds the proxies walked over; a longer list is forged.
const maxHops = 32

// Trusted reports whether one of the prefixes holds the address.
func Trusted(prefixes []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap()
	for _, p := range prefixes {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Client returns the address of the caller: starting at the socket's peer, it
// walks a list of forwarding addresses from its right end over trusted proxies
// and stops at the first address that is none. The left part, which anyone can
// write, never counts. lines are the values of all X-Forwarded-For lines in the
// order sent, or of all Forwarded lines (RFC 7239) if rfc7239 is set.
func Client(peer netip.Addr, lines [][]byte, rfc7239 bool, trusted []netip.Prefix) netip.Addr {
	client := peer.Unmap()
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for rest != nil {
			if !Trusted(trusted, client) || hops == maxHops {
				return client
			}
			hops++
			var item []byte
			item, rest = lastItem(rest)
			if len(item) == 0 {
				continue
			}
			if rfc7239 {
				item = forValue(item)
			}
			next, ok := Address(item)
			if !ok { // "unknown", an obfuscated name, or garbage: the trail ends
				return client
			}
			client = next
		}
	}
	return client
}

// lastItem splits the last element off a comma-separated list; commas inside
// quotes do not occur in addresses.
func lastItem(s []byte) (item, rest []byte) {
	if i := bytes.LastIndexByte(s, ','); i >= 0 {
		return bytes.TrimSpace(s[i+1:]), s[:i]
	}
	return bytes.TrimSpace(s), nil
}

// forValue returns the "for" parameter of a Forwarded element.
func forValue(item []byte) []byte {
	if len(item) > 4 && bytes.EqualFold(item[:4], []byte("for=")) {
		item = item[4:]
		if i := bytes.IndexByte(item, ';'); i >= 0 {
			item = item[:i]
		}
		return bytes.Trim(bytes.TrimSpace(item), `"`)
	}
	return body.Param(item, "for")
}

// Address reads an address with or without port, in brackets or not.
func Address(b []byte) (netip.Addr, bool) {
	b = bytes.Trim(bytes.TrimSpace(b), `"`)
	if len(b) == 0 || len(b) > 64 {
		return netip.Addr{}, false
	}
	if b[0] == '[' {
		end := bytes.IndexByte(b, ']')
		if end < 0 {
			return netip.Addr{}, false
		}
		b = b[1:end]
	} else if i := bytes.IndexByte(b, ':'); i >= 0 && i == bytes.LastIndexByte(b, ':') {
		b = b[:i]
	}
	a, err := netip.ParseAddr(string(b))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}
