package simulate

var takingAttacks = []attack{
	{id: "A24", name: "scraping with one account", levels: "L1 L2 L3", twin: true, habit: true, detectors: "scraping object_enumeration resource_abuse", entities: byActor + " cluster", unit: unitItems, apps: catalogues, suits: withCatalogue, days: [5]float64{2: 1, 3: 3},
		says: "One account takes the catalogue, item by item.",
		run: func(x *raid) {
			x.crawlOrIndex(crawl{gap: by(x, .1, 2.4, 25, 0), count: by(x, 4000, 3000, 6000, 0), sources: 1, where: placeHome, dress: by(x, dressTool, dressTool, dressCommon, dressCommon), signed: true, human: x.level == 3})
		}},
	{id: "A25", name: "scraping by a swarm", levels: "L1 L2 L4", twin: true, detectors: "scraping object_enumeration", entities: bySwarm, unit: unitItems, apps: catalogues, suits: withCatalogue,
		says: "Thousands of addresses take three items each, none twice.",
		run: func(x *raid) {
			x.partition(crawl{gap: by(x, .1, 3, 0, 4), count: 15_000, sources: 5000, quota: 3, where: placeHome, dress: by(x, dressTool, dressTool, dressTool, dressPeople)})
		}},
	{id: "A26", name: "scraping by pages", levels: "L1 L2 L3", twin: true, habit: true, detectors: "scraping object_enumeration", entities: byActor + " cluster", unit: unitItems, apps: catalogues, suits: withCatalogue, days: [5]float64{3: 2},
		says: "The pages of a list are turned to the last.",
		run: func(x *raid) {
			x.crawlOrIndex(crawl{gap: by(x, .2, 3, 60, 0), count: 1 << 20, sources: 1, where: placeHosting, dress: dressTool, lists: true})
		}},
	{id: "A27", name: "crawler that changes its name", levels: "L1 L2 L3", twin: true, habit: true, detectors: "scraping evasion", entities: byActor + " cluster", unit: unitItems, apps: catalogues, suits: withCatalogue, days: [5]float64{3: 2},
		says: "A crawler takes everything from a few servers, under ever new names of its program, whatever robots.txt says.",
		run: func(x *raid) {
			x.crawlOrIndex(crawl{gap: by(x, .2, 2.4, 30, 0), count: by(x, 4000, 4000, 3000, 0), sources: by(x, 4, 8, 20, 0), quota: 50, where: placeHosting, dress: dressRotate})
		}},
	{id: "A28", name: "scraping of hot items only", levels: "L2 L4", detectors: "scraping", entities: byActor + " cluster endpoint", unit: unitItems, apps: catalogues, suits: withCatalogue, days: [5]float64{4: 2},
		says: "The prices of the two items in a hundred that everyone wants are taken again and again.",
		run: func(x *raid) {
			for x.now() < x.end {
				x.crawl(crawl{gap: by(x, 0., 3, 0, 20), count: 1 << 20, sources: by(x, 0, 3, 0, 100), quota: 10, where: placeHome, dress: by(x, dressTool, dressTool, dressTool, dressPeople), hot: .02})
				if !x.pause(1800) {
					return
				}
			}
		}},
}

