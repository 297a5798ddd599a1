package body

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"lapwing/event"
	"lapwing/parse/classify"
	"lapwing/parse/pseudonym"
)

func newReader() *Reader {
	return NewReader(classify.NewKeys(nil, nil), pseudonym.Offline().Hash)
}

func leaves(d *Doc) string {
	var out []string
	for _, l := range d.Leaves {
		s := l.Path + "=" + string(l.Value)
		if l.Elem {
			s += "*"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ name, media, in, kind, keys, leaves, operation string }{
		{"object", "application/json", `{"id":42,"name":"Ava","paid":true,"sum":1.5,"x":null,"o":{},"a":[]}`,
			"json", "a:array id:int name:string o:object paid:bool sum:number x:null", "id=42", ""},
		{"list", "application/json", `[{"id":1,"owner":{"user_id":"u\u0031"}},{"id":2}]`,
			"json", "[].id:int [].owner.user_id:string", "[].id=1* [].owner.user_id=u1 [].id=2*", ""},
		{"list of ids", "", `{"ids":[7,8],"tags":["a"]}`, "json", "ids[]:int tags[]:string", "ids[]=7 ids[]=8", ""},
		{"uuid under any name", "", `{"parent":"018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a"}`, "json", "parent:string", "parent=018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a", ""},
		{"identifier as key", "", `{"users":{"17":{"n":"x"},"ava@example.com":{"n":"y"}}}`, "json", "users.{int}.n:string users.{name}.n:string", "users.{int}=17 users.{name}=ava@example.com", ""},
		{"json as html", "text/html; charset=utf-8", `{"success":false}`, "json", "success:bool", "success=false", ""},
		{"lines", "application/x-ndjson", "{\"id\":1}\n{\"id\":2}\n", "json", "id:int", "id=1 id=2", ""},
		{"cut", "application/json", `{"items":[{"id":1},{"id":2},{"na`, "json", "items[].id:int", "items[].id=1* items[].id=2*", ""},
		{"graphql", "application/json", `{"query":"query Orders($n: Int) { order(id: 42) { total } }","variables":{"orderId":7}}`,
			"graphql", "query:string variables.orderId:int", "query=query Orders($n: Int) { order(id: 42) { total } } variables.orderId=7 query.id=42", "query Orders"},
		{"anonymous graphql", "application/json", `{"query":"{ o: orders { id } }"}`, "graphql", "query:string", "query={ o: orders { id } }", "query {orders}"},
		{"mutation", "application/graphql", "mutation Pay { pay }", "graphql", "", "", "mutation Pay"},
		{"no graphql", "application/json", `{"query":"shoes"}`, "json", "query:string", "query=shoes", ""},
		{"json-rpc answer", "application/json", `{"jsonrpc":"2.0","result":{"id":9},"id":1}`, "json", "id:int jsonrpc:string result.id:int", "result.id=9", ""},
		{"json-rpc", "application/json", `{"jsonrpc":"2.0","method":"user.get","params":{"user_id":5},"id":1}`,
			"json", "id:int jsonrpc:string method:string params.user_id:int", "method=user.get params.user_id=5", "user.get"},
		{"no json-rpc", "application/json", `{"method":"card"}`, "json", "method:string", "method=card", ""},
		{"form", "application/x-www-form-urlencoded", "username=ava%40example.com&password=a+b&n=1", "form", "n:int password:string username:string", "username=ava@example.com password=a b", ""},
		{"form without a type", "", "j_username=ava&j_password=x", "form", "j_password:string j_username:string", "j_username=ava j_password=x", ""},
		{"multipart", `multipart/form-data; boundary="xyz"`, "--xyz\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\nava@example.com\r\n--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\x00\x01\r\n--xyz--\r\n",
			"multipart", "email:string f:file", "email=ava@example.com", ""},
		{"soap", "text/xml", `<?xml version="1.0"?><s:Envelope xmlns:s="x"><s:Body><m:GetUser><m:userId>7</m:userId></m:GetUser></s:Body></s:Envelope>`,
			"xml", "Envelope.Body.GetUser.userId:int", "Envelope.Body.GetUser.userId=7", "GetUser"},
		{"html", "text/html", `<!DOCTYPE html><html><title>Shop</title><a class="x" href="/orders/7">o</a><script>if(a<b)x('<a href="/no">')</script><a href=/orders/8 >`,
			"html", "", "href=/orders/7 href=/orders/8", ""},
		{"binary", "application/octet-stream", "\x00\x01\x02", "binary", "", "", ""},
		{"text", "text/plain", "hello", "text", "", "", ""},
		{"empty", "application/json", "", "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var d Doc
			newReader().Read(&d, []byte(c.media), []byte(c.in))
			if d.Type != c.kind || strings.Join(d.Keys, " ") != c.keys || leaves(&d) != c.leaves || d.Operation != c.operation {
				t.Errorf("type %q, keys %q, operation %q\nleaves %q\n  want %q", d.Type, strings.Join(d.Keys, " "), d.Operation, leaves(&d), c.leaves)
			}
		})
	}
}

