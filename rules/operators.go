package rules

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
)

func (c *compiler) binary(n *ast.BinaryNode) value {
	a, b := c.node(n.Left), c.node(n.Right)
	if c.fault != nil {
		return value{}
	}
	switch n.Operator {
	case "and", "&&", "or", "||":
		return c.junction(n, a, b)
	case "==", "!=":
		return c.equal(n, a, b)
	case "<", "<=", ">", ">=":
		return c.order(n, a, b)
	case "in":
		return c.in(n, a, b)
	case "contains", "startsWith", "endsWith":
		return c.part(n, a, b)
	case "matches":
		return c.matches(n, a, b)
	case "+", "-", "*", "/", "%":
		return c.arithmetic(n, a, b)
	case "..":
		from, ok1 := a.constant.(int64)
		to, ok2 := b.constant.(int64)
		if ok1 && ok2 {
			return value{kind: span, constant: [2]int64{from, to}}
		}
		return c.fail(n, "both ends of a range are whole numbers, as in 400..499")
	}
	return c.fail(n, "%s is not part of the language of rules", n.Operator)
}

func (c *compiler) junction(n *ast.BinaryNode, a, b value) value {
	if a.kind != truth || b.kind != truth {
		return c.fail(n, "both sides of %s must be true or false", n.Operator)
	}
	x, y := a.truth, b.truth
	if n.Operator == "and" || n.Operator == "&&" {
		return value{kind: truth, truth: func(f *frame) bool { return x(f) && y(f) }}
	}
	return value{kind: truth, truth: func(f *frame) bool { return x(f) || y(f) }}
}

func (c *compiler) equal(n *ast.BinaryNode, a, b value) value {
	var is func(*frame) bool
	switch {
	case a.kind == text && b.kind == text:
		x, y := a.text, b.text
		is = func(f *frame) bool { return x(f) == y(f) }
		if k, ok := b.constant.(string); ok {
			is = func(f *frame) bool { return x(f) == k }
		}
	case a.kind == integer && b.kind == integer:
		x, y := a.integer, b.integer
		is = func(f *frame) bool { return x(f) == y(f) }
	case a.numeric() && b.numeric():
		x, y := a.float(), b.float()
		is = func(f *frame) bool { return x(f) == y(f) }
	case a.kind == truth && b.kind == truth:
		x, y := a.truth, b.truth
		is = func(f *frame) bool { return x(f) == y(f) }
	default:
		return c.fail(n, "these two cannot be compared")
	}
	if n.Operator == "!=" {
		return value{kind: truth, truth: func(f *frame) bool { return !is(f) }}
	}
	return value{kind: truth, truth: is}
}

func (c *compiler) order(n *ast.BinaryNode, a, b value) value {
	fits := map[string]func(int) bool{
		"<": func(c int) bool { return c < 0 }, "<=": func(c int) bool { return c <= 0 },
		">": func(c int) bool { return c > 0 }, ">=": func(c int) bool { return c >= 0 },
	}[n.Operator]
	switch {
	case a.kind == integer && b.kind == integer:
		x, y := a.integer, b.integer
		return value{kind: truth, truth: func(f *frame) bool { return fits(cmp.Compare(x(f), y(f))) }}
	case a.numeric() && b.numeric():
		x, y := a.float(), b.float()
		return value{kind: truth, truth: func(f *frame) bool { return fits(cmp.Compare(x(f), y(f))) }}
	case a.kind == text && b.kind == text:
		x, y := a.text, b.text
		return value{kind: truth, truth: func(f *frame) bool { return fits(strings.Compare(x(f), y(f))) }}
	}
	return c.fail(n, "these two cannot be compared")
}

