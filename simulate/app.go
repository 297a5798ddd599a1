package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"sort"
	"strconv"
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
	fail401 failStyle = iota
	fail400
	fail403
	fail422
	fail200      // 200 with an error in the body
	failRedirect // 302 back to the form
)

type access uint8

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

// An application is the state of the API: who has an account, what there is and
// whom it belongs to.
type application struct {
	kind     *kind
	seed     uint64
	language int
	startNS  int64
	style    style

	accounts     []*account
	people       int // accounts at the start that belong to people
	byLogin      map[uint64]int32
	names        permutation
	users        naming
	tenants      int
	tenantID     naming
	resources    []*resource
	ops          []*operation
	byRoot       *routeNode
	byName       map[string]*operation // GraphQL operation, RPC method
	screens      []screen
	guestScreens []screen
	staffScreens []screen
	sideOps      []*operation
	coupons      naming
	couponN      uint32
	cards        permutation

	hosts    []string
	servers  []netip.AddrPort
	serverV6 []netip.AddrPort

	login, mfa, refresh, logout, forgot, reset, register, me, meUpdate, password, coupon, pay, otp *operation
	health, config, robots, favicon, asset, spec, page, internal, unsubscribe, gateway             *operation

	words map[string]string // field names, by concept
}

// A resource is a kind of object.
type resource struct {
	app     *application
	concept string
	one     string // as a field
	many    string // as a path segment
	plural  string // as a field
	access  access
	parent  *resource
	seed    uint64
	id      naming
	fields  []field
	brief   []field
	single  bool
	main    bool // of the kind's own, not of the long tail
	initial uint32
	order   permutation // slot of an owner → number
	starts  []uint32    // first slot by owner
	added   []int32     // owners of later objects
	mine    map[int32][]uint32
	deleted map[uint32]struct{}
	open    bool // reads forget to ask whose it is
	openPut bool // so do writes
	shared  bool // owners let another person see some
	zipf    float64

	list, get, create, update, remove, find, export *operation
	oldList, oldGet                                 *operation // of the deprecated version
	children                                        []*resource
	actions                                         []*operation
}

// count returns how many numbers were given out.
func (r *resource) count() uint32 { return r.initial + uint32(len(r.added)) }

// owner returns the account or tenant an object belongs to, -1 if nobody.
func (r *resource) owner(n uint32) int32 {
	if n >= r.initial {
		return r.added[n-r.initial]
	}
	switch r.access {
	case authored:
		return int32(hash2(r.seed, uint64(n)) % uint64(max(1, r.app.people)))
	case owned, tenanted:
		slot := uint32(r.order.of(uint64(n)))
		return int32(sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > slot }) - 1)
	}
	return -1
}

// of appends the numbers of an owner's objects, oldest first.
func (r *resource) of(owner int32, to []uint32) []uint32 {
	if owner >= 0 && int(owner)+1 < len(r.starts) {
		for s := r.starts[owner]; s < r.starts[owner+1]; s++ {
			to = append(to, uint32(r.order.at(uint64(s))))
		}
	}
	to = append(to, r.mine[owner]...)
	if len(r.deleted) > 0 {
		kept := to[:0]
		for _, n := range to {
			if _, gone := r.deleted[n]; !gone {
				kept = append(kept, n)
			}
		}
		to = kept
	}
	return to
}

