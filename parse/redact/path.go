package redact

import (
	"bytes"

	"lapwing/parse/classify"
)

// Path rewrites a path without its query, and types it: in shape each segment
// that is a strong identifier stands as its class, /orders/{int}. Versions,
// words and slugs stay literal. visit is called for each segment that has an
// identifier's class other than slug; nil is allowed. Both results are valid
// until the next call of the Redactor.
func (r *Redactor) Path(path []byte, visit func(ID)) (clean, shape []byte) {
	r.decoded = r.decoded[:0]
	clean, shape = r.clean[:0], r.shape[:0]
	index, secret := 0, false
	for len(path) > 0 {
		if path[0] == '/' {
			clean, shape = append(clean, '/'), append(shape, '/')
			path = path[1:]
			continue
		}
		seg := path
		if i := bytes.IndexByte(path, '/'); i >= 0 {
			seg = path[:i]
		}
		path = path[len(seg):]
		index++
		if n, ok := shortInt(seg); ok { // most segments are plain numbers and known words
			clean, shape, secret = append(clean, seg...), append(shape, "{int}"...), false
			if visit != nil {
				visit(ID{Index: index, Form: classify.FormInt, Value: seg[:n]})
			}
			continue
		}
		l := r.literal(seg)
		if l.text == string(seg) {
			clean, shape, secret = append(clean, seg...), append(shape, seg...), l.secret
			continue
		}
		base, params := seg, []byte(nil)
		if i := bytes.IndexByte(seg, ';'); i >= 0 {
			base, params = seg[:i], seg[i:]
		}
		clean, shape, secret = r.segment(clean, shape, base, index, secret, visit)
		if len(params) > 0 {
			clean = r.params(clean, params, visit)
		}
	}
	r.clean, r.shape = clean, shape
	return clean, shape
}

func (r *Redactor) segment(clean, shape, raw []byte, index int, afterSecret bool, visit func(ID)) (_, _ []byte, secret bool) {
	v := r.decode(raw, false)
	form := classify.Of(v)
	switch form {
	case classify.FormWord:
		secret = secretFollows(v)
		if len(raw) == len(v) && len(v) <= maxLiteralBytes {
			*r.literal(raw) = literal{text: string(raw), secret: secret}
		}
		return appendRaw(clean, raw), appendRaw(shape, raw), secret
	case classify.FormDate, classify.FormSlug, classify.FormMixed:
		if classify.Version(v, index) {
			if len(raw) == len(v) && len(v) <= maxLiteralBytes && classify.Version(v, anySegment) {
				*r.literal(raw) = literal{text: string(raw)}
			}
			return appendRaw(clean, raw), appendRaw(shape, raw), false
		}
	case classify.FormNone:
		if inner, ok := keyed(v); ok { // OData: Orders(42)
			f := classify.Of(inner)
			if judge(inner, 0, f) == keep && f.Typed() != "" {
				shape = append(append(appendRaw(shape, v[:bytes.IndexByte(v, '(')+1]), f.Typed()...), ')')
				if visit != nil {
					visit(ID{Index: index, Form: f, Value: inner})
				}
				return appendRaw(clean, raw), shape, false
			}
		}
	}
	key := classify.Key(0)
	if afterSecret && form != classify.FormSlug && form != classify.FormInt && len(v) >= minHashedCode {
		key = classify.KeyToken
	}
	what := judge(v, key, form)
	if what == keep && form == classify.FormNone && bytes.IndexByte(v, '=') > 0 {
		// name=value as a segment
		from := len(clean)
		clean, _ = r.query(clean, raw, visit, 1)
		return clean, append(shape, clean[from:]...), false
	}
	base, suffix := v, []byte(nil)
	if form == classify.FormSlug {
		if base, suffix = cutSuffix(v); suffix != nil { // 42.json
			form = classify.Of(base)
			if form == classify.FormWord || form.Typed() == "" || judge(base, key, form) != keep {
				form, base, suffix = classify.FormSlug, v, nil
			}
		}
	}
	if visit != nil {
		if class := form.Class(); class != 0 && form != classify.FormSlug && form != classify.FormWord {
			visit(ID{Index: index, Form: form, Key: key, Value: base})
		}
	}
	secret = form == classify.FormSlug && secretFollows(v)
	if what != keep {
		clean = r.apply(clean, v, what)
		if what == encrypt {
			return clean, append(shape, "{name}"...), false
		}
		if form == classify.FormOpaque && key == 0 {
			return clean, append(shape, "{opaque}"...), false
		}
		return clean, append(shape, "{secret}"...), false
	}
	clean = appendRaw(clean, raw)
	if typed := form.Typed(); typed != "" {
		shape = append(append(shape, typed...), suffix...)
	} else {
		shape = appendRaw(shape, raw)
	}
	return clean, shape, secret
}

