package spec

import "strings"

// Canonical returns the form of a path that is compared: unreserved characters
// decoded once (RFC 3986 §2.3), dot segments resolved (§5.2.4), empty segments
// dropped, matrix parameters (";…") and one trailing slash removed. Double
// encoding is left as it is: undoing it would hide an evasion. A path that is
// canonical already is returned as it stands, without allocation.
func Canonical(path string) string {
	if isCanonical(path) {
		return path
	}
	path = decodeUnreserved(path)
	kept := make([]string, 0, 8)
	for part := range strings.SplitSeq(path, "/") {
		if i := strings.IndexByte(part, ';'); i >= 0 {
			part = part[:i]
		}
		switch part {
		case "", ".":
		case "..":
			if len(kept) > 0 {
				kept = kept[:len(kept)-1]
			}
		default:
			kept = append(kept, part)
		}
	}
	return "/" + strings.Join(kept, "/")
}

func isCanonical(p string) bool {
	if p == "/" {
		return true
	}
	if p == "" || p[0] != '/' || p[len(p)-1] == '/' {
		return false
	}
	for i := range len(p) {
		switch p[i] {
		case '%':
			if i+2 < len(p) && unreserved(unhex(p[i+1])<<4|unhex(p[i+2])) && isHex(p[i+1]) && isHex(p[i+2]) {
				return false
			}
		case ';':
			return false
		case '/':
			if i+1 < len(p) && (p[i+1] == '/' || p[i+1] == '.') {
				// "/." may begin a hidden file, which is left alone
				if p[i+1] == '/' || dotSegment(p[i+1:]) {
					return false
				}
			}
		}
	}
	return true
}

func dotSegment(p string) bool {
	if i := strings.IndexByte(p, '/'); i >= 0 {
		p = p[:i]
	}
	return p == "." || p == ".."
}

func decodeUnreserved(p string) string {
	if !strings.Contains(p, "%") {
		return p
	}
	b := make([]byte, 0, len(p))
	for i := 0; i < len(p); i++ {
		if p[i] == '%' && i+2 < len(p) && isHex(p[i+1]) && isHex(p[i+2]) {
			if c := unhex(p[i+1])<<4 | unhex(p[i+2]); unreserved(c) {
				b = append(b, c)
				i += 2
				continue
			}
		}
		b = append(b, p[i])
	}
	return string(b)
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0
}
