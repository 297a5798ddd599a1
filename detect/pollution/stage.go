package pollution

import (
	"slices"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxForms  = 16_384
	maxActors = 16_384
	// benignFrom actors that ask in one form have learned it from the API.
	benignFrom = 20
	// knownFrom actors must be known at a place before it is strange that none
	// of them asks in that form; until then only what the answer proves counts,
	// by half.
	knownFrom  = 50
	valuesKept = 128
)

// test says how often a benign actor's distinct objects are asked for with a
// second, different value in a form that is not in use at the endpoint: by
// mistakes of programs under development. The drift turns positive at .16.
var test = evidence.Test{P0: 0.005, P1: 0.60}

// A form is one way to name something twice at one endpoint.
type form struct {
	actors [benignFrom]uint64
	n      uint8
}

// saw takes an actor and reports how many others ask in this form.
func (f *form) saw(actor uint64) (others int) {
	if int(f.n) == benignFrom {
		return benignFrom
	}
	if i := slices.Index(f.actors[:f.n], actor); i < 0 {
		f.actors[f.n] = actor
		f.n++
	}
	return int(f.n) - 1
}

// A hit is a Copy on its way to the actor.
type hit struct {
	Copy
	form   uint64
	others int
}

// An actor is somebody who asked for two things at once.
type actor struct {
	score  evidence.Score
	values []uint64 // what it asked for in second place, so far
	tale   *tale
}

// A Stage raises parameter_pollution.
type Stage struct {
	detect.NoAdvance
	detect.NoClose

	seed   uint64 `snapshot:"same"`
	forms  *state.Table[form]
	actors *state.Table[actor]
}

// New returns a stage whose table keys depend on seed.
func New(seed uint64) *Stage {
	return &Stage{seed: seed, forms: state.NewTable[form](maxForms), actors: state.NewTable[actor](maxActors)}
}

// Name implements detect.Stage.
func (s *Stage) Name() string { return Name }

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any { return []any{(*tale)(nil)} }

// Observe implements detect.Stage: everything comes as facts.
func (s *Stage) Observe(*detect.Observation, *detect.Output) {}

// Fact implements detect.Stage.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	switch p := f.Payload.(type) {
	case Copy:
		if form := s.forms.Put(f.Key, f.AtNS); form != nil {
			if others := form.saw(p.Actor); others < benignFrom {
				out.Fact(Name, p.Actor, hit{p, f.Key, others})
			}
		}
	case hit:
		s.hit(f.Key, &p, f.AtNS, out)
	case Clean:
		s.clean(f.Key, p.AtNS, out)
	}
}

// weight is how much one copy says.
func (h *hit) weight() float64 {
	w := 1.0
	switch {
	case (!h.Follows || h.Part) && (h.Population < knownFrom || h.others > 0):
		return 0
	case h.Follows && h.Part:
		w = 0.5
	case !h.Follows:
		w = 0.25 // the second may have been passed over
	case h.Told: // its own, or a friend's: the form is strange and does no harm
		w = 0.25
	}
	if h.Population < knownFrom {
		w /= 2
	}
	return w
}

func (s *Stage) hit(key uint64, h *hit, nowNS int64, out sink) {
	w := h.weight()
	if w == 0 {
		return
	}
	a := s.actors.Put(key, nowNS)
	if a == nil {
		return
	}
	value := state.Join(h.Value, h.form)
	if slices.Contains(a.values, value) {
		return
	}
	if len(a.values) == valuesKept { // as much is told by then as there is to tell
		return
	}
	a.values = append(a.values, value)
	if a.score.Add(test, true, w) || a.tale == nil {
		a.tale = newTale(h, nowNS)
	}
	a.tale.took(h, nowNS)
	s.report(key, a, out)
}

// clean takes an object that the actor asked for without a copy.
func (s *Stage) clean(key uint64, nowNS int64, out sink) {
	a := s.actors.Touch(key, nowNS)
	if a == nil || a.score.S <= 0 {
		return
	}
	noted := a.score.Peak >= detect.Noted
	a.score.Add(test, false, 1)
	if a.score.S > 0 {
		a.tale.clean++
		s.report(key, a, out)
		return
	}
	if noted {
		out.Acquit("parameter_pollution", a.tale.entity, a.tale.route)
	}
	a.score, a.tale = evidence.Score{}, nil
	s.actors.Protect(key, 0)
}

func (s *Stage) report(key uint64, a *actor, out sink) {
	s.actors.Protect(key, uint8(min(250, a.score.S*8)))
	if a.score.S < detect.Noted {
		return
	}
	t := a.tale
	t.score = a.score
	out.Suspect(&detect.Suspicion{
		Detector: "parameter_pollution", Entity: t.entity, Scope: t.route, StartedNS: t.startNS, Score: a.score.S, Impact: int(t.followed), Case: t,
	})
}

// sink is the part of detect.Output that this stage uses.
type sink interface {
	Suspect(*detect.Suspicion)
	Acquit(detector string, entity event.Entity, scope string)
}
