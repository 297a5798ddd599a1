package spec

import (
	"strings"
)

// maxSteps bounds the backtracking of one match. Real descriptions need one
// step a segment; only a description that repeats the same ambiguous prefix
// many times gets here, and then the path counts as not described.
const maxSteps = 4096

// maxSegments bounds the depth of templates and of paths that are matched.
const maxSegments = 64

// A node is a place in the tree of templates, one segment below its parent.
type node struct {
	literal map[string]*node
	partial []partial // segments of text and parameters: {list}.json, {id}:cancel
	param   *node     // a segment that is all parameter
	rest    *node     // the remaining segments: {path+}
	ops     []*Operation
	path    string // some template that ends here
}

// A partial is a segment with text around its parameters.
type partial struct {
	text  string   // as written, for equality
	parts []string // literal parts around the parameters
	size  int      // literal characters: more is more specific
	next  *node
}

// typedSegment is a path parameter whose schema says that a plain word cannot
// be its value.
type typedSegment struct {
	index int // of the segment
}

func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}

func (n *node) insert(template string, op *Operation) {
	for _, seg := range segments(Canonical(template)) {
		n = n.child(seg)
	}
	n.path = op.Template
	for _, o := range n.ops {
		if o.Method == op.Method && sameHosts(o.hosts, op.hosts) {
			return // the first wins, as in the document
		}
	}
	n.ops = append(n.ops, op)
}

func sameHosts(a, b []hostPattern) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].String() != b[i].String() {
			return false
		}
	}
	return true
}

func (n *node) child(seg string) *node {
	parts, ok := splitParams(seg)
	switch {
	case !ok:
		if n.literal == nil {
			n.literal = map[string]*node{}
		}
		c := n.literal[seg]
		if c == nil {
			c = &node{}
			n.literal[seg] = c
		}
		return c
	case len(parts) == 2 && parts[0] == "" && parts[1] == "":
		if isRest(seg) {
			if n.rest == nil {
				n.rest = &node{}
			}
			return n.rest
		}
		if n.param == nil {
			n.param = &node{}
		}
		return n.param
	}
	text := strings.Join(parts, wildcard)
	for i := range n.partial {
		if n.partial[i].text == text {
			return n.partial[i].next
		}
	}
	p := partial{text: text, parts: parts, size: len(text) - len(parts) + 1, next: &node{}}
	at := len(n.partial)
	for at > 0 && n.partial[at-1].size < p.size {
		at--
	}
	n.partial = append(n.partial, partial{})
	copy(n.partial[at+1:], n.partial[at:])
	n.partial[at] = p
	return p.next
}

// isRest recognises a parameter that swallows the remaining path, as gateways
// write it: {proxy+}, {path*}, {name=**}.
func isRest(seg string) bool {
	return strings.HasSuffix(seg, "+}") || strings.HasSuffix(seg, "*}")
}

// splitParams returns the literal parts of a segment around its parameters;
// ok is false if it has none.
func splitParams(seg string) (parts []string, ok bool) {
	for {
		i := strings.IndexByte(seg, '{')
		if i < 0 {
			break
		}
		j := strings.IndexByte(seg[i:], '}')
		if j < 0 {
			break
		}
		parts, ok = append(parts, seg[:i]), true
		seg = seg[i+j+1:]
	}
	return append(parts, seg), ok
}

// fits reports whether seg has the literal parts in order, with something for
// every parameter.
func (p *partial) fits(seg string) bool {
	h := hostPattern{parts: p.parts, wild: true}
	return seg != "" && h.matches(seg)
}

// A search is one match under way.
type search struct {
	host   string
	any    bool // every host
	method string
	path   string // all of it
	steps  int
	near   string // template of a path that fits without the method
}

func (s *Spec) lookup(host, method, path string, anywhere bool) Match {
	if s.root == nil {
		return Match{}
	}
	q := search{host: host, any: anywhere, method: method, path: path}
	if op := q.walk(s.root, path, 0); op != nil {
		return Match{Template: op.Template, Op: op, Spec: s}
	}
	if method == "HEAD" {
		q.method, q.steps = "GET", 0
		if op := q.walk(s.root, path, 0); op != nil {
			return Match{Template: op.Template, Op: op, Spec: s}
		}
	}
	if q.near != "" {
		return Match{Template: q.near, Spec: s}
	}
	return Match{}
}

// walk matches what is left of the path below n: literal segments first, then
// mixed ones by their literal length, then parameters.
func (q *search) walk(n *node, left string, depth int) *Operation {
	if q.steps++; q.steps > maxSteps || depth > maxSegments {
		return nil
	}
	if left == "" || left == "/" {
		return q.operation(n)
	}
	seg, rest := left[1:], ""
	if i := strings.IndexByte(seg, '/'); i >= 0 {
		seg, rest = seg[:i], seg[i:]
	}
	if c := n.literal[seg]; c != nil {
		if op := q.walk(c, rest, depth+1); op != nil {
			return op
		}
	}
	for i := range n.partial {
		if n.partial[i].fits(seg) {
			if op := q.walk(n.partial[i].next, rest, depth+1); op != nil {
				return op
			}
		}
	}
	if n.param != nil {
		if op := q.walk(n.param, rest, depth+1); op != nil {
			return op
		}
	}
	if n.rest != nil {
		return q.operation(n.rest)
	}
	return nil
}

func (q *search) operation(n *node) *Operation {
	for _, op := range n.ops {
		if !q.hostFits(op) || !op.takes(q.path) {
			continue
		}
		if op.Method == q.method {
			return op
		}
		if q.near == "" {
			q.near = op.Template
		}
	}
	return nil
}

func (q *search) hostFits(op *Operation) bool {
	if q.any || q.host == "" || len(op.hosts) == 0 {
		return true
	}
	for i := range op.hosts {
		if op.hosts[i].matches(q.host) {
			return true
		}
	}
	return false
}

// takes reports whether the values in path can be the operation's parameters.
// Descriptions are often sloppy about types, so only one contradiction counts:
// a plain word where a number or a UUID is declared. /orders/export is then
// not GET /orders/{orderId}.
func (o *Operation) takes(path string) bool {
	for _, t := range o.typed {
		if plainWord(segmentAt(path, t.index)) {
			return false
		}
	}
	return true
}

func segmentAt(path string, index int) string {
	for range index {
		i := strings.IndexByte(path[1:], '/')
		if i < 0 {
			return ""
		}
		path = path[1+i:]
	}
	path = path[1:]
	if i := strings.IndexByte(path, '/'); i >= 0 {
		path = path[:i]
	}
	return path
}

// plainWord reports whether s is made of letters, "-" and "_" only, at least
// three letters, and is no pseudonym, which may stand for any value.
func plainWord(s string) bool {
	if len(s) < 3 || strings.HasPrefix(s, "nm-") || strings.HasPrefix(s, "tok-") {
		return false
	}
	for i := range len(s) {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return true
}
