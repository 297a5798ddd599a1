package exchange

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"lapwing/event"
	"lapwing/parse/body"
	"lapwing/parse/classify"
	"lapwing/parse/identity"
	"lapwing/parse/pseudonym"
	"lapwing/parse/redact"
)

const (
	// maxPathBytes and maxQueryBytes bound what of a target is read; servers
	// refuse request lines beyond 8 KiB.
	maxPathBytes  = 8 << 10
	maxQueryBytes = 8 << 10
	// maxAgentBytes bounds an agent's name, maxHostBytes a host's (RFC 1035).
	maxAgentBytes   = 512
	maxRefererBytes = 2 << 10
	maxHostBytes    = 253
	maxReferers     = 2048 // remembered with what they became, 1 KiB each
	maxMethodBytes  = 32
)

// A Builder turns exchanges into calls. It is used by one goroutine: it keeps
// decoders, caches of what recurs, and the memory that calls are cut from.
type Builder struct {
	cfg        Config
	keys       *pseudonym.Keyring
	lexicon    *classify.Keys
	redactor   *redact.Redactor
	reader     *body.Reader
	inflater   body.Inflater
	arena      arena
	names      headerNames
	clientRank map[string]int
	userRank   map[string]int
	auths      credentials
	apiKeys    credentials
	cookies    credentials
	prints     map[uint64]string
	referers   map[string]string
	classes    map[classify.Sensitive][]string
	authPaths  map[string]bool
	lastHosts  [64]knownHost
	lastPrints [256]knownPrint
	onPath     func(redact.ID)
	onQuery    func(redact.ID)
	rank       func(name, value []byte) int

	// Of the call that is being built.
	heads         heads
	doc           body.Doc
	refs          []event.IDRef
	requestRefs   int
	moreIDs       bool
	fromQuery     presented
	queryFlags    event.Flags
	queryAccount  string
	presentedHash uint64
	outcomes      []string
	scratch, name []byte
}

// NewBuilder checks the configuration and returns a Builder for it.
func NewBuilder(cfg Config) (*Builder, error) {
	if cfg.MaxBodyBytes < 0 || cfg.MaxBodyBytes > maxMaxBodyBytes {
		return nil, fmt.Errorf("body limit of %d bytes, want 0 to %d", cfg.MaxBodyBytes, maxMaxBodyBytes)
	}
	if cfg.MaxBodyBytes == 0 {
		cfg.MaxBodyBytes = defaultMaxBodyBytes
	}
	for _, p := range cfg.TrustedProxies {
		if !p.IsValid() {
			return nil, fmt.Errorf("trusted proxies: invalid prefix")
		}
	}
	cfg.TrustedProxies = slices.Clone(cfg.TrustedProxies)
	b := &Builder{cfg: cfg, keys: cfg.Keyring, arena: newArena(), clientRank: map[string]int{}, userRank: map[string]int{}, auths: newCredentials(),
		apiKeys: newCredentials(), cookies: newCredentials(), authPaths: map[string]bool{}, prints: map[uint64]string{}, referers: map[string]string{}, classes: map[classify.Sensitive][]string{}}
	if b.keys == nil {
		b.keys = pseudonym.Offline()
	}
	b.lexicon = classify.NewKeys(cfg.SecretKeys, cfg.NameKeys)
	b.redactor = redact.New(b.lexicon, b.keys)
	b.reader = body.NewReader(b.lexicon, b.keys.Hash)
	extra := map[string]role{}
	users := cfg.IdentityHeaders
	if users == nil {
		users = identity.UserHeaders()
	}
	for i, n := range users {
		n = strings.ToLower(n)
		extra[n], b.userRank[n] = roleUser, i
	}
	for i, n := range cfg.ClientHeaders {
		n = strings.ToLower(n)
		if n == "x-forwarded-for" || n == "forwarded" {
			continue
		}
		extra[n], b.clientRank[n] = roleClient, i
	}
	b.names = headerNames{all: map[string]*headerName{}, extra: extra, keys: b.lexicon, hash: b.keys.Hash}
	b.onPath, b.onQuery = b.pathID, b.queryID
	b.rank = func(name, value []byte) int { return identity.SessionRank(b.lexicon, name, value) }
	return b, nil
}

