package probing

import (
	"cmp"
	"maps"
	"slices"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// A scan may be divided among so many addresses that none of them, and no
// network, asks for enough to be judged. What such workers have in common is
// the program they run. A cluster is the callers of one host with the same
// program: the same fingerprint, or in a log the same user agent.

const (
	// clusterClients and clusterNetworks must take part, and no network may
	// have more than half of the paths: else the narrower suspect explains it.
	clusterClients  = 5
	clusterNetworks = 3
	networksCounted = 8
	// clusterLasting distinct paths make the scan of a cluster persistent: the
	// users of one program also add up their mistakes.
	clusterLasting = 25
	// maxAgent bytes of a user agent name a cluster.
	maxAgent = 120
)

// A clusterMiss is a request for what is not there, judged at the cluster.
type clusterMiss struct {
	call    event.Call // what is quoted of it
	route   string
	target  uint64
	network uint64
	is      family
	weight  float64
}

// A clusterHit is an answered path of a cluster under suspicion.
type clusterHit struct{ unit uint64 }

// clusterOf is the key of the program behind a call, at its host; 0 if nothing
// tells it.
func (s *Stage) clusterOf(c *event.Call) uint64 {
	program := c.Fingerprint
	if program == "" {
		program = c.UserAgent
	}
	if program == "" {
		return 0
	}
	return state.Join(state.Hash(s.seed, c.Host), state.Hash(s.seed, program))
}

// missedBy sends a miss to its cluster.
func (s *Stage) missedBy(h *hit, out sink) {
	c := h.o.Call
	key := s.clusterOf(c)
	if key == 0 {
		return
	}
	out.Fact(Name, key, clusterMiss{
		call: event.Call{
			ID: c.ID, Time: c.Time, Client: c.Client, Method: c.Method, Host: c.Host, Path: c.Path, Status: c.Status,
			UserAgent: c.UserAgent[:min(len(c.UserAgent), maxAgent)], Fingerprint: c.Fingerprint,
		},
		route: h.o.Route.Template, target: h.target, network: s.network(c), is: h.is, weight: h.weight,
	})
}

// answeredTo sends an answered path to its cluster, if that was under
// suspicion at the last tick: others need no favour.
func (s *Stage) answeredTo(o *detect.Observation, out sink) {
	if len(s.watched) == 0 {
		return
	}
	if key := s.clusterOf(o.Call); s.watched[key] {
		out.Fact(Name, key, clusterHit{unit: state.Join(o.Client, s.target(o.Call))})
	}
}

// Fact judges what a cluster missed and was answered.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) { s.fact(f, out) }

func (s *Stage) fact(f *detect.Fact, out sink) {
	switch p := f.Payload.(type) {
	case clusterMiss:
		o := detect.Observation{Call: &p.call, AtNS: f.AtNS}
		o.Route.Template = p.route
		h := hit{o: &o, target: p.target, is: p.is, weight: p.weight}
		known := int64(0)
		if v := s.suspects.Get(state.Join(uint64(byCluster), f.Key)); v != nil && v.tale != nil {
			known = v.tale.absent
		}
		v := s.against(byCluster, f.Key, p.target, many, &h)
		if v == nil || v.tale == nil {
			return
		}
		s.turns[f.Key] = v.score.S > 0
		t := v.tale
		if t.absent == known {
			return // asked for before
		}
		t.spread(p.network)
		if v.score.S >= detect.Noted && t.divided() {
			out.Suspect(&detect.Suspicion{Detector: Name, Entity: t.entity, StartedNS: t.startNS, Score: t.score.S, Case: t})
		}
	case clusterHit:
		v := s.suspects.Touch(state.Join(uint64(byCluster), f.Key), f.AtNS)
		o := detect.Observation{AtNS: f.AtNS}
		s.favour(v, p.unit, &o, byCluster, f.Key, out)
		s.turns[f.Key] = v != nil && v.score.S > 0
	}
}

// Advance lets the clusters under suspicion at this tick be those that are
// watched in the next.
func (s *Stage) Advance(int64, *detect.Output) {
	if len(s.turns) == 0 {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(s.turns)) {
		if s.turns[key] && len(s.watched) < maxSuspects {
			s.watched[key] = true
		} else {
			delete(s.watched, key)
		}
	}
	clear(s.turns)
}

// spread counts a path for the network that asked.
func (p *probe) spread(network uint64) {
	p.paths++
	for i, n := range p.networks {
		if n == network {
			p.perNetwork[i]++
			return
		}
		if n == 0 {
			p.networks[i], p.perNetwork[i] = network, 1
			return
		}
	}
}

// divided reports whether the work is shared so widely that only what the
// workers have in common explains it.
func (p *probe) divided() bool {
	networks, most := 0, int64(0)
	for _, n := range p.perNetwork {
		if n > 0 {
			networks++
		}
		most = max(most, n)
	}
	return len(p.clients) >= clusterClients && networks >= clusterNetworks && most*2 <= p.paths
}

// clusterEntity names a cluster by its fingerprint, or by its user agent.
func clusterEntity(c *event.Call) event.Entity {
	return event.Entity{Kind: event.KindCluster, Value: cmp.Or(c.Fingerprint, c.UserAgent)}
}
