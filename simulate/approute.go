package simulate

import (
	"strings"
)

// routeNode is one place in the tree of paths.
type routeNode struct {
	literal map[string]*routeNode
	any     *routeNode
	ops     []*operation
}

func (n *routeNode) child(seg string) *routeNode {
	if seg == ":" {
		if n.any == nil {
			n.any = &routeNode{}
		}
		return n.any
	}
	if n.literal == nil {
		n.literal = map[string]*routeNode{}
	}
	c := n.literal[seg]
	if c == nil {
		c = &routeNode{}
		n.literal[seg] = c
	}
	return c
}

func (a *application) buildRoutes() {
	a.byRoot = &routeNode{}
	for _, op := range a.ops {
		if op.name != "" && a.style.api != apiMethodPath {
			continue // has no path of its own
		}
		n := a.byRoot
		for seg := range strings.SplitSeq(strings.TrimPrefix(strings.Join(op.parts, ""), "/"), "/") {
			n = n.child(seg)
		}
		n.ops = append(n.ops, op)
	}
}

// route finds the operation of a method and path, and the identifiers in it.
// there says that the path is known, if only for other methods.
func (a *application) route(method, path string) (op *operation, ids [2]string, there bool) {
	path, _, _ = strings.Cut(path, "?")
	path = strings.TrimPrefix(path, "/")
	node, found := walk(a.byRoot, path, &ids, 0)
	if !found {
		return nil, ids, false
	}
	for _, op := range node.ops {
		if op.method == method || method == "HEAD" && op.method == "GET" {
			return op, ids, true
		}
	}
	return nil, ids, true
}

func walk(n *routeNode, path string, ids *[2]string, got int) (*routeNode, bool) {
	seg, rest, more := strings.Cut(path, "/")
	if c := n.literal[seg]; c != nil {
		if !more && len(c.ops) > 0 {
			return c, true
		}
		if more {
			if end, ok := walk(c, rest, ids, got); ok {
				return end, true
			}
		}
	}
	if n.any == nil || seg == "" || got == len(ids) {
		return nil, false
	}
	ids[got] = seg
	if !more {
		return n.any, len(n.any.ops) > 0
	}
	return walk(n.any, rest, ids, got+1)
}
