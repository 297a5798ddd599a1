package standard

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lapwing/detect/snapshot"
	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
)

func sampledWith(tb testing.TB, o sample.Options) []*event.Call {
	tb.Helper()
	r, err := sample.Make(o)
	if err != nil {
		tb.Fatal(err)
	}
	var calls []*event.Call
	p, err := parse.New(parse.Config{Sensor: "t"}, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		tb.Fatal(err)
	}
	for _, packet := range r.Packets {
		p.Packet(1, packet.Data, len(packet.Data), packet.Time.UnixNano())
	}
	p.Close()
	return calls
}

// A teller collects what a detection says.
type teller struct {
	*Detection
	said []string
}

func newTeller(tb testing.TB, cfg Config) *teller {
	tb.Helper()
	t := &teller{}
	d, err := New(cfg, func(a event.Alert) {
		b, err := json.Marshal(a)
		if err != nil {
			tb.Fatal(err)
		}
		t.said = append(t.said, string(b))
	})
	if err != nil {
		tb.Fatal(err)
	}
	t.Detection = d
	return t
}

func (t *teller) run(calls []*event.Call, from, to int) {
	for i := from; i < to; i++ {
		t.Observe(calls[i])
		if i%97 == 0 {
			t.Advance(calls[i].End().UnixNano() - 5e9)
		}
	}
}

// Whoever goes on from a snapshot says, to the byte, what the one who was
// never interrupted says.
func TestGoesOnFromSnapshot(t *testing.T) {
	apis := []API{{Name: "shop", Hosts: []string{"*.shop.example"}}}
	for name, world := range map[string]struct {
		sample sample.Options
		cfg    Config
	}{
		"bundled": {sample.Options{}, Config{Sensor: "t", Seed: 1}},
		"specs":   {sample.Options{Seed: 2}, Config{Sensor: "t", Seed: 1, Specs: []string{"../../examples/shop.openapi.yaml"}}},
		"cells":   {sample.Options{Seed: 3}, Config{Sensor: "t", Seed: 9, APIs: apis, Historical: true}},
	} {
		t.Run(name, func(t *testing.T) {
			calls := sampledWith(t, world.sample)
			rng := rand.New(rand.NewPCG(world.sample.Seed, 7))
			cuts := []int{0, 1, len(calls)}
			more := 20
			if testing.Short() {
				more = 1
			}
			for range more {
				cuts = append(cuts, rng.IntN(len(calls)))
			}
			slices.Sort(cuts)
			whole := newTeller(t, world.cfg)
			type taken struct {
				at, said int
				data     []byte
			}
			var list []taken
			from := 0
			for _, at := range cuts {
				whole.run(calls, from, at)
				from = at
				if err := snapshot.Check(whole.Detection, "[]string", "inventory.features", "[]event.Feature"); err != nil {
					t.Fatal(err)
				}
				var b bytes.Buffer
				if err := snapshot.Save(&b, whole.Detection); err != nil {
					t.Fatal(err)
				}
				list = append(list, taken{at, len(whole.said), b.Bytes()})
			}
			whole.Close()
			if len(whole.said) < 5 {
				t.Fatalf("%d revisions: the test shows nothing", len(whole.said))
			}
			for i, s := range list {
				d := newTeller(t, world.cfg)
				if err := snapshot.Load(bytes.NewReader(s.data), d.Detection); err != nil {
					t.Fatalf("cut at %d: %v", s.at, err)
				}
				var again bytes.Buffer
				if err := snapshot.Save(&again, d.Detection); err != nil || !bytes.Equal(again.Bytes(), s.data) {
					t.Errorf("cut at %d: saved again it is %d bytes, not the same %d (%v)", s.at, again.Len(), len(s.data), err)
				}
				if i+1 < len(list) { // in the same steps: the very same state
					next := list[i+1]
					d.run(calls, s.at, next.at)
					again.Reset()
					if err := snapshot.Save(&again, d.Detection); err != nil || !bytes.Equal(again.Bytes(), next.data) {
						t.Errorf("from %d to %d: the state is another (%v)", s.at, next.at, err)
					}
					d.run(calls, next.at, len(calls))
				}
				d.Close()
				if !slices.Equal(d.said, whole.said[s.said:]) {
					t.Errorf("cut at %d: %d revisions, want %d", s.at, len(d.said), len(whole.said)-s.said)
				}
			}
		})
	}
}

