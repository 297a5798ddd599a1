package simulate

// Attacks on what belongs to others: their objects (BOLA) and the functions of
// employees (BFLA).

// order is how an attacker chooses the next object.
type order uint8

const (
	inSequence order = iota // the neighbour of the one before
	atRandom                // numbers within what was seen, in any order
	harvested               // identifiers that another endpoint disclosed
)

// A reaching goes for objects of others, through the account of the attacker.
type reaching struct {
	gap      float64
	count    int // foreign objects at most
	order    order
	dilution int // own objects read for each foreign one
	accounts int // colluding; each takes its turn
	sources  int // addresses for each account
	where    place
	dress    dress
	write    bool
	polluted bool // names an own object in the path and the foreign one beside
	ramp     float64
}

// reach runs it. The resource is one whose owner the application forgets to
// check, as there are in this application.
func (x *raid) reach(t reaching) {
	res, op := x.app.weak(t.write)
	if res == nil {
		return
	}
	type member struct {
		c   *client
		acc *account
		own []uint32
	}
	team := make([]member, t.accounts)
	prey := newPrey(x, res, t.order)
	for taken, i := 0, 0; taken < t.count; i++ {
		m := &team[i%len(team)]
		if m.c == nil {
			m.acc = x.member(res, i%len(team))
			m.c = x.net(t.where, t.sources, t.dress).next(x)
			if !x.enter(m.c, m.acc) {
				return
			}
			m.own = x.ownObjects(m.c, res, m.acc)
		}
		for k := range t.dilution {
			if len(m.own) > 0 && x.pause(x.pace(t.gap/2, .8, t.ramp)) {
				x.object(m.c, res.get, res, m.own[(taken+k)%len(m.own)], nil)
			}
		}
		if !x.pause(x.pace(t.gap, .8, t.ramp)) {
			return
		}
		var n uint32
		if x.twin {
			n = x.ownNext(m.c, res, m.acc, &m.own, taken)
		} else {
			n = prey.next(m.c, m.acc)
		}
		taken++
		if t.polluted {
			x.pollute(m.c, op, res, m.own, n)
			continue
		}
		p := x.object(m.c, op, res, n, x.changes(op, res))
		if p.limited {
			x.pause(60)
		}
	}
}

// weak is a resource without a check, and the operation that lacks it.
func (a *application) weak(write bool) (*resource, *operation) {
	var best *resource
	for _, res := range a.resources {
		if res.parent != nil || res.single || res.get == nil || res.list == nil || res.get.dead || !(res.access == owned || res.access == tenanted) {
			continue
		}
		if !write && !res.open || write && !(res.openPut && res.update != nil && !res.update.dead) {
			continue
		}
		if best == nil || res.initial > best.initial {
			best = res
		}
	}
	if best == nil { // no object can be changed by strangers: they will be refused
		for _, res := range a.resources {
			if res.parent == nil && !res.single && res.get != nil && res.list != nil && (res.access == owned || res.access == tenanted) && (!write || res.update != nil) &&
				(best == nil || res.initial > best.initial) {
				best = res
			}
		}
	}
	switch {
	case best == nil:
		return nil, nil
	case write:
		return best, best.update
	}
	return best, best.get
}

// object asks for one object as the application names it.
func (x *raid) object(c *client, op *operation, res *resource, n uint32, fields []pair) *reply {
	return x.do(c, request{op: op, id: res.id.text(n), fields: fields})
}

// changes are the fields of a write; nil for a read.
func (x *raid) changes(op *operation, res *resource) []pair {
	if op.kind != opUpdate && op.kind != opCreate || len(op.body) == 0 {
		return nil
	}
	return []pair{{op.body[x.r.IntN(len(op.body))], "changed", false}}
}

// ownObjects lists what belongs to the account, as its client shows it at the start.
func (x *raid) ownObjects(c *client, res *resource, acc *account) []uint32 {
	var own []uint32
	for from := 0; from < 200; from += x.app.style.pageSize {
		p := x.do(c, request{op: res.list, query: x.app.pageQuery(from, x.app.style.pageSize)})
		own = append(own, p.items...)
		if !p.ok || from+x.app.style.pageSize >= p.total || !x.pause(x.between(1, 4)) {
			break
		}
	}
	return own
}

