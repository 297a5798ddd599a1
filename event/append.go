package event

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"
)

// Lists of identifiers are most of what a call is when it is written: a page
// of a list names a hundred objects in the same place. What stands before the
// hash is the same for all of them, and is copied from the one before.
func appendIDs(b []byte, ids []IDRef) []byte {
	from, to := 0, 0 // in b: what the last one began with
	for i := range ids {
		r := &ids[i]
		if i > 0 {
			b = append(b, ',')
			if p := &ids[i-1]; p.Name == r.Name && p.Class == r.Class && p.In == r.In && p.Response == r.Response {
				start := len(b)
				b = append(b, b[from:to]...)
				from, to = start, len(b)
				b = r.appendValue(b)
				continue
			}
		}
		from = len(b)
		b = append(b, `{"dir":"request"`...)
		if r.Response {
			b = append(b[:len(b)-len(`request"`)], `response"`...)
		}
		b = append(b, `,"in":"`...)
		b = append(b, r.In.String()...)
		b = append(b, '"')
		b = str(b, `,"name":`, r.Name)
		b = append(b, `,"class":"`...)
		b = append(b, r.Class.String()...)
		b = append(b, `","hash":"`...)
		to = len(b)
		b = r.appendValue(b)
	}
	return b
}

func (r *IDRef) appendValue(b []byte) []byte {
	b = appendHex64(b, r.Hash)
	b = append(b, '"')
	if r.Class == ClassInt {
		b = append(b, `,"value":`...)
		b = strconv.AppendInt(b, r.Int, 10)
	}
	if r.Order != 0 {
		b = append(b, `,"order":`...)
		b = strconv.AppendUint(b, r.Order, 10)
	}
	return append(b, '}')
}

const hexDigits = "0123456789abcdef"

func appendHex64(b []byte, v uint64) []byte {
	b = binary.BigEndian.AppendUint64(b, hex8(v>>32))
	return binary.BigEndian.AppendUint64(b, hex8(v&0xffffffff))
}

// hex8 returns the eight digits of 32 bits, all computed at once: each of the
// eight bytes of x comes to hold one digit's value.
func hex8(x uint64) uint64 {
	const ones = 0x0101010101010101
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 6*ones) >> 4 & ones
	return x + '0'*ones + letters*('a'-'9'-1)
}

// maxPlainSecond is the first second of the year 10000.
const maxPlainSecond = 253402300800

// appendTime writes RFC 3339 with nine fraction digits, always UTC. The
// calendar is that of Howard Hinnant's days_from_civil, inverted: years begin
// in March, so that the leap day is the last of them.
func appendTime(b []byte, t time.Time) []byte {
	sec, ns := t.Unix(), uint(t.Nanosecond())
	if sec < 0 || sec >= maxPlainSecond {
		return t.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000000Z")
	}
	days, clock := uint(sec)/86400, uint(sec)%86400
	z := days + 719468 // since 1 March of the year 0
	era, day := z/146097, z%146097
	yearOfEra := (day - day/1460 + day/36524 - day/146096) / 365
	dayOfYear := day - (365*yearOfEra + yearOfEra/4 - yearOfEra/100)
	mp := (5*dayOfYear + 2) / 153 // month, March is 0
	year, month := era*400+yearOfEra, mp+3
	if month > 12 {
		year, month = year+1, month-12
	}
	out := [30]byte{4: '-', 7: '-', 10: 'T', 13: ':', 16: ':', 19: '.', 29: 'Z'}
	two := func(at int, v uint) { out[at], out[at+1] = byte('0'+v/10), byte('0'+v%10) }
	two(0, year/100)
	two(2, year%100)
	two(5, month)
	two(8, dayOfYear-(153*mp+2)/5+1)
	two(11, clock/3600)
	two(14, clock/60%60)
	two(17, clock%60)
	for i := 28; i >= 20; i-- {
		out[i] = byte('0' + ns%10)
		ns /= 10
	}
	return append(b, out[:]...)
}

// appendMillis writes a duration in milliseconds without trailing zeros.
func appendMillis(b []byte, d time.Duration) []byte {
	// Up to 15 digits the shortest text of the quotient is its exact decimal.
	if d < 0 || d >= 1e15 {
		return strconv.AppendFloat(b, float64(d)/1e6, 'f', -1, 64)
	}
	b = strconv.AppendUint(b, uint64(d/1e6), 10)
	rest := uint(d % 1e6)
	if rest == 0 {
		return b
	}
	var digits [7]byte
	digits[0] = '.'
	for i := 6; i > 0; i-- {
		digits[i] = byte('0' + rest%10)
		rest /= 10
	}
	n := len(digits)
	for digits[n-1] == '0' {
		n--
	}
	return append(b, digits[:n]...)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	if !a.Is4() {
		return a.AppendTo(b)
	}
	for i, c := range a.As4() {
		if i > 0 {
			b = append(b, '.')
		}
		if c >= 100 {
			b = append(b, '0'+c/100, '0'+c/10%10, '0'+c%10)
		} else if c >= 10 {
			b = append(b, '0'+c/10, '0'+c%10)
		} else {
			b = append(b, '0'+c)
		}
	}
	return b
}

func appendAddrPort(b []byte, a netip.AddrPort) []byte {
	if !a.Addr().Is4() {
		return a.AppendTo(b)
	}
	b = append(appendAddr(b, a.Addr()), ':')
	return strconv.AppendUint(b, uint64(a.Port()), 10)
}

// plainBytes returns how many bytes at the start of s need no escape and are
// ASCII, or a few less. Eight bytes are looked at at once.
func plainBytes(s string) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	i := 0
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote, slash, del := w^ones*'"', w^ones*'\\', w^ones*0x7f
		// A borrow may mark a byte above a real hit; that only ends the run early.
		if (w|(w-ones*0x20)|(quote-ones)|(slash-ones)|(del-ones))&tops != 0 {
			return i
		}
	}
	return i
}

// AppendString appends s as a JSON string. Bytes that are no UTF-8 become
// U+FFFD, as encoding/json has it; '<', '>' and '&' stay as they are.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := plainBytes(s); i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			i += plainBytes(s[i:])
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == '\u2028' || r == '\u2029' {
			b = append(b, s[start:i]...)
			if r == utf8.RuneError {
				b = append(b, "\ufffd"...)
			} else {
				b = append(b, '\\', 'u', '2', '0', '2', hexDigits[r&15])
			}
			i += n
			start = i
			continue
		}
		i += n
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
