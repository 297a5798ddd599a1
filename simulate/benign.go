package simulate

import (
	"net/netip"
	"time"
)

// benignPlots are harmless things that look like attacks. Each is a Part that
// is no attack; what an alert says about it is false.
func benignPlots() []plot {
	public := []string{"shop", "travel", "social", "partner", "gov", "game"}
	return []plot{
		{Scenario: Scenario{ID: "B01", Name: "office on Monday morning", Says: "up to 2,000 people log in from one office address between 08:40 and 09:20, every fourth wrong at first"}, run: (*cast).monday},
		{Scenario: Scenario{ID: "B02", Name: "password expiry day", Says: "passwords expired over night; six of ten first attempts fail"}, run: (*cast).expiryDay},
		{Scenario: Scenario{ID: "B03", Name: "identity provider away", Says: "logins answer 503 for 20 minutes, and everyone tries again"}, run: (*cast).outage},
		{Scenario: Scenario{ID: "B04", Name: "carrier NAT", Says: "up to 5,000 people with one model of phone share one address"}, run: (*cast).carrierNAT},
		{Scenario: Scenario{ID: "B05", Name: "CDN nobody told of", Says: "all callers come through six public addresses of a CDN that is not configured as a proxy"}, run: (*cast).cdn},
		{Scenario: Scenario{ID: "B06", Name: "flash sale", Says: "fifty times the usual visitors for an hour, all for a few objects", Apps: []string{"shop", "travel", "game", "ride", "social"}}, run: (*cast).flashSale},
		{Scenario: Scenario{ID: "B07", Name: "nightly export", Says: "a partner reads everything that it owns, list by list, every night", Apps: []string{"partner", "saas"}}, run: (*cast).nightlyExport, length: days(3)},
		{Scenario: Scenario{ID: "B08", Name: "first full sync", Says: "a partner never seen before reads a whole public collection, objects from lists", Apps: public}, run: (*cast).firstSync},
		{Scenario: Scenario{ID: "B09", Name: "support agent", Says: "an employee opens 400 customers' objects in a working day"}, run: (*cast).support, length: days(3)},
		{Scenario: Scenario{ID: "B10", Name: "data-quality script", Says: "an administrator's script reads objects by number, one after the other"}, run: (*cast).qualityScript},
		{Scenario: Scenario{ID: "B11", Name: "release", Says: "a new version of the app brings 12 new endpoints and 30 new fields, phone by phone"}, run: (*cast).release},
		{Scenario: Scenario{ID: "B12", Name: "broken build", Says: "one version of the app asks for 3 paths that are not there, 8 % of its calls"}, run: (*cast).brokenBuild},
		{Scenario: Scenario{ID: "B13", Name: "declared crawlers", Says: "search engines and an AI crawler that say who they are read the public part", Apps: public}, run: (*cast).crawlers, suits: func(a *application) bool { return a.style.api == apiREST }},
		{Scenario: Scenario{ID: "B14", Name: "monitor with a wrong password", Says: "an uptime monitor tries the same wrong password every five minutes"}, run: (*cast).wrongMonitor, length: days(7)},
		{Scenario: Scenario{ID: "B15", Name: "expired key", Says: "a service tries once a second with a key that has expired"}, run: (*cast).expiredKey, length: days(4)},
		{Scenario: Scenario{ID: "B16", Name: "load test", Says: "the own team plays the same visits from five machines, undeclared"}, run: (*cast).loadTest},
		{Scenario: Scenario{ID: "B17", Name: "train journey", Says: "people change between Wi-Fi, carrier and VPN six times an hour, in the middle of sessions"}, run: (*cast).train},
		{Scenario: Scenario{ID: "B18", Name: "family account", Says: "four devices at three places use one account, often at once"}, run: (*cast).family, length: days(3)},
		{Scenario: Scenario{ID: "B19", Name: "many accounts of one", Says: "one person logs in to 200 accounts of their own, one after the other, after a password manager's import"}, run: (*cast).manyAccounts},
		{Scenario: Scenario{ID: "B20", Name: "binge", Says: "somebody opens 600 objects in two hours of endless scrolling", Apps: public}, run: (*cast).binge},
		{Scenario: Scenario{ID: "B21", Name: "researcher", Says: "an account with a quota reads public objects at an even pace", Apps: public}, run: (*cast).researcher},
		{Scenario: Scenario{ID: "B22", Name: "token migration", Says: "all sessions end at once, and every program gets a new one"}, run: (*cast).migration},
		{Scenario: Scenario{ID: "B23", Name: "mailing", Says: "a newsletter brings unsubscriptions and forgotten passwords by the thousand within an hour"}, run: (*cast).mailing},
		{Scenario: Scenario{ID: "B24", Name: "school class", Says: "thirty pupils register from one address with similar mail addresses"}, run: (*cast).schoolClass},
		{Scenario: Scenario{ID: "B25", Name: "clocks change", Says: "the day shifts by an hour"}, run: (*cast).clockChange},
		{Scenario: Scenario{ID: "B26", Name: "sensor repeats and reorders", Says: "nothing unusual happens; whoever feeds the sensor applies Disorder"}, run: (*cast).ordinary},
		{Scenario: Scenario{ID: "B27", Name: "editors", Says: "people write about SQL and HTML, with examples"}, run: (*cast).editors},
		{Scenario: Scenario{ID: "B28", Name: "tests in production", Says: "every five minutes a test logs in, creates, reads, changes, deletes, and checks that what must fail fails"}, run: (*cast).smokeTests},
		{Scenario: Scenario{ID: "B29", Name: "forty thousand slugs", Says: "visitors follow links to 40,000 articles; 3 % are dead", Apps: []string{"shop", "gov", "travel"}}, run: (*cast).slugs},
		{Scenario: Scenario{ID: "B30", Name: "viral", Says: "thousands open one public object within an hour", Apps: public}, run: (*cast).viral},
	}
}

