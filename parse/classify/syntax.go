package classify

import (
	"bytes"
	"net/netip"
)

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func uuid(v []byte) bool { return v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-' }

// Order returns the time in Unix milliseconds that a time-ordered identifier
// carries, 0 if it carries none or an implausible one.
func Order(f Form, v []byte) uint64 {
	switch f {
	case FormUUID:
		return uuidTime(v)
	case FormULID:
		return plausible(ulidTime(v))
	case FormObjectID:
		return plausible(hexUint(v[:8]) * 1000)
	}
	return 0
}

func hexUint(v []byte) (n uint64) {
	for _, c := range v {
		d, _ := hexDigit(c)
		n = n<<4 | uint64(d)
	}
	return n
}

// plausible is 1995 to 2100: identifiers outside are not read as times.
func plausible(ms uint64) uint64 {
	if ms < 788918400000 || ms > 4102444800000 {
		return 0
	}
	return ms
}

// gregorian is the start of UUID time, 15 October 1582, before the Unix epoch
// in units of 100 ns (RFC 9562 §5.1).
const gregorian = 0x01b21dd213814000

func uuidTime(v []byte) uint64 {
	if len(v) != 36 {
		return 0
	}
	a, b, c := hexUint(v[:8]), hexUint(v[9:13]), hexUint(v[14:18])
	ticks := uint64(0)
	switch v[14] {
	case '1':
		ticks = (c&0xfff)<<48 | b<<32 | a
	case '6':
		ticks = a<<28 | b<<12 | c&0xfff
	case '7':
		return plausible(a<<16 | b)
	default:
		return 0
	}
	if ticks < gregorian {
		return 0
	}
	return plausible((ticks - gregorian) / 10000)
}

func crockford(c byte) (byte, bool) {
	if c >= 'a' && c <= 'z' {
		c -= 'a' - 'A'
	}
	i := bytes.IndexByte([]byte("0123456789ABCDEFGHJKMNPQRSTVWXYZ"), c)
	return byte(i), i >= 0
}

func ulid(v []byte) bool {
	if v[0] > '7' {
		return false
	}
	for _, c := range v {
		if _, ok := crockford(c); !ok {
			return false
		}
	}
	return plausible(ulidTime(v)) != 0
}

func ulidTime(v []byte) (ms uint64) {
	for _, c := range v[:10] {
		d, _ := crockford(c)
		ms = ms<<5 | uint64(d)
	}
	return ms
}

// prefixed: 2 to 6 letters, an underscore, then 8 and more letters and digits
// that are no word.
func prefixed(v []byte) bool {
	i := bytes.IndexByte(v, '_')
	if i < 2 || i > 6 {
		return false
	}
	for _, c := range v[:i] {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	if v = v[i+1:]; len(v) < 8 {
		return false
	}
	n := count(v)
	if n.lower+n.upper+n.digit != len(v) || n.digit*8 < len(v) && wordy(v) {
		return false
	}
	return n.digit >= 2 || n.digit == 1 && n.upper > 0 || n.upper >= 3 && n.lower >= 3 && n.turns*3 >= len(v)
}

// version: v and one to three digits, optionally dotted.
func version(v []byte) bool {
	if len(v) < 2 || v[0]|0x20 != 'v' || len(v) > 16 {
		return false
	}
	run := 0
	for i, c := range v[1:] {
		switch {
		case c >= '0' && c <= '9':
			if run++; run > 3 {
				return false
			}
		case c == '.' && run > 0 && i < len(v)-2:
			run = 0
		default:
			return betaVersion(v[1+i:]) && run > 0
		}
	}
	return run > 0
}

// betaVersion: v1beta1, v2alpha, as Google and Kubernetes name them.
func betaVersion(rest []byte) bool {
	for _, p := range [...]string{"alpha", "beta", "rc", "preview"} {
		if tail, ok := bytes.CutPrefix(rest, []byte(p)); ok {
			return len(tail) == 0 || len(tail) <= 2 && tail[0] >= '0' && tail[0] <= '9'
		}
	}
	return false
}

// Version reports whether the index-th segment of a path (from 1) is a version
// and so always literal: v1, v2.1, and in the first two 2024-01-01.
func Version(v []byte, index int) bool {
	return version(v) || index <= 2 && len(v) == 10 && date(v)
}

// date: year-month-day, optionally with a time behind it, or 20261121.
func date(v []byte) bool {
	at := func(i, j, least, most int) bool {
		n := 0
		for _, c := range v[i:j] {
			if c < '0' || c > '9' {
				return false
			}
			n = n*10 + int(c-'0')
		}
		return n >= least && n <= most
	}
	if len(v) == 8 {
		return at(0, 4, 1900, 2199) && at(4, 6, 1, 12) && at(6, 8, 1, 31)
	}
	if len(v) < 10 || len(v) > 40 || v[4] != '-' || v[7] != '-' {
		return false
	}
	if !at(0, 4, 1000, 2999) || !at(5, 7, 1, 12) || !at(8, 10, 1, 31) {
		return false
	}
	return len(v) == 10 || len(v) >= 16 && (v[10] == 'T' || v[10] == ' ' || v[10] == 't') && at(11, 13, 0, 24)
}

func ipv4(v []byte) bool {
	if len(v) > 15 {
		return false
	}
	a, err := netip.ParseAddr(string(v))
	return err == nil && a.Is4()
}

func ipv6(v []byte) bool {
	if len(v) > 45 {
		return false
	}
	_, err := netip.ParseAddr(string(v))
	return err == nil
}

// email: one @, a local part of RFC 5321 characters, a domain with a dot and a
// top-level domain of letters.
func email(v []byte) bool {
	if len(v) > 254 {
		return false
	}
	at := bytes.IndexByte(v, '@')
	if at < 1 || at > 64 {
		return false
	}
	for _, c := range v[:at] {
		if c <= ' ' || c == '/' || c == '"' || c == '<' || c == '>' || c == '(' || c == ')' || c == ',' || c == ';' || c == ':' || c == '\\' || c == '[' || c == ']' || c == 0x7f {
			return false
		}
	}
	domain := v[at+1:]
	dot := bytes.LastIndexByte(domain, '.')
	if dot < 1 || len(domain)-dot-1 < 2 || domain[0] == '.' || domain[0] == '-' {
		return false
	}
	for i, c := range domain {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
		if !letter && (i > dot || c != '.' && c != '-' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// phone: + and 8 to 15 digits with the usual blanks, dashes and brackets.
func phone(v []byte) bool {
	if len(v) < 9 || len(v) > 24 || v[0] != '+' || v[1] < '1' || v[1] > '9' {
		return false
	}
	digits := 0
	for _, c := range v[1:] {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != ' ' && c != '-' && c != '(' && c != ')' && c != '.':
			return false
		}
	}
	return digits >= 8 && digits <= 15
}

// jwt: three base64url parts of which the first begins as an encoded JSON
// object does; the last may be empty (RFC 7519 §6, unsecured).
func jwt(v []byte) bool {
	if len(v) < 20 || v[0] != 'e' || v[1] != 'y' {
		return false
	}
	for _, c := range v {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '=') {
			return false
		}
	}
	i := bytes.IndexByte(v, '.')
	return i >= 10 && bytes.IndexByte(v[i+1:], '.') >= 2
}

// JWT reports whether v has the form of a JSON Web Token.
func JWT(v []byte) bool { return bytes.Count(v, []byte(".")) == 2 && jwt(v) }
