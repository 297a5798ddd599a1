package simulate

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
)

type apiStyle uint8

const (
	apiREST       apiStyle = iota
	apiGraphQL             // POST /graphql with operationName, query, variables
	apiRPC                 // JSON-RPC 2.0
	apiMethodPath          // POST /package.Service/Method with JSON, as gRPC gateways speak
)

type authStyle uint8

const (
	authJWT authStyle = iota
	authOpaque
	authCookie
	authKeyHeader
	authKeyQuery
	authBasic
)

type failStyle uint8

const (
	public access = iota
	authored
	owned
	tenanted
	staff
)

type errorStyle uint8

const (
	errorFlat errorStyle = iota
	errorNested
	errorList
	errorProblem // RFC 9457
	errorCode
)

// A style is how one application looks from outside.
type style struct {
	api             apiStyle
	auth            authStyle
	form            bool // the login is an HTML form
	grant           bool // the login is an OAuth password grant (RFC 6749, 4.3)
	fail            failStyle
	unknown         bool // a login tells that there is no such account
	unknown404      bool // … with 404
	forgotTell      bool // so does the forgotten-password page
	redirectOK      bool // a login that went well answers 302
	loginName       string
	casing          casing
	paths           casing
	singular        bool
	prefix          string
	old             string // prefix of the deprecated version, "" if there is none
	put             bool
	envelope        uint8
	paging          uint8
	errors          errorStyle
	soft404         bool // unknown paths answer 200
	badID400        bool // an identifier of the wrong form is a bad request, not a missing object
	owners          bool // bodies tell the owner
	ownerMissing404 bool // a foreign object answers 404, not 403
	mfa             float64
	lockAfter       int // failures until an account is locked for 15 minutes; 0 never
	tokenLife       int64
	refresh         bool
	ids             []idKind
	userID          idKind
	server          string
	requestID       string
	pageSize        int
	maxPage         int
}

func (a *application) drawStyle(r *rand.Rand) {
	s := &a.style
	s.api, s.auth = pick(r, a.kind.api), pick(r, a.kind.auth)
	s.form = s.auth == authCookie && s.api == apiREST && chance(r, .6)
	s.grant = !s.form && s.api != apiGraphQL && (s.auth == authJWT || s.auth == authOpaque) && chance(r, .3)
	switch x := r.Float64(); {
	case s.form:
		s.fail = pick(r, []failStyle{failRedirect, fail200, fail401})
		s.redirectOK = true
	case s.grant:
		s.fail = pick(r, []failStyle{fail400, fail401})
	case x < .5:
		s.fail = fail401
	case x < .7:
		s.fail = fail400
	case x < .78:
		s.fail = fail403
	case x < .86:
		s.fail = fail422
	default:
		s.fail = fail200
	}
	s.unknown = chance(r, .35)
	s.unknown404 = s.unknown && !s.form && s.fail != fail200 && chance(r, .5)
	s.forgotTell = chance(r, .3)
	s.loginName = pick(r, []string{"email", "email", "email", "username", "number", "phone"})
	s.casing = pick(r, []casing{snake, snake, camel, camel, pascal})
	s.paths = pick(r, []casing{kebab, kebab, snake, camel})
	s.singular = chance(r, .12)
	s.prefix = pick(r, []string{"/api/v1", "/v1", "/api/v2", "/v2", "/api", "", "/rest/v3", "/v4"})
	if s.prefix == "/api/v2" || s.prefix == "/v2" || s.prefix == "/rest/v3" || s.prefix == "/v4" {
		v := s.prefix[len(s.prefix)-1] - 1
		s.old = s.prefix[:len(s.prefix)-1] + string(v)
	}
	s.put = chance(r, .5)
	s.envelope = uint8(r.IntN(4))
	s.paging = uint8(r.IntN(4))
	s.errors = errorStyle(r.IntN(5))
	s.soft404 = chance(r, .15)
	s.owners = chance(r, .7)
	s.badID400 = a.seed%3 == 0
	s.ownerMissing404 = chance(r, .4)
	if chance(r, .6) {
		s.mfa = between(r, .05, .6)
	}
	if chance(r, .3) {
		s.lockAfter = 5 + 5*r.IntN(3)
	}
	s.tokenLife = int64(logBetween(r, 30, 120) * 86400)
	if s.refresh = s.auth <= authOpaque && chance(r, .6); s.refresh {
		s.tokenLife = int64(logBetween(r, 900, 86400))
	}
	all := []idKind{idInt, idInt, idSparse, idUUID, idUUID, idULID, idObject, idPrefixed, idHash, idComposite}
	s.ids = []idKind{pick(r, all)}
	if chance(r, .5) {
		s.ids = append(s.ids, pick(r, all))
	}
	s.userID = pick(r, []idKind{idInt, idSparse, idUUID, idULID, idObject, idPrefixed})
	s.server = pick(r, []string{"nginx", "nginx/1.27.3", "envoy", "Apache", "cloudfront", "Kestrel", "gunicorn", ""})
	s.requestID = pick(r, []string{"X-Request-Id", "X-Correlation-ID", "X-Trace-Id", ""})
	s.pageSize = pick(r, []int{10, 12, 15, 20, 24, 25})
	s.maxPage = pick(r, []int{50, 100, 200, 100000})
}

func (a *application) drawHosts(r *rand.Rand) {
	name := pick(r, materials) + pick(r, things)
	tld := pick(r, []string{"example", "example.com", "example.net", "test"})
	main := pick(r, []string{"api.", "www.", "app.", "gateway.", ""}) + name + "." + tld
	a.hosts = []string{main}
	if chance(r, .3) {
		a.hosts = append(a.hosts, pick(r, []string{"auth.", "id.", "login.", "accounts."})+name+"."+tld)
	}
	if a.kind.name == "gov" && len(a.hosts) == 1 {
		a.hosts = append(a.hosts, "sso."+name+"."+tld)
	}
	for i := range a.hosts {
		port := pick(r, []uint16{80, 8080, 8000, 3000})
		third := byte(r.IntN(250))
		a.servers = append(a.servers, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 20, third, byte(10 + i)}), port))
		v6 := netip.MustParseAddr("fd12:3456:789a::").As16()
		v6[13], v6[15] = third, byte(10+i)
		a.serverV6 = append(a.serverV6, netip.AddrPortFrom(netip.AddrFrom16(v6), port))
	}
}

// describe puts the style in words.
func (a *application) describe() string {
	s := a.style
	api := [...]string{"REST", "GraphQL", "JSON-RPC", "method paths"}[s.api]
	auth := [...]string{"JWT bearer", "opaque bearer", "session cookie", "API key in a header", "API key in the query", "Basic"}[s.auth]
	fail := [...]string{"401", "400", "403", "422", "200 with an error body", "a redirect"}[s.fail]
	login := "JSON login"
	switch {
	case s.auth == authBasic:
		login = "Basic login"
	case s.form:
		login = "form login"
	case s.grant:
		login = "OAuth password grant"
	}
	var ids []string
	for _, k := range s.ids {
		ids = append(ids, idNames[k])
	}
	soft := ""
	if s.soft404 {
		soft = ", unknown paths answer 200"
	}
	return fmt.Sprintf("%s, words in %s, identifiers %s, %s, %s failing with %s%s", api, languages[a.language], strings.Join(ids, " and "), auth, login, fail, soft)
}
