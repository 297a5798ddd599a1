package detecting

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"lapwing/detect/standard"
	"lapwing/event"
)

var testAPIs = []standard.API{{Name: "a", Hosts: []string{"a.example"}}, {Name: "b", Hosts: []string{"*.b.example"}}}

func buildCell(cell string) func(func(event.Alert)) (*standard.Detection, error) {
	return func(emit func(event.Alert)) (*standard.Detection, error) {
		cfg := standard.Config{Sensor: "t", Seed: 1, APIs: testAPIs}
		if cell != "" {
			cfg.Here = func(name string) bool { return name == cell }
		}
		return standard.New(cfg, emit)
	}
}

// threefold has every call of a world come to three hosts, two of them of APIs
// that are listed, and returns what one detection with all cells says.
func threefold(t *testing.T, w *world) (said []string, endpoints []string) {
	t.Helper()
	d, err := buildCell("")(func(a event.Alert) { said = append(said, text(t, a)) })
	if err != nil {
		t.Fatal(err)
	}
	n := uint64(0)
	for p := range w.log {
		next := map[string]uint64{}
		for i := range w.log[p] {
			r := *w.log[p][i].record
			var calls []*event.Call
			for _, c := range r.Calls {
				for _, host := range []string{"a.example", "x.b.example", "elsewhere.example"} {
					copied := *c
					n++
					copied.Host, copied.ID = host, event.MakeID(n, 1)
					calls = append(calls, &copied)
				}
			}
			if next[r.Sensor] == 0 {
				next[r.Sensor] = 1
			}
			r.First, r.Calls = next[r.Sensor], calls
			next[r.Sensor] = r.Next()
			w.log[p][i].record = &r
		}
	}
	w.calls *= 3
	for p := range w.log {
		for _, e := range w.log[p] {
			for _, c := range e.record.Calls {
				d.Observe(c)
			}
		}
	}
	d.Close()
	for _, e := range d.Endpoints() {
		endpoints = append(endpoints, EndpointKey(&e))
	}
	return said, endpoints
}

// Detectors that have a cell each, killed now and then, say together what one
// says that has all cells, and leave each other's snapshots and endpoints alone.
func TestCellsApartSayTheSame(t *testing.T) {
	w := newWorld(t, 2, 900)
	said, endpoints := threefold(t, w)
	if len(said) < 9 || len(endpoints) < 9 {
		t.Fatalf("%d revisions, %d endpoints: the world shows nothing", len(said), len(endpoints))
	}
	synctest.Test(t, func(t *testing.T) {
		c := newCluster()
		c.fill(w)
		rng := rand.New(rand.NewPCG(5, 5))
		cells := []string{"a", "b", standard.Other}
		done := map[string]bool{}
		kills := 0
		for len(done) < len(cells) {
			cell := cells[rng.IntN(len(cells))]
			if done[cell] {
				continue
			}
			h := &handle{cluster: c, left: 10 + rng.IntN(60)}
			if kills > 12 {
				h.left = -1
			}
			cfg := testConfig()
			cfg.Cell, cfg.Build = cell, buildCell(cell)
			d := New(cfg, h)
			err := h.process(t.Context(), d, 20+rng.IntN(200))
			if !errors.Is(err, errDrained) {
				kills++
				continue
			}
			done[cell] = true
			s := d.Stats()
			if int(s.Observed) != w.calls || uint64(s.Detect.Received)+s.Foreign != s.Observed || s.Foreign == 0 || s.Detect.Late != 0 {
				t.Errorf("cell %s: not conserved: %+v of %d calls", cell, s, w.calls)
			}
		}
		got, _ := c.told(t)
		slices.Sort(got)
		slices.Sort(said)
		if !slices.Equal(got, said) {
			t.Errorf("%d revisions, want %d", len(got), len(said))
		}
		model := map[string]bool{}
		for _, m := range c.all("model") {
			model[string(m.Key)] = m.Value != nil
		}
		for _, key := range endpoints {
			if !model[key] {
				t.Errorf("endpoint %q is not in the model", key)
			}
			delete(model, key)
		}
		for key, there := range model {
			if there {
				t.Errorf("endpoint %q is in the model and should not be", key)
			}
		}
		prefixes := map[string]bool{}
		for _, m := range c.all("state") {
			prefix, _, _ := strings.Cut(string(m.Key), "/")
			prefixes[prefix] = true
		}
		if len(prefixes) != len(cells) {
			t.Errorf("snapshots of %v, want one for each of %v", prefixes, cells)
		}
		if kills < 3 {
			t.Errorf("%d kills: the test shows little", kills)
		}
	})
}

func TestStatePrefixesAreApart(t *testing.T) {
	names := []string{"a", "a.b", "detect", standard.Other}
	for _, x := range names {
		for _, y := range names {
			key := (&stateLog{prefix: statePrefix(x)}).chunkKey("g", 1)
			if x != y && strings.HasPrefix(key, statePrefix(y)) {
				t.Errorf("%s of cell %q would be read as one of %q", key, x, y)
			}
		}
	}
}
