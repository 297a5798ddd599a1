package snapshot

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"reflect"
	"time"
	"unsafe"
)

// A decoder reads what an encoder wrote. After the first error everything
// reads as zero.
type decoder struct {
	t       *types
	r       io.Reader
	buf     []byte
	at, end int // unread part of buf
	err     error
	depth   int
	left    int64 // bytes that may still be allocated
	objects []object
	known   int                     // the first so many are configuration
	claimed map[unsafe.Pointer]bool // constructed objects that have their number
	queue   []object
}

// corrupt is the first thing that was found to be wrong.
func (d *decoder) corrupt(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{ErrCorrupt}, args...)...)
	}
}

// fill has at least n unread bytes in buf; n is small.
func (d *decoder) fill(n int) bool {
	for d.end-d.at < n && d.err == nil {
		copy(d.buf, d.buf[d.at:d.end])
		d.end -= d.at
		d.at = 0
		got, err := d.r.Read(d.buf[d.end:])
		d.end += got
		if err != nil && d.end < n {
			d.corrupt("it breaks off (%v)", err)
		}
	}
	return d.err == nil
}

func (d *decoder) byte() byte {
	if d.at == d.end && !d.fill(1) {
		return 0
	}
	b := d.buf[d.at]
	d.at++
	return b
}

