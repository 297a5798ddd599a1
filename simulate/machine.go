package simulate

import (
	"math/rand/v2"
	"time"
)

// machines adds service accounts, monitors, crawlers and partners until they
// make the share of calls that was drawn for this world.
func (w *World) machines(users int) {
	r := newRandom(w.seed, "machines", 0)
	share := min(.25, max(.05, w.app.kind.machines*between(r, .6, 1.4)))
	const callsOfVisit = 150 // about, of a median length with long ones among them
	perDay := float64(users) * w.app.kind.perDay * 1.38 * w.opts.Rate * callsOfVisit
	budget := perDay * share / (1 - share) // calls a day
	w.monitor(r, 0)
	budget -= 2000
	if len(w.app.guestScreens) > 0 && w.app.style.api == apiREST { // crawlers follow links, they do not post
		part := budget * between(r, .1, .35)
		w.crawler(0, part*.6)
		w.crawler(1, part*.4)
		budget -= part
	}
	if w.app.kind.name == "iot" {
		part := budget * between(r, .3, .6)
		w.fleet(users, part)
		budget -= part
	}
	n := 1 + int(logBetween(r, 1, 8))
	for i := range n {
		calls := budget / float64(n) * between(r, .5, 1.5)
		if calls < 50 {
			continue
		}
		if i%3 == 2 {
			w.partner(i, calls)
		} else {
			w.service(i, calls)
		}
	}
}

// serviceAccount makes an account for a machine, with objects of its own and a
// key that does not expire.
func (w *World) serviceAccount(name string, objects int, r *rand.Rand) (*account, *token) {
	app := w.app
	acc := &account{n: int32(len(app.accounts)), service: "svc-" + name, role: roleService, tenant: int32(r.IntN(app.tenants))}
	app.accounts = append(app.accounts, acc)
	app.byLogin[hashText(0, acc.service)] = acc.n
	for _, res := range app.resources {
		if res.access == owned && !res.single && res.parent == nil {
			for range objects {
				res.add(acc.n)
			}
		}
	}
	return acc, app.mint(acc, w.startNS, r, true)
}

// machineClient is a program in a data centre.
func (w *World) machineClient(r *rand.Rand) *client {
	return w.newClient(w.progs.pick(w.progs.machines[:len(w.progs.machines)-1], r.Float64()), r.Uint64(), w.net.rent(hosting, r), w.startNS)
}

// service polls its own objects and writes some.
func (w *World) service(i int, perDay float64) {
	a := w.newAgent("service", uint64(i))
	r := a.rng
	acc, key := w.serviceAccount(pick(r, things)+"-"+pick(r, materials), 20, r)
	c := w.machineClient(r)
	c.token = key
	var work []*resource
	for _, res := range w.app.resources {
		if res.parent == nil && !res.single && (res.access == owned || res.access == tenanted || res.access == public) && res.list != nil && !res.list.dead {
			work = append(work, res)
		}
	}
	if len(work) == 0 {
		return
	}
	r.Shuffle(len(work), func(i, j int) { work[i], work[j] = work[j], work[i] })
	work = work[:min(len(work), 1+r.IntN(3))]
	const perRound = 4
	every := max(time.Second, time.Duration(float64(dayNS)*perRound/perDay))
	a.client, a.account = c, acc
	a.play = func(a *agent) {
		for {
			res := pick(a.rng, work)
			p := a.call(request{op: res.list, query: w.app.pageQuery(0, w.app.style.pageSize)})
			items := append([]uint32(nil), p.items...)
			for range 2 {
				if len(items) > 0 && res.get != nil && !res.get.dead {
					a.sleep(20 * time.Millisecond)
					a.call(request{op: res.get, id: res.id.text(pick(a.rng, items))})
				}
			}
			if chance(a.rng, .1) && res.create != nil && !res.create.dead && res.access != public {
				a.call(request{op: res.create, fields: a.form(res, res.create)})
			}
			a.sleep(time.Duration(float64(every) * between(a.rng, .8, 1.2)))
		}
	}
	w.start(a, w.startNS+int64(r.Float64()*float64(every)))
}

// monitor asks every few minutes whether the application lives, and logs in
// with an account of its own.
func (w *World) monitor(r *rand.Rand, i int) {
	a := w.newAgent("monitor", uint64(i))
	app := w.app
	acc, _ := w.serviceAccount("monitor", 1, a.rng)
	prog := w.progs.named("uptime")
	c := w.newClient(prog, a.rng.Uint64(), w.net.rent(hosting, a.rng), w.startNS)
	a.client = c
	every := pick(r, []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute})
	synthetic := chance(r, .5)
	a.play = func(a *agent) {
		for n := 0; ; n++ {
			begin := a.now
			c.conns = c.conns[:0] // Connection: close
			a.account = nil
			a.call(request{op: app.health})
			if synthetic && n%3 == 0 {
				a.account = acc
				p := a.login(app.loginName(acc), app.passwordOf(acc))
				if p.token != nil {
					a.call(request{op: app.me, token: p.token})
				}
			}
			a.sleepUntil(begin + int64(every))
		}
	}
	w.start(a, w.startNS+int64(r.Float64()*float64(every)))
}