func TestItemsAndFlags(t *testing.T) {
	r := newReader()
	var d Doc
	r.Read(&d, nil, []byte(`{"data":[1,2,3],"deep":{"list":[1,2,3,4],"x":{"y":[1,2,3,4,5]}}}`))
	if d.Items != 3 {
		t.Errorf("%d items, want 3: only the top two levels count", d.Items)
	}
	r.Read(&d, nil, []byte(`{"a":1,"b":{"a":1},"a":2}`))
	if d.Flags != event.FlagDuplicateKeys {
		t.Errorf("flags %v", d.Flags.Names())
	}
	r.Read(&d, nil, []byte(`[{"a":1},{"a":1}]`))
	if d.Flags != 0 {
		t.Errorf("flags %v in two objects of one key", d.Flags.Names())
	}
}

// What is said of a body must not depend on the bodies before it.
func TestReadIsStateless(t *testing.T) {
	used := newReader()
	var a, b Doc
	for i := range 200 {
		var big strings.Builder
		for k := range 300 {
			fmt.Fprintf(&big, `,"%c%c%c":%d`, 'a'+i%26, 'a'+k%26, 'a'+k/26, k)
		}
		in := []byte(`{"x":1` + big.String() + `}`)
		used.Read(&a, nil, in)
		newReader().Read(&b, nil, in)
		if a.Hash != b.Hash || !slices.Equal(a.Keys, b.Keys) || leaves(&a) != leaves(&b) {
			t.Fatalf("body %d differs", i)
		}
	}
}

func TestLimits(t *testing.T) {
	r := newReader()
	var d Doc
	r.Read(&d, nil, []byte(strings.Repeat("[", 1000)+`{"id":1}`))
	if !d.More || len(d.Leaves) != 0 {
		t.Error("nesting is not bounded")
	}
	r.Read(&d, nil, []byte(`{"a":`+strings.Repeat(`{"b":`, 40)+`1`+strings.Repeat("}", 40)+`,"id":7}`))
	if leaves(&d) != "id=7" {
		t.Errorf("after deep nesting: %s", leaves(&d))
	}
	r.Read(&d, nil, []byte(`{"ids":[`+strings.Repeat("1,", 5000)+`1]}`))
	if !d.More || len(d.Leaves) != maxLeaves || d.Items != 5001 {
		t.Errorf("%d leaves, %d items", len(d.Leaves), d.Items)
	}
	var wide strings.Builder
	for i := range 3 * maxNodes {
		fmt.Fprintf(&wide, `,"%s":1`, strings.Map(func(c rune) rune { return 'a' + c - '0' }, fmt.Sprint(i)))
	}
	r.Read(&d, nil, []byte(`{"z":1`+wide.String()+`}`))
	if n := len(r.trie.nodes); n > maxNodes || !d.More || len(d.Keys) != maxKeys {
		t.Errorf("%d nodes, %d keys", n, len(d.Keys))
	}
}

