// Package config turns a YAML file, environment variables and flags into one
// value of a configuration struct, and describes that struct: as effective
// YAML with secrets hidden, as JSON Schema, as a reference page.
//
// The struct is the only source: yaml tags name the keys, doc tags explain
// them, and the value passed in holds the defaults. Unknown keys are errors
// that name the line and suggest the key that was probably meant.
package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// Validator is implemented by configurations that can say what is wrong.
type Validator interface{ Validate() error }

// Load fills cfg, a pointer to a struct that holds the defaults: from the file
// at path (none if path is ""), then from environ entries that begin with
// prefix, such as LAPWING_STORE__RETENTION=72h. It then validates.
func Load(path, prefix string, environ []string, cfg any) error {
	if path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
		if err := Decode(path, data, cfg); err != nil {
			return err
		}
	}
	if err := fromEnviron(prefix, environ, cfg); err != nil {
		return err
	}
	if err := resolveFiles(reflect.ValueOf(cfg).Elem(), ""); err != nil {
		return err
	}
	if v, ok := cfg.(Validator); ok {
		if err := v.Validate(); err != nil {
			return fmt.Errorf("configuration: %w", err)
		}
	}
	return nil
}

var (
	unknownField = regexp.MustCompile(`unknown field "([^"]*)"`)
	position     = regexp.MustCompile(`^\[(\d+):(\d+)\] (.*)`)
)

// Decode reads YAML strictly into cfg. Errors name the file, line and column.
func Decode(name string, data []byte, cfg any) error {
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil
	}
	err := yaml.UnmarshalWithOptions(data, cfg, yaml.Strict())
	if err == nil {
		return nil
	}
	text := err.Error()
	where := name
	first, rest, _ := strings.Cut(text, "\n")
	if m := position.FindStringSubmatch(first); m != nil {
		where, first = fmt.Sprintf("%s:%s:%s", name, m[1], m[2]), m[3]
	}
	if m := unknownField.FindStringSubmatch(first); m != nil {
		first = fmt.Sprintf("unknown key %q", m[1])
		if near := nearest(m[1], Keys(cfg)); near != "" {
			first += fmt.Sprintf(", did you mean %q?", near)
		}
	}
	if rest != "" {
		rest = "\n" + strings.TrimRight(rest, "\n")
	}
	return fmt.Errorf("configuration %s: %s%s", where, first, rest)
}

// Keys returns every key name that occurs in the struct, sorted.
func Keys(cfg any) []string {
	var out []string
	walk(reflect.TypeOf(cfg), func(f field) { out = append(out, f.key) })
	slices.Sort(out)
	return slices.Compact(out)
}

// nearest returns the key within a third of the word's length in edits.
func nearest(word string, keys []string) string {
	best, bestAt := "", len(word)/3+1
	for _, k := range keys {
		if d := distance(strings.ToLower(word), k); d <= bestAt && (best == "" || d < bestAt) {
			best, bestAt = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance of two short words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

// resolveFiles reads the file of every secret that is given by "_file".
func resolveFiles(v reflect.Value, path string) error {
	var errs []error
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			at := join(path, keyOf(f))
			if inline(f) {
				at = path
			}
			errs = append(errs, resolveFiles(v.Field(i), at))
			secret, ok := v.Field(i).Addr().Interface().(*Secret)
			if !ok {
				continue
			}
			file := child(v, keyOf(f)+"_file")
			if !file.IsValid() || file.String() == "" {
				continue
			}
			if *secret != "" {
				errs = append(errs, fmt.Errorf("configuration: give %s or %s_file, not both", at, at))
				continue
			}
			read, err := readSecret(file.String())
			if err != nil {
				errs = append(errs, fmt.Errorf("configuration: %s_file: %w", at, err))
			}
			*secret = read
		}
	case reflect.Slice:
		for i := range v.Len() {
			errs = append(errs, resolveFiles(v.Index(i), fmt.Sprintf("%s[%d]", path, i)))
		}
	}
	return errors.Join(errs...)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
