package inventory

import "strings"

// twin is the same place in another version of the API where words have become
// a parameter: what /v4/policies/{id} has taught holds for /v3/policies too,
// which may never see enough values to learn it. Of several the one that comes
// first by name.
func (h *host) twin(n *node) *node {
	var below []string // segments from n up to the version
	at := n
	for ; at.parent != nil && !version(at.segment); at = at.parent {
		below = append(below, at.segment)
	}
	if at.parent == nil {
		return nil
	}
	for _, other := range at.parent.sortedChildren() {
		if other == at || !version(other.segment) {
			continue
		}
		m := other
		for i := len(below) - 1; i >= 0 && m != nil; i-- {
			m = m.child(below[i])
		}
		if m != nil && m.merged && m.param != nil {
			return m
		}
	}
	return nil
}

// follow makes a place like its twin in another version: at once if nothing is
// there that would have to be folded, else with the next changes.
func (s *Stage) follow(h *host, n *node, seg string, k kind) {
	if n.merged || n.following || k == strong {
		return
	}
	twin := h.twin(n)
	if twin == nil || !twin.takes(seg, k) {
		return
	}
	keep := map[string]bool{}
	weak := 0
	for _, c := range n.sortedChildren() {
		switch {
		case !twin.takes(c.segment, c.kind), strings.HasPrefix(c.segment, "{"):
			keep[c.segment] = true
		case c.sketched && twin.param.sketched && !c.sketch.like(&twin.param.sketch):
			keep[c.segment] = true
		default:
			weak++
		}
	}
	for word := range twin.keep {
		keep[word] = true
	}
	n.following = true
	if weak > 0 {
		s.schedule(change{host: h, node: n, merge: mergePlan{kind: twin.mergedKind, keep: keep}})
		return
	}
	n.merged, n.mergedKind, n.keep = true, twin.mergedKind, keep
}
