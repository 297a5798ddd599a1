package accesslog

import (
	"bytes"

	"lapwing/parse/exchange"
)

const (
	// maxDepth of nested JSON: access logs nest three or four deep.
	maxDepth = 16
	// maxPath is the longest dotted key path that is looked at.
	maxPath = 200
	// maxRemembered is how many keys of a line have their meaning remembered
	// by position; further ones are looked up each time.
	maxRemembered = 96
)

// A jsonLog reads lines of one JSON object each, flat or nested.
type jsonLog struct {
	name   string
	keys   *jsonKeys
	rec    record
	strict bool // a status must be there: no proof otherwise that the line is of an access log

	line    []byte
	pos     int
	path    []byte
	order   []remembered
	nth     int
	escapes bool                 // a backslash stands somewhere in the line
	visit   func(path, v string) // set while a template is read: sees every leaf
}

// remembered is what the n-th key of the last line meant. Lines of a log have
// the same keys in the same order, so that one comparison replaces a look-up.
type remembered struct {
	parent, key []byte
	meaning     *meaning
}

func (f *jsonLog) Name() string { return f.name }

func (f *jsonLog) Parse(line []byte, raw *exchange.Raw) error {
	if line[0] != '{' {
		return &LineError{Reason: "no JSON object", Column: 1}
	}
	r := &f.rec
	r.reset()
	r.escaped = false
	f.line, f.pos, f.nth, f.path = line, 0, 0, f.path[:0]
	f.escapes = bytes.IndexByte(line, '\\') >= 0
	if !f.object(0) {
		return &LineError{Reason: "broken JSON", Column: f.pos + 1}
	}
	f.space()
	if f.pos < len(line) && line[f.pos] != ',' {
		return &LineError{Reason: "text after the JSON object", Column: f.pos + 1}
	}
	if f.strict && !r.has(kStatus) {
		return &LineError{Reason: "no status under any known key: map it, or this is no access log"}
	}
	return r.finish(line, raw)
}

func (f *jsonLog) space() {
	for f.pos < len(f.line) {
		switch f.line[f.pos] {
		case ' ', '\t', '\r', '\n':
			f.pos++
		default:
			return
		}
	}
}

// object reads an object at pos; false, with pos at the fault, if it is broken.
// f.path is the path of the object itself.
func (f *jsonLog) object(depth int) bool {
	f.pos++ // {
	if depth >= maxDepth {
		return false
	}
	f.space()
	if f.pos < len(f.line) && f.line[f.pos] == '}' {
		f.pos++
		return true
	}
	for {
		f.space()
		key, m, ok := f.key()
		if !ok {
			return false
		}
		f.space()
		if f.pos >= len(f.line) {
			return false
		}
		switch f.line[f.pos] {
		case '"':
			v, ok := f.str(m.kind != kIgnore || f.visit != nil)
			if !ok {
				return false
			}
			if m.kind != kIgnore || f.visit != nil {
				f.note(key, m, v)
			}
		case '{':
			parent := len(f.path)
			f.push(key)
			if !f.object(depth + 1) {
				return false
			}
			f.path = f.path[:parent]
		default:
			if !f.value(depth, key, m) {
				return false
			}
		}
		f.space()
		if f.pos >= len(f.line) {
			return false
		}
		c := f.line[f.pos]
		if c != ',' && c != '}' {
			return false
		}
		f.pos++
		if c == '}' {
			return true
		}
	}
}

// push makes key's object the current one.
func (f *jsonLog) push(key []byte) {
	if len(f.path) > 0 {
		f.path = append(f.path, '.')
	}
	if len(f.path)+len(key) <= maxPath {
		f.path = append(f.path, key...)
	} else {
		f.path = append(f.path, '?') // no known key is that long
	}
}

// key reads a key and its colon, and finds what it means.
func (f *jsonLog) key() ([]byte, *meaning, bool) {
	n := f.nth
	f.nth++
	rest := f.line[f.pos:]
	if n < len(f.order) {
		o := &f.order[n]
		k := len(o.key)
		if len(rest) > k+3 && string(rest[1:k+1]) == string(o.key) && rest[k+1] == '"' && rest[k+2] == ':' && rest[0] == '"' && string(o.parent) == string(f.path) {
			f.pos += k + 3
			return rest[1 : k+1], o.meaning, true
		}
	}
	if len(rest) == 0 || rest[0] != '"' {
		return nil, nil, false
	}
	key, ok := f.str(false)
	if !ok {
		return nil, nil, false
	}
	f.space()
	if f.pos >= len(f.line) || f.line[f.pos] != ':' {
		return nil, nil, false
	}
	f.pos++
	return key, f.meaningOf(n, key), true
}