// ownNext is the double's object: the next of its own, and a new one when
// they are all read.
func (x *raid) ownNext(c *client, res *resource, acc *account, own *[]uint32, i int) uint32 {
	if i < len(*own) || res.create == nil {
		if len(*own) == 0 {
			return 0
		}
		return (*own)[i%len(*own)]
	}
	p := x.do(c, request{op: res.create, fields: x.changes(res.create, res)})
	if len(p.items) == 1 {
		*own = append(*own, p.items[0])
	}
	if len(*own) == 0 {
		return 0
	}
	return (*own)[len(*own)-1]
}

// A prey gives identifiers of objects that are not the attacker's.
type prey struct {
	x     *raid
	res   *resource
	order order
	at    uint32
	mix   permutation
	i     int
}

func newPrey(x *raid, res *resource, o order) *prey {
	p := &prey{x: x, res: res, order: o, mix: permute(uint64(res.count()), x.r.Uint64())}
	p.at = uint32(x.r.IntN(int(max(1, res.count()/2))))
	return p
}

// next returns a number that does not belong to the account.
func (p *prey) next(c *client, acc *account) uint32 {
	for range 64 {
		p.i++
		var n uint32
		switch p.order {
		case inSequence:
			n = (p.at + uint32(p.i)) % max(1, p.res.count())
		default:
			n = uint32(p.mix.at(uint64(p.i) % uint64(max(2, p.res.count()))))
		}
		owner := p.res.owner(n)
		if p.res.access == owned && owner == acc.n || p.res.access == tenanted && owner == acc.tenant {
			continue
		}
		return n
	}
	return p.at
}

// pollute names an own object where the check looks, and the foreign one where
// the application reads: beside it in the query, twice, or in the body.
func (x *raid) pollute(c *client, op *operation, res *resource, own []uint32, n uint32) {
	if len(own) == 0 {
		return
	}
	mine := own[x.r.IntN(len(own))]
	if x.twin { // an old client that names the object twice
		n = mine
	}
	foreign := res.id.text(n)
	path := string(op.appendPath(nil, res.id.text(mine), ""))
	word := x.app.word("id")
	forms := []string{"?" + word + "=" + foreign, "?" + word + "[]=" + foreign, "?" + word + "=" + res.id.text(mine) + "&" + word + "=" + foreign}
	k := x.r.IntN(len(forms))
	if x.twin {
		k = 0
	}
	x.do(c, request{method: op.method, path: path + forms[k], host: x.app.host(op), instead: foreign})
}

// functions are tried that were read in the code of the web client: those of
// employees, other methods on the objects one knows, and a role in the header.
func (x *raid) functions(gap float64, count int, where place, d dress) {
	c := x.net(where, 1, d).next(x)
	acc := x.member(nil, 0)
	if x.twin {
		acc = x.employee()
	}
	if !x.enter(c, acc) {
		return
	}
	var staffOps []*operation
	for _, op := range x.app.ops {
		if op.employees && !op.dead && op.res != nil {
			staffOps = append(staffOps, op)
		}
	}
	for i := range count {
		if !x.pause(x.pace(gap, .8, 0)) || len(staffOps) == 0 {
			return
		}
		op := staffOps[i%len(staffOps)]
		q := request{op: op, fields: x.changes(op, op.res)}
		if op.ids > 0 {
			q.id = op.res.id.text(uint32(x.r.IntN(int(max(1, op.res.count())))))
		}
		if !x.twin && i%5 == 4 {
			q.extra = []Header{{"X-Role", "admin"}}
		}
		x.do(c, q)
	}
	own := x.app.resources[0]
	if res, _ := x.app.weak(false); res != nil {
		own = res
	}
	for i := 0; !x.twin && i < 6 && own.get != nil; i++ {
		if !x.pause(x.pace(gap, .8, 0)) {
			return
		}
		method := []string{"PUT", "DELETE", "PATCH", "POST", "OPTIONS", "TRACE"}[i]
		x.do(c, request{method: method, path: string(own.get.appendPath(nil, own.id.text(uint32(i)), "")), host: x.app.host(own.get)})
	}
}
