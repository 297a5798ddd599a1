package exchange

import (
	"bytes"
	"slices"
	"strings"

	"lapwing/event"
	"lapwing/parse/body"
	"lapwing/parse/classify"
)

const (
	// maxOutcomeBytes is what event.BodyShape.Outcome holds.
	maxOutcomeBytes = 64
	// maxOutcomeValue bounds one literal value.
	maxOutcomeValue = 24
	// maxOutcomes bounds the fields that take part.
	maxOutcomes = 8
)

// outcome joins the short literal values of the fields that say how an
// operation went, sorted: "code=E17,success=false". A sentence takes part as a
// hash of its words, so that two answers differ without being told.
func (b *Builder) outcome(d *body.Doc) string {
	b.outcomes = b.outcomes[:0]
	for i := range d.Leaves {
		l := &d.Leaves[i]
		if l.Key&classify.KeyOutcome == 0 || len(b.outcomes) == maxOutcomes {
			continue
		}
		// Deeper than the second level only the list of errors counts.
		if (l.Depth > 2 || l.Elem) && (l.Depth > 3 || !strings.HasPrefix(l.Path, "error")) {
			continue
		}
		b.outcomes = b.appendOutcome(b.outcomes, l)
	}
	if d.Title != nil {
		b.outcomes = append(b.outcomes, b.arena.intern(b.sentence([]byte("title="), d.Title)))
	}
	if len(b.outcomes) == 0 {
		return ""
	}
	slices.Sort(b.outcomes)
	out := b.scratch[:0]
	for _, o := range slices.Compact(b.outcomes) {
		if len(out)+len(o)+1 > maxOutcomeBytes {
			continue
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		out = append(out, o...)
	}
	b.scratch = out
	return b.arena.intern(out)
}

func (b *Builder) appendOutcome(list []string, l *body.Leaf) []string {
	if len(l.Path) > maxOutcomeValue || len(l.Value) == 0 || l.Kind > body.Bool {
		return list
	}
	b.name = append(append(b.name[:0], l.Path...), '=')
	if l.Kind == body.String && !literal(l.Value) {
		b.name = b.sentence(b.name, l.Value)
	} else {
		b.name = append(b.name, l.Value...)
	}
	return append(list, b.arena.intern(b.name))
}

// literal: a value that a program chose, not a person: short, without blanks,
// no address and no credential.
func literal(v []byte) bool {
	if len(v) > maxOutcomeValue {
		return false
	}
	for _, c := range v {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.') {
			return false
		}
	}
	switch classify.Of(v) {
	case classify.FormWord, classify.FormSlug:
		return true
	case classify.FormInt, classify.FormMixed:
		return len(v) <= 8
	}
	return false
}

// sentence appends "~" and 8 hex digits of the keyed hash of a text's words.
// Words with digits or an @, which name things and people, are left out.
func (b *Builder) sentence(dst, text []byte) []byte {
	text = text[:min(len(text), 256)]
	words := b.scratch[:0]
	for len(text) > 0 {
		var word []byte
		if i := bytes.IndexByte(text, ' '); i >= 0 {
			word, text = text[:i], text[i+1:]
		} else {
			word, text = text, nil
		}
		if bytes.ContainsAny(word, "0123456789@'\"`") {
			continue
		}
		words = append(append(words, word...), ' ')
	}
	b.scratch = words
	h := b.keys.Hash(words)
	dst = append(dst, '~')
	for i := 60; i >= 32; i -= 4 {
		dst = append(dst, "0123456789abcdef"[h>>i&15])
	}
	return dst
}

// setCookie looks at one Set-Cookie value (RFC 6265 §4.1): whether it hands out
// a session.
func (b *Builder) setCookie(c *event.Call, v []byte, rank func(name, value []byte) int) {
	pair, attributes := v, []byte(nil)
	if i := bytes.IndexByte(v, ';'); i >= 0 {
		pair, attributes = v[:i], v[i:]
	}
	name, value, ok := bytes.Cut(bytes.TrimSpace(pair), []byte("="))
	value = bytes.Trim(value, `"`)
	if !ok || rank(name, value) == 0 || !minted(value) || bytes.EqualFold(value, []byte("deleted")) {
		return
	}
	if age := body.Param(attributes, "Max-Age"); len(age) > 0 && (age[0] == '-' || age[0] == '0') {
		return
	}
	if expires := body.Param(attributes, "Expires"); bytes.Contains(expires, []byte("1970")) || bytes.Contains(expires, []byte("1969")) || bytes.Contains(expires, []byte("-70 ")) {
		return
	}
	b.mint(c, event.InCookie, b.keyName(name), value)
}
