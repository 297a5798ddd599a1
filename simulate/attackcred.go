package simulate

import "strconv"

// Attacks on logins: pairs leaked elsewhere, few passwords over many accounts,
// many over one, codes, and who has an account at all.

// A leak is a list of names with passwords that another service lost. Part of
// the names have an account here; part of those use the same password.
type leak struct {
	known, valid float64
	order        permutation
	seed         uint64
}

func (x *raid) leak(known, valid float64) *leak {
	return &leak{known, valid, permute(uint64(x.app.people), x.r.Uint64()), x.r.Uint64()}
}

// pair is the i-th line of the list.
func (l *leak) pair(x *raid, i int) (name, secret string) {
	h := hash2(l.seed, uint64(i))
	if !hashed(h, l.known) {
		return x.stranger(h), leakedPassword(h)
	}
	acc := x.app.accounts[l.order.at(uint64(i)%uint64(x.app.people))]
	if hashed(mix(h), l.valid/l.known) {
		return x.app.loginName(acc), x.app.passwordOf(acc)
	}
	return x.app.loginName(acc), leakedPassword(h)
}

func leakedPassword(h uint64) string {
	if h%3 == 0 {
		return usualPasswords[h>>8%uint64(len(usualPasswords))]
	}
	return givenNames[h>>8%uint64(len(givenNames))] + strconv.Itoa(int(h>>30%10000))
}

// stranger is a login name in the form of this application that nobody has.
func (x *raid) stranger(h uint64) string {
	acc := account{n: int32(len(x.app.accounts)) + 1_000 + int32(h>>33%(1<<18))}
	return x.app.loginName(&acc)
}

// try makes one login attempt. It reports whether the secret was right.
func (x *raid) try(c *client, name, secret string) *reply {
	return x.do(c, request{op: x.app.login, name: name, secret: secret, anonymous: true})
}

// A stuffing is a run through a leak.
type stuffing struct {
	gap     float64 // seconds between attempts of the whole run
	jitter  float64 // share by which gaps vary; 1 and more: as events without memory
	count   int     // attempts at most
	sources int     // addresses; each takes its turn
	where   place
	dress   dress // whose programs they show
	known   float64
	valid   float64
	ramp    float64 // factor by which the pace grows until the end; 0 none
}

// stuff tries pair after pair and notes what got in.
func (x *raid) stuff(s stuffing) {
	list := x.leak(s.known, s.valid)
	net := x.net(s.where, s.sources, s.dress)
	failures := 0
	for i := 0; i < s.count && x.pause(x.pace(s.gap, s.jitter, s.ramp)); i++ {
		name, secret := list.pair(x, i)
		c := net.next(x)
		p := x.try(c, name, secret)
		switch {
		case p.status >= 500 || p.limited && p.status == 429:
			// Tools try again from somewhere else, once.
			if failures++; failures%2 == 1 {
				i--
				x.pause(2)
			}
		case p.entered != nil:
			x.note(p.entered)
			failures = 0
		}
	}
}

// expired is the harmless double of attacks on many logins: people who have
// long come from the same addresses with the same programs are asked for their
// passwords all at once, six of ten do not know them at first, and all get in.
// In the first quarter of the run each of them logs in as usual; the rush has
// the pace of the attack.
func (x *raid) expired(s stuffing) {
	n := min(s.count/3, x.app.people*2/3) + 1
	order := permute(uint64(x.app.people), x.r.Uint64())
	type regular struct {
		acc *account
		c   *client
	}
	who := make([]regular, n)
	net := x.net(s.where, min(s.sources, n), s.dress)
	rush := x.w.startNS + int64(.27*float64(x.w.endNS-x.w.startNS))
	quiet := float64(rush-x.now()) / 1e9 / float64(n+1)
	for i := range who {
		who[i] = regular{x.app.accounts[order.at(uint64(i))], net.next(x)}
		if !x.pause(x.pace(quiet*.8, .5, 0)) {
			return
		}
		x.beside(func(y *raid) { y.enter(who[i].c, who[i].acc) })
	}
	x.a.sleepUntil(rush)
	const callsEach = 3 // about
	for _, p := range who {
		if !x.pause(callsEach * x.pace(s.gap, min(s.jitter, .9), s.ramp)) {
			return
		}
		x.beside(func(y *raid) { y.remember(p.c, p.acc) })
	}
}

