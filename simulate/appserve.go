package simulate

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// A pair is a named value of a query or a body. A raw value stands in JSON as
// it is, without quotes.
type pair struct {
	name, value string
	raw         bool
}

// A request is what an agent asks of the application. With op the path and the
// body are written in the application's style (REST, GraphQL, RPC); without it
// method and path go out as they are, and whatever is there answers.
type request struct {
	op      *operation
	id, sub string // identifiers in the path (or the variables that stand for them)
	query   []pair
	fields  []pair // body

	name, secret, code string     // of the login family: who, password, code
	challenge          *challenge // what an mfa code answers
	old                *token     // what a refresh renews

	method, path string // without op; path with its query
	instead      string // identifier that the application reads instead of the one in path, as polluted parameters make it
	raw          []byte // body as it is
	kind         string // content type of raw
	host         int    // of an own path

	anonymous bool     // sends no credential
	token     *token   // instead of the client's
	auth      string   // Authorization line as it is, instead of a credential
	as        *account // whom the application takes the sender for, whatever the credential: a forged one that is believed
	extra     []Header
}

// A reply is what the application says, as the caller understands it.
type reply struct {
	status   int
	ok       bool // the application did what was asked
	wrong    bool // a secret, code or name was not right
	denied   bool // not logged in, or not allowed
	missing  bool // nothing there
	limited  bool // told to slow down, or locked
	op       *operation
	res      *resource // of the object that was named
	n        uint32    // its number
	foreign  bool      // ok, and the object belongs to someone else
	entered  *account  // whose password was right
	token    *token    // minted
	ask      *challenge
	items    []uint32 // numbers in a list; valid until the agent's next call
	total    int
	location string
	cookie   string
	html     bool
	plain    bool
	tookNS   int64
	body     []byte // valid until the agent's next call
	overNS   int64  // when the answer was there
}

// A challenge is a login that waits for its code.
type challenge struct {
	account int32
	id      string
	code    string
	tries   int
	untilNS int64
}

// answer lets the application handle a request. It fills p and w.body.
func (w *World) answer(a *agent, q *request, p *reply) {
	app, now := w.app, a.now
	items := p.items[:0]
	*p = reply{items: items}
	w.body = w.body[:0]
	op, id, sub := q.op, q.id, q.sub
	if op == nil {
		var there bool
		var ids [2]string
		op, ids, there = app.route(q.method, q.path)
		id, sub = ids[0], ids[1]
		if q.instead != "" {
			id = q.instead
		}
		if op == nil {
			w.nothing(q, p, there)
			p.tookNS = w.latency(a.rng, 4e6)
			return
		}
	}
	p.op = op
	median := 18e6
	switch op.kind {
	case opLogin, opRegister, opReset, opPassword:
		median = 110e6
	case opList, opSearch:
		median = 30e6
	case opExport:
		median = 400e6
	case opCreate, opPay:
		median = 45e6
	case opHealth, opRobots, opFavicon, opAsset, opConfig:
		median = 3e6
	}
	p.tookNS = w.latency(a.rng, median)
	if status := w.fault(a, op); status != 0 {
		w.fail(p, status, "unavailable", "please try again")
		return
	}
	op.calls++
	acc := q.as
	if !op.anyone && acc == nil {
		acc = w.authorise(a, q, p, now)
		if acc == nil {
			return
		}
	} else if acc == nil {
		if t := a.credential(q); t != nil && t.valid(app, now) {
			acc = app.accounts[t.account]
		}
	}
	if op.employees && !op.unguarded && acc.role == roleUser {
		p.denied = true
		w.fail(p, 403, "forbidden", "insufficient permissions")
		return
	}
	if op.dead && chance(a.rng, .5) {
		w.fail(p, 501, "not_implemented", "not available")
		return
	}
	switch op.kind {
	case opList, opSearch, opExport:
		w.serveList(q, p, acc, id)
	case opGet, opUpdate, opDelete, opAction:
		w.serveObject(q, p, acc, id, sub)
	case opCreate:
		w.serveCreate(q, p, acc, id)
	case opMe, opMeUpdate:
		w.serveMe(q, p, acc)
	case opHealth:
		p.ok = true
		w.body = append(w.body, `{"status":"UP"}`...)
		p.status = 200
	case opConfig:
		w.ok(p, 200)
		w.body = append(w.body, `{"features":{"search":true,"beta":false},"locale":"`...)
		w.body = append(append(w.body, languages[app.language]...), `","minVersion":"4.0.0"}`...)
		w.close(p)
	case opRobots:
		p.ok, p.status, p.plain = true, 200, true
		w.body = append(w.body, "User-agent: *\nDisallow: /admin\nCrawl-delay: 5\n"...)
	case opFavicon, opAsset:
		p.ok, p.status, p.plain = true, 200, true
		w.body = append(w.body, "!function(){var v=\"4.2.0\";window.app=v}();"...)
	case opPage:
		p.ok, p.status, p.html = true, 200, true
		w.body = appendPage(w.body, app.kind.name)
	case opSpec:
		p.ok, p.status = true, 200
		w.body = append(w.body, w.Spec()...)
	case opInternal:
		p.ok, p.status = true, 200
		w.body = append(w.body, `{"rows":[`...)
		for i := range 20 {
			acc := app.accounts[a.rng.IntN(len(app.accounts))]
			if i > 0 {
				w.body = append(w.body, ',')
			}
			w.body = appendAccount(w.body, app, acc)
		}
		w.body = append(w.body, `]}`...)
	case opGateway:
		w.gateway(q, p)
	case opOTP:
		w.ok(p, 202)
		w.body = append(w.body, `{"sent":true}`...)
		w.close(p)
	case opCoupon:
		n, ok := app.coupons.number(q.code)
		if p.ok = ok && n < app.couponN; p.ok {
			w.ok(p, 200)
			w.body = append(w.body, `{"valid":true,"amount":`...)
			w.body = strconv.AppendUint(w.body, 5+hash2(app.seed, uint64(n))%95, 10)
			w.body = append(w.body, '}')
			w.close(p)
		} else {
			p.wrong = true
			w.fail(p, 404, "invalid_code", "this code is not valid")
		}
	case opPay:
		if h := hashText(app.seed, q.code); app.charge(q.code) {
			w.ok(p, 201)
			w.body = append(w.body, `{"status":"paid","receipt":"`...)
			w.body = appendHex(w.body, mix(h+uint64(now)), 16)
			w.body = append(w.body, `"}`...)
			w.close(p)
		} else {
			p.wrong = true
			w.fail(p, 402, "card_declined", "the card was declined")
		}
	default:
		w.serveLogin(a, q, p, acc)
	}
}

