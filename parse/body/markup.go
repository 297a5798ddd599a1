package body

import (
	"bytes"
	"html"

	"lapwing/parse/classify"
)

const (
	// maxTags bounds the tags read of a document.
	maxTags = 8192
	// maxLinks bounds the links kept of a page.
	maxLinks = 512
	// maxTitleBytes bounds the title of a page.
	maxTitleBytes = 128
)

// xml reads element names and short texts without resolving anything: no
// entities but the five of XML itself, no documents beyond this one.
func (r *Reader) xml(d *Doc, s []byte) {
	var nodes [maxDepth]int32
	depth, root, soap := 0, int32(0), false
	for tags := 0; tags < maxTags; tags++ {
		i := bytes.IndexByte(s, '<')
		if i < 0 || i+1 >= len(s) {
			return
		}
		s = s[i+1:]
		if s[0] == '?' || s[0] == '!' {
			s = skipMarkup(s)
			continue
		}
		end := bytes.IndexByte(s, '>')
		if end < 0 {
			return
		}
		tag := s[:end]
		s = s[end+1:]
		if len(tag) > 0 && tag[0] == '/' {
			depth = max(depth-1, 0)
			continue
		}
		empty := len(tag) > 0 && tag[len(tag)-1] == '/'
		name := localName(tag)
		if len(name) == 0 {
			continue
		}
		if name = name[:min(len(name), maxNameBytes)]; string(name) == "Envelope" && depth == 0 {
			soap = true
		} else if depth == 2 && soap && d.Operation == "" && r.trie.nodes[nodes[1]].key == "Body" {
			d.Operation = string(name)
		}
		if depth >= maxDepth {
			d.More = true
			return
		}
		parent := root
		if depth > 0 {
			parent = nodes[depth-1]
		}
		id, _ := r.child(d, parent, 0, name)
		if id == 0 {
			d.More = true
			return
		}
		text := s
		if next := bytes.IndexByte(s, '<'); next >= 0 {
			text = s[:next]
		}
		text = bytes.TrimSpace(text)
		if !empty && len(text) > 0 && len(text) <= maxFieldBytes {
			r.textLeaf(d, id, depth+1, text)
		}
		if !empty {
			nodes[depth] = id
			depth++
		}
	}
	d.More = true
}

func (r *Reader) textLeaf(d *Doc, id int32, depth int, text []byte) {
	if bytes.IndexByte(text, '&') >= 0 {
		text = []byte(html.UnescapeString(string(text)))
	}
	n := &r.trie.nodes[id]
	k := String
	if _, ok := classify.Int(text); ok {
		k = Int
	}
	r.note(d, id, k)
	d.Sensitive |= classify.SensitiveOf(text, n.mean)
	if n.mean != 0 {
		d.add(Leaf{Path: n.path, Key: n.mean, Kind: k, Depth: uint8(depth), Value: text})
	}
}

// localName returns the name of a tag without its namespace prefix.
func localName(tag []byte) []byte {
	for i, c := range tag {
		if c <= ' ' || c == '/' {
			tag = tag[:i]
			break
		}
	}
	return tag[bytes.IndexByte(tag, ':')+1:]
}

// skipMarkup passes over a comment, CDATA, declaration or instruction.
func skipMarkup(s []byte) []byte {
	end := ">"
	switch {
	case bytes.HasPrefix(s, []byte("!--")):
		end = "-->"
	case bytes.HasPrefix(s, []byte("![CDATA[")):
		end = "]]>"
	case s[0] == '?':
		end = "?>"
	}
	i := bytes.Index(s, []byte(end))
	if i < 0 {
		return nil
	}
	return s[i+len(end):]
}

// html takes the title and the links of a page; its text says nothing.
func (r *Reader) html(d *Doc, s []byte) {
	links, tags := 0, 0
	for ; tags < maxTags; tags++ {
		i := bytes.IndexByte(s, '<')
		if i < 0 || i+1 >= len(s) {
			break
		}
		s = s[i+1:]
		if bytes.HasPrefix(s, []byte("!--")) {
			s = skipMarkup(s)
			continue
		}
		end := bytes.IndexByte(s, '>')
		if end < 0 {
			break
		}
		tag := s[:end]
		s = s[end+1:]
		switch {
		case len(tag) >= 5 && bytes.EqualFold(tag[:5], []byte("title")) && d.Title == nil:
			if i := bytes.IndexByte(s, '<'); i >= 0 {
				d.Title = bytes.TrimSpace(s[:min(i, maxTitleBytes)])
			}
		case len(tag) >= 6 && bytes.EqualFold(tag[:6], []byte("script")):
			if i := bytes.Index(s, []byte("</")); i >= 0 {
				s = s[i:]
			}
		default:
			if href := attribute(tag); len(href) > 0 && links < maxLinks {
				links++
				d.add(Leaf{Path: "href", Key: classify.KeyLink, Kind: String, Depth: 1, Value: href})
			}
		}
	}
	d.More = d.More || tags == maxTags || links == maxLinks
}

// attribute returns the value of a tag's href.
func attribute(tag []byte) []byte {
	i := bytes.Index(tag, []byte("href="))
	if i < 1 || tag[i-1] > ' ' {
		return nil
	}
	v := tag[i+5:]
	if len(v) > 1 && (v[0] == '"' || v[0] == '\'') {
		if end := bytes.IndexByte(v[1:], v[0]); end >= 0 {
			return v[1 : 1+end]
		}
		return nil
	}
	if end := bytes.IndexAny(v, " \t\r\n/"); end > 0 && v[0] != '/' {
		return v[:end]
	}
	if end := bytes.IndexAny(v, " \t\r\n"); end >= 0 {
		return v[:end]
	}
	return v
}