// in is membership: of a literal in a list of the call, of a field in a list of
// literals, of a number in a range.
func (c *compiler) in(n *ast.BinaryNode, a, b value) value {
	switch {
	case b.kind == span && a.kind == integer:
		ends, x := b.constant.([2]int64), a.integer
		return value{kind: truth, truth: func(f *frame) bool { v := x(f); return v >= ends[0] && v <= ends[1] }}
	case b.kind == texts && a.kind == text:
		x, list := a.text, b.texts
		return value{kind: truth, truth: func(f *frame) bool {
			l := list(f)
			if f.steps -= len(l); f.steps < 0 {
				return false
			}
			return slices.Contains(l, x(f))
		}}
	case b.kind == constants && a.kind == text:
		words := c.words(n, b)
		x := a.text
		if len(words) > 8 { // from here on a table is faster than looking through
			set := make(map[string]bool, len(words))
			for _, w := range words {
				set[w] = true
			}
			return value{kind: truth, truth: func(f *frame) bool { return set[x(f)] }}
		}
		return value{kind: truth, truth: func(f *frame) bool { return slices.Contains(words, x(f)) }}
	case b.kind == constants && a.kind == integer:
		var list []int64
		for _, v := range b.constant.([]value) {
			k, ok := v.constant.(int64)
			if !ok {
				return c.fail(n, "a list of whole numbers is wanted here")
			}
			list = append(list, k)
		}
		x := a.integer
		return value{kind: truth, truth: func(f *frame) bool { return slices.Contains(list, x(f)) }}
	}
	return c.fail(n, "in needs a list or a range behind it, of what stands before it")
}

func (c *compiler) part(n *ast.BinaryNode, a, b value) value {
	if a.kind != text || b.kind != text {
		return c.fail(n, "%s stands between two texts", n.Operator)
	}
	x, y := a.text, b.text
	switch n.Operator {
	case "contains":
		return value{kind: truth, truth: func(f *frame) bool { return strings.Contains(x(f), y(f)) }}
	case "startsWith":
		return value{kind: truth, truth: func(f *frame) bool { return strings.HasPrefix(x(f), y(f)) }}
	}
	return value{kind: truth, truth: func(f *frame) bool { return strings.HasSuffix(x(f), y(f)) }}
}

// matches is a regular expression of RE2: its time is linear in the text.
func (c *compiler) matches(n *ast.BinaryNode, a, b value) value {
	pattern, ok := b.constant.(string)
	if a.kind != text || !ok {
		return c.fail(n, "matches needs a text before it and a literal pattern behind it")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return c.fail(n.Right, "%v", err)
	}
	x := a.text
	return value{kind: truth, truth: func(f *frame) bool {
		s := x(f)
		if f.steps -= len(s) / 16; f.steps < 0 {
			return false
		}
		return re.MatchString(s)
	}}
}

func (c *compiler) arithmetic(n *ast.BinaryNode, a, b value) value {
	if !a.numeric() || !b.numeric() {
		return c.fail(n, "%s stands between two numbers", n.Operator)
	}
	if n.Operator == "%" {
		k, ok := b.constant.(int64)
		if a.kind != integer || !ok || k == 0 {
			return c.fail(n, "%% stands between a whole number and a literal that is not zero")
		}
		x := a.integer
		return value{kind: integer, integer: func(f *frame) int64 { return x(f) % k }}
	}
	if a.kind == integer && b.kind == integer && n.Operator != "/" {
		x, y := a.integer, b.integer
		switch n.Operator {
		case "+":
			return value{kind: integer, integer: func(f *frame) int64 { return x(f) + y(f) }}
		case "-":
			return value{kind: integer, integer: func(f *frame) int64 { return x(f) - y(f) }}
		}
		return value{kind: integer, integer: func(f *frame) int64 { return x(f) * y(f) }}
	}
	x, y := a.float(), b.float()
	switch n.Operator {
	case "+":
		return value{kind: number, number: func(f *frame) float64 { return x(f) + y(f) }}
	case "-":
		return value{kind: number, number: func(f *frame) float64 { return x(f) - y(f) }}
	case "*":
		return value{kind: number, number: func(f *frame) float64 { return x(f) * y(f) }}
	}
	return value{kind: number, number: func(f *frame) float64 { return x(f) / y(f) }}
}