// gateway answers documents that were written by hand. It knows introspection
// and nothing else; operations of the application come with their op.
func (w *World) gateway(q *request, p *reply) {
	app := w.app
	if app.style.api == apiGraphQL && strings.Contains(string(q.raw), "__schema") && app.seed&16 == 0 {
		p.ok, p.status = true, 200
		w.body = append(w.body, `{"data":{"__schema":{"types":[`...)
		for i, op := range app.ops {
			if op.title == "" {
				continue
			}
			if i > 0 && w.body[len(w.body)-1] != '[' {
				w.body = append(w.body, ',')
			}
			w.body = append(append(append(w.body, `{"name":"`...), op.title...), `","kind":"OBJECT"}`...)
		}
		w.body = append(w.body, `]}}}`...)
		return
	}
	w.fail(p, 400, "bad_request", "unknown operation")
}

// ok begins a good answer in the application's envelope; close ends it.
func (w *World) ok(p *reply, status int) {
	p.ok, p.status = true, status
	s := &w.app.style
	switch s.api {
	case apiGraphQL:
		w.body = append(w.body, `{"data":{"`...)
		w.body = append(append(w.body, p.op.name...), `":`...)
		p.status = 200
		return
	case apiRPC:
		w.body = append(w.body, `{"jsonrpc":"2.0","id":`...)
		w.body = strconv.AppendUint(w.body, w.rpcID, 10)
		w.body = append(w.body, `,"result":`...)
		p.status = 200
		return
	case apiMethodPath:
		p.status = 200
	}
	switch s.envelope {
	case 1:
		w.body = append(w.body, `{"data":`...)
	case 2:
		w.body = append(w.body, `{"success":true,"result":`...)
	case 3:
		w.body = append(w.body, `{"status":"ok","data":`...)
	}
}

func (w *World) close(*reply) {
	s := &w.app.style
	switch {
	case s.api == apiGraphQL:
		w.body = append(w.body, `}}`...)
	case s.api == apiRPC || s.envelope > 0:
		w.body = append(w.body, '}')
	}
}

