package simulate

import (
	"strconv"
	"time"
)

// Errands are what people do rarely and every application sees every day: they
// pay, type a code from a leaflet, change their profile or their password,
// download what is theirs, register. Without them an attack on such an
// operation would be alone there.

// errand does one of them.
func (a *agent) errand() {
	app, r := a.w.app, a.rng
	switch x := r.Float64(); {
	case a.account == nil:
		if x < .3 {
			a.typeCode()
		}
	case x < .5:
		a.checkOut()
	case x < .85:
		a.typeCode()
	case x < .93:
		a.call(request{op: app.me})
		a.think(20 * time.Second)
		g, f, _ := app.person(a.account.n)
		a.call(request{op: app.meUpdate, fields: []pair{{app.word("name"), g + " " + f, false}, {app.word("phone"), "+4917" + strconv.Itoa(10_000_000+r.IntN(80_000_000)), false}}})
	case x < .95:
		if app.style.auth != authBasic { // whose password is the credential
			a.call(app.passwordRequest(a.account))
		}
	default:
		for _, res := range app.resources {
			if res.export != nil && !res.export.dead && (res.access == tenanted || res.access == owned) {
				a.call(request{op: res.export})
				return
			}
		}
	}
}

// checkOut pays; who is declined tries again or another card.
func (a *agent) checkOut() {
	app, r := a.w.app, a.rng
	amount := strconv.Itoa(5+int(logNormal(r, 40, .8))) + ".90"
	for try := range 3 {
		if p := a.call(app.payRequest(app.cardOf(a.account.n, min(try, 1)), amount)); p.ok || !p.wrong || chance(r, .4) {
			return
		}
		a.think(25 * time.Second)
	}
}

// typeCode tries a code from a campaign that many know; some are misread.
func (a *agent) typeCode() {
	app, r := a.w.app, a.rng
	code := app.coupons.text(uint32(popular(r, 25, .8)))
	for chance(r, .3) {
		a.call(app.couponRequest(typo(code, r.IntN(len(code)), crockford[r.IntN(32)])))
		a.think(8 * time.Second)
	}
	a.call(app.couponRequest(code))
}

// cardOf returns the i-th card of an account: 16 digits with a check digit.
func (a *application) cardOf(account int32, i int) string {
	x := a.cards.at(uint64(account)*2 + uint64(i))
	s := "4" + strconv.FormatUint(10_000_000_000_000+x, 10)
	for d := byte('0'); d <= '9'; d++ {
		if c := s + string(d); luhn(c) {
			return c
		}
	}
	return s
}

// charge tells whether a card is accepted: nearly every card of a customer, and
// of other numbers that are well formed, fewer than half.
func (a *application) charge(card string) bool {
	if !luhn(card) {
		return false
	}
	share := .45
	if len(card) == 16 && card[0] == '4' {
		if x, err := strconv.ParseUint(card[1:15], 10, 64); err == nil && x >= 10_000_000_000_000 && a.cards.of(x-10_000_000_000_000) < 2*uint64(len(a.accounts)) {
			share = .96
		}
	}
	return hashed(hashText(a.seed, card), share)
}

// newcomers register, a few a day, and come again like everyone.
func (w *World) newcomers(users int) {
	a := w.newAgent("newcomers", 0)
	perDay := float64(users) * logBetween(a.rng, .002, .02) * w.opts.Rate
	next := func(a *agent) int64 { return w.clock.next(a.rng, a.now, w.endNS, perDay) }
	n := 0
	a.play = func(a *agent) {
		b := w.newAgent("newcomer", uint64(n))
		n++
		b.play = w.newcomer
		w.start(b, a.now+1)
	}
	a.again = next
	a.now = w.startNS
	if first := next(a); first > 0 {
		w.start(a, first)
	}
}

// newcomer is the first session of a new account.
func (w *World) newcomer(a *agent) {
	r, app := a.rng, w.app
	device := r.Uint64()
	prog := w.programOf(device)
	a.client = w.newClient(prog, device, w.egressOf(-1, device, prog, a.now, r), a.now)
	if prog.cookies {
		w.openPage(a)
	}
	a.think(30 * time.Second)
	email := pick(r, givenNames) + "." + pick(r, familyNames) + strconv.Itoa(r.IntN(9000)+100) + "@" + pick(r, mailHosts)
	if chance(r, .2) {
		a.call(request{op: app.otp, anonymous: true, fields: []pair{{app.word("phone"), "+4917" + strconv.Itoa(10_000_000+r.IntN(80_000_000)), false}}})
		a.think(20 * time.Second)
	}
	acc := a.register(email)
	if acc == nil || a.client.token == nil {
		return
	}
	p := &person{account: acc.n, device: device, seen: true, trusted: [2]bool{true, false}, perDay: app.kind.perDay * w.opts.Rate * 2}
	p.tokens[0] = a.client.token
	a.visits(time.Duration(logNormal(r, w.habits.medianMin, 1)) * time.Minute)
	p.tokens[0] = a.client.token
	a.again = func(a *agent) int64 {
		w.live(a, p)
		return a.again(a)
	}
}

// couponRequest and payRequest ask for a code and a card.
func (a *application) couponRequest(code string) request {
	return request{op: a.coupon, code: code, fields: []pair{{a.word("code"), code, false}}}
}

func (a *application) payRequest(card, amount string) request {
	return request{op: a.pay, code: card, fields: []pair{{a.word("amount"), amount, true}, {a.word("card"), card, false}, {"cvc", card[len(card)-3:], false}}}
}