// anySegment is an index at which only what is a version anywhere counts as one.
const anySegment = 3

// maxLiteralBytes bounds the words remembered: 256 of them, 16 KiB in all.
const maxLiteralBytes = 32

// A literal is a path segment known to be a plain word or a version.
type literal struct {
	text   string
	secret bool // a credential may follow
}

// literal returns the place where a word would be remembered. Every place holds
// one word, the last that came; its result is the same with or without it.
func (r *Redactor) literal(seg []byte) *literal {
	if len(seg) == 0 {
		return &r.literals[0]
	}
	h := uint(len(seg))*31 + uint(seg[0])*7 + uint(seg[len(seg)-1])*13 + uint(seg[len(seg)/2])*3
	return &r.literals[h&255]
}

// shortInt reports whether seg is a number too short to be a card's.
func shortInt(seg []byte) (int, bool) {
	if len(seg) > 12 {
		return 0, false
	}
	for _, c := range seg {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	return len(seg), len(seg) > 0
}

// secretFollows tells the words behind which a link carries its credential:
// /password-reset/6f1c…
func secretFollows(v []byte) bool {
	for _, w := range [...]string{"reset", "token", "verify", "confirm", "activate", "invite", "invitation", "magic", "unsubscribe", "secret", "session", "otp", "passwordless"} {
		if len(v) >= len(w) && len(v) <= 32 && bytes.Contains(v, []byte(w)) {
			return true
		}
	}
	return false
}

// keyed returns what stands in the brackets at the end of Orders(42) or
// Users('ava').
func keyed(v []byte) ([]byte, bool) {
	i := bytes.IndexByte(v, '(')
	if i < 1 || v[len(v)-1] != ')' {
		return nil, false
	}
	return bytes.Trim(v[i+1:len(v)-1], "'"), true
}

// cutSuffix splits a format's ending of up to five letters off.
func cutSuffix(v []byte) (base, suffix []byte) {
	i := bytes.LastIndexByte(v, '.')
	if i < 1 || len(v)-i > 6 || len(v)-i < 3 {
		return v, nil
	}
	for _, c := range v[i+1:] {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return v, nil
		}
	}
	return v[:i], v[i:]
}

// params rewrites the ;name=value parameters behind a segment; sessions are the
// usual ones, and a hash of any long value joins as well as the value.
func (r *Redactor) params(dst, s []byte, visit func(ID)) []byte {
	for len(s) > 0 {
		s = s[1:] // the semicolon
		p := s
		if i := bytes.IndexByte(s, ';'); i >= 0 {
			p = s[:i]
		}
		s = s[len(p):]
		dst = append(dst, ';')
		rawName, rawValue, has := bytes.Cut(p, []byte("="))
		dst = appendRaw(dst, rawName)
		if !has {
			continue
		}
		name, value := r.decode(rawName, false), r.decode(rawValue, false)
		key, form := r.keys.Of(name), classify.Of(value)
		if visit != nil {
			r.report(name, value, key, form, visit)
		}
		dst = append(dst, '=')
		if what := judge(value, key, form); what != keep {
			dst = r.apply(dst, value, what)
		} else {
			dst = appendRaw(dst, rawValue)
		}
	}
	return dst
}

// Reference rewrites the value of a Referer or Location: user information,
// query and fragment are dropped, the path is rewritten as Path does. host is
// the part before the path as it was sent, lower-case handling left to callers.
func (r *Redactor) Reference(u []byte, visit func(ID)) (origin, clean, shape []byte) {
	if i := bytes.IndexAny(u, "?#"); i >= 0 {
		u = u[:i]
	}
	i := bytes.Index(u, []byte("//"))
	if i < 0 || i > 8 && u[0] != '/' || i > 0 && u[i-1] != ':' {
		clean, shape = r.Path(u, visit)
		return nil, clean, shape
	}
	u = dropUser(u)
	origin, path := u, []byte(nil)
	if end := bytes.IndexByte(u[i+2:], '/'); end >= 0 {
		origin, path = u[:i+2+end], u[i+2+end:]
	}
	clean, shape = r.Path(path, visit)
	return origin, clean, shape
}
