package exchange

import (
	"lapwing/event"
	"lapwing/parse/classify"
	"lapwing/parse/identity"
	"lapwing/parse/redact"
)

const (
	// maxCachedCredentials and maxCredentialBytes bound the header values of one
	// kind remembered with what they say: 8 MiB of text and 5 MiB of meaning at
	// most, for tens of thousands of sessions at a time. All are forgotten when
	// a bound is reached.
	maxCachedCredentials = 32768
	maxCredentialBytes   = 8 << 20
	maxCachedBytes       = 2048 // of a single value
)

// A credentials cache remembers what header values say.
type credentials struct {
	said  map[string]presented
	bytes int
}

func newCredentials() credentials { return credentials{said: map[string]presented{}} }

func (m *credentials) remember(value []byte, p presented) presented {
	if len(value) > maxCachedBytes {
		return p
	}
	if len(m.said) >= maxCachedCredentials || m.bytes+len(value) > maxCredentialBytes {
		clear(m.said)
		m.bytes = 0
	}
	m.said[string(value)] = p
	m.bytes += len(value)
	return p
}

// A presented is a credential made fit to travel.
type presented struct {
	auth     event.Auth
	kind     event.Kind
	token    string // tok-…
	hash     uint64 // of the credential, to know it when the response repeats it
	account  string
	user     string // from the claims of a token
	tenant   string
	unsigned bool
	password bool
}

// present hides a credential.
func (b *Builder) present(c identity.Credential) presented {
	p := presented{auth: c.Auth, kind: c.Kind, unsigned: c.Claims.Unsigned, password: c.Password}
	if len(c.Secret) > 0 {
		p.hash = b.keys.Hash(c.Secret)
		p.token = b.keys.Secret(c.Secret)
	}
	if len(c.Name) > 0 {
		p.account = b.keys.Name(c.Name)
	}
	p.user = b.keys.Name([]byte(c.Claims.User))
	p.tenant = b.keys.Name([]byte(c.Claims.Tenant))
	return p
}

func (b *Builder) authorization(value []byte) presented {
	if p, ok := b.auths.said[string(value)]; ok {
		return p
	}
	c, _ := identity.Authorization(value)
	return b.auths.remember(value, b.present(c))
}

func (b *Builder) apiKey(value []byte) presented {
	if p, ok := b.apiKeys.said[string(value)]; ok {
		return p
	}
	return b.apiKeys.remember(value, b.present(identity.Token(value, event.AuthAPIKey, event.KindKey)))
}

// session returns the session of the Cookie lines: the cookie whose name ranks
// highest, by name among equals, so that their order does not matter.
func (b *Builder) session(lines [][]byte) presented {
	if len(lines) == 1 {
		if p, ok := b.cookies.said[string(lines[0])]; ok {
			return p
		}
	}
	var best identity.Credential
	var bestName []byte
	rank := 0
	for _, line := range lines {
		identity.Cookies(line, func(name, value []byte) bool {
			r := identity.SessionRank(b.lexicon, name, value)
			if r > rank || r == rank && r > 0 && string(name) < string(bestName) {
				rank, bestName = r, name
				best = identity.Token(value, event.AuthCookie, event.KindSession)
			}
			return true
		})
	}
	p := b.present(best)
	if len(lines) == 1 {
		b.cookies.remember(lines[0], p)
	}
	return p
}

// client fills the address of the caller.
func (b *Builder) client(c *event.Call, r *Raw, h *heads) {
	peer := r.Peer.Addr().Unmap()
	c.Client = peer
	forwards := len(h.forwardedFor) > 0 || len(h.forwarded) > 0 || h.client != nil
	if !forwards {
		c.ClientPort = r.Peer.Port()
		return
	}
	if !identity.Trusted(b.cfg.TrustedProxies, peer) {
		c.ClientPort = r.Peer.Port()
		c.Flags |= event.FlagUntrustedForwarded
		return
	}
	if h.client != nil {
		if a, ok := identity.Address(h.client); ok {
			c.Client = a
			return
		}
	}
	if len(h.forwardedFor) > 0 {
		c.Client = identity.Client(peer, h.forwardedFor, false, b.cfg.TrustedProxies)
	} else {
		c.Client = identity.Client(peer, h.forwarded, true, b.cfg.TrustedProxies)
	}
	if c.Client == peer {
		c.ClientPort = r.Peer.Port()
	}
}

