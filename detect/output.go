package detect

import "lapwing/event"

// Output is where a stage puts what it has to say. It is valid during the call
// it was given to.
type Output struct {
	queues    []queue `snapshot:"-"` // by stage, in the order of their names; empty between ticks
	last      int     `snapshot:"-"` // queue of the fact before: facts come in runs to one stage
	incidents *incidents
	atNS      int64
	call      event.ID
	index     int32
	lost      int64 // facts to stages that are not there
}

// Fact sends payload to the stage named to, which gets it before this tick
// ends. Payload is a value of which the interface keeps a copy; a stage that is
// sent many facts lends pointers of its own, see Payloads.
func (out *Output) Fact(to string, key uint64, payload any) {
	if out.last >= len(out.queues) || out.queues[out.last].name != to {
		if out.last = out.find(to); out.last < 0 {
			out.last, out.lost = 0, out.lost+1
			return
		}
	}
	out.queues[out.last].push(sent{key: key, atNS: out.atNS, call: out.call, index: out.index, payload: payload})
	out.index++
}

func (out *Output) find(to string) int {
	for i := range out.queues {
		if out.queues[i].name == to {
			return i
		}
	}
	return -1
}

// Suspect reports the present evidence on a case. It is cheap below the
// threshold; above it the engine keeps the case and asks it for an alert
// whenever one is due.
func (out *Output) Suspect(s *Suspicion) { out.incidents.suspect(s, out.atNS) }

// Acquit says that the suspicion on a case is over: an open incident resolves.
func (out *Output) Acquit(detector string, entity event.Entity, scope string) {
	out.incidents.acquit(incidentKey{detector, entity, scope}, out.atNS)
}
