package simulate

import "strconv"

// Abuse of what an application is for, and of what it does with its input.

var flowAttacks = []attack{
	{id: "A40", name: "fields that are not one's own", levels: "L1 L3", twin: true, detectors: "mass_assignment", entities: byActor + " endpoint", unit: "", days: [5]float64{3: 2},
		says: "Updates carry fields that only the application should set: role, balance, verified.",
		run:  func(x *raid) { x.assign(by(x, 2., 0, 1200, 0), by(x, 60, 0, 50, 0)) }},
	{id: "A41", name: "enormous pages", levels: "L1 L2 L3", detectors: "resource_abuse scraping data_exposure", entities: byActor + " endpoint cluster", unit: unitItems, apps: catalogues, suits: withLimits,
		says: "Lists are asked for with a limit of a hundred thousand.",
		run:  func(x *raid) { x.hugePages(by(x, 1., 15, 900, 0), by(x, 120, 100, 60, 0)) }},
	{id: "A42", name: "GraphQL in depth and number", levels: "L1 L2", detectors: "resource_abuse", entities: byActor + " endpoint cluster", unit: "", suits: withGraphQL,
		apps: "shop bank saas health ride social game travel",
		says: "One request holds hundreds of aliases, a batch of queries, or a query a hundred levels deep.",
		run:  func(x *raid) { x.deepQueries(by(x, 1., 15, 0, 0), by(x, 150, 100, 0, 0)) }},
	{id: "A43", name: "SMS pumping", levels: "L1 L2 L3 L4", twin: true, detectors: "business_flow_abuse resource_abuse", entities: bySwarm, unit: unitOrders, days: [5]float64{3: 2, 4: 2},
		says: "Codes are sent to numbers of one costly prefix, again and again.",
		run: func(x *raid) {
			x.pump(by(x, .5, 15, 300, 60), by(x, 1500, 1500, 500, 1500), by(x, 1, 5, 20, 2000), by(x, placeHosting, placeHosting, placeHosting, placeHome), by(x, dressTool, dressTool, dressTool, dressPeople))
		}},
	{id: "A44", name: "scalping", levels: "L1 L4", detectors: "business_flow_abuse", entities: byActor + " cluster endpoint", unit: unitOrders, apps: "shop travel game", suits: withOrders,
		says: "At the moment of a sale three hundred accounts, or as many as there are, order at once.",
		run: func(x *raid) {
			x.scalp(min(300, max(10, x.app.people/3)), by(x, placeHosting, placeHosting, placeHosting, placeHome), by(x, dressTool, dressTool, dressTool, dressPeople))
		}},
	{id: "A45", name: "holding stock", levels: "L1 L2 L3", detectors: "business_flow_abuse", entities: byActor + " cluster endpoint", unit: unitOrders, apps: "shop travel game ride", suits: withOrders, days: [5]float64{3: 2},
		says: "Orders are begun and never paid, so that nobody else can.",
		run:  func(x *raid) { x.hold(by(x, 1., 20, 900, 0), by(x, 300, 200, 80, 0)) }},
	{id: "A46", name: "made-up registrations", levels: "L1 L2 L3 L4", twin: true, detectors: "business_flow_abuse", entities: bySwarm, unit: unitOpened, days: [5]float64{3: 2, 4: 2},
		says: "Two thousand accounts a day are registered under addresses of one pattern.",
		run: func(x *raid) {
			x.registrations(by(x, 1., 43, 300, 43), by(x, 1500, 1200, 300, 2000), by(x, 1, 40, 20, 2000), by(x, placeHosting, placeHosting, placeHosting, placeHome), by(x, dressTool, dressTool, dressTool, dressPeople))
		}},
	{id: "A47", name: "bought votes", levels: "L1 L2 L4", detectors: "business_flow_abuse", entities: bySwarm + " object user token session", unit: unitOrders, apps: "social", suits: withVotes, days: [5]float64{4: 2},
		says: "Many accounts, all of one owner, vote for one thing.",
		run: func(x *raid) {
			x.vote(by(x, 1., 20, 0, 180), min(200, max(10, x.app.people/3)), by(x, placeHosting, placeHosting, placeHosting, placeHome), by(x, dressTool, dressTool, dressTool, dressPeople))
		}},
	{id: "A48", name: "steps skipped", levels: "L1 L3", detectors: "business_flow_abuse", entities: byActor + " endpoint", unit: unitOrders, days: [5]float64{3: 2},
		says: "Payments are made without the steps that lead to them.",
		run:  func(x *raid) { x.skip(by(x, 3., 0, 900, 0), by(x, 60, 0, 50, 0)) }},
	{id: "A49", name: "requests to the inside", levels: "L1 L2 L3", detectors: "ssrf", entities: byActor + " endpoint", unit: "", days: [5]float64{3: 2},
		says: "Addresses of the inside stand where the application expects a link: metadata services in all their spellings.",
		run: func(x *raid) {
			x.payloads(ssrfPayloads, "url", by(x, 1., 15, 900, 0), by(x, 120, 100, 60, 0))
		}},
	{id: "A50", name: "SQL in parameters", levels: "L1 L2 L3", detectors: "injection probing", entities: byActor + " cluster endpoint", unit: "", days: [5]float64{3: 2},
		says: "Search terms and identifiers carry SQL.",
		run:  func(x *raid) { x.payloads(sqlPayloads, "q", by(x, .5, 12, 900, 0), by(x, 300, 150, 60, 0)) }},
	{id: "A51", name: "markup, templates and paths in parameters", levels: "L1 L2 L3", detectors: "injection probing", entities: byActor + " cluster endpoint", unit: "", days: [5]float64{3: 2},
		says: "Parameters carry scripts, templates and paths out of the directory.",
		run:  func(x *raid) { x.payloads(scriptPayloads, "q", by(x, .5, 12, 900, 0), by(x, 300, 150, 60, 0)) }},
	{id: "A58", name: "a field too many", levels: "L1 L3", detectors: "data_exposure scraping", entities: byActor + " endpoint cluster", unit: unitItems, apps: "social game", suits: withAuthors, days: [5]float64{1: 2, 3: 4}, from: .5, to: .97,
		says: "Since a release everybody's profile shows mail address, telephone and bank account, and somebody collects them.",
		run:  func(x *raid) { x.harvest(by(x, .3, 0, 120, 0), by(x, 3000, 0, 1200, 0)) }},
}

