package simulate

import (
	"encoding/base64"
	"math/rand/v2"
	"strconv"
)

// A token is a credential as its holder keeps it: a bearer token, a session
// cookie, an API key, or the name and password of Basic.
type token struct {
	account int32
	epoch   uint16
	issued  int64
	expires int64
	revoked bool
	service bool   // an API key: stands in its own header, whatever people use
	text    string // the secret itself
	line    string // as it stands in its header or cookie
	refresh string
}

func (t *token) valid(a *application, now int64) bool {
	return !t.revoked && t.expires > now && t.epoch == a.accounts[t.account].epoch
}

// mint makes a credential for an account in the application's style.
func (a *application) mint(acc *account, now int64, r *rand.Rand, key bool) *token {
	t := &token{account: acc.n, epoch: acc.epoch, issued: now, expires: now + a.style.tokenLife*1e9}
	style := a.style.auth
	if key {
		t.expires, t.service = now+10*365*86400*1e9, true
		if style < authKeyHeader {
			style = authKeyHeader
		}
	}
	var b []byte
	switch style {
	case authJWT:
		b = a.appendJWT(b, acc, now, t.expires, r)
		t.text = string(b)
		t.line = "Bearer " + t.text
	case authBasic:
		t.text = a.loginName(acc) + ":" + a.passwordOf(acc)
		t.line = "Basic " + base64.StdEncoding.EncodeToString([]byte(t.text))
	case authCookie:
		t.text = randomText(r, 32)
		t.line = []string{"sid=", "session=", "JSESSIONID=", "connect.sid="}[a.seed%4] + t.text
	default:
		t.text = randomText(r, 40)
		if style != authOpaque && a.seed%3 == 0 {
			t.text = "key_" + t.text
		}
		t.line = t.text
		if style == authOpaque {
			t.line = "Bearer " + t.text
		}
	}
	if a.style.refresh && !key {
		t.refresh = randomText(r, 43)
	}
	return t
}

func randomText(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = base62[r.IntN(62)]
	}
	return string(b)
}

// appendJWT writes a JSON Web Token (RFC 7519) with a signature of the right
// length that nobody can check.
func (a *application) appendJWT(b []byte, acc *account, now, expires int64, r *rand.Rand) []byte {
	enc := base64.RawURLEncoding
	algorithm, size := "RS256", 256
	if a.seed%3 == 1 {
		algorithm, size = "ES256", 64
	} else if a.seed%3 == 2 {
		algorithm, size = "HS256", 32
	}
	b = enc.AppendEncode(b, []byte(`{"alg":"`+algorithm+`","typ":"JWT","kid":"`+strconv.FormatUint(a.seed>>40, 16)+`"}`))
	c := append([]byte(nil), `{"iss":"https://`...)
	c = append(append(c, a.hosts[len(a.hosts)-1]...), `","sub":"`...)
	c = append(a.users.append(c, uint32(acc.n)), `","aud":"api","iat":`...)
	c = append(strconv.AppendInt(c, now/1e9, 10), `,"exp":`...)
	c = append(strconv.AppendInt(c, expires/1e9, 10), `,"jti":"`...)
	c = append(appendHex(c, r.Uint64(), 16), `","role":"`...)
	c = append(append(c, roleNames[acc.role]...), '"')
	if a.seed%2 == 0 {
		c = append(append(append(c, `,"email":"`...), a.emailOf(acc)...), '"')
	}
	if a.kind.name == "saas" || a.kind.name == "partner" {
		c = append(a.tenantID.append(append(c, `,"org":"`...), uint32(acc.tenant)), '"')
	}
	b = append(b, '.')
	b = enc.AppendEncode(b, append(c, '}'))
	b = append(b, '.')
	sig := make([]byte, size)
	for i := 0; i < size; i += 8 {
		x := r.Uint64()
		for j := range 8 {
			sig[i+j] = byte(x >> (8 * j))
		}
	}
	return enc.AppendEncode(b, sig)
}

