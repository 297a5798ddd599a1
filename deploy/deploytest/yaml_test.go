package deploytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// root is deploy/, seen from this package.
const root = ".."

// A node is a part of a parsed document: map[string]any, []any or a value.
type node = any

// documents parses a file of YAML documents; empty ones are left out.
func documents(t *testing.T, path string) []map[string]any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := decode(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return docs
}

func decode(data []byte) ([]map[string]any, error) {
	var out []map[string]any
	d := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var doc map[string]any
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if doc != nil {
			out = append(out, doc)
		}
	}
}

// at walks down: a string is a key, an int an index. What is not there is nil.
func at(n node, path ...any) node {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := n.(map[string]any)
			n = m[s]
		case int:
			l, _ := n.([]any)
			if s >= len(l) {
				return nil
			}
			n = l[s]
		}
	}
	return n
}

func text(n node, path ...any) string {
	if v := at(n, path...); v != nil {
		return fmt.Sprint(v)
	}
	return ""
}

func list(n node, path ...any) []any {
	l, _ := at(n, path...).([]any)
	return l
}

func texts(n node, path ...any) []string {
	var out []string
	for _, v := range list(n, path...) {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// keysOf are the keys of a map, sorted.
func keysOf(n node) []string {
	var out []string
	m, _ := n.(map[string]any)
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// named finds the element of a list whose name is name.
func named(n []any, name string) node {
	for _, e := range n {
		if text(e, "name") == name {
			return e
		}
	}
	return nil
}

// files lists the files below dir that end in suffix.
func files(t *testing.T, dir, suffix string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(path, suffix) {
			out = append(out, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		t.Fatalf("no %s below %s", suffix, dir)
	}
	return out
}

func TestEveryYAMLParses(t *testing.T) {
	for _, path := range files(t, ".", ".yaml") {
		if len(documents(t, path)) == 0 {
			t.Errorf("%s holds nothing", path)
		}
	}
}

// Whatever runs in production is named by a version, never by a moving tag.
func pinned(t *testing.T, where, image string) {
	t.Helper()
	base, tag, found := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	if !found || tag == "" || tag == "latest" || tag == "stable" {
		t.Errorf("%s: image %q (%s) has no tag that says which", where, image, base)
	}
}