var probingAttacks = []attack{
	{id: "A29", name: "path fuzzing", levels: "L1 L2 L3", twin: true, detectors: "probing", entities: byProber, unit: unitEndpoints, days: [5]float64{3: 2},
		says: "A word list of fifty thousand paths is tried.",
		run: func(x *raid) {
			x.fuzz(fuzzing{gap: by(x, .02, 12, 600, 0), count: by(x, 20_000, 3000, 250, 0), sources: 1, where: placeHosting, dress: dressTool})
		}},
	{id: "A30", name: "slow fuzzing by a swarm", levels: "L3 L4", twin: true, detectors: "probing", entities: byProber, unit: unitEndpoints, days: [5]float64{3: 3, 4: 3},
		says: "Three hundred addresses try the words of a list, one every twenty minutes in all.",
		run: func(x *raid) {
			x.fuzz(fuzzing{gap: by(x, 0., 0, 1200, 600), count: 600, sources: 300, where: by(x, placeHosting, placeHosting, placeHosting, placeHome), dress: by(x, dressTool, dressTool, dressTool, dressPeople), from: 20, shuffle: true})
		}},
	{id: "A31", name: "probing of versions and methods", levels: "L1 L2 L3", detectors: "probing shadow_endpoint zombie_endpoint bfla", entities: byProber, unit: unitEndpoints, days: [5]float64{3: 2},
		says: "What is known is asked for under other versions, methods and endings, and internal places are guessed.",
		run: func(x *raid) {
			x.versions(by(x, .5, 12, 600, 0), by(x, 300, 200, 150, 0), 1, placeHosting, dressTool)
		}},
	{id: "A32", name: "reading the description first", levels: "L1 L2", detectors: "probing misconfiguration shadow_endpoint bola object_enumeration", entities: byProber, unit: unitEndpoints,
		says: "The API's description is looked for, or asked of GraphQL, and what it names is tried.",
		run:  func(x *raid) { x.describe(by(x, .5, 12, 0, 0), by(x, 250, 150, 0, 0), placeHosting, dressTool) }},
	{id: "A33", name: "probing where all answers are 200", levels: "L1 L2 L3", detectors: "probing", entities: byProber, unit: unitEndpoints, days: [5]float64{3: 2}, suits: withSoft404,
		says: "A word list is tried at a host that answers unknown paths with a page.",
		run: func(x *raid) {
			x.fuzz(fuzzing{gap: by(x, .1, 12, 600, 0), count: by(x, 4000, 2000, 220, 0), sources: 1, where: placeHosting, dress: dressTool})
		}},
	{id: "A34", name: "filling the inventory", levels: "L1 L2", detectors: "probing evasion", entities: byProber, unit: "", suits: withSoft404,
		says: "Thousands of made-up paths of a plausible shape are asked of a host that answers everything with 200.",
		run: func(x *raid) {
			x.catchAll(by(x, .1, 12, 0, 0), by(x, 6000, 3000, 0, 0), by(x, 1, 30, 0, 0), placeHosting, dressTool)
		}},
	{id: "A52", name: "flood of callers, and an attack inside", levels: "L1 L4", detectors: "bola object_enumeration evasion", entities: byActor + " network cluster endpoint object", unit: unitForeign, suits: withWeakness,
		says: "Callers that were never seen come by the thousand; meanwhile an account reads the objects of others. At L1 one address names another caller in every call, at L4 it is many addresses.",
		run: func(x *raid) {
			n := by(x, 400, 0, 0, 100) * x.app.people
			x.flush(by(x, .002, 0, 0, .02), n, max(50, n/60), by(x, 1, 0, 0, 20_000))
		}},
	{id: "A53", name: "flood of paths", levels: "L1 L4", detectors: "probing evasion", entities: byProber, unit: "",
		says: "Paths are asked for that nobody will ask for again.",
		run: func(x *raid) {
			x.litter(by(x, .002, 0, 0, .05), by(x, 200, 0, 0, 50)*x.app.people, by(x, 1, 0, 0, 2000))
		}},
	{id: "A54", name: "names that collide", levels: "L1", detectors: "probing credential_stuffing user_enumeration evasion", entities: byProber + " account", unit: "",
		says: "Names, paths and numbers are sent that fall together in hash functions without a key.",
		run:  func(x *raid) { x.collide(.01, 12_000) }},
	{id: "A57", name: "the version before", levels: "L1 L2 L3", twin: true, detectors: "zombie_endpoint shadow_endpoint probing bola object_enumeration", entities: byProber + " user token key", unit: unitStolen, days: [5]float64{1: 3, 2: 3, 3: 5}, from: .6, to: .97,
		suits: withOldVersion,
		says:  "Endpoints of the version before, which nobody uses any more, are used again.",
		run:   func(x *raid) { x.oldVersion(by(x, .5, 12, 900, 0), by(x, 150, 120, 60, 0)) }},
}

