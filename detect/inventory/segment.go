package inventory

import "strings"

// A kind is what a path segment looks like on its own.
type kind uint8

const (
	word   kind = iota // letters, or anything that a developer may have written
	slug               // several words or words with digits: red-shoe-42
	mixed              // letters and digits of a code: A1B2C3
	strong             // an identifier for certain
)

// kindOf classifies a segment without context. The sensor's PathShape has
// classified strong identifiers already; this catches what a source without
// PathShape sends, and weighs what is left.
func kindOf(s string) kind {
	if s == "" {
		return word
	}
	if len(s) <= 24 && lowercase(s) {
		return word // most segments
	}
	if s[0] == '{' && s[len(s)-1] == '}' && len(s) > 2 {
		return strong // typed by the sensor
	}
	if strings.HasPrefix(s, "nm-") || strings.HasPrefix(s, "tok-") {
		return strong // a name or secret that redaction replaced
	}
	var digits, letters, dashes, hexes, other int
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			digits++
			hexes++
		case 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F':
			letters++
			hexes++
		case 'g' <= c && c <= 'z' || 'G' <= c && c <= 'Z':
			letters++
		case c == '-' || c == '_':
			dashes++
		default:
			other++
		}
	}
	n := len(s)
	switch {
	case digits == n:
		return strong
	case version(s):
		return word
	case n == 36 && dashes == 4 && hexes == 32 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-':
		return strong // UUID
	case hexes == n && digits > 0 && (n == 24 || n == 32 || n == 40 || n == 64):
		return strong
	case n == 26 && digits > 0 && letters+digits == n && ulid(s):
		return strong
	case n == 10 && digits == 8 && s[4] == '-' && s[7] == '-':
		return strong // date
	case strings.IndexByte(s, '@') > 0 || strings.Contains(s, "%40"):
		return strong // an address
	case s[0] == '-' && digits == n-1:
		return strong
	case prefixed(s):
		return strong
	case n >= 16 && digits >= 3 && letters >= 6 && other == 0 && dashes <= 2 && capitals(s):
		return strong // opaque
	case n >= 5 && digits >= 2 && letters > 0 && dashes <= 2 && other == 0 && !wordWithNumber(s):
		return mixed
	case dashes > 0 || other > 0 && strings.IndexByte(s, '%') >= 0 || n > 24:
		return slug
	}
	return word
}

func lowercase(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || s[i] > 'z' {
			return false
		}
	}
	return true
}

// version recognises v1, v2.1, V10: always a literal.
func version(s string) bool {
	if len(s) < 2 || len(s) > 8 || s[0]|0x20 != 'v' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && s[i] != '.' {
			return false
		}
	}
	return s[1] != '.'
}

func ulid(s string) bool {
	if s[0] < '0' || s[0] > '7' {
		return false
	}
	for i := range len(s) {
		switch s[i] | 0x20 {
		case 'i', 'l', 'o', 'u':
			return false
		}
	}
	return true
}

// prefixed recognises cus_9s6XKzkNRiz8i3: a short prefix, an underscore, and a
// code with digits.
func prefixed(s string) bool {
	i := strings.IndexByte(s, '_')
	if i < 2 || i > 6 || len(s)-i-1 < 8 {
		return false
	}
	digits := 0
	for j := i + 1; j < len(s); j++ {
		c := s[j]
		if '0' <= c && c <= '9' {
			digits++
		} else if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return digits > 0
}

func capitals(s string) bool {
	upper, lower := 0, 0
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			upper++
		} else if 'a' <= s[i] && s[i] <= 'z' {
			lower++
		}
	}
	return upper > 1 && lower > 1
}

// wordWithNumber recognises oauth2, base64, sha256, report2024: letters, then
// digits, nothing else.
func wordWithNumber(s string) bool {
	i := 0
	for i < len(s) && 'a' <= s[i] && s[i] <= 'z' {
		i++
	}
	if i < 3 {
		return false
	}
	for ; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// cutFormat splits a format suffix off the last segment: 17.json is an
// identifier in a format.
func cutFormat(s string) (stem, format string) {
	for _, f := range [...]string{".json", ".xml"} {
		if len(s) > len(f) && strings.HasSuffix(s, f) {
			return s[:len(s)-len(f)], f
		}
	}
	return s, ""
}

var assetSuffixes = map[string]bool{
	"js": true, "mjs": true, "css": true, "map": true, "png": true, "jpg": true, "jpeg": true, "gif": true, "svg": true,
	"ico": true, "webp": true, "avif": true, "bmp": true, "woff": true, "woff2": true, "ttf": true, "eot": true, "otf": true,
	"mp4": true, "webm": true, "mp3": true, "ogg": true, "wasm": true, "webmanifest": true,
}

// asset reports whether a path is a file that pages load, or one that browsers
// and crawlers ask every host for. They are no endpoints of an API.
func asset(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	if i := strings.LastIndexByte(last, '.'); i >= 0 && len(last)-i <= 12 {
		if assetSuffixes[last[i+1:]] || assetSuffixes[strings.ToLower(last[i+1:])] {
			return true
		}
	}
	return last == "robots.txt" || last == "sitemap.xml" || last == "crossdomain.xml" || last == "ads.txt" ||
		strings.HasPrefix(path, "/.well-known/acme-challenge")
}

// maxLiteral bytes of a segment that can be a literal of a template.
const maxLiteral = 256

// plausible reports whether a developer may have written the segment into a
// route. Quotes, angle brackets, control characters and their encodings are
// values or attacks; OData has quotes, but inside parentheses.
func plausible(s string) bool {
	if len(s) > maxLiteral {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c == '%' && i+2 < len(s) {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
		}
		switch {
		case c <= ' ' || c == 0x7f:
			return false
		case strings.IndexByte("\"<>|\\^`", c) >= 0:
			return false
		case c == '\'' && strings.IndexByte(s, '(') <= 0:
			return false
		}
	}
	return true
}

// unhex returns the value of a hex digit, 15 for anything else.
func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return (c | 0x20) - 'a' + 10
	}
	return 15
}
