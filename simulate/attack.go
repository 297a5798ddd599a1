package simulate

import (
	"math"
	"math/rand/v2"
	"strconv"
)

// How an attack is written. attackPlots lists them; each is a function of a
// raid, which is one attacker: somebody with tools who works through a list.
// The attacker knows what attackers know (lists that were leaked, words, what
// the application disclosed), acts through clients whose addresses and programs
// come from where everybody's come from, and heeds the answers.
//
// The levels are paces and disguises of the same deed:
//
//	L1  overt: as fast as tools are by default, from one place
//	L2  throttled below every published static threshold (see the tests)
//	L3  low and slow: hours between steps
//	L4  divided among many addresses, in the dress of ordinary programs

// A raid is one attacker at work.
type raid struct {
	c   *cast
	w   *World
	app *application
	a   *agent
	// r draws what the attacker chooses; the agent's own stream is the answers'.
	r        *rand.Rand
	tool     *program // what scripts of this attacker are written with; its double's too
	level    int
	twin     bool
	began    int64
	end      int64 // nothing begins after
	account  *account
	believed *account // whom the application takes the sender for
	who      map[*client]*account
	knows    map[*client]bool // clients that have logged in themselves, and can again
	hidden   *partState       // the part, while calls are everyday ones
	scraped  *operation       // the operation that gives an item
	pages    bool             // what a list shows is taken
}

// raid lets an attacker begin in a part of the run and go on until its end.
func (c *cast) raid(from, to float64, deed func(*raid)) {
	x := &raid{c: c, w: c.w, app: c.app, r: newRandom(c.w.seed, "raid "+c.part.Scenario, uint64(c.index)<<32|c.count), twin: c.twin, who: map[*client]*account{}, knows: map[*client]bool{}}
	if len(c.level) == 2 {
		x.level = int(c.level[1] - '0')
	}
	tools := c.w.progs.machines[:len(c.w.progs.machines)-1] // the last is a monitor
	x.tool = c.w.progs.pick(tools, newRandom(c.w.seed, "tool "+c.part.Scenario, uint64(c.index)).Float64())
	x.began = c.within(from, from+.05)
	x.end = c.w.startNS + int64(to*float64(c.w.endNS-c.w.startNS))
	c.agent(x.began, func(a *agent) {
		x.a = a
		a.judge = x.judge
		deed(x)
	})
}

// beside lets somebody else of the cast act at the same time.
func (x *raid) beside(deed func(*raid)) {
	y := *x
	y.who, y.knows, y.r = map[*client]*account{}, map[*client]bool{}, newRandom(x.r.Uint64(), "beside", 0)
	x.c.agent(x.a.now, func(a *agent) {
		y.a = a
		a.judge = y.judge
		deed(&y)
	})
}

// judge counts the harm of a call. What counts for a scenario is said by its
// unit; the application knows.
func (x *raid) judge(q *request, p *reply) int {
	if x.twin {
		return 0
	}
	switch x.c.part.HarmUnit {
	case unitSecrets:
		if p.entered != nil && (p.op == x.app.login || p.op == x.app.reset || p.op == x.app.mfa && p.ok) {
			return 1
		}
	case unitEntered:
		if p.token != nil || p.ok && p.op == x.app.reset {
			return 1
		}
	case unitCodes:
		if p.ok && (p.op == x.app.coupon || p.op == x.app.pay) {
			return 1
		}
	case unitNames:
		if q.name != "" && x.app.find(q.name) != nil && x.tells(p.op) {
			return 1
		}
	case unitForeign:
		if p.ok && p.foreign {
			return 1
		}
	case unitItems:
		if p.ok && p.op != nil && p.op.kind == opGet {
			return 1
		}
		if p.ok && x.pages && p.op != nil && p.op.kind == opList {
			return len(p.items)
		}
	case unitEndpoints:
		if p.op != nil && p.status < 300 && !p.op.documented {
			return 1
		}
	case unitFunctions:
		if p.ok && p.op != nil && p.op.employees {
			return 1
		}
	case unitStolen:
		if p.ok && p.op != nil && !p.op.anyone {
			return 1
		}
	case unitSteps:
		if p.op == x.app.login && p.entered != nil || p.ok && p.foreign || p.ok && p.op != nil && p.op == x.scraped {
			return 1
		}
	case unitOpened:
		if p.ok && p.op == x.app.register {
			return 1
		}
	case unitOrders:
		if p.ok && p.op != nil && p.op.mutation && p.op.login == "" {
			return 1
		}
	}
	return 0
}

