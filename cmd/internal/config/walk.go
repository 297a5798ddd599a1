package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

// A field is one key of the configuration.
type field struct {
	path string // sensor.logs[].paths
	key  string
	doc  string
	typ  reflect.Type
	leaf bool
}

var textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()

// walk visits every key of a struct type, parents first.
func walk(t reflect.Type, visit func(field)) { walkAt(t, "", visit) }

func walkAt(t reflect.Type, path string, visit func(field)) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || isLeaf(t) {
		return
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		if inline(f) {
			walkAt(f.Type, path, visit)
			continue
		}
		at := join(path, keyOf(f))
		visit(field{path: at, key: keyOf(f), doc: f.Tag.Get("doc"), typ: f.Type, leaf: isLeaf(f.Type)})
		inner := at
		if f.Type.Kind() == reflect.Slice {
			inner += "[]"
		}
		walkAt(f.Type, inner, visit)
	}
}

// isLeaf reports whether a type is written as one scalar, list of scalars or map.
func isLeaf(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(textUnmarshaler) {
		return true
	}
	switch t.Kind() {
	case reflect.Struct:
		return false
	case reflect.Slice, reflect.Pointer:
		return isLeaf(t.Elem())
	}
	return true
}

// inline reports whether the keys of a section stand in the section around it.
func inline(f reflect.StructField) bool {
	_, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return options == "inline" && f.Type.Kind() == reflect.Struct
}

func keyOf(f reflect.StructField) string {
	tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if tag == "" {
		return strings.ToLower(f.Name)
	}
	return tag
}

// fromEnviron sets the keys that environ names: PREFIX, then the path with
// "__" between sections. Values are YAML, so that lists can be given.
func fromEnviron(prefix string, environ []string, cfg any) error {
	known := map[string]field{}
	walk(reflect.TypeOf(cfg), func(f field) {
		if !strings.Contains(f.path, "[]") {
			known[prefix+strings.ToUpper(strings.ReplaceAll(f.path, ".", "__"))] = f
		}
	})
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		f, ok := known[name]
		if !ok {
			if strings.Contains(name, "__") {
				return fmt.Errorf("configuration: environment variable %s names no key", name)
			}
			continue // a variable of somebody else, such as LAPWING_CORPUS
		}
		target := reflect.ValueOf(cfg).Elem()
		for key := range strings.SplitSeq(f.path, ".") {
			target = child(target, key)
		}
		if err := yaml.UnmarshalWithOptions([]byte(value), target.Addr().Interface(), yaml.Strict()); err != nil {
			return fmt.Errorf("configuration: environment variable %s: %w", name, err)
		}
	}
	return nil
}

func child(v reflect.Value, key string) reflect.Value {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch {
		case !f.IsExported():
		case inline(f):
			if found := child(v.Field(i), key); found.IsValid() {
				return found
			}
		case keyOf(f) == key:
			return v.Field(i)
		}
	}
	return reflect.Value{}
}
