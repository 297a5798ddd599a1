package simulate

import (
	"math"
	"math/rand/v2"
	"sort"
	"strconv"
	"strings"
)

const (
	fail401 failStyle = iota
	fail400
	fail403
	fail422
	fail200      // 200 with an error in the body
	failRedirect // 302 back to the form
)

type access uint8

// A resource is a kind of object.
type resource struct {
	app     *application
	concept string
	one     string // as a field
	many    string // as a path segment
	plural  string // as a field
	access  access
	parent  *resource
	seed    uint64
	id      naming
	fields  []field
	brief   []field
	single  bool
	main    bool // of the kind's own, not of the long tail
	initial uint32
	order   permutation // slot of an owner → number
	starts  []uint32    // first slot by owner
	added   []int32     // owners of later objects
	mine    map[int32][]uint32
	deleted map[uint32]struct{}
	open    bool // reads forget to ask whose it is
	openPut bool // so do writes
	shared  bool // owners let another person see some
	zipf    float64

	list, get, create, update, remove, find, export *operation
	oldList, oldGet                                 *operation // of the deprecated version
	children                                        []*resource
	actions                                         []*operation
}

// count returns how many numbers were given out.
func (r *resource) count() uint32 { return r.initial + uint32(len(r.added)) }

// owner returns the account or tenant an object belongs to, -1 if nobody.
func (r *resource) owner(n uint32) int32 {
	if n >= r.initial {
		return r.added[n-r.initial]
	}
	switch r.access {
	case authored:
		return int32(hash2(r.seed, uint64(n)) % uint64(max(1, r.app.people)))
	case owned, tenanted:
		slot := uint32(r.order.of(uint64(n)))
		return int32(sort.Search(len(r.starts), func(i int) bool { return r.starts[i] > slot }) - 1)
	}
	return -1
}

// of appends the numbers of an owner's objects, oldest first.
func (r *resource) of(owner int32, to []uint32) []uint32 {
	if owner >= 0 && int(owner)+1 < len(r.starts) {
		for s := r.starts[owner]; s < r.starts[owner+1]; s++ {
			to = append(to, uint32(r.order.at(uint64(s))))
		}
	}
	to = append(to, r.mine[owner]...)
	if len(r.deleted) > 0 {
		kept := to[:0]
		for _, n := range to {
			if _, gone := r.deleted[n]; !gone {
				kept = append(kept, n)
			}
		}
		to = kept
	}
	return to
}

// within appends the numbers of the objects that belong to object n of the
// parent. An owner's children are divided among the owner's parents; of what
// anyone may write, they are drawn.
func (r *resource) within(n uint32, to []uint32) []uint32 {
	owner := r.parent.owner(n)
	parents := r.parent.span(owner) - len(r.parent.mine[owner])
	if n >= r.parent.initial && parents > 0 {
		return to // new, and empty
	}
	if parents == 0 {
		parents = r.parent.span(owner)
	}
	if r.access != r.parent.access || r.access == public || r.access == authored || parents == 0 || parents > 1000 || r.span(owner) > 5000 {
		k := hash3(r.seed, uint64(n), 1) % 12
		if r.access == authored {
			k *= 3
		}
		for i := range k {
			to = append(to, uint32(hash3(r.seed, uint64(n), i+9)%uint64(max(1, r.initial))))
		}
		return to
	}
	at, all := 0, r.parent.span(owner)
	for at < parents && r.parent.nth(owner, all-1-at) != n { // the oldest is first, so that a new one moves none
		at++
	}
	for i := r.span(owner) - 1; i >= 0; i-- {
		if c := r.nth(owner, i); int(hash2(r.seed, uint64(c))%uint64(parents)) == at && r.exists(c) {
			to = append(to, c)
		}
	}
	return to
}

// partner is whom a person shares with: two and two know each other.
func partner(n int32) int32 { return n ^ 1 }

// sharedWith says whether the owner of object n lets an account see it.
func (r *resource) sharedWith(n uint32, account int32) bool {
	return r.shared && hash2(r.seed+5, uint64(n))%12 == 0 && r.owner(n) == partner(account)
}

// span returns how many objects an owner has, deleted ones among them.
func (r *resource) span(owner int32) int {
	n := len(r.mine[owner])
	if owner >= 0 && int(owner)+1 < len(r.starts) {
		n += int(r.starts[owner+1] - r.starts[owner])
	}
	return n
}

// nth returns the i-th object of an owner, the newest first, without a list of
// them all: some owners have millions.
func (r *resource) nth(owner int32, i int) uint32 {
	mine := r.mine[owner]
	if i < len(mine) {
		return mine[len(mine)-1-i]
	}
	return uint32(r.order.at(uint64(r.starts[owner+1]) - 1 - uint64(i-len(mine))))
}

