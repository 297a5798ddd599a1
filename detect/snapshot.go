package detect

import "lapwing/event"

// SnapshotTypes names the stages, whose state is the engine's.
func (e *Engine) SnapshotTypes() []any {
	if e == nil {
		return nil
	}
	var list []any
	for _, s := range e.stages {
		list = append(list, s)
	}
	return list
}

// StateVersion is part of every snapshot. It is raised when state keeps its
// form and changes its meaning: other hashes behind keys, other units.
const StateVersion = 2

// Unjudged says what a replay has to show an engine that goes on from a
// snapshot: calls that ended at sinceNS or later, but for those in pending,
// which it has. sinceNS is 0 before the first call.
func (e *Engine) Unjudged() (sinceNS int64, pending map[event.ID]bool) {
	pending = make(map[event.ID]bool, e.pending)
	for _, b := range e.buckets {
		for i := range b.calls {
			pending[b.calls[i].call.ID] = true
		}
	}
	return e.tickedNS, pending
}
