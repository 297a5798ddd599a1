package identity

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"

	"lapwing/event"
	"lapwing/parse/classify"
)

var private = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func lines(s ...string) (out [][]byte) {
	for _, l := range s {
		out = append(out, []byte(l))
	}
	return out
}

func TestClient(t *testing.T) {
	for _, c := range []struct {
		peer    string
		lines   [][]byte
		rfc7239 bool
		want    string
	}{
		{"203.0.113.1", lines("1.1.1.1"), false, "203.0.113.1"},
		{"10.0.0.1", nil, false, "10.0.0.1"},
		{"10.0.0.1", lines("1.1.1.1, 2.2.2.2"), false, "2.2.2.2"},
		{"10.0.0.1", lines("1.1.1.1, 2.2.2.2,10.9.9.9"), false, "2.2.2.2"},
		{"10.0.0.1", lines("1.1.1.1", "2.2.2.2", "10.2.2.2"), false, "2.2.2.2"},
		{"10.0.0.1", lines("[2001:db8::1]:80"), false, "2001:db8::1"},
		{"fd00::1", lines("2001:db8::1"), false, "2001:db8::1"},
		{"10.0.0.1", lines("1.1.1.1:8080"), false, "1.1.1.1"},
		{"10.0.0.1", lines("1.1.1.1, ,"), false, "1.1.1.1"},
		{"10.0.0.1", lines("1.1.1.1, unknown"), false, "10.0.0.1"},
		{"10.0.0.1", lines("10.1.1.1, 10.2.2.2"), false, "10.1.1.1"},
		{"10.0.0.1", lines("6.6.6.6, " + strings.Repeat("10.0.0.2,", 100) + "10.0.0.3"), false, "10.0.0.2"},
		{"10.0.0.1", lines(`for=1.1.1.1;proto=http, For="[2001:db8::2]:47011"`), true, "2001:db8::2"},
		{"10.0.0.1", lines(`proto=https;for=1.1.1.1;by=10.0.0.2`), true, "1.1.1.1"},
		{"10.0.0.1", lines(`for=_hidden`), true, "10.0.0.1"},
	} {
		if got := Client(netip.MustParseAddr(c.peer), c.lines, c.rfc7239, private); got.String() != c.want {
			t.Errorf("%s via %q: %s, want %s", c.peer, c.lines, got, c.want)
		}
	}
}

func token(header, payload string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(payload)) + ".sig"
}

func TestJWT(t *testing.T) {
	for _, c := range []struct {
		header, payload string
		want            Claims
		ok              bool
	}{
		{`{"alg":"RS256"}`, `{"sub":"a","email":"b","tid":"t"}`, Claims{User: "a", Tenant: "t"}, true},
		{`{"alg":"RS256"}`, `{"email":"b","uid":7,"org_id":1}`, Claims{User: "7", Tenant: "1"}, true},
		{`{"alg":"RS256"}`, `{"azp":"svc"}`, Claims{User: "svc", Machine: true}, true},
		{`{"alg":"nOnE"}`, `{"sub":"a"}`, Claims{User: "a", Unsigned: true}, true},
		{`{}`, `{"sub":{"x":1},"oid":"o"}`, Claims{User: "o", Unsigned: true}, true},
		{`[]`, `{}`, Claims{}, false},
		{`{"alg":"RS256"}`, `"x"`, Claims{}, false},
	} {
		if got, ok := JWT([]byte(token(c.header, c.payload))); ok != c.ok || ok && got != c.want {
			t.Errorf("%s %s: %+v %v", c.header, c.payload, got, ok)
		}
	}
	if _, ok := JWT([]byte("a.b")); ok {
		t.Error("two parts are a token")
	}
}

