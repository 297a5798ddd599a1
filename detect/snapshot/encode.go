package snapshot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"slices"
	"time"
	"unsafe"
)

// maxDepth bounds how deep values nest within one object; pointers do not
// count, since what they lead to is written in turn and not within.
const maxDepth = 100

// An object is what a pointer leads to. Two of different types may begin at
// the same address only if one is the other's first field.
type object struct {
	at   unsafe.Pointer
	plan *plan
}

// An encoder writes objects in the order in which they are first met.
type encoder struct {
	t       *types
	w       io.Writer
	buf     []byte
	err     error
	depth   int
	numbers map[object]uint64 // from 1; 0 is nil
	queue   []object          // met, not yet written
	frozen  bool              // no object may be met for the first time
	regions *[]region         // of Check
}

const flushAt = 64 << 10

func newEncoder(t *types, w io.Writer) *encoder {
	return &encoder{t: t, w: w, buf: make([]byte, 0, 2*flushAt), numbers: map[object]uint64{}}
}

func (e *encoder) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf("snapshot: "+format, args...)
	}
}

func (e *encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		_, e.err = e.w.Write(e.buf)
	}
	e.buf = e.buf[:0]
}

func (e *encoder) uvarint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

func (e *encoder) bytes(b []byte) {
	if len(e.buf)+len(b) > flushAt && !e.frozen {
		e.flush()
		if len(b) > flushAt {
			if e.err == nil {
				_, e.err = e.w.Write(b)
			}
			return
		}
	}
	e.buf = append(e.buf, b...)
}

// ref writes the number of an object, and has it written later if it is new.
func (e *encoder) ref(at unsafe.Pointer, p *plan) {
	if at == nil {
		e.uvarint(0)
		return
	}
	o := object{at, p}
	n, ok := e.numbers[o]
	if !ok {
		if e.frozen {
			e.fail("a map has keys that point to %v, which is no configuration: their order would not be the same again", p.typ)
			return
		}
		n = uint64(len(e.numbers)) + 1
		e.numbers[o] = n
		e.queue = append(e.queue, o)
	}
	e.uvarint(n)
}

// drain writes what has been met.
func (e *encoder) drain() {
	for i := 0; i < len(e.queue) && e.err == nil; i++ {
		o := e.queue[i]
		e.region(o.at, o.plan.size, o.plan)
		e.value(o.at, o.plan)
		if i >= 1024 { // let go of what is done
			e.queue = slices.Delete(e.queue, 0, i+1)
			i = -1
		}
	}
	e.queue = e.queue[:0]
}

func (e *encoder) value(at unsafe.Pointer, p *plan) {
	if e.err != nil {
		return
	}
	switch p.form {
	case skipped:
	case flat:
		e.bytes(unsafe.Slice((*byte)(at), p.size))
	case boolean:
		b := byte(0)
		if *(*bool)(at) {
			b = 1
		}
		e.buf = append(e.buf, b)
	case text:
		s := *(*string)(at)
		e.uvarint(uint64(len(s)))
		e.bytes(unsafe.Slice(unsafe.StringData(s), len(s)))
	case pointer:
		e.ref(*(*unsafe.Pointer)(at), p.elem)
	case structure:
		for i := range p.fields {
			if f := &p.fields[i]; f.mode == state {
				e.value(unsafe.Add(at, f.offset), f.plan)
			}
		}
		if len(e.buf) > flushAt && !e.frozen {
			e.flush()
		}
	case list:
		e.list(at, p)
	case instant:
		e.instant(*(*time.Time)(at))
	case address:
		b, err := (*netip.Addr)(at).MarshalBinary()
		if err != nil {
			e.fail("an address: %w", err)
			return
		}
		e.uvarint(uint64(len(b)))
		e.bytes(b)
	default:
		if e.depth++; e.depth > maxDepth {
			e.fail("values nest more than %d deep in %v", maxDepth, p.typ)
			return
		}
		switch p.form {
		case array:
			e.elements(at, p.elem, p.n)
		case table:
			e.table(at, p)
		case open:
			e.open(at, p)
		}
		e.depth--
	}
}

func (e *encoder) elements(at unsafe.Pointer, p *plan, n int) {
	if p.form == flat {
		e.bytes(unsafe.Slice((*byte)(at), uintptr(n)*p.size))
		return
	}
	for i := range n {
		e.value(unsafe.Add(at, uintptr(i)*p.size), p)
	}
}

func (e *encoder) list(at unsafe.Pointer, p *plan) {
	v := reflect.NewAt(p.typ, at).Elem()
	if v.IsNil() {
		e.uvarint(0)
		return
	}
	n := v.Len()
	e.uvarint(uint64(n) + 1)
	if n == 0 {
		return
	}
	if e.depth++; e.depth > maxDepth {
		e.fail("values nest more than %d deep in %v", maxDepth, p.typ)
		return
	}
	first := v.UnsafePointer()
	e.region(first, uintptr(n)*p.elem.size, p)
	e.elements(first, p.elem, n)
	e.depth--
}

// table writes a map in the order of its encoded keys.
func (e *encoder) table(at unsafe.Pointer, p *plan) {
	m := reflect.NewAt(p.typ, at).Elem()
	if m.IsNil() {
		e.uvarint(0)
		return
	}
	e.uvarint(uint64(m.Len()) + 1)
	type entry struct {
		key   []byte
		value reflect.Value
	}
	entries := make([]entry, 0, m.Len())
	key := reflect.New(p.typ.Key()).Elem()
	// Keys are encoded aside; none of them may bring a new object.
	aside := &encoder{t: e.t, numbers: e.numbers, frozen: true, depth: e.depth}
	for it := m.MapRange(); it.Next(); {
		key.SetIterKey(it)
		from := len(aside.buf)
		aside.value(key.Addr().UnsafePointer(), p.key)
		entries = append(entries, entry{key: aside.buf[from:len(aside.buf):len(aside.buf)], value: it.Value()})
	}
	if aside.err != nil {
		e.err = aside.err
		return
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare(a.key, b.key) })
	value := reflect.New(p.typ.Elem()).Elem()
	for i := range entries {
		e.bytes(entries[i].key)
		value.Set(entries[i].value)
		e.value(value.Addr().UnsafePointer(), p.elem)
	}
}

func (e *encoder) open(at unsafe.Pointer, p *plan) {
	v := reflect.NewAt(p.typ, at).Elem()
	if v.IsNil() {
		e.uvarint(0)
		return
	}
	v = v.Elem()
	n := e.t.number(v.Type())
	if n == 0 {
		e.fail("a %v stands in a %v, and no SnapshotTypes names it", v.Type(), p.typ)
		return
	}
	e.uvarint(uint64(n))
	dynamic := e.t.open[n-1]
	if dynamic.form == pointer {
		e.ref(v.UnsafePointer(), dynamic.elem)
		return
	}
	copied := reflect.New(dynamic.typ)
	copied.Elem().Set(v)
	e.value(copied.UnsafePointer(), dynamic)
}

// instant keeps the wall clock and how far it is from UTC; names of zones and
// monotonic readings are lost.
func (e *encoder) instant(t time.Time) {
	e.buf = binary.LittleEndian.AppendUint64(e.buf, uint64(t.Unix()))
	e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(t.Nanosecond()))
	if t.Location() == time.UTC {
		e.buf = append(e.buf, 0)
		return
	}
	_, offset := t.Zone()
	e.buf = append(e.buf, 1)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(int32(offset)))
}