// crawler is a declared search engine: robots.txt, then lists and what is on
// them, in bursts.
func (w *World) crawler(i int, perDay float64) {
	a := w.newAgent("crawler", uint64(i))
	app, r := w.app, a.rng
	var work []*resource
	for _, res := range app.resources {
		if (res.access == public || res.access == authored) && res.parent == nil && res.list != nil && !res.list.dead && res.get != nil && !res.get.dead {
			work = append(work, res)
		}
	}
	if len(work) == 0 || perDay < 50 {
		return
	}
	prog := w.progs.pick(w.progs.crawlers, r.Float64())
	a.client = w.newClient(prog, r.Uint64(), w.net.rent(hosting, r), w.startNS)
	const burst = 60
	a.play = func(a *agent) {
		a.call(request{op: app.robots})
		for n := 0; n < burst; {
			res := pick(a.rng, work)
			from := 0
			if res.initial > 50 {
				from = a.rng.IntN(int(res.initial)/app.style.pageSize+1) * app.style.pageSize
			}
			p := a.call(request{op: res.list, query: app.pageQuery(from, app.style.pageSize)})
			items := append([]uint32(nil), p.items...)
			for _, it := range items[:min(len(items), 6)] {
				a.sleep(time.Duration(logNormal(a.rng, 2.5, .5) * float64(time.Second)))
				a.call(request{op: res.get, id: res.id.text(it)})
				n++
			}
			n++
			a.sleep(3 * time.Second)
		}
	}
	a.again = func(a *agent) int64 { return a.now + int64(a.rng.ExpFloat64()*dayNS*burst/perDay) }
	w.start(a, w.startNS+int64(r.Float64()*dayNS*burst/perDay))
}

// partner comes every hour, or every night, and reads what changed.
func (w *World) partner(i int, perDay float64) {
	a := w.newAgent("partner", uint64(i))
	app, r := w.app, a.rng
	acc, key := w.serviceAccount("partner-"+pick(r, things), 10, r)
	var res *resource
	for _, x := range app.resources {
		if x.parent == nil && (x.access == tenanted || x.access == public) && x.list != nil && !x.list.dead && x.initial > 100 {
			res = x
			break
		}
	}
	if res == nil {
		return
	}
	a.client, a.account = w.machineClient(r), acc
	a.client.token = key
	times := pick(r, []float64{24, 24, 4, 1})
	size := min(app.style.maxPage, 100)
	a.play = func(a *agent) {
		calls := perDay / times
		for from := 0; calls > 0; from += size {
			p := a.call(request{op: res.list, query: app.pageQuery(from, size)})
			calls--
			items := append([]uint32(nil), p.items...)
			if !p.ok || len(items) == 0 {
				return
			}
			for _, n := range items {
				if res.get == nil || res.get.dead || calls <= 0 || !chance(a.rng, .3) {
					continue
				}
				a.sleep(30 * time.Millisecond)
				a.call(request{op: res.get, id: res.id.text(n)})
				calls--
			}
		}
	}
	a.again = func(a *agent) int64 {
		period := int64(dayNS / times)
		return (a.now/period+1)*period + int64(a.rng.IntN(60e9))
	}
	period := int64(dayNS / times)
	w.start(a, (w.startNS/period+1)*period+int64(a.rng.IntN(60e9)))
}

// fleet are things in people's homes. Each has a key of its own in its owner's
// name, reports what it measures every few minutes, and asks what it shall do.
func (w *World) fleet(users int, perDay float64) {
	app := w.app
	var report, ask *operation
	for _, res := range app.resources {
		if res.parent == nil || res.parent.access != owned {
			continue
		}
		if res.create != nil && !res.create.dead && report == nil {
			report = res.create
		} else if res.list != nil && !res.list.dead {
			ask = res.list
		}
	}
	if report == nil {
		return
	}
	r := newRandom(w.seed, "fleet", 0)
	every := logBetween(r, 300, 1800)
	things := min(users, max(5, int(perDay*every/86400)))
	for i := range things {
		a := w.newAgent("thing", uint64(i))
		owner := int32(i)
		mine := report.res.parent.of(owner, nil)
		if len(mine) == 0 {
			continue
		}
		id := report.res.parent.id.text(mine[0])
		device := w.deviceOf(owner, 100)
		var key *token
		a.play = func(a *agent) {
			a.account = app.accounts[owner]
			if key == nil || key.epoch != a.account.epoch {
				key = app.mint(a.account, a.now, a.rng, true)
			}
			e := w.net.home(owner, uint64(owner), a.now)
			a.client = w.newClient(w.progs.devices[0], device, &e, a.now)
			a.client.token = key
			a.call(request{op: report, id: id, fields: a.form(report.res, report)})
			if ask != nil && ask.res.parent == report.res.parent && chance(a.rng, .2) {
				a.call(request{op: ask, id: id})
			}
		}
		a.again = func(a *agent) int64 {
			a.client = nil
			return a.now + int64(every*between(a.rng, .97, 1.03)*1e9)
		}
		w.start(a, w.startNS+int64(a.rng.Float64()*every*1e9))
	}
}
