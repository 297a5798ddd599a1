package snapshot

import (
	"crypto/sha256"
	"reflect"
	"unsafe"
)

// configuration walks the objects that the constructor made to the fields
// tagged "same" and returns the sum of what hangs below them. Each object met
// there gets its number, so that state may point to it. e must be new.
func (e *encoder) configuration(root object) (sum [sha256.Size]byte) {
	h := sha256.New()
	e.w = h
	w := &walk{e: e, seen: map[object]bool{}}
	w.follow(root.at, root.plan)
	e.flush()
	h.Sum(sum[:0])
	return sum
}

type walk struct {
	e    *encoder
	seen map[object]bool
}

func (w *walk) follow(at unsafe.Pointer, p *plan) {
	if !p.same || w.e.err != nil {
		return
	}
	switch p.form {
	case pointer:
		o := object{*(*unsafe.Pointer)(at), p.elem}
		w.exists(o.at != nil)
		if o.at != nil && !w.seen[o] {
			w.seen[o] = true
			w.follow(o.at, p.elem)
		}
	case structure:
		for i := range p.fields {
			f := &p.fields[i]
			switch f.mode {
			case same:
				w.e.value(unsafe.Add(at, f.offset), f.plan)
				w.e.drain()
			case state:
				w.follow(unsafe.Add(at, f.offset), f.plan)
			}
		}
	case list, array:
		v := reflect.NewAt(p.typ, at).Elem()
		w.e.uvarint(uint64(v.Len()))
		for i := range v.Len() {
			w.follow(v.Index(i).Addr().UnsafePointer(), p.elem)
		}
	case open:
		v := reflect.NewAt(p.typ, at).Elem()
		w.exists(!v.IsNil())
		if v.IsNil() {
			return
		}
		if n := w.e.t.number(v.Elem().Type()); n != 0 && w.e.t.open[n-1].form == pointer {
			pp := v.Elem().UnsafePointer()
			w.follow(unsafe.Pointer(&pp), w.e.t.open[n-1])
		}
	}
}

// exists notes whether the constructor made something: what it left out, a
// snapshot cannot fill.
func (w *walk) exists(yes bool) {
	b := byte(0)
	if yes {
		b = 1
	}
	w.e.buf = append(w.e.buf, b)
}