func (f *jsonLog) meaningOf(n int, key []byte) *meaning {
	if n < len(f.order) && bytes.Equal(f.order[n].key, key) && bytes.Equal(f.order[n].parent, f.path) {
		return f.order[n].meaning
	}
	parent := len(f.path)
	f.push(key)
	m := f.keys.lookup(f.path)
	f.path = f.path[:parent]
	if n >= maxRemembered || len(key) > maxPath || bytes.IndexByte(key, '\\') >= 0 {
		return m
	}
	if n < len(f.order) {
		o := &f.order[n]
		o.parent, o.key, o.meaning = append(o.parent[:0], f.path...), append(o.key[:0], key...), m
	} else if n == len(f.order) {
		f.order = append(f.order, remembered{bytes.Clone(f.path), bytes.Clone(key), m})
	}
	return m
}

// value reads a value at pos and notes it if it means something.
func (f *jsonLog) value(depth int, key []byte, m *meaning) bool {
	f.space()
	if f.pos >= len(f.line) {
		return false
	}
	switch f.line[f.pos] {
	case '"':
		v, ok := f.str(m.kind != kIgnore)
		if !ok {
			return false
		}
		f.note(key, m, v)
		return true
	case '{':
		parent := len(f.path)
		f.push(key)
		ok := f.object(depth + 1)
		f.path = f.path[:parent]
		return ok
	case '[':
		if depth+1 >= maxDepth {
			return false
		}
		f.pos++
		for {
			f.space()
			if f.pos >= len(f.line) {
				return false
			}
			if f.line[f.pos] == ']' {
				f.pos++
				return true
			}
			if !f.value(depth+1, key, m) {
				return false
			}
			f.space()
			if f.pos >= len(f.line) || f.line[f.pos] != ',' && f.line[f.pos] != ']' {
				return false
			}
			if f.line[f.pos] == ',' {
				f.pos++
			}
		}
	}
	start := f.pos // a number, true, false, null, or nginx's bare "-"
	for f.pos < len(f.line) && bare[f.line[f.pos]] {
		f.pos++
	}
	v := f.line[start:f.pos]
	if len(v) == 0 && f.line[f.pos] != ',' && f.line[f.pos] != '}' { // `"a":,` is what nginx writes for an empty unquoted variable
		return false
	}
	f.note(key, m, v)
	return true
}

var bare = func() (t [256]bool) {
	for _, c := range []byte("+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_$%()?") {
		t[c] = true // with the placeholders of templates
	}
	return t
}()

func (f *jsonLog) note(key []byte, m *meaning, v []byte) {
	if f.visit != nil {
		parent := len(f.path)
		f.push(key)
		f.visit(string(f.path), string(v))
		f.path = f.path[:parent]
		return
	}
	switch m.kind {
	case kIgnore:
	case kHeader, kResponseHeader:
		name := m.name
		if name == nil {
			if m.nameLen == 0 || m.nameLen > len(key) {
				return
			}
			name = key[len(key)-m.nameLen:]
		}
		if string(v) == "REDACTED" { // Caddy's own care
			return
		}
		if m.kind == kHeader {
			f.rec.header(name, v)
		} else {
			f.rec.response(name, v)
		}
	case kRequest:
		f.rec.set |= 1 << kRequest
		f.rec.val[kRequest], f.rec.rank[kRequest] = v, m.rank
	default:
		f.rec.put(m.kind, m.rank, v)
	}
}

// str reads a string at pos, without its quotes; escapes are decoded if keep
// says that somebody will read it.
func (f *jsonLog) str(keep bool) ([]byte, bool) {
	f.pos++
	start := f.pos
	n := bytes.IndexByte(f.line[start:], '"')
	if n < 0 {
		return nil, false
	}
	end := start + n
	if !f.escapes || bytes.IndexByte(f.line[start:end], '\\') < 0 {
		f.pos = end + 1
		return f.line[start:end], true
	}
	for escapedAt(f.line, start, end) {
		n := bytes.IndexByte(f.line[end+1:], '"')
		if n < 0 {
			return nil, false
		}
		end += 1 + n
	}
	f.pos = end + 1
	v := f.line[start:end]
	if !keep {
		return v, true
	}
	at := len(f.rec.arena)
	f.rec.arena = unescapeJSON(f.rec.arena, v)
	return f.rec.arena[at:], true
}
