package simulate

import (
	"fmt"
	"time"
)

// habits are how the people of one world behave; drawn once.
type habits struct {
	loginShare   float64 // of sessions that begin with a login
	firstFailure float64 // of logins whose first attempt fails
	abandon      float64
	wrongUser    float64
	unfamiliar   float64 // of logins from a device never seen
	appShare     float64 // of people whose main device runs the application's own app
	background   float64 // of visits that are the phone's own
	broken       float64 // of screens with a broken link
	medianMin    float64
}

// A person is somebody with an account, or a visitor without.
type person struct {
	account int32 // -1: a visitor
	device  uint64
	perDay  float64
	tokens  [2]*token
	trusted [2]bool
	seen    bool
}

func (w *World) people(users int) {
	r := newRandom(w.seed, "habits", 0)
	w.newcomers(users)
	w.habits = habits{loginShare: between(r, .03, .08), firstFailure: between(r, .05, .25), abandon: between(r, .01, .05), wrongUser: between(r, .01, .03),
		unfamiliar: between(r, .02, .08), appShare: between(r, .3, .7), background: between(r, .1, .3), broken: between(r, .001, .006), medianMin: 6}
	k := w.app.kind
	for n := range users {
		a := w.newAgent("person", uint64(n))
		p := &person{account: int32(n), device: w.deviceOf(int32(n), 0)}
		p.perDay = k.perDay * w.opts.Rate * logNormal(a.rng, 1, .8)
		w.settle(a, p)
	}
	for n := range int(float64(users) * k.guests) {
		a := w.newAgent("visitor", uint64(n))
		p := &person{account: -1, device: a.rng.Uint64()}
		p.perDay = .15 * w.opts.Rate * logNormal(a.rng, 1, 1)
		w.settle(a, p)
	}
}

// settle lets a person come again and again.
func (w *World) settle(a *agent, p *person) {
	w.live(a, p)
	if first := w.clock.next(a.rng, w.startNS, w.endNS, p.perDay); first > 0 {
		w.start(a, first)
	}
}

// live gives an agent the life of a person.
func (w *World) live(a *agent, p *person) {
	a.play = func(a *agent) { w.visit(a, p) }
	a.again = func(a *agent) int64 {
		a.client, a.account = nil, nil
		a.last = reply{}
		return w.clock.next(a.rng, a.now, w.endNS, p.perDay)
	}
}

// deviceOf names the i-th device of an account.
func (w *World) deviceOf(account int32, i int) uint64 {
	return hash3(w.seed, uint64(account)+1, uint64(i)+0xd371ce)
}

// programOf is what runs on a device.
func (w *World) programOf(device uint64) *program {
	h := hash2(device, 0xa9)
	x := float64(h>>11) / (1 << 53)
	if hashed(mix(h), w.habits.appShare) {
		return w.progs.pick(w.progs.apps, x)
	}
	return w.progs.pick(w.progs.browsers, x)
}

// egressOf is where a person's packets leave: at home, over a carrier, from an
// office in its hours, through a VPN.
func (w *World) egressOf(account int32, device uint64, prog *program, ns int64, r interface{ Float64() float64 }) *egress {
	who := account
	if who < 0 {
		who = int32(device & (1<<30 - 1))
	}
	h := hash3(w.net.seed, uint64(uint32(who)), 17)
	rng := newRandom(device, "egress", uint64(ns/60e9))
	switch {
	case hashed(h, .035):
		p := w.net.byClass[vpn][h%uint64(len(w.net.byClass[vpn]))]
		return pick(rng, p.shared)
	case hashed(mix(h+1), .02):
		return &egress{addr: w.net.byClass[hosting][h%uint64(len(w.net.byClass[hosting]))].v4At(uint64(uint32(who))), ports: rng.Uint32(), class: hosting}
	}
	if at, ok := w.net.officeOf[account]; ok && account >= 0 {
		if hour, workday := w.clock.hour(ns); workday && hour >= 8 && hour < 18 && r.Float64() < .85 {
			return w.net.offices[at]
		}
	}
	if prog.phone && r.Float64() < .5 {
		return w.net.cell(who, device, rng)
	}
	e := w.net.home(who, device, ns)
	return &e
}

