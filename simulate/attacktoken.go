package simulate

import (
	"encoding/base64"
	"strings"
)

// Attacks with credentials that are not the bearer's, and with what a
// credential lets do once it is taken.

// replay uses a token that was stolen from a person who goes on using it.
func (x *raid) replay(gap float64, count int, where place) {
	owner := x.person()
	if !x.enter(owner, x.account) {
		return
	}
	acc, t := x.account, owner.token
	res := x.private()
	var thief *client
	if x.twin { // the phone leaves the house: the same device from a carrier's address
		thief = x.twinOf(owner, placeMobile, false)
	} else {
		thief = x.twinOf(owner, where, true)
	}
	thief.token = t
	for i := range count {
		if !x.pause(x.pace(gap, .8, 0)) {
			return
		}
		x.as(thief, acc)
		if !owner.token.valid(x.app, x.now()) { // it is stolen again, from the same machine
			x.mark(0)
			if x.twin {
				x.mark(1)
			}
			if !x.enter(owner, acc) {
				return
			}
			thief.token = owner.token
		}
		if x.twin {
			if i > 0 && i%40 == 0 {
				owner, thief = thief, owner
			}
			x.browse(owner, res)
			continue
		}
		if i%2 == 0 {
			x.mark(0)
			x.browse(owner, res)
			continue
		}
		x.mark(1)
		x.browse(thief, res)
	}
}

// sold lets many use one paid account at once.
func (x *raid) sold(gap float64, count, users int, where place) {
	first := x.person()
	if !x.enter(first, x.account) {
		return
	}
	t := first.token
	var kiosk *egress
	team := make([]*client, users)
	for i := range team {
		team[i] = x.net(where, 1, dressPeople).next(x)
		if x.twin { // one account on the screens of one house
			if kiosk == nil {
				kiosk = team[0].out
			}
			team[i] = x.twinOf(team[0], where, false)
			team[i].move(kiosk)
		}
		team[i].token = t
		x.as(team[i], x.account)
	}
	res := x.private()
	for range count {
		if !x.pause(x.pace(gap, .8, 0)) {
			return
		}
		if !t.valid(x.app, x.now()) {
			if !x.enter(first, x.account) {
				return
			}
			t = first.token
			for _, c := range team {
				c.token = t
			}
		}
		x.browse(pick(x.r, team), res)
	}
}

// forge changes a token in the known ways and sees what is believed.
func (x *raid) forge(gap float64, count int, accepted bool) {
	c := x.net(placeHosting, 1, dressTool).next(x)
	if !x.enter(c, x.member(nil, 0)) {
		return
	}
	admin := x.employee()
	var staffOp *operation
	for _, op := range x.app.ops {
		if op.employees && op.kind == opList && !op.dead {
			staffOp = op
		}
	}
	if staffOp == nil {
		staffOp = x.app.me
	}
	for i := range count {
		if !x.pause(x.pace(gap, .8, 0)) {
			return
		}
		q := request{op: staffOp, auth: "Bearer " + forgedToken(x, i, admin)}
		if accepted && i%4 == 0 {
			q.as = admin
		}
		x.do(c, q)
	}
}

// forgedToken is the i-th trick of the usual list (RFC 8725, section 2).
func forgedToken(x *raid, i int, admin *account) string {
	heads := [...]string{
		`{"alg":"none","typ":"JWT"}`, `{"alg":"None","typ":"JWT"}`, `{"alg":"nOnE","typ":"JWT"}`, `{"alg":"HS256","typ":"JWT","kid":"../../../../dev/null"}`,
		`{"alg":"HS256","typ":"JWT","kid":"1' UNION SELECT 'a"}`, `{"alg":"RS256","typ":"JWT","jku":"https://keys.attacker.example/jwks.json"}`, `{"typ":"JWT"}`,
		`{"alg":"HS256","typ":"JWT"}`, `{"alg":"RS256","typ":"JWT","jwk":{"kty":"RSA","e":"AQAB","n":"sXch"}}`,
	}
	enc := base64.RawURLEncoding
	var b []byte
	parts := strings.Split(string(x.app.appendJWT(b, admin, x.now(), x.now()+3600e9, x.r)), ".")
	parts[0] = enc.EncodeToString([]byte(heads[i%len(heads)]))
	if i%len(heads) < 3 || i%len(heads) == 6 {
		parts[2] = ""
	}
	return strings.Join(parts, ".")
}

// outlived goes on with a token after its end; the application forgot to look.
func (x *raid) outlived(gap float64, count int) {
	c := x.net(placeHome, 1, dressTool).next(x)
	acc := x.member(nil, 0)
	if !x.enter(c, acc) {
		return
	}
	t := c.token
	res := x.private()
	x.pause(max(60, float64(min(t.expires, x.end)-x.now())/1e9+60))
	for range count {
		if !x.pause(x.pace(gap, .8, 0)) {
			return
		}
		x.believed = acc
		x.browse(c, res)
		x.believed = nil
	}
}

// fixation gives a victim a session that the attacker knows, and uses it once
// the victim has logged in.
func (x *raid) fixation(gap float64, count int) {
	victim := x.person()
	if !x.enter(victim, x.account) {
		return
	}
	thief := x.net(placeHosting, 1, dressPeople).next(x)
	thief.token = victim.token
	x.as(thief, x.account)
	res := x.private()
	for i := range count {
		if !x.pause(x.pace(gap, .8, 0)) {
			return
		}
		if i%3 == 0 {
			x.mark(0)
			x.browse(victim, res)
			continue
		}
		x.mark(1)
		x.browse(thief, res)
	}
}

// takeover enters with a password that a victim typed into a false page,
// changes where mails go, and takes what is there; its double is a person with
// a new phone and a new address.
func (x *raid) takeover(victims int, gap float64, where place) {
	for range victims {
		acc := x.victim()
		c := x.net(where, 1, dressPeople).next(x)
		if x.twin {
			c = x.twinOf(x.home(acc), placeHome, false)
		}
		if !x.enter(c, acc) {
			continue
		}
		x.mark(1)
		x.ransack(c, acc, gap)
		if !x.pause(x.pace(3600, .5, 0)) {
			return
		}
	}
}

// ransack changes the address of an account and reads what it holds.
func (x *raid) ransack(c *client, acc *account, gap float64) {
	x.do(c, request{op: x.app.me})
	if !x.pause(x.pace(gap, .5, 0)) {
		return
	}
	x.do(c, request{op: x.app.meUpdate, fields: []pair{{x.app.word("email"), "m" + x.r2(9) + "@inbox.example", false}}})
	for _, res := range x.app.resources {
		if res.access != owned || res.list == nil || res.parent != nil || res.list.dead || x.twin && chance(x.r, .6) {
			continue
		}
		if !x.pause(x.pace(gap, .5, 0)) {
			return
		}
		p := x.do(c, request{op: res.list})
		items := append([]uint32(nil), p.items...)
		for _, n := range items[:min(len(items), 5)] {
			if res.get == nil || !x.pause(x.pace(gap, .5, 0)) {
				break
			}
			x.object(c, res.get, res, n, nil)
		}
	}
}
