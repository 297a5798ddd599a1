package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// Print returns cfg as YAML with secrets hidden.
func Print(cfg any) ([]byte, error) {
	return yaml.Marshal(cfg)
}

// Schema returns the JSON Schema (2020-12) of the configuration.
func Schema(title string, cfg any) ([]byte, error) {
	s := schemaOf(reflect.TypeOf(cfg), reflect.ValueOf(cfg))
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = title
	return json.MarshalIndent(s, "", "  ")
}

func schemaOf(t reflect.Type, v reflect.Value) map[string]any {
	if t.Kind() == reflect.Pointer {
		if v.IsValid() {
			v = v.Elem()
		}
		return schemaOf(t.Elem(), v)
	}
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return map[string]any{"type": []string{"string", "number"}}
	}
	switch t.Kind() {
	case reflect.Struct:
		properties := map[string]any{}
		for i := range t.NumField() {
			f := t.Field(i)
			if !f.IsExported() {
				continue
			}
			var inner reflect.Value
			if v.IsValid() {
				inner = v.Field(i)
			}
			p := schemaOf(f.Type, inner)
			if inline(f) {
				maps.Copy(properties, p["properties"].(map[string]any)) // a struct's schema has them
				continue
			}
			if doc := f.Tag.Get("doc"); doc != "" {
				p["description"] = doc
			}
			if inner.IsValid() && isLeaf(f.Type) && !inner.IsZero() {
				p["default"] = plain(inner)
			}
			properties[keyOf(f)] = p
		}
		return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem(), reflect.Value{})}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), reflect.Value{})}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float64, reflect.Float32:
		return map[string]any{"type": "number"}
	case reflect.String:
		return map[string]any{"type": "string"}
	}
	return map[string]any{"type": "integer"}
}

// plain is a value as a person would write it.
func plain(v reflect.Value) any {
	if m, ok := v.Interface().(interface{ MarshalText() ([]byte, error) }); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	return v.Interface()
}

// Reference returns a Markdown table of every key with its default.
func Reference(cfg any) string {
	var b strings.Builder
	b.WriteString("| key | default | meaning |\n| --- | --- | --- |\n")
	root := reflect.ValueOf(cfg)
	walk(root.Type(), func(f field) {
		if !f.leaf && f.doc == "" {
			return
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.path, defaultOf(root.Elem(), f.path), strings.ReplaceAll(f.doc, "|", "\\|"))
	})
	return b.String()
}

func defaultOf(v reflect.Value, path string) string {
	if strings.Contains(path, "[]") {
		return ""
	}
	for key := range strings.SplitSeq(path, ".") {
		v = child(v, key)
	}
	if v.IsZero() || v.Kind() == reflect.Struct {
		return ""
	}
	return fmt.Sprintf("`%v`", plain(v))
}
