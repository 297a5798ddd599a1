package simulate

import (
	"strings"
	"time"
)

// renew replaces a credential that is no longer good: by a refresh, or by
// logging in once more. What the program first hears is a refusal.
func (a *agent) renew(t *token) bool {
	app := a.w.app
	a.call(request{op: app.me})
	if t.refresh != "" && !t.revoked && t.epoch == app.accounts[t.account].epoch {
		if p := a.call(app.refreshRequest(t)); p.token != nil {
			a.client.token = p.token
			return true
		}
	}
	a.client.token = nil
	if app.style.auth == authKeyHeader || app.style.auth == authKeyQuery || app.style.auth == authBasic {
		a.client.token = app.mint(app.accounts[t.account], a.now, a.rng, false)
		return true
	}
	return a.signIn(app.accounts[t.account])
}

// enterSession brings a person in: with the session it still has, a refreshed
// token, or a login. It is false when the person gave up.
func (w *World) enterSession(a *agent, p *person, slot int) bool {
	app, r := w.app, a.rng
	acc := app.accounts[p.account]
	a.account = acc
	if app.style.auth == authKeyHeader || app.style.auth == authKeyQuery || app.style.auth == authBasic {
		if p.tokens[0] == nil || p.tokens[0].epoch != acc.epoch {
			p.tokens[0] = app.mint(acc, a.now-1, r, false)
			p.tokens[0].expires = a.now + 3650*dayNS
		}
		a.client.token = p.tokens[0]
		if !chance(r, w.habits.loginShare) {
			return true
		}
		if !a.signIn(acc) { // to the portal, where the keys are shown
			return false
		}
		p.tokens[0] = a.client.token
		return true
	}
	if !p.seen && !chance(r, .1) { // was here before the run began
		p.tokens[0] = app.mint(acc, a.now-int64(r.Float64()*float64(app.style.tokenLife)*.9e9), r, false)
		p.tokens[1] = app.mint(acc, a.now-int64(r.Float64()*float64(app.style.tokenLife)*.9e9), r, false)
		p.trusted = [2]bool{true, true}
	}
	p.seen = true
	own := a.client.device
	if p.trusted[slot] {
		a.client.trust = acc.n + 1
	}
	t := p.tokens[slot]
	if t != nil && chance(r, w.habits.loginShare) { // logged out, cookies cleared, reinstalled
		t = nil
	}
	switch {
	case t != nil && t.valid(app, a.now):
		a.client.token = t
		return true
	case t != nil && t.refresh != "" && t.epoch == acc.epoch && app.refresh != nil:
		if rep := a.call(app.refreshRequest(t)); rep.token != nil {
			a.client.token, p.tokens[slot] = rep.token, rep.token
			return true
		}
	}
	if chance(r, w.habits.unfamiliar) { // a new device, a friend's computer
		device := r.Uint64()
		prog := w.programOf(device)
		out := a.client.out
		if chance(r, .5) {
			out = w.egressOf(-1, device, prog, a.now, r)
		}
		a.client = w.newClient(prog, device, out, a.now)
	}
	if !a.signIn(acc) {
		p.tokens[slot] = nil
		return false
	}
	if a.client.device == own {
		p.tokens[slot], p.trusted[slot] = a.client.token, true
	}
	return true
}

// signIn is a person logging in, with the mistakes that people make. The
// session is the client's then.
func (a *agent) signIn(acc *account) bool { return a.signInFailing(acc, a.w.habits.firstFailure) }

// signInFailing is signIn with a share of its own of first attempts that fail.
func (a *agent) signInFailing(acc *account, first float64) bool {
	w, r := a.w, a.rng
	app, h := w.app, &w.habits
	fail := first
	for try := range 6 {
		name, secret := app.loginName(acc), app.passwordOf(acc)
		if acc.expired {
			break
		}
		if chance(r, fail) {
			switch x := r.Float64(); {
			case x < h.wrongUser/max(.01, first):
				name = typo(name, r.IntN(len(name)), byte('a'+r.IntN(26)))
			case x < .7:
				secret = typo(secret, r.IntN(len(secret)), byte('a'+r.IntN(26)))
			default:
				secret = pick(r, things) + pick(r, []string{"123", "2024", "!", "99"})
			}
		}
		p := a.login(name, secret)
		if p.ask != nil {
			return a.giveCode(acc, p.ask)
		}
		if p.ok && p.token != nil {
			a.client.token = p.token
			return true
		}
		if p.limited {
			return false
		}
		if chance(r, h.abandon*3) && try > 0 || chance(r, h.abandon) {
			return false
		}
		fail = .3
		a.think(7 * time.Second)
		if try == 3 {
			break
		}
	}
	if app.forgot == nil {
		return false
	}
	return a.resetPassword(acc)
}