// identify fills Auth, Token, Account, User, Tenant and Actor.
func (b *Builder) identify(c *event.Call, r *Raw, h *heads) {
	trusted := len(b.cfg.TrustedProxies) > 0 && identity.Trusted(b.cfg.TrustedProxies, r.Peer.Addr())
	// What the server refused has proven nothing.
	accepted := c.Status != 401 && c.Status != 403
	var p presented
	if len(h.auth) > 0 {
		p = b.authorization(h.auth)
		if p.auth == event.AuthBasic && c.Scheme == "http" && h.auth[0]|0x20 == 'b' { // Digest shows no password
			c.Flags |= event.FlagBasicInClear
		}
	}
	if p.auth == event.AuthUnknown && h.apiKey != nil {
		p = b.apiKey(h.apiKey)
	}
	cert := ""
	if trusted && h.cert != nil {
		cert = b.keys.Name(identity.Subject(h.cert))
	}
	if p.auth == event.AuthUnknown && cert != "" {
		p.auth = event.AuthMTLS
	}
	if len(h.cookies) > 0 && p.token == "" {
		s := b.session(h.cookies)
		if p.auth != event.AuthUnknown { // Basic beside a session: both count
			s.auth, s.account, s.password = p.auth, p.account, p.password
		}
		if s.token != "" {
			p = s
		}
	}
	if p.auth == event.AuthUnknown {
		p = b.fromQuery
	}
	c.Auth, c.Token = p.auth, p.token
	if c.Auth == event.AuthUnknown && r.HeadersKnown {
		c.Auth = event.AuthNone
	}
	if p.unsigned {
		c.Flags |= event.FlagJWTUnsigned
	}
	if p.password {
		c.Flags |= event.FlagSecretPresented
	}
	c.Account = p.account
	user, tenant := p.user, p.tenant
	if user == "" && trusted && h.user != nil {
		user = b.keys.Name(h.user)
	}
	if user == "" {
		user = cert
	}
	if user == "" {
		user = p.account
	}
	if len(r.User) > 0 && string(r.User) != "-" {
		name := b.keys.Name(r.User)
		c.Account = name
		if user == "" {
			user = name
		}
	}
	if accepted {
		c.User, c.Tenant = user, tenant
	}
	b.presentedHash = p.hash
	switch {
	case c.User != "":
		c.Actor = event.Actor{Kind: event.KindUser, Value: c.User}
	case c.Token != "" && c.Status != 401: // one made up for each call would hide its maker
		c.Actor = event.Actor{Kind: p.kind, Value: c.Token}
	default:
		c.Actor = event.Actor{Kind: event.KindClient, Value: b.arena.address(c.Client)}
	}
}

// queryCredential notes a credential that stood in the URL.
func (b *Builder) queryCredential(id redact.ID) {
	if len(id.Value) < 8 || id.Key&classify.KeyToken == 0 && !id.Form.Secret() || id.Form == classify.FormCard {
		return
	}
	if id.Key&classify.KeyID != 0 && (id.Form == classify.FormInt || id.Form == classify.FormWord || id.Form == classify.FormSlug) {
		return
	}
	kind := event.KindToken
	name := b.lower(id.Name)
	switch name {
	case "nonce", "csrf", "csrf_token", "xsrf_token", "csrftoken", "state", "code_verifier", "authenticity_token", "csrfmiddlewaretoken", "id_token_hint":
		return
	}
	b.queryFlags |= event.FlagCredentialInQuery
	if b.fromQuery.token != "" {
		return
	}
	switch name {
	case "sig", "signature", "hmac", "x-amz-signature", "x-goog-signature", "oauth_signature":
		return
	case "sid", "session", "session_id", "sessionid", "jsessionid", "phpsessid":
		kind = event.KindSession
	case "key", "api_key", "apikey", "api-key", "x-api-key", "subscription-key", "appid", "x-amz-credential":
		kind = event.KindKey
	}
	b.fromQuery = b.present(identity.Token(id.Value, event.AuthAPIKey, kind))
	b.fromQuery.kind = kind
}

// lower returns a parameter's name in lower case; "" beyond 32 bytes.
func (b *Builder) lower(name []byte) string {
	if len(name) > 32 {
		return ""
	}
	var room [32]byte
	out := room[:0]
	for _, c := range name {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return b.arena.intern(out)
}
