package rules

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
)

// A predicate is a compiled expression: a function, and what it costs.
type predicate struct {
	holds func(*frame) bool
	steps int // nodes of its tree
}

// A fault is something wrong at a place in an expression.
type fault struct {
	line, column int // from 1; column counts characters
	message      string
}

func (f *fault) Error() string { return f.message }

// functions that expressions can call, beside len, any, all, none, one, count.
// The type checker knows them by their signatures; what they do is in call.go.
var functions = []expr.Option{
	expr.Function("lower", vmLower, new(func(string) string)),
	expr.Function("param", vmParam, new(func(string) string)),
	expr.Function("cidr", vmCIDR, new(func(string, ...string) bool)),
	expr.Function("containsAny", vmContainsAny, new(func(string, []string) bool), new(func(string, []any) bool)),
	expr.Function("startsWithAny", vmStartsWithAny, new(func(string, []string) bool), new(func(string, []any) bool)),
	expr.Function("endsWithAny", vmEndsWithAny, new(func(string, []string) bool), new(func(string, []any) bool)),
}

// options of the checker. Builtins are switched on one by one: others read the
// clock or have no bounds.
func options() []expr.Option {
	list := []expr.Option{expr.Env(env{}), expr.AsBool(), expr.Optimize(false), expr.MaxNodes(MaxNodes), expr.DisableAllBuiltins()}
	for _, name := range []string{"len", "any", "all", "none", "one", "count"} {
		list = append(list, expr.EnableBuiltin(name))
	}
	return append(list, functions...)
}

// compile turns an expression into a predicate. The error is a *fault.
func compile(source string) (p predicate, err error) {
	defer func() {
		// The parser is given configuration, not traffic; should it fail on
		// something, the rule is refused and the process lives.
		if r := recover(); r != nil {
			p, err = predicate{}, &fault{1, 1, fmt.Sprintf("the expression cannot be read: %v", r)}
		}
	}()
	if strings.TrimSpace(source) == "" {
		return p, &fault{1, 1, "the expression is empty"}
	}
	program, err := expr.Compile(source, options()...)
	if err != nil {
		if e := new(file.Error); errors.As(err, &e) {
			return p, &fault{max(e.Line, 1), e.Column + 1, e.Message}
		}
		return p, &fault{1, 1, err.Error()}
	}
	c := &compiler{source: source}
	v := c.node(program.Node())
	if c.fault == nil && v.kind != truth {
		c.fail(program.Node(), "the expression is not true or false")
	}
	if c.fault != nil {
		return p, c.fault
	}
	return predicate{v.truth, c.nodes}, nil
}

type kind uint8

const (
	broken kind = iota
	truth
	text
	integer
	number
	texts     // a list of texts
	ids       // the identifiers of a call
	constants // a list of constants
	span      // of integers, both ends included
)

// A value is a compiled node.
type value struct {
	kind    kind
	truth   func(*frame) bool
	text    func(*frame) string
	integer func(*frame) int64
	number  func(*frame) float64
	texts   func(*frame) []string

	constant any    // of a literal: bool, string, int64, float64; of a list []value; of a span [2]int64
	field    *field // of a plain field
}

type compiler struct {
	source string
	nodes  int
	fault  *fault
	walks  kind // what the predicate that is compiled walks through; broken outside
}

// fail notes the first fault.
func (c *compiler) fail(n ast.Node, format string, args ...any) value {
	if c.fault == nil {
		f := &fault{1, 1, fmt.Sprintf(format, args...)}
		at := 0
		for _, r := range c.source {
			if at == n.Location().From {
				break
			}
			at++
			f.column++
			if r == '\n' {
				f.line++
				f.column = 1
			}
		}
		c.fault = f
	}
	return value{}
}

func (c *compiler) node(n ast.Node) value {
	c.nodes++
	if c.fault != nil {
		return value{}
	}
	switch n := n.(type) {
	case *ast.BoolNode:
		return value{kind: truth, truth: func(*frame) bool { return n.Value }, constant: n.Value}
	case *ast.StringNode:
		return value{kind: text, text: func(*frame) string { return n.Value }, constant: n.Value}
	case *ast.IntegerNode:
		i := int64(n.Value)
		return value{kind: integer, integer: func(*frame) int64 { return i }, constant: i}
	case *ast.FloatNode:
		return value{kind: number, number: func(*frame) float64 { return n.Value }, constant: n.Value}
	case *ast.IdentifierNode, *ast.MemberNode:
		return c.member(n)
	case *ast.PointerNode:
		if c.walks == texts && n.Name == "" {
			return value{kind: text, text: func(f *frame) string { return f.item }}
		}
		return c.fail(n, "# stands for one text of a list, inside any, all, none, one or count")
	case *ast.ChainNode:
		return c.fail(n, "?. is not part of the language: every field is there")
	case *ast.UnaryNode:
		return c.unary(n)
	case *ast.BinaryNode:
		return c.binary(n)
	case *ast.ConditionalNode:
		return c.conditional(n)
	case *ast.ArrayNode:
		return c.array(n)
	case *ast.BuiltinNode:
		return c.builtin(n)
	case *ast.CallNode:
		return c.call(n)
	}
	return c.fail(n, "this is not part of the language of rules")
}