// withAuthors wants public things that belong to people.
func withAuthors(a *application) bool {
	res := a.catalogue()
	return res != nil && res.access == authored && res.get != nil
}

// harvest waits for the release and takes what it shows.
func (x *raid) harvest(gap float64, count int) {
	res := x.app.catalogue()
	for _, word := range []string{"email", "phone", "iban"} {
		name := x.app.word(word)
		res.fields = append(res.fields, field{name: name, lead: `,"` + name + `":`, kind: fieldKinds[word], salt: x.r.Uint64()})
	}
	x.crawl(crawl{gap: gap, count: count, sources: 2, quota: 100, where: placeHosting, dress: dressTool})
}

// withVotes wants something that people vote for.
func withVotes(a *application) bool { return a.votes() != nil }

// votes is the operation of a vote.
func (a *application) votes() *operation {
	for _, res := range a.resources {
		for _, op := range res.actions {
			if res.access == authored && res.parent == nil && !op.dead {
				return op
			}
		}
	}
	return nil
}

// withOrders wants something that can be ordered.
func withOrders(a *application) bool { return a.orders() != nil }

// withLimits wants lists whose length the caller may choose freely.
func withLimits(a *application) bool {
	return withCatalogue(a) && a.style.paging < 3 && a.style.maxPage >= 10_000
}

// orders is what people buy: an owned resource with a price that they create.
func (a *application) orders() *resource {
	for _, want := range []string{"order", "booking", "purchase", "ride"} {
		for _, res := range a.resources {
			if res.concept == want && res.access == owned && res.create != nil && !res.create.dead && res.parent == nil {
				return res
			}
		}
	}
	return nil
}