// fail writes an error in the application's form.
func (w *World) fail(p *reply, status int, code, text string) {
	s := &w.app.style
	p.ok, p.status = false, status
	p.limited = p.limited || status == 429 || status == 423
	w.body = w.body[:0]
	switch s.api {
	case apiGraphQL:
		if status < 500 {
			p.status = 200
		}
		w.body = append(w.body, `{"errors":[{"message":"`...)
		w.body = append(append(w.body, text...), `","extensions":{"code":"`...)
		w.body = append(append(w.body, strings.ToUpper(code)...), `"}}],"data":null}`...)
		return
	case apiRPC:
		if status < 500 {
			p.status = 200
		}
		w.body = append(w.body, `{"jsonrpc":"2.0","id":`...)
		w.body = strconv.AppendUint(w.body, w.rpcID, 10)
		w.body = append(w.body, `,"error":{"code":-32`...)
		w.body = strconv.AppendInt(w.body, int64(status), 10)
		w.body = append(append(w.body, `,"message":"`...), text...)
		w.body = append(w.body, `"}}`...)
		return
	}
	switch s.errors {
	case errorFlat:
		w.body = append(append(w.body, `{"error":"`...), code...)
		w.body = append(append(w.body, `","message":"`...), text...)
		w.body = append(w.body, `"}`...)
	case errorNested:
		w.body = append(append(w.body, `{"error":{"code":"`...), code...)
		w.body = append(append(w.body, `","message":"`...), text...)
		w.body = append(w.body, `"}}`...)
	case errorList:
		w.body = append(w.body, `{"errors":[{"status":`...)
		w.body = strconv.AppendInt(w.body, int64(status), 10)
		w.body = append(append(w.body, `,"title":"`...), text...)
		w.body = append(w.body, `"}]}`...)
	case errorProblem:
		w.body = append(append(w.body, `{"type":"about:blank","title":"`...), text...)
		w.body = append(w.body, `","status":`...)
		w.body = strconv.AppendInt(w.body, int64(status), 10)
		w.body = append(w.body, '}')
	default:
		w.body = append(w.body, `{"success":false,"code":`...)
		w.body = strconv.AppendInt(w.body, int64(status)*100+1, 10)
		w.body = append(append(w.body, `,"msg":"`...), text...)
		w.body = append(w.body, `"}`...)
	}
}

// nothing answers a path at which nothing is.
func (w *World) nothing(q *request, p *reply, there bool) {
	p.missing = true
	if there {
		w.fail(p, 405, "method_not_allowed", "method not allowed")
		p.status = 405
		return
	}
	if w.app.style.soft404 {
		p.status, p.html = 200, true
		w.body = appendPage(w.body[:0], "not found")
		return
	}
	w.fail(p, 404, "not_found", "no such path")
	p.status = 404
}

func appendPage(b []byte, title string) []byte {
	b = append(append(b, "<!doctype html><html><head><title>"...), title...)
	return append(b, `</title><script src="/static/app.js"></script></head><body><div id="root"></div></body></html>`...)
}

// authorise finds out who asks; nil after it has answered that nobody does.
func (w *World) authorise(a *agent, q *request, p *reply, now int64) *account {
	t := a.credential(q)
	if t == nil || q.auth != "" || !t.valid(w.app, now) {
		p.denied = true
		if t != nil && t.expires <= now {
			w.fail(p, 401, "token_expired", "session expired")
		} else {
			w.fail(p, 401, "unauthorized", "authentication required")
		}
		return nil
	}
	acc := w.app.accounts[t.account]
	if acc.disabled {
		p.denied = true
		w.fail(p, 403, "account_disabled", "account disabled")
		return nil
	}
	return acc
}

func (w *World) latency(r *rand.Rand, median float64) int64 {
	return 200_000 + int64(logNormal(r, median*w.slowness, .5))
}

func (w *World) missing(p *reply) {
	p.missing = true
	w.fail(p, 404, "not_found", "not found")
}

// sees tells whether the application lets an account read an object, and
// whether the object belongs to someone else.
func (res *resource) sees(acc *account, n uint32, write bool) (allowed, foreign bool) {
	owner := res.owner(n)
	switch res.access {
	case public, staff:
		return true, false
	case authored:
		if !write {
			return true, false
		}
		foreign = acc == nil || owner != acc.n
	case owned:
		foreign = owner != acc.n
		if foreign && !write && res.sharedWith(n, acc.n) {
			return true, false
		}
	case tenanted:
		foreign = owner != acc.tenant
	}
	if !foreign || acc.role != roleUser && !(acc.role == roleService && res.access == owned) {
		return true, false
	}
	return res.open && !write || res.openPut && write, true
}

// place returns the resource that the first identifier of an operation names.
func (op *operation) place() *resource {
	if op.res.parent != nil {
		return op.res.parent
	}
	return op.res
}

