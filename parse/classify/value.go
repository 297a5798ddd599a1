package classify

import (
	"math"

	"lapwing/event"
)

// A Form is what a value looks like. Unlike event.Class it also tells apart
// what is no identifier.
type Form uint8

const (
	FormNone     Form = iota // empty, or nothing of the below
	FormWord                 // letters only
	FormSlug                 // words with separators, a version, a file name
	FormInt                  // an integer that fits 64 bits
	FormDecimal              // 12.50
	FormDate                 // 2026-11-21, with or without a time
	FormUUID                 // RFC 9562
	FormULID                 // 26 characters of Crockford's base 32
	FormObjectID             // 24 hex digits
	FormHex                  // 32, 40 or 64 hex digits
	FormPrefixed             // cus_9s6XKzkNRiz8i3
	FormOpaque               // long, high entropy
	FormMixed                // letters and digits: A1B2C3, ORD-12345
	FormJWT                  // three base64url parts, the first an object
	FormSecret               // a credential by its prefix: ghp_…, AKIA…
	FormEmail                // an address with a domain
	FormPhone                // E.164: + and 8 to 15 digits
	FormIP                   // IPv4 in dotted form, or IPv6
	FormCard                 // a payment card's number: issuer range and Luhn digit
)

var forms = [...]struct {
	class event.Class
	typed string
}{
	FormInt: {event.ClassInt, "{int}"}, FormUUID: {event.ClassUUID, "{uuid}"}, FormULID: {event.ClassULID, "{ulid}"},
	FormObjectID: {event.ClassObjectID, "{objectid}"}, FormHex: {event.ClassHex, "{hex}"}, FormPrefixed: {event.ClassPrefixed, "{prefixed}"},
	FormOpaque: {event.ClassOpaque, "{opaque}"}, FormMixed: {event.ClassMixed, ""}, FormJWT: {event.ClassOpaque, "{secret}"},
	FormSecret: {event.ClassOpaque, "{secret}"}, FormCard: {event.ClassOpaque, "{secret}"}, FormEmail: {event.ClassName, "{name}"},
	FormPhone: {event.ClassName, "{name}"}, FormSlug: {event.ClassSlug, ""}, FormDecimal: {event.ClassNone, "{decimal}"},
	FormDate: {event.ClassNone, "{date}"}, FormIP: {event.ClassNone, "{ip}"}, FormWord: {event.ClassSlug, ""},
}

// Class returns the identifier class of a form; ClassNone for dates and the
// like. Words are ClassSlug: whether they identify anything, their place says.
func (f Form) Class() event.Class { return forms[f].class }

// Typed returns how a path segment of this form is written in a PathShape, ""
// if it stays literal.
func (f Form) Typed() string { return forms[f].typed }

// Secret reports whether a value of this form is a credential by itself.
func (f Form) Secret() bool { return f == FormJWT || f == FormSecret || f == FormCard }

// Person reports whether a value of this form names a person.
func (f Form) Person() bool { return f == FormEmail || f == FormPhone }

// maxValueBytes bounds what is classified; a longer value can only be opaque.
const maxValueBytes = 4096

// Of returns the form of a value.
func Of(v []byte) Form {
	if len(v) == 0 || len(v) > maxValueBytes {
		return FormNone
	}
	if c := v[0]; c >= '0' && c <= '9' && len(v) < 13 { // the usual number, without counting kinds
		i := 1
		for i < len(v) && v[i] >= '0' && v[i] <= '9' {
			i++
		}
		if i == len(v) {
			return FormInt
		}
	}
	n := count(v)
	letters := n.lower + n.upper
	switch {
	case n.digit == len(v):
		return ofDigits(v)
	case letters == len(v):
		if opaque(v, &n) {
			return FormOpaque
		}
		return FormWord
	case n.at == 1 && email(v):
		return FormEmail
	case v[0] == '+':
		if n.digit == len(v)-1 && n.digit >= 8 && n.digit <= 15 && v[1] != '0' {
			return FormPhone
		}
		if phone(v) {
			return FormPhone
		}
	case len(v) == 36 && n.dash == 4 && n.hex == 32 && uuid(v):
		return FormUUID
	case n.dot == 2 && jwt(v):
		return FormJWT
	case v[0] == '-' && len(v) > 1 && n.digit == len(v)-1:
		if n.digit <= 18 {
			return FormInt
		}
		return FormNone
	}
	if n.hex == len(v) {
		switch len(v) {
		case 24:
			return FormObjectID
		case 32, 40, 64:
			return FormHex
		}
	}
	if f := secretPrefix(v); f {
		return FormSecret
	}
	if date(v) {
		return FormDate
	}
	if n.dot > 0 && n.digit+n.dot == len(v) {
		if n.dot == 1 && v[0] != '.' && v[len(v)-1] != '.' {
			return FormDecimal
		}
		if n.dot == 3 && ipv4(v) {
			return FormIP
		}
		return FormSlug
	}
	if n.colon >= 2 && n.hex+n.colon+n.dot == len(v) && ipv6(v) {
		return FormIP
	}
	if n.other > 0 || n.at > 0 || n.colon > 0 {
		if base64ish(v, &n) && opaque(v, &n) {
			return FormOpaque
		}
		return FormNone
	}
	if len(v) == 26 && letters+n.digit == 26 && ulid(v) {
		return FormULID
	}
	if n.under > 0 && n.dot == 0 && prefixed(v) {
		return FormPrefixed
	}
	if n.dot <= 2 && opaque(v, &n) {
		return FormOpaque
	}
	if len(v) >= 6 && n.digit >= 2 && letters >= 1 && n.words <= 1 && n.dot == 0 && !version(v) {
		return FormMixed
	}
	return FormSlug
}

func ofDigits(v []byte) Form {
	if len(v) == 8 && date(v) {
		return FormInt // 20261121 may as well be a number
	}
	if (len(v) == 15 || len(v) == 16) && Card(v) {
		return FormCard
	}
	if _, ok := Int(v); ok {
		return FormInt
	}
	if len(v) <= 64 {
		return FormOpaque
	}
	return FormNone
}

// Int reads a decimal integer that fits 64 bits; leading zeros do not count.
func Int(v []byte) (int64, bool) {
	negative := len(v) > 1 && v[0] == '-'
	if negative {
		v = v[1:]
	}
	if len(v) == 0 || len(v) > 32 {
		return 0, false
	}
	n := uint64(0)
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, false
		}
		if n > math.MaxInt64/10 { // else the product could wrap
			return 0, false
		}
		if n = n*10 + uint64(c-'0'); n > math.MaxInt64 {
			return 0, false
		}
	}
	if negative {
		return -int64(n), true
	}
	return int64(n), true
}
