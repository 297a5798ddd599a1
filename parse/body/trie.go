package body

import (
	"bytes"
	"strings"

	"lapwing/parse/classify"
)

const (
	// maxNodes bounds the key paths remembered, about 250 bytes each: 4 MiB. When
	// it is reached all are forgotten before the next body.
	maxNodes = 16384
	// maxBodyNodes bounds the key paths of one body, so that what is noted of it
	// does not depend on the bodies before it.
	maxBodyNodes = 4096
	// maxPathBytes bounds a key path; deeper ones end in "…".
	maxPathBytes = 256
	// maxNameBytes bounds one key in a path; a longer one is data, not a name.
	maxNameBytes = 64
)

// A trie holds every key path met. Each node remembers which key followed it
// last time: messages of one program repeat their order, so that the next key
// is usually recognised by one comparison, without hashing.
type trie struct {
	nodes  []node
	lookup map[string]int32 // parent and key
	root   uint64           // hash of the empty path
	buf    []byte
}

type node struct {
	parent int32
	next   int32 // the key that last followed this one
	first  int32 // the key that last came first inside this one
	elem   int32 // its array elements
	mean   classify.Key
	object uint64 // the last object that had this key
	hash   uint64 // of path
	gen    uint32
	kinds  uint16
	key    string
	quoted string // the key as it stands in JSON text; "" if it needs escapes
	path   string
}

func (t *trie) reset() {
	t.nodes = append(t.nodes[:0], node{hash: t.root})
	t.lookup = map[string]int32{}
}

func (t *trie) full() bool { return len(t.nodes) >= maxNodes/2 }

// child finds the node of a key below parent, which came after the key prev (0
// at the start of an object). It returns 0 when there is no room for a new one.
// typed is set if the key is itself an identifier.
func (r *Reader) child(d *Doc, parent, prev int32, key []byte) (id int32, typed bool) {
	t := &r.trie
	guess := &t.nodes[parent].first
	if prev != 0 {
		guess = &t.nodes[prev].next
	}
	if *guess != 0 {
		if n := &t.nodes[*guess]; n.key == string(key) && n.parent == parent {
			return r.touch(d, *guess), false
		}
	}
	name := key
	if len(key) > maxNameBytes {
		name = []byte("{long}")
	} else if f := classify.Of(key); f != classify.FormWord && f != classify.FormSlug {
		// Data in the place of a name: {"42": {…}}, {"ava@example.com": …}. It
		// would flood the paths, and must not travel.
		if s := f.Typed(); s != "" {
			name, typed = []byte(s), f != classify.FormDecimal && f != classify.FormDate
		}
	}
	t.buf = append(t.buf[:0], byte(parent), byte(parent>>8), byte(parent>>16))
	t.buf = append(t.buf, name...)
	id, ok := t.lookup[string(t.buf)]
	if !ok {
		if len(t.nodes) >= maxNodes {
			return 0, typed
		}
		id = int32(len(t.nodes))
		t.lookup[string(t.buf)] = id
		p := &t.nodes[parent]
		n := node{parent: parent, key: string(name), path: join(p.path, string(name))}
		if bytes.IndexByte(name, '"') < 0 && bytes.IndexByte(name, '\\') < 0 {
			n.quoted = `"` + n.key + `"`
		}
		n.mean = r.keys.Of(name)
		if p.mean&classify.KeyCard != 0 && n.mean&classify.KeyID != 0 { // card: {number: …}
			n.mean |= classify.KeyCard
		}
		if p.mean&classify.KeyOwner != 0 && strings.HasSuffix(strings.ToLower(n.key), "mail") { // user: {email: …}
			n.mean |= classify.KeyOwner
		}
		n.hash = r.hash([]byte(n.path))
		t.nodes = append(t.nodes, n)
		guess = &t.nodes[parent].first // append may have moved the nodes
		if prev != 0 {
			guess = &t.nodes[prev].next
		}
	}
	*guess = id
	return r.touch(d, id), typed
}

// touch counts a node as part of this body; it returns 0 beyond the bound.
func (r *Reader) touch(d *Doc, id int32) int32 {
	n := &r.trie.nodes[id]
	if n.gen == d.gen {
		return id
	}
	if d.nodes == maxBodyNodes {
		return 0
	}
	d.nodes++
	n.gen, n.kinds = d.gen, 0
	return id
}

// element returns the node of the elements of an array; 0 if there is no room.
func (r *Reader) element(d *Doc, parent int32) int32 {
	t := &r.trie
	if id := t.nodes[parent].elem; id != 0 {
		return r.touch(d, id)
	}
	if len(t.nodes) >= maxNodes {
		return 0
	}
	p := &t.nodes[parent]
	n := node{parent: parent, key: "\x00", path: p.path + "[]", mean: p.mean}
	if len(p.path) > maxPathBytes {
		n.path = p.path
	}
	n.hash = r.hash([]byte(n.path))
	id := int32(len(t.nodes))
	t.nodes = append(t.nodes, n)
	t.nodes[parent].elem = id
	return r.touch(d, id)
}

func join(path, name string) string {
	switch {
	case len(path)+len(name) > maxPathBytes:
		if len(path) > 0 && path[len(path)-1] == 0xa6 { // the last byte of "…"
			return path
		}
		return path + ".…"
	case path == "":
		return name
	}
	return path + "." + name
}
