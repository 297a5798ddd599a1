package detect

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
const StateVersion = 1
