package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type world struct {
	cfg    config `snapshot:"same"`
	laws   *laws  `snapshot:"same"`
	parts  []part
	byName map[string]part `snapshot:"-"`
	first  *node
	again  *node // the same as first
	people map[string]*person
	counts map[pair]int64
	under  map[*law]int
	times  map[uint64][]time.Time
	held   []suspicion
	emit   func(string)
	small  [3]uint8
	flags  []bool
	ratio  float64
	none   []int
	empty  []int
	addr   netip.Addr
	prefix netip.Prefix
	shapes [2]struct {
		name string
		keys []uint64
	}
	budget *budget
}

type (
	config struct{ seed uint64 }
	laws   struct {
		list []*law
		text string `snapshot:"-"`
	}
	law    struct{ name string }
	pair   struct{ a, b string }
	budget struct{ left int64 }
	node   struct {
		up   *node
		down []*node
		law  *law
		n    int
	}
	person struct {
		name   string
		budget *budget
		open   *suspect
	}
	suspect struct {
		score float64
		who   *person
	}
	harmless  struct{ why string }
	suspicion interface{ told() string }
	part      interface{ name() string }
	ledger    struct {
		rows    map[uint64]row
		sum     int64 `snapshot:"-"`
		onEvict func()
		scratch []byte `snapshot:"-"`
	}
	row struct {
		n    int64
		note *string
	}
)

func (s *suspect) told() string { return s.who.name }
func (h harmless) told() string { return h.why }
func (l *ledger) name() string  { return "ledger" }
func (l *ledger) Restored() error {
	l.sum = 0
	for _, r := range l.rows {
		if r.n < 0 {
			return errors.New("a negative row")
		}
		l.sum += r.n
	}
	return nil
}
func (*world) SnapshotTypes() []any  { return []any{(*ledger)(nil), (*suspect)(nil)} }
func (*ledger) SnapshotTypes() []any { return []any{harmless{}} }

func newWorld(seed uint64) *world {
	l := &ledger{rows: map[uint64]row{}, scratch: make([]byte, 9)}
	w := &world{
		cfg: config{seed}, laws: &laws{text: fmt.Sprint(seed), list: []*law{{"a"}, {"b"}, {"c"}}}, parts: []part{l}, byName: map[string]part{"ledger": l},
		people: map[string]*person{}, counts: map[pair]int64{}, under: map[*law]int{}, times: map[uint64][]time.Time{}, budget: &budget{7},
	}
	w.emit = func(string) {}
	l.onEvict = func() { w.ratio++ }
	return w
}

func lived(seed uint64) *world {
	w := newWorld(1)
	rng := rand.New(rand.NewPCG(seed, 1))
	w.first = &node{n: 1, law: w.laws.list[1]}
	w.again = w.first
	at := w.first
	for i := range 200 { // a long chain, and a cycle
		next := &node{up: at, n: i}
		at.down = append(at.down, next)
		at = next
	}
	at.down = append(at.down, w.first)
	for i := range 50 {
		p := &person{name: fmt.Sprint("p", i), budget: w.budget}
		if i%3 == 0 {
			p.open = &suspect{score: rng.NormFloat64(), who: p}
			w.held = append(w.held, p.open)
		}
		w.people[p.name] = p
		w.counts[pair{p.name, "x"}] = rng.Int64()
		w.times[rng.Uint64()] = []time.Time{time.Unix(rng.Int64N(1e9), 5).UTC(), {}, time.Unix(3, 0).In(time.FixedZone("z", 3600))}
	}
	w.held = append(w.held, harmless{"a benign one"}, nil)
	for i, l := range w.laws.list {
		w.under[l] = i
	}
	led := w.parts[0].(*ledger)
	for range 100 {
		note := fmt.Sprint(rng.Uint64())
		led.rows[rng.Uint64()] = row{rng.Int64N(1000), &note}
	}
	w.small, w.flags, w.ratio, w.empty = [3]uint8{1, 2, 3}, []bool{true, false}, math.Inf(1), []int{}
	w.addr, w.prefix = netip.MustParseAddr("fe80::1%eth0"), netip.MustParsePrefix("10.0.0.0/8")
	w.shapes[1].name, w.shapes[1].keys = strings.Repeat("n", 100_000), make([]uint64, 100_000)
	w.shapes[1].keys[77] = 1
	w.budget.left = 3
	return w
}

