package inventory

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"lapwing/event"
)

// probes is how many requests each flood makes. A million take some seconds a
// server; every test run does a tenth, LAPWING_LONG the whole.
func probes() int {
	if os.Getenv("LAPWING_LONG") != "" {
		return 1_000_000
	}
	return 100_000
}

// probed is what a scanner asks for: words, codes, numbers, at several places.
func probed(i int) string {
	switch i % 5 {
	case 0:
		return "/" + name(i)
	case 1:
		return "/api/" + name(i) + "/" + name(i*3)
	case 2:
		return fmt.Sprintf("/%s/%d", name(i), i)
	case 3:
		return fmt.Sprintf("/%c%d%s", 'A'+i%26, i, "Q")
	}
	return fmt.Sprintf("/%s-%s.php", name(i), name(i*5))
}

// No flood of probes may enter the inventory, whatever the server answers.
func TestProbesCreateNothing(t *testing.T) {
	servers := []struct {
		name   string
		status int
		opts   func(path string) []option
	}{
		{"404", 404, func(string) []option { return nil }},
		{"same page for everything", 200, func(string) []option { return []option{page(5123)} }},
		{"page that repeats the path", 200, func(p string) []option { return []option{page(900 + int64(len(p)))} }},
		{"page with a token of varying length", 200, func(p string) []option { return []option{page(9000 + int64(len(p)*7919%5))} }},
		{"same JSON error with 200", 200, func(string) []option {
			return []option{bytes(41), func(c *event.Call) {
				c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"error:string"}, Hash: 3, Outcome: "error=not_found"}
			}}
		}},
		{"the page, from a log", 200, func(string) []option { return []option{fromLog, bytes(5123)} }},
		{"401 for everything", 401, func(string) []option { return nil }},
		{"403 for everything", 403, func(string) []option { return nil }},
		{"redirect to the log-in", 302, func(string) []option { return []option{location("/login")} }},
		{"redirect to the same path", 301, func(p string) []option { return []option{location("https://h" + p + "/")} }},
		{"redirect somewhere, always the same", 302, func(string) []option { return []option{location("/welcome"), bytes(0)} }},
		{"503", 503, func(string) []option { return nil }},
		{"405", 405, func(string) []option { return nil }},
		{"429 from a limiter", 429, func(string) []option { return nil }},
	}
	for _, actors := range []int{1, 10, 5000} {
		for _, s := range servers {
			t.Run(fmt.Sprintf("%s, %d actors", s.name, actors), func(t *testing.T) {
				w := newWorld(t)
				w.step = 50 * time.Millisecond
				n := probes() / len(servers)
				if os.Getenv("LAPWING_LONG") != "" {
					n = probes()
				}
				methods := []string{"GET", "GET", "GET", "HEAD", "POST"}
				for i := range n {
					path := probed(i / 2 * 2 % 150_000)
					w.call(i%actors, methods[i%len(methods)], "h", path, s.status, s.opts(path)...)
				}
				rows := w.close()
				if len(rows) != 0 {
					t.Errorf("%d rows, such as %s", len(rows), table(rows[:min(len(rows), 8)]))
				}
			})
		}
	}
}

// The same floods beside a real API must not touch it either.
func TestProbesBesideRealTraffic(t *testing.T) {
	w := newWorld(t)
	for i := range 20_000 {
		w.call(i%20, "GET", "h", fmt.Sprintf("/api/orders/%d", i%500), 200)
		w.call(i%20, "GET", "h", "/api/me", 200, shape(8, "email:string"))
		p := probed(i)
		w.call(10_000+i%3, "GET", "h", p, 200, page(5123))
		w.call(10_000+i%3, "GET", "h", "/api/"+name(i), 401)
	}
	if got := table(w.close()); got != "GET h/api/me new\nGET h/api/orders/{id} new\n" {
		t.Errorf("inventory:\n%s", got[:min(len(got), 600)])
	}
	if n := w.stage.Stats().Nodes; n > 10 {
		t.Errorf("%d nodes are left", n)
	}
}

// A server that makes a new answer for every path can only be held by budget.
func TestBudgets(t *testing.T) {
	w := newWorld(t)
	w.step = 100 * time.Millisecond
	for i := range 50_000 {
		w.call(1, "GET", "h", "/x"+name(i)+"/y"+name(i*3), 200, shape(uint64(i), name(i)+":int"), bytes(int64(1000+i*17)))
		w.call(1, "GET", "h", "/none/"+name(i), 404)
	}
	rows := w.close()
	if len(rows) > actorBudget {
		t.Errorf("%d rows by one prober in a day, want at most %d", len(rows), actorBudget)
	}
	if w.stage.Stats().Refused == 0 {
		t.Error("refusals are not counted")
	}
}

// State stays within its limits under a million different keys of every sort.
func TestBounds(t *testing.T) {
	w := newWorld(t)
	w.step = 10 * time.Millisecond
	for i := range 60_000 {
		host := fmt.Sprintf("h%d.example", i%1000)
		path := "/" + strings.Repeat(name(i)+"/", 1+i%40)
		w.call(i, []string{"GET", "BREW", "POST"}[i%3], host, path, 200, shape(uint64(i), name(i)+":int"), as(fmt.Sprint(i)))
	}
	rows := w.close()
	s := w.stage
	if len(s.order) > maxHosts+1 {
		t.Errorf("%d hosts", len(s.order))
	}
	for _, h := range s.order {
		if h.nodes > maxNodes {
			t.Errorf("%s has %d nodes", h.name, h.nodes)
		}
	}
	for _, r := range rows {
		if n := strings.Count(r.Route, "/"); n > maxDepth {
			t.Fatalf("route of %d segments", n)
		}
		if r.Method == "BREW" {
			t.Fatal("a made-up method became an endpoint")
		}
	}
	if s.limbo.Len() > limboSize || len(s.aliases) > maxAliases {
		t.Errorf("limbo %d, aliases %d", s.limbo.Len(), len(s.aliases))
	}
	if s.Stats().HostsPooled == 0 {
		t.Error("pooled hosts are not counted")
	}
}

// Scanners that work through the same list look like several actors who agree.
func TestScannersWithTheSameList(t *testing.T) {
	for _, status := range []int{200, 401, 403} {
		w := newWorld(t)
		for i := range 200 {
			w.call(i%20, "GET", "h", fmt.Sprintf("/api/orders/%d", i), 200)
		}
		for i := range 500 {
			for scanner := range 8 {
				w.call(100+scanner, "GET", "h", "/api/"+name(i), status, func(c *event.Call) {
					c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"message:string"}, Hash: 4}
					c.ResponseBytes = 33
				})
			}
		}
		if got := table(w.close()); got != "GET h/api/orders/{id} new\n" {
			t.Errorf("status %d, inventory:\n%s", status, got[:min(len(got), 600)])
		}
	}
}
