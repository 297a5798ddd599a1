package simulate

import (
	"strconv"
	"time"
)

// Scenarios about programs and people that behave unusually, and mean well.

func itoa(n int) string { return strconv.Itoa(n) }

// release adds operations and fields that phones begin to use as they update.
func (c *cast) release() {
	at := c.within(.3, .4)
	var fresh []*operation
	for i := range 12 {
		op := &operation{kind: opConfig, method: "GET", anyone: i%3 > 0, parts: []string{c.app.style.prefix + "/" + things[(int(c.app.seed%80)+i*7)%len(things)] + "s/" + adjectives[i*5]}}
		fresh = append(fresh, c.app.addOp(op))
	}
	c.app.buildRoutes()
	c.agent(at, func(a *agent) {
		for i := range 30 { // the server knows the new fields at once
			res := c.app.resources[i%len(c.app.resources)]
			name := c.app.style.casing.join(adjectives[(i*3)%len(adjectives)], materials[(i*5)%len(materials)])
			f := field{name: name, lead: `,"` + name + `":`, kind: []fieldKind{fieldWord, fieldInt, fieldBool}[i%3], salt: uint64(i) + 1e6}
			res.fields = append(res.fields[:len(res.fields):len(res.fields)], f)
		}
	})
	for _, n := range c.some(1500) {
		updated := at + int64(c.rng.ExpFloat64()*float64(c.w.endNS-at)/3)
		if updated >= c.w.endNS {
			continue
		}
		c.comes(n, updated, func(a *agent) {
			a.client = c.w.newClient(pick(a.rng, c.w.progs.apps), a.client.device, a.client.out, a.now)
			a.client.version, a.client.trust = "8.0.0", n+1
			a.enter()
			over := a.now + int64(logNormal(a.rng, 6, 1)*60e9)
			a.roam(c.app.screens, over, func() {
				if chance(a.rng, .3) {
					a.beside(request{op: pick(a.rng, fresh)})
				}
			})
		})
	}
}

// brokenBuild lets one version of the app ask for what is not there.
func (c *cast) brokenBuild() {
	p := c.app.style.prefix
	paths := []string{p + "/undefined/summary", p + "/flags/v3", p + "/media/null/thumbs"}
	from := c.within(.2, .3)
	for _, n := range c.some(c.app.people * 3 / 10) {
		at := c.w.clock.next(c.rng, from, c.w.endNS, 3)
		if at == 0 {
			continue
		}
		c.comes(n, at, func(a *agent) {
			a.client = c.w.newClient(c.w.progs.named("app-android"), a.client.device, a.client.out, a.now)
			a.client.version = "7.41.1"
			a.enter()
			over := a.now + int64(logNormal(a.rng, 5, .8)*60e9)
			a.roam(c.app.screens, over, func() {
				if chance(a.rng, .2) { // of screens, which make about two and a half calls each
					a.beside(request{method: "GET", path: pick(a.rng, paths)})
				}
			})
		})
	}
}

func (c *cast) loadTest() {
	from := c.within(.3, .6)
	accounts := make([]*account, 20)
	for i := range accounts {
		accounts[i] = c.app.newAccount()
	}
	for range 5 {
		c.agent(from, func(a *agent) {
			c1 := c.w.machineClient(a.rng)
			c1.prog = c.w.progs.named("go-http-client")
			c1.ua = "k6/0.57.0 (https://k6.io/)"
			a.client = c1
			for a.now < from+600e9 {
				a.account = accounts[a.rng.IntN(len(accounts))]
				p := a.login(c.app.loginName(a.account), c.app.passwordOf(a.account))
				if p.token != nil {
					a.client.token = p.token
				} else {
					a.enter()
				}
				for range 8 {
					if s := &c.app.screens[c.app.pickScreen(a.rng.Float64(), c.app.screens)]; s.res != nil && s.res.list != nil && !s.res.list.dead && !s.res.single {
						a.call(request{op: s.res.list})
					} else {
						a.call(request{op: c.app.me})
					}
				}
				a.client.token = nil
				a.sleep(50 * time.Millisecond)
			}
		})
	}
}

