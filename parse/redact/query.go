package redact

import (
	"bytes"
	"unicode/utf8"

	"lapwing/parse/body"
	"lapwing/parse/classify"
)

// Query rewrites a query without its "?". visit is called for each identifier,
// and for each value under a credential's name (Key has classify.KeyToken) with
// the decoded value. The result is valid until the next call of the Redactor.
// all is false if parameters beyond the bound were cut off.
func (r *Redactor) Query(q []byte, visit func(ID)) (clean []byte, all bool) {
	r.decoded = r.decoded[:0]
	r.clean, all = r.query(r.clean[:0], q, visit, 0)
	return r.clean, all
}

func (r *Redactor) query(dst, q []byte, visit func(ID), nesting int) ([]byte, bool) {
	start := len(dst)
	all := body.Pairs(q, func(rawName, rawValue []byte) bool {
		if len(dst) > start {
			dst = append(dst, '&')
		}
		name, value := r.decode(rawName, true), r.decode(rawValue, true)
		key := r.keys.Of(name)
		form := classify.Of(value)
		if key == 0 && len(name) >= 6 {
			if what := judge(name, 0, classify.Of(name)); what != keep { // ?eyJhbGci…, ?ava@example.com
				dst = r.apply(dst, name, what)
			} else {
				dst = appendRaw(dst, rawName)
			}
		} else {
			dst = appendRaw(dst, rawName)
		}
		if rawValue == nil {
			return true
		}
		dst = append(dst, '=')
		if visit != nil {
			r.report(name, value, key, form, visit)
		}
		dst = r.value(dst, rawValue, value, key, form, visit, nesting)
		return true
	})
	return dst, all
}

// report tells the visitor about a value that identifies something, or is a
// credential.
func (r *Redactor) report(name, value []byte, key classify.Key, form classify.Form, visit func(ID)) {
	if key&(classify.KeyID|classify.KeyToken|classify.KeyAccount|classify.KeyPresented) == 0 {
		switch form {
		case classify.FormUUID, classify.FormULID, classify.FormObjectID, classify.FormHex, classify.FormPrefixed, classify.FormEmail, classify.FormPhone, classify.FormJWT, classify.FormSecret:
		default:
			return
		}
	}
	visit(ID{Name: name, Form: form, Key: key, Value: value})
}

func (r *Redactor) value(dst, raw, value []byte, key classify.Key, form classify.Form, visit func(ID), nesting int) []byte {
	if what := judge(value, key, form); what != keep {
		return r.apply(dst, value, what)
	}
	if form != classify.FormNone {
		return appendRaw(dst, raw)
	}
	if len(value) > 0 && (value[0] == '{' || value[0] == '[') && r.embedded(value) {
		return r.apply(dst, value, hash)
	}
	if !r.assigns(value, 0) && !(bytes.Contains(value, []byte("://")) && bytes.IndexByte(value, '@') > 0) {
		return appendRaw(dst, raw)
	}
	if nesting == maxNesting {
		return r.apply(dst, value, hash)
	}
	// A URL or a query as a value: rewritten inside, and encoded again only if
	// that changed it.
	from := len(dst)
	inner := value
	if i := bytes.IndexAny(value, "?#"); i >= 0 {
		dst = append(dst, hideUser(value[:i])...)
		dst = append(dst, value[i])
		inner = value[i+1:]
	} else if bytes.Contains(value, []byte("://")) {
		dst = append(dst, hideUser(value)...)
		inner = nil
	}
	dst, _ = r.query(dst, inner, nil, nesting+1)
	if bytes.Equal(dst[from:], value) {
		return appendRaw(dst[:from], raw)
	}
	again := append(r.name[:0], dst[from:]...)
	r.name = again[:0]
	dst = dst[:from]
	for _, c := range again {
		if c <= ' ' || c >= 0x7f || c == '&' || c == '#' || c == '%' || c == '+' {
			dst = append(dst, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

const (
	// maxAssignments bounds the name=value pieces looked at inside one value;
	// a value with more is treated as if one of them were secret.
	maxAssignments = 64
	// maxAssigned bounds what is looked at behind one "=".
	maxAssigned = 256
)

// assigns reports whether a value holds name=value pieces, as URLs and queries
// do, of which one must not travel. Everything else stays as it was sent, which
// is what shows an attack.
func (r *Redactor) assigns(v []byte, depth int) bool {
	rest := v
	for n := 0; ; n++ {
		i := bytes.IndexByte(rest, '=')
		if i < 0 {
			break
		}
		if n == maxAssignments {
			return true
		}
		from := i
		for from > 0 && i-from < 64 && nameByte(rest[from-1]) {
			from--
		}
		name := rest[from:i]
		rest = rest[i+1:]
		val := rest[:min(len(rest), maxAssigned)]
		if end := bytes.IndexByte(val, '&'); end >= 0 {
			val = val[:end]
		}
		start := len(r.decoded)
		plain := r.decode(val, true)
		secret := judge(plain, r.keys.Of(name), classify.Of(plain)) != keep
		r.decoded = r.decoded[:start]
		if secret {
			return true
		}
	}
	if depth > maxNesting || !bytes.Contains(v, []byte("%3")) { // an encoded "="
		return false
	}
	start := len(r.decoded)
	found := r.assigns(r.decode(v, true), depth+1)
	r.decoded = r.decoded[:start]
	return found
}

func nameByte(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.' || c == '[' || c == ']' || c >= 0x80
}

// hideUser hides what stands before the @ of a URL's authority: a password
// always, a user unless it is a plain word or an address, which may be a trick
// to be seen.
func hideUser(u []byte) []byte {
	i := bytes.Index(u, []byte("//"))
	if i < 0 {
		return u
	}
	end := bytes.IndexByte(u[i+2:], '/')
	if end < 0 {
		end = len(u) - i - 2
	}
	at := bytes.LastIndexByte(u[i+2:i+2+end], '@')
	if at < 0 {
		return u
	}
	user, _, password := bytes.Cut(u[i+2:i+2+at], []byte(":"))
	out := append(make([]byte, 0, len(u)+8), u[:i+2]...)
	switch classify.Of(user) {
	case classify.FormWord, classify.FormIP, classify.FormSlug:
		out = append(out, user...)
	default:
		out = append(out, Hidden...)
	}
	if password {
		out = append(append(out, ':'), Hidden...)
	}
	return append(out, u[i+2+at:]...)
}

// dropUser removes user:password@ from a URL.
func dropUser(u []byte) []byte {
	i := bytes.Index(u, []byte("//"))
	if i < 0 {
		return u
	}
	end := bytes.IndexByte(u[i+2:], '/')
	if end < 0 {
		end = len(u) - i - 2
	}
	at := bytes.LastIndexByte(u[i+2:i+2+end], '@')
	if at < 0 {
		return u
	}
	return append(append(make([]byte, 0, len(u)), u[:i+2]...), u[i+2+at+1:]...)
}

// appendRaw appends bytes as they were sent; those that are no UTF-8 as %XX, so
// that the text stays distinguishable when it is written as JSON.
func appendRaw(dst, raw []byte) []byte {
	if utf8.Valid(raw) {
		return append(dst, raw...)
	}
	for len(raw) > 0 {
		c, n := utf8.DecodeRune(raw)
		if c == utf8.RuneError && n == 1 {
			dst = append(dst, '%', "0123456789ABCDEF"[raw[0]>>4], "0123456789ABCDEF"[raw[0]&15])
		} else {
			dst = append(dst, raw[:n]...)
		}
		raw = raw[n:]
	}
	return dst
}