// Call turns r into a call that may leave the sensor. Nothing in it points
// into r; the caller owns it and it is never reused. Its strings and lists are
// shared with other calls: they must not be written to.
func (b *Builder) Call(r *Raw) *event.Call {
	c := b.arena.call()
	b.refs, b.requestRefs, b.moreIDs = b.refs[:0], 0, false
	b.fromQuery, b.queryFlags, b.queryAccount, b.presentedHash = presented{}, 0, "", 0
	h := b.request(r.RequestHeaders)

	c.ID, c.Time, c.Duration = event.MakeID(r.IDHigh, r.IDLow), r.Time.UTC(), r.Duration
	c.Sensor, c.Source = b.cfg.Sensor, r.Source
	c.Peer, c.Server, c.ServerPort = r.Peer, r.Server.Addr(), r.Server.Port()
	c.Scheme, c.Protocol = r.Scheme, r.Protocol
	c.Status, c.RequestBytes, c.ResponseBytes = r.Status, r.RequestBody.WireBytes, r.ResponseBody.WireBytes
	c.Gap, c.Flags = r.Gap, r.Flags
	c.Method = b.arena.intern(r.Method[:min(len(r.Method), maxMethodBytes)])
	agent := h.agent[:min(len(h.agent), maxAgentBytes)]
	c.UserAgent = b.arena.intern(agent)

	b.target(c, r, h)
	b.client(c, r, h)
	b.identify(c, r, h)
	c.Flags |= b.queryFlags
	if c.Account == "" && (b.queryFlags.Has(event.FlagSecretPresented) || b.queryAccount != "" && b.authPath(c.PathShape)) {
		c.Account = b.queryAccount
	}
	c.Fingerprint = b.fingerprint(r, h)
	if len(h.referer) > 0 {
		c.Referer = b.reference(h.referer)
	}
	for _, id := range h.ids {
		if v := id.value; len(v) <= maxIDBytes && !classify.Of(v).Secret() {
			b.ref(false, event.InHeader, id.name.lower, classify.Of(v), id.name.key, v)
		}
	}
	b.operation(c, h)
	b.requestBody(c, r, h)
	b.requestRefs = len(b.refs)
	b.response(c, r)
	c.IDs = b.arena.ids(b.refs)
	c.Gap.IDsIncomplete = c.Gap.IDsIncomplete || b.moreIDs
	return c
}

// target fills Host, Path, PathShape and Query.
func (b *Builder) target(c *event.Call, r *Raw, h *heads) {
	host, target := h.host, r.Target
	if host == nil {
		host = r.Host
	}
	if len(target) > 0 && target[0] != '/' && target[0] != '*' {
		if i := bytes.Index(target, []byte("://")); i > 0 && i <= 8 { // absolute form: its authority counts (RFC 9112 §3.2.2)
			rest := target[i+3:]
			end := bytes.IndexAny(rest, "/?#")
			if end < 0 {
				end = len(rest)
			}
			if end > 0 {
				host = rest[:end]
			}
			target = rest[end:]
		} else if bytes.EqualFold(r.Method, []byte("CONNECT")) {
			host, target = target, nil
		}
	}
	c.Host = b.host(host, c.Scheme)
	if i := bytes.IndexByte(target, '#'); i >= 0 {
		target = target[:i]
	}
	path, query, _ := bytes.Cut(target, []byte("?"))
	if len(path) > maxPathBytes {
		path = path[:maxPathBytes]
		c.Flags |= event.FlagBadTarget
		b.moreIDs = true
	}
	if len(query) > maxQueryBytes {
		// Cut before the parameter that does not fit: half a secret's name would
		// not protect the rest of it.
		query = query[:max(bytes.LastIndexByte(query[:maxQueryBytes], '&'), 0)]
		c.Flags |= event.FlagBadTarget
		b.moreIDs = true
	}
	clean, shape := b.redactor.Path(path, b.onPath)
	c.Path, c.PathShape = b.arena.text(clean), b.arena.intern(shape)
	if doubleEncoded(path) {
		c.Flags |= event.FlagDoubleEncoded
	}
	if len(query) > 0 {
		clean, all := b.redactor.Query(query, b.onQuery)
		c.Query = b.arena.text(clean)
		b.moreIDs = b.moreIDs || !all
	}
}

