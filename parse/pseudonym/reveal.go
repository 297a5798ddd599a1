package pseudonym

import (
	"encoding/base64"
	"strings"

	"lapwing/event"
)

// maxEncodedName is the base64 length of the longest ciphertext: a 16-byte
// synthetic vector before at most maxNameBytes.
const maxEncodedName = (16+maxNameBytes)*4/3 + 2

// maxTrims bounds how often a run of letters is shortened to find where a
// pseudonym ends: text may follow it after a dash or an underscore.
const maxTrims = 8

// Text says what the text around a pseudonym is, and so how the revealed name
// has to be written into it.
type Text int

const (
	Plain Text = iota // as it is
	JSON              // inside JSON strings: escaped
)

// Reveal replaces every pseudonym of a name in s by the name it hides. What
// only looks like one, or was made with another key, stays as it is.
func (k *Keyring) Reveal(s string, in Text) string {
	i := strings.Index(s, namePrefix)
	if i < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i >= 0 {
		out = append(out, s[:i]...)
		name, n := k.open(s[i+len(namePrefix):])
		if n == 0 {
			out = append(out, namePrefix...)
		} else if in == JSON {
			quoted := len(out)
			out = event.AppendString(out, name)
			out = append(out[:quoted], out[quoted+1:len(out)-1]...)
		} else {
			out = append(out, name...)
		}
		s = s[i+len(namePrefix)+n:]
		i = strings.Index(s, namePrefix)
	}
	return string(append(out, s...))
}

// open reads the pseudonym at the start of s, and says how long it is; 0 if
// there is none.
func (k *Keyring) open(s string) (name string, n int) {
	for n < len(s) && n <= maxEncodedName && isBase64URL(s[n]) {
		n++
	}
	for range maxTrims {
		if n < 22 { // 16 bytes of synthetic vector
			return "", 0
		}
		if ct, err := base64.RawURLEncoding.Strict().DecodeString(s[:n]); err == nil {
			if pt, err := k.siv.DecryptDeterministically(ct, nil); err == nil {
				return string(pt), n
			}
		}
		cut := strings.LastIndexAny(s[:n], "-_")
		if cut < 0 {
			return "", 0
		}
		n = cut
	}
	return "", 0
}

func isBase64URL(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}
