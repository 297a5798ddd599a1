package inventory

// A change of the model that waits for its time.
type change struct {
	atNS  int64
	host  *host
	node  *node     // a merge…
	merge mergePlan // …as planned; without one the host turns out to be described
	split string    // …or the value that becomes a literal again
}

// schedule lets a change take effect 60 s after the end of the minute of the
// call that brought it about.
func (s *Stage) schedule(c change) {
	c.atNS = (s.nowNS/minute + 2) * minute
	s.pending = append(s.pending, c)
}

// decide looks for merges that the finished minute has made ready.
func (s *Stage) decide() {
	for _, h := range s.order {
		due := h.due
		h.due = h.due[:0:0]
		for _, n := range due {
			n.due = false
			if plan, ok := n.plan(); ok {
				s.schedule(change{host: h, node: n, merge: plan})
			}
		}
	}
}

// apply makes the changes whose time has come.
func (s *Stage) apply(nowNS int64) {
	kept := s.pending[:0]
	for _, c := range s.pending {
		switch {
		case c.atNS > nowNS:
			kept = append(kept, c)
		case c.node != nil:
			switch {
			case !c.node.attached(c.host.root):
			case c.split != "":
				s.split(c.node, c.split)
			default:
				s.merge(c.host, c.node, c.merge)
			}
		default:
			s.cover(c.host, s.settled(c.host))
		}
	}
	s.pending = kept
}

// attached reports whether a node is still part of the tree: a merge higher up
// may have folded it into another.
func (n *node) attached(root *node) bool {
	for n.parent != nil {
		if n.parent.child(n.segment) != n {
			return false
		}
		n = n.parent
	}
	return n == root
}

// alias notes that the route of key old is the one of e from now on.
func (s *Stage) alias(old uint64, e *endpoint) {
	if old == e.key {
		return
	}
	if _, ok := s.aliases[old]; ok || len(s.aliases) < maxAliases {
		s.aliases[old] = e.key
	}
	delete(s.aliases, e.key) // it lives again
}

// cover applies the descriptions to a host that no description names: its
// learned endpoints move to the described ones that they are.
func (s *Stage) cover(h *host, to coverage) {
	h.coverage = to
	var gone []*endpoint
	h.root.each(func(n *node) { gone = append(gone, n.ops...) })
	for _, e := range gone {
		m := s.specs.LookupAnywhere(e.method, e.sample)
		if m.Template == "" {
			e.dirty = false
			h.touch(e)
			continue
		}
		e.detach(h)
		to := h.at(s, e.method, m)
		s.alias(e.key, to)
		for _, c := range e.samples.Calls() {
			h.samples.Add(recall(c), 0)
		}
		to.absorb(e)
		to.dirty = false
		h.touch(to)
		if m.Op != nil {
			h.inside += e.good
			h.outside -= e.good
		}
	}
	h.root.prune(h)
}

// touch queues an endpoint for judgement at the end of the minute.
func (h *host) touch(e *endpoint) {
	if !e.dirty {
		e.dirty = true
		h.dirty = append(h.dirty, e)
	}
}

// detach removes an endpoint from its place in the tree.
func (e *endpoint) detach(h *host) {
	if e.node == nil {
		return
	}
	ops := e.node.ops[:0]
	for _, o := range e.node.ops {
		if o != e {
			ops = append(ops, o)
		}
	}
	e.node.ops = ops
	e.node = nil
}

// prune removes places below n that nothing lives at any more.
func (n *node) prune(h *host) (empty bool) {
	for _, c := range n.sortedChildren() {
		if c.prune(h) {
			delete(n.children, c.segment)
			h.nodes--
		}
	}
	if n.param != nil && n.param.prune(h) {
		n.param = nil
		h.nodes--
	}
	return len(n.ops) == 0 && len(n.children) == 0 && n.param == nil && !n.merged
}
