package detect

import (
	"lapwing/event"
)

// A Stage is one part of detection: a model that completes observations, or a
// detector that judges them. All methods are called from one goroutine.
//
// Observe gets every call in event-time order. Fact gets the facts addressed
// to this stage, in order of (key, time, call, index) within a tick. Advance
// is called once a tick, after all calls and facts of the tick, with the event
// time up to which everything is known; ticks are whole seconds, and never
// shorter. Close is called once, at the end of the input, before the last
// Advance.
type Stage interface {
	Name() string
	Observe(o *Observation, out *Output)
	Fact(f *Fact, out *Output)
	Advance(nowNS int64, out *Output)
	Close(out *Output)
}

// NoFacts, NoAdvance and NoClose are embedded by stages without the method.
type (
	NoFacts   struct{}
	NoAdvance struct{}
	NoClose   struct{}
)

func (NoFacts) Fact(*Fact, *Output)      {}
func (NoAdvance) Advance(int64, *Output) {}
func (NoClose) Close(*Output)            {}

// A Fact is something learned from one call that must be judged under another
// key than the call's actor: an account, an object, an endpoint, or again an
// actor.
type Fact struct {
	To      string // name of the stage it is for
	Key     uint64
	AtNS    int64
	Call    event.ID // the call it came from
	Index   int      // order among the facts of that call
	Payload any      // a value type of the stage it is for, or a *T of its Payloads[T]; never a pointer into an Observation
}

// A Case is an open suspicion that a stage holds about one entity. The engine
// asks it for an alert when one is due. Everything but ID, IncidentID,
// Revision, Status, Sensor, ModelVersion and DetectedAt is the case's to fill;
// Severity includes what evidence and impact together deserve.
type Case interface {
	Alert() event.Alert
}

// A Suspicion is what a stage reports on each step of a case.
type Suspicion struct {
	Detector  string // one of the names in the alert contract
	Entity    event.Entity
	Scope     string  // sets apart several incidents of one detector and entity, e.g. the route; "" if there is one
	Crowd     string  // sets apart what one detector says so often that it is told as a whole, e.g. the rule; mostly ""
	StartedNS int64   // event time of the first event that counts: part of the alert's identity
	Score     float64 // natural logarithm of the evidence
	Threshold float64 // evidence at which an alert is due; 0 means Medium
	Impact    int     // grows with harm proved (successes, objects read): a growth is news
	Case      Case
}

// Evidence levels, natural logarithms. e^Medium is a million: by Lorden's
// bound at most one false alert in a million relevant events while benign
// traffic stays below the ceiling p0.
const (
	Noted  = 11.512925464970229 // 10^5: kept, no alert
	Medium = 13.815510557964274 // 10^6
	High   = 18.420680743952367 // 10^8
)
