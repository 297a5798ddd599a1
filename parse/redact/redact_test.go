package redact

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"lapwing/parse/classify"
	"lapwing/parse/pseudonym"
)

var ring = pseudonym.Offline()

func newRedactor() *Redactor {
	return New(classify.NewKeys([]string{"shoe"}, []string{"patient"}), ring)
}

const (
	opaque = "dGhpcyBpcyBhIHNlY3JldCB2YWx1ZTEyMw"
	mail   = "ava@example.com"
	uuid   = "018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a"
)

func tok(s string) string { return ring.Secret([]byte(s)) }
func nm(s string) string  { return ring.Name([]byte(s)) }

func TestPath(t *testing.T) {
	for _, c := range []struct{ in, clean, shape, ids string }{
		{"", "", "", ""},
		{"/", "/", "/", ""},
		{"*", "*", "*", ""},
		{"/orders/42", "/orders/42", "/orders/{int}", "2=42"},
		{"/orders/42/items/" + uuid + "/", "/orders/42/items/" + uuid + "/", "/orders/{int}/items/{uuid}/", "2=42 4=" + uuid},
		{"/v1/x", "/v1/x", "/v1/x", ""},
		{"/api/v2.1/x/2024-01-01", "/api/v2.1/x/2024-01-01", "/api/v2.1/x/{date}", ""},
		{"/2024-01-01/x", "/2024-01-01/x", "/2024-01-01/x", ""},
		{"//a//7", "//a//7", "//a//{int}", "2=7"},
		{"/products/a-nice-thing", "/products/a-nice-thing", "/products/a-nice-thing", ""},
		{"/parts/A1B2C3", "/parts/A1B2C3", "/parts/A1B2C3", "2=A1B2C3"},
		{"/users/" + mail, "/users/" + nm(mail), "/users/{name}", "2=" + mail},
		{"/users/ava%40example.com", "/users/" + nm(mail), "/users/{name}", "2=" + mail},
		{"/f/" + opaque, "/f/" + tok(opaque), "/f/{opaque}", "2=" + opaque},
		{"/password-reset/d41d8cd98f00b204e9800998ecf8427e", "/password-reset/" + tok("d41d8cd98f00b204e9800998ecf8427e"), "/password-reset/{secret}", "2=d41d8cd98f00b204e9800998ecf8427e"},
		{"/reset/password", "/reset/password", "/reset/password", ""},
		{"/files/d41d8cd98f00b204e9800998ecf8427e", "/files/d41d8cd98f00b204e9800998ecf8427e", "/files/{hex}", "2=d41d8cd98f00b204e9800998ecf8427e"},
		{"/cards/4111111111111111", "/cards/***", "/cards/{secret}", "2=4111111111111111"},
		{"/a/42.json", "/a/42.json", "/a/{int}.json", "2=42"},
		{"/Orders(42)/x", "/Orders(42)/x", "/Orders({int})/x", "1=42"},
		{"/a;jsessionid=abcdef123456/b", "/a;jsessionid=" + tok("abcdef123456") + "/b", "/a/b", "jsessionid=abcdef123456"},
		{"/caf\xc3\xa9/\xff\xfe", "/café/%FF%FE", "/café/%FF%FE", ""},
		{"/%zz/%", "/%zz/%", "/%zz/%", ""},
	} {
		for range 2 { // the second time from memory
			var ids []string
			r := newRedactor()
			r.Path([]byte(c.in), nil)
			clean, shape := r.Path([]byte(c.in), func(id ID) {
				if id.Name != nil {
					ids = append(ids, fmt.Sprintf("%s=%s", id.Name, id.Value))
				} else {
					ids = append(ids, fmt.Sprintf("%d=%s", id.Index, id.Value))
				}
			})
			if string(clean) != c.clean || string(shape) != c.shape || strings.Join(ids, " ") != c.ids {
				t.Errorf("%s:\n %s, want %s\n %s, want %s\n %v, want %s", c.in, clean, c.clean, shape, c.shape, ids, c.ids)
			}
		}
	}
}

