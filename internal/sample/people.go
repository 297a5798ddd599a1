package sample

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"
)

// The people the shop is for, and the programs that belong to it.

// populate adds everyone who means no harm.
func (w *world) populate() {
	r := rand.New(rand.NewPCG(w.seed, 0xbe1))
	homes := newHomes(r)
	office := netip.MustParseAddr("10.20.0.5") // thirty people behind one translating router
	for n := range 250 {
		p, ip := pick(r, []*program{&chrome, &chrome, &chrome, &firefox, &classic, &classicChrome, &ios, &android}), homes.next()
		rtt := between(r, 8*time.Millisecond, 70*time.Millisecond)
		polls := n >= 30 && n < 75
		switch {
		case n < 30:
			p, ip, rtt = pick(r, []*program{&chrome, &chrome, &firefox, &classicChrome}), office, between(r, 4*time.Millisecond, 6*time.Millisecond)
		case polls:
			p = pick(r, []*program{&ios, &android})
		}
		begin := between(r, 0, 37*time.Minute)
		c := w.newClient(p, ip, rtt)
		if n%25 == 7 { // came before the recording and is still there
			begin, c.warm = between(r, 0, time.Minute), true
		}
		u := w.shop.accounts[n]
		w.add(begin, "", c, func(a *agent) {
			a.user = u
			if polls {
				a.app()
			} else {
				a.visit()
			}
		})
	}
	for range 40 {
		c := w.newClient(pick(r, []*program{&chrome, &chrome, &firefox, &ios}), homes.next(), between(r, 8*time.Millisecond, 70*time.Millisecond))
		w.add(between(r, 0, 37*time.Minute), "", c, (*agent).window)
	}
	w.add(7*time.Second, "monitor", w.newClient(&monitor, netip.MustParseAddr("203.0.113.250"), 18*time.Millisecond), (*agent).watch)
	sync := w.newClient(&partner, netip.MustParseAddr("198.51.100.200"), 11*time.Millisecond)
	sync.key = fmt.Sprintf("sk_partner_%016x%016x", r.Uint64(), r.Uint64())
	w.add(50*time.Second, "partner", sync, (*agent).synchronise)
}

// homes gives out addresses for people at home and on the road: carrier-grade
// NAT, IPv6 and the documentation ranges (RFC 6598, 3849, 5737), none twice.
type homes struct {
	rng  *rand.Rand
	seen map[netip.Addr]bool
}

func newHomes(r *rand.Rand) *homes {
	h := &homes{rng: r, seen: map[netip.Addr]bool{}}
	for _, taken := range []string{"203.0.113.250", "198.51.100.200", stufferIP, walkerIP, scraperIP, exporterIP, exporter2IP} {
		h.seen[netip.MustParseAddr(taken)] = true
	}
	return h
}

func (h *homes) next() netip.Addr {
	for {
		n := h.rng.Uint32()
		var ip netip.Addr
		switch k := h.rng.IntN(20); {
		case k < 10:
			ip = netip.AddrFrom4([4]byte{100, 64 | byte(n>>16)&63, byte(n >> 8), byte(n)})
		case k < 16:
			ip = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(n >> 24), byte(n >> 16), 0, byte(n >> 8 & 3), 8: 2, 11: 0xff, 12: 0xfe, 13: byte(n), 14: byte(n >> 4), 15: byte(n >> 9)})
		case k < 18:
			ip = netip.AddrFrom4([4]byte{198, 51, 100, byte(n)})
		default:
			ip = netip.AddrFrom4([4]byte{203, 0, 113, byte(n)})
		}
		if !h.seen[ip] && ip.As16()[15] != 0 && ip.As16()[15] != 255 {
			h.seen[ip] = true
			return ip
		}
	}
}

