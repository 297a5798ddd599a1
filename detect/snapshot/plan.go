package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"net/netip"
	"reflect"
	"time"
)

type form uint8

const (
	skipped   form = iota // functions and channels: as constructed
	flat                  // numbers without gaps between them: their bytes
	boolean               //
	text                  // string
	pointer               // number of an object
	list                  // slice
	array                 //
	structure             //
	table                 // map
	open                  // interface: number of a type, then the value
	instant               // time.Time
	address               // netip.Addr
)

// A plan says how values of one type are written.
type plan struct {
	typ    reflect.Type
	form   form
	index  int // in the order of discovery
	size   uintptr
	key    *plan
	elem   *plan
	n      int // length of an array
	fields []field
	same   bool // a field tagged "same" can be reached through constructed objects
	bound  bool // has functions or configuration of its own: only the constructor can make it
}

type field struct {
	plan   *plan
	offset uintptr
	mode   mode
}

type mode uint8

const (
	state mode = iota
	same       // configuration
	never      // left alone
)

// types are the plans of everything that a root can reach.
type types struct {
	byType map[reflect.Type]*plan
	order  []*plan
	open   []*plan // types that may stand in interfaces; their number is the index
	sum    [sha256.Size]byte
}

var (
	timeType = reflect.TypeFor[time.Time]()
	addrType = reflect.TypeFor[netip.Addr]()
)

// discover makes the plans for root, a pointer to a struct.
func discover(root any) (*types, error) {
	t := &types{byType: map[reflect.Type]*plan{}}
	rt := reflect.TypeOf(root)
	if rt == nil || rt.Kind() != reflect.Pointer || rt.Elem().Kind() != reflect.Struct || reflect.ValueOf(root).IsNil() {
		return nil, fmt.Errorf("snapshot: the root is a %v and must be a pointer to a struct", rt)
	}
	if _, err := t.plan(rt); err != nil {
		return nil, err
	}
	if typer, ok := root.(Typer); ok {
		if err := t.register(typer.SnapshotTypes()); err != nil {
			return nil, err
		}
	}
	for i := 0; i < len(t.order); i++ { // registering makes further plans
		p := t.order[i]
		if p.form != structure || p.typ == rt.Elem() {
			continue
		}
		if typer, ok := reflect.New(p.typ).Interface().(Typer); ok {
			if err := t.register(typer.SnapshotTypes()); err != nil {
				return nil, err
			}
		}
	}
	t.mark()
	t.fingerprint()
	return t, nil
}

func (t *types) register(values []any) error {
	for _, v := range values {
		p, err := t.plan(reflect.TypeOf(v))
		if err != nil {
			return err
		}
		if t.number(p.typ) == 0 {
			t.open = append(t.open, p)
		}
	}
	return nil
}

// number is the index of a type among those that may stand in interfaces, from 1.
func (t *types) number(typ reflect.Type) int {
	for i, p := range t.open {
		if p.typ == typ {
			return i + 1
		}
	}
	return 0
}

func (t *types) plan(typ reflect.Type) (*plan, error) {
	if p := t.byType[typ]; p != nil {
		return p, nil
	}
	p := &plan{typ: typ, index: len(t.order), size: typ.Size()}
	t.byType[typ] = p
	t.order = append(t.order, p)
	var err error
	switch kind := typ.Kind(); {
	case typ == timeType:
		p.form = instant
	case typ == addrType:
		p.form = address
	case kind == reflect.Bool:
		p.form = boolean
	case kind == reflect.String:
		p.form = text
	case kind == reflect.Func || kind == reflect.Chan:
		p.form, p.bound = skipped, kind == reflect.Func
	case kind >= reflect.Int && kind <= reflect.Uint64 || kind == reflect.Float32 || kind == reflect.Float64:
		p.form = flat
	case kind == reflect.Interface:
		p.form = open
	case kind == reflect.Pointer:
		p.form = pointer
		p.elem, err = t.plan(typ.Elem())
	case kind == reflect.Slice:
		p.form = list
		p.elem, err = t.plan(typ.Elem())
	case kind == reflect.Array:
		p.form, p.n = array, typ.Len()
		if p.elem, err = t.plan(typ.Elem()); err == nil && p.elem.form == flat {
			p.form = flat
		}
	case kind == reflect.Map:
		p.form = table
		if p.key, err = t.plan(typ.Key()); err == nil {
			p.elem, err = t.plan(typ.Elem())
		}
	case kind == reflect.Struct:
		err = t.structure(p)
	default:
		err = fmt.Errorf("snapshot: %v cannot be written; tag the field that holds it", typ)
	}
	return p, err
}

