package standard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"lapwing/event"
)

func TestRoutes(t *testing.T) {
	names, r, err := newRoutes([]API{
		{Name: "shop", Hosts: []string{"shop.example", "*.shop.example"}},
		{Name: "admin", Hosts: []string{"Admin.Shop.Example", "*.int.shop.example"}},
		{Name: "port", Hosts: []string{"10.0.0.1:8443"}},
	})
	if err != nil || !slices.Equal(names, []string{"admin", "port", "shop", Other}) {
		t.Fatalf("names %q: %v", names, err)
	}
	for host, want := range map[string]string{
		"shop.example": "shop", "a.b.shop.example": "shop", "api.shop.example:8080": "shop", "admin.shop.example": "admin",
		"x.int.shop.example": "admin", "int.shop.example": "shop", "shop.example.org": Other, "ashop.example": Other,
		"": Other, "10.0.0.1:8443": "port", "10.0.0.1": Other, "[::1]": Other, "[::1]:80": Other,
	} {
		for range 2 { // the second time from memory
			if got := names[r.of(host)]; got != want {
				t.Errorf("%q is of %s, want %s", host, got, want)
			}
		}
	}
	for n := range 2 * maxRouted {
		r.of(fmt.Sprintf("%d.shop.example", n))
	}
	if len(r.routed) > maxRouted {
		t.Errorf("%d hosts are remembered", len(r.routed))
	}
	for name, apis := range map[string][]API{
		"twice":    {{Name: "a", Hosts: []string{"x"}}, {Name: "b", Hosts: []string{"x"}}},
		"nameless": {{Hosts: []string{"x"}}},
		"slash":    {{Name: "a/b", Hosts: []string{"x"}}},
		"other":    {{Name: Other, Hosts: []string{"x"}}},
		"empty":    {{Name: "a"}},
		"same":     {{Name: "a", Hosts: []string{"x"}}, {Name: "a", Hosts: []string{"y"}}},
		"star":     {{Name: "a", Hosts: []string{"a.*.example"}}},
		"bare":     {{Name: "a", Hosts: []string{"*."}}},
	} {
		if _, _, err := newRoutes(apis); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// What a cell says does not depend on which other cells are in its process,
// nor on the steps in which time advances.
func TestCellsAloneAndTogether(t *testing.T) {
	apis := []API{{Name: "a", Hosts: []string{"a.example"}}, {Name: "b", Hosts: []string{"*.b.example"}}}
	var calls []*event.Call
	for i, c := range sampled(t) {
		for j, host := range []string{"a.example", "x.b.example", "elsewhere.example"} {
			copied := *c
			copied.Host, copied.ID = host, event.MakeID(uint64(i), uint64(j))
			calls = append(calls, &copied)
		}
	}
	run := func(step int, here func(string) bool) (out []string) {
		d, err := New(Config{Sensor: "t", Seed: 1, APIs: apis, Here: here}, func(a event.Alert) {
			b, err := json.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(b))
		})
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range calls {
			d.Observe(c)
			if i%step == 0 {
				d.Advance(c.End().UnixNano() - 5e9)
			}
		}
		d.Close()
		if s := d.Stats(); s.Judged+d.Foreign != int64(len(calls)) {
			t.Errorf("%d judged and %d foreign of %d calls", s.Judged, d.Foreign, len(calls))
		}
		return out
	}
	whole := run(1000, nil)
	if again := run(77, nil); !slices.Equal(whole, again) {
		t.Error("the steps of time change what is said, or its order")
	}
	var parts []string
	for _, name := range []string{"a", "b", Other} {
		part := run(501, func(cell string) bool { return cell == name })
		if len(part) < 4 {
			t.Fatalf("cell %s says %d things", name, len(part))
		}
		parts = append(parts, part...)
	}
	slices.Sort(parts)
	slices.Sort(whole)
	if !slices.Equal(parts, whole) {
		t.Errorf("apart %d revisions, together %d", len(parts), len(whole))
	}
	ids := map[string]string{}
	for _, line := range whole {
		var a event.Alert
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		if was, ok := ids[a.ID]; ok && was != a.Endpoint.Host && strings.Contains(a.Endpoint.Host, ".example") {
			t.Errorf("alert %s is of %s and of %s", a.ID, was, a.Endpoint.Host)
		}
		ids[a.ID] = a.Endpoint.Host
	}
}

// Every host is judged by one cell, whichever host is asked for first: logs
// often name none.
func TestEachHostIsKeptOnce(t *testing.T) {
	apis := []API{{Name: "a", Hosts: []string{"a.example"}}, {Name: "b", Hosts: []string{"*.b.example"}}}
	hosts := []string{"", "a.example", "x.b.example", "elsewhere.example"}
	for first := range hosts {
		asked := slices.Concat(hosts[first:], hosts[:first])
		kept := map[string][]string{}
		for _, cell := range []string{"a", "b", Other} {
			d, err := New(Config{Sensor: "t", Seed: 1, APIs: apis, Here: func(name string) bool { return name == cell }}, func(event.Alert) {})
			if err != nil {
				t.Fatal(err)
			}
			keeps := d.Keeps()
			for _, host := range asked {
				if keeps(host) {
					kept[host] = append(kept[host], cell)
				}
			}
			if fresh, err := New(Config{Sensor: "t", Seed: 1, APIs: apis}, func(event.Alert) {}); err != nil || fresh.Of(asked[0]) != d.Of(asked[0]) {
				t.Errorf("%q is of %s at first and of %s then (%v)", asked[0], fresh.Of(asked[0]), d.Of(asked[0]), err)
			}
		}
		for host, want := range map[string]string{"": Other, "a.example": "a", "x.b.example": "b", "elsewhere.example": Other} {
			if got := kept[host]; len(got) != 1 || got[0] != want {
				t.Errorf("asked for %q first: %q is kept by %q, want %s alone", asked[0], host, got, want)
			}
		}
	}
}