// signIn gets a session: from an earlier visit, or by logging in, for some not
// at the first try.
func (a *agent) signIn() bool {
	u := a.user
	if a.chance(0.4) {
		token, cookie := a.w.shop.open(u, a.now-between(a.rng, 2*time.Minute, 15*time.Minute))
		a.keep(token, cookie)
		return true
	}
	if a.chance(0.08) {
		for range 1 + a.rng.IntN(2) {
			a.call(want{"POST", "/v1/login", credentials{u.Email, a.mistype(u.password)}})
			a.think(6 * time.Second)
		}
	}
	if a.chance(0.01) { // forgot it
		for range 2 + a.rng.IntN(2) {
			a.call(want{"POST", "/v1/login", credentials{u.Email, fmt.Sprintf("%s-%d", pick(a.rng, words), a.rng.IntN(1000))}})
			a.think(8 * time.Second)
		}
		a.call(want{"POST", "/v1/password-reset", map[string]string{"email": u.Email}})
		a.think(70 * time.Second)
	}
	return a.logIn(u)
}

func (a *agent) logIn(u *account) bool {
	res := a.call(want{"POST", "/v1/login", credentials{u.Email, u.password}})
	s, ok := res.value.(session)
	if ok {
		a.keep(s.Token, a.cookie)
	}
	return ok
}

// keep holds on to a session in the way the program does.
func (a *agent) keep(token, cookie string) {
	if a.client.program.cookies {
		a.cookie = cookie
	} else {
		a.token = token
	}
}

// mistype swaps two neighbouring letters or drops the last one.
func (a *agent) mistype(s string) string {
	if a.chance(0.3) {
		return s[:len(s)-1]
	}
	b := []byte(s)
	i := a.rng.IntN(4)
	b[i], b[i+1] = b[i+1], b[i]
	if string(b) == s {
		return s + "1"
	}
	return string(b)
}

// visit is a customer's time in the shop.
func (a *agent) visit() {
	if a.client.program.cookies && a.chance(0.25) { // a page of its own host: browsers look for an icon
		a.call(get("/favicon.ico"))
	}
	if !a.signIn() {
		return
	}
	a.together(get("/v1/me"), get("/v1/categories"), get("/v1/cart"))
	for range 2 + a.rng.IntN(5) {
		if a.over {
			return
		}
		a.think(9 * time.Second)
		a.step()
	}
	if a.chance(0.3) {
		a.call(want{method: "POST", path: "/v1/logout"})
	}
}

// step is one thing customers do.
func (a *agent) step() {
	switch k := a.rng.IntN(100); {
	case k < 45:
		a.browse()
	case k < 58:
		a.lookUp()
	case k < 70:
		a.ownOrders()
	case k < 78:
		a.call(get("/v1/users/" + a.user.ID + "/wishlist"))
		for _, id := range a.user.wishes {
			if a.chance(0.5) {
				a.think(4 * time.Second)
				a.open(id)
			}
		}
	case k < 82:
		a.call(get("/v1/me/address"))
		if a.chance(0.4) {
			a.think(20 * time.Second)
			a.call(want{"PUT", "/v1/me/address", a.user.Address})
		}
	case k < 92:
		a.open(pick(a.rng, a.w.shop.products).ID) // from an advertisement or a friend
		a.think(5 * time.Second)
		a.fill(pick(a.rng, a.w.shop.products).ID)
	case k < 97:
		a.checkOut()
	default: // a stale link to an article that is gone
		p := pick(a.rng, a.w.shop.products)
		a.call(get(fmt.Sprintf("/v1/products/%d", p.ID+1)))
	}
}

// browse looks through a category and opens what looks nice.
func (a *agent) browse() {
	category := pick(a.rng, categories)
	for n := 1; n <= 1+a.rng.IntN(3); n++ {
		path := fmt.Sprintf("/v1/products?category=%s&page=%d", category, n)
		list, ok := a.call(get(path)).value.(page)
		if !ok {
			return
		}
		for _, p := range list.Items {
			if a.chance(0.05) {
				a.think(6 * time.Second)
				a.open(p.ID)
			}
		}
		a.think(5 * time.Second)
		if n >= list.Pages {
			return
		}
	}
}

