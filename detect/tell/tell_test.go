package tell

import (
	"net/netip"
	"testing"

	"lapwing/detect"
	"lapwing/event"
)

func TestHunt(t *testing.T) {
	ref := event.EndpointRef{Host: "api.example", Method: "POST", Route: "/login"}
	for want, e := range map[string]event.Entity{
		`client:203.0.113.0/24 host:"api.example" route:"/login" since:2026-03-02T09:00:00Z`: {Kind: event.KindNetwork, Value: "203.0.113.0/24"},
		`token:tok-1 host:"api.example" route:"/login" since:2026-03-02T09:00:00Z`:           {Kind: event.KindSession, Value: "tok-1"},
		`host:"api.example" route:"/login" since:2026-03-02T09:00:00Z`:                       {Kind: event.KindEndpoint, Value: "POST api.example/login"},
	} {
		if got := Hunt(e, ref, 1772442000e9); got != want {
			t.Errorf("hunt %q, want %q", got, want)
		}
	}
	if got, want := Hunt(event.Entity{Kind: event.KindUser, Value: "u"}, event.EndpointRef{Host: "h"}, 0), "user:u since:1970-01-01T00:00:00Z"; got != want {
		t.Errorf("hunt %q, want %q", got, want)
	}
}

// The best name of a place is the template, then the typed path, then the path.
func TestEndpoint(t *testing.T) {
	o := detect.Observation{Call: &event.Call{Host: "h", Method: "GET", Path: "/a/7"}}
	for _, step := range []struct {
		set  func()
		want string
	}{
		{func() {}, "/a/7"},
		{func() { o.Call.PathShape = "/a/{int}" }, "/a/{int}"},
		{func() { o.Route.Template = "/a/{id}" }, "/a/{id}"},
	} {
		step.set()
		if got := Endpoint(&o); got.Route != step.want || Where(got) != "GET h"+step.want {
			t.Errorf("%+v, want route %s", got, step.want)
		}
	}
}

func TestPrefix(t *testing.T) {
	for addr, want := range map[string]string{"203.0.113.7": "203.0.113.0/24", "::ffff:203.0.113.7": "203.0.113.0/24", "2001:db8:1:2::3": "2001:db8:1::/48"} {
		if got := Prefix(netip.MustParseAddr(addr)); got.String() != want {
			t.Errorf("%s is of %s, want %s", addr, got, want)
		}
	}
	if Prefix(netip.Addr{}).IsValid() {
		t.Error("no address has a network")
	}
}
