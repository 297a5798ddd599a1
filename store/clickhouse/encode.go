package clickhouse

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"
	"unsafe"

	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"lapwing/event"
)

// responsePlace is added to the place of an identifier that stood in the
// response.
const responsePlace = 16

// Bits of the column gaps.
const (
	gapNoRequest = 1 << iota
	gapNoResponse
	gapBodyUnread
	gapIDsIncomplete
)

// An encoder turns calls into columns, and keeps its scratch for the next
// batch. One goroutine at a time.
//
// Columns of LowCardinality are given ready-made interface values: the driver
// would box each string anew, and that is most of what such a column costs.
// Arrays are given pointers into the calls, for the same reason.
type encoder struct {
	token     any
	strings   []string
	ids       [][]byte
	times     []time.Time
	int64s    []int64
	int32s    []int32
	uint64s   []uint64
	uint16s   []uint16
	uint8s    []uint8
	int8s     []int8
	pointers  []*uint64
	integers  []*int64
	names     []*string
	text      []byte
	boxes     map[string]any
	addresses map[netip.Addr]string
	lists     map[listKey]any
	columns   []column.Interface // of the last insert, for their memory
}

// listKey recognises a list of strings by where it stands: lists of one record
// share their memory where they are equal.
type listKey struct {
	first *string
	n     int
}

const maxCached = 1 << 16

func newEncoder() *encoder {
	return &encoder{boxes: make(map[string]any), addresses: make(map[netip.Addr]string), lists: make(map[listKey]any)}
}

// reset forgets what refers to the calls of the last batch.
func (e *encoder) reset() {
	clear(e.strings[:cap(e.strings)])
	clear(e.ids[:cap(e.ids)])
	clear(e.pointers[:cap(e.pointers)])
	clear(e.integers[:cap(e.integers)])
	clear(e.names[:cap(e.names)])
	clear(e.lists)
	clear(e.boxes)
	if len(e.addresses) > maxCached {
		clear(e.addresses)
	}
}

// box returns s as an interface value, the same one for the same s.
func (e *encoder) box(s string) any {
	v, ok := e.boxes[s]
	if !ok {
		v = s
		e.boxes[s] = v
	}
	return v
}

func (e *encoder) address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	s, ok := e.addresses[a]
	if !ok {
		s = a.String()
		e.addresses[a] = s
	}
	return s
}

// list returns a list as JSON text, "" for an empty one.
func (e *encoder) list(l []string) any {
	if len(l) == 0 {
		return e.box("")
	}
	key := listKey{unsafe.SliceData(l), len(l)}
	if v, ok := e.lists[key]; ok {
		return v
	}
	b := append(e.text[:0], '[')
	for i, s := range l {
		if i > 0 {
			b = append(b, ',')
		}
		b = event.AppendString(b, s)
	}
	b = append(b, ']')
	e.text = b
	v, ok := e.boxes[string(b)]
	if !ok {
		s := string(b)
		v = s
		e.boxes[s] = v
	}
	e.lists[key] = v
	return v
}

// A callColumn is one column of calls and how it is filled.
type callColumn struct {
	name string
	put  func(e *encoder, col column.Interface, calls []*event.Call) error
}

// fill appends calls to the columns of an insert, in the order of callColumns.
func (e *encoder) fill(cols []column.Interface, calls []*event.Call, token string) error {
	if len(cols) != len(callColumns) {
		return fmt.Errorf("%d columns, want %d", len(cols), len(callColumns))
	}
	e.token = token
	e.reuse(cols)
	for i := range callColumns {
		if err := callColumns[i].put(e, cols[i], calls); err != nil {
			return fmt.Errorf("column %s: %w", callColumns[i].name, err)
		}
	}
	return nil
}

// reuse gives the columns of a new insert the memory of the last one's. The
// driver makes new columns for every insert, and growing them anew costs more
// than filling them.
func (e *encoder) reuse(cols []column.Interface) {
	for i, old := range e.columns {
		if old.Type() != cols[i].Type() || reflect.TypeOf(old) != reflect.TypeOf(cols[i]) {
			continue
		}
		old.Reset()
		reflect.ValueOf(cols[i]).Elem().Set(reflect.ValueOf(old).Elem())
	}
	e.columns = cols
}

