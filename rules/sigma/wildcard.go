package sigma

import (
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "github.com/oasdiff/yaml3"
)

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
