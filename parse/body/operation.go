package body

import (
	"bytes"
	"slices"

	"lapwing/parse/classify"
)

// maxOperationBytes bounds the name of an operation.
const maxOperationBytes = 128

// operation names what a JSON body asks for: GraphQL (query, operationName) or
// JSON-RPC (jsonrpc, method).
func (r *Reader) operation(d *Doc) {
	var query, name, method []byte
	for i := range d.Leaves {
		l := &d.Leaves[i]
		if l.Depth > 2 || l.Kind != String {
			continue
		}
		switch l.Path {
		case "query", "[].query":
			if query == nil {
				query = l.Value
			}
		case "operationName", "[].operationName":
			if name == nil {
				name = l.Value
			}
		case "method", "[].method":
			if method == nil {
				method = l.Value
			}
		}
	}
	switch {
	case d.mayGraph && len(query) > 0 && graphQLText(query):
		d.Type = "graphql"
		d.Operation = GraphQLOperation(query, name)
		r.arguments(d, query)
	case d.mayGraph && len(query) == 0 && len(name) > 0: // a persisted query
		d.Type = "graphql"
		d.Operation = "query " + bounded(name)
	case d.jsonrpc && len(method) > 0 && r.isRPC(d):
		d.Operation = bounded(method)
	}
}

// isRPC: a field called method is found elsewhere too, one beside jsonrpc or
// params is not.
func (r *Reader) isRPC(d *Doc) bool {
	for _, s := range d.seen {
		switch p := r.trie.nodes[s.node].path; {
		case p == "jsonrpc" || p == "[].jsonrpc" || p == "params":
			return true
		case len(p) > 7 && (p[:7] == "params." || p[:7] == "params["):
			return true
		}
	}
	return false
}

// envelope takes the id of a JSON-RPC message (2.0, §4 and §5) from the leaves:
// it numbers the calls of a connection and identifies nothing.
func (r *Reader) envelope(d *Doc) {
	numbers := func(l Leaf) bool { return l.Path == "id" || l.Path == "[].id" }
	if !slices.ContainsFunc(d.Leaves, numbers) {
		return
	}
	for _, s := range d.seen {
		if p := r.trie.nodes[s.node].path; p == "jsonrpc" || p == "[].jsonrpc" {
			d.Leaves = slices.DeleteFunc(d.Leaves, numbers)
			return
		}
	}
}

func bounded(b []byte) string { return string(nameOf(b[:min(len(b), maxOperationBytes)])) }

func graphQLText(q []byte) bool {
	q = skipIgnored(q)
	for _, p := range [...]string{"{", "query", "mutation", "subscription", "fragment"} {
		if bytes.HasPrefix(q, []byte(p)) {
			return bytes.IndexByte(q, '{') >= 0
		}
	}
	return false
}

// GraphQLOperation names the operation of a GraphQL document: its kind and
// name, or for an anonymous one its kind and first field: "query {orders}".
// If name is given, it is the one of several that was chosen.
func GraphQLOperation(q, name []byte) string {
	q = skipIgnored(q[:min(len(q), maxFieldBytes)])
	kind := "query"
	for _, k := range [...]string{"query", "mutation", "subscription"} {
		if rest, ok := bytes.CutPrefix(q, []byte(k)); ok {
			kind, q = k, skipIgnored(rest)
			break
		}
	}
	if name = nameOf(name[:min(len(name), maxOperationBytes)]); len(name) == 0 {
		name = nameOf(q[:min(len(q), maxOperationBytes)])
	}
	if len(name) > 0 {
		return kind + " " + string(name)
	}
	i := bytes.IndexByte(q, '{')
	if i < 0 {
		return kind
	}
	q = skipIgnored(q[i+1:])
	field := nameOf(q[:min(len(q), maxOperationBytes)])
	if rest := skipIgnored(q[len(field):]); len(rest) > 0 && rest[0] == ':' { // an alias
		rest = skipIgnored(rest[1:])
		field = nameOf(rest[:min(len(rest), maxOperationBytes)])
	}
	return kind + " {" + string(field) + "}"
}

// nameOf returns the name at the start of b: letters, digits and the joints
// that method names have.
func nameOf(b []byte) []byte {
	for i, c := range b {
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '/' || c == '$' || c == '-') {
			return b[:i]
		}
	}
	return b
}

// skipIgnored passes over blanks, commas and comments.
func skipIgnored(q []byte) []byte {
	for len(q) > 0 {
		switch {
		case q[0] <= ' ' || q[0] == ',':
			q = q[1:]
		case q[0] == '#':
			i := bytes.IndexByte(q, '\n')
			if i < 0 {
				return nil
			}
			q = q[i+1:]
		default:
			return q
		}
	}
	return q
}

// arguments finds literal identifiers in the arguments of a document, such as
// order(id: 42), and who logs in with what: login(email: "a@b.c", password: $p).
// A variable means what the argument means that it is given to.
func (r *Reader) arguments(d *Doc, q []byte) {
	q = q[:min(len(q), maxFieldBytes)]
	for i := 1; i < len(q); i++ {
		if q[i] != ':' {
			continue
		}
		from := i
		for from > 0 && len(nameOf(q[from-1:from])) == 1 {
			from--
		}
		name := q[from:i]
		if len(name) == 0 || name[0] == '$' { // $email: String! declares, and gives nothing
			continue
		}
		n := len(name)
		isID := n >= 2 && (name[n-1] == 'd' || name[n-1] == 'D') && (name[n-2] == 'i' || name[n-2] == 'I')
		key := r.keys.Of(name) & (classify.KeyPresented | classify.KeyAccount | classify.KeyPerson)
		if !isID && key == 0 {
			continue
		}
		v := skipIgnored(q[i+1:])
		switch {
		case len(v) > 1 && v[0] == '$':
			if key != 0 {
				d.given(string(name), nameOf(v[1:]), key)
			}
			continue
		case len(v) > 0 && v[0] == '"':
			v, _, _ = scanString(v, 1)
			if isID {
				key |= classify.KeyID
			}
			if len(v) > 0 {
				d.add(Leaf{Path: "query." + string(name), Key: key, Kind: String, Depth: 2, Value: v})
			}
		case isID:
			v = nameOf(v)
			if _, ok := classify.Int(v); ok {
				d.add(Leaf{Path: "query." + string(name), Key: classify.KeyID, Kind: Int, Depth: 2, Value: v})
			}
		}
	}
}

// given takes a variable for what the argument is that it stands for.
func (d *Doc) given(argument string, variable []byte, key classify.Key) {
	for i := range d.Leaves {
		if l := &d.Leaves[i]; len(l.Path) == len("variables.")+len(variable) && l.Path[:10] == "variables." && l.Path[10:] == string(variable) {
			l.Key |= key
			return
		}
	}
	if key&classify.KeyPresented != 0 { // its value is of no use, that there is one is
		d.add(Leaf{Path: "query." + argument, Key: key, Kind: String, Depth: 2, Value: variable})
	}
}
