package wire_test

import (
	"bytes"
	"testing"
	"time"

	"lapwing/parse/accesslog"
	"lapwing/parse/exchange"
	"lapwing/simulate/wire"
)

// Every style is detected and read back by the reader of real logs.
func TestLogsReadBack(t *testing.T) {
	list := traffic(11, 400)
	for _, style := range wire.Styles {
		t.Run(string(style), func(t *testing.T) {
			lines := bytes.Split(bytes.TrimSpace(written(t, "a.log", style, list)), []byte("\n"))
			if len(lines) != len(list) {
				t.Fatalf("%d lines for %d exchanges", len(lines), len(list))
			}
			format, err := accesslog.Detect(lines)
			if err != nil {
				t.Fatal(err)
			}
			type key struct {
				client, target, method string
				status                 int
			}
			want, users := map[key]int{}, 0
			for i := range list {
				e := &list[i]
				want[key{e.Peer.Addr().String(), e.Target, e.Method, e.Status}]++
			}
			var last time.Time
			for i, l := range lines {
				var raw exchange.Raw
				if err := format.Parse(l, &raw); err != nil {
					t.Fatalf("line %d: %v: %s", i, err, l)
				}
				k := key{raw.Peer.Addr().String(), string(raw.Target), string(raw.Method), raw.Status}
				if want[k] == 0 {
					t.Fatalf("line %d holds a call that never was, or once too often: %+v", i, k)
				}
				want[k]--
				if len(raw.User) > 0 {
					users++
				}
				end := raw.Time.Add(raw.Duration)
				// Envoy tells milliseconds of begin and duration, each cut.
				if end.Before(last.Add(-2 * time.Millisecond)) {
					t.Fatalf("line %d ends %v before the line above", i, last.Sub(end))
				}
				last = end
			}
			if wantUsers := style != wire.EnvoyJSON; wantUsers != (users > 0) {
				t.Errorf("%d lines name a user", users)
			}
		})
	}
}
