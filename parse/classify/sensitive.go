package classify

import (
	"bytes"
	"math/bits"
)

// A Sensitive is a set of classes of sensitive data.
type Sensitive uint32

const (
	SeesAWSKey Sensitive = 1 << iota
	SeesCloudKey
	SeesBirth
	SeesEmail
	SeesGeo
	SeesIBAN
	SeesJWT
	SeesPAN
	SeesPassword
	SeesPasswordHash
	SeesPhone
	SeesPrivateIP
	SeesPrivateKey
	SeesSSN
	SeesStackTrace
	sensitiveCount = iota
)

// In alphabetical order, so that Names needs no sorting.
var sensitiveNames = [sensitiveCount]string{"aws_key", "cloud_key", "date_of_birth", "email", "geo", "iban", "jwt", "pan", "password",
	"password_hash", "phone", "private_ip", "private_key", "ssn", "stack_trace"}

// Names returns the names of the classes in s, sorted.
func (s Sensitive) Names() []string {
	if s == 0 {
		return nil
	}
	out := make([]string, 0, bits.OnesCount32(uint32(s)))
	for ; s != 0; s &= s - 1 {
		if i := bits.TrailingZeros32(uint32(s)); i < sensitiveCount {
			out = append(out, sensitiveNames[i])
		}
	}
	return out
}

// maxScannedText bounds what is looked at inside a longer text.
const maxScannedText = 1024

// SensitiveOf returns the classes of sensitive data that a string value shows,
// given what its name means. A first look at length and first bytes dismisses
// most values; the rest is decided by validators.
func SensitiveOf(v []byte, key Key) (s Sensitive) { return SensitiveBeside(v, key, 0) }

// SensitiveBeside is SensitiveOf for one value of many: what is in have need
// not be found again, and may be missing from the result.
func SensitiveBeside(v []byte, key Key, have Sensitive) (s Sensitive) {
	if len(v) < 4 {
		return 0
	}
	// Most values of a list end here: too short for anything but a number or an
	// address, of which one was seen already.
	if c := v[0]; len(v) < 15 && key&(KeyPassword|KeyBirth|KeySSN) == 0 {
		if c != '+' && (c < '0' || c > '9') {
			if have&SeesEmail != 0 {
				return 0
			}
		} else if len(v) < 7 && (have&SeesEmail != 0 || v[len(v)-1] <= '9') {
			return 0
		}
	}
	if key&(KeyPassword|KeyBirth|KeySSN) != 0 {
		s |= byName(v, key)
	}
	if len(v) > maxScannedText {
		v = v[:maxScannedText]
	}
	c := v[0]
	switch {
	case c >= '0' && c <= '9' || c == '+':
		s |= ofNumber(v, key)
	case c == 'e' && JWT(v):
		s |= SeesJWT
	case c == '-' && bytes.HasPrefix(v, []byte("-----BEGIN ")):
		if bytes.Contains(v[:min(len(v), 64)], []byte("PRIVATE KEY")) {
			s |= SeesPrivateKey
		}
	case c == '$' || c == '{':
		if passwordHash(v) {
			s |= SeesPasswordHash
		}
	case c == 'A' && awsKey(v):
		s |= SeesAWSKey
	case c >= 'A' && c <= 'Z' && len(v) >= 15 && len(v) <= 42 && v[2] >= '0' && v[2] <= '9' && IBAN(v):
		s |= SeesIBAN
	}
	if len(v) >= 16 && s == 0 && secretPrefix(v) {
		s |= SeesCloudKey
	}
	if len(v) <= 254 {
		if have&SeesEmail != 0 {
			return s
		}
		if i := bytes.IndexByte(v, '@'); i > 0 && emailIn(v, i) {
			s |= SeesEmail
		}
	} else if stackTrace(v) {
		s |= SeesStackTrace
	}
	return s
}

func byName(v []byte, key Key) (s Sensitive) {
	if key&KeyPassword != 0 && !masked(v) {
		s |= SeesPassword
	}
	if key&KeyBirth != 0 && len(v) <= 32 && count(v[:min(len(v), 32)]).digit >= 4 {
		s |= SeesBirth
	}
	if key&KeySSN != 0 && len(v) <= 32 {
		if n := count(v); n.digit >= 6 {
			s |= SeesSSN
		}
	}
	return s
}

