package sample_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"lapwing/internal/sample"
)

// TestDocumentAndTrafficDifferAsTruthSays compares the operations of the OpenAPI
// document with those that were answered with success.
func TestDocumentAndTrafficDifferAsTruthSays(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(examples, "shop.openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	r := recording(t)
	calls := calls(t, r.Packets)
	answered := func(method, route string) bool {
		for i := range calls {
			if c := &calls[i]; c.Method == method && c.Status < 400 && matches(route, c.Path) {
				return true
			}
		}
		return false
	}
	var silent []string
	documented := map[string]bool{}
	for route, operations := range doc.Paths {
		for method := range operations {
			if method == "parameters" {
				continue
			}
			method = strings.ToUpper(method)
			documented[method+" "+route] = true
			if !answered(method, route) {
				silent = append(silent, method+" "+route)
			}
		}
	}
	want := names(append(slices.Clone(r.Truth.Spec.NeverCalled), r.Truth.Spec.Deprecated...))
	slices.Sort(silent)
	if !slices.Equal(silent, want) {
		t.Errorf("documented and never called: %q, truth says %q", silent, want)
	}
	var unknown []string
	for i := range calls {
		c := &calls[i]
		if c.Method == "OPTIONS" || c.Status >= 400 {
			continue
		}
		found := false
		for op := range documented {
			method, route, _ := strings.Cut(op, " ")
			found = found || method == c.Method && matches(route, c.Path)
		}
		if op := c.Method + " " + c.Path; !found && !slices.Contains(unknown, op) {
			unknown = append(unknown, op)
		}
	}
	if want := names(r.Truth.Spec.Undocumented); !slices.Equal(unknown, want) {
		t.Errorf("answered and not documented: %q, truth says %q", unknown, want)
	}
}

// matches says whether a path is one of a route's; a parameter takes a segment.
func matches(route, path string) bool {
	r, p := strings.Split(route, "/"), strings.Split(path, "/")
	if len(r) != len(p) {
		return false
	}
	for i := range r {
		if r[i] != p[i] && !strings.HasPrefix(r[i], "{") {
			return false
		}
	}
	return true
}

func names(es []sample.Endpoint) []string {
	var out []string
	for _, e := range es {
		out = append(out, e.Method+" "+e.Route)
	}
	slices.Sort(out)
	return out
}