func (c *cast) train() {
	for _, n := range c.some(20) {
		c.comes(n, c.workday(7.5, -1)+int64(c.rng.IntN(3600e9)), func(a *agent) {
			a.client.prog = c.w.progs.named("app-ios")
			a.enter()
			places := []netClass{mobile, residential, mobile, vpn, mobile}
			over := a.now + int64(between(a.rng, 2, 3)*3600e9)
			for i := 0; a.now < over; i++ {
				a.client.move(c.w.net.rent(places[i%len(places)], a.rng))
				a.roam(c.app.screens, min(over, a.now+int64(logNormal(a.rng, 9, .3)*60e9)), nil)
			}
		})
	}
}

func (c *cast) family() {
	for _, n := range c.some(5) {
		home := c.w.net.rent(residential, c.rng)
		grandma := c.w.net.rent(residential, c.rng)
		for i := range 4 {
			device := c.w.deviceOf(n, 10+i)
			c.agent(c.w.startNS+int64(c.rng.IntN(3600e9)), func(a *agent) {
				a.account = c.app.accounts[n]
				var kept *token
				for {
					at := c.w.clock.next(a.rng, a.now, c.w.endNS, 4)
					if at == 0 {
						return
					}
					a.sleepUntil(at)
					out := home
					if i == 3 {
						out = grandma
					} else if chance(a.rng, .3) {
						out = c.w.net.cell(n, device, a.rng)
					}
					a.client = c.w.newClient(c.w.programOf(device), device, out, a.now)
					a.client.trust, a.client.token = n+1, kept
					if kept == nil && !a.signIn(a.account) {
						continue
					}
					a.visits(time.Duration(logNormal(a.rng, 8, .8) * 60e9))
					kept = a.client.token
				}
			})
		}
	}
}

var snippets = []string{
	"How do I join? SELECT u.name FROM users u JOIN orders o ON o.user_id = u.id WHERE o.total > 100;",
	"Use <script src=\"app.js\" defer></script> at the end of <body>, not alert(1).",
	"The filter was ' OR 1=1 -- and we fixed it with bound parameters.",
	"<b>New:</b> <a href=\"/help\" onclick=\"track('help')\">read the manual</a>",
	"DROP TABLE tmp_import; -- clean up after the migration",
	"Template: Hello {{ user.name }}, your total is ${amount}.",
	"cat ../../etc/motd shows the banner, UNION ALL SELECT explains itself",
}

func (c *cast) editors() {
	res := c.writable()
	if res == nil {
		c.ordinary()
		return
	}
	for _, n := range c.some(25) {
		at := c.w.clock.next(c.rng, c.w.startNS, c.w.endNS, 2)
		if at == 0 {
			continue
		}
		c.comes(n, at, func(a *agent) {
			a.enter()
			for range 3 + a.rng.IntN(10) {
				fields := a.form(res, res.create)
				for i := range fields {
					if f := fields[i].value; len(f) > 10 && f[0] == '"' {
						fields[i] = pair{fields[i].name, pick(a.rng, snippets), false}
					}
				}
				a.call(request{op: res.create, fields: fields})
				a.think(90 * time.Second)
				a.visits(time.Minute)
			}
		})
	}
}

func (c *cast) smokeTests() {
	res := c.writable()
	acc, _ := c.w.serviceAccount("smoke-test", 3, c.rng)
	acc.role = roleUser
	c.agent(c.w.startNS+int64(c.rng.IntN(300e9)), func(a *agent) {
		a.client, a.account = c.w.machineClient(a.rng), acc
		for {
			begin := a.now
			a.client.token = nil
			a.call(request{op: c.app.health})
			a.login(acc.service, "wrong on purpose")
			a.call(request{op: c.app.me, anonymous: true})
			p := a.login(acc.service, c.app.passwordOf(acc))
			if p.token != nil {
				a.client.token = p.token
			} else {
				a.enter()
			}
			a.call(request{op: c.app.me})
			if res != nil {
				p = a.call(request{op: res.create, fields: a.form(res, res.create)})
				if p.ok && len(p.items) > 0 {
					id := res.id.text(p.items[0])
					for _, op := range []*operation{res.get, res.update, res.remove, res.get} {
						if op != nil && !op.dead {
							q := request{op: op, id: id}
							if op == res.update {
								q.fields = a.form(res, op)
							}
							a.call(q)
						}
					}
				}
			}
			a.call(request{method: "GET", path: c.app.style.prefix + "/does-not-exist"})
			a.sleepUntil(begin + 300e9)
		}
	})
}
