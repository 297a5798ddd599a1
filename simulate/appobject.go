package simulate

// sees tells whether the application lets an account read an object, and
// whether the object belongs to someone else.
func (res *resource) sees(acc *account, n uint32, write bool) (allowed, foreign bool) {
	owner := res.owner(n)
	switch res.access {
	case public, staff:
		return true, false
	case authored:
		if !write {
			return true, false
		}
		foreign = acc == nil || owner != acc.n
	case owned:
		foreign = owner != acc.n
		if foreign && !write && res.sharedWith(n, acc.n) {
			return true, false
		}
	case tenanted:
		foreign = owner != acc.tenant
	}
	if !foreign || acc.role != roleUser && !(acc.role == roleService && res.access == owned) {
		return true, false
	}
	return res.open && !write || res.openPut && write, true
}

// serveObject answers what names one object.
func (w *World) serveObject(q *request, p *reply, acc *account, id, sub string) {
	res, op := p.op.res, p.op
	if res.single {
		w.ok(p, 200)
		w.body = res.appendObject(w.body, uint32(acc.n), res.fields)
		w.close(p)
		return
	}
	if res.parent != nil {
		m, ok := res.parent.id.number(id)
		if !ok || !res.parent.exists(m) {
			w.missing(p)
			return
		}
		id = sub
	}
	n, ok := res.id.number(id)
	if !ok || !res.exists(n) {
		if w.missing(p); !ok && w.app.style.badID400 && !res.id.formed(id) {
			w.fail(p, 400, "invalid_id", "identifier not valid")
		}
		return
	}
	p.res, p.n = res, n
	write := op.kind != opGet && !(op.kind == opAction && res.access == authored)
	allowed, foreign := res.sees(acc, n, write)
	if !allowed {
		w.refuse(p)
		return
	}
	p.foreign = foreign
	if op.kind == opDelete {
		res.drop(n)
		if w.app.style.api == apiREST {
			p.ok, p.status = true, 204
			return
		}
	}
	w.ok(p, 200)
	w.body = res.appendObject(w.body, n, res.fields)
	w.close(p)
}

func (w *World) serveCreate(q *request, p *reply, acc *account, id string) {
	res := p.op.res
	if res.single { // a request for work, such as a completion: nothing is kept
		w.ok(p, 200)
		w.body = res.appendObject(w.body, uint32(len(q.fields)+int(acc.n)), res.fields)
		w.close(p)
		return
	}
	if res.parent != nil {
		m, ok := res.parent.id.number(id)
		if !ok || !res.parent.exists(m) {
			w.missing(p)
			return
		}
		allowed, foreign := res.parent.sees(acc, m, false)
		p.res, p.n = res.parent, m
		if !allowed {
			w.refuse(p)
			return
		}
		p.foreign = foreign
	}
	owner := acc.n
	if res.access == tenanted {
		owner = acc.tenant
	}
	n := res.add(owner)
	if p.res == nil {
		p.res, p.n = res, n
	}
	w.ok(p, 201)
	p.items = append(p.items, n)
	w.body = res.appendObject(w.body, n, res.fields)
	w.close(p)
}

func (w *World) serveMe(q *request, p *reply, acc *account) {
	if p.op.kind == opMeUpdate {
		for _, f := range q.fields {
			if f.name == w.app.word("email") && f.value != "" && w.app.find(f.value) == nil {
				acc.email, acc.login = f.value, ""
				w.app.byLogin[hashText(0, w.app.loginName(acc))] = acc.n
			}
		}
	}
	w.ok(p, 200)
	w.body = appendAccount(w.body, w.app, acc)
	w.close(p)
}

// appendAccount writes what the application tells of an account.
func appendAccount(b []byte, app *application, acc *account) []byte {
	g, f, _ := app.person(acc.n)
	b = append(b, `{"id":`...)
	b = appendNamed(b, &app.users, acc.n)
	b = append(append(append(b, `,"`...), app.word("name")...), `":"`...)
	b = append(append(append(b, g...), ' '), f...)
	b = append(append(append(b, `","`...), app.word("email")...), `":"`...)
	b = append(append(b, app.emailOf(acc)...), `","role":"`...)
	b = append(append(b, roleNames[acc.role]...), `","`...)
	b = append(append(b, app.style.casing.join(lookUp(app.language, "tenant").one, "id")...), `":`...)
	b = appendNamed(b, &app.tenantID, acc.tenant)
	return append(b, '}')
}

// place returns the resource that the first identifier of an operation names.
func (op *operation) place() *resource {
	if op.res.parent != nil {
		return op.res.parent
	}
	return op.res
}
