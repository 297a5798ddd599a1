package exchange

import (
	"testing"

	"lapwing/parse/pseudonym"
)

func TestAccountOfUnknownName(t *testing.T) {
	keys := pseudonym.Offline()
	for _, c := range []struct{ what, kind, path, body, want string }{
		{"a number under any name", "application/json", "/v1/einlass", `{"kundeNummer":"10257710","passwort":"x1"}`, "10257710"},
		{"a word", "application/json", "/in", `{"customerNumber":"svc-monitor","password":"frame"}`, "svc-monitor"},
		{"in GraphQL's variables", "application/json", "/graphql", `{"operationName":"Login","query":"mutation Login($i: I!) { login(i: $i) { t } }","variables":{"input":{"ClienteNumero":"10671413","Senha":"letmein1"}}}`, "10671413"},
		{"in JSON-RPC's parameters", "application/json", "/rpc", `{"jsonrpc":"2.0","method":"login","params":{"Telefono":"+4915100987675","Contrasena":"pan"},"id":1}`, "+4915100987675"},
		{"in a form", "application/x-www-form-urlencoded", "/in", `cif=AB1234567&clave=s+1&remember_me=yes`, "AB1234567"},
		{"known fields beside", "application/json", "/in", `{"grant_type":"password","msisdn":"15100987675","password":"x","locale":"de-DE"}`, "15100987675"},
		{"the one that looks like a name", "application/json", "/in", `{"branch":"north","nummer":10671413,"password":"x"}`, "10671413"},
		{"several that could be", "application/json", "/in", `{"branch":"north","desk":"window","password":"x"}`, ""},
		{"none", "application/json", "/in", `{"password":"x"}`, ""},
		{"no password", "application/json", "/in", `{"nummer":"10671413"}`, ""},
		{"a name alone where passwords are forgotten", "application/json", "/auth/forgot", `{"telefon":"+4915100987675"}`, "+4915100987675"},
		{"two values there", "application/json", "/auth/forgot", `{"telefon":"+4915100987675","plz":"10115"}`, ""},
		{"a token there", "application/json", "/auth/session", `{"refresh_token":"9b1xeKiQJvwXOcAnGybVgcwe2fxwGF5I"}`, ""},
		{"too deep", "application/json", "/in", `{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"n":"1067","password":"x"}}}}}}}}}}`, ""},
		{"cut short", "application/json", "/in", `{"nummer":"1067","password":"x"`, ""},
	} {
		b, err := NewBuilder(Config{})
		if err != nil {
			t.Fatal(err)
		}
		call := b.Call(&Raw{
			Method: []byte("POST"), Target: []byte(c.path), Status: 401, HeadersKnown: true, RequestHeaders: []Field{{Name: []byte("Content-Type"), Value: []byte(c.kind)}},
			RequestBody: Body{WireBytes: int64(len(c.body)), Data: []byte(c.body), Complete: true},
		})
		if got := keys.Reveal(call.Account, pseudonym.Plain); got != c.want {
			t.Errorf("%s: account %q, want %q", c.what, got, c.want)
		}
	}
}

func FuzzBeside(f *testing.F) {
	f.Add([]byte(`{"kundeNummer":"10257710","passwort":"x1"}`))
	f.Add([]byte(`cif=AB1234567&clave=s+1`))
	f.Add([]byte(`[{"a":[1,{"password":"x","b":2}]}]`))
	b, err := NewBuilder(Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []string{"json", "form"} {
			if v := b.beside(kind, data, len(data)%2 == 0); v != nil && (len(v) < minNameValue || len(v) > maxNameValue) {
				t.Fatalf("%q", v)
			}
		}
	})
}