func TestQuery(t *testing.T) {
	for _, c := range []struct{ in, want, ids string }{
		{"", "", ""},
		{"a=1&b=two&c", "a=1&b=two&c", ""},
		{"a=&b==&=c", "a=&b==&=c", ""},
		{"id=42&order_id=7&ids[]=1", "id=42&order_id=7&ids[]=1", "id=42 order_id=7 ids[]=1"},
		{"q=%27+OR+1%3D1--&x=../../etc/passwd", "q=%27+OR+1%3D1--&x=../../etc/passwd", ""},
		{"password=hunter2&PASSWD=x", "password=***&PASSWD=***", "password=hunter2 PASSWD=x"},
		{"user%5Bpassword%5D=hunter2", "user%5Bpassword%5D=***", "user[password]=hunter2"},
		{"access_token=abcdef&sid=1234567890", "access_token=" + tok("abcdef") + "&sid=" + tok("1234567890"), "access_token=abcdef sid=1234567890"},
		{"key=name&key=" + opaque, "key=name&key=" + tok(opaque), "key=name key=" + opaque},
		{"otp=123456&coupon=SPRING2024XX", "otp=***&coupon=" + tok("SPRING2024XX"), "otp=123456 coupon=SPRING2024XX"},
		{"x=" + opaque, "x=" + tok(opaque), ""},
		{"cursor=" + opaque, "cursor=" + tok(opaque), ""},
		{"email=Ava%40example.com&x=ava@example.com", "email=" + nm(mail) + "&x=" + nm(mail), "email=Ava@example.com x=ava@example.com"},
		{"user=ava&user=17", "user=" + nm("ava") + "&user=17", "user=ava user=17"},
		{"user=$(id)&login=a'+OR+1=1--&name=x", "user=$(id)&login=a'+OR+1=1--&name=x", "user=$(id) login=a' OR 1=1--"},
		{"userId=1+ORDER+BY+4&user=x'+OR+1", "userId=1+ORDER+BY+4&user=x'+OR+1", "userId=1 ORDER BY 4 user=x' OR 1"},
		{"user=O'Brien", "user=" + nm("O'Brien"), "user=O'Brien"},
		{"ref=" + uuid, "ref=" + uuid, "ref=" + uuid},
		{"card=4111+1111+1111+1111&n=4111-1111-1111-1111", "card=***&n=***", ""},
		{"shoe=size&patient=Bob", "shoe=***&patient=" + nm("Bob"), "shoe=size"},
		{"next=%2Fa%3Fpage%3D2", "next=%2Fa%3Fpage%3D2", ""},
		{"next=%2Fa%3Ftoken%3Dabcdef", "next=/a?token=" + tok("abcdef"), ""},
		{"u=https%3A%2F%2Fa%3Ab%40h%2F%3Fx%3D1", "u=https://a:***@h/?x=1", ""},
		{"u=http%3A%2F%2F169.254.169.254%40evil%2F", "u=http%3A%2F%2F169.254.169.254%40evil%2F", ""},
		{"s=if(now()=sysdate(),sleep(3),0)/*'XOR(if(now()=sysdate()%2c1))OR'", "s=if(now()=sysdate(),sleep(3),0)/*'XOR(if(now()=sysdate()%2c1))OR'", ""},
		{"s=%3Csvg+onload%3Dalert(1)%3E%a0", "s=%3Csvg+onload%3Dalert(1)%3E%a0", ""},
		{"f=%7B%22status%22%3A%22open%22%7D", "f=%7B%22status%22%3A%22open%22%7D", ""},
		{"f=%7B%22pin%22%3A%221%22%7D", "f=" + tok(`{"pin":"1"}`), ""},
		{opaque, tok(opaque), ""},
		{"a=\xff", "a=%FF", ""},
	} {
		var ids []string
		got, all := newRedactor().Query([]byte(c.in), func(id ID) { ids = append(ids, fmt.Sprintf("%s=%s", id.Name, id.Value)) })
		if string(got) != c.want || !all || strings.Join(ids, " ") != c.ids {
			t.Errorf("%s:\n %s, want %s\n %v, want %s", c.in, got, c.want, ids, c.ids)
		}
	}
	if _, all := newRedactor().Query([]byte(strings.Repeat("a=1&", 5000)), nil); all {
		t.Error("parameters are not bounded")
	}
}

func TestReference(t *testing.T) {
	for in, want := range map[string]string{
		"https://Shop.example/a/7?x=1#f": "https://Shop.example|/a/7|/a/{int}", "/a/7?x": "|/a/7|/a/{int}", "https://u:p@h/x": "https://h|/x|/x",
		"//h/x": "//h|/x|/x", "https://h": "https://h||", "": "||", "/r?u=//x": "|/r|/r",
	} {
		origin, clean, shape := newRedactor().Reference([]byte(in), nil)
		if got := fmt.Sprintf("%s|%s|%s", origin, clean, shape); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("/a/7;x=1/b@c.de/%ff(1)?x=1")
	f.Add("next=%2fa%3fb%3dc%26d&=&a&&b=http://u:p@h?x={\"a\":1}")
	f.Fuzz(func(t *testing.T, s string) {
		r := newRedactor()
		clean, shape := r.Path([]byte(s), func(ID) {})
		if !utf8.Valid(clean) || !utf8.Valid(shape) {
			t.Fatalf("%q is no text", clean)
		}
		first := string(clean)
		if clean, _ = r.Path([]byte(s), nil); string(clean) != first {
			t.Fatal("a second time differs")
		}
		q, _ := r.Query([]byte(s), func(ID) {})
		if !utf8.Valid(q) || len(q) > 8*len(s)+64*strings.Count(s, "&")+256 {
			t.Fatalf("%d bytes of %d: %q", len(q), len(s), q)
		}
		r.Reference([]byte(s), nil)
	})
}

func BenchmarkPath(b *testing.B) {
	r := newRedactor()
	in := []byte("/api/v1/orders/4711/items/" + uuid)
	visit := func(ID) {}
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		r.Path(in, visit)
	}
}

func BenchmarkQuery(b *testing.B) {
	r := newRedactor()
	in := []byte("page=3&limit=50&sort=name&q=red+shoes&id=7")
	visit := func(ID) {}
	b.ReportAllocs()
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		r.Query(in, visit)
	}
}
