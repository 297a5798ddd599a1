package inventory

import (
	"net/netip"
	"slices"
	"strings"

	"lapwing/detect/evidence"
	"lapwing/detect/spec"
	"lapwing/detect/state"
)

// coverage says how a host came to be described.
type coverage uint8

const (
	unknown   coverage = iota // no description is about it
	described                 // a description is about it, by name or by being about any host
	adopted                   // it serves the described API under another name, and the described name is not seen
	rogue                     // it serves the described API beside the described host
)

// A host is what one Host header stands for.
type host struct {
	name        string
	key         uint64
	coverage    coverage
	decided     bool // an adoption waits for its minute
	root        *node
	nodes       int
	documented  map[*spec.Operation]*endpoint
	undescribed map[undescribedKey]*endpoint // described path, other method
	ops         []*endpoint                  // of both maps, as they came
	due         []*node                      // places to look at for merges
	dirty       []*endpoint

	first, last   int64
	credentials   bool  // some call carried one
	inside        int64 // confirmed API calls that the description has
	outside       int64 // and those it has not
	likeness      map[uint64]bool
	like          *spec.Spec // whose API it serves, if it is not named there
	servers       []netip.Addr
	behind        bool // its clients are the servers of a described host
	told          bool // "specification does not describe this host"
	orphansTold   bool
	rogueScore    float64
	rogueToldNS   int64
	samples       evidence.Samples // of described routes, if the host is rogue
	shadowsRaised int
	soft          int // answers known to be given for everything
}

type undescribedKey struct{ method, template string }

// byLikeness reports whether the description is applied without regard to the
// host it names.
func (h *host) byLikeness() bool { return h.coverage == adopted || h.coverage == rogue }

func (s *Stage) covers(h *host, name string) bool {
	if h != nil && h.name != pooled {
		return h.coverage != unknown
	}
	return s.specs.Covers(name)
}

// newHost opens the rows of a host; callers have checked the limits.
func (s *Stage) newHost(name string, atNS int64) *host {
	h := &host{
		name: name, key: state.Hash(s.seed, name), root: &node{}, first: atNS, last: atNS,
		documented: map[*spec.Operation]*endpoint{}, undescribed: map[undescribedKey]*endpoint{}, likeness: map[uint64]bool{},
	}
	if name != pooled && s.specs.Len() > 0 && s.specs.Covers(name) {
		h.coverage = described
	}
	s.hosts[name] = h
	s.order = append(s.order, h)
	return h
}

// endpoints returns all endpoints of the host: the described ones as they
// came, then the tree in order of name.
func (h *host) endpoints() []*endpoint {
	out := slices.Clone(h.ops)
	h.root.each(func(n *node) { out = append(out, n.ops...) })
	return out
}

// maxServers addresses a host: enough for the addresses of one balancer.
const maxServers = 16

func (h *host) addServer(a netip.Addr) {
	if a.IsValid() && len(h.servers) < maxServers && !slices.Contains(h.servers, a) {
		h.servers = append(h.servers, a)
	}
}

// known is how many described operations a host must serve before it counts as
// serving that API: one or two may be coincidence (/health, /users/{id}).
const known = 3

// likens notes that a described operation was seen on a host that no
// description is about, and decides what the host is once it serves enough of
// them.
func (s *Stage) likens(h *host, e *endpoint, client netip.Addr) {
	if h.coverage != unknown || h.decided || h.name == pooled || s.specs.Len() == 0 {
		return
	}
	m := s.specs.LookupAnywhere(e.method, e.sample)
	if m.Op == nil || !telling(m.Op.Template) {
		return
	}
	h.likeness[s.key(state.Hash(s.seed, m.Op.Template), m.Op.Method)] = true
	for _, other := range s.order {
		if other.coverage == described && slices.Contains(other.servers, client) {
			h.behind = true
		}
	}
	if len(h.likeness) < known {
		return
	}
	h.decided, h.like = true, m.Spec
	s.schedule(change{host: h})
}

// settled is what a host that serves a described API turns out to be: a copy
// beside the described host, or the API under another name. It may still turn
// from the latter into the former, so that the order of arrival does not
// matter.
func (s *Stage) settled(h *host) coverage {
	if s.ownSeen[h.like] && !h.behind {
		return rogue
	}
	return adopted
}

// telling reports whether a template has a literal that is no version: "/" and
// "/{id}" are anybody's.
func telling(template string) bool {
	for seg := range strings.SplitSeq(template, "/") {
		if seg != "" && !strings.Contains(seg, "{") && !version(seg) && seg != "api" {
			return true
		}
	}
	return false
}
