package evaluate

import (
	"net/netip"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

func TestVerdicts(t *testing.T) {
	keys := pseudonym.Offline()
	l := newLedger(keys)
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	mine, other := event.MakeID(1, 1), event.MakeID(2, 2)
	l.owner[mine] = 1
	l.parts = []*part{{
		callers: map[netip.Addr]bool{netip.MustParseAddr("203.0.113.9"): true},
		names:   map[string]string{"tok-aaaaaaaaaaaa": "mallory", keys.Name([]byte("mallory")): "mallory"},
	}}
	truth := &simulate.Truth{
		Parts: []simulate.Part{{
			Attack: true, Detectors: []string{"bola"}, Start: start, End: start.Add(time.Hour),
			Entities: []simulate.Entity{{Kind: "client"}, {Kind: "network"}, {Kind: "user", Value: "mallory"}, {Kind: "token", Value: "mallory"}, {Kind: "account", Value: "Victim@x.example"}, {Kind: "endpoint", Value: "GET /orders/{orderId}"}, {Kind: "cluster"}},
		}},
		Endpoints: []simulate.Route{{Host: "h", Method: "GET", Template: "/internal/{id}"}, {Host: "h", Method: "GET", Template: "/known", Documented: true}},
	}
	for _, c := range []struct {
		what     string
		detector string
		kind     event.Kind
		value    string
		at       time.Duration
		quotes   event.ID
		want     Verdict
	}{
		{"caller", "bola", event.KindClient, "203.0.113.9", time.Minute, mine, Right},
		{"caller, mapped", "bola", event.KindClient, "::ffff:203.0.113.9", time.Minute, mine, Right},
		{"another caller", "bola", event.KindClient, "203.0.113.8", time.Minute, other, False},
		{"another caller with the attack's calls", "bola", event.KindClient, "203.0.113.8", time.Minute, mine, Beside},
		{"before", "bola", event.KindClient, "203.0.113.9", -time.Minute, mine, False},
		{"within the hour after", "bola", event.KindClient, "203.0.113.9", 119 * time.Minute, mine, Right},
		{"too late", "bola", event.KindClient, "203.0.113.9", 121 * time.Minute, mine, False},
		{"another name", "scraping", event.KindClient, "203.0.113.9", time.Minute, mine, Misnamed},
		{"network", "bola", event.KindNetwork, "203.0.113.0/24", time.Minute, mine, Right},
		{"network of others", "bola", event.KindNetwork, "203.0.112.0/24", time.Minute, mine, Beside},
		{"network, other calls", "bola", event.KindNetwork, "203.0.113.0/24", time.Minute, other, False},
		{"user", "bola", event.KindUser, keys.Name([]byte("mallory")), time.Minute, mine, Right},
		{"another user", "bola", event.KindUser, keys.Name([]byte("alice")), time.Minute, other, False},
		{"token", "bola", event.KindToken, "tok-aaaaaaaaaaaa", time.Minute, mine, Right},
		{"another token", "bola", event.KindToken, "tok-bbbbbbbbbbbb", time.Minute, other, False},
		{"account", "bola", event.KindAccount, keys.Name([]byte("victim@x.example")), time.Minute, mine, Right},
		{"endpoint", "bola", event.KindEndpoint, "GET api.x.example/orders/{id}", time.Minute, mine, Right},
		{"another endpoint", "bola", event.KindEndpoint, "GET api.x.example/users/{id}", time.Minute, other, False},
		{"another method", "bola", event.KindEndpoint, "PUT api.x.example/orders/{id}", time.Minute, other, False},
		{"cluster", "bola", event.KindCluster, "00ff", time.Minute, mine, Right},
		{"another cluster", "bola", event.KindCluster, "00ff", time.Minute, other, False},
	} {
		a := &told{last: event.Alert{Detector: c.detector, Entity: event.Entity{Kind: c.kind, Value: c.value}, Evidence: event.Evidence{Calls: []event.CallSample{{ID: c.quotes}}}}}
		a.first[event.Info] = start.Add(c.at).UnixNano()
		if got, _ := l.judge(truth, a); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
	for route, want := range map[string]Verdict{"/internal/{param}": Finding, "/known": False} {
		a := &told{last: event.Alert{Detector: "shadow_endpoint", Endpoint: event.EndpointRef{Host: "h", Method: "GET", Route: route}, Entity: event.Entity{Kind: event.KindEndpoint, Value: "GET h" + route}}}
		a.first[event.Info] = 1
		if got, _ := l.judge(truth, a); got != want {
			t.Errorf("shadow %s: %s, want %s", route, got, want)
		}
	}
}

func TestUnsaidNumbers(t *testing.T) {
	alert := event.Alert{
		Entity: event.Entity{Kind: event.KindClient, Value: "203.0.113.66"}, Endpoint: event.EndpointRef{Method: "POST", Host: "api2.x.example", Route: "/v1/login"},
		Counts:   map[string]int64{"attempts": 63, "seconds": 1200},
		Evidence: event.Evidence{ScoreLog10: 6.34, Features: []event.Feature{{Name: "share", Value: 0.254}, {Name: "account_tried:bob77", Value: 1}}},
	}
	for summary, want := range map[string]int{
		"Client 203.0.113.66 tried 63 logins at POST api2.x.example/v1/login in 1,200 s": 0,
		"63 attempts, among them bob77; 25 % failed, evidence 10^6.3":                    0,
		"64 attempts":                       1,
		"63 attempts on 62 accounts":        1,
		"from 2026-03-02T12:00:05Z: 63":     0,
		"user e90ddd-11 made 63 calls":      0,
		"30 % of them failed; 63 attempts.": 1,
	} {
		alert.Summary = summary
		if got := unsaid(&alert); len(got) != want {
			t.Errorf("%q: %v, want %d", summary, got, want)
		}
	}
}
