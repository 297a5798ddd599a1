package simulate

import (
	"strings"
	"time"
)

// Scenarios about reading much.

func (c *cast) flashSale() {
	from := c.workday(19, -1)
	res := c.readable(public, authored)
	if res == nil {
		c.ordinary()
		return
	}
	c.crowd(res, from, time.Hour, min(6000, max(300, int(float64(c.app.people)*c.app.kind.perDay*50/12))), 4)
}

func (c *cast) viral() {
	if res := c.readable(public, authored); res != nil {
		c.crowd(res, c.within(.4, .6), time.Hour, 3000, 1)
	}
}

// crowd lets visitors come for a few objects, a third of them with accounts.
func (c *cast) crowd(res *resource, from int64, d time.Duration, visitors, objects int) {
	hot := make([]string, objects)
	for i := range hot {
		hot[i] = res.id.text(res.popular(c.rng))
	}
	for i := range visitors {
		c.agent(from+int64(c.rng.ExpFloat64()*float64(d)/3), func(a *agent) {
			if i%3 == 0 {
				c.person(a, int32(a.rng.IntN(c.app.people)))
				a.enter()
			} else {
				device := a.rng.Uint64()
				prog := c.w.programOf(device)
				a.client = c.w.newClient(prog, device, c.w.egressOf(-1, device, prog, a.now, a.rng), a.now)
			}
			for range 1 + a.rng.IntN(4) {
				id := pick(a.rng, hot)
				a.issue(request{op: res.get, id: id})
				for _, child := range res.children {
					if child.list != nil && !child.list.dead {
						a.sleep(3 * time.Millisecond)
						a.issue(request{op: child.list, id: id})
					}
				}
				a.think(4 * time.Second)
			}
			if chance(a.rng, .3) {
				a.visits(time.Duration(logNormal(a.rng, 2, .8) * 60e9))
			}
		})
	}
}

// readAll reads a collection page by page and the share of its objects that
// was asked for, as a program does.
func (a *agent) readAll(res *resource, share float64, pause time.Duration, limit int) {
	app := a.w.app
	size := min(app.style.maxPage, 200)
	for from, n := 0, 0; n < limit; from += size {
		p := a.call(request{op: res.list, query: app.pageQuery(from, size)})
		n++
		items := append([]uint32(nil), p.items...)
		if p.status >= 500 {
			from -= size
			a.sleep(5 * time.Second)
			continue
		}
		if len(items) == 0 {
			return
		}
		for _, it := range items {
			if n < limit && chance(a.rng, share) {
				a.sleep(pause)
				a.call(request{op: res.get, id: res.id.text(it)})
				n++
			}
		}
		if len(items) < size && app.style.paging < 3 {
			return
		}
		a.sleep(pause)
	}
}

func (c *cast) nightlyExport() {
	acc, key := c.w.serviceAccount("warehouse", 10, c.rng)
	res := c.readable(tenanted, public)
	if res == nil {
		res = c.readable(owned)
	}
	switch res.access { // the partner's own two million
	case tenanted:
		acc.tenant = int32(c.app.tenants)
		c.app.tenants++
		for range 2_000_000 {
			res.add(acc.tenant)
		}
	case owned:
		for range 2_000_000 {
			res.add(acc.n)
		}
	}
	night := c.w.clock.zoneNS
	first := (c.w.startNS+night)/dayNS*dayNS - night + 2*3600e9
	for at := first; at < c.w.endNS; at += dayNS {
		if at < c.w.startNS {
			continue
		}
		c.agent(at+int64(c.rng.IntN(120e9)), func(a *agent) {
			a.client, a.account = c.w.machineClient(newRandom(c.w.seed, "warehouse", 0)), acc
			a.client.token = key
			a.readAll(res, .01, 40*time.Millisecond, 60_000)
		})
	}
}

func (c *cast) firstSync() {
	acc, key := c.w.serviceAccount("newcomer", 10, c.rng)
	res := c.readable(public, authored, tenanted, owned)
	c.agent(c.within(.3, .5), func(a *agent) {
		a.client, a.account = c.w.machineClient(a.rng), acc
		a.client.token = key
		a.readAll(res, 1, 60*time.Millisecond, 30_000)
	})
}

func (c *cast) support() {
	res := c.readable(owned, tenanted)
	acc := c.app.newAccount()
	acc.role, acc.tenant = roleSupport, 0
	from := c.workday(8.5, -1)
	// Until the run began the same hand has done the same for weeks; the run
	// shows every working day in it.
	for day := int64(0); day < 40; day++ {
		at := from + day*dayNS
		if _, workday := c.w.clock.hour(at); at >= c.w.endNS || !workday {
			continue
		}
		c.agent(at, func(a *agent) {
			a.account = acc
			a.client = c.w.newClient(c.w.progs.named("chrome-windows"), 7, c.w.net.offices[0], a.now)
			if !a.signIn(acc) {
				return
			}
			for range 400 {
				a.call(request{op: res.get, id: res.id.text(uint32(a.rng.IntN(int(res.initial))))})
				for _, child := range res.children {
					if child.list != nil && !child.list.dead && chance(a.rng, .3) {
						a.call(request{op: child.list, id: res.id.text(a.last.n)})
					}
				}
				a.think(55 * time.Second)
			}
		})
	}
}

