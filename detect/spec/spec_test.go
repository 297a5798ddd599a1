package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const shop = `openapi: 3.0.3
info: {title: Shop, version: "1.2"}
servers:
  - url: https://{region}.api.shop.example:{port}/v1
    variables:
      region: {default: eu, enum: [eu, us]}
      port: {default: "443"}
  - url: /gateway/v1
security: [{key: []}]
paths:
  /orders:
    get: {operationId: listOrders, responses: {"200": {description: ok}}}
    post: {operationId: makeOrder, responses: {"201": {description: ok}}}
  /orders/{orderId}:
    parameters:
      - {name: orderId, in: path, required: true, schema: {type: integer}}
    get: {deprecated: true, security: [{}], responses: {"200": {description: ok}}}
  /orders/latest:
    get: {operationId: latest, responses: {"200": {description: ok}}}
  /orders/{orderId}/items/{sku}:
    get: {operationId: item, responses: {"200": {description: ok}}}
  /orders/{orderId}:cancel:
    post: {operationId: cancel, responses: {"200": {description: ok}}}
  /lists/{date}/{list}.json:
    get: {operationId: list, responses: {"200": {description: ok}}}
  /files/{path+}:
    get: {operationId: file, responses: {"200": {description: ok}}}
`

func mustParse(t testing.TB, doc string) *Spec {
	t.Helper()
	s, err := Parse([]byte(doc), "testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestMatch(t *testing.T) {
	s := mustParse(t, shop)
	if len(s.Warnings) > 0 {
		t.Errorf("warnings: %q", s.Warnings)
	}
	for _, c := range []struct {
		method, path, template, id string
		ok                         bool
	}{
		{"GET", "/v1/orders", "/v1/orders", "listOrders", true},
		{"HEAD", "/v1/orders", "/v1/orders", "listOrders", true},
		{"GET", "/gateway/v1/orders", "/gateway/v1/orders", "listOrders", true},
		{"DELETE", "/v1/orders", "/v1/orders", "", false},
		{"GET", "/v1/orders/17", "/v1/orders/{orderId}", "", true},
		{"GET", "/v1/orders/17/", "/v1/orders/{orderId}", "", true},
		{"GET", "/v1//orders/./x/../17;a=b", "/v1/orders/{orderId}", "", true},
		{"GET", "/v1/%6frders/17", "/v1/orders/{orderId}", "", true},
		{"GET", "/v1/orders/nm-abcdefgh", "/v1/orders/{orderId}", "", true},
		{"GET", "/v1/orders/export", "", "", false}, // a word is no integer
		{"GET", "/v1/orders/latest", "/v1/orders/latest", "latest", true},
		{"GET", "/v1/orders/17/items/red-shoe", "/v1/orders/{orderId}/items/{sku}", "item", true},
		{"POST", "/v1/orders/17:cancel", "/v1/orders/{orderId}:cancel", "cancel", true},
		{"GET", "/v1/lists/2024-01-01/top.json", "/v1/lists/{date}/{list}.json", "list", true},
		{"GET", "/v1/lists/2024-01-01/.json", "", "", false},
		{"GET", "/v1/files/a/b/c", "/v1/files/{path+}", "file", true},
		{"GET", "/orders", "", "", false}, // outside the base path
		{"GET", "", "", "", false},
		{"GET", "/", "", "", false},
	} {
		template, op, ok := s.Match("eu.api.shop.example", c.method, c.path)
		if template != c.template || ok != c.ok || ok && op.ID != c.id {
			t.Errorf("Match(%s %s) = %q, %v, %v; want %q, %q, %v", c.method, c.path, template, op, ok, c.template, c.id, c.ok)
		}
	}
	_, op, _ := s.Match("", "GET", "/v1/orders/17")
	if !op.Deprecated || op.Secured || len(op.Parameters) != 1 || op.Parameters[0].Type != "integer" {
		t.Errorf("operation read as %+v", op)
	}
	if _, op, _ := s.Match("", "GET", "/v1/orders"); !op.Secured || op.Deprecated {
		t.Errorf("operation read as %+v", op)
	}
}

func TestServers(t *testing.T) {
	for _, c := range []struct {
		url          string
		hosts        string
		covers, not_ string
		base         string
	}{
		{"https://api.shop.example/v1", "api.shop.example", "api.shop.example", "shop.example", "/v1"},
		{"https://API.shop.example:443/", "api.shop.example", "api.shop.example", "api.shop.example:8443", ""},
		{"http://api.shop.example:8080/a/../b", "api.shop.example:8080", "api.shop.example:8080", "api.shop.example:80", "/b"},
		{"http://api.shop.example:8080/b", "api.shop.example:8080", "api.shop.example", "shop.example", "/b"},
		{"https://{tenant}.shop.example/{v}", "", "acme.shop.example", "shop.example", ""},
		{"/relative", "", "anything.example", "", "/relative"},
		{"relative", "", "anything.example", "", "/relative"},
		{"//host.example/x", "host.example", "host.example", "other.example", "/x"},
		{"http://localhost:8888/api", "", "10.0.0.1:80", "", "/api"},
		{"http://127.0.0.1/api", "", "crapi.example", "", "/api"},
	} {
		list := expand([]rawServer{{url: c.url, variables: map[string]rawVariable{"tenant": {value: "x"}}}})
		s := &Spec{servers: list}
		if got := strings.Join(s.Hosts(), " "); got != c.hosts {
			t.Errorf("%s: hosts %q, want %q", c.url, got, c.hosts)
		}
		if !s.Covers(c.covers) || c.not_ != "" && s.Covers(c.not_) {
			t.Errorf("%s: covers(%q) = %v, covers(%q) = %v", c.url, c.covers, s.Covers(c.covers), c.not_, s.Covers(c.not_))
		}
		if !strings.Contains(c.url, "{v}") && list[0].base != c.base {
			t.Errorf("%s: base %q, want %q", c.url, list[0].base, c.base)
		}
	}
}

func TestBadDocuments(t *testing.T) {
	for _, c := range []struct{ doc, want string }{
		{"{\n\"openapi\": \"3.0.0\",\n \"paths\": }", "bad.json:3: "},
		{"openapi: 3.0.0\npaths:\n  - a\n b: c\n", "bad.json:3: "},
		{"", "no object"},
		{"[1, 2]", "no object"},
		{"title: nothing", `neither "openapi" nor "swagger"`},
		{`{"openapi": "3.0.0", "paths": {}}`, "bad.json: "},
		{"a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f]\nopenapi: 3.0.0\n", "excessive aliasing"},
	} {
		_, err := Parse([]byte(c.doc), "bad.json")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "bad.json") {
			t.Errorf("%.40q: error %v, want it to contain %q", c.doc, err, c.want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("missing file: %v", err)
	}
}

// A mistake in a schema must not cost the inventory its paths.
func TestCarelessDocumentIsReadWithWarning(t *testing.T) {
	s := mustParse(t, `{"openapi":"3.0.0","info":{"title":"x","version":1},"paths":{"/a/{id}":{"get":{"deprecated":true,
		"parameters":[{"$ref":"#/components/parameters/Id"}],"responses":{"200":{"$ref":"#/components/responses/Gone"}}}}},
		"components":{"parameters":{"Id":{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}}}}`)
	if len(s.Warnings) == 0 {
		t.Error("a dangling reference was read without a warning")
	}
	_, op, ok := s.Match("", "GET", "/a/1")
	if !ok || !op.Deprecated || len(op.Parameters) != 1 || op.Parameters[0].Type != "integer" {
		t.Errorf("operation read as %+v", op)
	}
}

func TestSwagger2(t *testing.T) {
	s := mustParse(t, `{"swagger":"2.0","info":{"title":"x","version":"1"},"host":"api.example.com","basePath":"/v2","schemes":["https"],
		"paths":{"/pets/{id}":{"get":{"parameters":[{"name":"id","in":"path","type":"integer","required":true}],"responses":{}}}}}`)
	if m, _, ok := s.Match("api.example.com", "GET", "/v2/pets/7"); !ok || m != "/v2/pets/{id}" {
		t.Errorf("got %q, %v", m, ok)
	}
	if s.Covers("other.example") {
		t.Error("covers a host it does not name")
	}
}

func TestReferencesStayInTheDirectory(t *testing.T) {
	dir := t.TempDir()
	write := func(name, body string) string {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(body), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	item := "get: {operationId: secret, responses: {'200': {description: ok}}}\n"
	doc := func(ref string) string {
		return "openapi: 3.0.0\ninfo: {title: x, version: '1'}\npaths:\n  /a: {$ref: '" + ref + "'}\n  /b: {get: {responses: {'200': {description: ok}}}}\n"
	}
	write("outside.yaml", item)
	write("api/part.yaml", item)
	if err := os.Symlink(filepath.Join(dir, "outside.yaml"), filepath.Join(dir, "api/link.yaml")); err != nil {
		t.Fatal(err)
	}
	for ref, inside := range map[string]bool{
		"./part.yaml": true, "../outside.yaml": false, "link.yaml": false,
		"http://127.0.0.1:1/x.yaml": false, filepath.Join(dir, "outside.yaml"): false,
	} {
		s, err := Load(write("api/main.yaml", doc(ref)))
		if err != nil {
			t.Fatal(err)
		}
		if _, _, ok := s.Match("", "GET", "/a"); ok != inside {
			t.Errorf("reference %q followed = %v, want %v (warnings %q)", ref, ok, inside, s.Warnings)
		}
		if _, _, ok := s.Match("", "GET", "/b"); !ok {
			t.Errorf("reference %q: the rest of the document was lost", ref)
		}
	}
}

func TestSetPrefersTheLiteral(t *testing.T) {
	a := mustParse(t, `{"openapi":"3.1.0","info":{"title":"a","version":"1"},"paths":{"/{any}/{id}":{"get":{"responses":{"200":{"description":"x"}}}}}}`)
	b := mustParse(t, `{"openapi":"3.1.0","info":{"title":"b","version":"1"},"paths":{"/users/{id}":{"get":{},"post":{}}}}`)
	set := NewSet(a, b)
	for path, want := range map[string]string{"/users/1": "/users/{id}", "/cars/1": "/{any}/{id}", "/cars": ""} {
		if m := set.Lookup("h", "GET", path); m.Template != want {
			t.Errorf("%s: %q, want %q", path, m.Template, want)
		}
	}
	if m := set.Lookup("h", "POST", "/users/1"); m.Op == nil || m.Spec != b {
		t.Errorf("POST /users/1: %+v", m)
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"": "/", "/": "/", "/a": "/a", "/a/": "/a", "//a///b": "/a/b", "/a/../../b": "/b", "/a/./b": "/a/b",
		"/%61%2f": "/a%2f", "/%2561": "/%2561", "/a;x=1/b;y": "/a/b", "/.git/config": "/.git/config", "/a/..": "/",
		"/%2e%2e/x": "/x", "a": "/a", "/%zz": "/%zz", "/%": "/%",
	} {
		if got := Canonical(in); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", in, got, want)
		}
	}
}

// Every path of every description in the corpus must be found again when its
// parameters are filled in.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("LAPWING_CORPUS")
	if dir == "" {
		t.Skip("LAPWING_CORPUS is not set")
	}
	files, paths := 0, 0
	err := filepath.WalkDir(filepath.Join(dir, "openapi"), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(path, "postman") {
			return err
		}
		s, err := Load(path)
		if err != nil {
			t.Errorf("%v", err)
			return nil
		}
		files++
		for _, w := range s.Warnings {
			t.Logf("%s: %s", filepath.Base(path), w)
		}
		for _, op := range s.Operations {
			paths++
			at := strings.NewReplacer("{", "1", "}", "2").Replace(op.Template)
			host := ""
			if h := s.Hosts(); len(h) > 0 {
				host = h[0]
			}
			template, got, ok := s.Match(host, op.Method, at)
			if !ok || got.Group != op.Group && strings.Count(template, "{") > strings.Count(op.Template, "{") {
				t.Errorf("%s %s: matched %q, %v", op.Method, op.Template, template, ok)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d descriptions, %d operations", files, paths)
	if files == 0 {
		t.Error("no description was read")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte(`{"swagger":"2.0","host":"{a}.b","basePath":"//","paths":{"/{a}{b}.c":{"get":{}},"":{"post":null}}}`))
	f.Add([]byte(`{"openapi":"3.1.0","servers":[{"url":"http://{"}],"paths":{"/a/{b+}":{"$ref":"#/paths/~1a~1{b+}"}}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		s, err := Parse(doc, "fuzz.yaml")
		if err != nil {
			if !strings.HasPrefix(err.Error(), "fuzz.yaml") {
				t.Fatalf("error does not name the file: %v", err)
			}
			return
		}
		for _, op := range s.Operations {
			s.Match("h", op.Method, op.Template)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	f.Add("/a/%2e%2e//b;c/")
	f.Fuzz(func(t *testing.T, p string) {
		c := Canonical(p)
		if again := Canonical(c); again != c && !strings.Contains(p, "%") {
			t.Fatalf("Canonical(%q) = %q, again %q", p, c, again)
		}
		if c == "" || c[0] != '/' {
			t.Fatalf("Canonical(%q) = %q", p, c)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	s := NewSet(mustParse(b, shop))
	b.ReportAllocs()
	for b.Loop() {
		if m := s.Lookup("eu.api.shop.example", "GET", "/v1/orders/17/items/red-shoe"); m.Op == nil {
			b.Fatal("no match")
		}
	}
}