const (
	unitSecrets   = "passwords or codes found"
	unitEntered   = "accounts entered"
	unitSteps     = "passwords found, objects of others reached, items taken"
	unitCodes     = "valid codes or cards found"
	unitNames     = "accounts found to exist"
	unitForeign   = "objects of others reached"
	unitItems     = "items taken"
	unitEndpoints = "undocumented endpoints found"
	unitFunctions = "functions of employees used"
	unitStolen    = "calls with a credential of somebody else"
	unitOpened    = "accounts opened"
	unitOrders    = "things done"
)

// tells reports whether an operation lets anyone know who has an account.
func (x *raid) tells(op *operation) bool {
	switch op {
	case x.app.login:
		return x.app.style.unknown
	case x.app.forgot:
		return x.app.style.forgotTell
	}
	return op == x.app.register
}

// Time.

func (x *raid) now() int64 { return x.a.now }

// pause sleeps and reports whether there is time left.
func (x *raid) pause(seconds float64) bool {
	x.a.sleepUntil(x.a.now + int64(seconds*1e9))
	return x.a.now < x.end
}

// pace draws the next gap around a mean: jitter 0 none, below 1 an even spread
// by that share, 1 without memory. ramp makes the pace grow to that multiple.
func (x *raid) pace(mean, jitter, ramp float64) float64 {
	if ramp > 1 {
		done := float64(x.a.now-x.began) / float64(max(1, x.end-x.began))
		mean *= math.Pow(ramp, .5-done)
	}
	if jitter >= 1 {
		return mean * x.r.ExpFloat64()
	}
	return mean * (1 + jitter*(2*x.r.Float64()-1))
}

func (x *raid) between(low, high float64) float64 { return between(x.r, low, high) }

// by chooses by level.
func by[T any](x *raid, l1, l2, l3, l4 T) T {
	return [...]T{l1, l1, l2, l3, l4}[x.level]
}

// Where calls come from, and in which dress.

// A place is a kind of network.
type place = netClass

const (
	placeHome    = residential
	placeMobile  = mobile
	placeVPN     = vpn
	placeHosting = hosting
)

// A dress says whose programs the attacker shows.
type dress uint8

const (
	dressTool   dress = iota // one tool, as scripts are written with
	dressPeople              // what people use, in their proportions
	dressCommon              // the one program that most people use
	dressApp                 // the application's own app, replayed
	dressFew                 // five programs, copied from somewhere
	dressRotate              // one tool that names itself differently each time
)

// A sourceNet is the addresses of an attacker. Clients are made when their turn
// comes; beyond a bound the oldest are forgotten, as those who rent addresses do.
type sourceNet struct {
	x       *raid
	place   place
	dress   dress
	n       int
	turn    int
	clients []*client
	tool    *program
}

// maxHeld bounds the clients that are held at a time.
const maxHeld = 20_000

func (x *raid) net(p place, n int, d dress) *sourceNet {
	return &sourceNet{x: x, place: p, dress: d, n: max(1, n), tool: x.tool}
}

// next is the client whose turn it is.
func (s *sourceNet) next(x *raid) *client {
	i := s.turn % min(s.n, maxHeld)
	s.turn++
	if s.turn > s.n && s.n > maxHeld && i < len(s.clients) {
		s.clients[i] = nil // an address comes again only after all others
	}
	if i < len(s.clients) && s.clients[i] != nil {
		c := s.clients[i]
		if s.dress == dressRotate {
			c.ua = rotated(x.r)
		}
		return c
	}
	c := x.w.newClient(s.program(i), x.r.Uint64(), x.w.net.rent(s.place, x.r), x.now())
	if s.dress == dressRotate {
		c.ua = rotated(x.r)
	}
	if i < len(s.clients) {
		s.clients[i] = c
	} else {
		s.clients = append(s.clients, c)
	}
	return c
}

