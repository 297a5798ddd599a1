package inventory

import (
	"slices"
	"strings"

	"lapwing/detect"
	"lapwing/event"
)

const (
	// A value of a learned parameter becomes a literal again when this many
	// answers to it, over this long and to this many callers, had little in
	// common with what the parameter's other values are answered: /users/me
	// beside /users/{id}.
	splitCalls  = 100
	splitNS     = day
	splitActors = 3
	// splitValues of one parameter are under watch at a time.
	splitValues = 8
)

// A value is one value of a learned parameter whose answers look different.
type value struct {
	segment string
	hash    uint64 // of the last answer's shape that was found to be unlike
	calls   int64
	firstNS int64
	actors  [splitActors]uint64
	waiting bool // its change is scheduled
}

// differs watches the answers at a place that a merge made. Only those that
// differ cost more than a comparison.
func (s *Stage) differs(o *detect.Observation, h *host, n *node) {
	parent := n.parent
	b := &o.Call.Shape.Response
	if parent == nil || !parent.merged || n.segment != param || !n.sketched || len(b.Keys) == 0 || o.Call.Status >= 300 {
		return
	}
	like := b.Hash == n.sketch.hash
	if like && len(n.values) == 0 {
		return
	}
	last := s.path.raw[len(s.path.raw)-1]
	if s.path.kinds[len(s.path.raw)-1] == strong {
		return // a number or a UUID is never a literal
	}
	at := slices.IndexFunc(n.values, func(v value) bool { return v.segment == last })
	if !like && (at < 0 || n.values[at].hash != b.Hash) {
		like = !n.sketch.unlike(b)
	}
	switch {
	case like && at >= 0:
		n.values = slices.Delete(n.values, at, at+1)
		return
	case like:
		return
	case at < 0:
		if len(n.values) == splitValues {
			least := 0
			for i := range n.values {
				if n.values[i].calls < n.values[least].calls {
					least = i
				}
			}
			if n.values[least].calls > 1 {
				n.values[least].calls-- // a busy one leaves only when others come as often
				return
			}
			n.values = slices.Delete(n.values, least, least+1)
		}
		n.values = append(n.values, value{segment: strings.Clone(last), firstNS: o.AtNS})
		at = len(n.values) - 1
	}
	v := &n.values[at]
	v.hash = b.Hash
	v.calls++
	for i, a := range v.actors {
		if a == o.Actor {
			break
		}
		if a == 0 {
			v.actors[i] = o.Actor
			break
		}
	}
	if !v.waiting && v.calls >= splitCalls && o.AtNS-v.firstNS >= splitNS && v.actors[splitActors-1] != 0 {
		v.waiting = true
		s.schedule(change{host: h, node: parent, split: v.segment})
	}
}

// split takes a value out of the parameter at a place. What was counted for it
// stays with the parameter; its own row begins with its next confirmed call.
func (s *Stage) split(n *node, segment string) {
	if n.keep == nil {
		n.keep = map[string]bool{}
	}
	n.keep[segment] = true
	s.stats.Split++
	if n.param != nil {
		n.param.values = slices.DeleteFunc(n.param.values, func(v value) bool { return v.segment == segment })
	}
}

// unlike reports whether a response shares less than half of the keys.
func (s *sketch) unlike(b *event.BodyShape) bool {
	o := sketchOf(b)
	same := 0
	for i := range s.min {
		if s.min[i] == o.min[i] {
			same++
		}
	}
	return same < sketchSize/2
}