// assign sends fields that are the application's to set; its double is an app
// that begins to send fields of a new release.
func (x *raid) assign(gap float64, count int) {
	c := x.net(placeHome, 1, dressTool).next(x)
	if !x.enter(c, x.member(nil, 0)) {
		return
	}
	names := []string{"role", "is_admin", "isAdmin", "balance", "verified", "owner_id", "tenant_id", "permissions", "credit", "status", "plan", "email_verified"}
	values := []string{`"admin"`, "true", "true", "100000", "true", "1", "1", `["*"]`, "9999", `"approved"`, `"enterprise"`, "true"}
	if x.twin {
		names, values = []string{"pronouns", "time_zone", "avatar_style", "week_start"}, []string{`"they"`, `"UTC"`, `"round"`, "1"}
	}
	for i := range count {
		if !x.pause(x.pace(gap, .7, 0)) {
			return
		}
		k := i % len(names)
		x.do(c, request{op: x.app.meUpdate, fields: []pair{{x.app.word("name"), "Someone", false}, {names[k], values[k], true}}})
		if i%5 == 4 {
			x.do(c, request{op: x.app.me})
		}
	}
}

// hugePages asks for more than any screen shows.
func (x *raid) hugePages(gap float64, count int) {
	res := x.app.catalogue()
	x.pages = true
	c := x.net(placeHosting, 1, dressTool).next(x)
	for i := 0; i < count && x.pause(x.pace(gap, .7, 0)); i++ {
		x.do(c, request{op: res.list, query: x.app.pageQuery(0, by(x, 100_000, 20_000, 5000, 0)), anonymous: true})
	}
}

// deepQueries burdens a GraphQL server with a single request.
func (x *raid) deepQueries(gap float64, count int) {
	c := x.net(placeHosting, 1, dressTool).next(x)
	path := x.app.style.prefix + "/graphql"
	for i := 0; i < count && x.pause(x.pace(gap, .7, 0)); i++ {
		b := []byte(`{"operationName":null,"query":"query { `)
		switch i % 3 {
		case 0: // aliases
			for j := range 300 {
				b = append(append(append(b, 'a'), strconv.Itoa(j)...), `: config `...)
			}
			b = append(b, `}","variables":{}}`...)
		case 1: // depth
			for range 100 {
				b = append(b, `owner { `...)
			}
			b = append(b, `id`...)
			for range 101 {
				b = append(b, ` }`...)
			}
			b = append(b, `","variables":{}}`...)
		default: // a batch
			b = append(b[:0], '[')
			for j := range 60 {
				if j > 0 {
					b = append(b, ',')
				}
				b = append(b, `{"query":"{ config }"}`...)
			}
			b = append(b, ']')
		}
		x.do(c, request{method: "POST", path: path, raw: b, kind: "application/json", anonymous: true})
	}
}

// pump has codes sent; its double is people who register, each their own number.
func (x *raid) pump(gap float64, count, sources int, where place, d dress) {
	net := x.net(where, sources, d)
	prefix := "+882" + digits(x.r, 3)
	for i := 0; i < count && x.pause(x.pace(gap, .6, 0)); i++ {
		number := prefix + digits(x.r, 6)
		if x.twin {
			number = "+49" + strconv.Itoa(150+x.r.IntN(30)) + digits(x.r, 8)
		}
		x.do(net.next(x), request{op: x.app.otp, anonymous: true, fields: []pair{{x.app.otp.body[0], number, false}}})
	}
}

// scalp logs many accounts in ahead of the sale and orders when it opens.
func (x *raid) scalp(accounts int, where place, d dress) {
	res := x.app.orders()
	net := x.net(where, accounts, d)
	drop := x.now() + 3600e9
	for i := range accounts {
		c, acc := net.next(x), x.member(nil, i)
		x.beside(func(y *raid) {
			if !y.pause(y.between(0, 3000)) || !y.enter(c, acc) {
				return
			}
			y.a.sleepUntil(drop + int64(y.r.ExpFloat64()*4e9))
			for range 2 {
				y.do(c, request{op: res.create, fields: y.changes(res.create, res)})
				y.pause(y.between(.2, 2))
			}
		})
	}
	x.pause(7200)
}

// hold begins orders that nobody will pay.
func (x *raid) hold(gap float64, count int) {
	res := x.app.orders()
	c := x.net(placeHosting, 1, dressTool).next(x)
	if !x.enter(c, x.member(nil, 0)) {
		return
	}
	for range count {
		if !x.pause(x.pace(gap, .7, 0)) {
			return
		}
		x.do(c, request{op: res.create, fields: x.changes(res.create, res)})
	}
}

