package body

import (
	"bytes"
	"encoding/binary"
	"math/bits"

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

// scanString returns the text from i to the closing quote, what comes after it,
// and whether there are escapes in between. Eight bytes are looked at at once.
func scanString(s []byte, i int) (text []byte, end int, escaped bool) {
	start := i
	for {
		for i+8 <= len(s) {
			w := binary.LittleEndian.Uint64(s[i:])
			if m := hasByte(w, '"') | hasByte(w, '\\'); m != 0 {
				i += bits.TrailingZeros64(m) >> 3
				break
			}
			i += 8
		}
		for i < len(s) && s[i] != '"' && s[i] != '\\' {
			i++
		}
		if i >= len(s) {
			return s[start:], len(s), escaped
		}
		if s[i] == '"' {
			return s[start:i], i + 1, escaped
		}
		escaped = true
		if i += 2; i > len(s) {
			i = len(s)
		}
	}
}

// hasByte sets the top bit of each byte of w that equals c; bytes above the
// first hit may be wrong, which does not matter to who asks for the first.
func hasByte(w uint64, c byte) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	x := w ^ ones*uint64(c)
	return (x - ones) &^ x & tops
}

// What a byte may be to a scalar: its end, a digit, or neither.
const (
	byteEnd = 1 + iota
	byteDigit
)

var scalarBytes = func() (t [256]uint8) {
	for c := range ' ' + 1 {
		t[c] = byteEnd
	}
	for _, c := range ",}]:\"{[" {
		t[c] = byteEnd
	}
	for c := '0'; c <= '9'; c++ {
		t[c] = byteDigit
	}
	return t
}()

// scanScalar returns the text of a number or literal from i on, its end, and
// its kind: Object if it is neither.
func scanScalar(s []byte, i int) (text []byte, end int, k Kind) {
	start := i
	switch c := s[i]; {
	case scalarBytes[c] == byteDigit || c == '-':
		k = Int
		for i++; i < len(s) && scalarBytes[s[i]] == byteDigit; i++ {
		}
		if i < len(s) && scalarBytes[s[i]] != byteEnd {
			k = Number
		}
	case c == 't' || c == 'f':
		k = Bool
	case c == 'n':
		k = Null
	default:
		k = Object
	}
	for i < len(s) && scalarBytes[s[i]] != byteEnd {
		i++
	}
	return s[start:i], i, k
}

// skipValue passes over a scalar, or over the bracket that opens a value whose
// end skipTo finds.
func skipValue(s []byte, i int) (end, open int) {
	switch s[i] {
	case '{', '[':
		return i + 1, 1
	case '"':
		_, end, _ = scanString(s, i+1)
		return end, 0
	case '}', ']':
		return i, 0
	}
	if _, end, _ = scanScalar(s, i); end == i {
		end++
	}
	return end, 0
}

// skipTo passes over text inside skipped brackets until all are closed.
func skipTo(s []byte, i int, open *int) int {
	for i < len(s) && *open > 0 {
		switch s[i] {
		case '{', '[':
			*open++
		case '}', ']':
			*open--
		case '"':
			_, i, _ = scanString(s, i+1)
			continue
		}
		i++
	}
	return i
}