// serveList answers with a page of what the caller may see.
func (w *World) serveList(q *request, p *reply, acc *account, id string) {
	app, res := w.app, p.op.res
	size := app.style.pageSize
	for _, f := range q.query {
		if f.name == "per_page" || f.name == app.word("limit") {
			if v, err := strconv.Atoi(f.value); err == nil && v > 0 {
				size = min(v, app.style.maxPage)
			}
		}
	}
	if p.op.kind == opExport {
		size = 200
	}
	from := w.pageStart(q, size)
	count := uint32(0)
	all := w.scratch[:0]
	switch {
	case p.op.ids > 0 || res.parent != nil && id != "":
		n, ok := res.parent.id.number(id)
		if !ok || !res.parent.exists(n) {
			w.missing(p)
			return
		}
		allowed, foreign := res.parent.sees(acc, n, false)
		p.res, p.n = res.parent, n
		if !allowed {
			w.refuse(p)
			return
		}
		p.foreign = foreign
		all = res.within(n, all)
		count = uint32(len(all))
	case res.access == owned || res.access == tenanted:
		owner := acc.n
		if res.access == tenanted {
			owner = acc.tenant
		}
		if (len(res.deleted) > 0 || res.shared) && res.span(owner) < 1000 {
			all = res.of(owner, all)
			if res.shared {
				mine := len(all)
				all = res.of(partner(owner), all)
				kept := all[:mine]
				for _, n := range all[mine:] {
					if res.sharedWith(n, owner) {
						kept = append(kept, n)
					}
				}
				all = kept
			}
			count = uint32(len(all))
			break
		}
		count = uint32(res.span(owner))
		for i := from; i < min(from+size, int(count)); i++ {
			if n := res.nth(owner, i); res.exists(n) {
				p.items = append(p.items, n)
			}
		}
		all = nil
	case p.op.kind == opSearch:
		q0 := uint64(0)
		if len(q.query) > 0 {
			q0 = hashText(res.seed, q.query[0].value)
		}
		count = uint32(q0 % 40)
		for i := range count {
			all = append(all, uint32(hash2(q0, uint64(i))%uint64(res.count())))
		}
	default: // everything there is: what is new, then by popularity
		count = res.count()
		for i := from; i < min(from+size, int(count)); i++ {
			n := count - 1 - uint32(i)
			if n < res.initial {
				n = uint32(res.order.at(uint64(i - len(res.added))))
			}
			if res.exists(n) {
				p.items = append(p.items, n)
			}
		}
		all = nil
	}
	if all != nil {
		for i := from; i < min(from+size, len(all)); i++ {
			p.items = append(p.items, all[len(all)-1-i])
		}
		w.scratch = all
	}
	p.total = int(count)
	w.ok(p, 200)
	app.openList(&w.body, res)
	for i, n := range p.items {
		if i > 0 {
			w.body = append(w.body, ',')
		}
		w.body = res.appendObject(w.body, n, res.brief)
	}
	app.closeList(&w.body, from, size, p.total)
	w.close(p)
}

// pageStart reads which page is asked for.
func (w *World) pageStart(q *request, size int) int {
	for _, f := range q.query {
		switch f.name {
		case "offset":
			v, _ := strconv.Atoi(f.value)
			return max(0, v)
		case "cursor":
			v, _ := strconv.ParseInt(strings.TrimPrefix(f.value, "c"), 36, 32)
			return max(0, int(v)-1296)
		case w.app.word("page"):
			v, _ := strconv.Atoi(f.value)
			return max(0, v-1) * size
		}
	}
	return 0
}

// pageQuery asks for the page that begins at from.
func (a *application) pageQuery(from, size int) []pair {
	switch a.style.paging {
	case 0:
		return []pair{{a.word("page"), strconv.Itoa(from/size + 1), true}, {"per_page", strconv.Itoa(size), true}}
	case 1:
		return []pair{{"offset", strconv.Itoa(from), true}, {a.word("limit"), strconv.Itoa(size), true}}
	case 2:
		if from == 0 {
			return []pair{{a.word("limit"), strconv.Itoa(size), true}}
		}
		return []pair{{"cursor", "c" + strconv.FormatInt(int64(from)+1296, 36), false}, {a.word("limit"), strconv.Itoa(size), true}}
	}
	return []pair{{a.word("page"), strconv.Itoa(from/size + 1), true}}
}

func (a *application) openList(b *[]byte, res *resource) {
	switch {
	case a.style.api == apiGraphQL || a.style.paging < 2 && a.style.envelope == 0:
		*b = append(*b, `{"items":[`...)
	case a.style.paging == 2:
		*b = append(append(append(*b, `{"`...), res.plural...), `":[`...)
	default:
		*b = append(*b, '[')
	}
}

