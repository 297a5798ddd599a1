package identity

import (
	"bytes"
	"encoding/base64"

	"lapwing/event"
	"lapwing/parse/body"
	"lapwing/parse/classify"
)

// A Credential is what a call presented to authenticate itself. Its fields are
// borrowed or decoded plain text: they must be hidden before they travel.
type Credential struct {
	Auth     event.Auth
	Kind     event.Kind // key, token or session: what Secret is
	Secret   []byte     // the token, key or session; nil if it must not be kept, as a password
	Name     []byte     // the account it names
	Claims   Claims     // if Secret is a JWT
	Password bool       // it carries a password to be checked
}

// Authorization reads the value of an Authorization header (RFC 9110 §11.6.2).
func Authorization(value []byte) (c Credential, ok bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || len(value) > maxTokenBytes {
		return c, false
	}
	scheme, rest, found := bytes.Cut(value, []byte(" "))
	rest = bytes.TrimSpace(rest)
	if !found || len(rest) == 0 {
		// A bare token, as some APIs have it.
		return bare(value, event.AuthAPIKey, event.KindKey), true
	}
	is := func(s string) bool { return bytes.EqualFold(scheme, []byte(s)) }
	switch {
	case is("Bearer"):
		return bare(rest, event.AuthBearer, event.KindToken), true
	case is("JWT"):
		return bare(rest, event.AuthJWT, event.KindToken), true
	case is("Basic"):
		return basic(rest)
	case is("Digest"):
		c = Credential{Auth: event.AuthBasic, Name: field(rest, "username"), Password: true}
		return c, true
	case is("DPoP"):
		return bare(rest, event.AuthBearer, event.KindToken), true
	case is("Token"), is("ApiKey"), is("Api-Key"), is("Key"), is("X-Api-Key"), is("OAuth"), is("Session"), is("GenieKey"), is("Bot"), is("PRIVATE-TOKEN"):
		if v := field(rest, "token"); v != nil {
			rest = v
		} else if v := field(rest, "oauth_token"); v != nil {
			rest = v
		}
		return bare(rest, event.AuthAPIKey, event.KindKey), true
	case len(scheme) >= 4 && bytes.EqualFold(scheme[:4], []byte("AWS4")):
		id := field(rest, "Credential")
		id, _, _ = bytes.Cut(id, []byte("/"))
		return Credential{Auth: event.AuthSignature, Kind: event.KindKey, Secret: id}, true
	case is("AWS"), is("HMAC"), is("SharedKey"), is("Signature"), is("hmac-auth-v1"), is("HMAC-SHA256"), is("hawk"):
		id := field(rest, "keyId")
		if id == nil {
			id = field(rest, "id")
		}
		if id == nil {
			id, _, _ = bytes.Cut(rest, []byte(":"))
		}
		return Credential{Auth: event.AuthSignature, Kind: event.KindKey, Secret: id}, true
	case is("Negotiate"), is("NTLM"), is("Kerberos"):
		// A new blob for each connection: it identifies nobody.
		return Credential{Auth: event.AuthSignature}, true
	}
	return bare(rest, event.AuthAPIKey, event.KindKey), true
}

// Token reads a credential that stands alone: an API key's header, a cookie, a
// query parameter.
func Token(value []byte, auth event.Auth, kind event.Kind) Credential {
	return bare(value, auth, kind)
}

func bare(value []byte, auth event.Auth, kind event.Kind) Credential {
	value = bytes.Trim(value, `"`)
	c := Credential{Auth: auth, Kind: kind, Secret: value}
	if classify.JWT(value) {
		if claims, ok := JWT(value); ok {
			c.Claims = claims
			if auth == event.AuthBearer || auth == event.AuthAPIKey {
				c.Auth, c.Kind = event.AuthJWT, event.KindToken
			}
		}
	}
	return c
}

// basic reads user:password (RFC 7617); the password is dropped here.
func basic(rest []byte) (Credential, bool) {
	rest = bytes.TrimRight(rest, "=")
	text, err := base64.RawStdEncoding.AppendDecode(make([]byte, 0, len(rest)), rest)
	if err != nil {
		return Credential{Auth: event.AuthBasic, Password: true}, true
	}
	user, password, _ := bytes.Cut(text, []byte(":"))
	if f := classify.Of(user); f.Secret() || f == classify.FormOpaque && len(password) < 2 {
		// An API key in the place of the user, as payment APIs have it.
		return Credential{Auth: event.AuthBasic, Kind: event.KindKey, Secret: user}, true
	}
	return Credential{Auth: event.AuthBasic, Name: user, Password: true}, true
}

// field returns a parameter of a comma-separated list of name=value.
func field(list []byte, name string) []byte {
	for len(list) > 0 {
		item := list
		if i := bytes.IndexByte(list, ','); i >= 0 {
			item, list = list[:i], list[i+1:]
		} else {
			list = nil
		}
		k, v, ok := bytes.Cut(item, []byte("="))
		if ok && bytes.EqualFold(bytes.TrimSpace(k), []byte(name)) {
			return bytes.Trim(bytes.TrimSpace(v), `"`)
		}
	}
	return nil
}

// Subject returns who a client certificate names: the value of a header with
// its distinguished name, or of Envoy's X-Forwarded-Client-Cert.
func Subject(value []byte) []byte {
	if bytes.Contains(value, []byte("Subject=")) {
		value = append([]byte(";"), value...)
		if v := body.Param(value, "Subject"); len(v) > 0 {
			return v
		}
		if v := body.Param(value, "URI"); len(v) > 0 {
			return v
		}
	}
	return bytes.TrimSpace(value)
}