func doubleEncoded(path []byte) bool {
	i := bytes.Index(path, []byte("%25"))
	for i >= 0 && i+5 <= len(path) {
		a, z := path[i+3], path[i+4]
		if isHex(a) && isHex(z) {
			return true
		}
		next := bytes.Index(path[i+3:], []byte("%25"))
		if next < 0 {
			return false
		}
		i += 3 + next
	}
	return false
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f' }

// host returns the host in lower case without a default port and without user
// information.
func (b *Builder) host(host []byte, scheme string) string {
	if len(host) == 0 {
		return ""
	}
	if h := &b.lastHosts[slotOf(host)%uint(len(b.lastHosts))]; h.scheme == scheme && h.sent == string(host) {
		return h.host
	}
	return b.learnHost(host, scheme)
}

// A knownHost is what became of a host as it was sent.
type knownHost struct{ sent, scheme, host string }

func (b *Builder) learnHost(sent []byte, scheme string) string {
	host := sent
	host = host[bytes.LastIndexByte(host, '@')+1:]
	host = bytes.TrimSpace(host)
	switch {
	case scheme != "https" && bytes.HasSuffix(host, []byte(":80")):
		host = host[:len(host)-3]
	case scheme != "http" && bytes.HasSuffix(host, []byte(":443")):
		host = host[:len(host)-4]
	}
	host = host[:min(len(host), maxHostBytes)]
	var room [maxHostBytes]byte
	text := b.arena.intern(appendLower(room[:0], host))
	if len(sent) <= maxHostBytes {
		b.lastHosts[slotOf(sent)%uint(len(b.lastHosts))] = knownHost{string(sent), scheme, text}
	}
	return text
}

// reference returns a Referer without its query, its path rewritten.
func (b *Builder) reference(u []byte) string {
	if s, ok := b.referers[string(u)]; ok {
		return s
	}
	origin, clean, _ := b.redactor.Reference(u[:min(len(u), maxRefererBytes)], nil)
	b.scratch = append(appendLower(b.scratch[:0], origin), clean...)
	s := b.arena.intern(b.scratch)
	if len(u) <= maxInternedBytes {
		if len(b.referers) >= maxReferers {
			clear(b.referers)
		}
		b.referers[string(u)] = s
	}
	return s
}

// operation names what headers and path tell: SOAP and gRPC.
func (b *Builder) operation(c *event.Call, h *heads) {
	switch {
	case bytes.HasPrefix(h.kind, []byte("application/grpc")):
		c.Protocol = "grpc"
		c.Operation = b.arena.intern([]byte(strings.TrimPrefix(c.PathShape, "/")))
	case h.soap != nil:
		s := bytes.Trim(h.soap[:min(len(h.soap), 256)], `" `)
		if i := bytes.LastIndexAny(s, "#/:"); i >= 0 {
			s = s[i+1:]
		}
		if f := classify.Of(s); f == classify.FormWord || f == classify.FormSlug {
			c.Operation = b.arena.intern(s)
		}
	}
}

// response reads the head and the body of the response.
func (b *Builder) response(c *event.Call, r *Raw) {
	var coding, kind []byte
	for i := range r.ResponseHeaders {
		f := &r.ResponseHeaders[i]
		switch b.names.of(f.Name).role {
		case roleSetCookie:
			b.setCookie(c, f.Value, b.rank)
		case roleLocation:
			if c.Shape.Response.Location == "" {
				v := f.Value[:min(len(f.Value), maxRefererBytes)]
				b.link(true, event.InHeader, "location", v)
				_, _, shape := b.redactor.Reference(v, nil)
				c.Shape.Response.Location = b.arena.intern(shape)
			}
		case roleAPIKey:
			if minted(f.Value) {
				b.mint(c, event.InHeader, b.names.of(f.Name).lower, f.Value)
			}
		case roleAuthorization:
			if v, ok := bytes.CutPrefix(f.Value, []byte("Bearer ")); ok && minted(v) {
				b.mint(c, event.InHeader, "authorization", v)
			}
		case roleType:
			setFirst(&kind, f.Value)
		case roleCoding:
			setFirst(&coding, f.Value)
		}
	}
	b.responseBody(c, r, coding, kind)
}
