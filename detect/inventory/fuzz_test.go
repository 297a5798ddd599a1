package inventory

import (
	"testing"
	"time"

	"lapwing/event"
)

// Nothing that a caller or a server sends may break the stage.
func FuzzObserve(f *testing.F) {
	f.Add("GET", "h", "/a//b/c;x/../{id}/17.json", "/a//{int}", "/login", 200, int64(5))
	f.Add("HEAD", "", "", "", "://", 302, int64(0))
	f.Add("POST", "*", "/v2/orders/%2e%2e/%", "/", "https://x", 201, int64(-1))
	f.Fuzz(func(t *testing.T, method, host, path, shape, to string, status int, size int64) {
		w := newWorld(t, shopSpec)
		for i, p := range []string{path, "/v2" + path, "/v2/orders/" + path, "/users" + path, path} {
			w.call(i, method, host, p, status, location(to), bytes(size), func(c *event.Call) { c.PathShape = shape })
			w.at = w.at.Add(3 * time.Minute)
		}
		for _, r := range w.close() {
			if r.Route == "" || r.Route[0] != '/' {
				t.Fatalf("route %q", r.Route)
			}
		}
		for _, r := range w.routes {
			if r.Key == 0 || r.Template == "" {
				t.Fatalf("route %+v", r)
			}
		}
	})
}
