package inventory

import (
	"lapwing/detect"
	"lapwing/detect/spec"
	"lapwing/detect/state"
	"lapwing/event"
)

// learn takes in what the answer to a call proves.
func (s *Stage) learn(o *detect.Observation, h *host, method, path string, p *place) {
	c := o.Call
	if !countable(method) || c.Status == 0 {
		return
	}
	if c.Status < 400 && asset(path) && p.op == nil {
		o.Route.Confirmed = (c.Status < 300 || c.Status == 304) && c.Shape.Response.Type != "html" // a page is what stands in for a missing file
		return                                                                                     // pages load it; no row of the inventory
	}
	if p.op != nil || p.template != "" {
		s.learnDescribed(o, h, method, path, p)
		return
	}
	weight := proof(c, p.parent.confirmed())
	own := weight
	e := p.endpoint
	if h == nil && weight < 1 {
		return // nothing known about the host, and no reason to begin
	}
	program := state.Join(state.Hash(s.seed, c.Fingerprint), 0x70726f67)
	if h == nil {
		if h = s.open(o, program); h == nil {
			return
		}
	}
	var sigs [variants]uint64
	if e == nil || !e.proven() {
		var base uint64
		sigs, base = signatures(h, c)
		soft := s.isSoft(h, &sigs)
		o.Route.SoftMissing = soft && c.Status < 400
		if soft {
			weight, own = 0, 0
		}
		if e == nil || e.good < establishedCalls {
			entry, fresh := s.sight(o, o.Route.Key)
			if fresh && weight == 0 {
				s.miss(o, program)
			}
			if watchable(method, c) && entry != nil {
				if turned := s.watch(h, entry, &sigs, base, o); turned != nil {
					s.withdraw(h, turned)
					o.Route.SoftMissing = c.Status < 400
					return
				}
			}
			if e == nil && weight > 0 && weight < 1 {
				weight = entry.add(weight, o.Actor)
			}
		}
	}
	if e == nil {
		if weight < 1 {
			return
		}
		if e = s.create(o, h, method, path, program); e == nil {
			s.stats.Refused++
			return
		}
		o.Route.Key, o.Route.Family, o.Route.Template = e.key, e.family, e.template
	}
	o.Route.Confirmed = own >= 0.5
	if weight >= 0.5 {
		e.answered(c, sigs)
		s.differs(o, h, e.node)
		e.node.visit(h, c)
	}
	s.count(o, h, e, weight >= 0.5)
	o.Route.Standing = e.standing
	if weight >= 1 {
		s.likens(h, e, c.Client)
	}
}

// answered keeps what all confirming answers have in common.
func (e *endpoint) answered(c *event.Call, sigs [variants]uint64) {
	switch {
	case e.good == 0:
		e.answers, e.headOnly = sigs, c.Method == "HEAD"
	case c.Status == 304 || c.Method == "HEAD":
	case e.headOnly:
		e.answers, e.headOnly = sigs, false
	default:
		for i := range e.answers {
			if e.answers[i] != sigs[i] {
				e.answers[i] = 0
			}
		}
	}
}

// sight finds the limbo entry of a path, and reports whether it is new.
func (s *Stage) sight(o *detect.Observation, key uint64) (e *limboEntry, fresh bool) {
	e = s.limbo.Put(key, o.AtNS)
	if e == nil {
		return nil, false
	}
	if e.actor == 0 {
		e.actor = o.Actor
		return e, true
	}
	return e, false
}

// add lets an actor add to the weight once, and returns the sum.
func (e *limboEntry) add(weight float64, actor uint64) float64 {
	if e == nil {
		return weight
	}
	for i, k := range e.by {
		if k == actor {
			break
		}
		if k == 0 {
			e.by[i] = actor
			e.weight += weight
			break
		}
	}
	return max(weight, e.weight)
}

// open begins the rows of a new host, if the caller may.
func (s *Stage) open(o *detect.Observation, program uint64) *host {
	if len(s.order) >= maxHosts {
		if s.hosts[pooled] == nil {
			return s.newHost(pooled, o.AtNS)
		}
		return s.hosts[pooled]
	}
	if s.hosts[o.Call.Host] != nil {
		return s.hosts[o.Call.Host]
	}
	if !s.spend(o, program) {
		s.stats.Refused++
		return nil
	}
	return s.newHost(o.Call.Host, o.AtNS)
}

// create makes an endpoint at the place that was located last.
func (s *Stage) create(o *detect.Observation, h *host, method, path string, program uint64) *endpoint {
	for i, seg := range s.path.segments {
		if s.path.kinds[i] != strong && seg != param && !plausible(seg) {
			return nil
		}
	}
	if h.nodes+len(s.path.segments) > maxNodes || !s.spend(o, program) {
		return nil
	}
	n := h.root
	for i, seg := range s.path.segments {
		if seg != param && n.child(seg) == nil {
			s.follow(h, n, seg, s.path.kinds[i])
			if n.merged && n.takes(seg, s.path.kinds[i]) {
				seg = param
			}
		}
		c, made := n.under(seg, s.path.kinds[i])
		if made {
			h.nodes++
			h.expect(n)
		}
		n = c
	}
	if e := n.op(method); e != nil {
		return e
	}
	e := &endpoint{host: h, node: n, method: method, template: n.template(), sample: path}
	e.family = s.family(h.name, e.template)
	e.key = s.key(e.family, method)
	n.ops = append(n.ops, e)
	delete(s.aliases, e.key)
	return e
}

