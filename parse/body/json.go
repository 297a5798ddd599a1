package body

import (
	"bytes"

	"lapwing/event"
	"lapwing/parse/classify"
)

// maxDepth bounds the nesting that is described; what lies deeper is skipped.
const maxDepth = 32

// A frame is one object or array that is open.
type frame struct {
	node   int32  // of the object or array
	prev   int32  // the last key of the object
	object uint64 // 0 for an array
	count  int    // elements of the array
	elem   bool   // the object is an element of an array
}

// json reads JSON text without validating it: whatever is well formed is seen
// as encoding/json sees it, whatever is not is read as far as it makes sense.
// Several values after each other (NDJSON) are read as one array.
func (r *Reader) json(d *Doc, s []byte) {
	depth := 0 // frames open
	skip := 0  // brackets open beyond maxDepth or below a key without a node
	node := int32(0)
	i := 0
	for i < len(s) {
		c := s[i]
		if c <= ' ' || c == ',' {
			i++
			continue
		}
		if skip > 0 {
			i = skipTo(s, i, &skip)
			continue
		}
		var f *frame
		if depth > 0 {
			f = &r.stack[depth-1]
		}
		switch c {
		case '}', ']':
			i++
			if f == nil {
				continue
			}
			if f.object == 0 && depth <= 2 {
				d.Items = max(d.Items, f.count)
			}
			if f.object == 0 && f.count == 0 {
				r.note(d, f.node, Array)
			} else if f.object != 0 && f.prev == 0 {
				r.note(d, f.node, Object)
			}
			depth--
			continue
		case ':':
			i++
			continue
		}
		if f != nil && f.object != 0 {
			if c != '"' { // no key: not JSON; look for the next thing that is
				i++
				continue
			}
			id := r.expected(d, f, s[i:])
			if id != 0 {
				n := &r.trie.nodes[id]
				i += len(n.quoted)
				if n.object == f.object {
					d.Flags |= event.FlagDuplicateKeys
				}
				n.object, f.prev = f.object, id
				if i < len(s) && s[i] == ':' {
					i++
				}
				for i < len(s) && (s[i] <= ' ' || s[i] == ':') {
					i++
				}
				if i == len(s) {
					return
				}
			} else {
				key, end, escaped := scanString(s, i+1)
				if end == len(s) && (len(s) == 0 || s[len(s)-1] != '"') {
					return // cut inside a key
				}
				i = end
				if escaped {
					key = d.unescape(key)
				}
				var typed bool
				id, typed = r.child(d, f.node, f.prev, key)
				for i < len(s) && (s[i] <= ' ' || s[i] == ':') {
					i++
				}
				if i == len(s) {
					return
				}
				if id == 0 {
					d.More = true
					i, skip = skipValue(s, i)
					continue
				}
				n := &r.trie.nodes[id]
				if n.object == f.object && !typed && n.key == string(key) {
					d.Flags |= event.FlagDuplicateKeys
				}
				n.object = f.object
				f.prev = id
				if typed {
					d.add(Leaf{Path: n.path, Key: classify.KeyID, Kind: String, Depth: uint8(depth), InKey: true, Value: key})
				}
			}
			node = id
			c = s[i]
		} else if f != nil {
			f.count++
			if node = r.element(d, f.node); node == 0 {
				d.More = true
				i, skip = skipValue(s, i)
				continue
			}
		} else {
			node = 0
		}
		switch c {
		case '{', '[':
			i++
			if depth == maxDepth {
				d.More = true
				skip = 1
				continue
			}
			r.stack[depth] = frame{node: node, elem: f != nil && f.object == 0}
			if c == '{' {
				r.object++
				r.stack[depth].object = r.object
			}
			depth++
		case '"':
			v, end, escaped := scanString(s, i+1)
			i = end
			r.string(d, node, depth, f, v, escaped)
		case '}', ']':
			// A key without a value: the bracket is read again.
		default:
			v, end, kind := scanScalar(s, i)
			if end == i {
				i++
				continue
			}
			i = end
			if kind < Object {
				r.scalar(d, node, depth, f, v, kind)
			}
		}
	}
	for ; depth > 0; depth-- { // a body that was cut still has items
		if f := &r.stack[depth-1]; f.object == 0 && depth <= 2 {
			d.Items = max(d.Items, f.count)
		}
	}
}