func text(name string, get func(*event.Call) string) callColumn {
	return callColumn{name, func(e *encoder, col column.Interface, calls []*event.Call) error {
		e.strings = e.strings[:0]
		for _, c := range calls {
			e.strings = append(e.strings, get(c))
		}
		_, err := col.Append(e.strings)
		return err
	}}
}

func address(name string, get func(*event.Call) netip.Addr) callColumn {
	return callColumn{name, func(e *encoder, col column.Interface, calls []*event.Call) error {
		e.strings = e.strings[:0]
		for _, c := range calls {
			e.strings = append(e.strings, e.address(get(c)))
		}
		_, err := col.Append(e.strings)
		return err
	}}
}

// low fills a column of LowCardinality(String). Calls that follow one another
// often have the same value.
func low(name string, get func(*event.Call) string) callColumn {
	return callColumn{name, func(e *encoder, col column.Interface, calls []*event.Call) error {
		last, box := "", e.box("")
		for _, c := range calls {
			if s := get(c); s != last {
				last, box = s, e.box(s)
			}
			if err := col.AppendRow(box); err != nil {
				return err
			}
		}
		return nil
	}}
}

func list(name string, get func(*event.Call) []string) callColumn {
	return callColumn{name, func(e *encoder, col column.Interface, calls []*event.Call) error {
		for _, c := range calls {
			if err := col.AppendRow(e.list(get(c))); err != nil {
				return err
			}
		}
		return nil
	}}
}

func numbers[T any](name string, scratch func(*encoder) *[]T, get func(*event.Call) T) callColumn {
	return callColumn{name, func(e *encoder, col column.Interface, calls []*event.Call) error {
		values := scratch(e)
		*values = (*values)[:0]
		for _, c := range calls {
			*values = append(*values, get(c))
		}
		_, err := col.Append(*values)
		return err
	}}
}

func int64s(name string, get func(*event.Call) int64) callColumn {
	return numbers(name, func(e *encoder) *[]int64 { return &e.int64s }, get)
}

func uint64s(name string, get func(*event.Call) uint64) callColumn {
	return numbers(name, func(e *encoder) *[]uint64 { return &e.uint64s }, get)
}

func uint16s(name string, get func(*event.Call) uint16) callColumn {
	return numbers(name, func(e *encoder) *[]uint16 { return &e.uint16s }, get)
}

func codes(name string, get func(*event.Call) int8) callColumn {
	return numbers(name, func(e *encoder) *[]int8 { return &e.int8s }, get)
}

// array fills one array of the identifiers.
func array[T any](name string, scratch func(*encoder) *[]T, get func(*event.IDRef) T) callColumn {
	return callColumn{name, func(e *encoder, col column.Interface, calls []*event.Call) error {
		values := scratch(e)
		for _, c := range calls {
			*values = (*values)[:0]
			for i := range c.IDs {
				*values = append(*values, get(&c.IDs[i]))
			}
			if err := col.AppendRow(*values); err != nil {
				return err
			}
		}
		return nil
	}}
}

// knownPlaces and knownClasses are what the enumerations of the table hold. A
// code beyond them, from a newer sensor, is kept as the plainest there is.
var (
	knownPlaces  = known(func(i int) string { return event.Place(i).String() })
	knownClasses = known(func(i int) string { return event.Class(i).String() })
	knownAuths   = known(func(i int) string { return event.Auth(i).String() })
	knownSources = known(func(i int) string { return event.Source(i).String() })
)

func known(name func(int) string) (n int) {
	for name(n) != "invalid" {
		n++
	}
	return n
}

func clamp(code, known int, otherwise int8) int8 {
	if code >= known {
		return otherwise
	}
	return int8(code)
}

func place(r *event.IDRef) int8 {
	p := clamp(int(r.In), knownPlaces, int8(event.InBody))
	if r.Response {
		p += responsePlace
	}
	return p
}

func gaps(g *event.Gap) (b uint8) {
	if g.NoRequest {
		b |= gapNoRequest
	}
	if g.NoResponse {
		b |= gapNoResponse
	}
	if g.BodyUnread {
		b |= gapBodyUnread
	}
	if g.IDsIncomplete {
		b |= gapIDsIncomplete
	}
	return b
}
