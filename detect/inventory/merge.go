package inventory

import (
	"slices"
)

// Thresholds of generalising weak children into a parameter. Thirty different
// confirmed children are more than almost any hand-written list of literals at
// one place; codes (letters and digits mixed) are hardly ever written by hand,
// so fewer do. Without response shapes, as in logs, the evidence is thinner
// and more is asked.
const (
	mergeWords      = 30
	mergeSlugs      = 15
	mergeCodes      = 6
	mergeWordsBlind = 80
	mergeCodesBlind = 10
	mergeAlike      = 0.8  // share of children that must behave alike
	mergeSingles    = 0.5  // share of children seen once or twice, or…
	mergeFresh      = 0.05 // …share of recent visits that brought a new child
	recentVisits    = 1000
)

// A mergePlan says which children of a place become its parameter.
type mergePlan struct {
	kind kind            // segments of this kind and weaker-looking ones above it
	keep map[string]bool // literals that stay
}

// takes reports whether a segment at a merged place is a value of its
// parameter.
func (n *node) takes(seg string, k kind) bool {
	return !n.keep[seg] && k >= n.mergedKind && !version(seg)
}

// plan looks whether the children of a place have become a parameter, first
// all of them, then those that look less like words.
func (n *node) plan() (mergePlan, bool) {
	for _, k := range [...]kind{word, slug, mixed} {
		if n.merged && n.mergedKind <= k {
			return mergePlan{}, false
		}
		if keep, ok := n.alike(k); ok {
			return mergePlan{kind: k, keep: keep}, true
		}
	}
	return mergePlan{}, false
}

// alike tests the children of kind least and above.
func (n *node) alike(least kind) (keep map[string]bool, ok bool) {
	if len(n.children) < mergeCodes {
		return nil, false
	}
	var group []*node
	keep = map[string]bool{}
	for _, c := range n.sortedChildren() {
		switch {
		case version(c.segment) || c.segment[0] == '{':
			keep[c.segment] = true
		case c.kind >= least:
			group = append(group, c)
		}
	}
	need := [...]int{word: mergeWords, slug: mergeSlugs, mixed: mergeCodes}[least]
	if len(group) < need {
		return nil, false
	}
	major, seen := majority(group)
	if seen*2 < len(group) { // most show no shape
		blind := mergeWordsBlind
		switch least {
		case slug:
			blind = mergeWords
		case mixed:
			blind = mergeCodesBlind
		}
		if len(group) < blind {
			return nil, false
		}
	}
	group = n.without(group, major, keep)
	if len(group) < need {
		return nil, false
	}
	if !conforming(group) || !varied(n, group, least) || constant(group) {
		return nil, false
	}
	return keep, true
}

// majority returns the response sketch that most children share, and how many
// children show one.
func majority(group []*node) (major *sketch, seen int) {
	votes := map[uint64]int{}
	best := 0
	for _, c := range group {
		if !c.sketched {
			continue
		}
		seen++
		votes[c.sketch.hash]++
		if v := votes[c.sketch.hash]; v > best {
			best, major = v, &c.sketch
		}
	}
	return major, seen
}

// without takes out of the group the literals that have a signature of their
// own: another answer, as /users/me, or only a place on the way to something
// that no other child has.
func (n *node) without(group []*node, major *sketch, keep map[string]bool) []*node {
	below := belowAll(group)
	out := group[:0:0]
	for _, c := range group {
		differs := major != nil && c.sketched && !c.sketch.like(major)
		lone := c.kind == word && len(c.ops) == 0 && !common(c, below)
		if differs && c.kind != mixed || lone {
			keep[c.segment] = true
			continue
		}
		out = append(out, c)
	}
	// if many differ, they are no exceptions: there is no parameter
	if float64(len(out)) < mergeAlike*float64(len(group)) {
		return nil
	}
	return out
}

// belowAll counts how many of the group have each literal below them.
func belowAll(group []*node) map[string]int {
	below := map[string]int{}
	for _, c := range group {
		for name := range c.children {
			below[name]++
		}
		if c.param != nil {
			below[param]++
		}
	}
	return below
}

// common reports whether any literal below c stands below another child too.
func common(c *node, below map[string]int) bool {
	for name := range c.children {
		if below[name] > 1 {
			return true
		}
	}
	return c.param != nil && below[param] > 1
}

// conforming reports whether most children have the same things below them and
// are used by the same methods.
func conforming(group []*node) bool {
	below := belowAll(group)
	uses := map[string]int{}
	for _, c := range group {
		for _, e := range c.ops {
			uses[e.method]++
		}
	}
	fits := 0
	for _, c := range group {
		if c.conforms(below, uses, len(group)) {
			fits++
		}
	}
	return float64(fits) >= mergeAlike*float64(len(group))
}

