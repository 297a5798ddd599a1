package spec

import (
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is taken out of the schemas of one operation: descriptions
// may be recursive, and may come from anybody.
const (
	maxFields      = 2000
	maxSchemaDepth = 12
)

// A Contract is what a description says of the messages of an operation, as
// far as traffic can be held against it (OpenAPI 3.1 §4.8.10, Swagger 2.0).
type Contract struct {
	Query     []string // described query parameters, sorted
	OpenQuery bool     // further parameters are part of the description: an object spread over the query
	Request   *Fields  // of the request body; nil if it is not described field by field

	answers map[int]*Fields // by status, by its first digit for 2XX, 0 for default; nil Fields: any body
}

// Takes reports whether the query parameter is described.
func (c *Contract) Takes(name string) bool {
	if c.OpenQuery {
		return true
	}
	if i := strings.IndexByte(name, '['); i > 0 { // tags[]=a, filter[name]=b
		if c.Takes(name[:i]) {
			return true
		}
	}
	_, ok := slices.BinarySearch(c.Query, name)
	return ok
}

// Answer returns what is described of the answer with a status. ok is false if
// other statuses are described and this one is not; fields are nil if nothing
// is said of its body.
func (c *Contract) Answer(status int) (fields *Fields, ok bool) {
	if len(c.answers) == 0 {
		return nil, true
	}
	for _, key := range [...]int{status, status / 100, 0} {
		if f, ok := c.answers[key]; ok {
			return f, true
		}
	}
	return nil, false
}

// Fields are the field paths that a schema describes, in the notation of
// event.BodyShape.Keys: user.id, items[].sku.
type Fields struct {
	kinds map[string]kinds
	open  []string // paths below which anything goes
}

// kinds is a set of JSON types.
type kinds uint8

const (
	kindString kinds = 1 << iota
	kindInt
	kindNumber
	kindBool
	kindObject
	kindArray
	kindAny kinds = 0xff
)

// A Verdict says how a field of a message stands to its description.
type Verdict uint8

const (
	Described Verdict = iota
	Undescribed
	OtherType // described with another type
)

// Judge looks a key of event.BodyShape.Keys up: a path, a colon and a type. A
// null is described wherever its field is: few descriptions say what is
// nullable.
func (f *Fields) Judge(key string) Verdict {
	at := strings.LastIndexByte(key, ':')
	if at < 0 {
		return Described
	}
	path, kind := key[:at], key[at+1:]
	want, ok := f.kinds[path]
	if !ok {
		if f.openAt(path) {
			return Described
		}
		return Undescribed
	}
	var is kinds
	switch kind {
	case "string":
		is = kindString
	case "int":
		is = kindInt | kindNumber
	case "number":
		is = kindNumber
	case "bool":
		is = kindBool
	case "object":
		is = kindObject
	case "array":
		is = kindArray
	default:
		return Described
	}
	if want&is == 0 {
		return OtherType
	}
	return Described
}

func (f *Fields) openAt(path string) bool {
	for _, o := range f.open {
		if o == "" || strings.HasPrefix(path, o) && (len(path) == len(o) || path[len(o)] == '.' || path[len(o)] == '[') {
			return true
		}
	}
	return false
}

// contracts reads the contracts of all operations out of a decoded document, by
// path as written and upper-case method. References are followed inside the
// document only; what cannot be followed is open.
func contracts(top map[string]any) map[string]*Contract {
	out := map[string]*Contract{}
	paths, _ := top["paths"].(map[string]any)
	for path, v := range paths {
		item := object(top, v)
		if item == nil {
			continue
		}
		for _, m := range methods {
			op, ok := item[m].(map[string]any)
			if !ok {
				continue
			}
			out[contractKey(path, strings.ToUpper(m))] = contractOf(top, item, op)
		}
	}
	return out
}

func contractKey(path, method string) string { return method + " " + path }

func contractOf(top, item, op map[string]any) *Contract {
	c := &Contract{answers: map[int]*Fields{}}
	for _, list := range [...]any{item["parameters"], op["parameters"]} {
		params, _ := list.([]any)
		for _, p := range params {
			m := object(top, p)
			if m == nil {
				c.OpenQuery = true // behind a reference that is not followed
				continue
			}
			c.parameter(top, m)
		}
	}
	slices.Sort(c.Query)
	c.Query = slices.Compact(c.Query)
	if body := object(top, op["requestBody"]); body != nil {
		c.Request = content(top, body["content"])
	}
	answers, _ := op["responses"].(map[string]any)
	for status, v := range answers {
		key, ok := statusKey(status)
		if !ok {
			continue
		}
		r := object(top, v)
		switch {
		case r == nil:
			c.answers[key] = nil
		case r["schema"] != nil: // Swagger 2.0
			c.answers[key] = fieldsOf(top, r["schema"])
		default:
			c.answers[key] = content(top, r["content"])
		}
	}
	return c
}

func (c *Contract) parameter(top, m map[string]any) {
	schema := object(top, m["schema"])
	switch text(m["in"]) {
	case "query":
		c.Query = append(c.Query, text(m["name"]))
		if schema != nil && text(schema["type"]) == "object" && text(m["style"]) != "deepObject" {
			c.OpenQuery = true // style form explodes an object into parameters of its own
		}
	case "body":
		c.Request = fieldsOf(top, m["schema"])
	case "formData":
		if c.Request == nil {
			c.Request = &Fields{kinds: map[string]kinds{}}
		}
		if c.Request.kinds != nil && len(c.Request.kinds) < maxFields {
			c.Request.kinds[text(m["name"])] = kindAny
		}
	}
}

// statusKey reads 200, 2XX and default.
func statusKey(s string) (key int, ok bool) {
	switch {
	case s == "default":
		return 0, true
	case len(s) == 3 && strings.EqualFold(s[1:], "xx") && s[0] >= '1' && s[0] <= '5':
		return int(s[0] - '0'), true
	}
	n, err := strconv.Atoi(s)
	return n, err == nil && n >= 100 && n < 600
}

// content merges the schemas of all media types that have fields; nil if none
// is described.
func content(top map[string]any, v any) *Fields {
	types, _ := v.(map[string]any)
	var all *Fields
	for name, t := range types {
		m := object(top, t)
		if m == nil || m["schema"] == nil || strings.HasPrefix(name, "text/") {
			return nil
		}
		f := fieldsOf(top, m["schema"])
		if f == nil {
			return nil
		}
		if all == nil {
			all = f
			continue
		}
		for k, v := range f.kinds {
			all.kinds[k] |= v
		}
		all.open = append(all.open, f.open...)
	}
	if all != nil {
		slices.Sort(all.open)
		all.open = slices.Compact(all.open)
	}
	return all
}

// fieldsOf flattens a schema; nil if it says nothing of the fields.
func fieldsOf(top map[string]any, schema any) *Fields {
	w := walker{top: top, f: &Fields{kinds: map[string]kinds{}}}
	w.walk("", schema, 0)
	if w.full || len(w.f.open) == 1 && w.f.open[0] == "" {
		return nil
	}
	slices.Sort(w.f.open)
	w.f.open = slices.Compact(w.f.open)
	return w.f
}

type walker struct {
	top   map[string]any
	f     *Fields
	steps int
	full  bool
}

func (w *walker) walk(path string, v any, depth int) {
	w.steps++
	if depth > maxSchemaDepth || len(w.f.kinds) >= maxFields || w.steps > 8*maxFields {
		// A tree without end, or too large to hold: below here anything goes.
		w.opens(path)
		return
	}
	if b, ok := v.(bool); ok && b {
		w.opens(path)
		return
	}
	m := object(w.top, v)
	if m == nil {
		w.opens(path)
		return
	}
	said := false
	for _, key := range [...]string{"allOf", "anyOf", "oneOf"} {
		list, _ := m[key].([]any)
		for _, s := range list {
			if n := object(w.top, s); n != nil && text(n["type"]) == "null" {
				continue
			}
			w.walk(path, s, depth+1)
			said = true
		}
	}
	properties, _ := m["properties"].(map[string]any)
	for name, p := range properties {
		at := name
		if path != "" {
			at = path + "." + name
		}
		w.walk(at, p, depth+1)
	}
	if len(properties) > 0 {
		w.f.kinds[path] |= kindObject
		said = true
	}
	if items, ok := m["items"]; ok {
		w.f.kinds[path] |= kindArray
		w.walk(path+"[]", items, depth+1)
		said = true
	}
	switch more := m["additionalProperties"].(type) {
	case bool:
		if more {
			w.opens(path)
		}
	case map[string]any: // a map: its keys are data
		w.opens(path)
	}
	if m["patternProperties"] != nil {
		w.opens(path)
	}
	w.types(path, m, said)
}

// types notes the types that a schema states; one that says nothing is open.
func (w *walker) types(path string, m map[string]any, said bool) {
	list, ok := m["type"].([]any)
	if !ok && m["type"] != nil {
		list = []any{m["type"]}
	}
	for _, t := range list {
		switch text(t) {
		case "string":
			w.f.kinds[path] |= kindString
		case "integer":
			w.f.kinds[path] |= kindInt | kindNumber // 3.0 is an integer in JSON Schema
		case "number":
			w.f.kinds[path] |= kindInt | kindNumber
		case "boolean":
			w.f.kinds[path] |= kindBool
		case "object":
			w.f.kinds[path] |= kindObject
			if !said {
				w.opens(path)
			}
		case "array":
			w.f.kinds[path] |= kindArray
			if !said {
				w.opens(path)
			}
		}
	}
	if len(list) > 0 || said {
		return
	}
	if values, ok := m["enum"].([]any); ok && len(values) > 0 {
		w.f.kinds[path] |= kindAny
		return
	}
	w.opens(path)
}

func (w *walker) opens(path string) {
	w.f.kinds[path] = kindAny
	if len(w.f.open) < maxFields {
		w.f.open = append(w.f.open, path)
	} else {
		w.full = true
	}
}
