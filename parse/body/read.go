package body

import (
	"bytes"
	"slices"

	"lapwing/event"
	"lapwing/parse/classify"
)

const (
	// maxLeaves bounds the leaves kept of one body; 256 of them can become
	// identifiers, the rest is room for the better ones further on.
	maxLeaves = 2048
	// maxSeen bounds the distinct (key, type) pairs noted of one body. Beyond it
	// the shape's hash covers the first ones only.
	maxSeen = 1024
	// maxKeys is what event.BodyShape.Keys may hold.
	maxKeys = 64
	// maxShapes bounds the key lists remembered by hash, each up to some 4 KiB
	// and usually 500 bytes: 2 to 16 MiB. When it is reached all are forgotten.
	maxShapes = 4096
)

// Kind is the type of a leaf as it is written into a shape.
type Kind uint8

const (
	String Kind = iota
	Int
	Number
	Bool
	Null
	Object // only an empty one is a leaf
	Array  // only an empty one is a leaf
	File   // an uploaded file
)

var kindNames = [...]string{"string", "int", "number", "bool", "null", "object", "array", "file"}

func (k Kind) String() string { return kindNames[k] }

// A Leaf is one value whose name or look means something.
type Leaf struct {
	Path  string       // dotted key path, [] for array elements
	Key   classify.Key // what the last name in it means
	Kind  Kind
	Depth uint8 // objects and arrays around it
	Elem  bool  // its object is an element of an array
	InKey bool  // the value is itself a key: {"42": {…}}
	Value []byte
}

// A Doc describes one body. It is reused from Read to Read.
type Doc struct {
	Type      string // as event.BodyShape has it
	Operation string // operation named inside: "query Foo", a JSON-RPC or SOAP method
	Leaves    []Leaf
	Keys      []string // shared: not to be changed
	Hash      uint64
	Items     int
	Sensitive classify.Sensitive
	Title     []byte      // of an HTML page
	Flags     event.Flags // FlagDuplicateKeys
	More      bool        // leaves were left out

	seen     []seen
	gen      uint32
	nodes    int    // key paths met
	text     []byte // unescaped values
	jsonrpc  bool
	mayGraph bool
}

type seen struct {
	node int32
	kind Kind
}

// A Reader reads bodies. It remembers key paths and shapes it has met.
type Reader struct {
	keys *classify.Keys
	hash func([]byte) uint64

	trie   trie
	shapes map[uint64][]string
	gen    uint32
	object uint64 // counts objects, to notice a key twice in one
	want   classify.Key
	ofJSON uint64 // hash of the type that most bodies have
	stack  [maxDepth]frame
}

// NewReader returns a Reader that asks keys what names mean and hashes shapes
// with hash, which must be a pure function.
func NewReader(keys *classify.Keys, hash func([]byte) uint64) *Reader {
	r := &Reader{keys: keys, hash: hash, shapes: map[uint64][]string{}, ofJSON: hash([]byte("json"))}
	r.trie.root = hash(nil) // not 0: a text alone must not hash as nothing at all
	r.trie.reset()
	return r
}

// inResponse are the meanings of leaves that matter in a response; who logs in,
// and with what, only a request tells.
const inResponse = classify.KeyID | classify.KeyOwnID | classify.KeyLink | classify.KeyOutcome | classify.KeyMint | classify.KeyQuery | classify.KeyMethod | classify.KeyOwner

// Read describes data, the body of a request whose media type is said to be
// contentType, into d.
func (r *Reader) Read(d *Doc, contentType, data []byte) {
	r.want = ^classify.Key(0)
	r.read(d, contentType, data)
}

// ReadResponse is Read for the body of a response: JSON leaves that identify,
// link to, hand out or report nothing are left out.
func (r *Reader) ReadResponse(d *Doc, contentType, data []byte) {
	r.want = inResponse
	r.read(d, contentType, data)
}

func (r *Reader) read(d *Doc, contentType, data []byte) {
	r.gen++
	if r.trie.full() {
		r.trie.reset()
	}
	*d = Doc{Leaves: d.Leaves[:0], seen: d.seen[:0], text: d.text[:0], gen: r.gen}
	r.touch(d, 0)
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(data) == 0 {
		return
	}
	switch d.Type = kindOf(contentType, data); d.Type {
	case "json":
		r.json(d, data)
	case "form":
		r.form(d, data)
	case "multipart":
		r.multipart(d, contentType, data)
	case "xml":
		r.xml(d, data)
	case "html":
		r.html(d, data)
	case "graphql":
		d.Operation = GraphQLOperation(data, nil)
	case "text":
		d.Sensitive |= classify.SensitiveOf(data[:min(len(data), 4096)], 0)
	}
	r.finish(d)
}

