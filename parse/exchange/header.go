package exchange

import (
	"bytes"
	"strings"

	"lapwing/parse/classify"
)

// role is what a header is to a call.
type role uint8

const (
	roleNone role = iota
	roleHost
	roleUserAgent
	roleReferer
	roleLanguage
	roleAuthorization
	roleCookie
	roleAPIKey
	roleType
	roleCoding
	roleForwardedFor
	roleForwarded
	roleClient // a single address, configured
	roleUser   // a gateway's word for who the user is
	roleCert
	roleSOAPAction
	roleSetCookie
	roleLocation
	roleID
)

var roles = map[string]role{
	"host": roleHost, "user-agent": roleUserAgent, "referer": roleReferer, "accept-language": roleLanguage, "authorization": roleAuthorization,
	"cookie": roleCookie, "content-type": roleType, "content-encoding": roleCoding, "x-forwarded-for": roleForwardedFor, "forwarded": roleForwarded,
	"soapaction": roleSOAPAction, "set-cookie": roleSetCookie, "location": roleLocation,
	"x-api-key": roleAPIKey, "api-key": roleAPIKey, "apikey": roleAPIKey, "x-apikey": roleAPIKey, "x-auth-token": roleAPIKey, "x-access-token": roleAPIKey,
	"x-token": roleAPIKey, "x-api-token": roleAPIKey, "private-token": roleAPIKey, "x-vault-token": roleAPIKey, "x-auth-key": roleAPIKey,
	"x-session-token": roleAPIKey, "ocp-apim-subscription-key": roleAPIKey, "x-functions-key": roleAPIKey, "x-goog-api-key": roleAPIKey,
	"x-rapidapi-key": roleAPIKey, "x-app-token": roleAPIKey, "x-auth": roleAPIKey, "x-session-id": roleAPIKey, "x-jwt-assertion": roleAPIKey,
	"x-client-cert-subject": roleCert, "x-ssl-client-s-dn": roleCert, "x-forwarded-client-cert": roleCert, "ssl-client-subject-dn": roleCert,
	"x-ssl-client-dn": roleCert, "x-client-dn": roleCert, "ssl_client_s_dn": roleCert,
}

// volatile headers come and go between the calls of one program, by method, by
// page, by cache, or are put in by proxies on the way.
var volatile = func() map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(`cookie authorization proxy-authorization content-length content-type content-encoding content-md5 transfer-encoding expect
		referer origin range if-range if-match if-none-match if-modified-since if-unmodified-since pragma cache-control upgrade-insecure-requests
		x-requested-with sec-fetch-site sec-fetch-mode sec-fetch-dest sec-fetch-user sec-purpose priority te trailer forwarded via
		traceparent tracestate baggage b3 sentry-trace soapaction date cdn-loop true-client-ip access-control-request-method
		access-control-request-headers idempotency-key x-real-ip x-http-method-override dnt upgrade http2-settings digest`) {
		m[n] = true
	}
	return m
}()

var volatileParts = [...]string{"request-id", "requestid", "trace", "correlation", "csrf", "xsrf", "signature", "nonce", "timestamp", "forwarded", "x-b3-", "cf-", "x-amz",
	"x-amzn", "x-envoy", "datadog", "newrelic", "idempotency", "token", "api-key", "apikey", "-id", "x-auth", "x-client-", "x-user"}

// A headerName is what is known of a name as it was sent.
type headerName struct {
	sent     string
	role     role
	volatile bool
	casing   uint64 // one bit: lower case, Title-Case, UPPER, other
	hash     uint64 // of the name in lower case
	lower    string
	key      classify.Key
}

// maxHeaderNames bounds the names remembered, about 200 bytes each.
const maxHeaderNames = 4096

type headerNames struct {
	front [256]*headerName // by length and outer bytes: most look-ups end here
	all   map[string]*headerName
	extra map[string]role
	keys  *classify.Keys
	hash  func([]byte) uint64
}

var unnamed = &headerName{volatile: true}

func (h *headerNames) of(name []byte) *headerName {
	if len(name) == 0 || len(name) > 128 {
		return unnamed
	}
	slot := &h.front[(len(name)*37+int(name[0])*5+int(name[len(name)-1])+int(name[len(name)/2])*3)&255]
	if *slot != nil && (*slot).sent == string(name) {
		return *slot
	}
	n, ok := h.all[string(name)]
	if !ok {
		if len(h.all) >= maxHeaderNames {
			clear(h.all)
		}
		n = h.learn(string(name))
		h.all[n.sent] = n
	}
	*slot = n
	return n
}