func (d *decoder) uvarint() uint64 {
	if d.at < d.end {
		if b := d.buf[d.at]; b < 0x80 {
			d.at++
			return uint64(b)
		}
	}
	v := uint64(0)
	for shift := uint(0); shift < 64; shift += 7 {
		b := d.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
	d.corrupt("a number has no end")
	return 0
}

// read fills b.
func (d *decoder) read(b []byte) {
	n := copy(b, d.buf[d.at:d.end])
	d.at += n
	if n < len(b) && d.err == nil {
		if _, err := io.ReadFull(d.r, b[n:]); err != nil {
			d.corrupt("it breaks off (%v)", err)
		}
	}
}

// take accounts for bytes before they are allocated.
func (d *decoder) take(n uintptr) bool {
	if d.left -= int64(n); d.left < 0 && d.err == nil {
		d.corrupt("it holds more than is kept")
	}
	return d.err == nil
}

// chunk is how much is allocated at most on the word of a length alone.
const chunk = 64 << 10

// blob reads n bytes.
func (d *decoder) blob(n uint64) []byte {
	if n > uint64(max(d.left, 0)) {
		d.corrupt("it holds more than is kept")
		return nil
	}
	b := make([]byte, 0, min(n, chunk))
	for uint64(len(b)) < n && d.err == nil {
		from, more := len(b), min(n-uint64(len(b)), uint64(max(chunk, len(b))))
		if !d.take(uintptr(more)) {
			break
		}
		b = append(b, make([]byte, more)...)
		d.read(b[from:])
	}
	return b
}

// ref reads the number of an object. hint is what the constructor has in its
// place, or nil.
func (d *decoder) ref(hint unsafe.Pointer, p *plan) unsafe.Pointer {
	n := d.uvarint()
	if n == 0 || d.err != nil {
		return nil
	}
	if n <= uint64(len(d.objects)) {
		o := d.objects[n-1]
		if o.plan != p {
			d.corrupt("object %d is a %v and not a %v", n, o.plan.typ, p.typ)
			return nil
		}
		return o.at
	}
	if n != uint64(len(d.objects))+1 {
		d.corrupt("object %d comes after %d", n, len(d.objects))
		return nil
	}
	at := hint
	if at == nil || d.claimed[at] {
		if p.bound {
			d.corrupt("a %v has no place in what the constructor made", p.typ)
			return nil
		}
		if !d.take(p.size + 48) {
			return nil
		}
		at = reflect.New(p.typ).UnsafePointer()
	} else {
		d.claimed[at] = true
	}
	o := object{at, p}
	d.objects = append(d.objects, o)
	d.queue = append(d.queue, o)
	return at
}

// drain fills the objects that have been met.
func (d *decoder) drain() {
	for len(d.queue) > 0 && d.err == nil {
		batch := d.queue
		d.queue = nil
		for _, o := range batch {
			if d.value(o.at, o.plan); d.err != nil {
				return
			}
		}
	}
}

func (d *decoder) value(at unsafe.Pointer, p *plan) {
	if d.err != nil {
		return
	}
	switch p.form {
	case skipped:
	case flat:
		d.read(unsafe.Slice((*byte)(at), p.size))
	case boolean:
		b := d.byte()
		if b > 1 {
			d.corrupt("%d is no truth value", b)
		}
		*(*bool)(at) = b == 1
	case text:
		b := d.blob(d.uvarint())
		*(*string)(at) = unsafe.String(unsafe.SliceData(b), len(b))
	case pointer:
		*(*unsafe.Pointer)(at) = d.ref(*(*unsafe.Pointer)(at), p.elem)
	case structure:
		for i := range p.fields {
			if f := &p.fields[i]; f.mode == state {
				d.value(unsafe.Add(at, f.offset), f.plan)
			}
		}
	case instant:
		d.instant((*time.Time)(at))
	case address:
		n := d.uvarint()
		if n > 64 { // 16 bytes and the name of a zone
			d.corrupt("an address of %d bytes", n)
			return
		}
		if err := (*netip.Addr)(at).UnmarshalBinary(d.blob(n)); err != nil {
			d.corrupt("an address: %v", err)
		}
	default:
		if d.depth++; d.depth > maxDepth {
			d.corrupt("values nest more than %d deep", maxDepth)
			return
		}
		switch p.form {
		case array:
			d.elements(at, p.elem, p.n)
		case list:
			d.list(at, p)
		case table:
			d.table(at, p)
		case open:
			d.open(at, p)
		}
		d.depth--
	}
}

func (d *decoder) elements(at unsafe.Pointer, p *plan, n int) {
	if p.form == flat {
		d.read(unsafe.Slice((*byte)(at), uintptr(n)*p.size))
		return
	}
	for i := 0; i < n && d.err == nil; i++ {
		d.value(unsafe.Add(at, uintptr(i)*p.size), p)
	}
}

func (d *decoder) list(at unsafe.Pointer, p *plan) {
	v := reflect.NewAt(p.typ, at).Elem()
	coded := d.uvarint()
	if coded == 0 || d.err != nil {
		v.SetZero()
		return
	}
	count := coded - 1
	// The constructor's own objects keep their places.
	if f := p.elem.form; count > 0 && (f == pointer || f == open) && uint64(v.Len()) == count {
		d.elements(v.UnsafePointer(), p.elem, int(count))
		return
	}
	size := max(p.elem.size, 1)
	if count > uint64(max(d.left, 0))/uint64(size) {
		d.corrupt("it holds more than is kept")
		return
	}
	n, have := int(count), 0
	out := reflect.MakeSlice(p.typ, 0, min(n, max(1, int(chunk/size))))
	for have < n && d.err == nil {
		more := min(n-have, max(have, max(1, int(chunk/size))))
		if !d.take(uintptr(more) * size) {
			return
		}
		if have+more > out.Cap() {
			grown := reflect.MakeSlice(p.typ, have, min(n, max(2*have, have+more)))
			reflect.Copy(grown, out)
			out = grown
		}
		out = out.Slice(0, have+more)
		d.elements(unsafe.Add(out.UnsafePointer(), uintptr(have)*p.elem.size), p.elem, more)
		have += more
	}
	v.Set(out)
}

func (d *decoder) table(at unsafe.Pointer, p *plan) {
	m := reflect.NewAt(p.typ, at).Elem()
	coded := d.uvarint()
	if coded == 0 || d.err != nil {
		m.SetZero()
		return
	}
	n := coded - 1
	size := p.key.size + p.elem.size + 16
	if n > uint64(max(d.left, 0))/uint64(size) {
		d.corrupt("it holds more than is kept")
		return
	}
	out := reflect.MakeMapWithSize(p.typ, int(min(n, chunk/uint64(size))))
	key, value := reflect.New(p.typ.Key()).Elem(), reflect.New(p.typ.Elem()).Elem()
	for i := uint64(0); i < n && d.take(size); i++ {
		key.SetZero()
		known := len(d.objects)
		d.value(key.Addr().UnsafePointer(), p.key)
		if len(d.objects) != known {
			d.corrupt("the key of a map is a new object")
		}
		if d.err != nil {
			return
		}
		value.SetZero()
		if old := m.MapIndex(key); old.IsValid() { // what the constructor has there
			value.Set(old)
		}
		d.value(value.Addr().UnsafePointer(), p.elem)
		if d.err == nil {
			out.SetMapIndex(key, value)
		}
	}
	if d.err == nil && out.Len() != int(n) {
		d.corrupt("a key of a map stands there twice")
	}
	m.Set(out)
}

func (d *decoder) open(at unsafe.Pointer, p *plan) {
	v := reflect.NewAt(p.typ, at).Elem()
	n := d.uvarint()
	if n == 0 || d.err != nil {
		v.SetZero()
		return
	}
	if n > uint64(len(d.t.open)) || !d.t.open[n-1].typ.Implements(p.typ) {
		d.corrupt("type %d cannot stand in a %v", n, p.typ)
		return
	}
	dynamic := d.t.open[n-1]
	if dynamic.form != pointer {
		copied := reflect.New(dynamic.typ)
		if !v.IsNil() && v.Elem().Type() == dynamic.typ {
			copied.Elem().Set(v.Elem()) // what is not written stays
		}
		d.value(copied.UnsafePointer(), dynamic)
		v.Set(copied.Elem())
		return
	}
	var hint unsafe.Pointer
	if !v.IsNil() && v.Elem().Type() == dynamic.typ {
		hint = v.Elem().UnsafePointer()
	}
	to := d.ref(hint, dynamic.elem)
	if d.err == nil {
		v.Set(reflect.NewAt(dynamic.typ.Elem(), to))
	}
}

func (d *decoder) instant(t *time.Time) {
	var b [13]byte
	d.read(b[:])
	if d.err != nil {
		return
	}
	nanos := binary.LittleEndian.Uint32(b[8:])
	if nanos >= 1e9 {
		d.corrupt("a second of %d nanoseconds", nanos)
		return
	}
	*t = time.Unix(int64(binary.LittleEndian.Uint64(b[:])), int64(nanos)).UTC()
	if b[12] == 0 {
		return
	}
	var zone [4]byte
	d.read(zone[:])
	*t = t.In(time.FixedZone("", int(int32(binary.LittleEndian.Uint32(zone[:])))))
}

// restored tells the objects that ask for it that everything is there.
func (d *decoder) restored() {
	asks := map[*plan]bool{}
	restorer := reflect.TypeFor[Restorer]()
	for _, o := range d.objects[d.known:] {
		ask, ok := asks[o.plan]
		if !ok {
			ask = reflect.PointerTo(o.plan.typ).Implements(restorer)
			asks[o.plan] = ask
		}
		if !ask {
			continue
		}
		if err := reflect.NewAt(o.plan.typ, o.at).Interface().(Restorer).Restored(); err != nil {
			d.corrupt("%v: %v", o.plan.typ, err)
			return
		}
	}
}
