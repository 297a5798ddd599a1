package simulate

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

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