func (a *application) closeList(b *[]byte, from, size, total int) {
	switch {
	case a.style.api == apiGraphQL || a.style.paging < 2 && a.style.envelope == 0:
		*b = append(*b, `],"total":`...)
		*b = strconv.AppendInt(*b, int64(total), 10)
		*b = append(*b, '}')
	case a.style.paging == 2:
		*b = append(*b, `],"next":`...)
		if from+size < total {
			*b = append(*b, `"c`...)
			*b = strconv.AppendInt(*b, int64(from+size)+1296, 36)
			*b = append(*b, `"}`...)
		} else {
			*b = append(*b, `null}`...)
		}
	default:
		*b = append(*b, ']')
	}
}

func (w *World) refuse(p *reply) {
	p.denied = true
	if w.app.style.ownerMissing404 {
		w.missing(p)
		return
	}
	w.fail(p, 403, "forbidden", "not yours")
}

// serveObject answers what names one object.
func (w *World) serveObject(q *request, p *reply, acc *account, id, sub string) {
	res, op := p.op.res, p.op
	if res.single {
		w.ok(p, 200)
		w.body = res.appendObject(w.body, uint32(acc.n), res.fields)
		w.close(p)
		return
	}
	if res.parent != nil {
		m, ok := res.parent.id.number(id)
		if !ok || !res.parent.exists(m) {
			w.missing(p)
			return
		}
		id = sub
	}
	n, ok := res.id.number(id)
	if !ok || !res.exists(n) {
		if w.missing(p); !ok && w.app.style.badID400 && !res.id.formed(id) {
			w.fail(p, 400, "invalid_id", "identifier not valid")
		}
		return
	}
	p.res, p.n = res, n
	write := op.kind != opGet && !(op.kind == opAction && res.access == authored)
	allowed, foreign := res.sees(acc, n, write)
	if !allowed {
		w.refuse(p)
		return
	}
	p.foreign = foreign
	if op.kind == opDelete {
		res.drop(n)
		if w.app.style.api == apiREST {
			p.ok, p.status = true, 204
			return
		}
	}
	w.ok(p, 200)
	w.body = res.appendObject(w.body, n, res.fields)
	w.close(p)
}

func (w *World) serveCreate(q *request, p *reply, acc *account, id string) {
	res := p.op.res
	if res.single { // a request for work, such as a completion: nothing is kept
		w.ok(p, 200)
		w.body = res.appendObject(w.body, uint32(len(q.fields)+int(acc.n)), res.fields)
		w.close(p)
		return
	}
	if res.parent != nil {
		m, ok := res.parent.id.number(id)
		if !ok || !res.parent.exists(m) {
			w.missing(p)
			return
		}
		allowed, foreign := res.parent.sees(acc, m, false)
		p.res, p.n = res.parent, m
		if !allowed {
			w.refuse(p)
			return
		}
		p.foreign = foreign
	}
	owner := acc.n
	if res.access == tenanted {
		owner = acc.tenant
	}
	n := res.add(owner)
	if p.res == nil {
		p.res, p.n = res, n
	}
	w.ok(p, 201)
	p.items = append(p.items, n)
	w.body = res.appendObject(w.body, n, res.fields)
	w.close(p)
}

func (w *World) serveMe(q *request, p *reply, acc *account) {
	if p.op.kind == opMeUpdate {
		for _, f := range q.fields {
			if f.name == w.app.word("email") && f.value != "" && w.app.find(f.value) == nil {
				acc.email, acc.login = f.value, ""
				w.app.byLogin[hashText(0, w.app.loginName(acc))] = acc.n
			}
		}
	}
	w.ok(p, 200)
	w.body = appendAccount(w.body, w.app, acc)
	w.close(p)
}

// appendAccount writes what the application tells of an account.
func appendAccount(b []byte, app *application, acc *account) []byte {
	g, f, _ := app.person(acc.n)
	b = append(b, `{"id":`...)
	b = appendNamed(b, &app.users, acc.n)
	b = append(append(append(b, `,"`...), app.word("name")...), `":"`...)
	b = append(append(append(b, g...), ' '), f...)
	b = append(append(append(b, `","`...), app.word("email")...), `":"`...)
	b = append(append(b, app.emailOf(acc)...), `","role":"`...)
	b = append(append(b, roleNames[acc.role]...), `","`...)
	b = append(append(b, app.style.casing.join(lookUp(app.language, "tenant").one, "id")...), `":`...)
	b = appendNamed(b, &app.tenantID, acc.tenant)
	return append(b, '}')
}

// luhn checks a card number (ISO/IEC 7812-1).
func luhn(s string) bool {
	if len(s) < 13 || len(s) > 19 {
		return false
	}
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i]) - '0'
		if d < 0 || d > 9 {
			return false
		}
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