var tokenAttacks = []attack{
	{id: "A35", name: "stolen token", levels: "L1 L3", twin: true, detectors: "token_abuse account_takeover", entities: byBearer, unit: unitStolen, days: [5]float64{3: 3},
		says: "A token is used from another network while its owner goes on using it.",
		run:  func(x *raid) { x.replay(by(x, 25., 0, 1500, 0), by(x, 120, 0, 90, 0), placeHosting) }},
	{id: "A36", name: "token sold", levels: "L1 L3", twin: true, detectors: "token_abuse", entities: byBearer, unit: unitStolen, days: [5]float64{3: 2},
		says: "Fifty people use one account's token.",
		run:  func(x *raid) { x.sold(by(x, 6., 0, 240, 0), by(x, 600, 0, 400, 0), 50, placeHome) }},
	{id: "A37", name: "forged tokens", levels: "L1 L2", detectors: "jwt_weakness token_abuse", entities: byBearer + " endpoint", unit: unitFunctions, apps: bearers, suits: withJWT,
		says: "Tokens without a signature, with another algorithm or key are tried; at L2 one kind is believed.",
		run:  func(x *raid) { x.forge(by(x, 1., 15, 0, 0), by(x, 90, 60, 0, 0), x.level == 2) }},
	{id: "A38", name: "expired token accepted", levels: "L1 L3", detectors: "jwt_weakness token_abuse", entities: byBearer + " endpoint", unit: unitStolen, days: [5]float64{1: 2, 3: 3}, apps: bearers, suits: withShortJWT,
		says: "After a release the application no longer looks at the end of tokens, and one is used long after.",
		run:  func(x *raid) { x.outlived(by(x, 5., 0, 900, 0), by(x, 120, 0, 100, 0)) }},
	{id: "A39", name: "session fixation", levels: "L1 L3", detectors: "token_abuse account_takeover", entities: byBearer, unit: unitStolen, suits: withLongSessions, days: [5]float64{3: 2},
		says: "A victim logs in on a session that the attacker knows, and the attacker uses it.",
		run:  func(x *raid) { x.fixation(by(x, 15., 0, 900, 0), by(x, 120, 0, 90, 0)) }},
	{id: "A55", name: "ramps", levels: "L2 L3 L4", detectors: stuffNames + " bola object_enumeration scraping", entities: byLogin + " user token key object", unit: unitSteps, apps: catalogues, suits: withBoth, days: [5]float64{2: 10, 3: 10, 4: 10}, from: .05, to: .98,
		says: "Stuffing (L2), reading the objects of others (L3) or scraping by a swarm (L4) begins with almost nothing and grows a little every day.",
		run:  func(x *raid) { x.ramps() }},
	{id: "A56", name: "from first look to the last item", levels: "L3", detectors: "probing user_enumeration password_spraying credential_stuffing account_takeover bola object_enumeration scraping shadow_endpoint", entities: byLogin + " user token key object host", unit: unitSteps, apps: catalogues, suits: withBoth,
		days: [5]float64{3: 21}, from: .05, to: .98,
		says: "Over three weeks somebody looks around, finds out who has an account, sprays, enters one, changes its address, reads objects of others, and takes the catalogue.",
		run:  func(x *raid) { x.campaign() }},
}

// What an application must be like for some attacks to make sense.

func withCodes(a *application) bool { return a.mfa != nil }

func withOracle(a *application) bool { return a.style.unknown || a.style.forgotTell }

func withSoft404(a *application) bool { return a.style.soft404 }

func withJWT(a *application) bool { return a.style.auth == authJWT }

func withShortJWT(a *application) bool { return withJWT(a) && a.style.tokenLife <= 6*3600 }

func withLongSessions(a *application) bool { return a.style.tokenLife >= 2*86400 }

func withGraphQL(a *application) bool { return a.style.api == apiGraphQL }

func withREST(a *application) bool { return a.style.api == apiREST }

// withWeakness wants an object that strangers can read, named in the path.
func withWeakness(a *application) bool {
	res, _ := a.weak(false)
	return res != nil && res.open
}

// withPaths wants such an object in an application that names it in the path.
func withPaths(a *application) bool { return withREST(a) && withWeakness(a) }

func withBoth(a *application) bool { return withWeakness(a) && withCatalogue(a) }

// Kinds of application with something to take, and with tokens that are read.
const (
	catalogues = "shop social game travel partner"
	bearers    = "shop bank saas health ride social game travel iot gov llm"
)

func withCounters(a *application) bool {
	res, _ := a.weak(false)
	return res != nil && res.open && res.id.kind == idInt
}

func withHarvest(a *application) bool {
	res, _ := a.weak(false)
	return res != nil && res.open && res.id.kind != idInt && res.id.kind != idSparse
}

