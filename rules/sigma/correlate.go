package sigma

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	yaml "github.com/oasdiff/yaml3"

	"lapwing/rules"
)

// correlate makes the part of a rule that counts, of a correlation.
func (d *document) correlate(names map[string]*document) (string, error) {
	c := d.correlation
	var parts []*document
	for _, name := range texts(get(c, "rules")) {
		r := names[name]
		switch {
		case r == nil:
			return "", fmt.Errorf("it correlates the rule %s, which is not among the files", name)
		case r.correlation != nil:
			return "", fmt.Errorf("it correlates the correlation %s", name)
		case r.fault != nil:
			return "", fmt.Errorf("it correlates the rule %s, which cannot be imported: %w", name, r.fault)
		}
		parts = append(parts, r)
	}
	if len(parts) == 0 {
		return "", errors.New("it correlates no rules")
	}
	span, err := timespan(text(get(c, "timespan")))
	if err != nil {
		return "", err
	}
	group, err := groupBy(c)
	if err != nil {
		return "", err
	}
	form := ""
	switch kind := text(get(c, "type")); kind {
	case "event_count", "value_count":
		form, err = counting(c, kind, parts, span)
	case "temporal", "temporal_ordered":
		if len(parts) < 2 {
			return "", errors.New("it correlates a single rule over time")
		}
		if get(c, "condition") != nil {
			return "", errors.New("it has a condition on how many of its rules come")
		}
		name := "together"
		if kind == "temporal_ordered" {
			name = "sequence"
		}
		var b strings.Builder
		fmt.Fprintf(&b, "  %s:\n    within: %s\n    steps:\n", name, span)
		for _, r := range parts {
			fmt.Fprintf(&b, "    - when: |-\n%s", indent(r.expression, 8))
		}
		form = b.String()
	default:
		return "", fmt.Errorf("correlations of the type %q are not understood", kind)
	}
	if err != nil {
		return "", err
	}
	for _, r := range parts {
		if r.partOf == "" {
			r.partOf = d.title
		}
		r.generates = r.generates || d.generates
	}
	return form + "  group_by: [" + strings.Join(group, ", ") + "]\n", nil
}

// counting writes event_count and value_count.
func counting(c *yaml.Node, kind string, parts []*document, span string) (string, error) {
	cond := get(c, "condition")
	least := 0
	if cond == nil || cond.Kind != yaml.MappingNode {
		return "", errors.New("it has no condition")
	}
	counted := ""
	for i := 0; i+1 < len(cond.Content); i += 2 {
		key, v := cond.Content[i].Value, cond.Content[i+1].Value
		if key == "field" {
			counted = v
			continue
		}
		n, err := strconv.Atoi(v)
		switch {
		case err != nil || n < 0 || n > rules.MaxThreshold:
			return "", fmt.Errorf("%s: %q is no number that can be counted to", key, v)
		case key == "gte":
			least = n
		case key == "gt":
			least = n + 1
		default:
			return "", fmt.Errorf("it asks for %s: a rule fires when there is enough of something, not when there is little", key)
		}
	}
	var all []string
	for _, r := range parts {
		all = append(all, r.expression)
	}
	when := "  when: |-\n" + indent(join(all, "or"), 6)
	if kind == "event_count" {
		return fmt.Sprintf("%s  count: {at_least: %d, over: %s}\n", when, max(1, least), span), nil
	}
	t, err := field(counted)
	if err != nil || counted == "" {
		return "", fmt.Errorf("the values of %q cannot be counted", counted)
	}
	if least < 2 || least > rules.MaxDistinct {
		return "", fmt.Errorf("it asks for %d different values; a rule counts from 2 to %d", least, rules.MaxDistinct)
	}
	return fmt.Sprintf("%s  distinct: {field: %s, at_least: %d, over: %s}\n", when, t.name, least, span), nil
}

// groupBy finds the fields of a correlation's groups; aliases that mean one
// field of a call in all rules are that field.
func groupBy(c *yaml.Node) ([]string, error) {
	var out []string
	aliases := get(c, "aliases")
	for _, name := range texts(get(c, "group-by")) {
		if a := get(aliases, name); a != nil && a.Kind == yaml.MappingNode {
			one := ""
			for i := 1; i < len(a.Content); i += 2 {
				t, err := field(a.Content[i].Value)
				if err != nil {
					return nil, err
				}
				if one != "" && one != t.name {
					return nil, fmt.Errorf("the alias %s stands for different fields of a call", name)
				}
				one = t.name
			}
			name = one
		} else {
			t, err := field(name)
			if err != nil {
				return nil, fmt.Errorf("group-by: %w", err)
			}
			name = t.name
		}
		out = append(out, name)
	}
	if len(out) > rules.MaxGroupBy {
		return nil, fmt.Errorf("it groups by %d fields; a rule by %d", len(out), rules.MaxGroupBy)
	}
	return out, nil
}

// timespan reads 30s, 5m, 2h, 7d.
func timespan(s string) (string, error) {
	if s == "" {
		return "", errors.New("it has no timespan")
	}
	unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}[s[len(s)-1]]
	n, err := strconv.ParseInt(s[:len(s)-1], 10, 32)
	if err != nil || unit == 0 || n <= 0 || time.Duration(n)*unit > rules.MaxWindow {
		return "", fmt.Errorf("its timespan %q is not between a second and 7 days", s)
	}
	return s, nil
}
