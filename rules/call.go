package rules

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/expr-lang/expr/ast"
)

// call compiles the functions of rules.
func (c *compiler) call(n *ast.CallNode) value {
	name, ok := n.Callee.(*ast.IdentifierNode)
	if !ok {
		return c.fail(n, "this cannot be called")
	}
	var args []value
	for _, a := range n.Arguments {
		args = append(args, c.node(a))
	}
	if c.fault != nil {
		return value{}
	}
	switch name.Value {
	case "lower":
		return lowerValue(args[0])
	case "param":
		key, ok := args[0].constant.(string)
		if !ok {
			return c.fail(n, "param wants the literal name of a query parameter")
		}
		return value{kind: text, text: func(f *frame) string { return param(f.call.Query, key) }}
	case "cidr":
		return c.cidr(n, args)
	case "containsAny", "startsWithAny", "endsWithAny":
		return c.anyOf(n, name.Value, args)
	}
	return c.fail(n, "there is no function %s", name.Value)
}

func lowerValue(v value) value {
	if f := v.field; f != nil {
		return value{kind: text, text: func(fr *frame) string { return fr.lowerOf(f) }}
	}
	get := v.text
	return value{kind: text, text: func(f *frame) string { return strings.ToLower(get(f)) }}
}

// cidr asks whether an address is of some networks.
func (c *compiler) cidr(n *ast.CallNode, args []value) value {
	var words []string
	for _, a := range args[1:] {
		s, ok := a.constant.(string)
		if !ok {
			return c.fail(n, "the networks of cidr are literals")
		}
		words = append(words, s)
	}
	list, err := prefixes(words)
	if err != nil {
		return c.fail(n, "%v", err)
	}
	if len(list) == 0 {
		return c.fail(n, `cidr wants an address and networks, as in cidr(client, "10.0.0.0/8")`)
	}
	if f := args[0].field; f == fields["client"] {
		return value{kind: truth, truth: func(f *frame) bool { return within(f.call.Client, list) }}
	} else if f == fields["server"] {
		return value{kind: truth, truth: func(f *frame) bool { return within(f.call.Server, list) }}
	}
	get := args[0].text
	return value{kind: truth, truth: func(f *frame) bool {
		a, err := netip.ParseAddr(get(f))
		return err == nil && within(a, list)
	}}
}

func (c *compiler) anyOf(n *ast.CallNode, name string, args []value) value {
	words, get := c.words(n.Arguments[1], args[1]), args[0].text
	if c.fault != nil {
		return value{}
	}
	if name == "containsAny" && !contains(words, "") {
		one := containsOne(words)
		return value{kind: truth, truth: func(f *frame) bool { return one(get(f)) }}
	}
	has := strings.Contains
	switch name {
	case "startsWithAny":
		has = strings.HasPrefix
	case "endsWithAny":
		has = strings.HasSuffix
	}
	return value{kind: truth, truth: func(f *frame) bool {
		s := get(f)
		for _, w := range words {
			if has(s, w) {
				return true
			}
		}
		return false
	}}
}

// builtin compiles len and what walks through a list.
func (c *compiler) builtin(n *ast.BuiltinNode) value {
	if n.Name == "len" {
		switch v := c.node(n.Arguments[0]); {
		case c.fault != nil:
			return value{}
		case v.kind == text:
			get := v.text
			return value{kind: integer, integer: func(f *frame) int64 { return int64(utf8.RuneCountInString(get(f))) }}
		case v.kind == texts:
			get := v.texts
			return value{kind: integer, integer: func(f *frame) int64 { return int64(len(get(f))) }}
		case v.kind == ids:
			return value{kind: integer, integer: func(f *frame) int64 { return int64(len(f.call.IDs)) }}
		}
		return c.fail(n, "len is of a text or a list")
	}
	if c.walks != broken {
		return c.fail(n, "%s cannot stand inside another walk through a list", n.Name)
	}
	if len(n.Arguments) != 2 {
		return c.fail(n, "%s wants a list and a condition, as in %s(ids, .class == \"int\")", n.Name, n.Name)
	}
	list := c.node(n.Arguments[0])
	if c.fault != nil {
		return value{}
	}
	if list.kind != texts && list.kind != ids {
		return c.fail(n, "%s walks through a list of the call: flags, ids, request.keys …", n.Name)
	}
	body, ok := n.Arguments[1].(*ast.PredicateNode)
	if !ok {
		return c.fail(n, "%s wants a condition", n.Name)
	}
	before := c.nodes
	c.walks = list.kind
	test := c.node(body.Node)
	c.walks = broken
	if c.fault != nil {
		return value{}
	}
	if test.kind != truth {
		return c.fail(body, "the condition is not true or false")
	}
	count := walk(list, test.truth, c.nodes-before)
	return summing(n.Name, count)
}