// expected returns the node of the key that came next the last time, if s
// begins with it, else 0: elements of lists repeat their keys in one order.
func (r *Reader) expected(d *Doc, f *frame, s []byte) int32 {
	nodes := r.trie.nodes
	id := nodes[f.node].first
	if f.prev != 0 {
		id = nodes[f.prev].next
	}
	if id == 0 {
		return 0
	}
	n := &nodes[id]
	if q := n.quoted; len(q) == 0 || len(s) <= len(q) || string(s[:len(q)]) != q || n.parent != f.node {
		return 0
	}
	return r.touch(d, id)
}

func (r *Reader) string(d *Doc, node int32, depth int, f *frame, v []byte, escaped bool) {
	n := &r.trie.nodes[node]
	if n.kinds&(1<<String) == 0 {
		r.note(d, node, String)
	}
	if n.mean == 0 && len(v) < 6 {
		return
	}
	strong := false
	if len(v) >= 24 && len(v) <= 36 && n.mean&classify.KeyID == 0 {
		// Identifiers that cannot be mistaken count under any name.
		if len(v) == 36 || len(v) == 26 || len(v) == 24 {
			switch classify.Of(v) {
			case classify.FormUUID, classify.FormULID, classify.FormObjectID:
				strong = true
			}
		}
	}
	if escaped {
		v = d.unescape(v)
	}
	d.Sensitive |= classify.SensitiveBeside(v, n.mean, d.Sensitive)
	if n.mean != 0 || strong {
		if depth <= 2 && n.mean&(classify.KeyQuery|classify.KeyMethod) != 0 {
			d.mayGraph, d.jsonrpc = d.mayGraph || n.key != "method", d.jsonrpc || n.key == "method"
		}
		if strong || n.mean&r.want != 0 {
			d.leaf(n, String, depth, f, v, strong)
		}
	} else if len(v) >= 6 && v[0] == 'e' && classify.JWT(v) {
		d.leaf(n, String, depth, f, v, false)
	}
}

func (r *Reader) scalar(d *Doc, node int32, depth int, f *frame, v []byte, kind Kind) {
	n := &r.trie.nodes[node]
	if n.kinds&(1<<kind) == 0 {
		r.note(d, node, kind)
	}
	if n.mean == 0 {
		if kind == Int && len(v) >= 15 && len(v) <= 16 && classify.Card(v) {
			d.Sensitive |= classify.SeesPAN
		}
		return
	}
	if n.mean&(classify.KeyLat|classify.KeyLon) != 0 && kind == Number {
		if dot := bytes.IndexByte(v, '.'); dot >= 0 && len(v)-dot > 4 {
			d.Sensitive |= classify.SeesGeo
		}
	}
	if kind == Int {
		d.Sensitive |= classify.SensitiveBeside(v, n.mean&^classify.KeyPassword, d.Sensitive)
	}
	if kind != Null && n.mean&r.want != 0 {
		d.leaf(n, kind, depth, f, v, false)
	}
}

func (d *Doc) leaf(n *node, k Kind, depth int, f *frame, v []byte, strong bool) {
	if len(d.Leaves) == maxLeaves {
		d.More = true
		return
	}
	if len(d.Leaves) < cap(d.Leaves) {
		d.Leaves = d.Leaves[:len(d.Leaves)+1]
	} else {
		d.Leaves = append(d.Leaves, Leaf{})
	}
	l := &d.Leaves[len(d.Leaves)-1]
	l.Path, l.Key, l.Kind, l.Depth, l.Elem, l.InKey, l.Value = n.path, n.mean, k, uint8(depth), false, false, v
	if strong {
		l.Key |= classify.KeyID
	}
	if f != nil {
		l.Elem = f.elem
		if f.object == 0 { // an element of a list under an identifier's name
			l.Key &^= classify.KeyOwnID
		}
	}
}