func (s *sourceNet) program(i int) *program {
	ps, x := s.x.w.progs, s.x
	switch s.dress {
	case dressPeople:
		return x.w.programOf(x.r.Uint64())
	case dressCommon:
		best := ps.browsers[0]
		for _, p := range ps.browsers {
			if p.share > best.share {
				best = p
			}
		}
		return best
	case dressApp:
		return ps.apps[0]
	case dressFew:
		return ps.machines[(i+int(s.tool.share))%min(5, len(ps.machines)-1)]
	}
	return s.tool
}

// rotated is a user agent from the list that libraries for scraping carry.
func rotated(r *rand.Rand) string {
	v := strconv.Itoa(118 + r.IntN(28))
	switch r.IntN(3) {
	case 0:
		return "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + v + ".0.0.0 Safari/537.36"
	case 1:
		return "Mozilla/5.0 (X11; Linux x86_64; rv:" + v + ".0) Gecko/20100101 Firefox/" + v + ".0"
	}
	return "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/" + v + ".0.0.0 Safari/537.36"
}

// twinOf is a client like another at another address: with the same program on
// the same device, or on another device that shows the same user agent.
func (x *raid) twinOf(c *client, p place, otherDevice bool) *client {
	device := c.device
	if otherDevice {
		device = x.r.Uint64()
	}
	t := x.w.newClient(c.prog, device, x.w.net.rent(p, x.r), x.now())
	t.ua, t.version, t.trust = c.ua, c.version, c.trust
	if otherDevice {
		t.trust = 0
	}
	t.token = c.token
	return t
}

// Calls.

// do sends a request from a client and returns the answer. As tools do, it logs
// in again when the session has run out.
func (x *raid) do(c *client, q request) *reply {
	p := x.once(c, q)
	if p.denied && x.knows[c] && !q.anonymous && q.auth == "" && c.token != nil && !c.token.valid(x.app, x.now()) && x.now() < x.end && x.enter(c, x.who[c]) {
		return x.once(c, q)
	}
	return p
}

func (x *raid) once(c *client, q request) *reply {
	x.a.client = c
	x.a.account = x.who[c]
	if q.anonymous {
		x.a.account = nil
	}
	if x.believed != nil && q.as == nil {
		q.as = x.believed
	}
	x.complete(&q)
	return x.a.call(q)
}

// complete writes the body of requests of the login family.
func (x *raid) complete(q *request) {
	if q.op == nil || q.fields != nil {
		return
	}
	app, b := x.app, q.op.body
	switch q.op.kind {
	case opLogin:
		full := app.loginRequest(q.name, q.secret)
		q.fields, q.auth = full.fields, full.auth
	case opMFA:
		id := ""
		if q.challenge != nil {
			id = q.challenge.id
		}
		q.fields = []pair{{b[0], id, false}, {b[1], q.code, false}}
	case opForgot:
		q.fields = []pair{{b[0], q.name, false}}
	case opReset:
		q.fields = []pair{{b[0], q.name, false}, {b[1], q.code, false}, {b[2], q.secret, false}}
	case opRegister:
		q.fields = []pair{{b[0], q.name, false}, {b[1], q.secret, false}, {b[2], "New Person", false}}
	case opCoupon:
		q.fields = []pair{{b[0], q.code, false}}
	}
}

// mark says whether the calls from now on belong to the attack (1), or are
// those of people whom it concerns (0).
func (x *raid) mark(attack int) {
	if x.hidden == nil {
		x.hidden = x.a.part
	}
	x.a.part = x.hidden
	if attack == 0 {
		x.a.part = nil
	}
}

