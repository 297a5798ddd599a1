package exchange

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/parse/pseudonym"
)

var ring = pseudonym.Offline()

func newBuilder(t testing.TB) *Builder {
	t.Helper()
	b, err := NewBuilder(Config{Sensor: "edge", TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, ClientHeaders: []string{"X-Real-IP"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// exchange parses an HTTP exchange written as text: request, "\n===\n", response.
func exchangeOf(text string) *Raw {
	r := &Raw{IDHigh: 1, IDLow: 2, Time: time.Unix(1700000000, 0), Duration: time.Millisecond, Peer: netip.MustParseAddrPort("203.0.113.7:40000"),
		Server: netip.MustParseAddrPort("192.0.2.1:80"), Scheme: "http", Protocol: "http/1.1", HeadersKnown: true}
	request, response, _ := strings.Cut(text, "\n===\n")
	first, fields, data := message(request)
	w := strings.Fields(first)
	r.Method, r.Target = []byte(w[0]), []byte(strings.TrimPrefix(first, w[0]+" "))
	r.RequestHeaders, r.RequestBody = fields, Body{WireBytes: int64(len(data)), Data: data, Complete: true}
	if response != "" {
		first, fields, data = message(response)
		fmt.Sscan(first, &r.Status)
		r.ResponseHeaders, r.ResponseBody = fields, Body{WireBytes: int64(len(data)), Data: data, Complete: true}
	}
	return r
}

func message(s string) (first string, fields []Field, data []byte) {
	head, rest, _ := strings.Cut(s, "\n\n")
	for i, l := range strings.Split(strings.TrimSpace(head), "\n") {
		if i == 0 {
			first = l
			continue
		}
		n, v, _ := strings.Cut(l, ":")
		fields = append(fields, Field{[]byte(n), []byte(strings.TrimSpace(v))})
	}
	return first, fields, []byte(rest)
}

func jwt(header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(payload)) + ".c2lnbmF0dXJlLWJ5dGVz"
}

func ids(c *event.Call) string {
	var out []string
	for _, r := range c.IDs {
		dir := "q"
		if r.Response {
			dir = "r"
		}
		s := fmt.Sprintf("%s:%s:%s:%s", dir, r.In, r.Name, r.Class)
		if r.Class == event.ClassInt {
			s += fmt.Sprint("=", r.Int)
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

func TestSimpleCall(t *testing.T) {
	c := newBuilder(t).Call(exchangeOf("GET /v1/orders/42/items/018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a?page=2&sort=name HTTP\nHost: API.example.com:80\nUser-Agent: curl/8\n\n\n===\n200\nContent-Type: application/json\n\n{\"id\":42}"))
	c.Path = strings.TrimSuffix(c.Path, " HTTP")
	if c.Host != "api.example.com" || c.Method != "GET" || c.PathShape != "/v1/orders/{int}/items/{uuid}" || c.Path != "/v1/orders/42/items/018f3b1e-7e5a-7c4b-9f3d-2f1e0d9c8b7a" || c.Query != "page=2&sort=name HTTP" {
		t.Errorf("host %q path %q shape %q query %q", c.Host, c.Path, c.PathShape, c.Query)
	}
	if c.Auth != event.AuthNone || c.Actor != (event.Actor{Kind: event.KindClient, Value: "203.0.113.7"}) || c.ClientPort != 40000 || len(c.Fingerprint) != 16 {
		t.Errorf("auth %v actor %v port %d fingerprint %q", c.Auth, c.Actor, c.ClientPort, c.Fingerprint)
	}
	if got, want := ids(c), "q:path:3:int=42 q:path:5:uuid r:body:id:int=42"; got != want {
		t.Errorf("ids %s, want %s", got, want)
	}
	if c.IDs[0].Hash != c.IDs[2].Hash {
		t.Error("42 in a path and in JSON differ")
	}
	if c.IDs[1].Order != 0x018f3b1e7e5a {
		t.Errorf("order %x", c.IDs[1].Order)
	}
	if c.Shape.Response.Type != "json" || strings.Join(c.Shape.Response.Keys, " ") != "id:int" {
		t.Errorf("shape %+v", c.Shape.Response)
	}
}

func TestLogin(t *testing.T) {
	token := jwt(`{"alg":"HS256"}`, `{"sub":"7","org_id":"acme"}`)
	for _, c := range []struct{ name, text, account string }{
		{"json", "POST /login\nHost: a\nContent-Type: application/json\n\n" + `{"email":"Ava@example.com","password":"hunter2"}`, "ava@example.com"},
		{"form", "POST /login\nHost: a\nContent-Type: application/x-www-form-urlencoded\n\nlog=ava&pwd=hunter2", "ava"},
		{"nested", "POST /x\nHost: a\nContent-Type: application/json\n\n" + `{"email":"z@example.com","user":{"login":"ava","passwort":"hunter2"}}`, "ava"},
		{"oauth", "POST /token\nHost: a\n\ngrant_type=client_credentials&client_id=svc1&client_secret=s3cr3ts3cr3t", "svc1"},
		{"basic", "GET /x\nHost: a\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ava:hunter2")) + "\n\n", "ava"},
		{"graphql", "POST /graphql\nHost: a\nContent-Type: application/json\n\n" + `{"query":"mutation Login($u:String!){login(u:$u){token}}","variables":{"username":"ava","password":"hunter2"}}`, "ava"},
		{"otp", "POST /otp\nHost: a\nContent-Type: application/json\n\n" + `{"phone":"+4915112345678","code":"123456"}`, "+4915112345678"},
		{"multipart", "POST /x\nHost: a\nContent-Type: multipart/form-data; boundary=b\n\n--b\r\nContent-Disposition: form-data; name=\"username\"\r\n\r\nava\r\n--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--b--\r\n", "ava"},
	} {
		b := newBuilder(t)
		got := b.Call(exchangeOf(c.text + "\n===\n200\nContent-Type: application/json\n\n" + `{"data":{"token":"` + token + `"},"success":true}`))
		if !got.Flags.Has(event.FlagSecretPresented | event.FlagMinted) {
			t.Errorf("%s: flags %v", c.name, got.Flags.Names())
		}
		if got.Account != ring.Name([]byte(c.account)) {
			t.Errorf("%s: account %q, want that of %s", c.name, ring.Reveal(got.Account, pseudonym.Plain), c.account)
		}
		if got.Shape.Response.Outcome != "success=true" {
			t.Errorf("%s: outcome %q", c.name, got.Shape.Response.Outcome)
		}
		next := b.Call(exchangeOf("GET /me\nHost: a\nAuthorization: Bearer " + token + "\n\n\n===\n200\n\n"))
		var minted event.IDRef
		for _, r := range got.IDs {
			if r.Class == event.ClassSecret {
				minted = r
			}
		}
		if want := fmt.Sprintf("tok-%012x", minted.Hash>>16); next.Token != want || !minted.Response {
			t.Errorf("%s: later use %q is not linked with %q", c.name, next.Token, want)
		}
		if next.Auth != event.AuthJWT || next.User != ring.Name([]byte("7")) || next.Tenant != ring.Name([]byte("acme")) || next.Actor.Kind != event.KindUser {
			t.Errorf("%s: auth %v user %q actor %v", c.name, next.Auth, next.User, next.Actor)
		}
	}
}

func TestIdentity(t *testing.T) {
	session := "8f14e45fceea167a5a36dedd4bea2543"
	tok := func(s string) event.Actor { return event.Actor{Kind: event.KindToken, Value: ring.Secret([]byte(s))} }
	client := event.Actor{Kind: event.KindClient, Value: "203.0.113.7"}
	for _, c := range []struct {
		name, text string
		auth       event.Auth
		actor      event.Actor
		flags      event.Flags
	}{
		{"none", "GET /\nHost: a\n\n\n===\n200\n\n", event.AuthNone, client, 0},
		{"bearer", "GET /\nHost: a\nAuthorization: bearer abcdef123456789\n\n\n===\n200\n\n", event.AuthBearer, tok("abcdef123456789"), 0},
		{"refused bearer", "GET /\nHost: a\nAuthorization: bearer abcdef123456789\n\n\n===\n401\n\n", event.AuthBearer, client, 0},
		{"unsigned", "GET /\nHost: a\nAuthorization: Bearer " + jwt(`{"alg":"none"}`, `{"sub":"x"}`) + "\n\n\n===\n403\n\n", event.AuthJWT, tok(jwt(`{"alg":"none"}`, `{"sub":"x"}`)), event.FlagJWTUnsigned},
		{"machine", "GET /\nHost: a\nAuthorization: Bearer " + jwt(`{"alg":"RS256"}`, `{"client_id":"svc"}`) + "\n\n\n===\n200\n\n", event.AuthJWT, event.Actor{Kind: event.KindUser, Value: ring.Name([]byte("svc"))}, 0},
		{"api key", "GET /\nHost: a\nX-API-Key: k-123456789\n\n\n===\n200\n\n", event.AuthAPIKey, event.Actor{Kind: event.KindKey, Value: ring.Secret([]byte("k-123456789"))}, 0},
		{"cookie", "GET /\nHost: a\nCookie: _ga=GA1.2.111.222; theme=dark; connect.sid=" + session + "\n\n\n===\n200\n\n", event.AuthCookie, event.Actor{Kind: event.KindSession, Value: ring.Secret([]byte(session))}, 0},
		{"analytics only", "GET /\nHost: a\nCookie: _ga=GA1.2.111.222; _gid=GA1.2.333; __cf_bm=" + session + "; AWSALB=" + session + "\n\n\n===\n200\n\n", event.AuthNone, client, 0},
		{"query", "GET /?api_key=abcdef123456\nHost: a\n\n\n===\n200\n\n", event.AuthAPIKey, event.Actor{Kind: event.KindKey, Value: ring.Secret([]byte("abcdef123456"))}, event.FlagCredentialInQuery},
		{"aws", "GET /\nHost: a\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=fe5f\n\n\n===\n200\n\n", event.AuthSignature, event.Actor{Kind: event.KindKey, Value: ring.Secret([]byte("AKIAIOSFODNN7EXAMPLE"))}, 0},
		{"basic", "GET /\nHost: a\nAuthorization: Basic YXZhOnB3\n\n\n===\n200\n\n", event.AuthBasic, event.Actor{Kind: event.KindUser, Value: ring.Name([]byte("ava"))}, event.FlagBasicInClear | event.FlagSecretPresented},
		{"digest", "GET /\nHost: a\nAuthorization: Digest username=\"ava\"\n\n\n===\n200\n\n", event.AuthBasic, event.Actor{Kind: event.KindUser, Value: ring.Name([]byte("ava"))}, event.FlagSecretPresented},
		{"refused basic", "GET /\nHost: a\nAuthorization: Basic YXZhOnB3\n\n\n===\n401\n\n", event.AuthBasic, client, event.FlagBasicInClear | event.FlagSecretPresented},
		{"untrusted gateway", "GET /\nHost: a\nX-User-Id: 7\nX-Forwarded-For: 1.2.3.4\n\n\n===\n200\n\n", event.AuthNone, client, event.FlagUntrustedForwarded},
	} {
		got := newBuilder(t).Call(exchangeOf(c.text))
		if got.Auth != c.auth || got.Actor != c.actor || got.Flags != c.flags {
			t.Errorf("%s: auth %q actor %v flags %v", c.name, got.Auth, got.Actor, got.Flags.Names())
		}
	}
}

func TestTrustedProxy(t *testing.T) {
	for _, c := range []struct{ headers, client, user string }{
		{"X-Forwarded-For: 6.6.6.6, 198.51.100.9, 10.1.1.1", "198.51.100.9", ""},
		{"X-Forwarded-For: 198.51.100.9\nX-User-Id: ava", "198.51.100.9", "ava"},
		{"X-Forwarded-For: 6.6.6.6\nX-Forwarded-For: 198.51.100.9:555", "198.51.100.9", ""},
		{"Forwarded: for=6.6.6.6, for=\"[2001:db8::7]:99\";proto=https", "2001:db8::7", ""},
		{"X-Real-IP: 198.51.100.8\nX-Forwarded-For: 1.1.1.1", "198.51.100.8", ""},
		{"X-Forwarded-For: unknown", "10.0.0.2", ""},
		{"CF-Connecting-IP: 1.1.1.1", "10.0.0.2", ""},
		{"X-Forwarded-For: 10.3.3.3, 10.2.2.2", "10.3.3.3", ""},
	} {
		r := exchangeOf("GET /\nHost: a\n" + c.headers + "\n\n\n===\n200\n\n")
		r.Peer = netip.MustParseAddrPort("[::ffff:10.0.0.2]:1")
		got := newBuilder(t).Call(r)
		if got.Client.String() != c.client || got.User != ring.Name([]byte(c.user)) || got.Flags != 0 {
			t.Errorf("%s: client %v user %q flags %v", c.headers, got.Client, got.User, got.Flags.Names())
		}
	}
}

func TestFromLog(t *testing.T) {
	r := &Raw{Source: event.SourceLog, Peer: netip.MustParseAddrPort("203.0.113.7:0"), Method: []byte("GET"), Target: []byte("/a"), Host: []byte("h"), User: []byte("ava"), Status: 200,
		RequestHeaders: []Field{{[]byte("User-Agent"), []byte("curl/8")}}}
	b := newBuilder(t)
	c := b.Call(r)
	if c.User != ring.Name([]byte("ava")) || c.Account != c.User || c.Auth != event.AuthUnknown || c.Host != "h" || c.Gap != (event.Gap{}) || c.Fingerprint == "" {
		t.Errorf("%s", c.AppendJSON(nil))
	}
	r.Status = 401
	if c = b.Call(r); c.User != "" || c.Account == "" || c.Actor.Kind != event.KindClient {
		t.Errorf("refused: %s", c.AppendJSON(nil))
	}
}

func TestFingerprint(t *testing.T) {
	b := newBuilder(t)
	print := func(head string) string { return b.Call(exchangeOf(head + "\n\n")).Fingerprint }
	get := print("GET /a\nHost: a\nUser-Agent: app/1.0\nAccept: */*\nAccept-Language: de-DE")
	post := print("POST /b?x=1\nHost: a\nUser-Agent: app/1.1\nContent-Type: application/json\nContent-Length: 2\nAccept: */*\nCookie: a=b\nAccept-Language: de")
	if get != post {
		t.Error("one program, two fingerprints")
	}
	for _, other := range []string{"GET /a\nhost: a\nUser-Agent: app/1.0\nAccept: */*\nAccept-Language: de-DE", "GET /a\nHost: a\nAccept: */*\nUser-Agent: app/1.0\nAccept-Language: de-DE",
		"GET /a\nHost: a\nUser-Agent: bot/1.0\nAccept: */*\nAccept-Language: de-DE"} {
		if print(other) == get {
			t.Errorf("another program has the same fingerprint: %s", other)
		}
	}
}

func TestOwnIDsComeFirst(t *testing.T) {
	var s strings.Builder
	for i := range 200 {
		fmt.Fprintf(&s, `,{"owner":{"user_id":%d,"team_id":%d},"id":%d,"href":"/orders/%d"}`, 5000+i, 9000+i, i, i)
	}
	c := newBuilder(t).Call(exchangeOf("GET /orders\nHost: a\n\n\n===\n200\nContent-Type: application/json\n\n[" + s.String()[1:] + "]"))
	if len(c.IDs) != maxResponseIDs || !c.Gap.IDsIncomplete || c.Shape.Response.Items != 200 {
		t.Fatalf("%d ids, %v, %d items", len(c.IDs), c.Gap, c.Shape.Response.Items)
	}
	for i := range 200 {
		if c.IDs[i].Name != "[].id" || c.IDs[i].Int != int64(i) {
			t.Fatalf("id %d is %+v", i, c.IDs[i])
		}
	}
}

// Whose an object is often stands under a plain word.
func TestOwnersAreIdentifiers(t *testing.T) {
	body := `{"id":7,"owner":31,"created_by":"anna","user":{"name":"Anna B","email":"Anna@x.org"},"email":"shop@x.org","customer":"Anna B","note":"anna"}`
	c := newBuilder(t).Call(exchangeOf("GET /orders/7\nHost: a\n\n\n===\n200\nContent-Type: application/json\n\n" + body))
	var got []string
	for _, r := range c.IDs {
		if r.Response {
			got = append(got, r.Name+":"+r.Class.String())
		}
	}
	if want := []string{"id:int", "owner:int", "created_by:slug", "user.email:name"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompressedAndBroken(t *testing.T) {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write([]byte(`{"id":7}`))
	_ = w.Close()
	for _, c := range []struct {
		coding string
		data   []byte
		ids    string
		flags  event.Flags
		unread bool
	}{
		{"gzip", z.Bytes(), "r:body:id:int=7", 0, false},
		{"gzip", []byte("no gzip at all"), "", event.FlagDecodeError, true},
		{"secret-coding", z.Bytes(), "", event.FlagUnknownCoding, true},
	} {
		r := exchangeOf("GET /\nHost: a\n\n\n===\n200\nContent-Type: application/json\nContent-Encoding: " + c.coding + "\n\n")
		r.ResponseBody = Body{Data: c.data, WireBytes: int64(len(c.data)), Complete: true}
		got := newBuilder(t).Call(r)
		if ids(got) != c.ids || got.Flags != c.flags || got.Gap.BodyUnread != c.unread {
			t.Errorf("%s: ids %q flags %v gap %+v", c.coding, ids(got), got.Flags.Names(), got.Gap)
		}
	}
}

func TestSetCookie(t *testing.T) {
	const v = "8f14e45fceea167a5a36dedd4bea2543"
	for line, want := range map[string]bool{
		"session=" + v + "; Path=/; HttpOnly": true, "session=" + v + "; Max-Age=0": false, "session=; Expires=Thu, 01 Jan 1970 00:00:00 GMT": false,
		"session=" + v + "; Expires=Thu, 01 Jan 1970 00:00:00 GMT": false, "_ga=" + v: false, "csrf_token=" + v: false, "theme=dark": false, "__Host-sid=" + v: true,
	} {
		c := newBuilder(t).Call(exchangeOf("GET /\nHost: a\n\n\n===\n200\nSet-Cookie: " + line + "\n\n"))
		if c.Flags.Has(event.FlagMinted) != want || (len(c.IDs) == 1) != want {
			t.Errorf("%s: flags %v ids %s", line, c.Flags.Names(), ids(c))
		}
	}
}

// Whatever way a secret goes in, it must not come out.
func TestPlantedSecrets(t *testing.T) {
	const secret, mail = "Tr0ub4dor&3xKq9ZvW2", "ava.walker@example.com"
	opaque := base64.RawURLEncoding.EncodeToString([]byte(secret + secret))
	q := url.QueryEscape
	token := jwt(`{"alg":"HS256"}`, `{"sub":"`+mail+`","secret":"`+secret+`"}`)
	b64 := base64.StdEncoding.EncodeToString
	for name, text := range map[string]string{
		"bearer":           "GET /\nHost: a\nAuthorization: Bearer " + opaque,
		"jwt":              "GET /\nHost: a\nAuthorization: Bearer " + token,
		"basic":            "GET /\nHost: a\nAuthorization: Basic " + b64([]byte(mail+":"+secret)),
		"api key":          "GET /\nHost: a\nX-Api-Key: " + secret,
		"cookie":           "GET /\nHost: a\nCookie: sid=" + opaque + "; remember=" + opaque + "; user=" + mail,
		"query":            "GET /x?password=" + q(secret) + "&access_token=" + opaque + "&email=" + q(mail) + "\nHost: a",
		"query by shape":   "GET /x?a=" + opaque + "&b=" + token + "&c=" + mail + "&" + token + "\nHost: a",
		"query without =":  "GET /x?" + token + "\nHost: a",
		"nested URL":       "GET /x?next=" + q("https://u:"+secret+"@h/p?token="+q(secret)+"&x=1") + "\nHost: a",
		"nested twice":     "GET /x?next=" + q("/a?b="+q("/c?password="+q(secret))) + "\nHost: a",
		"json in query":    "GET /x?f=" + q(`{"password":"`+secret+`"}`) + "\nHost: a",
		"base64 in query":  "GET /x?f=" + q(b64([]byte(`{"password":"`+secret+`"}`))) + "\nHost: a",
		"encoded name":     "GET /x?pass%77ord=" + q(secret) + "\nHost: a",
		"path":             "GET /reset/" + opaque + "/" + token + "/" + mail + "\nHost: a",
		"encoded path":     "GET /users/" + strings.ReplaceAll(mail, "@", "%40") + "\nHost: a",
		"matrix":           "GET /a;jsessionid=" + opaque + "/b\nHost: a",
		"segment":          "GET /a/password=" + q(secret) + "/b\nHost: a",
		"absolute":         "GET http://u:" + q(secret) + "@h/x\nHost: a",
		"referer":          "GET /\nHost: a\nReferer: https://u:" + q(secret) + "@h/reset/" + opaque + "?t=" + q(secret) + "#" + secret,
		"form":             "POST /\nHost: a\nContent-Type: application/x-www-form-urlencoded\n\nusername=" + q(mail) + "&password=" + q(secret) + "&" + opaque + "=1",
		"json":             "POST /\nHost: a\nContent-Type: application/json\n\n" + `{"email":"` + mail + `","password":"` + secret + `","` + mail + `":{"x":1},"` + opaque + `":1,"status":"` + secret + `"}`,
		"multipart":        "POST /\nHost: a\nContent-Type: multipart/form-data; boundary=b\n\n--b\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n" + secret + "\r\n--b--",
		"graphql":          "POST /\nHost: a\nContent-Type: application/json\n\n" + `{"query":"mutation { login(password: \"` + secret + `\") }"}`,
		"xml":              "POST /\nHost: a\nContent-Type: text/xml\n\n<l xmlns='x'><password>" + strings.ReplaceAll(secret, "&", "&amp;") + "</password><email>" + mail + "</email></l>",
		"response":         "GET /\nHost: a\n\n\n===\n200\nSet-Cookie: session=" + opaque + "\nLocation: https://h/cb/" + opaque + "?code=" + q(secret) + "\nContent-Type: application/json\n\n" + `{"token":"` + opaque + `","user":{"email":"` + mail + `"},"message":"hello ` + secret + ` ` + mail + `","code":"` + opaque + `"}`,
		"forwarded secret": "GET /\nHost: a\nX-Forwarded-For: " + secret,
		"digest":           "GET /\nHost: a\nAuthorization: Digest username=\"" + mail + "\", response=\"" + secret + "\"",
		"method":           opaque + " /\nHost: a",
	} {
		for _, peer := range []string{"203.0.113.7:1", "10.0.0.1:1"} {
			r := exchangeOf(text)
			r.Peer = netip.MustParseAddrPort(peer)
			out := string(newBuilder(t).Call(r).AppendJSON(nil))
			for _, s := range []string{secret, q(secret), opaque, mail, q(mail), token, strings.Split(token, ".")[1], b64([]byte(secret)), "Tr0ub4dor"} {
				if strings.Contains(out, s) {
					t.Errorf("%s: %q came out in %s", name, s, out)
					break
				}
			}
		}
	}
}

// A call that pointed into the packet's buffer would change with the next one.
func TestCallOwnsItsMemory(t *testing.T) {
	r := exchangeOf("POST /orders/42/" + "dGhpcyBpcyBhIHNlY3JldCB2YWx1ZTEyMw" + "?id=7&q=x\nHost: shop.example\nUser-Agent: app/1\nReferer: https://h/a/7\nX-Order-Id: 9\nSOAPAction: \"urn:x#GetUser\"\nCookie: sid=8f14e45fceea167a5a36dedd4bea2543\nContent-Type: application/json\n\n" +
		`{"user_id":5,"new\u0041key":"x","method":"user.get","params":{}}` + "\n===\n302\nLocation: /b/8?c\nContent-Type: application/json\nSet-Cookie: session=0f14e45fceea167a5a36dedd4bea2543\n\n" + `{"id":3,"error":"not_found","href":"/x/77"}`)
	b := newBuilder(t)
	c := b.Call(r)
	before := string(c.AppendJSON(nil))
	wipe := func(p []byte) {
		for i := range p {
			p[i] = '#'
		}
	}
	for _, fields := range [][]Field{r.RequestHeaders, r.ResponseHeaders} {
		for _, f := range fields {
			wipe(f.Name)
			wipe(f.Value)
		}
	}
	wipe(r.Method)
	wipe(r.Target)
	wipe(r.RequestBody.Data)
	wipe(r.ResponseBody.Data)
	for range 100 {
		b.Call(exchangeOf("GET /other/1?x=2\nHost: z\n\n{\"other\":1}\n===\n200\n\n{\"id\":99}"))
	}
	if after := string(c.AppendJSON(nil)); after != before {
		t.Errorf("the call changed:\n%s\n%s", before, after)
	}
}

func TestLimitsOfATarget(t *testing.T) {
	b := newBuilder(t)
	c := b.Call(exchangeOf("GET /" + strings.Repeat("a/", 10000) + "?" + strings.Repeat("id=1&", 4000) + "password=hunter2\nHost: " + strings.Repeat("h", 1000) + "\nUser-Agent: " + strings.Repeat("u", 5000) + "\n\n"))
	if len(c.Path) > maxPathBytes || len(c.Query) > maxQueryBytes || len(c.Host) > maxHostBytes || len(c.UserAgent) > maxAgentBytes {
		t.Errorf("path %d, query %d, host %d, agent %d bytes", len(c.Path), len(c.Query), len(c.Host), len(c.UserAgent))
	}
	if len(c.IDs) != maxRequestIDs || !c.Gap.IDsIncomplete || !c.Flags.Has(event.FlagBadTarget) {
		t.Errorf("%d ids, gap %+v, flags %v", len(c.IDs), c.Gap, c.Flags.Names())
	}
	if _, err := NewBuilder(Config{MaxBodyBytes: -1}); err == nil {
		t.Error("a negative limit was taken")
	}
}

func FuzzCall(f *testing.F) {
	f.Add("GET /a/1?b=c&token=abc\nHost: a\nCookie: sid=abcdefgh\nX-Forwarded-For: 1.1.1.1\n\n\n===\n200\nSet-Cookie: a=b\n\n{\"id\":1}")
	f.Add("POST /%zz;x=1/%25%41?next=%2fa%3fb%3dc\nHost: a\nAuthorization: Basic YTpi\nContent-Encoding: gzip\n\nxx\n===\n302\nLocation: //x/y/7?z\n\n")
	f.Add("GET http://a@b/c HTTP\nAuthorization: Digest username=\"a\nForwarded: for=\"[\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(strings.Fields(text)) == 0 {
			return
		}
		if first, _, _ := message(strings.SplitN(text, "\n===\n", 2)[0]); first == "" || len(strings.Fields(first)) == 0 {
			return
		}
		r := exchangeOf(text)
		r.Peer = netip.MustParseAddrPort("10.0.0.1:1")
		b := newBuilder(t)
		one := b.Call(r).AppendJSON(nil)
		if two := b.Call(r).AppendJSON(nil); !bytes.Equal(one, two) {
			t.Fatalf("two readings differ:\n%s\n%s", one, two)
		}
	})
}

const browser = "GET /api/v1/orders/4711/items?page=3&limit=50\nHost: shop.example.com\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\nAccept: application/json\nAccept-Encoding: gzip, deflate, br\nAccept-Language: en-GB,en;q=0.9\nConnection: keep-alive\nReferer: https://shop.example.com/orders\nCookie: session=8f14e45fceea167a5a36dedd4bea2543; _ga=GA1.2.3.4\nSec-Fetch-Mode: cors"

func BenchmarkCall(b *testing.B) {
	r := exchangeOf(browser + "\n\n\n===\n200\nServer: nginx\nDate: x\nContent-Type: application/json\nContent-Length: 0\n\n")
	x := newBuilder(b)
	b.ReportAllocs()
	for b.Loop() {
		x.Call(r)
	}
}

func BenchmarkCallLog(b *testing.B) {
	x := newBuilder(b)
	r := &Raw{Source: event.SourceLog, Peer: netip.MustParseAddrPort("203.0.113.7:0"), Method: []byte("GET"), Target: []byte("/api/v1/orders/4711"), Status: 200,
		RequestHeaders: []Field{{[]byte("User-Agent"), []byte("Mozilla/5.0 (X11; Linux x86_64)")}, {[]byte("Referer"), []byte("https://shop.example.com/orders")}}}
	b.ReportAllocs()
	for b.Loop() {
		x.Call(r)
	}
}

func BenchmarkCallJSON(b *testing.B) {
	r := exchangeOf(browser + "\n\n\n===\n200\nContent-Type: application/json\n\n" + `{"id":4711,"customer":{"id":99,"name":"Ava Walker","email":"ava@example.com"},"items":[{"id":1,"sku":"A-1","qty":2},{"id":2,"sku":"B-2","qty":1}],"total":12.5,"status":"paid"}`)
	x := newBuilder(b)
	b.ReportAllocs()
	for b.Loop() {
		x.Call(r)
	}
}