// masked: a value such as "********" or "[redacted]" that shows nothing.
func masked(v []byte) bool {
	for _, c := range v {
		if c != v[0] {
			return v[0] == '[' || v[0] == '<' || bytes.EqualFold(v, []byte("null")) || bytes.EqualFold(v, []byte("true")) || bytes.EqualFold(v, []byte("false"))
		}
	}
	return true
}

func ofNumber(v []byte, key Key) (s Sensitive) {
	if len(v) > 32 {
		return 0
	}
	var digits [32]byte
	n, dashes, blanks := 0, 0, 0
	for _, c := range v {
		switch {
		case c >= '0' && c <= '9':
			digits[n] = c
			n++
		case c == '-':
			dashes++
		case c == ' ':
			blanks++
		case c == '+' || c == '(' || c == ')':
		case c == '.' && privateIP(v):
			return SeesPrivateIP
		default:
			return 0
		}
	}
	if v[0] == '+' {
		if phone(v) {
			return SeesPhone
		}
		return 0
	}
	// A number under an identifier's name that passes Luhn by chance is one in
	// ten: it counts only when written or named as a card.
	if n >= 13 && n <= 19 && (key&KeyID == 0 || key&KeyCard != 0) && Card(digits[:n]) {
		s |= SeesPAN
	}
	if n == 9 && len(v) == 11 && v[3] == v[6] && (dashes == 2 || blanks == 2) && ssn(digits[:9]) {
		s |= SeesSSN
	}
	if key&KeyPerson != 0 && n >= 7 && n <= 15 && s == 0 && key&KeyID == 0 {
		s |= SeesPhone
	}
	return s
}

// ssn checks area, group and serial number of the United States' SSN.
func ssn(d []byte) bool {
	area := string(d[:3])
	return area != "000" && area != "666" && d[0] != '9' && string(d[3:5]) != "00" && string(d[5:]) != "0000"
}

func privateIP(v []byte) bool {
	if !bytes.HasPrefix(v, []byte("10.")) && !bytes.HasPrefix(v, []byte("192.168.")) && !bytes.HasPrefix(v, []byte("172.")) && !bytes.HasPrefix(v, []byte("169.254.")) {
		return false
	}
	if !ipv4(v) {
		return false
	}
	if bytes.HasPrefix(v, []byte("172.")) {
		return len(v) > 6 && v[6] == '.' && (v[4] == '1' && v[5] >= '6' || v[4] == '2' || v[4] == '3' && v[5] <= '1')
	}
	return true
}