// days is how long a world has to be for a scenario to show.
func days(n int) func(string) time.Duration {
	return func(string) time.Duration { return time.Duration(n) * 24 * time.Hour }
}

// Means that the scenarios share.

// some draws n different people.
func (c *cast) some(n int) []int32 {
	p := permute(uint64(c.app.people), c.rng.Uint64())
	n = min(n, c.app.people)
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(p.at(uint64(i)))
	}
	return all
}

// comes lets a person come with the everyday device.
func (c *cast) comes(n int32, at int64, play func(*agent)) {
	c.agent(at, func(a *agent) {
		c.person(a, n)
		play(a)
	})
}

// enter gives a session to somebody who has been logged in before.
func (a *agent) enter() { a.client.token = a.w.app.mint(a.account, a.now-1, a.rng, false) }

// visits is an ordinary session of a length.
func (a *agent) visits(d time.Duration) {
	screens := a.w.app.screens
	if a.account == nil {
		screens = a.w.app.guestScreens
	}
	a.roam(screens, a.now+int64(d), nil)
}

// workday returns the next time that the clock of most people shows an hour on
// a working day in the run; the middle of the run if there is none.
func (c *cast) workday(hour float64, weekday int) int64 {
	w := c.w
	for day := (w.startNS+w.clock.zoneNS)/dayNS - 1; ; day++ {
		at := day*dayNS + int64(hour*3600e9) - w.clock.zoneNS
		if at >= w.endNS-1800e9 {
			return (w.startNS + w.endNS) / 2
		}
		if wd := int((day + 3) % 7); at >= w.startNS && wd < 5 && (weekday < 0 || wd == weekday) {
			return at
		}
	}
}