func (n *node) conforms(below, uses map[string]int, size int) bool {
	for name := range n.children {
		// what stands below one child only is a sign of a literal, unless the
		// level below is a parameter in waiting itself
		if below[name] < 2 && n.children[name].kind == word && len(n.children) < mergeCodes {
			return false
		}
	}
	for _, e := range n.ops {
		if uses[e.method]*20 < size {
			return false
		}
	}
	return true
}

// varied reports whether the children keep coming, as values do, rather than
// being a fixed list.
func varied(n *node, group []*node, least kind) bool {
	if least == mixed {
		return true // a fixed list of codes is not seen in practice
	}
	singles := 0
	for _, c := range group {
		if c.visits <= 2 {
			singles++
		}
	}
	return float64(singles) >= mergeSingles*float64(len(group)) || float64(n.fresh) >= mergeFresh*float64(n.recent)
}

// constant reports whether most children gave the very same answer, size and
// all: that is how a server answers paths that do not exist.
func constant(group []*node) bool {
	votes := map[uint64]int{}
	ends, most := 0, 0
	for _, c := range group {
		for _, e := range c.ops {
			if e.good == 0 {
				continue
			}
			ends++
			if a := e.answers[0]; a != 0 {
				votes[a]++
				most = max(most, votes[a])
			}
		}
	}
	return ends > 0 && float64(most) >= mergeAlike*float64(ends)
}

// merge turns the planned children of a place into its parameter.
func (s *Stage) merge(h *host, n *node, plan mergePlan) {
	s.stats.Merged++
	n.merged, n.mergedKind = true, plan.kind
	n.keep = plan.keep
	children := n.sortedChildren()
	major, _ := majority(slices.DeleteFunc(slices.Clone(children), func(c *node) bool { return plan.keep[c.segment] || c.kind < plan.kind }))
	for _, c := range children {
		if plan.keep[c.segment] || c.kind < plan.kind || version(c.segment) {
			if n.keep == nil {
				n.keep = map[string]bool{}
			}
			n.keep[c.segment] = true
			continue
		}
		delete(n.children, c.segment)
		if n.param == nil {
			n.param = c
			c.segment = param
		} else {
			n.param.fold(s, h, c)
			h.nodes--
		}
	}
	if n.param != nil {
		if major != nil { // what its values are answered, and not just the first of them
			n.param.sketch, n.param.sketched = *major, true
		}
		n.param.each(func(c *node) {
			for _, e := range c.ops {
				s.rename(h, e)
			}
			h.expect(c)
		})
	}
}

// fold moves everything at and below o to n.
func (n *node) fold(s *Stage, h *host, o *node) {
	n.visits += o.visits
	n.recent += o.recent
	n.fresh += o.fresh
	if !n.sketched {
		n.sketch, n.sketched = o.sketch, o.sketched
	}
	for _, e := range o.ops {
		if mine := n.op(e.method); mine != nil {
			mine.absorb(e)
			mine.dirty = false
			h.touch(mine)
			s.alias(e.key, mine)
			e.node = nil
		} else {
			e.node = n
			n.ops = append(n.ops, e)
		}
	}
	for _, c := range o.sortedChildren() {
		n.adopt(s, h, c)
	}
	if o.param != nil {
		n.adopt(s, h, o.param)
	}
}

func (n *node) adopt(s *Stage, h *host, c *node) {
	if mine := n.child(c.segment); mine != nil {
		mine.fold(s, h, c)
		h.nodes--
		return
	}
	c.parent = n
	if c.segment == param {
		n.param = c
		return
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	n.children[c.segment] = c
	n.fresh++
}

// rename gives an endpoint the template of its place.
func (s *Stage) rename(h *host, e *endpoint) {
	old := e.key
	e.template = e.node.template()
	e.family = s.family(h.name, e.template)
	e.key = s.key(e.family, e.method)
	s.alias(old, e)
}

func (n *node) template() string {
	if n.parent == nil {
		return "/"
	}
	var list []string
	for ; n.parent != nil; n = n.parent {
		list = append(list, n.segment)
	}
	b := []byte{}
	for _, seg := range slices.Backward(list) {
		b = append(append(b, '/'), seg...)
	}
	return string(b)
}

// expect queues a place to be looked at for a merge when its minute is over.
func (h *host) expect(n *node) {
	if !n.due && len(n.children) >= mergeCodes {
		n.due = true
		h.due = append(h.due, n)
	}
}
