package simulate

import "math/rand/v2"

type screenKind uint8

const (
	screenBrowse screenKind = iota // a public list and what is on it
	screenSearch
	screenDirect // a public object without a list: a link, a profile
	screenMine   // the own list and what is on it
	screenOwn    // one of the own objects, remembered
	screenCreate
	screenEdit
	screenRemove
	screenSingle // the cart, the preferences
	screenMe
	screenStaff
)

// A screen is one thing that people open.
type screen struct {
	kind   screenKind
	res    *resource
	weight float64
	sides  []*operation // what opens with it
}

// drawScreens decides what people do with the application, and how often.
func (a *application) drawScreens(r *rand.Rand) {
	for _, op := range a.ops {
		if !op.anyone && op.method == "GET" && op.ids == 0 && !op.dead && !op.deprecated && !op.employees && op.kind != opExport && op.kind != opSearch && op.kind != opLogin {
			a.sideOps = append(a.sideOps, op)
		}
	}
	add := func(kind screenKind, res *resource, weight float64) {
		s := screen{kind: kind, res: res, weight: weight * logBetween(r, .4, 2.5)}
		if len(a.sideOps) > 0 {
			for range poisson(r, .7) {
				s.sides = append(s.sides, pick(r, a.sideOps))
			}
		}
		switch {
		case res != nil && res.access == staff:
			a.staffScreens = append(a.staffScreens, s)
			return
		case kind <= screenDirect:
			g := s
			g.sides = nil
			a.guestScreens = append(a.guestScreens, g)
		}
		a.screens = append(a.screens, s)
	}
	live := func(op *operation) bool { return op != nil && !op.dead }
	for i, res := range a.resources {
		weight := 1.0
		if i >= len(a.kind.resources) {
			weight = .12
		} else if i == 0 {
			weight = 3
		}
		if res.parent != nil {
			continue // opened with their parents
		}
		switch {
		case res.access == staff:
			if live(res.list) {
				add(screenStaff, res, weight)
			}
		case res.single:
			if live(res.get) {
				add(screenSingle, res, weight*.6)
			} else if live(res.create) {
				add(screenCreate, res, weight*2)
			}
		case res.access == public || res.access == authored:
			if live(res.list) {
				add(screenBrowse, res, weight*2)
			}
			if live(res.find) {
				add(screenSearch, res, weight*.7)
			}
			if live(res.get) {
				add(screenDirect, res, weight*.05) // a link in a message; most are told by lists
			}
			if live(res.create) {
				add(screenCreate, res, weight*.1)
			}
		default:
			if live(res.list) {
				add(screenMine, res, weight*1.4)
			}
			if live(res.get) {
				add(screenOwn, res, weight*.25)
			}
			if live(res.create) {
				add(screenCreate, res, weight*.12)
			}
			if live(res.update) {
				add(screenEdit, res, weight*.12)
			}
			if live(res.remove) {
				add(screenRemove, res, weight*.03)
			}
		}
	}
	add(screenMe, nil, .4)
}

// popular draws an object by popularity.
func (res *resource) popular(r *rand.Rand) uint32 {
	return uint32(res.order.at(uint64(popular(r, int(res.initial), res.zipf))) % uint64(max(1, res.initial)))
}

// open shows a screen: the calls that it makes, and the pauses of who looks.
func (a *agent) open(s *screen) {
	app, r := a.w.app, a.rng
	for _, op := range s.sides {
		if chance(r, .5) {
			a.beside(request{op: op})
		}
	}
	if s.res == nil {
		a.call(request{op: app.me})
		return
	}
	res := s.res
	owner := int32(-1)
	if a.account != nil {
		owner = a.account.n
		if res.access == tenanted {
			owner = a.account.tenant
		}
	}
	switch s.kind {
	case screenBrowse, screenMine, screenStaff:
		a.browse(res)
	case screenSearch:
		op := res.find
		q := request{op: op, query: []pair{{"q", pick(r, things), false}}}
		a.view(res, a.pickItems(a.call(q), 2))
	case screenDirect:
		a.view(res, append(a.w.picked[:0], res.popular(r)))
	case screenOwn:
		a.w.picked = res.of(owner, a.w.picked[:0])
		if n := len(a.w.picked); n > 0 {
			i := n - 1 - popular(r, n, 1.1)
			a.w.picked[0] = a.w.picked[i]
			a.view(res, a.w.picked[:1])
		} else if res.list != nil {
			a.call(request{op: res.list})
		}
	case screenCreate:
		p := a.call(request{op: res.create, fields: a.form(res, res.create)})
		if p.ok && res.get != nil && !res.get.dead && len(p.items) > 0 {
			a.view(res, append(a.w.picked[:0], p.items[0]))
		}
	case screenEdit, screenRemove:
		a.w.picked = res.of(owner, a.w.picked[:0])
		if len(a.w.picked) == 0 {
			return
		}
		n := pick(r, a.w.picked)
		if res.get != nil && !res.get.dead {
			a.call(request{op: res.get, id: res.id.text(n)})
			a.think(6e9)
		}
		if s.kind == screenEdit {
			a.call(request{op: res.update, id: res.id.text(n), fields: a.form(res, res.update)})
		} else {
			a.call(request{op: res.remove, id: res.id.text(n)})
		}
	case screenSingle:
		a.call(request{op: res.get})
		if res.update != nil && !res.update.dead && chance(r, .2) {
			a.think(4e9)
			a.call(request{op: res.update, fields: a.form(res, res.update)})
		}
	}
}