func (c *cast) qualityScript() {
	res := c.readable(owned, tenanted)
	acc := c.app.newAccount()
	acc.role = roleAdmin
	c.agent(c.workday(10, -1), func(a *agent) {
		a.account = acc
		a.client = c.w.newClient(c.w.progs.named("python-requests"), 9, c.w.net.offices[0], a.now)
		if !a.signIn(acc) {
			a.enter()
		}
		a.client.token.expires = c.w.endNS
		a.call(request{op: c.app.me}) // which tells the role
		for n := range min(3000, res.initial) {
			a.call(request{op: res.get, id: res.id.text(n)})
			a.sleep(time.Duration(between(a.rng, .3, .6) * 1e9))
		}
	})
}

func (c *cast) crawlers() {
	res := c.readable(public, authored)
	if res == nil {
		c.ordinary()
		return
	}
	for i, name := range []string{"googlebot", "bingbot", "gptbot"} {
		p := pick(c.rng, c.w.net.byClass[hosting])
		first := p.take()
		for j := range 3 { // neighbours in one range
			c.agent(c.within(.05, .2), func(a *agent) {
				out := &egress{addr: p.offset(p.spread.at(first) + uint64(j)), ports: a.rng.Uint32(), class: hosting, from: p}
				a.client = c.w.newClient(c.w.progs.named(name), uint64(i), out, a.now)
				a.call(request{op: c.app.robots})
				for range 4 {
					from := a.rng.IntN(int(res.initial))
					for page := range 40 {
						q := c.app.pageQuery((from/c.app.style.pageSize+page)*c.app.style.pageSize, c.app.style.pageSize)
						p := a.call(request{op: res.list, query: q})
						for _, it := range append([]uint32(nil), p.items...) {
							a.sleep(time.Duration(logNormal(a.rng, 1.5, .6) * 1e9))
							a.call(request{op: res.get, id: res.id.text(it)})
						}
					}
					a.sleep(time.Hour)
				}
			})
		}
	}
}

func (c *cast) binge() {
	res := c.readable(public, authored, owned)
	for _, n := range c.some(3) {
		c.comes(n, c.workday(20, -1)+int64(c.rng.IntN(3600e9)), func(a *agent) {
			a.enter()
			size := c.app.style.pageSize
			for n, from := 0, 0; n < 600; from += size {
				p := a.call(request{op: res.list, query: c.app.pageQuery(from, size)})
				items := append([]uint32(nil), p.items...)
				if len(items) == 0 {
					from = -size
					if n == 0 {
						return
					}
					continue
				}
				for _, it := range items {
					a.call(request{op: res.get, id: res.id.text(it)})
					a.sleep(time.Duration(logNormal(a.rng, 8, .7) * 1e9))
					n++
				}
			}
		})
	}
}

func (c *cast) researcher() {
	res := c.readable(public, authored, owned)
	acc := c.app.newAccount()
	c.agent(c.w.startNS+3600e9, func(a *agent) {
		a.account = acc
		a.client = c.w.newClient(c.w.progs.named("python-requests"), 3, c.w.net.rent(residential, a.rng), a.now)
		a.client.token = c.app.mint(acc, a.now, a.rng, true)
		for {
			a.readAll(res, 1, 15*time.Second, 5000)
			a.sleep(time.Hour)
		}
	})
}

// slugs turns the biggest public collection into 40,000 articles with names.
func (c *cast) slugs() {
	res := c.readable(public, authored)
	if res == nil {
		c.ordinary()
		return
	}
	res.initial = 40_000
	res.order = permute(40_000, res.seed)
	res.id = newNaming(idSlug, c.app.seed, res.concept, 40_000, uint64(c.w.startNS/1e6))
	for range 2500 {
		at := c.w.clock.next(c.rng, c.w.startNS, c.w.endNS, 2)
		if at == 0 {
			continue
		}
		c.agent(at, func(a *agent) {
			device := a.rng.Uint64()
			prog := c.w.programOf(device)
			a.client = c.w.newClient(prog, device, c.w.egressOf(-1, device, prog, a.now, a.rng), a.now)
			for range 2 + poisson(a.rng, 6) {
				id := res.id.text(uint32(res.order.at(uint64(popular(a.rng, 40_000, .6)))))
				if chance(a.rng, .03) { // renamed long ago
					old := strings.Split(id, "-")
					old[1] = pick(a.rng, givenNames)
					id = strings.Join(old, "-")
				}
				a.call(request{op: res.get, id: id})
				a.think(20 * time.Second)
			}
		})
	}
}