// serveLogin answers the login family.
func (w *World) serveLogin(a *agent, q *request, p *reply, acc *account) {
	app, now, s := w.app, a.now, &w.app.style
	switch p.op.kind {
	case opLogin:
		acc = app.find(q.name)
		switch {
		case acc == nil:
			p.wrong = true
			w.loginFailed(p, true)
		case acc.lockedUntil > now:
			p.limited = true
			w.fail(p, 423, "locked", "account locked")
		case q.secret != app.passwordOf(acc) || acc.expired:
			p.wrong = true
			if acc.fails++; s.lockAfter > 0 && int(acc.fails) >= s.lockAfter {
				acc.lockedUntil, acc.fails = now+15*60*1e9, 0
			}
			w.loginFailed(p, false)
		case acc.disabled:
			p.denied = true
			w.fail(p, 403, "account_disabled", "account disabled")
		case acc.mfa && !a.client.trusted(acc.n):
			acc.fails = 0
			p.entered = acc
			p.ask = &challenge{account: acc.n, id: randomText(a.rng, 24), code: digits(a.rng, 6), untilNS: now + 10*60*1e9}
			w.ok(p, 200)
			w.body = append(append(append(w.body, `{"mfa_required":true,"challenge":"`...), p.ask.id...), `"}`...)
			w.close(p)
			p.ok = false
		default:
			w.enter(a, p, acc)
		}
	case opMFA:
		c := q.challenge
		if c == nil || now > c.untilNS || c.tries >= 5 {
			p.wrong, p.limited = true, c != nil && c.tries >= 5
			w.fail(p, 401, "challenge_expired", "start again")
		} else if c.tries++; q.code != c.code {
			p.wrong = true
			w.fail(p, 401, "invalid_code", "code not valid")
		} else {
			w.enter(a, p, app.accounts[c.account])
		}
	case opRefresh:
		if q.old == nil || q.old.revoked || q.old.refresh == "" || q.old.epoch != app.accounts[q.old.account].epoch || now > q.old.issued+60*86400*1e9 {
			p.wrong = true
			w.fail(p, 401, "invalid_grant", "refresh token not valid")
			return
		}
		q.old.revoked = true
		w.enter(a, p, app.accounts[q.old.account])
	case opLogout:
		if t := a.credential(q); t != nil {
			t.revoked = true
		}
		p.ok, p.status = true, 204
		if s.api != apiREST {
			w.ok(p, 200)
			w.body = append(w.body, `true`...)
			w.close(p)
		}
	case opForgot:
		acc = app.find(q.name)
		if acc == nil && s.forgotTell {
			p.wrong = true
			w.fail(p, 404, "unknown_account", "no such account")
			return
		}
		if acc != nil {
			acc.resetCode, acc.resetUntil = digits(a.rng, 6), now+3600*1e9
			if app.seed&8 != 0 {
				acc.resetCode = randomText(a.rng, 32)
			}
		}
		w.ok(p, 202)
		w.body = append(w.body, `{"message":"if the account exists we sent a mail"}`...)
		w.close(p)
	case opReset:
		acc = app.find(q.name)
		if acc == nil || acc.resetCode == "" || q.code != acc.resetCode || now > acc.resetUntil {
			p.wrong = true
			w.fail(p, 400, "invalid_code", "code not valid")
			return
		}
		acc.resetCode, acc.expired = "", false
		acc.changes++
		acc.epoch++
		p.entered = acc
		w.ok(p, 200)
		w.body = append(w.body, `{"changed":true}`...)
		w.close(p)
	case opRegister:
		if app.find(q.name) != nil {
			p.wrong = true
			w.fail(p, 409, "already_exists", "already registered")
			return
		}
		acc = app.newAccount()
		if q.name != "" && (s.loginName == "email") {
			delete(app.byLogin, hashText(0, app.loginName(acc)))
			acc.email, acc.login = q.name, ""
			app.byLogin[hashText(0, q.name)] = acc.n
		}
		acc.tenant = int32(a.rng.IntN(app.tenants))
		p.entered = acc
		w.ok(p, 201)
		w.body = appendAccount(w.body, app, acc)
		w.close(p)
	case opPassword:
		if q.secret != app.passwordOf(acc) {
			p.wrong = true
			w.fail(p, 400, "invalid_password", "current password not right")
			return
		}
		acc.changes++
		acc.expired = false
		p.entered = acc
		w.ok(p, 200)
		w.body = append(w.body, `{"changed":true}`...)
		w.close(p)
	}
}

// loginFailed says no in the application's way.
func (w *World) loginFailed(p *reply, unknown bool) {
	s := &w.app.style
	text, code := "wrong user name or password", "invalid_credentials"
	if s.unknown && unknown {
		text, code = "this account does not exist", "unknown_user"
	}
	if s.grant {
		code = "invalid_grant"
	}
	status := [...]int{401, 400, 403, 422, 200, 302}[s.fail]
	if unknown && s.unknown404 && s.api == apiREST && status != 200 && status != 302 {
		status = 404
	}
	if status == 302 {
		p.status, p.location = 302, w.app.login.parts[0]+"?error=1"
		return
	}
	if s.form && status == 200 {
		p.status, p.html = 200, true
		w.body = append(appendPage(w.body[:0], text), `<form method="post"><p class="error">`...)
		w.body = append(append(w.body, text...), `</p></form>`...)
		return
	}
	w.fail(p, status, code, text)
}

// enter mints a credential and tells it.
func (w *World) enter(a *agent, p *reply, acc *account) {
	app, s := w.app, &w.app.style
	acc.fails = 0
	p.entered = acc
	t := app.mint(acc, a.now, a.rng, false)
	p.token = t
	if s.auth == authCookie {
		p.cookie = t.line + "; Path=/; HttpOnly; SameSite=Lax"
	}
	if s.redirectOK && p.op.kind == opLogin {
		p.ok, p.status, p.location = true, 302, "/"
		return
	}
	w.ok(p, 200)
	switch {
	case s.auth == authCookie || s.auth == authBasic:
		w.body = append(append(append(w.body, `{"`...), app.word("user")...), `":`...)
		w.body = append(appendAccount(w.body, app, acc), '}')
	case s.grant:
		w.body = append(append(append(w.body, `{"access_token":"`...), t.text...), `","token_type":"Bearer","expires_in":`...)
		w.body = strconv.AppendInt(w.body, s.tokenLife, 10)
		w.body = w.appendRefresh(t)
	default:
		w.body = append(append(append(append(append(w.body, `{"`...), app.word("token")...), `":"`...), t.text...), `","expiresIn":`...)
		w.body = strconv.AppendInt(w.body, s.tokenLife, 10)
		if app.seed&4 != 0 {
			w.body = append(append(append(w.body, `,"`...), app.word("user")...), `":`...)
			w.body = appendAccount(w.body, app, acc)
		}
		w.body = w.appendRefresh(t)
	}
	w.close(p)
}

func (w *World) appendRefresh(t *token) []byte {
	if t.refresh != "" {
		w.body = append(append(append(w.body, `,"refresh_token":"`...), t.refresh...), '"')
	}
	return append(w.body, '}')
}

func digits(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('0' + r.IntN(10))
	}
	return string(b)
}