// visit is one session of a person.
func (w *World) visit(a *agent, p *person) {
	r, app := a.rng, w.app
	slot := 0
	if chance(r, .2) {
		slot = 1
	}
	device := p.device
	if slot == 1 {
		device = mix(p.device + 1)
	}
	prog := w.programOf(device)
	a.client = w.newClient(prog, device, w.egressOf(p.account, device, prog, a.now, r), a.now)
	over := a.now + int64(min(logNormal(r, w.habits.medianMin, 1.2), 6*60)*60e9)
	hop := w.nextHop(a)
	screens := app.guestScreens
	if p.account >= 0 {
		screens = app.screens
		if !w.enterSession(a, p, slot) {
			return
		}
		if a.account.role != roleUser && len(app.staffScreens) > 0 && chance(r, .5) {
			screens = app.staffScreens
		}
	} else if len(screens) == 0 {
		return
	}
	if prog.phone && !prog.cookies && p.account >= 0 && chance(r, w.habits.background) {
		w.backgroundSync(a)
		return
	}
	if prog.cookies && chance(r, .5) {
		w.openPage(a)
	} else if !prog.cookies && chance(r, .3) {
		a.issue(request{op: app.config})
	}
	a.roam(screens, over, func() {
		if a.now > hop && a.client.device == device {
			a.client.move(w.egressOf(p.account, device, prog, a.now, r))
			hop = w.nextHop(a)
		}
		if a.client.device == device { // not one that was borrowed
			p.tokens[slot] = a.client.token
		}
	})
	if a.client.token != nil && chance(r, .02) {
		a.call(request{op: app.logout})
		p.tokens[slot] = nil
	}
}

// roam opens one screen after another until a time. Before each it calls
// before, and it renews a session that has run out.
func (a *agent) roam(screens []screen, over int64, before func()) {
	w, r := a.w, a.rng
	for a.now < over && len(screens) > 0 {
		if t := a.client.token; t != nil && !t.valid(w.app, a.now) && !a.renew(t) {
			return
		}
		if before != nil {
			before()
		}
		a.open(&screens[w.app.pickScreen(r.Float64(), screens)])
		if chance(r, w.habits.broken) {
			w.followBrokenLink(a)
		}
		if chance(r, .004) {
			a.errand()
		}
		a.think(4 * time.Second)
	}
}

func (a *application) pickScreen(x float64, screens []screen) int {
	sum := 0.0
	for i := range screens {
		sum += screens[i].weight
	}
	x *= sum
	for i := range screens {
		if x -= screens[i].weight; x < 0 {
			return i
		}
	}
	return len(screens) - 1
}

// nextHop is when a phone gets another address.
func (w *World) nextHop(a *agent) int64 {
	if a.client.out.class != mobile {
		return 1<<63 - 1
	}
	return a.now + int64(logBetween(a.rng, 5, 120)*60e9)
}

// backgroundSync is what a phone does by itself: no pauses, the same few calls.
func (w *World) backgroundSync(a *agent) {
	app := w.app
	a.issue(request{op: app.config})
	for i, op := range app.sideOps {
		if i == 3 {
			break
		}
		a.sleep(5 * time.Millisecond)
		a.issue(request{op: op})
	}
	a.sleepUntil(a.last.overNS)
}

// openPage is a browser that comes to the site itself.
func (w *World) openPage(a *agent) {
	app := w.app
	a.call(request{op: app.page})
	if chance(a.rng, .5) {
		a.issue(request{op: app.asset})
		a.sleep(4 * time.Millisecond)
		a.issue(request{op: app.favicon})
		a.sleep(4 * time.Millisecond)
	}
	a.issue(request{op: app.config})
}

// followBrokenLink asks for something that is gone, or never was.
func (w *World) followBrokenLink(a *agent) {
	app, r := w.app, a.rng
	res := pick(r, app.resources)
	h := hash2(app.seed, uint64(popular(r, 12, 1)))
	q := request{method: "GET", anonymous: app.style.auth != authCookie}
	switch {
	case res.get != nil && res.access == public && res.id.kind != idInt && app.style.api == apiREST && chance(r, .3):
		q = request{op: res.get, id: res.id.like(r)}
	default:
		q.path = fmt.Sprintf("/%s/%s-%d", pick(r, []string{"img", "static", "assets", "content"}), things[h%uint64(len(things))], h>>20%40) + pick(r, []string{".png", ".css", ".js.map", ""})
	}
	a.call(q)
}
