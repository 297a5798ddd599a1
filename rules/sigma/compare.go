package sigma

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

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

// A word is a value as it is looked for.
type word struct {
	how  string // contains, startsWith, endsWith, equal, matches
	text string
}

func (m *modified) words(values []*yaml.Node) (string, error) {
	var list []word
	for _, v := range values {
		for _, s := range m.spellings(v) {
			w, err := m.word(s)
			if err != nil {
				return "", err
			}
			if !slices.Contains(list, w) {
				list = append(list, w)
			}
		}
	}
	return m.say(list), nil
}

// spellings are all texts that a value stands for.
func (m *modified) spellings(v *yaml.Node) []string {
	s := v.Value
	if v.Tag == "!!null" {
		return []string{""}
	}
	if s == "-" && m.how == "" { // how logs write what is not there
		return []string{"", "-"}
	}
	list := []string{s}
	if m.dashes {
		for _, dash := range []string{"/", "–", "—", "―"} {
			list = append(list, strings.ReplaceAll(" "+s, " -", " "+dash)[1:])
		}
	}
	for i := range list {
		for _, encode := range m.encode {
			list[i] = encode(list[i])
		}
	}
	if !m.offsets {
		return list
	}
	// A text encoded as part of another begins at one of three places of the
	// four-letter groups; the letters that its neighbours share are left out.
	var out []string
	for _, s := range list {
		for offset := range 3 {
			from := []int{0, 2, 3}[offset]
			e := base64.StdEncoding.EncodeToString([]byte(strings.Repeat(" ", offset) + s))
			to := len(e) - []int{0, 3, 2}[(len(s)+offset)%3]
			if from < to {
				out = append(out, e[from:to])
			}
		}
	}
	return out
}

// word finds out how a value with wildcards is looked for.
func (m *modified) word(s string) (word, error) {
	pieces, err := split(s)
	if err != nil {
		return word{}, err
	}
	if m.file {
		if len(pieces) != 1 {
			return word{}, errors.New("an extension has wildcards")
		}
		return word{"endsWith", "." + m.fold(pieces[0].text)}, nil
	}
	front, back := m.how == "contains" || m.how == "endswith", m.how == "contains" || m.how == "startswith"
	if len(pieces) > 0 && pieces[0].star {
		front, pieces = true, pieces[1:]
	}
	if n := len(pieces); n > 0 && pieces[n-1].star {
		back, pieces = true, pieces[:n-1]
	}
	if len(pieces) > 1 || len(pieces) == 1 && pieces[0].any > 0 {
		return m.pattern(pieces, front, back)
	}
	t := ""
	if len(pieces) == 1 {
		t = m.fold(pieces[0].text)
	}
	if !utf8.ValidString(t) || strings.ContainsRune(t, 0) {
		return word{}, errors.New("it looks for bytes that are no text, which no field of a call has")
	}
	switch {
	case front && back:
		return word{"contains", t}, nil
	case front:
		return word{"endsWith", t}, nil
	case back:
		return word{"startsWith", t}, nil
	}
	return word{"equal", t}, nil
}

func (m *modified) fold(s string) string {
	if m.cased {
		return s
	}
	return strings.ToLower(s)
}

// A piece of a value: text, a star, or a question mark.
type piece struct {
	text string
	star bool
	any  int // question marks
}

// split reads wildcards; a backslash before one, or before a backslash, takes
// its meaning away.
func split(s string) (out []piece, err error) {
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			out = append(out, piece{text: b.String()})
			b.Reset()
		}
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s) && strings.IndexByte(`*?\`, s[i+1]) >= 0:
			i++
			b.WriteByte(s[i])
		case s[i] == '*':
			flush()
			if len(out) == 0 || !out[len(out)-1].star {
				out = append(out, piece{star: true})
			}
		case s[i] == '?':
			flush()
			out = append(out, piece{any: 1})
		default:
			b.WriteByte(s[i])
		}
	}
	flush()
	return out, nil
}

func (m *modified) pattern(pieces []piece, front, back bool) (word, error) {
	var b strings.Builder
	b.WriteString("(?s)")
	if !front {
		b.WriteByte('^')
	}
	for _, p := range pieces {
		switch {
		case p.star:
			b.WriteString(".*")
		case p.any > 0:
			b.WriteByte('.')
		default:
			b.WriteString(regexp.QuoteMeta(m.fold(p.text)))
		}
	}
	if !back {
		b.WriteByte('$')
	}
	_, err := regexp.Compile(b.String())
	return word{"matches", b.String()}, err
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