func (r *Reader) finish(d *Doc) {
	if d.jsonrpc || d.mayGraph {
		r.operation(d)
	}
	if d.Type == "json" {
		r.envelope(d)
		d.Hash += r.ofJSON
	} else {
		var room [16]byte
		d.Hash += r.hash(append(room[:0], d.Type...))
	}
	keys, ok := r.shapes[d.Hash]
	if !ok {
		for _, s := range d.seen {
			keys = append(keys, r.trie.nodes[s.node].path+":"+s.kind.String())
		}
		slices.Sort(keys)
		keys = slices.Compact(keys)
		if len(keys) > maxKeys {
			keys = slices.Clone(keys[:maxKeys])
		}
		if len(r.shapes) >= maxShapes {
			clear(r.shapes)
		}
		r.shapes[d.Hash] = keys
	}
	d.Keys = keys
}

// note records that a key was seen with a type.
func (r *Reader) note(d *Doc, node int32, k Kind) {
	n := &r.trie.nodes[node]
	if n.kinds&(1<<k) != 0 {
		return
	}
	n.kinds |= 1 << k
	if len(d.seen) == maxSeen {
		return
	}
	d.seen = append(d.seen, seen{node, k})
	// A sum does not depend on the order of keys; mixing the kind into the keyed
	// hash of the path keeps pairs apart.
	h := (n.hash + uint64(k)) * 0x9e3779b97f4a7c15
	d.Hash += h ^ h>>29
}

func (d *Doc) add(l Leaf) {
	if len(d.Leaves) == maxLeaves {
		d.More = true
		return
	}
	d.Leaves = append(d.Leaves, l)
}

// kindOf decides what a body is. A media type is believed unless the first
// bytes belie it: servers that answer JSON as text/html are common.
func kindOf(contentType, data []byte) string {
	const usual = "application/json"
	if n := len(usual); len(contentType) >= n && string(contentType[:n]) == usual && (len(contentType) == n || contentType[n] == ';') &&
		(data[0] == '[' || data[0] == '{' && len(data) > 1 && (data[1] == '"' || data[1] == '}')) {
		return "json"
	}
	media, _, _ := bytes.Cut(contentType, []byte(";"))
	var room [128]byte
	media = lower(room[:0], bytes.TrimSpace(media))
	first := bytes.TrimLeft(data[:min(len(data), 512)], " \t\r\n")
	looksJSON := len(first) > 0 && (first[0] == '{' && (len(first) == 1 || jsonAfterBrace(first[1:])) || first[0] == '[')
	has := func(s string) bool { return bytes.Contains(media, []byte(s)) }
	switch {
	case has("json"):
		if looksJSON || len(first) == 0 || first[0] != '<' && !formLike(first) {
			return "json"
		}
	case has("graphql"):
		return "graphql"
	case has("x-www-form-urlencoded"):
		if !looksJSON {
			return "form"
		}
	case bytes.HasPrefix(media, []byte("multipart/")):
		return "multipart"
	case has("xml") && !has("html") && !looksJSON && len(first) > 0 && first[0] == '<':
		return "xml"
	case bytes.HasPrefix(media, []byte("image/")), bytes.HasPrefix(media, []byte("video/")), bytes.HasPrefix(media, []byte("audio/")), bytes.HasPrefix(media, []byte("font/")), has("grpc"), has("protobuf"):
		return "binary"
	}
	switch {
	case looksJSON:
		return "json"
	case len(first) > 0 && first[0] == '<':
		if htmlLike(first) || has("html") {
			return "html"
		}
		if bytes.HasPrefix(first, []byte("<?xml")) || xmlLike(first) {
			return "xml"
		}
		return "html"
	case formLike(first) && !has("html") && !has("javascript") && !has("css"):
		return "form"
	}
	for _, c := range first {
		if c < 0x09 || c > 0x0d && c < 0x20 {
			return "binary"
		}
	}
	if has("html") {
		return "html"
	}
	return "text"
}

func jsonAfterBrace(b []byte) bool {
	b = bytes.TrimLeft(b, " \t\r\n")
	return len(b) == 0 || b[0] == '"' || b[0] == '}'
}

func htmlLike(b []byte) bool {
	var room [512]byte
	low := lower(room[:0], b[:min(len(b), 512)])
	return bytes.HasPrefix(low, []byte("<!doctype html")) || bytes.Contains(low, []byte("<html")) || bytes.Contains(low, []byte("<body")) || bytes.Contains(low, []byte("<head"))
}

func xmlLike(b []byte) bool {
	i := bytes.IndexByte(b, '>')
	return i > 1 && (bytes.IndexByte(b[:i], ':') > 0 || bytes.Contains(b[:i], []byte("xmlns")))
}

// formLike: name=value, and nothing that no encoder leaves in one.
func formLike(b []byte) bool {
	eq := bytes.IndexByte(b, '=')
	if eq < 1 || eq > 64 {
		return false
	}
	for i, c := range b {
		if c <= ' ' || c == '<' || c == '>' || c == '"' || c == '{' || c >= 0x7f && i < eq {
			return false
		}
	}
	return true
}

func lower(dst, b []byte) []byte {
	for _, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}