func withWeakWrites(a *application) bool {
	res, _ := a.weak(true)
	return res != nil && res.openPut
}

func withCatalogue(a *application) bool {
	res := a.catalogue()
	return res != nil && res.get != nil && res.count() >= 800
}

func withOldVersion(a *application) bool {
	for _, op := range a.ops {
		if op.deprecated && !op.dead && !op.employees && op.res != nil && op.res.parent == nil && !op.res.single {
			return true
		}
	}
	return false
}

func (x *raid) stuffOrTwin(s stuffing) {
	if x.twin {
		x.expired(s)
		return
	}
	x.stuff(s)
}

func (x *raid) crawlOrIndex(k crawl) {
	if x.twin {
		x.indexing(k)
		return
	}
	x.crawl(k)
}

// oldVersion uses what is deprecated and still there; its double is the old
// app that some people never updated.
func (x *raid) oldVersion(gap float64, count int) {
	var old []*operation
	for _, op := range x.app.ops {
		if op.deprecated && !op.dead && !op.employees && op.res != nil && op.res.parent == nil && !op.res.single {
			old = append(old, op)
		}
	}
	if len(old) == 0 { // no version before: what nobody documented
		for _, op := range x.app.ops {
			if !op.documented && !op.dead && op.res != nil && op.res.parent == nil && !op.res.single && !op.employees && (op.kind == opList || op.kind == opGet) {
				old = append(old, op)
			}
		}
	}
	if len(old) == 0 {
		old = append(old, x.app.internal)
	}
	c := x.net(placeHosting, 1, dressTool).next(x)
	if x.twin {
		c = x.person()
	} else {
		x.account = x.member(nil, 0)
	}
	if !x.enter(c, x.account) {
		return
	}
	for i := range count {
		if !x.pause(x.pace(gap, .7, 0)) {
			return
		}
		op := old[i%len(old)]
		q := request{op: op}
		if op.ids > 0 {
			n := uint32(x.r.IntN(int(max(1, op.res.count()))))
			if guarded := op.res.access == owned || op.res.access == tenanted; guarded && (x.twin || !op.res.open) {
				owner := x.account.n
				if op.res.access == tenanted {
					owner = x.account.tenant
				}
				own := op.res.of(owner, nil)
				if len(own) == 0 {
					continue
				}
				n = own[i%len(own)]
			}
			q.id = op.res.id.text(n)
		}
		x.do(c, q)
	}
}

// ramps grow a hundredfold between begin and end.
func (x *raid) ramps() {
	switch x.level {
	case 2:
		x.stuff(stuffing{gap: 1200, jitter: 1, count: 6000, sources: 1 << 30, where: placeHome, dress: dressFew, known: .3, valid: .01, ramp: 100})
	case 3:
		x.reach(reaching{gap: 6000, count: 600, order: inSequence, accounts: 1, sources: 1, where: placeHome, dress: dressPeople, ramp: 100})
	case 4:
		x.scraped = x.app.catalogue().get
		x.partition(crawl{gap: 120, count: 20_000, sources: 8000, quota: 3, where: placeHome, dress: dressPeople, ramp: 100})
	}
}

// campaign is one attacker from the first look to the last item.
func (x *raid) campaign() {
	total := x.end - x.began
	until := func(share float64) { x.end = x.began + int64(share*float64(total)) }
	next := func(share float64) {
		until(share)
		if left := x.end - x.now(); left > 0 && share < 1 {
			x.a.sleepUntil(x.end)
		}
	}
	until(.12)
	x.versions(1800, 120, 2, placeHosting, dressTool)
	next(.12)
	until(.3)
	x.whoExists(x.app.forgot, 3000, 100, 10, placeHosting, dressTool)
	next(.3)
	until(.6)
	x.spray(spraying{users: min(x.app.people, 400), rounds: 2, gap: 900, sources: 40, where: placeHome, dress: dressFew})
	next(.6)
	until(.64)
	x.takeover(1, 300, placeVPN)
	next(.64)
	until(.8)
	x.reach(reaching{gap: 1500, count: 120, order: harvested, accounts: 1, sources: 1, where: placeVPN, dress: dressPeople})
	next(.8)
	until(1)
	x.crawl(crawl{gap: 60, count: 4000, sources: 3, where: placeVPN, dress: dressCommon, quota: 200})
}