// Card reports whether 13 to 19 digits are a payment card's number: a range of
// an issuer (ISO/IEC 7812) and the Luhn check digit.
func Card(d []byte) bool {
	if len(d) < 13 || len(d) > 19 || !issuer(d) {
		return false
	}
	sum, same := 0, true
	for i, c := range d {
		if c < '0' || c > '9' {
			return false
		}
		same = same && c == d[len(d)-1]
		n := int(c - '0')
		if (len(d)-i)%2 == 0 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0 && !same
}

func issuer(d []byte) bool {
	four := int(d[0]-'0')*1000 + int(d[1]-'0')*100 + int(d[2]-'0')*10 + int(d[3]-'0')
	switch n := len(d); {
	case d[0] == '4':
		return n == 13 || n == 16 || n == 19
	case four/100 >= 51 && four/100 <= 55, four >= 2221 && four <= 2720:
		return n == 16
	case four/100 == 34 || four/100 == 37:
		return n == 15
	case four/100 == 36 || four/100 == 38 || four/10 >= 300 && four/10 <= 305:
		return n == 14
	case four == 6011 || four/10 >= 644 && four/10 <= 649 || four/100 == 65, four/100 == 62, four >= 3528 && four <= 3589:
		return n >= 16
	}
	return false
}

// ibanLengths holds the length of each country's IBAN (ISO 13616 registry).
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22,
	"CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22,
	"GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30,
	"KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31,
	"MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24,
	"SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}

// IBAN checks length by country and the remainder modulo 97 (ISO 13616);
// blanks are allowed.
func IBAN(v []byte) bool {
	var b [34]byte
	n := 0
	for _, c := range v {
		if c == ' ' {
			continue
		}
		if n == len(b) || !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
			return false
		}
		b[n] = c
		n++
	}
	if n < 15 || ibanLengths[string(b[:2])] != n {
		return false
	}
	rest := 0
	for i := range n {
		c := b[(i+4)%n]
		if c >= 'A' {
			rest = (rest*100 + int(c-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(c-'0')) % 97
		}
	}
	return rest == 1
}

func awsKey(v []byte) bool {
	if len(v) != 20 || v[1] != 'K' && v[1] != 'S' && v[1] != 'R' || v[2] != 'I' && v[2] != 'O' || v[3] != 'A' {
		return false
	}
	for _, c := range v {
		if !(c >= '0' && c <= '9' || c >= 'A' && c <= 'Z') {
			return false
		}
	}
	return true
}

// secretPrefixes are published by their issuers so that scanners find leaks.
var secretPrefixes = [...]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "xoxs-", "xapp-",
	"sk_live_", "sk_test_", "rk_live_", "rk_test_", "pk_live_", "whsec_", "sk-", "AIza", "ya29.", "npm_", "pypi-", "dop_v1_", "SG.", "shpat_", "hvs.", "lin_api_"}

func secretPrefix(v []byte) bool {
	if len(v) < 16 {
		return false
	}
	// The first two letters dismiss nearly all text.
	switch uint16(v[0])<<8 | uint16(v[1]) {
	case 'A'<<8 | 'K', 'A'<<8 | 'S', 'A'<<8 | 'R':
		return awsKey(v)
	case 'g'<<8 | 'h', 'g'<<8 | 'i', 'g'<<8 | 'l', 'x'<<8 | 'o', 'x'<<8 | 'a', 's'<<8 | 'k', 'r'<<8 | 'k', 'p'<<8 | 'k', 'w'<<8 | 'h',
		'A'<<8 | 'I', 'y'<<8 | 'a', 'n'<<8 | 'p', 'p'<<8 | 'y', 'd'<<8 | 'o', 'S'<<8 | 'G', 's'<<8 | 'h', 'h'<<8 | 'v', 'l'<<8 | 'i':
	default:
		return false
	}
	for _, p := range secretPrefixes {
		if v[0] == p[0] && len(v) >= len(p)+12 && string(v[:len(p)]) == p {
			n := count(v[len(p):])
			return n.other == 0 && n.digit > 0 && n.turns >= 4
		}
	}
	return false
}

func passwordHash(v []byte) bool {
	for _, p := range [...]string{"$2a$", "$2b$", "$2y$", "$argon2", "$scrypt$", "$s0$", "$5$", "$6$", "$1$", "$apr1$", "$pbkdf2", "{SSHA}", "{SHA}", "{bcrypt}", "$y$", "$P$"} {
		if len(v) >= 24 && len(v) > len(p) && string(v[:len(p)]) == p {
			return true
		}
	}
	return false
}

// emailIn tells whether the text around the @ at i is an address.
func emailIn(v []byte, i int) bool {
	local := func(c byte) bool {
		return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == '+' || c == '%' || c == '\''
	}
	from, to := i, i+1
	for from > 0 && local(v[from-1]) {
		from--
	}
	for to < len(v) && (local(v[to]) || v[to] >= 0x80) {
		to++
	}
	for to > i+1 && v[to-1] == '.' {
		to--
	}
	return email(v[from:to])
}

var traceMarks = [...][]byte{[]byte("Traceback (most recent"), []byte("\\n\\tat "), []byte("\n\tat "), []byte("\\n    at "), []byte("\n    at "), []byte("goroutine "), []byte("Stack trace:")}

func stackTrace(v []byte) bool {
	for _, m := range traceMarks {
		if bytes.Contains(v, m) {
			return true
		}
	}
	return false
}
