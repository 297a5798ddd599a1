// Package tell holds the words that alerts have in common: how a place, a
// party and a time are named, and the query that lists the calls behind a
// case. All functions are pure.
package tell

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"lapwing/detect"
	"lapwing/event"
)

// At returns an event time.
func At(ns int64) time.Time { return time.Unix(0, ns).UTC() }

// Seconds is how long from one event time to another, in whole seconds.
func Seconds(fromNS, toNS int64) int64 { return (toNS - fromNS) / int64(time.Second) }

// Where names an endpoint: POST api.example/v1/login.
func Where(e event.EndpointRef) string { return e.Method + " " + e.Host + e.Route }

// Who begins a sentence about an entity: Client 203.0.113.7.
func Who(e event.Entity) string {
	return strings.ToUpper(string(e.Kind[:1])) + string(e.Kind[1:]) + " " + e.Value
}

// Endpoint is the operation that a call addresses, by the best name known.
func Endpoint(o *detect.Observation) event.EndpointRef {
	c := o.Call
	route := o.Route.Template
	if route == "" {
		route = c.PathShape
	}
	if route == "" {
		route = c.Path
	}
	return event.EndpointRef{Host: c.Host, Method: c.Method, Route: route}
}

// Hunt is the query that lists every call behind a case, in the names of call
// fields. An endpoint without a route leaves the route open.
func Hunt(e event.Entity, ref event.EndpointRef, sinceNS int64) string {
	var parts []string
	if e.Kind != event.KindEndpoint {
		field := string(e.Kind)
		switch e.Kind {
		case event.KindNetwork:
			field = "client" // takes a prefix
		case event.KindCluster:
			field = "fingerprint"
		case event.KindSession, event.KindKey:
			field = "token"
		}
		parts = append(parts, field+":"+e.Value)
	}
	if e.Kind == event.KindEndpoint || ref.Route != "" {
		if ref.Host != "" {
			parts = append(parts, fmt.Sprintf("host:%q", ref.Host))
		}
		if ref.Route != "" {
			parts = append(parts, fmt.Sprintf("route:%q", ref.Route))
		}
	}
	return strings.Join(append(parts, "since:"+At(sinceNS).Format(time.RFC3339)), " ")
}

// Prefix is the network of an address where nothing better is known: its /24
// or its /48. The zero prefix stands for no address.
func Prefix(a netip.Addr) netip.Prefix {
	bits := 48
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
