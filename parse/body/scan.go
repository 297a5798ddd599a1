package body

import (
	"encoding/binary"
	"math/bits"
)

// scanString returns the text from i to the closing quote, what comes after it,
// and whether there are escapes in between. Eight bytes are looked at at once.
func scanString(s []byte, i int) (text []byte, end int, escaped bool) {
	start := i
	for {
		for i+8 <= len(s) {
			w := binary.LittleEndian.Uint64(s[i:])
			if m := hasByte(w, '"') | hasByte(w, '\\'); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(s) && s[i] != '"' && s[i] != '\\' {
			i++
		}
		if i >= len(s) {
			return s[start:], len(s), escaped
		}
		if s[i] == '"' {
			return s[start:i], i + 1, escaped
		}
		escaped = true
		if i += 2; i > len(s) {
			i = len(s)
		}
	}
}

// hasByte sets the top bit of each byte of w that equals c; bytes above the
// first hit may be wrong, which does not matter to who asks for the first.
func hasByte(w uint64, c byte) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	x := w ^ ones*uint64(c)
	return (x - ones) &^ x & tops
}

// What a byte may be to a scalar: its end, a digit, or neither.
const (
	byteEnd = 1 + iota
	byteDigit
)

var scalarBytes = func() (t [256]uint8) {
	for c := range ' ' + 1 {
		t[c] = byteEnd
	}
	for _, c := range ",}]:\"{[" {
		t[c] = byteEnd
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = byteDigit
	}
	return t
}()

// scanScalar returns the text of a number or literal from i on, its end, and
// its kind: Object if it is neither.
func scanScalar(s []byte, i int) (text []byte, end int, k Kind) {
	start := i
	switch c := s[i]; {
	case scalarBytes[c] == byteDigit || c == '-':
		k = Int
		for i++; i < len(s) && scalarBytes[s[i]] == byteDigit; i++ {
		}
		if i < len(s) && scalarBytes[s[i]] != byteEnd {
			k = Number
		}
	case c == 't' || c == 'f':
		k = Bool
	case c == 'n':
		k = Null
	default:
		k = Object
	}
	for i < len(s) && scalarBytes[s[i]] != byteEnd {
		i++
	}
	return s[start:i], i, k
}

// skipValue passes over a scalar, or over the bracket that opens a value whose
// end skipTo finds.
func skipValue(s []byte, i int) (end, open int) {
	switch s[i] {
	case '{', '[':
		return i + 1, 1
	case '"':
		_, end, _ = scanString(s, i+1)
		return end, 0
	case '}', ']':
		return i, 0
	}
	if _, end, _ = scanScalar(s, i); end == i {
		end++
	}
	return end, 0
}

// skipTo passes over text inside skipped brackets until all are closed.
func skipTo(s []byte, i int, open *int) int {
	for i < len(s) && *open > 0 {
		switch s[i] {
		case '{', '[':
			*open++
		case '}', ']':
			*open--
		case '"':
			_, i, _ = scanString(s, i+1)
			continue
		}
		i++
	}
	return i
}