// remember is one person's way in: perhaps some slips, with too many of them a
// new password.
func (x *raid) remember(c *client, acc *account) {
	name := x.app.loginName(acc)
	slips := 0
	if chance(x.r, .6) {
		slips = 1 + x.r.IntN(4)
	}
	for range slips {
		x.try(c, name, mistyped(x.app.passwordOf(acc), x.r.IntN(1<<30)))
		if !x.pause(x.between(4, 25)) {
			return
		}
	}
	if slips > 2 {
		x.do(c, request{op: x.app.forgot, name: name, anonymous: true})
		if !x.pause(x.between(20, 90)) {
			return
		}
		x.do(c, request{op: x.app.reset, name: name, code: acc.resetCode, secret: "new", anonymous: true})
		x.pause(x.between(2, 8))
	}
	x.enter(c, acc)
}

// mistyped is the password with a slip of the finger.
func mistyped(secret string, h int) string {
	b := []byte(secret)
	if len(b) < 2 {
		return secret + "x"
	}
	i := h % (len(b) - 1)
	if b[i] == b[i+1] {
		b[i] ^= 1
		return string(b)
	}
	b[i], b[i+1] = b[i+1], b[i]
	return string(b)
}

// A spraying tries few passwords on many accounts, one round a day.
type spraying struct {
	users   int
	rounds  int     // passwords
	gap     float64 // seconds between attempts
	sources int
	where   place
	dress   dress
	guessed bool // names that exist everywhere instead of a list of users
}

func (x *raid) spray(s spraying) {
	order := permute(uint64(x.app.people), x.r.Uint64())
	net := x.net(s.where, s.sources, s.dress)
	for round := range s.rounds {
		began := x.now()
		for i := range s.users {
			if !x.pause(x.pace(s.gap, .6, 0)) {
				return
			}
			name := ""
			if s.guessed {
				name = x.serviceName(i)
			} else {
				name = x.app.loginName(x.app.accounts[order.at(uint64(i)%uint64(x.app.people))])
			}
			if p := x.try(net.next(x), name, seasonalPasswords[round%len(seasonalPasswords)]); p.entered != nil {
				x.note(p.entered)
			}
		}
		if left := 86400 - float64(x.now()-began)/1e9; round < s.rounds-1 && left > 0 && !x.pause(left) {
			return
		}
	}
}

// serviceName is the i-th of the accounts that exist everywhere, in the form
// of this application's names.
func (x *raid) serviceName(i int) string {
	name := serviceNames[i%len(serviceNames)]
	if n := i / len(serviceNames); n > 0 {
		name += strconv.Itoa(n)
	}
	if x.app.style.loginName == "email" {
		host := x.app.hosts[0]
		name += "@" + host
	}
	return name
}

// A guessing tries many secrets on one account.
type guessing struct {
	gap     float64
	count   int
	sources int
	where   place
	dress   dress
}

func (x *raid) guess(g guessing) {
	acc := x.victim()
	net := x.net(g.where, g.sources, g.dress)
	for i := 0; i < g.count && x.pause(x.pace(g.gap, .4, 0)); i++ {
		secret := usualPasswords[i%len(usualPasswords)]
		if k := i / len(usualPasswords); k > 0 {
			secret += strconv.Itoa(k)
		}
		p := x.try(net.next(x), x.app.loginName(acc), secret)
		if p.entered != nil {
			x.note(p.entered)
			return // in
		}
		if p.limited {
			x.pause(900)
		}
	}
}

// stubborn is the double of guessing: the holder's mail program asks again and
// again with the password of before, from where it always did.
func (x *raid) stubborn(g guessing) {
	acc := x.victim()
	c := x.net(placeHome, 1, dressPeople).next(x)
	if p := x.try(c, x.app.loginName(acc), x.app.passwordOf(acc)); p.ask != nil {
		x.do(c, request{op: x.app.mfa, challenge: p.ask, code: p.ask.code, anonymous: true})
	}
	old := x.app.passwordOf(acc)
	acc.changes++
	for i := 0; i < g.count && x.pause(x.pace(g.gap, .4, 0)); i++ {
		x.try(c, x.app.loginName(acc), old)
	}
	if x.pause(30) {
		x.try(c, x.app.loginName(acc), x.app.passwordOf(acc))
	}
}