// within appends the numbers of the objects that belong to object n of the
// parent. An owner's children are divided among the owner's parents; of what
// anyone may write, they are drawn.
func (r *resource) within(n uint32, to []uint32) []uint32 {
	owner := r.parent.owner(n)
	parents := r.parent.span(owner) - len(r.parent.mine[owner])
	if n >= r.parent.initial && parents > 0 {
		return to // new, and empty
	}
	if parents == 0 {
		parents = r.parent.span(owner)
	}
	if r.access != r.parent.access || r.access == public || r.access == authored || parents == 0 || parents > 1000 || r.span(owner) > 5000 {
		k := hash3(r.seed, uint64(n), 1) % 12
		if r.access == authored {
			k *= 3
		}
		for i := range k {
			to = append(to, uint32(hash3(r.seed, uint64(n), i+9)%uint64(max(1, r.initial))))
		}
		return to
	}
	at, all := 0, r.parent.span(owner)
	for at < parents && r.parent.nth(owner, all-1-at) != n { // the oldest is first, so that a new one moves none
		at++
	}
	for i := r.span(owner) - 1; i >= 0; i-- {
		if c := r.nth(owner, i); int(hash2(r.seed, uint64(c))%uint64(parents)) == at && r.exists(c) {
			to = append(to, c)
		}
	}
	return to
}

// partner is whom a person shares with: two and two know each other.
func partner(n int32) int32 { return n ^ 1 }

// sharedWith says whether the owner of object n lets an account see it.
func (r *resource) sharedWith(n uint32, account int32) bool {
	return r.shared && hash2(r.seed+5, uint64(n))%12 == 0 && r.owner(n) == partner(account)
}

// span returns how many objects an owner has, deleted ones among them.
func (r *resource) span(owner int32) int {
	n := len(r.mine[owner])
	if owner >= 0 && int(owner)+1 < len(r.starts) {
		n += int(r.starts[owner+1] - r.starts[owner])
	}
	return n
}

// nth returns the i-th object of an owner, the newest first, without a list of
// them all: some owners have millions.
func (r *resource) nth(owner int32, i int) uint32 {
	mine := r.mine[owner]
	if i < len(mine) {
		return mine[len(mine)-1-i]
	}
	return uint32(r.order.at(uint64(r.starts[owner+1]) - 1 - uint64(i-len(mine))))
}

func (r *resource) exists(n uint32) bool {
	if n >= r.count() {
		return false
	}
	_, gone := r.deleted[n]
	return !gone
}

// add makes an object.
func (r *resource) add(owner int32) uint32 {
	n := r.count()
	r.added = append(r.added, owner)
	if r.access == owned || r.access == tenanted {
		r.mine[owner] = append(r.mine[owner], n)
	}
	return n
}

func (r *resource) drop(n uint32) { r.deleted[n] = struct{}{} }

// An account of the application.
type account struct {
	n           int32
	tenant      int32
	role        role
	mfa         bool
	expired     bool // the password has to be changed at the next login
	disabled    bool
	changes     uint16 // how often the password changed
	epoch       uint16 // tokens of earlier epochs are void
	fails       uint16
	lockedUntil int64
	email       string // "" unless changed
	login       string // made once; "" when it has to be made anew
	resetCode   string
	resetUntil  int64
	service     string // name of a machine account
}

type role uint8

const (
	roleUser role = iota
	roleSupport
	roleAdmin
	roleService
)

var roleNames = [...]string{"user", "support", "admin", "service"}

// newApplication puts one together from its seed.
func newApplication(k *kind, seed uint64, users int, startNS int64) *application {
	r := newRandom(seed, "application "+k.name, 0)
	a := &application{kind: k, seed: r.Uint64(), startNS: startNS, byLogin: map[uint64]int32{}, words: map[string]string{}, byName: map[string]*operation{}}
	if !chance(r, .5) {
		a.language = r.IntN(len(languages))
	}
	a.drawStyle(r)
	a.drawHosts(r)
	a.names = permute(uint64(max(1<<20, users*8)), r.Uint64())
	a.users = newNaming(a.style.userID, a.seed, "user", users, uint64(startNS/1e6))
	a.tenants = max(3, users/(8+r.IntN(30)))
	a.tenantID = newNaming(pick(r, []idKind{idInt, idUUID, idPrefixed, idObject}), a.seed, "organisation", a.tenants, uint64(startNS/1e6))
	a.couponN = 500
	a.cards = permute(89_999_999_999_999, a.seed)
	a.coupons = newNaming(idCode, a.seed, "coupon", 500, uint64(startNS/1e6))
	for range users {
		acc := a.newAccount()
		acc.tenant = int32(popular(r, a.tenants, .6))
		acc.mfa = chance(r, a.style.mfa)
		if n := acc.n; n%97 == 5 {
			acc.role = roleSupport
		} else if n%211 == 7 {
			acc.role = roleAdmin
		}
	}
	a.people = users
	a.drawResources(r)
	a.buildOperations(r)
	a.drawScreens(r)
	return a
}

