package spec

import (
	"fmt"
	"sort"
	"strings"
)

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace", "query"}

// lenient takes from a decoded document what matching needs and passes over
// everything else, so that a mistake in a schema does not cost the paths.
// It follows references inside the document only.
func lenient(top map[string]any) *document {
	d := &document{}
	if info, ok := top["info"].(map[string]any); ok {
		d.title, d.version = text(info["title"]), text(info["version"])
	}
	d.servers = lenientServers(top["servers"])
	if _, swagger := top["swagger"]; swagger {
		d.servers = swaggerServers(top)
	}
	paths, _ := top["paths"].(map[string]any)
	for path, v := range paths {
		item := object(top, v)
		if item == nil {
			continue
		}
		p := rawPath{path: path, servers: lenientServers(item["servers"])}
		shared := lenientParameters(top, item["parameters"])
		for _, m := range methods {
			op, ok := item[m].(map[string]any)
			if !ok {
				continue
			}
			o := rawOperation{method: strings.ToUpper(m), id: text(op["operationId"]), servers: lenientServers(op["servers"])}
			o.deprecated, _ = op["deprecated"].(bool)
			o.params = override(shared, lenientParameters(top, op["parameters"]))
			security, stated := op["security"].([]any)
			if !stated {
				security, _ = top["security"].([]any)
			}
			o.secured = len(security) > 0
			for _, s := range security {
				if r, ok := s.(map[string]any); ok && len(r) == 0 {
					o.secured = false
				}
			}
			p.ops = append(p.ops, o)
		}
		d.paths = append(d.paths, p)
	}
	sort.Slice(d.paths, func(i, j int) bool { return d.paths[i].path < d.paths[j].path })
	return d
}

// swaggerServers makes servers of host, basePath and schemes (Swagger 2.0).
func swaggerServers(top map[string]any) []rawServer {
	host, base := text(top["host"]), text(top["basePath"])
	if host == "" {
		return []rawServer{{url: base}}
	}
	var out []rawServer
	schemes, _ := top["schemes"].([]any)
	for _, s := range schemes {
		out = append(out, rawServer{url: text(s) + "://" + host + base})
	}
	if len(out) == 0 {
		out = append(out, rawServer{url: "//" + host + base})
	}
	return out
}

func lenientServers(v any) []rawServer {
	list, _ := v.([]any)
	var out []rawServer
	for _, e := range list {
		m, ok := e.(map[string]any)
		if !ok {
			continue
		}
		r := rawServer{url: text(m["url"]), variables: map[string]rawVariable{}}
		vars, _ := m["variables"].(map[string]any)
		for n, x := range vars {
			if d, ok := x.(map[string]any); ok {
				r.variables[n] = rawVariable{value: text(d["default"]), enum: texts(d["enum"])}
			}
		}
		out = append(out, r)
	}
	return out
}

func lenientParameters(top map[string]any, v any) []Parameter {
	list, _ := v.([]any)
	var out []Parameter
	for _, e := range list {
		m := object(top, e)
		if m == nil {
			continue
		}
		p := Parameter{Name: text(m["name"]), In: text(m["in"])}
		p.Required, _ = m["required"].(bool)
		schema := object(top, m["schema"])
		if schema == nil {
			schema = m // Swagger 2.0 has the type beside the name
		}
		p.Type, p.Format, p.Enum = text(schema["type"]), text(schema["format"]), texts(schema["enum"])
		if list, ok := schema["type"].([]any); ok {
			for _, t := range list {
				if s := text(t); s != "null" {
					p.Type = s
					break
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// maxReferences bounds a chain of references: a circle ends here.
const maxReferences = 16

// object returns v as an object, following references inside the document.
func object(top map[string]any, v any) map[string]any {
	for range maxReferences {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		pointer, ok := strings.CutPrefix(ref, "#/")
		if !ok {
			return nil
		}
		v = top
		for part := range strings.SplitSeq(pointer, "/") {
			part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
			m, ok := v.(map[string]any)
			if !ok {
				return nil
			}
			v = m[part]
		}
	}
	return nil
}

// text returns a scalar as text, "" for anything else.
func text(v any) string {
	switch v := v.(type) {
	case nil, map[string]any, []any:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		out = append(out, text(e))
	}
	return out
}
