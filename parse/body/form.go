package body

import (
	"bytes"

	"lapwing/event"
	"lapwing/parse/classify"
)

const (
	// maxFields bounds the fields of a form; PHP and Tomcat stop at 1,000.
	maxFields = 1024
	// maxFieldBytes bounds a form value that is looked at.
	maxFieldBytes = 4096
)

// Pairs calls yield for each name=value of a query or a form, still encoded,
// until it returns false or maxFields were seen; it reports whether all were.
// The value is nil if there was no "=".
func Pairs(s []byte, yield func(name, value []byte) bool) bool {
	for n := 0; len(s) > 0; n++ {
		if n == maxFields {
			return false
		}
		pair := s
		if i := bytes.IndexByte(s, '&'); i >= 0 {
			pair, s = s[:i], s[i+1:]
		} else {
			s = nil
		}
		if len(pair) == 0 {
			continue
		}
		name, value, _ := bytes.Cut(pair, []byte("="))
		if !yield(name, value) {
			return true
		}
	}
	return true
}

// PercentDecode appends s with %XX undone, and with '+' as a blank if plus is
// set. A broken escape stays as it is.
func PercentDecode(dst, s []byte, plus bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+' && plus:
			c = ' '
		case c == '%' && i+2 < len(s):
			hi, lo := hexByte(s[i+1]), hexByte(s[i+2])
			if hi < 16 && lo < 16 {
				c = hi<<4 | lo
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

func hexByte(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

func (r *Reader) form(d *Doc, s []byte) {
	prev := int32(0)
	r.object++
	all := Pairs(s, func(name, value []byte) bool {
		if len(name) > 4*maxNameBytes || len(value) > maxFieldBytes {
			d.More = true
			return true
		}
		prev = r.field(d, prev, d.percentDecode(name), d.percentDecode(value), String)
		return true
	})
	d.More = d.More || !all
}

func (d *Doc) percentDecode(s []byte) []byte {
	if bytes.IndexByte(s, '%') < 0 && bytes.IndexByte(s, '+') < 0 {
		return s
	}
	start := len(d.text)
	d.text = PercentDecode(d.text, s, true)
	return d.text[start:len(d.text):len(d.text)]
}

// field notes one flat field of a form and returns its node.
func (r *Reader) field(d *Doc, prev int32, name, value []byte, k Kind) int32 {
	id, _ := r.child(d, 0, prev, name)
	if id == 0 {
		d.More = true
		return prev
	}
	n := &r.trie.nodes[id]
	if n.object == r.object && k != File && !bytes.HasSuffix(name, []byte("[]")) {
		d.Flags |= event.FlagDuplicateKeys
	}
	n.object = r.object
	if k == String {
		if _, ok := classify.Int(value); ok {
			k = Int
		}
	}
	r.note(d, id, k)
	if k == File {
		return id
	}
	mean := n.mean
	d.Sensitive |= classify.SensitiveOf(value, mean)
	if mean == 0 {
		f := classify.Of(value)
		if f.Secret() || f == classify.FormUUID || f == classify.FormULID || f == classify.FormObjectID || f == classify.FormEmail {
			l := Leaf{Path: n.path, Key: classify.KeyID, Kind: k, Depth: 1, Value: value}
			if f.Secret() || f == classify.FormEmail {
				l.Key = 0
			}
			d.add(l)
		}
		return id
	}
	d.add(Leaf{Path: n.path, Key: mean, Kind: k, Depth: 1, Value: value})
	return id
}