// path is the dotted name of a field; "" if n is none.
func path(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return n.Value
	case *ast.MemberNode:
		p, ok := n.Property.(*ast.StringNode)
		if base := path(n.Node); ok && base != "" && !n.Optional {
			return base + "." + p.Value
		}
	}
	return ""
}

func (c *compiler) member(n ast.Node) value {
	if m, ok := n.(*ast.MemberNode); ok {
		if _, pointer := m.Node.(*ast.PointerNode); pointer && c.walks == ids {
			if p, ok := m.Property.(*ast.StringNode); ok && idFields[p.Value] != nil {
				v := fieldValue(idFields[p.Value])
				v.field = nil // its text is another at every turn: not to be kept
				return v
			}
		}
	}
	name := path(n)
	if name == "ids" {
		return value{kind: ids}
	}
	f := fields[name]
	switch {
	case name == "":
		return c.fail(n, "only fields can be named, as in request.type; list elements cannot be picked")
	case f == nil || f.only:
		return c.fail(n, "%s is a group of fields: name one of them, such as %s", name, firstBelow(name))
	}
	return fieldValue(f)
}

func firstBelow(name string) string {
	for _, n := range fieldNames() {
		if strings.HasPrefix(n, name+".") {
			return n
		}
	}
	return "method"
}

func fieldValue(f *field) value {
	v := value{field: f, truth: f.truth, text: f.text, integer: f.integer, number: f.number, texts: f.list}
	switch {
	case f.text != nil:
		v.kind = text
	case f.integer != nil:
		v.kind = integer
	case f.number != nil:
		v.kind = number
	case f.truth != nil:
		v.kind = truth
	case f.list != nil:
		v.kind = texts
	}
	return v
}

// float is a numeric value as a float.
func (v *value) float() func(*frame) float64 {
	if v.kind == number {
		return v.number
	}
	get := v.integer
	return func(f *frame) float64 { return float64(get(f)) }
}

func (v *value) numeric() bool { return v.kind == integer || v.kind == number }

func (c *compiler) unary(n *ast.UnaryNode) value {
	v := c.node(n.Node)
	switch {
	case c.fault != nil:
		return value{}
	case (n.Operator == "!" || n.Operator == "not") && v.kind == truth:
		get := v.truth
		return value{kind: truth, truth: func(f *frame) bool { return !get(f) }}
	case n.Operator == "+" && v.numeric():
		return v
	case n.Operator == "-" && v.kind == integer:
		get := v.integer
		out := value{kind: integer, integer: func(f *frame) int64 { return -get(f) }}
		if k, ok := v.constant.(int64); ok {
			out.constant = -k
		}
		return out
	case n.Operator == "-" && v.kind == number:
		get := v.number
		return value{kind: number, number: func(f *frame) float64 { return -get(f) }}
	}
	return c.fail(n, "%s cannot be applied to this", n.Operator)
}

func (c *compiler) conditional(n *ast.ConditionalNode) value {
	test, a, b := c.node(n.Cond), c.node(n.Exp1), c.node(n.Exp2)
	if c.fault != nil {
		return value{}
	}
	switch {
	case test.kind == truth && a.kind == truth && b.kind == truth:
		return value{kind: truth, truth: func(f *frame) bool {
			if test.truth(f) {
				return a.truth(f)
			}
			return b.truth(f)
		}}
	case test.kind == truth && a.kind == text && b.kind == text:
		return value{kind: text, text: func(f *frame) string {
			if test.truth(f) {
				return a.text(f)
			}
			return b.text(f)
		}}
	case test.kind == truth && a.numeric() && b.numeric():
		x, y := a.float(), b.float()
		return value{kind: number, number: func(f *frame) float64 {
			if test.truth(f) {
				return x(f)
			}
			return y(f)
		}}
	}
	return c.fail(n, "both branches must be of one type")
}

func (c *compiler) array(n *ast.ArrayNode) value {
	var list []value
	for _, e := range n.Nodes {
		v := c.node(e)
		if c.fault != nil {
			return value{}
		}
		if v.constant == nil {
			return c.fail(e, "lists are of literals")
		}
		list = append(list, v)
	}
	return value{kind: constants, constant: list}
}

// words are the texts of a list of literals.
func (c *compiler) words(n ast.Node, v value) []string {
	list, _ := v.constant.([]value)
	if v.kind != constants || len(list) == 0 {
		c.fail(n, "a list of texts is wanted here")
		return nil
	}
	var out []string
	for _, e := range list {
		s, ok := e.constant.(string)
		if !ok {
			c.fail(n, "a list of texts is wanted here")
			return nil
		}
		out = append(out, s)
	}
	return out
}

// prefixes reads networks and addresses.
func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p.Masked())
			continue
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is neither a network nor an address", s)
		}
		out = append(out, netip.PrefixFrom(a, a.BitLen()))
	}
	return out, nil
}

func within(a netip.Addr, list []netip.Prefix) bool {
	a = a.Unmap()
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}
