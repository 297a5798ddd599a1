package simulate

import "net/netip"

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

// host returns the host that an operation is served at.
func (a *application) host(op *operation) int {
	if op != nil {
		return op.host
	}
	return 0
}
