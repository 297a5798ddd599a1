package accesslog

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescapeJSON appends v with JSON's escapes decoded (RFC 8259 §7), and with
// the \xHH that nginx writes into JSON when its format lacks escape=json.
func unescapeJSON(dst, v []byte) []byte {
	for i := 0; i < len(v); i++ {
		if v[i] != '\\' || i+1 == len(v) {
			dst = append(dst, v[i])
			continue
		}
		if v[i+1] != 'u' {
			n := 2
			if v[i+1] == 'x' && i+3 < len(v) {
				n = 4
			}
			dst = unescape(dst, v[i:i+n])
			i += n - 1
			continue
		}
		r, ok := unicode16(v[i:])
		if !ok {
			dst = append(dst, '\\')
			continue
		}
		i += 5
		if utf16.IsSurrogate(r) {
			if low, ok := unicode16(v[i+1:]); ok {
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					r = both
					i += 6
				}
			}
		}
		dst = utf8.AppendRune(dst, r)
	}
	return dst
}

// unicode16 reads \uXXXX at the start of v.
func unicode16(v []byte) (rune, bool) {
	if len(v) < 6 || v[0] != '\\' || v[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range v[2:6] {
		h := unhex(c)
		if h > 15 {
			return 0, false
		}
		r = r<<4 | rune(h)
	}
	return r, true
}
