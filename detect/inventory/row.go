package inventory

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"lapwing/detect/spec"
	"lapwing/event"
)

// Endpoints returns the inventory: one row for each endpoint that answered,
// and one for each described operation that did not, sorted by host, method
// and route.
func (s *Stage) Endpoints() []event.Endpoint {
	var out []event.Endpoint
	seen := map[operationKey]bool{}
	for _, h := range s.order {
		list := h.endpoints()
		index := h.versions(list)
		for _, e := range list {
			if e.good == 0 {
				continue
			}
			if e.op != nil {
				seen[operationKey{e.op.Spec(), e.op.Group}] = true
			}
			state, reason := s.stateOf(h, e, index)
			out = append(out, e.row(state, reason))
		}
	}
	out = append(out, s.orphans(seen)...)
	slices.SortFunc(out, func(a, b event.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Method, b.Method), cmp.Compare(a.Route, b.Route))
	})
	return out
}

// operationKey names an operation across its base paths.
type operationKey struct {
	owner *spec.Spec
	group int
}

func (e *endpoint) row(state event.State, reason string) event.Endpoint {
	return event.Endpoint{
		Host: e.host.name, Method: e.method, Route: e.template, State: state,
		FirstSeen: at(e.first), LastSeen: at(e.last), Calls: e.calls, Clients: e.clients.count(),
		Auth: e.authNames(), Statuses: slices.Clone(e.statuses), Sensitive: slices.Clone(e.sensitive), Reason: reason,
		Drift: e.departures(),
	}
}

func at(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

// orphans are the described operations that no host has answered.
func (s *Stage) orphans(seen map[operationKey]bool) []event.Endpoint {
	var out []event.Endpoint
	for _, v := range s.specs.Specs() {
		name := s.home(v)
		listed := map[int]bool{}
		for _, op := range v.Operations {
			if seen[operationKey{v, op.Group}] || listed[op.Group] || op.Method == "OPTIONS" || op.Method == "HEAD" || op.Method == "TRACE" {
				continue
			}
			listed[op.Group] = true
			row := event.Endpoint{Host: name, Method: op.Method, Route: op.Template}
			if h := s.hosts[name]; h != nil {
				if e := h.documented[op]; e != nil {
					row = e.row(row.State, "")
				}
			}
			row.State, row.Reason = event.StateOrphan, "described, and never answered as an endpoint that is there"
			out = append(out, row)
		}
	}
	return out
}

// home is the host whose rows the unseen operations of a description belong
// to: the one that served most of it, else the first that it names.
func (s *Stage) home(v *spec.Spec) string {
	best, most := "", int64(0)
	for _, h := range s.order {
		if h.coverage != described && h.coverage != adopted {
			continue
		}
		n := int64(0)
		for _, op := range v.Operations {
			if e := h.documented[op]; e != nil {
				n += e.good
			}
		}
		if n > most || n == most && n > 0 && h.name < best {
			best, most = h.name, n
		}
	}
	if most == 0 {
		if list := v.Hosts(); len(list) > 0 {
			return list[0]
		}
	}
	return best
}

// stateOf is what the inventory thinks of an endpoint, and why.
func (s *Stage) stateOf(h *host, e *endpoint, index map[versionKey][]versioned) (event.State, string) {
	if h.coverage == rogue && e.op != nil {
		return event.StateRogueHost, "a described route on a host that its description does not name"
	}
	if e.op != nil {
		if e.op.Deprecated && e.ok > 0 {
			return event.StateZombie, "deprecated in the description, and still answering"
		}
		return event.StateDocumented, "described"
	}
	if next := e.successor(index); next != nil && e.ok > 0 {
		if next.op != nil {
			return event.StateZombie, "an older version of " + next.template + ", which is described"
		}
		return event.StateZombie, fmt.Sprintf("an older version of %s, which %d of %d clients use", next.template,
			next.clients.count(), next.clients.count()+e.clients.count())
	}
	if h.coverage == unknown || h.name == pooled || !s.describes(h) {
		return event.StateNew, "no description is about this host"
	}
	if e.node == nil {
		return event.StateShadow, "the path is described, this method is not"
	}
	return event.StateShadow, "in no description"
}

// describes reports whether the descriptions that apply to a host are really
// about it. One that names no host applies to all of them, and is about those
// that serve some of it.
func (s *Stage) describes(h *host) bool {
	if h.coverage != described || s.specs.Named(h.name) {
		return true
	}
	served := 0
	for _, e := range h.ops {
		if e.op != nil && e.good > 0 && telling(e.template) {
			served++
		}
	}
	return served >= known || served > 0 && !h.mostlyOutside()
}

// mostlyOutside reports whether most of what a host serves, by calls and by
// endpoints, is not in its description: then the description is at fault.
func (h *host) mostlyOutside() bool {
	if h.outside <= h.inside {
		return false
	}
	in, out := 0, 0
	for _, e := range h.ops {
		if e.good == 0 {
			continue
		}
		if e.op != nil {
			in++
		} else {
			out++
		}
	}
	h.root.each(func(n *node) {
		for _, e := range n.ops {
			if e.json > 0 || e.page == 0 {
				out++
			}
		}
	})
	return out > in
}
