package simulate

import (
	"strconv"
	"strings"
)

// serveList answers with a page of what the caller may see.
func (w *World) serveList(q *request, p *reply, acc *account, id string) {
	app, res := w.app, p.op.res
	size := app.style.pageSize
	for _, f := range q.query {
		if f.name == "per_page" || f.name == app.word("limit") {
			if v, err := strconv.Atoi(f.value); err == nil && v > 0 {
				size = min(v, app.style.maxPage)
			}
		}
	}
	if p.op.kind == opExport {
		size = 200
	}
	from := w.pageStart(q, size)
	count := uint32(0)
	all := w.scratch[:0]
	switch {
	case p.op.ids > 0 || res.parent != nil && id != "":
		n, ok := res.parent.id.number(id)
		if !ok || !res.parent.exists(n) {
			w.missing(p)
			return
		}
		allowed, foreign := res.parent.sees(acc, n, false)
		p.res, p.n = res.parent, n
		if !allowed {
			w.refuse(p)
			return
		}
		p.foreign = foreign
		all = res.within(n, all)
		count = uint32(len(all))
	case res.access == owned || res.access == tenanted:
		owner := acc.n
		if res.access == tenanted {
			owner = acc.tenant
		}
		if (len(res.deleted) > 0 || res.shared) && res.span(owner) < 1000 {
			all = res.of(owner, all)
			if res.shared {
				mine := len(all)
				all = res.of(partner(owner), all)
				kept := all[:mine]
				for _, n := range all[mine:] {
					if res.sharedWith(n, owner) {
						kept = append(kept, n)
					}
				}
				all = kept
			}
			count = uint32(len(all))
			break
		}
		count = uint32(res.span(owner))
		for i := from; i < min(from+size, int(count)); i++ {
			if n := res.nth(owner, i); res.exists(n) {
				p.items = append(p.items, n)
			}
		}
		all = nil
	case p.op.kind == opSearch:
		q0 := uint64(0)
		if len(q.query) > 0 {
			q0 = hashText(res.seed, q.query[0].value)
		}
		count = uint32(q0 % 40)
		for i := range count {
			all = append(all, uint32(hash2(q0, uint64(i))%uint64(res.count())))
		}
	default: // everything there is: what is new, then by popularity
		count = res.count()
		for i := from; i < min(from+size, int(count)); i++ {
			n := count - 1 - uint32(i)
			if n < res.initial {
				n = uint32(res.order.at(uint64(i - len(res.added))))
			}
			if res.exists(n) {
				p.items = append(p.items, n)
			}
		}
		all = nil
	}
	if all != nil {
		for i := from; i < min(from+size, len(all)); i++ {
			p.items = append(p.items, all[len(all)-1-i])
		}
		w.scratch = all
	}
	p.total = int(count)
	w.ok(p, 200)
	app.openList(&w.body, res)
	for i, n := range p.items {
		if i > 0 {
			w.body = append(w.body, ',')
		}
		w.body = res.appendObject(w.body, n, res.brief)
	}
	app.closeList(&w.body, from, size, p.total)
	w.close(p)
}

// pageStart reads which page is asked for.
func (w *World) pageStart(q *request, size int) int {
	for _, f := range q.query {
		switch f.name {
		case "offset":
			v, _ := strconv.Atoi(f.value)
			return max(0, v)
		case "cursor":
			v, _ := strconv.ParseInt(strings.TrimPrefix(f.value, "c"), 36, 32)
			return max(0, int(v)-1296)
		case w.app.word("page"):
			v, _ := strconv.Atoi(f.value)
			return max(0, v-1) * size
		}
	}
	return 0
}

// pageQuery asks for the page that begins at from.
func (a *application) pageQuery(from, size int) []pair {
	switch a.style.paging {
	case 0:
		return []pair{{a.word("page"), strconv.Itoa(from/size + 1), true}, {"per_page", strconv.Itoa(size), true}}
	case 1:
		return []pair{{"offset", strconv.Itoa(from), true}, {a.word("limit"), strconv.Itoa(size), true}}
	case 2:
		if from == 0 {
			return []pair{{a.word("limit"), strconv.Itoa(size), true}}
		}
		return []pair{{"cursor", "c" + strconv.FormatInt(int64(from)+1296, 36), false}, {a.word("limit"), strconv.Itoa(size), true}}
	}
	return []pair{{a.word("page"), strconv.Itoa(from/size + 1), true}}
}

func (a *application) openList(b *[]byte, res *resource) {
	switch {
	case a.style.api == apiGraphQL || a.style.paging < 2 && a.style.envelope == 0:
		*b = append(*b, `{"items":[`...)
	case a.style.paging == 2:
		*b = append(append(append(*b, `{"`...), res.plural...), `":[`...)
	default:
		*b = append(*b, '[')
	}
}

func (a *application) closeList(b *[]byte, from, size, total int) {
	switch {
	case a.style.api == apiGraphQL || a.style.paging < 2 && a.style.envelope == 0:
		*b = append(*b, `],"total":`...)
		*b = strconv.AppendInt(*b, int64(total), 10)
		*b = append(*b, '}')
	case a.style.paging == 2:
		*b = append(*b, `],"next":`...)
		if from+size < total {
			*b = append(*b, `"c`...)
			*b = strconv.AppendInt(*b, int64(from+size)+1296, 36)
			*b = append(*b, `"}`...)
		} else {
			*b = append(*b, `null}`...)
		}
	default:
		*b = append(*b, ']')
	}
}
