package snapshot

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"unsafe"
)

// A region is the memory of one object or of the array behind a slice.
type region struct {
	from, to uintptr
	plan     *plan
}

func (e *encoder) region(at unsafe.Pointer, size uintptr, p *plan) {
	if e.regions != nil && size > 0 {
		*e.regions = append(*e.regions, region{uintptr(at), uintptr(at) + size, p})
	}
}

// Check says whether what Save would write comes back as it is: it returns an
// error if two slices share an array, or a pointer leads to the inside of
// something else. Slices of the types named in readOnly, as reflect prints
// them, may share whole arrays, since nobody writes to them once they are
// made. It is for tests.
func Check(root any, readOnly ...string) error {
	t, err := discover(root)
	if err != nil {
		return err
	}
	top := rootOf(t, root)
	e := newEncoder(t, nil)
	e.configuration(top)
	e.w = io.Discard
	var all []region
	e.regions = &all
	e.ref(top.at, top.plan)
	e.drain()
	if e.err != nil {
		return e.err
	}
	slices.SortFunc(all, func(a, b region) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if a.from == b.from && a.to == b.to && immutable(a, readOnly) && immutable(b, readOnly) {
			continue
		}
		if b.from < a.to {
			return fmt.Errorf("snapshot: a %v and a %v share memory", a.plan.typ, b.plan.typ)
		}
	}
	return nil
}

func immutable(r region, readOnly []string) bool {
	return r.plan.form == list && slices.Contains(readOnly, r.plan.typ.String())
}
