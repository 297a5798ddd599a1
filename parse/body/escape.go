package body

import (
	"unicode/utf16"
	"unicode/utf8"
)

// unescape undoes JSON escapes (RFC 8259 §7) into a buffer of the Doc. A broken
// escape stays as it is, a lone surrogate becomes U+FFFD.
func (d *Doc) unescape(s []byte) []byte {
	start := len(d.text)
	for i := 0; i < len(s); {
		c := s[i]
		if c != '\\' || i+1 == len(s) {
			d.text = append(d.text, c)
			i++
			continue
		}
		i += 2
		switch c = s[i-1]; c {
		case 'n':
			d.text = append(d.text, '\n')
		case 't':
			d.text = append(d.text, '\t')
		case 'r':
			d.text = append(d.text, '\r')
		case 'b':
			d.text = append(d.text, '\b')
		case 'f':
			d.text = append(d.text, '\f')
		case 'u':
			r := hex4(s[i:])
			if r < 0 {
				d.text = append(d.text, '\\', 'u')
				continue
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+1 < len(s) && s[i] == '\\' && s[i+1] == 'u' {
					low = hex4(s[i+2:])
				}
				if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
					r = both
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			d.text = utf8.AppendRune(d.text, r)
		default:
			d.text = append(d.text, c)
		}
	}
	// Cap the result: a later append must not write into what leaves point to.
	return d.text[start:len(d.text):len(d.text)]
}

func hex4(s []byte) rune {
	if len(s) < 4 {
		return -1
	}
	n := rune(0)
	for _, c := range s[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		n = n<<4 | rune(c)
	}
	return n
}