// visit counts a confirmed call on the way from the root to its place.
func (n *node) visit(h *host, c *event.Call) {
	if b := &c.Shape.Response; !n.sketched && len(b.Keys) > 0 && c.Status < 300 {
		n.sketch, n.sketched = sketchOf(b), true
	}
	for ; n != nil; n = n.parent {
		n.visits++
		n.recent++
		if n.recent >= recentVisits {
			n.recent /= 2
			n.fresh /= 2
			h.expect(n)
		}
	}
}

// count takes a call into the figures of its endpoint.
func (s *Stage) count(o *detect.Observation, h *host, e *endpoint, confirmed bool) {
	c := o.Call
	h.last = max(h.last, o.AtNS)
	if c.Auth > event.AuthNone {
		h.credentials = true
	}
	e.calls++
	e.addStatus(c.Status)
	e.auths |= 1 << c.Auth
	news := e.clients.add(o.Client)
	e.last = max(e.last, o.AtNS)
	if e.first == 0 {
		e.first = o.AtNS
	}
	if confirmed {
		e.good++
		h.addServer(c.Server)
		other := e.actors.add(o.Actor)
		e.internal = c.Client.IsPrivate() || c.Client.IsLoopback()
		news = news || other || e.good <= 32
		if c.Status < 300 {
			e.ok++
			if c.Auth == event.AuthNone {
				e.anonymous++
			}
			if len(c.Sensitive.Response) > 0 {
				k := len(e.sensitive)
				e.addSensitive(c.Sensitive.Response)
				news = news || len(e.sensitive) != k
			}
		}
		switch c.Shape.Response.Type {
		case "html":
			e.page++
		case "":
			if c.Source == event.SourceLog {
				s.inOut(h, e)
			}
		default:
			e.json++
			s.inOut(h, e)
		}
		if h.coverage == rogue && e.op != nil {
			h.samples.Add(c, float64(len(c.Sensitive.Response)))
		}
		if (e.op == nil || e.op.Deprecated) && (news || e.good%16 == 0) {
			e.samples.Add(c, float64(len(c.Sensitive.Response)))
		}
	}
	e.settle()
	if news || e.calls%64 == 0 {
		h.touch(e)
	}
}

func (s *Stage) inOut(h *host, e *endpoint) {
	if e.op != nil {
		h.inside++
	} else {
		h.outside++
	}
}

// learnDescribed takes in a call to a path that a description has.
func (s *Stage) learnDescribed(o *detect.Observation, h *host, method, path string, p *place) {
	c := o.Call
	if h == nil {
		program := state.Join(state.Hash(s.seed, c.Fingerprint), 0x70726f67)
		if !proofDocumented(c) {
			return
		}
		if h = s.open(o, program); h == nil {
			return
		}
	}
	soft := false
	var sigs [variants]uint64
	if h.soft > 0 || p.op == nil {
		sigs, _ = signatures(h, c)
		soft = s.isSoft(h, &sigs)
		o.Route.SoftMissing = soft && c.Status < 400
	}
	confirmed := proofDocumented(c) && !soft
	if p.op == nil {
		confirmed = proof(c, true) >= 0.5 && !soft // nobody vouches for the method
	}
	e := p.endpoint
	if e == nil {
		if p.op == nil && !confirmed {
			return
		}
		e = h.at(s, method, spec.Match{Template: p.template, Op: p.op})
		e.sample = path
		o.Route.Key, o.Route.Family = e.key, e.family
	}
	if last, ok := lastValue(e.template, path); ok && confirmed {
		if kindOf(last) == strong {
			e.firm++
		} else if plain(last) {
			e.weak++
		}
	}
	if confirmed && p.op == nil {
		e.answers = sigs
	}
	if confirmed && p.op != nil && p.op.Spec().Named(h.name) {
		s.ownSeen[p.op.Spec()] = true
	}
	s.count(o, h, e, confirmed)
	if confirmed && e.op != nil {
		s.depart(o, h, e)
	}
	o.Route.Confirmed = confirmed
	o.Route.Standing = e.standing
}

// at returns the endpoint of a described operation, or of a described path
// with a method that is not.
func (h *host) at(s *Stage, method string, m spec.Match) *endpoint {
	if m.Op != nil {
		if e := h.documented[m.Op]; e != nil {
			return e
		}
		method = m.Op.Method
	} else if e := h.undescribed[undescribedKey{method, m.Template}]; e != nil {
		return e
	}
	template := m.Template
	if m.Op != nil {
		template = m.Op.Template
	}
	e := &endpoint{host: h, op: m.Op, method: method, template: template}
	e.family = s.family(h.name, template)
	e.key = s.key(e.family, method)
	if m.Op != nil {
		h.documented[m.Op] = e
	} else {
		h.undescribed[undescribedKey{method, template}] = e
	}
	h.ops = append(h.ops, e)
	return e
}
