package standard

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
	"unsafe"

	"lapwing/detect"
	"lapwing/detect/inventory"
	"lapwing/detect/objects/grow"
	"lapwing/event"
)

// A scale adds up the memory that hangs below values, each object once: arrays
// with what they have grown ahead, maps at twice their entries.
type scale struct {
	seen map[unsafe.Pointer]bool
	sets int64 // of it, what hangs below grow.Sets
}

func (w *scale) below(v reflect.Value) (bytes int64) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || w.seen[v.UnsafePointer()] {
			return 0
		}
		w.seen[v.UnsafePointer()] = true
		return int64(v.Type().Elem().Size()) + w.below(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			return 0
		}
		return w.below(v.Elem())
	case reflect.String:
		return int64(v.Len())
	case reflect.Slice:
		if v.Cap() == 0 || w.seen[v.UnsafePointer()] {
			return 0
		}
		w.seen[v.UnsafePointer()] = true
		bytes = int64(v.Cap()) * int64(v.Type().Elem().Size())
		if points(v.Type().Elem()) {
			for i := range v.Len() {
				bytes += w.below(v.Index(i))
			}
		}
	case reflect.Array:
		if points(v.Type().Elem()) {
			for i := range v.Len() {
				bytes += w.below(v.Index(i))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if points(v.Field(i).Type()) {
				bytes += w.below(v.Field(i))
			}
		}
		if v.Type() == reflect.TypeFor[grow.Set]() {
			w.sets += bytes
		}
	case reflect.Map:
		bytes = 2 * int64(v.Len()) * int64(v.Type().Key().Size()+v.Type().Elem().Size()+1)
		for it := v.MapRange(); it.Next(); {
			bytes += w.below(it.Key()) + w.below(it.Value())
		}
	}
	return bytes
}

// points reports whether values of a type may lead to others.
func points(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.String, reflect.Slice, reflect.Map:
		return true
	case reflect.Array:
		return points(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if points(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

// sets is the second tier: the sets of what actors were told of, read and
// missed, which have budgets of their own.
const sets = "second tier: sets"

// byTable is the memory below each field of each stage, but for the sets, which
// are told apart.
func byTable(list []detect.Stage) map[string]int64 {
	sizes := map[string]int64{}
	w := &scale{seen: map[unsafe.Pointer]bool{}}
	for _, s := range list {
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			if points(v.Field(i).Type()) {
				before := w.sets
				sizes[s.Name()+"."+v.Type().Field(i).Name] += w.below(v.Field(i)) - (w.sets - before)
			}
		}
	}
	sizes[sets] = w.sets
	return sizes
}

// visitors are actors with few calls each, as most actors of a month are: they
// read a list and some of what was on it, every second after logging in.
func visitors(m *mix, from, n, calls int, fn func(*event.Call)) {
	for i := from; i < from+n; i++ {
		m.people[0] = mixPerson{
			name: fmt.Sprintf("nm-v%07x", i), account: fmt.Sprintf("nm-va%07x", i), program: i % len(m.programs),
			client: netip.AddrFrom4([4]byte{byte(80 + i>>21), byte(i >> 13), byte(i >> 5), byte(i << 3)}),
			orders: []int64{int64(1_000_000 + 3*i), int64(1_000_001 + 3*i), int64(1_000_002 + 3*i)},
		}
		var s mixSession
		if i%2 == 1 {
			s.step = 1
			m.people[0].token = fmt.Sprintf("tok-%012x", mixHash("tok", int64(i))>>16)
		}
		for range calls {
			m.n++
			m.at = m.at.Add(time.Duration(m.rng.Int64N(int64(2*m.gap) + 1)))
			c := m.step(&s)
			c.Time, c.ID, c.Duration = m.at, event.MakeID(mixHash("id", int64(m.n)), m.n), 20*time.Millisecond
			fn(c)
		}
	}
}

// maxActorBytes is what an actor with few calls may cost in all detectors
// together, but for the sets. It is a fence against growth by accident: what is
// reached stands in docs/performance.md.
const maxActorBytes = 4000

// TestMemoryOfAnActor measures what an actor costs in all detectors together:
// the difference between a small and a larger crowd, so that what is there
// whoever comes is left out.
func TestMemoryOfAnActor(t *testing.T) {
	const few, many = 2000, 12_000
	for _, calls := range []int{1, 2, 6} {
		cfg := &Config{Sensor: "t", Seed: 1}
		list := stages(cfg, inventory.New(inventory.Config{Seed: 1}))
		e := detect.New(detect.Config{Sensor: "t", Seed: 1}, func(event.Alert) {}, list...)
		m := newMix(5, 1000, 10, 500*time.Microsecond)
		n := 0
		observe := func(c *event.Call) {
			e.Observe(c)
			if n++; n%512 == 0 {
				e.Advance(c.End().UnixNano() - 5e9)
			}
		}
		visitors(m, 0, few, calls, observe)
		before := byTable(list)
		visitors(m, few, many-few, calls, observe)
		e.Advance(m.at.UnixNano() + 60e9)
		after := byTable(list)
		first := int64(0)
		for _, k := range slices.SortedFunc(maps.Keys(after), func(a, b string) int {
			return cmp.Or(cmp.Compare(after[b]-before[b], after[a]-before[a]), cmp.Compare(a, b))
		}) {
			each := (after[k] - before[k]) / (many - few)
			if k != sets {
				first += after[k] - before[k]
			}
			if each > 0 {
				t.Logf("%d calls: %-28s %5d bytes an actor", calls, k, each)
			}
		}
		each := first / (many - few)
		t.Logf("%d calls: %-28s %5d bytes an actor", calls, "first tier in all", each)
		if each > maxActorBytes || each <= 0 {
			t.Errorf("%d bytes an actor with %d calls, want at most %d", each, calls, maxActorBytes)
		}
	}
}
