package detect

import "lapwing/event"

// Output is where a stage puts what it has to say. It is valid during the call
// it was given to.
type Output struct {
	facts     []Fact
	incidents *incidents
	atNS      int64
	call      event.ID
	index     int
}

// Fact sends payload to the stage named to, which gets it before this tick
// ends.
func (out *Output) Fact(to string, key uint64, payload any) {
	out.facts = append(out.facts, Fact{To: to, Key: key, AtNS: out.atNS, Call: out.call, Index: out.index, Payload: payload})
	out.index++
}

// Suspect reports the present evidence on a case. It is cheap below the
// threshold; above it the engine keeps the case and asks it for an alert
// whenever one is due.
func (out *Output) Suspect(s *Suspicion) { out.incidents.suspect(s, out.atNS) }

// Acquit says that the suspicion on a case is over: an open incident resolves.
func (out *Output) Acquit(detector string, entity event.Entity, scope string) {
	out.incidents.acquit(incidentKey{detector, entity, scope}, out.atNS)
}
