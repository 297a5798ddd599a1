package sigma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	yaml "github.com/oasdiff/yaml3"
)

// A modified field is one with Sigma's modifiers.
type modified struct {
	target
	key     string
	how     string // "", contains, startswith, endswith, re, cidr, lt, lte, gt, gte, exists, fieldref
	all     bool
	cased   bool
	flags   string                // of re
	encode  []func(string) string // in order
	offsets bool                  // base64offset comes last
	dashes  bool
}

func (m *modified) modify(list []string) error {
	for _, name := range list {
		switch name {
		case "contains", "startswith", "endswith", "re", "cidr", "lt", "lte", "gt", "gte", "exists", "fieldref":
			m.how = name
		case "all":
			m.all = true
		case "cased":
			m.cased = true
		case "i", "m", "s":
			m.flags += name
		case "wide", "utf16le":
			m.encode = append(m.encode, func(s string) string { return wide(s, false) })
		case "utf16be":
			m.encode = append(m.encode, func(s string) string { return wide(s, true) })
		case "utf16":
			m.encode = append(m.encode, func(s string) string { return "\xff\xfe" + wide(s, false) })
		case "base64":
			m.encode = append(m.encode, func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) })
			m.cased = true
		case "base64offset":
			m.offsets, m.cased = true, true
		case "windash":
			m.dashes = true
		default:
			return fmt.Errorf("the modifier %s is not understood", name)
		}
	}
	return nil
}

func wide(s string, big bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b.WriteByte(byte(u >> 8))
			b.WriteByte(byte(u))
		} else {
			b.WriteByte(byte(u))
			b.WriteByte(byte(u >> 8))
		}
	}
	return b.String()
}

// compare makes the expression for one field.
func (m *modified) compare(values []*yaml.Node) (string, error) {
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			return "", errors.New("its values are no texts")
		}
		if len(v.Value) > maxValue {
			return "", fmt.Errorf("a value is longer than %d characters", maxValue)
		}
	}
	switch {
	case m.how == "exists":
		want := m.name + ` != ` + m.empty()
		if strings.EqualFold(values[0].Value, "false") {
			want = m.name + ` == ` + m.empty()
		}
		return want, nil
	case m.how == "fieldref":
		return m.references(values)
	case m.how == "cidr":
		return m.networks(values)
	case m.how == "lt" || m.how == "lte" || m.how == "gt" || m.how == "gte" || m.number:
		return m.numbers(values)
	case m.how == "re":
		return m.patterns(values)
	}
	return m.words(values)
}

func (m *modified) empty() string {
	if m.number {
		return "0"
	}
	return `""`
}

func (m *modified) with() string {
	if m.all {
		return "and"
	}
	return "or"
}

func (m *modified) references(values []*yaml.Node) (string, error) {
	var parts []string
	for _, v := range values {
		t, err := field(v.Value)
		if err != nil {
			return "", err
		}
		if t.number != m.number {
			return "", errors.New("a number is compared with a text")
		}
		parts = append(parts, m.name+" == "+t.name)
	}
	return join(parts, m.with()), nil
}

func (m *modified) networks(values []*yaml.Node) (string, error) {
	if !m.addr {
		return "", errors.New("it is no address")
	}
	var list []string
	for _, v := range values {
		if _, err := netip.ParsePrefix(v.Value); err != nil {
			return "", fmt.Errorf("%q is no network", v.Value)
		}
		list = append(list, quote(v.Value))
	}
	return "cidr(" + m.name + ", " + strings.Join(list, ", ") + ")", nil
}

func (m *modified) numbers(values []*yaml.Node) (string, error) {
	if !m.number {
		return "", errors.New("it is no number")
	}
	sign := map[string]string{"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "": "=="}[m.how]
	if sign == "" {
		return "", fmt.Errorf("%s of a number", m.how)
	}
	var parts, plain []string
	for _, v := range values {
		if v.Tag == "!!null" {
			parts = append(parts, m.name+" == 0")
			continue
		}
		n, err := strconv.ParseInt(v.Value, 10, 64)
		if err != nil {
			return "", fmt.Errorf("%q is no whole number", v.Value)
		}
		plain = append(plain, strconv.FormatInt(n, 10))
	}
	if sign == "==" && len(plain) > 1 && !m.all {
		parts = append(parts, m.name+" in ["+strings.Join(plain, ", ")+"]")
	} else {
		for _, n := range plain {
			parts = append(parts, m.name+" "+sign+" "+n)
		}
	}
	return join(parts, m.with()), nil
}

func (m *modified) patterns(values []*yaml.Node) (string, error) {
	var parts []string
	for _, v := range values {
		pattern := v.Value
		if m.flags != "" {
			pattern = "(?" + m.flags + ")" + pattern
		}
		if _, err := regexp.Compile(pattern); err != nil {
			return "", fmt.Errorf("the pattern is none of RE2, whose time is bounded: %w", err)
		}
		parts = append(parts, m.name+" matches "+quote(pattern))
	}
	return join(parts, m.with()), nil
}

// say writes the comparison with all words, those of one kind together.
func (m *modified) say(list []word) string {
	of := "lower(" + m.name + ")"
	if m.cased || m.addr {
		of = m.name
	}
	kinds := []string{"equal", "startsWith", "endsWith", "contains", "matches"}
	var parts []string
	for _, how := range kinds {
		var words []string
		for _, w := range list {
			if w.how == how {
				words = append(words, quote(w.text))
			}
		}
		switch {
		case len(words) == 0:
		case how == "matches":
			for _, w := range words {
				parts = append(parts, of+" matches "+w)
			}
		case m.all || len(words) == 1:
			sign := how
			if how == "equal" {
				sign = "=="
			}
			for _, w := range words {
				parts = append(parts, of+" "+sign+" "+w)
			}
		case how == "equal":
			parts = append(parts, of+" in "+bracket(words))
		default:
			parts = append(parts, how+"Any("+of+", "+bracket(words)+")")
		}
	}
	return join(parts, m.with())
}

// bracket writes a list, long ones over several lines.
func bracket(words []string) string {
	var b strings.Builder
	b.WriteByte('[')
	width := 0
	for i, w := range words {
		if i > 0 {
			b.WriteByte(',')
			if width > 90 {
				b.WriteString("\n  ")
				width = 0
			} else {
				b.WriteByte(' ')
			}
		}
		b.WriteString(w)
		width += len(w) + 2
	}
	b.WriteByte(']')
	return b.String()
}

// quote writes a literal of the expression language.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f || r >= 0x80 && !strconv.IsPrint(r):
			if r > 0xffff {
				fmt.Fprintf(&b, `\U%08x`, r)
			} else {
				fmt.Fprintf(&b, `\u%04x`, r)
			}
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