// People of the application.

// as puts an account behind a client's calls.
func (x *raid) as(c *client, acc *account) { x.who[c] = acc }

// enter logs an account in on a client, with its code where one is asked for.
func (x *raid) enter(c *client, acc *account) bool {
	x.who[c] = acc
	delete(x.knows, c)
	for range 3 {
		p := x.do(c, request{op: x.app.login, name: x.app.loginName(acc), secret: x.app.passwordOf(acc), anonymous: true})
		if p.ask != nil {
			ask := p.ask
			if !x.pause(x.between(5, 20)) {
				return false
			}
			p = x.do(c, request{op: x.app.mfa, challenge: ask, code: ask.code, anonymous: true})
			c.trust = acc.n + 1
		}
		if p.token != nil {
			c.token = p.token
			x.knows[c] = true
			return x.pause(x.between(.5, 3))
		}
		if !x.pause(x.between(3, 30)) {
			return false
		}
	}
	return false
}

// victim is somebody's account; the attacker is nobody of them.
func (x *raid) victim() *account {
	for {
		acc := x.app.accounts[x.r.IntN(x.app.people)]
		if acc.role == roleUser && !acc.disabled {
			return acc
		}
	}
}

// member is an account that the attacker opened long ago, the i-th.
func (x *raid) member(res *resource, i int) *account {
	acc := x.victim()
	for range 200 {
		if res == nil || res.access != owned && res.access != tenanted || x.holds(res, acc) > 0 {
			break
		}
		acc = x.victim()
	}
	return acc
}

// holds counts the objects of an account.
func (x *raid) holds(res *resource, acc *account) int {
	owner := acc.n
	if res.access == tenanted {
		owner = acc.tenant
	}
	return len(res.of(owner, nil))
}

// employee is an account with rights over others.
func (x *raid) employee() *account {
	for _, acc := range x.app.accounts[:x.app.people] {
		if acc.role == roleAdmin {
			return acc
		}
	}
	acc := x.victim()
	acc.role = roleAdmin
	return acc
}

// service is the account of a machine.
func (x *raid) service() *account {
	for _, acc := range x.app.accounts {
		if acc.role == roleService {
			return acc
		}
	}
	return x.employee()
}

// person is somebody with an everyday device at home; x.account is theirs.
func (x *raid) person() *client {
	x.account = x.victim()
	return x.home(x.account)
}

// home is the everyday client of an account.
func (x *raid) home(acc *account) *client {
	x.c.person(x.a, acc.n)
	c := x.a.client
	x.who[c] = acc
	return c
}

// private is a resource that belongs to accounts, if there is one.
func (x *raid) private() *resource {
	for _, res := range x.app.resources {
		if res.access == owned && res.parent == nil && !res.single && res.list != nil && res.get != nil && !res.list.dead && !res.get.dead {
			return res
		}
	}
	res, _ := x.app.weak(false)
	return res
}

// browse looks at one's own things: a list and one of it, or oneself.
func (x *raid) browse(c *client, res *resource) {
	if res == nil || x.r.IntN(3) == 0 {
		x.do(c, request{op: x.app.me})
		return
	}
	p := x.do(c, request{op: res.list})
	if p.ok && len(p.items) > 0 && res.get != nil {
		n := p.items[x.r.IntN(len(p.items))]
		x.a.sleepUntil(x.a.now + int64(x.between(.3, 3)*1e9))
		x.object(c, res.get, res, n, nil)
	}
}

// register opens an account; nil if the application would not.
func (x *raid) register(c *client, h uint64) *account {
	name := x.stranger(h)
	p := x.do(c, request{op: x.app.register, name: name, secret: leakedPassword(h), anonymous: true})
	if p.entered != nil {
		x.who[c] = p.entered
	}
	return p.entered
}

// note remembers an account that was entered.
func (x *raid) note(acc *account) {
	if acc != nil && !x.twin {
		x.c.part.users[x.app.loginName(acc)] = struct{}{}
	}
}