func (t *types) structure(p *plan) error {
	p.form = structure
	next, whole := uintptr(0), true
	for i := range p.typ.NumField() {
		f := p.typ.Field(i)
		m := state
		switch tag := f.Tag.Get("snapshot"); tag {
		case "":
		case "-":
			m = never
		case "same":
			m = same
		default:
			return fmt.Errorf("snapshot: %v.%s has the unknown tag %q", p.typ, f.Name, tag)
		}
		if m == never {
			p.fields = append(p.fields, field{offset: f.Offset, mode: never})
			whole = false
			continue
		}
		if pkg := f.Type.PkgPath(); pkg == "sync" || pkg == "sync/atomic" {
			return fmt.Errorf("snapshot: %v.%s is a %v; tag it", p.typ, f.Name, f.Type)
		}
		fp, err := t.plan(f.Type)
		if err != nil {
			return fmt.Errorf("%w (%v.%s)", err, p.typ, f.Name)
		}
		whole = whole && m == state && fp.form == flat && f.Offset == next
		next = f.Offset + fp.size
		p.bound = p.bound || m == same || fp.bound && fp.form != pointer
		p.fields = append(p.fields, field{plan: fp, offset: f.Offset, mode: m})
	}
	if whole && next == p.size {
		p.form, p.fields = flat, nil
	}
	return nil
}

// mark finds the types through which configuration can be reached.
func (t *types) mark() {
	for changed := true; changed; {
		changed = false
		for _, p := range t.order {
			if !p.same && t.reaches(p) {
				p.same, changed = true, true
			}
		}
	}
}

func (t *types) reaches(p *plan) bool {
	switch p.form {
	case pointer, list, array:
		return p.elem.same
	case structure:
		for _, f := range p.fields {
			if f.mode == same || f.mode == state && f.plan.same {
				return true
			}
		}
	case open:
		for _, o := range t.open {
			if o.same && o.typ.Implements(p.typ) {
				return true
			}
		}
	}
	return false
}

// fingerprint sums up everything that the form of the bytes depends on.
func (t *types) fingerprint() {
	h := sha256.New()
	say(h, formatVersion, uint64(binary.NativeEndian.Uint16([]byte{1, 0})), uint64(reflect.TypeFor[int]().Size()), uint64(len(t.order)), uint64(len(t.open)))
	for _, p := range t.order {
		fmt.Fprintf(h, "%s.%s %s\n", p.typ.PkgPath(), p.typ.Name(), p.typ)
		say(h, uint64(p.form), uint64(p.size), uint64(p.n), index(p.key), index(p.elem), uint64(len(p.fields)))
		for i, f := range p.fields {
			if p.typ.Kind() == reflect.Struct {
				fmt.Fprintf(h, "%s\n", p.typ.Field(i).Name)
			}
			say(h, uint64(f.offset), uint64(f.mode), index(f.plan))
		}
	}
	for _, p := range t.open {
		say(h, uint64(p.index))
	}
	h.Sum(t.sum[:0])
}

func index(p *plan) uint64 {
	if p == nil {
		return 0
	}
	return uint64(p.index) + 1
}

func say(h hash.Hash, list ...uint64) {
	var b [8]byte
	for _, v := range list {
		binary.LittleEndian.PutUint64(b[:], v)
		h.Write(b[:])
	}
}
