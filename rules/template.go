package rules

import (
	"fmt"
	"strings"
	"unicode"

	yaml "github.com/oasdiff/yaml3"
)

// A template is text with the names of values in braces: "{client} sent
// {count} orders in {duration_s} s". Values are fields of group_by and what the
// rule counted; a brace is written twice to stand for itself. Values come from
// traffic and are shown as they are, in one line, shortened: nothing in them is
// read as markup or as a template.
type template struct {
	parts []part
}

type part struct {
	text string // verbatim, if name is empty
	name string
}

// counted are the values that alerts of a form have, beside fields.
func counted(r *Rule) []string {
	list := []string{"rule", "entity", "matches", "duration_s"}
	switch r.Form {
	case FormCount:
		list = append(list, "count", "at_least", "window_s")
	case FormDistinct:
		list = append(list, "distinct", "at_least", "window_s")
	case FormRatio:
		list = append(list, "hits", "total", "percent", "at_least_percent", "window_s")
	case FormSequence, FormTogether:
		list = append(list, "steps", "window_s")
	}
	return append(list, r.GroupBy...)
}

func (d *document) template(n *yaml.Node, key, s string, r *Rule) template {
	var t template
	var verbatim strings.Builder
	known := counted(r)
	for s != "" {
		switch {
		case strings.HasPrefix(s, "{{"), strings.HasPrefix(s, "}}"):
			verbatim.WriteByte(s[0])
			s = s[2:]
		case s[0] == '{':
			name, rest, ok := strings.Cut(s[1:], "}")
			if !ok || !contains(known, name) {
				d.fail(n, "%s: {%s} is no value of this rule; there are %s", key, name, strings.Join(known, ", "))
				return t
			}
			t.parts = append(t.parts, part{text: verbatim.String()}, part{name: name})
			verbatim.Reset()
			s = rest
		default:
			verbatim.WriteByte(s[0])
			s = s[1:]
		}
	}
	t.parts = append(t.parts, part{text: verbatim.String()})
	return t
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// fill puts values into the template.
func (t *template) fill(value func(name string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.name == "" {
			b.WriteString(p.text)
		} else {
			b.WriteString(value(p.name))
		}
	}
	return b.String()
}

// shown is a value from traffic in one printable line.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
	n := 0
	for i := range s {
		if n == maxShown-1 {
			return s[:i] + "…"
		}
		n++
	}
	return s
}

// defaultSummary is what a rule says that brings no summary.
func defaultSummary(r *Rule) string {
	who := "{entity}"
	switch r.Form {
	case FormCount:
		return who + fmt.Sprintf(": {count} calls in {window_s} s match the rule %s, which asks for {at_least}", r.ID)
	case FormDistinct:
		return who + fmt.Sprintf(": {distinct} different values of %s in {window_s} s match the rule %s, which asks for {at_least}", r.Distinct, r.ID)
	case FormRatio:
		return who + fmt.Sprintf(": {percent} %% of {total} calls in {window_s} s match the rule %s, which asks for {at_least_percent} %%", r.ID)
	case FormSequence:
		return who + fmt.Sprintf(": the {steps} steps of the rule %s came in order within {window_s} s", r.ID)
	case FormTogether:
		return who + fmt.Sprintf(": the {steps} parts of the rule %s came within {window_s} s", r.ID)
	}
	return who + fmt.Sprintf(": calls that match the rule %s: {matches}", r.ID)
}