func typo(s string, i int, c byte) string {
	if i < 0 || i >= len(s) || s[i] == c {
		return s + "1"
	}
	return s[:i] + string(c) + s[i+1:]
}

// giveCode answers a challenge; most get it right at once.
func (a *agent) giveCode(acc *account, c *challenge) bool {
	app, r := a.w.app, a.rng
	for range 3 {
		a.think(12 * time.Second)
		code := c.code
		if chance(r, .06) {
			code = typo(code, r.IntN(len(code)), byte('0'+r.IntN(10)))
		}
		p := a.call(app.codeRequest(c, code))
		if p.ok {
			a.client.token, a.client.trust = p.token, acc.n+1
			return true
		}
		if p.limited {
			return false
		}
	}
	return false
}

// resetPassword asks for a mail, reads it and sets a new password.
func (a *agent) resetPassword(acc *account) bool {
	app := a.w.app
	a.call(app.forgotRequest(app.loginName(acc)))
	if chance(a.rng, .3) || acc.resetCode == "" {
		return false
	}
	a.sleep(time.Duration(logNormal(a.rng, 50, .8)) * time.Second)
	p := a.call(app.resetRequest(app.loginName(acc), acc.resetCode))
	if !p.ok {
		return false
	}
	a.think(5 * time.Second)
	p = a.login(app.loginName(acc), app.passwordOf(acc))
	if p.ask != nil {
		return a.giveCode(acc, p.ask)
	}
	if p.token == nil {
		return false
	}
	a.client.token = p.token
	return true
}

// register makes a new account and logs in.
func (a *agent) register(email string) *account {
	app := a.w.app
	p := a.call(app.registerRequest(email, ""))
	if !p.ok || p.entered == nil {
		return nil
	}
	acc := p.entered
	a.account = acc
	a.think(6 * time.Second)
	if p = a.login(app.loginName(acc), app.passwordOf(acc)); p.token != nil {
		a.client.token = p.token
	}
	return acc
}

// Requests of the login family in the application's style.

func (a *application) loginRequest(name, secret string) request {
	q := request{op: a.login, name: name, secret: secret, anonymous: true}
	switch {
	case a.style.auth == authBasic:
		q.auth = basic(name, secret)
	case a.style.grant:
		q.fields = []pair{{"grant_type", "password", false}, {"username", name, false}, {"password", secret, false}, {"client_id", a.kind.name + "-app", false}}
	default:
		q.fields = []pair{{a.loginField(), name, false}, {a.word("password"), secret, false}}
	}
	return q
}

func (a *application) codeRequest(c *challenge, code string) request {
	return request{op: a.mfa, challenge: c, code: code, anonymous: true, fields: []pair{{"challenge", c.id, false}, {a.word("code"), code, false}}}
}

func (a *application) refreshRequest(t *token) request {
	q := request{op: a.refresh, old: t, anonymous: true, fields: []pair{{"refresh_token", t.refresh, false}}}
	if a.style.grant {
		q.fields = append([]pair{{"grant_type", "refresh_token", false}}, q.fields...)
	}
	return q
}

func (a *application) forgotRequest(name string) request {
	return request{op: a.forgot, name: name, anonymous: true, fields: []pair{{a.loginField(), name, false}}}
}

func (a *application) resetRequest(name, code string) request {
	secret := ""
	if acc := a.find(name); acc != nil {
		next := *acc
		next.changes++
		secret = a.passwordOf(&next)
	}
	return request{op: a.reset, name: name, code: code, anonymous: true, fields: []pair{{a.loginField(), name, false}, {a.word("code"), code, false}, {a.word("password"), secret, false}}}
}

func (a *application) registerRequest(email, secret string) request {
	local, _, _ := strings.Cut(email, "@")
	if secret == "" { // the one that the new account will have
		secret = a.passwordOf(&account{n: int32(len(a.accounts))})
	}
	return request{op: a.register, name: email, anonymous: true, fields: []pair{{a.word("email"), email, false}, {a.word("password"), secret, false}, {a.word("name"), strings.ReplaceAll(local, ".", " "), false}}}
}

// passwordRequest changes the password of who is logged in.
func (a *application) passwordRequest(acc *account) request {
	next := *acc
	next.changes++
	return request{op: a.password, secret: a.passwordOf(acc), fields: []pair{{"current", a.passwordOf(acc), false}, {a.word("password"), a.passwordOf(&next), false}}}
}
