package spec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// maxDocumentBytes bounds one file. The largest description in public
// directories has about 12 MB.
const maxDocumentBytes = 64 << 20

// Load reads the description in the file at path.
func Load(path string) (*Spec, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(data, path)
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxDocumentBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxDocumentBytes {
		return nil, fmt.Errorf("%s: longer than %d bytes", path, maxDocumentBytes)
	}
	return data, nil
}

// Parse reads a description from data. path is where it came from: it names
// the document in errors, and references are followed in its directory only.
func Parse(data []byte, path string) (*Spec, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	tree, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	top, ok := tree.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s:1: not an API description: the document is no object", path)
	}
	_, swagger := top["swagger"]
	_, openapi := top["openapi"]
	if !swagger && !openapi {
		return nil, fmt.Errorf(`%s:1: not an API description: neither "openapi" nor "swagger" is stated`, path)
	}
	var doc *document
	if openapi {
		doc, err = strict(data, path)
	}
	if doc == nil {
		doc = lenient(top)
		if err != nil {
			doc.warnings = append(doc.warnings, "read leniently: "+short(err.Error()))
		}
	}
	doc.contracts = contracts(top)
	s := compile(path, doc)
	if len(s.Operations) == 0 {
		reason := "it describes no operations"
		if err != nil {
			reason = short(err.Error())
		}
		return nil, fmt.Errorf("%s: %s", path, reason)
	}
	return s, nil
}

// decode turns JSON or YAML into maps, slices and scalars. Its errors begin
// with the line.
func decode(data []byte) (any, error) {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	if len(trimmed) > 0 && trimmed[0] == '{' {
		var tree any
		err := json.Unmarshal(data, &tree)
		if err == nil {
			return tree, nil
		}
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			at := min(int(syntax.Offset), len(data))
			return nil, fmt.Errorf("%d: %w", 1+bytes.Count(data[:at], []byte("\n")), err)
		}
		return nil, fmt.Errorf("1: %w", err)
	}
	return decodeYAML(data)
}

// strict imports with the OpenAPI library, which resolves references across
// files. A document that it cannot take is an error, never a panic.
func strict(data []byte, path string) (doc *document, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, fmt.Errorf("the OpenAPI reader gave up: %v", r)
		}
	}()
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	loader := openapi3.NewLoader()
	loader.Context = context.Background()
	loader.ReadFromURIFunc = within(filepath.Dir(full))
	t, err := loader.LoadFromDataWithPath(data, &url.URL{Path: filepath.ToSlash(full)})
	if err != nil {
		return nil, err
	}
	return fromLibrary(t), nil
}

// within returns a reader of references that stays inside dir, links resolved.
func within(dir string) openapi3.ReadFromURIFunc {
	return func(_ *openapi3.Loader, u *url.URL) ([]byte, error) {
		if u.Host != "" || u.Scheme != "" && u.Scheme != "file" {
			return nil, fmt.Errorf("reference to %s: only files beside the document are read", u.Redacted())
		}
		root, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return nil, err
		}
		file, err := filepath.EvalSymlinks(filepath.FromSlash(u.Path))
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return nil, fmt.Errorf("reference to %s: outside the directory of the document", u.Path)
		}
		return readFile(file)
	}
}

func fromLibrary(t *openapi3.T) *document {
	d := &document{servers: fromServers(t.Servers)}
	if t.Info != nil {
		d.title, d.version = t.Info.Title, t.Info.Version
	}
	if t.Paths == nil {
		return d
	}
	for path, item := range t.Paths.Map() {
		if item == nil {
			continue
		}
		p := rawPath{path: path, servers: fromServers(item.Servers)}
		shared := fromParameters(item.Parameters)
		for method, op := range item.Operations() {
			if op == nil {
				continue
			}
			o := rawOperation{method: strings.ToUpper(method), id: op.OperationID, deprecated: op.Deprecated, secured: secured(t.Security)}
			if op.Security != nil {
				o.secured = secured(*op.Security)
			}
			if op.Servers != nil {
				o.servers = fromServers(*op.Servers)
			}
			o.params = override(shared, fromParameters(op.Parameters))
			p.ops = append(p.ops, o)
		}
		d.paths = append(d.paths, p)
	}
	return d
}

// secured reports whether a credential is needed: an empty requirement makes
// it optional (OpenAPI 3.1 §4.8.30).
func secured(list openapi3.SecurityRequirements) bool {
	for _, r := range list {
		if len(r) == 0 {
			return false
		}
	}
	return len(list) > 0
}

func fromServers(list openapi3.Servers) []rawServer {
	var out []rawServer
	for _, v := range list {
		if v == nil {
			continue
		}
		r := rawServer{url: v.URL, variables: map[string]rawVariable{}}
		for n, x := range v.Variables {
			if x != nil {
				r.variables[n] = rawVariable{value: x.Default, enum: x.Enum}
			}
		}
		out = append(out, r)
	}
	return out
}

func fromParameters(list openapi3.Parameters) []Parameter {
	var out []Parameter
	for _, ref := range list {
		if ref == nil || ref.Value == nil {
			continue
		}
		v := ref.Value
		p := Parameter{Name: v.Name, In: v.In, Required: v.Required}
		if v.Schema != nil && v.Schema.Value != nil {
			schema := v.Schema.Value
			for _, t := range schema.Type.Slice() {
				if t != "null" {
					p.Type = t
					break
				}
			}
			p.Format = schema.Format
			for _, e := range schema.Enum {
				p.Enum = append(p.Enum, fmt.Sprint(e))
			}
		}
		out = append(out, p)
	}
	return out
}

// override returns the parameters of a path with those of an operation, which
// win by name and place (OpenAPI 3.0 §4.7.10).
func override(shared, own []Parameter) []Parameter {
	out := slices.Clone(own)
	for _, s := range shared {
		if !slices.ContainsFunc(own, func(p Parameter) bool { return p.Name == s.Name && p.In == s.In }) {
			out = append(out, s)
		}
	}
	return out
}

// short keeps an error to what fits a line.
func short(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}