// registrations opens accounts under one pattern; its double is a campaign
// that brings as many people.
func (x *raid) registrations(gap float64, count, sources int, where place, d dress) {
	net := x.net(where, sources, d)
	stem := x.r2(6)
	for i := 0; i < count && x.pause(x.pace(gap, .6, 0)); i++ {
		name := stem + strconv.Itoa(1000+i) + "@inbox.example"
		if x.twin {
			name = x.stranger(x.r.Uint64())
		}
		x.do(net.next(x), request{op: x.app.register, name: name, secret: leakedPassword(x.r.Uint64()), anonymous: true})
	}
}

// vote lets one account after the other vote for the same thing.
func (x *raid) vote(gap float64, accounts int, where place, d dress) {
	op := x.app.votes()
	n := op.res.popular(x.r)
	net := x.net(where, max(1, accounts/2), d)
	for i := range accounts {
		c := net.next(x)
		if !x.enter(c, x.member(nil, i)) || !x.pause(x.pace(gap, .6, 0)) {
			return
		}
		x.do(c, request{op: op, id: op.res.id.text(n)})
	}
}

// skip pays without having ordered.
func (x *raid) skip(gap float64, count int) {
	c := x.net(placeHome, 1, dressTool).next(x)
	if !x.enter(c, x.member(nil, 0)) {
		return
	}
	card := withLuhn("4" + digits(x.r, 14))
	for range count {
		if !x.pause(x.pace(gap, .7, 0)) {
			return
		}
		x.do(c, request{op: x.app.pay, code: card, fields: []pair{{x.app.word("amount"), "0.01", true}, {x.app.word("card"), card, false}, {"cvc", digits(x.r, 3), false}}})
	}
}

// payloads sends what a server might take for more than a value: in the search,
// in the filter of a list, in place of an identifier.
func (x *raid) payloads(list []string, name string, gap float64, count int) {
	c := x.net(placeHosting, 1, dressTool).next(x)
	if !x.enter(c, x.member(nil, 0)) {
		return
	}
	var targets []*operation
	for _, op := range x.app.ops {
		if op.res != nil && !op.dead && !op.employees && !op.deprecated && op.res.parent == nil && (op.kind == opSearch || op.kind == opList || op.kind == opGet || op.kind == opCreate) {
			targets = append(targets, op)
		}
	}
	for i := 0; i < count && len(targets) > 0 && x.pause(x.pace(gap, .7, 0)); i++ {
		op, payload := targets[x.r.IntN(len(targets))], list[i%len(list)]
		q := request{op: op}
		switch {
		case op.kind == opCreate:
			q.fields = []pair{{name, payload, false}}
		case op.kind == opGet && x.app.style.api != apiREST:
			q.id = payload
		case op.kind == opGet:
			q.id = "1"
			q.query = []pair{{name, payload, false}}
		default:
			q.query = []pair{{name, payload, false}}
		}
		x.do(c, q)
	}
}

var (
	ssrfPayloads = list(`http://169.254.169.254/latest/meta-data/iam/security-credentials/ http://metadata.google.internal/computeMetadata/v1/ http://2852039166/latest/meta-data/
 http://0251.0376.0251.0376/ http://[::ffff:169.254.169.254]/ http://127.0.0.1:6379/ http://localhost:9200/_cat/indices http://10.0.0.1/ http://192.168.1.1/admin gopher://127.0.0.1:6379/_INFO
 file:///etc/passwd dict://127.0.0.1:11211/stats http://127.1/ http://0x7f000001/ http://169.254.169.254.nip.example/ http://kubernetes.default.svc/api`)
	sqlPayloads = []string{"'", "1' OR '1'='1", "1 OR 1=1--", "' UNION SELECT NULL,NULL--", "1; DROP TABLE users--", "' AND SLEEP(5)--", "1' AND '1'='2", "\" OR \"\"=\"", "1 AND (SELECT COUNT(*) FROM users)>0",
		"' OR 1=1 LIMIT 1 OFFSET 1--", "admin'--", "1'; WAITFOR DELAY '0:0:5'--", "') OR ('1'='1", "1 UNION ALL SELECT table_name,2 FROM information_schema.tables"}
	scriptPayloads = []string{"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "{{7*7}}", "${7*7}", "<%= 7*7 %>", "../../../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "....//....//etc/passwd",
		"javascript:alert(1)", "<svg/onload=alert(1)>", "{{constructor.constructor('return 1')()}}", "#{7*7}", "/etc/passwd%00.png", "C:\\Windows\\win.ini"}
)
