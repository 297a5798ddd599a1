package inventory

import (
	"strings"

	"lapwing/detect/spec"
	"lapwing/event"
)

// A pathBuffer holds the segments of the path at hand; it is reused from call
// to call.
type pathBuffer struct {
	segments []string // as the template would have them: literal or {id}
	raw      []string
	kinds    []kind
	text     []byte
	shapes   []string
}

// A place is where a call belongs.
type place struct {
	endpoint *endpoint       // nil if nothing is known there
	op       *spec.Operation // the described operation, if there is one
	template string          // of a described path whose method is not described
	node     *node           // the place in the tree, nil if none is there yet
	parent   *node           // the place one up, nil likewise
	covered  bool            // a description is about this host
	inTree   bool            // the place is one of the tree, not of a description
	buf      *pathBuffer
}

// text returns the template.
func (p *place) text() string {
	switch {
	case p.endpoint != nil:
		return p.endpoint.template
	case p.op != nil:
		return p.op.Template
	case p.template != "":
		return p.template
	}
	return string(p.buf.text)
}

// locate finds the place of a call: in the descriptions, else in the tree of
// what was learned.
func (s *Stage) locate(h *host, name, method, path string, c *event.Call) place {
	p := place{buf: &s.path}
	if s.specs.Len() > 0 {
		p.covered = s.covers(h, name)
		if p.covered {
			var m spec.Match
			if h != nil && h.byLikeness() {
				m = s.specs.LookupAnywhere(method, path)
			} else {
				m = s.specs.LookupCanonical(name, method, path)
			}
			if m.Op != nil {
				var e *endpoint
				if h != nil {
					e = h.documented[m.Op]
				}
				if e == nil || !e.disguises(path) {
					p.op, p.endpoint = m.Op, e
					return p
				}
			} else if m.Template != "" {
				p.template = m.Template
				if h != nil {
					p.endpoint = h.undescribed[undescribedKey{method, m.Template}]
				}
				return p
			}
		}
	}
	p.inTree = true
	shape := c.PathShape
	if path != c.Path {
		shape = spec.Canonical(shape)
	}
	s.path.split(path, shape)
	var n *node
	if h != nil {
		n = h.root
	}
	buf := &s.path
	buf.text = buf.text[:0]
	end := 0 // of the segment, in path
	for i, seg := range buf.raw {
		at := seg
		end += 1 + len(seg)
		if buf.kinds[i] == strong {
			at = param
			if stem, format := cutFormat(seg); format != "" && stem != "" && i == len(buf.raw)-1 {
				at = param + format
			}
		} else if n != nil && n.merged && n.takes(seg, buf.kinds[i]) {
			at = param
		} else if p.covered && i < len(buf.raw)-1 && unlikeWord(seg) && s.describesParam(h, name, method, path, end) {
			at = param
		}
		buf.segments[i] = at
		buf.text = append(append(buf.text, '/'), at...)
		p.parent = n
		if n != nil {
			n = n.child(at)
		}
	}
	if len(buf.raw) == 0 {
		buf.text = append(buf.text, '/')
	}
	p.node = n
	if n != nil {
		p.endpoint = n.op(method)
	}
	return p
}

// describesParam reports that path up to end fits a description that has a
// parameter last: what stands below /orders/{id} and is not described is below
// a parameter all the same.
func (s *Stage) describesParam(h *host, name, method, path string, end int) bool {
	if end > len(path) || path[0] != '/' {
		return false
	}
	var m spec.Match
	if h != nil && h.byLikeness() {
		m = s.specs.LookupAnywhere(method, path[:end])
	} else {
		m = s.specs.LookupCanonical(name, method, path[:end])
	}
	t := m.Template
	if m.Op != nil {
		t = m.Op.Template
	}
	return strings.HasSuffix(t, "}") && t[strings.LastIndexByte(t, '/')+1] == '{'
}

// unlikeWord reports that a segment has a digit, or letters of both cases: it
// may be a value, where a word or words-with-dashes may be a place of its own.
func unlikeWord(s string) bool {
	lower, upper := false, false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			return true
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= 'A' && c <= 'Z':
			upper = true
		}
	}
	return lower && upper
}

func (n *node) op(method string) *endpoint {
	for _, e := range n.ops {
		if e.method == method {
			return e
		}
	}
	return nil
}

// split cuts a canonical path into segments and classifies each. Segments
// beyond the depth limit count as one identifier.
func (b *pathBuffer) split(path, shape string) {
	b.raw, b.kinds, b.segments = b.raw[:0], b.kinds[:0], b.segments[:0]
	b.shapes = b.shapes[:0]
	if shape != "" && shape != "/" {
		b.shapes = cut(b.shapes, shape)
	}
	b.raw = cut(b.raw, path)
	for i, seg := range b.raw {
		k := strong
		if len(b.shapes) != len(b.raw) || b.shapes[i] == seg || !strings.HasPrefix(b.shapes[i], "{") { // the sensor knows no better
			k = kindOf(seg)
			if i == len(b.raw)-1 && k != strong {
				if stem, format := cutFormat(seg); format != "" && kindOf(stem) == strong {
					k = strong
				}
			}
			if k == strong && i < 2 && len(seg) == 10 && seg[4] == '-' {
				k = word // a date at the front is a version
			}
		}
		if k == strong && len(seg) <= 2 && i > 0 && b.raw[i-1] == "api" && i < len(b.raw)-1 && '0' <= seg[0] && seg[0] <= '9' {
			k = word // /rest/api/2/…: a version without its v
		}
		if i == maxDepth-1 && len(b.raw) > maxDepth {
			k = strong
		}
		b.kinds = append(b.kinds, k)
		b.segments = append(b.segments, seg)
		if i == maxDepth-1 {
			b.raw = b.raw[:maxDepth]
			break
		}
	}
}

// maxCut bounds the segments looked at in one path.
const maxCut = 64

func cut(list []string, path string) []string {
	path = strings.TrimPrefix(path, "/")
	for path != "" && len(list) < maxCut {
		var seg string
		seg, path, _ = strings.Cut(path, "/")
		list = append(list, seg)
	}
	return list
}

// disguiseAfter firm identifiers in a row make a plain word in their place
// stand out.
const disguiseAfter = 20

// disguises reports whether a path that fits the template of a described
// operation is more likely another endpoint: the description says "a string",
// all callers send identifiers, and here stands a plain word, as in
// /orders/export beside /orders/{orderId}.
func (e *endpoint) disguises(path string) bool {
	if e.firm < disguiseAfter || e.firm < disguiseAfter*e.weak {
		return false
	}
	last, ok := lastValue(e.template, path)
	return ok && plain(last)
}

// lastValue returns the last segment of path if the template has a parameter
// there.
func lastValue(template, path string) (string, bool) {
	if !strings.HasSuffix(template, "}") || template[strings.LastIndexByte(template, '/')+1] != '{' {
		return "", false
	}
	return path[strings.LastIndexByte(path, '/')+1:], true
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return len(s) >= 3
}