func TestSnapshotOfOthersIsRefused(t *testing.T) {
	cfg := Config{Sensor: "t", Seed: 1, Specs: []string{"../../examples/shop.openapi.yaml"}}
	var b bytes.Buffer
	if err := snapshot.Save(&b, newTeller(t, cfg).Detection); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]Config{
		"seed": {Sensor: "t", Seed: 2, Specs: cfg.Specs}, "name": {Sensor: "u", Seed: 1, Specs: cfg.Specs}, "specs": {Sensor: "t", Seed: 1},
		"cells":  {Sensor: "t", Seed: 1, Specs: cfg.Specs, APIs: []API{{Name: "a", Hosts: []string{"a"}}}},
		"absent": {Sensor: "t", Seed: 1, Specs: cfg.Specs, Here: func(string) bool { return false }},
	} {
		if err := snapshot.Load(bytes.NewReader(b.Bytes()), newTeller(t, other).Detection); !errors.Is(err, snapshot.ErrOther) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if err := snapshot.Load(bytes.NewReader(b.Bytes()), newTeller(t, cfg).Detection); err != nil {
		t.Errorf("the same: %v", err)
	}
}

// crowded is a detection that has seen a million users, each reading three
// objects and missing one: its tables are full.
func crowded(tb testing.TB, users int) *teller {
	tb.Helper()
	d := newTeller(tb, Config{Sensor: "t", Seed: 1})
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	n := uint64(0)
	for user := range users {
		name := fmt.Sprint("nm-user", user)
		client := netip.AddrFrom4([4]byte{10, byte(user >> 16), byte(user >> 8), byte(user)})
		for k := range 4 {
			n++
			object := uint64(user*3 + k)
			c := &event.Call{
				ID: event.MakeID(n, 1), Time: at.Add(time.Duration(n) * 100 * time.Microsecond), Duration: 5 * time.Millisecond, Sensor: "t",
				Client: client, Method: "GET", Host: "api.shop.example", Path: fmt.Sprint("/v1/orders/", object), PathShape: "/v1/orders/{int}", Status: 200,
				Actor: event.Actor{Kind: event.KindUser, Value: name}, User: name, Fingerprint: "f", Auth: event.AuthBearer,
				IDs: []event.IDRef{{In: event.InPath, Name: "3", Class: event.ClassInt, Hash: object * 0x9e3779b97f4a7c15, Int: int64(object)},
					{Response: true, In: event.InBody, Name: "id", Class: event.ClassInt, Hash: object * 0x9e3779b97f4a7c15, Int: int64(object)}},
				Shape: event.Shape{Response: event.BodyShape{Type: "json", Keys: []string{"id:int", "total:int"}, Hash: 7}},
			}
			if k == 3 {
				c.Status = 404
			}
			d.Observe(c)
		}
		if user%256 == 0 {
			d.Advance(at.Add(time.Duration(n) * 100 * time.Microsecond).UnixNano())
		}
	}
	return d
}

func BenchmarkSnapshot(b *testing.B) {
	for name, d := range map[string]func() *teller{
		"sample": func() *teller {
			calls := sampledWith(b, sample.Options{})
			d := newTeller(b, Config{Sensor: "t", Seed: 1})
			d.run(calls, 0, len(calls))
			return d
		},
		"million": func() *teller { return crowded(b, 1_000_000) },
	} {
		b.Run(name, func(b *testing.B) {
			d := d()
			var data bytes.Buffer
			b.Run("save", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					data.Reset()
					if err := snapshot.Save(&data, d.Detection); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(data.Len())/1e6, "MB")
			})
			b.Run("load", func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					fresh := newTeller(b, Config{Sensor: "t", Seed: 1})
					if err := snapshot.Load(bytes.NewReader(data.Bytes()), fresh.Detection); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