func saved(tb testing.TB, root any) []byte {
	tb.Helper()
	var b bytes.Buffer
	if err := Save(&b, root); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestComesBackWhole(t *testing.T) {
	for seed := range uint64(5) {
		was := lived(seed)
		if err := Check(was); err != nil {
			t.Fatal(err)
		}
		data := saved(t, was)
		now := newWorld(1)
		part0, laws0, emit := now.parts[0], now.laws, reflect.ValueOf(now.emit).Pointer()
		if err := Load(bytes.NewReader(data), now); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(saved(t, now), data) {
			t.Error("what was loaded is saved as other bytes")
		}
		// Written twice by the reader of what the first wrote: as reflect.DeepEqual sees it, but for functions.
		led, old := now.parts[0].(*ledger), was.parts[0].(*ledger)
		sum := int64(0)
		for _, r := range old.rows {
			sum += r.n
		}
		switch {
		case now.parts[0] != part0 || now.byName["ledger"] != part0 || now.laws != laws0 || reflect.ValueOf(now.emit).Pointer() != emit || led.onEvict == nil:
			t.Error("what the constructor made is not there any more")
		case led.sum != sum || len(led.scratch) != 9:
			t.Errorf("the sum is %d, want %d", led.sum, sum)
		case now.first != now.again || now.first.down[0].up != now.first || now.first.law != now.laws.list[1]:
			t.Error("identity is lost")
		case now.people["p3"].budget != now.budget || now.held[1] != suspicion(now.people["p3"].open) || now.people["p3"].open.who != now.people["p3"]:
			t.Error("identity is lost")
		case now.under[now.laws.list[2]] != 2 || len(now.under) != 3:
			t.Error("keys that point to configuration are lost")
		case now.none != nil || now.empty == nil:
			t.Error("nil and empty are mixed up")
		}
		was.emit, now.emit, old.onEvict, led.onEvict, was.laws.text = nil, nil, nil, nil, now.laws.text
		old.sum = led.sum
		if !reflect.DeepEqual(was.people, now.people) || !reflect.DeepEqual(old.rows, led.rows) || !reflect.DeepEqual(was.counts, now.counts) ||
			!reflect.DeepEqual(was.held, now.held) || was.addr != now.addr || was.prefix != now.prefix || !reflect.DeepEqual(was.shapes, now.shapes) ||
			was.small != now.small || !reflect.DeepEqual(was.flags, now.flags) || was.ratio != now.ratio || was.budget.left != now.budget.left {
			t.Error("values differ")
		}
		for k, list := range was.times {
			for i, at := range list {
				if b := now.times[k][i]; !b.Equal(at) || b.Format(time.RFC3339Nano) != at.Format(time.RFC3339Nano) || at.IsZero() && b != at {
					t.Errorf("%v became %v", at, b)
				}
			}
		}
	}
}

func TestEqualStateGivesEqualBytes(t *testing.T) {
	want := saved(t, lived(3))
	for range 10 {
		if !bytes.Equal(saved(t, lived(3)), want) {
			t.Fatal("bytes differ")
		}
	}
	if bytes.Equal(saved(t, lived(4)), want) {
		t.Fatal("other state gives the same bytes")
	}
}

type newerWorld struct {
	world
	Further int
}

func TestRefusesOthers(t *testing.T) {
	data := saved(t, lived(1))
	if err := Load(bytes.NewReader(data), newWorld(2)); !errors.Is(err, ErrOther) {
		t.Errorf("another seed: %v", err)
	}
	more := newWorld(1)
	more.laws.list = more.laws.list[:2]
	if err := Load(bytes.NewReader(data), more); !errors.Is(err, ErrOther) {
		t.Errorf("other laws: %v", err)
	}
	if err := Load(bytes.NewReader(data), &newerWorld{world: *newWorld(1)}); !errors.Is(err, ErrOther) {
		t.Errorf("another build: %v", err)
	}
}

func TestSaysWhatCannotBeWritten(t *testing.T) {
	type stranger struct{ any any }
	type inside struct {
		list []int
		at   *int
	}
	list := []int{1, 2, 3}
	w := lived(1)
	w.under[&law{"made up"}] = 1
	for name, root := range map[string]any{
		"not a pointer": config{}, "nil": nil, "nil pointer": (*config)(nil), "unnamed": &stranger{any: 3},
		"complex": &struct{ c complex128 }{}, "bad tag": &struct {
			c int `snapshot:"sam"`
		}{}, "pointer keys": w,
	} {
		if err := Save(&bytes.Buffer{}, root); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := Check(&inside{list, &list[1]}); err == nil {
		t.Error("a pointer into a slice is not found")
	}
	if err := Check(&struct{ a, b []int }{list[:2], list[1:]}); err == nil {
		t.Error("shared arrays are not found")
	}
}

// Whatever is changed or cut off is found.
func TestDamageIsFound(t *testing.T) {
	data := saved(t, lived(2))
	rng := rand.New(rand.NewPCG(5, 5))
	for range 400 {
		bad := bytes.Clone(data)
		switch rng.IntN(3) {
		case 0:
			bad[rng.IntN(len(bad))] ^= 1 << rng.IntN(8)
		case 1:
			bad = bad[:rng.IntN(len(bad))]
		default:
			bad = append(bad, byte(rng.Uint32()))
		}
		err := load(bytes.NewReader(bad), newWorld(1), 64<<20)
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrOther) {
			t.Fatalf("damage was taken: %v", err)
		}
	}
}