// open shows one article.
func (a *agent) open(id int) {
	path := fmt.Sprintf("/v1/products/%d", id)
	if strings.Contains(a.client.program.name, "classic") || a.chance(0.2) {
		a.together(get(path), get(path+"/reviews"))
		return
	}
	a.call(get(path))
}

func (a *agent) lookUp() {
	term := strings.ToLower(pick(a.rng, things[pick(a.rng, categories)]))
	term, _, _ = strings.Cut(term, " ")
	list, ok := a.call(get("/v1/search?q=" + term)).value.(page)
	if !ok || len(list.Items) == 0 {
		return
	}
	for range 1 + a.rng.IntN(3) {
		a.think(6 * time.Second)
		a.open(pick(a.rng, list.Items).ID)
	}
}

// ownOrders reads the list of one's orders and some of them.
func (a *agent) ownOrders() {
	a.call(get("/v1/orders"))
	for i, id := range a.user.orders {
		if i < 3 && a.chance(0.6) {
			a.think(5 * time.Second)
			a.call(get(fmt.Sprintf("/v1/orders/%d", id)))
		}
	}
}

func (a *agent) fill(id int) {
	a.call(want{"POST", "/v1/cart/items", map[string]int{"productId": id, "quantity": 1}})
}

func (a *agent) checkOut() {
	if len(a.user.cart) == 0 {
		a.fill(pick(a.rng, a.w.shop.products).ID)
		a.think(8 * time.Second)
	}
	a.call(get("/v1/cart"))
	a.think(5 * time.Second)
	if n := len(a.user.cart); n > 0 && a.chance(0.15) { // second thoughts
		a.call(want{method: "DELETE", path: fmt.Sprintf("/v1/cart/items/%d", a.user.cart[n-1].ID)})
	}
	if len(a.user.cart) == 0 {
		return
	}
	a.think(25 * time.Second)
	a.call(want{method: "POST", path: "/v1/orders"})
	if n := len(a.user.orders); n > 0 {
		a.call(get(fmt.Sprintf("/v1/orders/%d", a.user.orders[n-1])))
	}
}

// window is somebody who looks without logging in.
func (a *agent) window() {
	a.call(get("/v1/categories"))
	for range 2 + a.rng.IntN(6) {
		a.think(8 * time.Second)
		if a.chance(0.3) {
			a.lookUp()
		} else {
			a.browse()
		}
	}
}

// app is a phone with the shop's app open: it asks for notifications all the
// time and its owner does something now and then.
func (a *agent) app() {
	if !a.signIn() {
		return
	}
	a.together(get("/v1/me"), get("/v1/notifications"))
	until := a.now + between(a.rng, 4*time.Minute, 14*time.Minute)
	for a.now < until && !a.over {
		a.sleep(40*time.Second + between(a.rng, 0, 300*time.Millisecond))
		a.call(get("/v1/notifications"))
		if a.chance(0.25) {
			a.step()
		}
	}
}

// watch is an uptime monitor: every thirty seconds, on a new connection.
func (a *agent) watch() {
	for next := a.now; !a.over; {
		a.call(get("/healthz"))
		next += 30 * time.Second
		a.sleepUntil(next + between(a.rng, 0, 40*time.Millisecond))
	}
}

// synchronise is a price-comparison partner: the whole list once, then every
// five minutes what changed.
func (a *agent) synchronise() {
	for n, pages := 1, 1; n <= pages && !a.over; n++ {
		list, ok := a.call(get(fmt.Sprintf("/v1/products?limit=100&page=%d", n))).value.(page)
		if ok {
			pages = list.Pages
		}
		a.sleep(between(a.rng, 700*time.Millisecond, 1300*time.Millisecond))
	}
	for !a.over {
		since := Start.Add(a.now).Format("2006-01-02T15:04:05Z")
		a.sleep(5 * time.Minute)
		a.call(get("/v1/products?limit=100&page=1&updatedSince=" + since))
	}
}
