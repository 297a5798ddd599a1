package filter

import (
	"fmt"
	"strconv"
)

// A qualifier is what stands before an id: what kind, in which direction, of
// which protocol.
type qualifier struct {
	proto string // "" if none
	dir   string // src, dst, or, and
	typ   string // host, net, port, portrange; "" if the primitive took no id
}

type parser struct {
	layout layout
	tokens []token
	depth  int       // of recursion
	vlans  int       // "vlan" words so far: the tags before what is tested next
	last   qualifier // of the primitive before, for a bare id
}

// parse returns the condition and the number of "vlan" words in it.
func parse(expr string, l layout) (node, int, error) {
	tokens, err := lex(expr)
	if err != nil {
		return nil, 0, err
	}
	p := &parser{layout: l, tokens: tokens}
	if p.peek() == "" {
		return everything{}, 0, nil
	}
	n, err := p.expr()
	if err != nil {
		return nil, 0, err
	}
	if p.peek() == ")" {
		return nil, 0, p.fail("this closing parenthesis has no opening one")
	}
	if p.peek() != "" {
		return nil, 0, p.fail("%s cannot follow here; join conditions by and, or", quote(p.peek()))
	}
	return n, p.vlans, nil
}

func (p *parser) peek() string { return p.tokens[0].text }

// next consumes a token; the end is never consumed.
func (p *parser) next() token {
	t := p.tokens[0]
	if len(p.tokens) > 1 {
		p.tokens = p.tokens[1:]
	}
	return t
}

func (p *parser) fail(format string, args ...any) error { return failAt(p.tokens[0], format, args...) }

func failAt(t token, format string, args ...any) error {
	return &Error{t.column, fmt.Sprintf(format, args...)}
}

func quote(s string) string {
	if s == "" {
		return "the end"
	}
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}

func (p *parser) expr() (node, error) {
	left, err := p.term()
	if err != nil {
		return nil, err
	}
	return p.chain(left, p.operand)
}

// chain parses { and|or right }, from left to right.
func (p *parser) chain(left node, operand func() (node, error)) (node, error) {
	for {
		op := p.peek()
		if op != "and" && op != "or" {
			return left, nil
		}
		p.next()
		right, err := operand()
		if err != nil {
			return nil, err
		}
		if op == "and" {
			left = both{left, right}
		} else {
			left = either{left, right}
		}
	}
}

// operand is what may follow "and" and "or": a term, or an id that keeps the
// qualifiers before it.
func (p *parser) operand() (node, error) {
	if p.isID(0) || p.peek() == "not" && p.isID(1) {
		return p.id(p.last)
	}
	return p.term()
}

// isID reports whether the i-th token ahead can only be an id: it begins with a
// digit or has a colon, which no word of the grammar has.
func (p *parser) isID(i int) bool {
	if i >= len(p.tokens) || p.tokens[i].text == "" {
		return false
	}
	text := p.tokens[i].text
	for j := range len(text) {
		if text[j] == ':' {
			return true
		}
	}
	return text[0] >= '0' && text[0] <= '9'
}

func (p *parser) enter() error {
	if p.depth++; p.depth > maxNesting {
		return p.fail("nested more than %d deep", maxNesting)
	}
	return nil
}

func (p *parser) term() (node, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer func() { p.depth-- }()
	switch p.peek() {
	case "not":
		p.next()
		n, err := p.term()
		if err != nil {
			return nil, err
		}
		return negated{n}, nil
	case "(":
		open := p.next()
		n, err := p.expr()
		if err != nil {
			return nil, err
		}
		return n, p.closing(open)
	case "vlan":
		return p.vlan()
	}
	return p.primitive()
}

func (p *parser) closing(open token) error {
	if p.peek() != ")" {
		if p.peek() == "" {
			return failAt(open, "this parenthesis is not closed")
		}
		return p.fail("%s cannot follow here; join conditions by and, or", quote(p.peek()))
	}
	p.next()
	return nil
}

func (p *parser) vlan() (node, error) {
	word := p.next()
	if !p.layout.tagged {
		return nil, failAt(word, "this link type has no VLAN tags")
	}
	n := vlanTag{depth: p.vlans, id: -1}
	p.last = qualifier{}
	if p.isID(0) {
		t := p.next()
		id, err := strconv.ParseUint(t.text, 10, 16)
		if err != nil || id > 4095 {
			return nil, failAt(t, "%s is no VLAN number (0 to 4095)", quote(t.text))
		}
		n.id = int(id)
	}
	p.vlans++
	return n, nil
}

func (p *parser) primitive() (node, error) {
	var q qualifier
	first := p.tokens[0]
	if _, ok := protocols[first.text]; ok {
		q.proto = p.next().text
	}
	q.dir = p.direction()
	switch p.peek() {
	case "host", "net", "port", "portrange":
		q.typ = p.next().text
	default:
		switch {
		case q.dir != "":
			q.typ = "host"
		case q.proto != "":
			p.last = qualifier{}
			return protocol{q.proto, p.vlans}, nil
		case first.text == "":
			return nil, failAt(first, "a condition is missing at the end")
		case p.isID(0):
			return nil, failAt(first, "say what %s is: host, net or port", quote(first.text))
		default:
			return nil, failAt(first, "%s is no condition of this grammar", quote(first.text))
		}
	}
	if err := q.check(first); err != nil {
		return nil, err
	}
	if p.peek() == "(" {
		return p.list(q)
	}
	return p.id(q)
}

// direction consumes src, dst and their two combinations.
func (p *parser) direction() string {
	word := p.peek()
	if word != "src" && word != "dst" {
		return ""
	}
	p.next()
	if len(p.tokens) > 1 {
		op, second := p.tokens[0].text, p.tokens[1].text
		if (op == "and" || op == "or") && (second == "src" || second == "dst") && second != word {
			p.next()
			p.next()
			return op
		}
	}
	return word
}

// list parses "(" id { and|or id } ")", all with the same qualifiers.
func (p *parser) list(q qualifier) (node, error) {
	open := p.next()
	id := func() (node, error) { return p.id(q) }
	n, err := id()
	if err == nil {
		n, err = p.chain(n, id)
	}
	if err != nil {
		return nil, err
	}
	return n, p.closing(open)
}