// readable returns a resource whose objects can be listed and read: the biggest
// of the first access that has one, of the kind's own if there are any.
func (c *cast) readable(which ...access) *resource {
	for _, kind := range which {
		var best *resource
		for _, res := range c.app.resources {
			if res.access == kind && res.parent == nil && !res.single && res.list != nil && res.get != nil && !res.list.dead && !res.get.dead &&
				(best == nil || res.main && !best.main || res.main == best.main && res.initial > best.initial) {
				best = res
			}
		}
		if best != nil {
			return best
		}
	}
	return nil
}

// writable returns a resource of the own ones that can be created.
func (c *cast) writable() *resource {
	for _, res := range c.app.resources {
		if (res.access == owned || res.access == tenanted || res.access == authored) && res.parent == nil && !res.single && res.create != nil && !res.create.dead {
			return res
		}
	}
	return nil
}

// Scenarios about logging in.

func (c *cast) monday() {
	out := c.w.net.rent(office, c.rng)
	nine := c.workday(9, 0)
	for _, n := range c.some(2000) {
		at := nine + int64(c.rng.NormFloat64()*500e9)
		c.comes(n, at, func(a *agent) {
			a.client.move(out)
			a.client.trust = n + 1
			if a.signInFailing(a.account, .25) {
				a.visits(time.Duration(logNormal(a.rng, 4, .6) * 60e9))
			}
		})
	}
}

func (c *cast) expiryDay() {
	for _, n := range c.some(3000) {
		at := c.w.clock.next(c.rng, c.w.startNS, c.w.endNS, 1.5)
		if at == 0 {
			continue
		}
		c.comes(n, at, func(a *agent) {
			if a.signInFailing(a.account, .6) {
				a.call(c.app.passwordRequest(a.account))
				a.visits(3 * time.Minute)
			}
		})
	}
}

func (c *cast) outage() {
	from := c.workday(14, -1)
	to := from + 20*60e9
	c.w.faults = append(c.w.faults, fault{from: from, to: to, login: true, status: 503, share: 1})
	for _, n := range c.some(c.app.people / 5) {
		c.comes(n, from+int64(c.rng.Float64()*float64(to-from)), func(a *agent) {
			pause := 2.0
			for range 60 {
				p := a.login(c.app.loginName(a.account), c.app.passwordOf(a.account))
				if p.token != nil {
					a.client.token = p.token
					a.visits(3 * time.Minute)
					return
				}
				a.sleep(time.Duration(between(a.rng, .5, 1.5) * pause * 1e9))
				pause = min(pause*1.6, 60)
			}
		})
	}
}

func (c *cast) carrierNAT() {
	p := pick(c.rng, c.w.net.byClass[mobile])
	out := pick(c.rng, p.shared)
	phone := pick(c.rng, []string{"safari-ios", "chrome-android", "app-android"})
	for _, n := range c.some(5000) {
		at := c.w.clock.next(c.rng, c.w.startNS, c.w.endNS, 3)
		if at == 0 {
			continue
		}
		c.comes(n, at, func(a *agent) {
			a.client = c.w.newClient(c.w.progs.named(phone), 0xc0ffee+uint64(n)<<32, out, a.now)
			a.client.trust = n + 1
			if chance(a.rng, .3) {
				if !a.signIn(a.account) {
					return
				}
			} else {
				a.enter()
			}
			a.visits(time.Duration(logNormal(a.rng, 3, .8) * 60e9))
		})
	}
}

func (c *cast) cdn() {
	c.w.untrusted = true
	p := pick(c.rng, c.w.net.byClass[hosting])
	first := p.take()
	c.w.addProxies(6, func(i int) netip.Addr { return p.offset(p.spread.at(first) + uint64(i)) })
	c.ordinary()
}

// ordinary people do ordinary things.
func (c *cast) ordinary() {
	for _, n := range c.some(150) {
		if at := c.w.clock.next(c.rng, c.w.startNS, c.w.endNS, 2); at > 0 {
			c.comes(n, at, func(a *agent) {
				if a.signIn(a.account) {
					a.visits(5 * time.Minute)
				}
			})
		}
	}
}