func TestAuthorization(t *testing.T) {
	for _, c := range []struct {
		in           string
		auth         event.Auth
		secret, name string
		password     bool
	}{
		{"Bearer abc", event.AuthBearer, "abc", "", false},
		{"bearer  " + token(`{"alg":"x"}`, `{"sub":"a"}`), event.AuthJWT, token(`{"alg":"x"}`, `{"sub":"a"}`), "", false},
		{"Basic YXZhOnB3", event.AuthBasic, "", "ava", true},
		{"Basic YXZhOnB3Og", event.AuthBasic, "", "ava", true},
		{"Basic !!!", event.AuthBasic, "", "", true},
		{"Basic " + base64.StdEncoding.EncodeToString([]byte("sk_test_4eC39HqLyjWDarjtT1zdp7dc:")), event.AuthBasic, "sk_test_4eC39HqLyjWDarjtT1zdp7dc", "", false},
		{`Digest username="ava", realm="x"`, event.AuthBasic, "", "ava", true},
		{"Token token=abc, x=y", event.AuthAPIKey, "abc", "", false},
		{"ApiKey abc", event.AuthAPIKey, "abc", "", false},
		{"abc", event.AuthAPIKey, "abc", "", false},
		{"AWS4-HMAC-SHA256 Credential=AKID/2020/x, Signature=y", event.AuthSignature, "AKID", "", false},
		{`Signature keyId="k1",algorithm="rsa"`, event.AuthSignature, "k1", "", false},
		{"AWS AKID:sig", event.AuthSignature, "AKID", "", false},
		{"NTLM TlRMTVNT", event.AuthSignature, "", "", false},
		{"Custom abc", event.AuthAPIKey, "abc", "", false},
	} {
		got, ok := Authorization([]byte(c.in))
		if !ok || got.Auth != c.auth || string(got.Secret) != c.secret || string(got.Name) != c.name || got.Password != c.password {
			t.Errorf("%s: %+v (secret %q, name %q)", c.in, got, got.Secret, got.Name)
		}
	}
	if _, ok := Authorization([]byte("  ")); ok {
		t.Error("nothing is a credential")
	}
}

func TestSessionRank(t *testing.T) {
	keys := classify.NewKeys(nil, nil)
	const v = "8f14e45fceea167a5a36dedd4bea2543"
	for name, want := range map[string]bool{
		"sid": true, "session": true, "connect.sid": true, "JSESSIONID": true, "PHPSESSID": true, "ASP.NET_SessionId": true, ".AspNetCore.Cookies": true, "auth_token": true,
		"laravel_session": true, "wordpress_logged_in_abc": true, "remember_me": true, "__Host-session": true, "myapp_sess": true, "access_token": true,
		"_ga": false, "_gid": false, "AWSALB": false, "AWSALBCORS": false, "__cf_bm": false, "cf_clearance": false, "csrftoken": false, "XSRF-TOKEN": false,
		"theme": false, "lang": false, "intercom-session-x": false, "_hjSessionUser_1": false, "": false,
	} {
		if got := SessionRank(keys, []byte(name), []byte(v)) > 0; got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if SessionRank(keys, []byte("session"), []byte("1")) != 0 {
		t.Error("a flag is a session")
	}
}

func TestSubject(t *testing.T) {
	for in, want := range map[string]string{
		"CN=svc,O=acme": "CN=svc,O=acme", `By=x;Hash=y;Subject="CN=svc,O=acme";URI=`: "CN=svc,O=acme", `Hash=y;Subject="";URI=spiffe://a/b`: "spiffe://a/b",
	} {
		if got := string(Subject([]byte(in))); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

func FuzzIdentity(f *testing.F) {
	f.Add("for=1.1.1.1;by=\"[::1]:2\", for=x")
	f.Add("Basic YXZhOnB3")
	f.Add("Digest username=\"a")
	f.Add(token(`{"alg":"none"}`, `{"sub":1}`))
	f.Add("a=b; sid=\"x\";;=;c")
	keys := classify.NewKeys(nil, nil)
	f.Fuzz(func(t *testing.T, s string) {
		in := []byte(s)
		peer := netip.MustParseAddr("10.0.0.1")
		for _, rfc7239 := range []bool{false, true} {
			if got := Client(peer, [][]byte{in}, rfc7239, private); !got.IsValid() || got.Is4In6() || got.Zone() != "" {
				t.Fatalf("client %v", got)
			}
			if Client(netip.MustParseAddr("9.9.9.9"), [][]byte{in}, rfc7239, private).String() != "9.9.9.9" {
				t.Fatal("an untrusted peer was believed")
			}
		}
		Authorization(in)
		JWT(in)
		Subject(in)
		Cookies(in, func(name, value []byte) bool { SessionRank(keys, name, value); return true })
	})
}

func BenchmarkClient(b *testing.B) {
	l := lines("1.1.1.1, 2.2.2.2, 10.0.0.9")
	peer := netip.MustParseAddr("10.0.0.1")
	b.ReportAllocs()
	for b.Loop() {
		Client(peer, l, false, private)
	}
}