// beside makes a call that the screen does not wait for.
func (a *agent) beside(q request) {
	a.issue(q)
	a.sleep(2e6)
}

// browse opens a list, perhaps further pages of it, and some of what is on it.
func (a *agent) browse(res *resource) {
	app, r := a.w.app, a.rng
	op, get := res.list, res.get
	if res.oldList != nil && a.client != nil && a.client.device%31 == 3 {
		op = res.oldList
	}
	from := 0
	for {
		p := a.call(request{op: op, query: app.pageQuery(from, app.style.pageSize)})
		if !p.ok || len(p.items) == 0 {
			return
		}
		total := p.total
		if get != nil && !get.dead {
			a.view(res, a.pickItems(p, 2))
		}
		if from += app.style.pageSize; from >= total || !chance(r, .3) {
			return
		}
		a.think(4e9)
	}
}

// pickItems chooses from a list what to open, the top ones more often.
func (a *agent) pickItems(p *reply, mean float64) []uint32 {
	chosen := a.w.picked[:0]
	if p.ok && len(p.items) > 0 {
		for range poisson(a.rng, mean) {
			chosen = append(chosen, p.items[popular(a.rng, len(p.items), .6)])
		}
	}
	a.w.picked = chosen
	return chosen
}

// view opens objects one after the other, with what belongs to them.
func (a *agent) view(res *resource, items []uint32) {
	get := res.get
	if res.oldGet != nil && a.client.device%31 == 3 {
		get = res.oldGet
	}
	if get == nil || get.dead || len(items) == 0 {
		return
	}
	own := append([]uint32(nil), items...) // others use the scratch while we read
	for i, n := range own {
		if i > 0 {
			a.think(4e9)
		}
		id := res.id.text(n)
		a.issue(request{op: get, id: id})
		for _, child := range res.children {
			if child.list != nil && !child.list.dead && chance(a.rng, .6) {
				a.sleep(3e6)
				a.issue(request{op: child.list, id: id})
			}
		}
		a.sleepUntil(a.last.overNS)
		for i := range res.fields {
			f := &res.fields[i]
			if f.ref == nil || f.ref.access > authored || f.ref.get == nil || f.ref.get.dead || f.ref.parent != nil || !chance(a.rng, .2) {
				continue
			}
			a.think(3e9) // the driver of the ride, the hotel of the booking
			a.call(request{op: f.ref.get, id: f.ref.id.text(res.refers(f, n))})
		}
		for _, op := range res.actions {
			if !op.dead && a.account != nil && chance(a.rng, .03) {
				a.think(4e9)
				a.call(request{op: op, id: id})
			}
		}
		for _, child := range res.children {
			if child.create != nil && !child.create.dead && a.account != nil && chance(a.rng, .02) {
				a.think(15e9)
				a.call(request{op: child.create, id: id, fields: a.form(child, child.create)})
			}
		}
	}
}

// form fills in the fields that people send.
func (a *agent) form(res *resource, op *operation) []pair {
	h := a.rng.Uint64()
	var fields []pair
	for i := range res.fields {
		f := &res.fields[i]
		if !f.writable() || len(fields) == 8 {
			continue
		}
		var b [256]byte
		v := string(res.appendValue(b[:0], f, uint32(h%uint64(max(1, res.initial))), mix(h+f.salt)))
		fields = append(fields, pair{f.name, v, true})
	}
	return fields
}
