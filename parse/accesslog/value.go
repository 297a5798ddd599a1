package accesslog

import (
	"net/netip"
	"time"
	"unsafe"
)

// number reads decimal digits, all of v; false if it is anything else or does
// not fit.
func number(v []byte) (int64, bool) {
	if len(v) == 0 || len(v) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// decimal reads an unsigned decimal number with an optional fraction as
// nanounits: "0.125" is 125,000,000. Digits past the ninth are cut.
func decimal(v []byte) (whole, nano int64, ok bool) {
	i := 0
	for i < len(v) && v[i] >= '0' && v[i] <= '9' {
		if i == 19 { // nanoseconds since 1970 have 19
			return 0, 0, false
		}
		whole = whole*10 + int64(v[i]-'0')
		i++
	}
	if whole < 0 {
		return 0, 0, false
	}
	if i == len(v) {
		return whole, 0, i > 0
	}
	if v[i] != '.' && v[i] != ',' {
		return 0, 0, false
	}
	i++
	scale := int64(100_000_000)
	for ; i < len(v) && v[i] >= '0' && v[i] <= '9'; i++ {
		nano += int64(v[i]-'0') * scale
		scale /= 10
	}
	if i < len(v) { // 1.5e-05, as JSON writers have it for small numbers
		return scientific(v, whole, nano, i)
	}
	return whole, nano, true
}

func scientific(v []byte, whole, nano int64, i int) (int64, int64, bool) {
	if v[i] != 'e' && v[i] != 'E' || i+1 >= len(v) {
		return 0, 0, false
	}
	negative := v[i+1] == '-'
	digits := v[i+1:]
	if negative || digits[0] == '+' {
		digits = digits[1:]
	}
	e, ok := number(digits)
	if !ok || e > 30 || whole > 1<<30 {
		return 0, 0, false
	}
	n := whole*1e9 + nano
	for ; e > 0; e-- {
		if negative {
			n /= 10
		} else if n > 1<<58 {
			return 0, 0, false
		} else {
			n *= 10
		}
	}
	return n / 1e9, n % 1e9, true
}

// maxDuration is more than any proxy waits for; a longer one is a misread unit.
const maxDuration = 7 * 24 * time.Hour

// duration reads a number counted in unit, or one that names its own unit
// ("12ms", "0.5s", "1m3.2s"). With several upstream tries ("0.1, 0.2") the
// last stands. Negative and absent ones ("-1": aborted) are 0, false.
func duration(v []byte, unit time.Duration) (time.Duration, bool) {
	if i := len(v) - 1; i > 0 && (v[i] < '0' || v[i] > '9') {
		if len(v) > 32 {
			return 0, false
		}
		d, err := time.ParseDuration(string(v))
		return d, err == nil && d >= 0 && d <= maxDuration
	}
	for i := len(v) - 1; i >= 0; i-- {
		if v[i] == ' ' {
			v = v[i+1:]
			break
		}
	}
	whole, nano, ok := decimal(v)
	if !ok {
		return 0, false
	}
	if unit == 0 { // a bare "duration": Caddy writes fractions of a second, Envoy whole milliseconds
		unit = time.Millisecond
		for _, c := range v {
			if c == '.' || c == 'e' {
				unit = time.Second
			}
		}
	}
	if whole > int64(maxDuration/unit) {
		return 0, false
	}
	return time.Duration(whole)*unit + time.Duration(nano*int64(unit)/1e9), true
}

// address reads an address with or without a port: 192.0.2.1, 192.0.2.1:80,
// 2001:db8::1, [2001:db8::1]:80, and HAProxy's 2001:db8::1:80 when portAlways
// says that a port is always there. Anything else (host names, unix:) is the
// zero value.
func address(v []byte, portAlways bool) netip.AddrPort {
	if a, n, ok := ipv4(v); ok {
		if n == len(v) {
			return netip.AddrPortFrom(a, 0)
		}
		if v[n] == ':' {
			if p, ok := port(v[n+1:]); ok {
				return netip.AddrPortFrom(a, p)
			}
			if n+2 == len(v) && v[n+1] == '-' {
				return netip.AddrPortFrom(a, 0)
			}
		}
		return netip.AddrPort{}
	}
	if len(v) < 2 || len(v) > 64 {
		return netip.AddrPort{}
	}
	if v[0] == '[' {
		for i := 1; i < len(v); i++ {
			if v[i] != ']' {
				continue
			}
			a, ok := ipv6(v[1:i])
			if !ok {
				return netip.AddrPort{}
			}
			var p uint16
			if i+2 < len(v) && v[i+1] == ':' {
				p, _ = port(v[i+2:])
			}
			return netip.AddrPortFrom(a, p)
		}
		return netip.AddrPort{}
	}
	if portAlways {
		for i := len(v) - 1; i > 0; i-- {
			if v[i] == ':' {
				p, ok := port(v[i+1:])
				a, ok6 := ipv6(v[:i])
				if ok && ok6 {
					return netip.AddrPortFrom(a, p)
				}
				break
			}
		}
	}
	if a, ok := ipv6(v); ok {
		return netip.AddrPortFrom(a, 0)
	}
	return netip.AddrPort{}
}

func port(v []byte) (uint16, bool) {
	n, ok := number(v)
	return uint16(n), ok && n < 1<<16
}

// ipv4 reads a dotted quad at the start of v and says how long it is.
func ipv4(v []byte) (netip.Addr, int, bool) {
	var q [4]byte
	i := 0
	for part := range 4 {
		if part > 0 {
			if i >= len(v) || v[i] != '.' {
				return netip.Addr{}, 0, false
			}
			i++
		}
		n, start := 0, i
		for i < len(v) && v[i]-'0' <= 9 && i-start < 3 {
			n = n*10 + int(v[i]-'0')
			i++
		}
		if i == start || n > 255 {
			return netip.Addr{}, 0, false
		}
		q[part] = byte(n)
	}
	return netip.AddrFrom4(q), i, true
}

func ipv6(v []byte) (netip.Addr, bool) {
	colon := false
	for _, c := range v {
		if c == ':' {
			colon = true
			break
		}
	}
	if !colon {
		return netip.Addr{}, false
	}
	// ParseAddr keeps nothing of its argument but the zone, which it clones,
	// and the error, which is dropped here: the borrowed string ends with the call.
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(v), len(v)))
	if err != nil {
		return netip.Addr{}, false
	}
	return a.WithZone("").Unmap(), true
}

// missing reports the ways in which a log writes "nothing".
func missing(v []byte) bool {
	switch len(v) {
	case 0:
		return true
	case 1:
		return v[0] == '-'
	case 4:
		return string(v) == "null"
	}
	return false
}