func (r *resource) exists(n uint32) bool {
	if n >= r.count() {
		return false
	}
	_, gone := r.deleted[n]
	return !gone
}

// add makes an object.
func (r *resource) add(owner int32) uint32 {
	n := r.count()
	r.added = append(r.added, owner)
	if r.access == owned || r.access == tenanted {
		r.mine[owner] = append(r.mine[owner], n)
	}
	return n
}

func (r *resource) drop(n uint32) { r.deleted[n] = struct{}{} }

// drawResources makes the objects: those of the kind, then of the long tail
// until the extent drawn for this application is reached.
func (a *application) drawResources(r *rand.Rand) {
	extent := int(logBetween(r, 30, 400)) // operations, about
	rows := append([]string(nil), a.kind.resources...)
	for _, i := range r.Perm(len(longTail)) {
		rows = append(rows, longTail[i])
	}
	taken := map[string]bool{}
	concepts := map[string]bool{}
	total := 0
	var fields [][]string
	for i, row := range rows {
		if i >= len(a.kind.resources) && total >= extent {
			break
		}
		f := strings.Fields(row)
		concept, parent, _ := strings.Cut(f[0], "<")
		if concepts[f[0]] || (parent == "" && concepts[concept]) {
			continue
		}
		concepts[f[0]], concepts[concept] = true, true
		w := lookUp(a.language, concept)
		if taken[w.many+parent] {
			w = lookUp(0, concept)
		}
		taken[w.many+parent] = true
		res := &resource{app: a, concept: concept, one: w.one, many: w.many, seed: hashText(a.seed, f[0]), mine: map[int32][]uint32{}, deleted: map[uint32]struct{}{}}
		if a.style.singular {
			res.many = w.one
		}
		res.plural = a.style.casing.join(res.many)
		res.access = map[string]access{"public": public, "authored": authored, "owned": owned, "tenant": tenanted, "staff": staff}[f[1]]
		count, _ := strconv.ParseFloat(f[2], 64)
		res.single, res.main = count == 0, i < len(a.kind.resources)
		res.zipf = between(r, .5, 1.3)
		for _, p := range a.resources {
			if p.concept == parent && parent != "" {
				res.parent = p
				p.children = append(p.children, res)
			}
		}
		a.fill(res, r, count)
		kind := pick(r, a.style.ids)
		if res.access == public && chance(r, .35) {
			kind = idSlug
		}
		if res.access == public && res.initial < 100 {
			kind = pick(r, []idKind{idInt, idSlug})
		}
		if kind == idObject && res.initial >= 1<<23 || kind == idSlug && res.initial > 1<<20 {
			kind = idUUID
		}
		res.id = newNaming(kind, a.seed, f[0], int(res.initial), uint64(a.startNS/1e6))
		if kind == idPrefixed {
			res.id.prefix = prefixOf(res.one, r)
		}
		a.resources = append(a.resources, res)
		total += 1 + len(f[3])
		res.seedOps(f[3])
		fields = append(fields, f[4:])
	}
	for i, res := range a.resources { // now that all are known, fields may refer to them
		a.drawFields(res, fields[i])
	}
	// Nearly every API forgets to ask somewhere whose the object is.
	var own []*resource
	for _, res := range a.resources {
		if (res.access == owned || res.access == tenanted) && !res.single && res.parent == nil {
			own = append(own, res)
		}
	}
	for i, j := range r.Perm(len(own)) {
		own[j].open = i < max(2, len(own)/3)
		own[j].openPut = i == 0 || own[j].open && chance(r, .4)
		own[j].shared = own[j].access == owned && chance(r, .3)
	}
}

// fill gives every owner objects.
func (a *application) fill(res *resource, r *rand.Rand, count float64) {
	if res.single {
		return
	}
	owners := 0
	switch res.access {
	case owned:
		owners = len(a.accounts)
	case tenanted:
		owners = a.tenants
	default:
		res.initial = max(5, uint32(count*between(r, .5, 1.5)))
		res.order = permute(uint64(res.initial), res.seed)
		return
	}
	res.starts = make([]uint32, owners+1)
	at := uint32(0)
	for i := range owners {
		res.starts[i] = at
		n := math.Round(logNormal(r, count, 1))
		if res.parent != nil || count > 1 {
			n = max(n, 1)
		}
		at += uint32(min(n, 200))
	}
	res.starts[owners] = at
	res.initial = at
	res.order = permute(uint64(at), res.seed)
}