// reference lists path:type of every leaf as encoding/json reads it; ok is
// false for keys that stand for data, which Read renames.
func reference(v any, path string, depth int, out map[string]bool) bool {
	add := func(kind string) { out[path+":"+kind] = true }
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 {
			add("object")
		}
		for k, e := range v {
			f := classify.Of([]byte(k))
			if k == "" || len(k) > maxNameBytes || f != classify.FormWord && f != classify.FormSlug || !reference(e, join(path, k), depth+1, out) {
				return false
			}
		}
	case []any:
		if len(v) == 0 {
			add("array")
		}
		for _, e := range v {
			if !reference(e, path+"[]", depth+1, out) {
				return false
			}
		}
	case string:
		add("string")
	case bool:
		add("bool")
	case nil:
		add("null")
	case json.Number:
		if strings.Trim(string(v), "-0123456789") == "" {
			add("int")
		} else {
			add("number")
		}
	}
	return depth < maxDepth && len(path) < maxPathBytes
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"id":1,"a":{"b":[true,null,"x\n\u00e9\ud83d\ude00"]},"c":[],"d":{},"e":-1.5e3}`))
	f.Add([]byte(`[[1,2],{"a":"\\\""}]`))
	f.Add([]byte(`{"a":}{"b":[}]`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := newReader()
		var d Doc
		r.gen++
		d.gen = r.gen
		r.touch(&d, 0)
		r.json(&d, in)
		if !json.Valid(in) || !utf8.Valid(in) || bytes.Contains(in, []byte(`\u`)) {
			return
		}
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.UseNumber()
		var v any
		want := map[string]bool{}
		if dec.Decode(&v) != nil || d.Flags != 0 || d.More || !reference(v, "", 0, want) {
			return
		}
		got := map[string]bool{}
		for _, s := range d.seen {
			got[r.trie.nodes[s.node].path+":"+s.kind.String()] = true
		}
		for k := range want {
			if !got[k] {
				t.Errorf("%s: %q is missing", in, k)
			}
		}
		for k := range got {
			if !want[k] {
				t.Errorf("%s: %q is not there", in, k)
			}
		}
	})
}

func FuzzUnescape(f *testing.F) {
	f.Add(`a\n\u00e9\ud83d\ude00\\\/`)
	f.Add(`\ud83d`)
	f.Fuzz(func(t *testing.T, s string) {
		var d Doc
		got := d.unescape([]byte(s))
		var want string
		if utf8.ValidString(s) && json.Unmarshal([]byte(`"`+s+`"`), &want) == nil && string(got) != want {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n--x--"))
	f.Add("text/xml", []byte("<a><b c='d'>e</b><![CDATA[x]]></a>"))
	f.Add("text/html", []byte("<html><a href='/x'>"))
	f.Add("application/x-www-form-urlencoded", []byte("a=b&c=%41%zz+"))
	f.Add("", []byte(`{"query":"{a(id:1)}"}`))
	f.Fuzz(func(t *testing.T, media string, in []byte) {
		r := newReader()
		var d Doc
		before := bytes.Clone(in)
		r.Read(&d, []byte(media), in)
		if !bytes.Equal(before, in) {
			t.Fatal("the input was changed")
		}
		hash, n := d.Hash, len(d.Leaves)
		r.Read(&d, []byte(media), in)
		if d.Hash != hash || len(d.Leaves) != n {
			t.Fatal("a second reading differs")
		}
		if n > maxLeaves || len(d.Keys) > maxKeys {
			t.Fatal("a limit was passed")
		}
	})
}

func benchmark(b *testing.B, in []byte) {
	r := newReader()
	var d Doc
	media := []byte("application/json")
	r.Read(&d, media, in)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		r.Read(&d, media, in)
	}
}

func BenchmarkJSONList(b *testing.B) {
	var s strings.Builder
	s.WriteString(`{"total":400,"items":[`)
	for i := range 400 {
		if i > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, `{"id":%d,"sku":"A-%05d","title":"A fine thing to have at home","description":"It does what it should, and it has done so for a long time. Comes in several colours.","price":{"amount":12.50,"currency":"EUR"},"in_stock":true,"rating":4.5}`, i+1000, i)
	}
	s.WriteString(`]}`)
	benchmark(b, []byte(s.String()))
}

func BenchmarkJSONText(b *testing.B) {
	benchmark(b, []byte(`{"title":"x","body":"`+strings.Repeat("All work and no play makes a dull page of text. ", 1000)+`"}`))
}

func BenchmarkJSONSmall(b *testing.B) {
	benchmark(b, []byte(`{"id":4711,"name":"Ava Walker","email":"ava@example.com","address":{"street":"1 Main St","city":"Ulm"},"active":true}`))
}