func (c *cast) wrongMonitor() {
	acc, _ := c.w.serviceAccount("status-check", 1, c.rng)
	c.agent(c.w.startNS+int64(c.rng.IntN(300e9)), func(a *agent) {
		a.client, a.account = c.w.machineClient(a.rng), acc
		a.client.prog = c.w.progs.named("uptime")
		for {
			begin := a.now
			a.client.conns = a.client.conns[:0]
			a.call(request{op: c.app.health})
			a.login(acc.service, "changed-last-spring")
			acc.fails, acc.lockedUntil = 0, 0 // its makers know that it must not be locked
			a.sleepUntil(begin + 300e9)
		}
	})
}

func (c *cast) expiredKey() {
	acc, key := c.w.serviceAccount("importer", 5, c.rng)
	res := c.readable(owned, tenanted, public)
	from := c.within(.1, .3)
	key.expires = from
	c.agent(from, func(a *agent) {
		a.client, a.account = c.w.machineClient(a.rng), acc
		a.client.token = key
		for a.now < from+3*dayNS {
			if res.access == public && res.list.anyone {
				a.call(request{op: c.app.me})
			} else {
				a.call(request{op: res.list})
			}
			a.sleep(time.Second)
		}
	})
}

func (c *cast) manyAccounts() {
	c.agent(c.within(.3, .5), func(a *agent) {
		a.client = c.client(c.w.progs.named("chrome-windows"), residential)
		var mine []*account
		for range 200 { // made by the same hand over the years
			acc := c.app.newAccount()
			acc.tenant = int32(a.rng.IntN(c.app.tenants))
			mine = append(mine, acc)
		}
		for _, acc := range mine {
			a.account = acc
			a.client.token = nil
			if a.signInFailing(acc, .1) {
				a.call(request{op: c.app.me})
				a.think(4 * time.Second)
				a.call(request{op: c.app.logout})
			}
			a.think(6 * time.Second)
		}
	})
}

func (c *cast) migration() {
	at := c.within(.4, .5)
	c.agent(at, func(a *agent) {
		for _, acc := range c.app.accounts[:c.app.people] {
			acc.epoch++
		}
	})
	for _, n := range c.some(1500) {
		c.comes(n, at-int64(c.rng.Float64()*300e9), func(a *agent) {
			a.enter()
			a.visits(time.Duration(between(a.rng, 5, 15) * 60e9))
		})
	}
}

func (c *cast) mailing() {
	from := c.workday(10, -1)
	for i, n := range c.some(20_000) {
		at := from + int64(c.rng.ExpFloat64()*1200e9)
		c.comes(n, at, func(a *agent) {
			a.call(request{op: c.app.unsubscribe, query: []pair{{"u", randomText(a.rng, 24), false}}, anonymous: true})
			a.think(5 * time.Second)
			switch {
			case i%5 == 0:
				a.resetPassword(a.account)
			case i%5 == 1 && a.signInFailing(a.account, .4):
				a.visits(time.Minute)
			}
		})
	}
}

func (c *cast) schoolClass() {
	out := c.w.net.rent(office, c.rng)
	from := c.workday(10.5, -1)
	school := pick(c.rng, cities)
	for i := range 30 {
		c.agent(from+int64(c.rng.Float64()*1200e9), func(a *agent) {
			a.client = c.w.newClient(c.w.progs.named(pick(a.rng, []string{"chrome-windows", "safari-ios", "edge"})), a.rng.Uint64(), out, a.now)
			name := pick(a.rng, givenNames) + "." + string(rune('a'+i%26)) + "." + "klasse7b" + itoa(i)
			if a.register(name+"@"+school+"-school.example") != nil {
				a.visits(5 * time.Minute)
			}
		})
	}
}

func (c *cast) clockChange() {
	c.agent(c.within(.4, .5), func(*agent) { c.w.clock.zoneNS += 3600e9 })
	c.ordinary()
}