func (h *headerNames) learn(sent string) *headerName {
	low := strings.ToLower(sent)
	n := &headerName{sent: sent, lower: low, hash: h.hash([]byte(low)), key: h.keys.Of([]byte(low)), volatile: volatile[low], casing: casing(sent)}
	n.role = roles[low]
	if r, ok := h.extra[low]; ok {
		n.role = r
	}
	for _, p := range volatileParts {
		n.volatile = n.volatile || strings.Contains(low, p)
	}
	if n.role == roleNone {
		bare := h.keys.Of([]byte(strings.TrimPrefix(low, "x-")))
		switch {
		case bare&classify.KeyToken != 0 && !strings.Contains(low, "csrf") && !strings.Contains(low, "xsrf") && !strings.Contains(low, "nonce") && !strings.Contains(low, "signature"):
			n.role = roleAPIKey
		case bare&classify.KeyID != 0 && !strings.Contains(low, "request") && !strings.Contains(low, "trace") && !strings.Contains(low, "correlation") && !strings.Contains(low, "span"):
			n.role, n.key = roleID, bare
		}
	}
	return n
}

func casing(s string) uint64 {
	lower, upper := strings.ToLower(s) == s, strings.ToUpper(s) == s
	switch {
	case lower && upper:
		return 0
	case lower:
		return 1
	case upper:
		return 4
	}
	title := true
	for i := range len(s) {
		first := i == 0 || s[i-1] == '-'
		if first && s[i] >= 'a' && s[i] <= 'z' || !first && s[i] >= 'A' && s[i] <= 'Z' {
			title = false
		}
	}
	if title {
		return 2
	}
	return 8
}

// maxForwardLines bounds the forwarding lines kept of a request.
const maxForwardLines = 16

// heads is what a call's headers hold that matters, borrowed from the Raw.
type heads struct {
	host, agent, referer, language, auth, apiKey, kind, coding, client, user, cert, soap []byte
	cookies                                                                              [][]byte
	forwardedFor, forwarded                                                              [][]byte
	ids                                                                                  []headerID
	order, casing                                                                        uint64 // of the fingerprint
	kept                                                                                 int
}

type headerID struct {
	name  *headerName
	value []byte
}

func (b *Builder) request(fields []Field) *heads {
	h := &b.heads
	*h = heads{cookies: h.cookies[:0], forwardedFor: h.forwardedFor[:0], forwarded: h.forwarded[:0], ids: h.ids[:0]}
	clientRank, userRank := len(b.clientRank), len(b.userRank)
	for i := range fields {
		f := &fields[i]
		n := b.names.of(f.Name)
		if !n.volatile {
			h.order = (h.order<<7|h.order>>57)*0x9e3779b97f4a7c15 + n.hash
			h.casing |= n.casing
			h.kept++
		}
		v := f.Value
		switch n.role {
		case roleNone:
		case roleHost:
			setFirst(&h.host, v)
		case roleUserAgent:
			setFirst(&h.agent, v)
		case roleReferer:
			setFirst(&h.referer, v)
		case roleLanguage:
			setFirst(&h.language, v)
		case roleAuthorization:
			setFirst(&h.auth, v)
		case roleAPIKey:
			setFirst(&h.apiKey, v)
		case roleType:
			setFirst(&h.kind, v)
		case roleCoding:
			setFirst(&h.coding, v)
		case roleCert:
			setFirst(&h.cert, v)
		case roleSOAPAction:
			setFirst(&h.soap, v)
		case roleCookie:
			h.cookies = append(h.cookies, v)
		case roleForwardedFor:
			if len(h.forwardedFor) < maxForwardLines {
				h.forwardedFor = append(h.forwardedFor, v)
			}
		case roleForwarded:
			if len(h.forwarded) < maxForwardLines {
				h.forwarded = append(h.forwarded, v)
			}
		case roleClient:
			if r := b.clientRank[n.lower]; r < clientRank {
				clientRank, h.client = r, v
			}
		case roleUser:
			if r := b.userRank[n.lower]; r < userRank && len(bytes.TrimSpace(v)) > 0 {
				userRank, h.user = r, v
			}
		case roleID:
			if len(h.ids) < 8 { // few programs name more than two objects in headers
				h.ids = append(h.ids, headerID{n, v})
			}
		}
	}
	return h
}

func setFirst(dst *[]byte, v []byte) {
	if *dst == nil {
		*dst = v
	}
}