func (a *application) newAccount() *account {
	n := int32(len(a.accounts))
	acc := &account{n: n}
	a.accounts = append(a.accounts, acc)
	if a.find(a.loginName(acc)) != nil { // two mail addresses that are shortened to one
		local, host, _ := strings.Cut(a.emailOf(acc), "@")
		acc.email, acc.login = local+"_"+strconv.Itoa(int(n))+"@"+host, ""
	}
	a.byLogin[hashText(0, a.loginName(acc))] = n
	return acc
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

// drawResources makes the objects: those of the kind, then of the long tail
// until the extent drawn for this application is reached.
func (a *application) drawResources(r *rand.Rand) {
	extent := int(logBetween(r, 30, 400)) // operations, about
	rows := append([]string(nil), a.kind.resources...)
	for _, i := range r.Perm(len(longTail)) {
		rows = append(rows, longTail[i])
	}
	taken := map[string]bool{}
	concepts := map[string]bool{}
	total := 0
	var fields [][]string
	for i, row := range rows {
		if i >= len(a.kind.resources) && total >= extent {
			break
		}
		f := strings.Fields(row)
		concept, parent, _ := strings.Cut(f[0], "<")
		if concepts[f[0]] || (parent == "" && concepts[concept]) {
			continue
		}
		concepts[f[0]], concepts[concept] = true, true
		w := lookUp(a.language, concept)
		if taken[w.many+parent] {
			w = lookUp(0, concept)
		}
		taken[w.many+parent] = true
		res := &resource{app: a, concept: concept, one: w.one, many: w.many, seed: hashText(a.seed, f[0]), mine: map[int32][]uint32{}, deleted: map[uint32]struct{}{}}
		if a.style.singular {
			res.many = w.one
		}
		res.plural = a.style.casing.join(res.many)
		res.access = map[string]access{"public": public, "authored": authored, "owned": owned, "tenant": tenanted, "staff": staff}[f[1]]
		count, _ := strconv.ParseFloat(f[2], 64)
		res.single, res.main = count == 0, i < len(a.kind.resources)
		res.zipf = between(r, .5, 1.3)
		for _, p := range a.resources {
			if p.concept == parent && parent != "" {
				res.parent = p
				p.children = append(p.children, res)
			}
		}
		a.fill(res, r, count)
		kind := pick(r, a.style.ids)
		if res.access == public && chance(r, .35) {
			kind = idSlug
		}
		if res.access == public && res.initial < 100 {
			kind = pick(r, []idKind{idInt, idSlug})
		}
		if kind == idObject && res.initial >= 1<<23 || kind == idSlug && res.initial > 1<<20 {
			kind = idUUID
		}
		res.id = newNaming(kind, a.seed, f[0], int(res.initial), uint64(a.startNS/1e6))
		if kind == idPrefixed {
			res.id.prefix = prefixOf(res.one, r)
		}
		a.resources = append(a.resources, res)
		total += 1 + len(f[3])
		res.seedOps(f[3])
		fields = append(fields, f[4:])
	}
	for i, res := range a.resources { // now that all are known, fields may refer to them
		a.drawFields(res, fields[i])
	}
	// Nearly every API forgets to ask somewhere whose the object is.
	var own []*resource
	for _, res := range a.resources {
		if (res.access == owned || res.access == tenanted) && !res.single && res.parent == nil {
			own = append(own, res)
		}
	}
	for i, j := range r.Perm(len(own)) {
		own[j].open = i < max(2, len(own)/3)
		own[j].openPut = i == 0 || own[j].open && chance(r, .4)
		own[j].shared = own[j].access == owned && chance(r, .3)
	}
}

// fill gives every owner objects.
func (a *application) fill(res *resource, r *rand.Rand, count float64) {
	if res.single {
		return
	}
	owners := 0
	switch res.access {
	case owned:
		owners = len(a.accounts)
	case tenanted:
		owners = a.tenants
	default:
		res.initial = max(5, uint32(count*between(r, .5, 1.5)))
		res.order = permute(uint64(res.initial), res.seed)
		return
	}
	res.starts = make([]uint32, owners+1)
	at := uint32(0)
	for i := range owners {
		res.starts[i] = at
		n := math.Round(logNormal(r, count, 1))
		if res.parent != nil || count > 1 {
			n = max(n, 1)
		}
		at += uint32(min(n, 200))
	}
	res.starts[owners] = at
	res.initial = at
	res.order = permute(uint64(at), res.seed)
}

// host returns the host that an operation is served at.
func (a *application) host(op *operation) int {
	if op != nil {
		return op.host
	}
	return 0
}

// Names and secrets of accounts.

func (a *application) person(n int32) (given, family string, k uint64) {
	x := a.names.at(uint64(n))
	given = givenNames[x%uint64(len(givenNames))]
	x /= uint64(len(givenNames))
	return given, familyNames[x%uint64(len(familyNames))], x / uint64(len(familyNames))
}

func (a *application) emailOf(acc *account) string {
	if acc.email != "" {
		return acc.email
	}
	g, f, k := a.person(acc.n)
	h := hash2(a.seed, uint64(acc.n))
	host := mailHosts[h%uint64(len(mailHosts))]
	s := g + "." + f
	switch h >> 60 {
	case 0, 1:
		s = g[:1] + "." + f + strconv.Itoa(int(h>>20%90)+10) + g[1:2]
	case 2:
		s = f + g
	}
	if k > 0 {
		s += strconv.FormatUint(k+60, 10)
	}
	return s + "@" + host
}

func (a *application) userName(acc *account) string {
	g, f, k := a.person(acc.n)
	s := g + "_" + f
	if k > 0 {
		s += strconv.FormatUint(k, 10)
	}
	return s
}

// loginName returns what the account's holder types at the login.
func (a *application) loginName(acc *account) string {
	if acc.login == "" {
		acc.login = a.makeLoginName(acc)
	}
	return acc.login
}

func (a *application) makeLoginName(acc *account) string {
	switch {
	case acc.service != "":
		return acc.service
	case a.style.loginName == "username":
		return a.userName(acc)
	case a.style.loginName == "number":
		return strconv.FormatUint(10_000_000+a.names.at(uint64(acc.n)), 10)
	case a.style.loginName == "phone":
		return "+49151" + fmt.Sprintf("%08d", a.names.at(uint64(acc.n)))
	}
	return a.emailOf(acc)
}

// password returns the right password. Every twelfth account uses one that
// many use.
func (a *application) passwordOf(acc *account) string {
	h := hash3(a.seed, uint64(acc.n)+77, uint64(acc.changes))
	if h%12 == 0 {
		return commonPasswords[h>>8%uint64(len(commonPasswords))]
	}
	return things[h>>8%uint64(len(things))] + strings.ToUpper(materials[h>>20%uint64(len(materials))][:1]) + materials[h>>20%uint64(len(materials))][1:] + strconv.Itoa(int(h>>40%9000)+100)
}

// byName finds the account of a login name.
func (a *application) find(login string) *account {
	if n, ok := a.byLogin[hashText(0, login)]; ok {
		return a.accounts[n]
	}
	return nil
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