// walk counts the elements for which test holds; it stops at limit of them, and
// at the first for which it does not hold if limit is negative.
func walk(list value, test func(*frame) bool, cost int) func(f *frame, limit int) (hits, size int) {
	if list.kind == ids {
		return func(f *frame, limit int) (hits, size int) {
			all := f.call.IDs
			for i := range all {
				if f.steps -= cost; f.steps < 0 {
					return 0, -1
				}
				f.id = &all[i]
				if test(f) {
					if hits++; hits == limit {
						break
					}
				}
			}
			return hits, len(all)
		}
	}
	get := list.texts
	return func(f *frame, limit int) (hits, size int) {
		all := get(f)
		for _, s := range all {
			if f.steps -= cost; f.steps < 0 {
				return 0, -1
			}
			f.item = s
			if test(f) {
				if hits++; hits == limit {
					break
				}
			}
		}
		return hits, len(all)
	}
}

func summing(name string, walk func(*frame, int) (int, int)) value {
	switch name {
	case "any":
		return value{kind: truth, truth: func(f *frame) bool { hits, _ := walk(f, 1); return hits == 1 }}
	case "none":
		return value{kind: truth, truth: func(f *frame) bool { hits, size := walk(f, 1); return hits == 0 && size >= 0 }}
	case "one":
		return value{kind: truth, truth: func(f *frame) bool { hits, _ := walk(f, 2); return hits == 1 }}
	case "all":
		return value{kind: truth, truth: func(f *frame) bool { hits, size := walk(f, 0); return hits == size }}
	}
	return value{kind: integer, integer: func(f *frame) int64 { hits, _ := walk(f, 0); return int64(hits) }}
}

// param returns the value of a query parameter as sent, "" if it is not there.
func param(query, key string) string {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if k, v, _ := strings.Cut(pair, "="); k == key {
			return v
		}
	}
	return ""
}

// What the functions are for the type checker, and for the test that compares
// the compiled form with the language's own machine. Rules never run them.

func vmLower(args ...any) (any, error) { return strings.ToLower(args[0].(string)), nil }

// vmParam has no call at hand.
func vmParam(...any) (any, error) { return "", nil }

func vmCIDR(args ...any) (any, error) {
	var words []string
	for _, a := range args[1:] {
		words = append(words, a.(string))
	}
	list, err := prefixes(words)
	if err != nil {
		return false, err
	}
	a, err := netip.ParseAddr(args[0].(string))
	return err == nil && within(a, list), nil
}

func vmAny(has func(string, string) bool, args []any) (any, error) {
	list, ok := args[1].([]any)
	if !ok {
		return false, fmt.Errorf("%T is no list", args[1])
	}
	for _, w := range list {
		if has(args[0].(string), fmt.Sprint(w)) {
			return true, nil
		}
	}
	return false, nil
}

func vmContainsAny(args ...any) (any, error)   { return vmAny(strings.Contains, args) }
func vmStartsWithAny(args ...any) (any, error) { return vmAny(strings.HasPrefix, args) }
func vmEndsWithAny(args ...any) (any, error)   { return vmAny(strings.HasSuffix, args) }
