package rules

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	yaml "github.com/oasdiff/yaml3"
)

// A document reads one file and notes every fault with its place.
type document struct {
	name   string
	lines  []string
	faults []error
}

// maxFaults of a file are told; more say no more.
const maxFaults = 50

func (d *document) fail(n *yaml.Node, format string, args ...any) {
	d.failAt(n.Line, n.Column, format, args...)
}

func (d *document) failAt(line, column int, format string, args ...any) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, fmt.Errorf("%s:%d:%d: %s", d.name, line, column, fmt.Sprintf(format, args...)))
	}
}

// parse reads YAML into nodes. Aliases are refused: a page of them can stand
// for more than any memory.
func (d *document) parse(data []byte) (root *yaml.Node) {
	defer func() {
		if r := recover(); r != nil {
			root = nil
			d.failAt(1, 1, "the YAML reader gave up: %v", r)
		}
	}()
	if !utf8.Valid(data) {
		d.failAt(1, 1, "it is not UTF-8 text")
		return nil
	}
	d.lines = strings.Split(string(data), "\n")
	var n yaml.Node
	if err := yaml.Unmarshal(data, &n); err != nil {
		d.failAt(yamlLine(err), 1, "%s", strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\n", " "), "yaml: "))
		return nil
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) == 0 {
		return nil
	}
	if bad := forbidden(n.Content[0], 0); bad != nil {
		d.fail(bad, "aliases and nesting deeper than %d are not read", maxDepth)
		return nil
	}
	return n.Content[0]
}

const maxDepth = 32

func forbidden(n *yaml.Node, depth int) *yaml.Node {
	if n.Kind == yaml.AliasNode || depth > maxDepth {
		return n
	}
	for _, c := range n.Content {
		if bad := forbidden(c, depth+1); bad != nil {
			return bad
		}
	}
	return nil
}

func yamlLine(err error) int {
	_, after, ok := strings.Cut(err.Error(), "line ")
	if !ok {
		return 1
	}
	digits := after[:len(after)-len(strings.TrimLeft(after, "0123456789"))]
	n, convErr := strconv.Atoi(digits)
	return max(1, n*btoi(convErr == nil))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// A mapping is a YAML mapping whose keys are known.
type mapping struct {
	d    *document
	node *yaml.Node
	keys map[string]*yaml.Node
}

// mapping reads n; what is not among known is a fault.
func (d *document) mapping(n *yaml.Node, what string, known ...string) *mapping {
	m := &mapping{d: d, node: n, keys: map[string]*yaml.Node{}}
	if n.Kind != yaml.MappingNode {
		d.fail(n, "%s is a mapping of keys and values", what)
		return m
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case m.keys[k.Value] != nil:
			d.fail(k, "%s has %s twice", what, k.Value)
		case len(known) > 0 && !slices.Contains(known, k.Value):
			d.fail(k, "%s has no key %q; it has %s", what, k.Value, strings.Join(known, ", "))
		default:
			m.keys[k.Value] = v
		}
	}
	return m
}

func (m *mapping) has(key string) bool { return m.keys[key] != nil }

// at is the node of a key, or the mapping's own: where a fault is told.
func (m *mapping) at(key string) *yaml.Node {
	if n := m.keys[key]; n != nil {
		return n
	}
	return m.node
}

func (m *mapping) text(key string, limit int) string {
	n := m.keys[key]
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		m.d.fail(n, "%s is a text", key)
		return ""
	}
	if utf8.RuneCountInString(n.Value) > limit {
		m.d.fail(n, "%s is longer than %d characters", key, limit)
		return ""
	}
	if n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

func (m *mapping) integer(key string, from, to, otherwise int) int {
	n := m.keys[key]
	if n == nil {
		return otherwise
	}
	v, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || v < from || v > to {
		m.d.fail(n, "%s is a whole number from %d to %d", key, from, to)
		return otherwise
	}
	return v
}

func (m *mapping) share(key string) float64 {
	n := m.at(key)
	s, percent := strings.CutSuffix(n.Value, "%")
	v, err := strconv.ParseFloat(s, 64)
	if percent {
		v /= 100
	}
	if n == m.node || err != nil || !(v > 0 && v <= 1) {
		m.d.fail(n, "%s is a share above 0 and at most 1, or a percentage", key)
		return 1
	}
	return v
}

func (m *mapping) duration(key string, limit time.Duration) time.Duration {
	n := m.at(key)
	v, err := parseDuration(n.Value)
	if n == m.node || err != nil || v < time.Second || v > limit {
		m.d.fail(n, "%s is a time such as 90s, 10m or 2d, from a second to %s", key, limit)
		return time.Second
	}
	return v
}

func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseInt(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	return time.ParseDuration(s)
}

// list reads a sequence of texts; one text alone is a list of one.
func (m *mapping) list(key string, most, limit int) []string {
	n := m.keys[key]
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return []string{n.Value}
	}
	if n.Kind != yaml.SequenceNode || len(n.Content) > most {
		m.d.fail(n, "%s is a list of at most %d texts", key, most)
		return nil
	}
	var out []string
	for _, e := range n.Content {
		if e.Kind != yaml.ScalarNode || utf8.RuneCountInString(e.Value) > limit {
			m.d.fail(e, "%s is a list of texts of at most %d characters", key, limit)
			continue
		}
		out = append(out, e.Value)
	}
	return out
}

// expression compiles the text under a key.
func (m *mapping) expression(key string) (string, predicate) {
	n := m.at(key)
	if n == m.node || n.Kind != yaml.ScalarNode {
		m.d.fail(n, "%s is an expression, such as method == \"POST\"", key)
		return "", predicate{}
	}
	p, err := compile(n.Value)
	if err != nil {
		line, column := n.Line, n.Column
		if f := new(fault); errors.As(err, &f) {
			line, column = m.d.place(n, f)
		}
		m.d.failAt(line, column, "%s: %v", key, err)
	}
	return n.Value, p
}

// place finds a fault of an expression in the file: a text over several lines
// was put together from its lines.
func (d *document) place(n *yaml.Node, f *fault) (line, column int) {
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle:
		line = n.Line + f.line
		return line, d.indent(line) + f.column
	case yaml.FoldedStyle:
		// Lines are joined by one blank each: count through them.
		line, column = n.Line+1, f.column
		for l := 1; l < f.line; l++ { // blank lines became line ends
			line++
		}
		for line < len(d.lines) {
			length := utf8.RuneCountInString(strings.TrimSpace(d.lines[line-1]))
			if column <= length {
				break
			}
			column -= length + 1
			line++
		}
		return line, d.indent(line) + max(column, 1)
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		return n.Line, n.Column + f.column
	}
	return n.Line, n.Column + f.column - 1
}

// indent is how many blanks a line begins with.
func (d *document) indent(line int) int {
	if line < 1 || line > len(d.lines) {
		return 0
	}
	l := d.lines[line-1]
	return len(l) - len(strings.TrimLeft(l, " "))
}
