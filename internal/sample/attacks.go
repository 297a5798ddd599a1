package sample

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
)

// The four attacks. Each comes from its own addresses, among everyone else.

const (
	stufferIP   = "203.0.113.66"
	walkerIP    = "198.51.100.23"
	scraperIP   = "203.0.113.140"
	exporterIP  = "198.51.100.77"
	exporter2IP = "203.0.113.9"

	tried     = 214 // accounts on the stuffer's list
	hits      = 3   // of them with a password that is right
	neighbors = 60  // foreign orders the walker reads

	labelStuffing = "stuffing"
	labelWalk     = "walk"
	labelScrape   = "scrape"
	labelExport   = "export"
)

// attack adds everyone who means harm.
func (w *world) attack() {
	from := func(p *program, ip string, rtt time.Duration) *client {
		return w.newClient(p, netip.MustParseAddr(ip), rtt)
	}
	w.add(2*time.Minute+20*time.Second, labelStuffing, from(&checker, stufferIP, 38*time.Millisecond), (*agent).stuff)
	walker := w.shop.accounts[active-20]
	walker.orders = []int{w.shop.order - 96}
	w.shop.owners[walker.orders[0]] = walker
	w.add(10*time.Minute, labelWalk, from(&firefox, walkerIP, 24*time.Millisecond), func(a *agent) {
		a.user = walker
		a.walk()
	})
	w.add(15*time.Minute+30*time.Second, labelScrape, from(&harvester, scraperIP, 31*time.Millisecond), (*agent).scrape)
	w.add(21*time.Minute+10*time.Second, labelExport, from(&curl, exporterIP, 16*time.Millisecond), func(a *agent) { a.export(4) })
	w.add(25*time.Minute+40*time.Second, labelExport, from(&httpx, exporter2IP, 47*time.Millisecond), func(a *agent) { a.export(9) })
}

// stuff tries a list of leaked pairs, one attempt an account. Most addresses on
// it never were customers; a few customers use one password everywhere.
func (a *agent) stuff() {
	var list []credentials
	seen := map[string]bool{}
	good := a.rng.Perm(tried - 20)[:hits] // none at the very start of the list
	lucky := map[int]bool{}
	for _, n := range good {
		lucky[20+n] = true
	}
	accounts := a.w.shop.accounts[active:]
	for n := 0; len(list) < tried; {
		u := pick(a.rng, accounts)
		c := credentials{u.Email, u.password}
		if !lucky[n] {
			c.Password = fmt.Sprintf("%s%d", pick(a.rng, words), 1960+a.rng.IntN(60))
			if a.chance(0.7) {
				c.Email = fmt.Sprintf("%s%d@example.%s", pick(a.rng, words), a.rng.IntN(9000), pick(a.rng, []string{"com", "net", "org"}))
			}
		}
		if seen[c.Email] {
			continue
		}
		seen[c.Email] = true
		list = append(list, c)
		n++
	}
	const pace = 6 * time.Minute / tried
	for _, c := range list {
		start := a.now
		res, done := a.issue(want{"POST", "/v1/login", c}, a.now)
		a.sleepUntil(done)
		if s, ok := res.value.(session); ok { // see whom it got
			a.token = s.Token
			a.call(get("/v1/me"))
			a.token = ""
		}
		a.sleepUntil(start + pace - 300*time.Millisecond + between(a.rng, 0, 600*time.Millisecond))
	}
}

// walk logs in like any customer, notices that order numbers count up, and
// reads the neighbours of the own one with a script and the browser's token.
func (a *agent) walk() {
	if !a.logIn(a.user) {
		return
	}
	a.together(get("/v1/me"), get("/v1/categories"))
	a.think(8 * time.Second)
	a.call(get("/v1/orders"))
	a.think(6 * time.Second)
	own := a.user.orders[0]
	a.call(get(fmt.Sprintf("/v1/orders/%d", own)))
	a.sleep(40 * time.Second)
	c := a.w.newClient(&requests, a.client.host.ip, a.client.rtt)
	a.client.hangUp(a.now)
	a.client = c
	for id, read := own-1, 0; read < neighbors && !a.over; id-- {
		if res := a.call(get(fmt.Sprintf("/v1/orders/%d", id))); res.status == 200 {
			read++
		}
		a.sleep(between(a.rng, 1800*time.Millisecond, 3800*time.Millisecond))
	}
}

// scrape walks the lists page by page and opens every article on them.
func (a *agent) scrape() {
	for n, pages := 1, 1; n <= pages && !a.over; n++ {
		list, ok := a.call(get(fmt.Sprintf("/v1/products?page=%d", n))).value.(page)
		if !ok {
			return
		}
		pages = list.Pages
		for _, p := range list.Items {
			a.sleep(between(a.rng, 450*time.Millisecond, 900*time.Millisecond))
			a.call(get(fmt.Sprintf("/v1/products/%d", p.ID)))
		}
	}
}

// export pages through a dump that was never meant for outside.
func (a *agent) export(pages int) {
	r := rand.New(rand.NewPCG(a.w.seed, uint64(pages)))
	for n := 1; n <= pages; n++ {
		a.call(get(fmt.Sprintf("/internal/export?table=customers&page=%d", n)))
		a.sleep(between(r, 2*time.Second, 20*time.Second))
	}
}