// otp has the right password and guesses the code, starting again whenever the
// challenge is used up.
func (x *raid) otp(gap float64, count int, sources int, where place, d dress) {
	acc := x.victim()
	acc.mfa = true
	net := x.net(where, sources, d)
	var open *challenge
	c := net.next(x)
	for i := 0; i < count && x.pause(x.pace(gap, .4, 0)); {
		if open == nil {
			p := x.try(c, x.app.loginName(acc), x.app.passwordOf(acc))
			if p.limited {
				x.pause(900)
			}
			if open = p.ask; open == nil {
				i++
			}
			continue
		}
		i++
		p := x.do(c, request{op: x.app.mfa, challenge: open, code: digits(x.r, 6), anonymous: true})
		if p.ok {
			x.note(p.entered)
			return
		}
		if p.limited || open.tries >= 5 {
			open, c = nil, net.next(x)
		}
	}
}

// resetCodes asks for a reset in the victim's name and guesses its code.
func (x *raid) resetCodes(gap float64, count, sources int, where place, d dress) {
	acc := x.victim()
	net := x.net(where, sources, d)
	for i := 0; i < count; i++ {
		c := net.next(x)
		if i%40 == 0 {
			x.do(c, request{op: x.app.forgot, name: x.app.loginName(acc), anonymous: true})
		}
		if !x.pause(x.pace(gap, .4, 0)) {
			return
		}
		if p := x.do(c, request{op: x.app.reset, name: x.app.loginName(acc), code: digits(x.r, 6), secret: "x", anonymous: true}); p.ok {
			x.note(acc)
			return
		}
	}
}

// coupons guesses codes of gift cards; its double types codes that were handed out.
func (x *raid) guessCodes(gap float64, count, sources int, where place, d dress) {
	net := x.net(where, sources, d)
	for i := 0; i < count && x.pause(x.pace(gap, .5, 0)); i++ {
		code := ""
		if x.twin {
			code = x.app.coupons.text(uint32(x.r.IntN(int(x.app.couponN))))
			if chance(x.r, .08) {
				code = mistyped(code, x.r.IntN(1<<30))
			}
		} else if code = x.app.coupons.like(x.r); chance(x.r, .004) {
			code = x.app.coupons.text(uint32(x.r.IntN(int(x.app.couponN)))) // part of a pattern was known
		}
		x.do(net.next(x), request{op: x.app.coupon, code: code, anonymous: true})
	}
}

// cards tests card numbers with small payments, from an account made for it.
func (x *raid) cards(gap float64, count, accounts int, where place, d dress) {
	net := x.net(where, accounts, d)
	users := make([]*client, accounts)
	var bin string
	for i := 0; i < count && x.pause(x.pace(gap, .5, 0)); i++ {
		k := i % accounts
		if users[k] == nil {
			users[k] = net.next(x)
			if acc := x.register(users[k], x.r.Uint64()); acc == nil || !x.enter(users[k], acc) {
				users[k] = nil
				continue
			}
		}
		if i%25 == 0 {
			bin = "4" + digits(x.r, 5)
		}
		number := withLuhn(bin + digits(x.r, 9))
		x.do(users[k], request{op: x.app.pay, code: number, fields: []pair{
			{x.app.word("amount"), strconv.Itoa(1+x.r.IntN(3)) + ".00", true}, {x.app.word("card"), number, false}, {"cvc", digits(x.r, 3), false}}})
	}
}

// withLuhn appends the check digit (ISO/IEC 7812-1).
func withLuhn(s string) string {
	for d := '0'; d <= '9'; d++ {
		if luhn(s + string(d)) {
			return s + string(d)
		}
	}
	return s + "0"
}

// whoExists asks for many names whether they have an account.
func (x *raid) whoExists(op *operation, gap float64, count, sources int, where place, d dress) {
	net := x.net(where, sources, d)
	order := permute(uint64(x.app.people), x.r.Uint64())
	for i := 0; i < count && x.pause(x.pace(gap, .5, 0)); i++ {
		h := x.r.Uint64()
		name := x.stranger(h)
		if hashed(h, .12) {
			name = x.app.loginName(x.app.accounts[order.at(uint64(i)%uint64(x.app.people))])
		}
		x.do(net.next(x), request{op: op, name: name, secret: leakedPassword(h), anonymous: true})
	}
}
