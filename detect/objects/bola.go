package objects

import (
	"fmt"
	"slices"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxReaders = 32_768
	// manyOwners of objects that were read make an attempt a finding: the
	// authorization of the endpoint is broken.
	manyOwners = 3
	ownersKept = 64
)

// ownership is D10: how often a benign actor reaches for what belongs to
// somebody else. The ceiling is pessimistic; drift turns positive above a
// share of .21 only.
var ownership = evidence.Test{P0: 0.02, P1: 0.60}

// A reader is one actor at one place that reached for a foreign object.
type reader struct {
	score evidence.Score
	// strangers is a second test, for those who hide among objects of their own:
	// how often a benign actor reads from one more owner.
	strangers evidence.Score
	rare      evidence.Test // of strangers, while its score is above zero
	done      tally         // all that was found foreign, never reset
	met       []uint64      // owners it read from, the first ones, never reset
	tale      *bolaCase
}

// strength is the evidence of the better of the two tests.
func (r *reader) strength() float64 { return max(r.score.S, r.strangers.S) }

// foreign takes a verdict: the actor reached for an object of another.
func (s *Stage) foreign(v *verdict, nowNS int64, out sink) {
	a := &v.a
	if m := s.actors.Get(a.actor); m != nil && !m.told.Add(v.object^saltJudged, nowNS, s.budget) && a.late && !m.told.Full() {
		return // judged before, by other evidence
	}
	key := state.Join(a.actor, a.at.param)
	r := s.readers.Put(key, nowNS)
	if r == nil {
		return
	}
	weight := a.weight
	if !a.ok {
		weight *= 0.5 // an attempt that was refused
	}
	calm := r.strength() <= 0
	r.score.Add(ownership, true, weight)
	if r.tale == nil || calm && r.score.S > 0 {
		// The story begins with the access itself, which may lie before the
		// disclosure that proved it foreign.
		r.tale = &bolaCase{story: newStory(a.at, a.sample.Time.UnixNano())}
	}
	t := r.tale
	t.startNS = min(t.startNS, a.sample.Time.UnixNano())
	t.count(a.ok, a.missing, nowNS)
	if a.claim == theirs {
		t.named++
	}
	telling := 0.0
	if a.ok {
		telling = 1
		t.robbed(v.owner)
		if !slices.Contains(r.met, v.owner) && len(r.met) < ownersKept {
			if r.met = append(r.met, v.owner); len(r.met) > 1 {
				s.stranger(r, a, weight)
			}
		}
	}
	t.samples.AddSample(a.sample, telling)
	s.joins(r, v, key, weight, out)
	s.report(key, r, out)
}

// stranger takes one more owner that an actor read from. The first may be the
// actor itself, under another name.
func (s *Stage) stranger(r *reader, a *access, weight float64) {
	if r.strangers.S <= 0 {
		p := s.commons.Get(state.Join(a.at.param, saltCommons))
		if p == nil || p.strangers == 0 {
			return
		}
		r.rare = evidence.Test{P0: p.strangers, P1: max(strangerP1, 3*p.strangers)}
	}
	r.strangers.Add(r.rare, true, weight)
}

// joins tells the place of what the actor has done by now.
func (s *Stage) joins(r *reader, v *verdict, key uint64, weight float64, out sink) {
	a := &v.a
	if a.source != 0 && (len(r.met) == 0 || v.owner == r.met[0]) {
		// A credential that took the place of another may be robbing itself.
		return
	}
	w := part{was: r.done, owner: v.owner, ok: a.ok, missing: a.missing, at: a.at, sample: a.sample, firstPart: r.done.hits == 0}
	r.done.hits += float32(weight)
	if walker := s.walkers.Get(key); walker != nil {
		r.done.others = max(r.done.others, float32(walker.touched)-r.done.hits)
	}
	w.now = r.done
	out.Fact(Name, state.Join(a.at.param, saltCommons), w)
}

// own takes a distinct object that the actor was told of: what benign actors
// do. It matters only to those under suspicion.
func (s *Stage) own(o *detect.Observation, param uint64, nowNS int64, out sink) {
	key := state.Join(o.Actor, param)
	r := s.readers.Touch(key, nowNS)
	if r == nil || r.strength() <= 0 {
		return
	}
	noted := max(r.score.Peak, r.strangers.Peak) >= detect.Noted
	r.score.Add(ownership, false, 1)
	if r.strangers.S > 0 {
		r.strangers.Add(r.rare, false, 1)
	}
	if r.strength() > 0 {
		r.tale.ownObjects++
		s.report(key, r, out)
		return
	}
	if noted {
		out.Acquit("bola", r.tale.at.entity, r.tale.at.route)
	}
	r.score, r.strangers, r.tale = evidence.Score{}, evidence.Score{}, nil
	s.readers.Protect(key, 0)
}

func (s *Stage) report(key uint64, r *reader, out sink) {
	strength := r.strength()
	s.readers.Protect(key, protection(strength))
	if strength < detect.Noted {
		return
	}
	t := r.tale
	t.score, t.test, t.mixed = r.score, ownership, false
	if r.strangers.S > r.score.S {
		t.score, t.test, t.mixed = r.strangers, r.rare, true
	}
	out.Suspect(&detect.Suspicion{
		Detector: "bola", Entity: t.at.entity, Scope: t.at.route, StartedNS: t.startNS,
		Score: strength, Impact: int(t.read), Case: t,
	})
}

// protection grows with evidence, below the value that forbids eviction.
func protection(score float64) uint8 { return uint8(min(250, max(0, score*8))) }

// A bolaCase tells of an actor that reads what belongs to others.
type bolaCase struct {
	*story
	owners     []uint64
	ownObjects int64
	named      int64 // objects whose answers name another owner
	mixed      bool  // foreign objects hide among many of the actor's own
}

// robbed notes whose object was read.
func (b *bolaCase) robbed(owner uint64) {
	if !slices.Contains(b.owners, owner) && len(b.owners) < ownersKept {
		b.owners = append(b.owners, owner)
	}
}

// Alert implements detect.Case.
func (b *bolaCase) Alert() event.Alert {
	a := b.alert("bola")
	owners := int64(len(b.owners))
	a.Counts["owners"] = owners
	a.Counts["own_objects"] = b.ownObjects
	a.Counts["named"] = b.named
	a.Severity = event.Medium
	if owners >= manyOwners && b.score.S >= detect.High {
		a.Severity = event.High
	}
	a.Title = "Objects of other users were requested"
	switch {
	case a.Severity == event.High:
		a.Title = "Authorization is broken: objects of other users were read"
	case b.read > 0:
		a.Title = "Objects of other users were read"
	}
	a.Summary = fmt.Sprintf("%s %s reached for %d objects of others on %s %s%s within %d s; %s",
		b.at.entity.Kind, b.at.entity.Value, b.objects, b.at.method, b.at.host, b.at.route, a.Counts["seconds"], b.outcome())
	if owners > 0 {
		a.Summary += fmt.Sprintf("; what was read belongs to %d other owners", owners)
	}
	against := fmt.Sprintf("Each of the %d was disclosed to its owner alone, and no list or invitation disclosed it to this actor.", b.objects)
	if b.named > 0 {
		against = fmt.Sprintf("The answers name the owner of %d of the %d objects, and it is not this actor; no list or invitation disclosed them to it, and what others are shown here is their own.", b.named, b.objects)
	}
	a.NextStep = "Request one of the quoted objects as another test user: if it is answered, the endpoint does not check ownership."
	hits, misses := "foreign_objects", "own_objects"
	if b.mixed {
		hits, misses = "further_owners_read_from", "own_objects_among_them"
	}
	a.Evidence.Features = append(b.score.Features(b.test, hits, misses, "none"),
		event.Feature{Name: "distinct_owners", Value: float64(owners), Baseline: 1})
	a.Benign = []event.Hypothesis{
		{Hypothesis: "The objects are shared or public.", Against: against},
		{Hypothesis: "A support agent or administrator at work.", Against: "Nothing learned of this actor shows such a role: no search or list answered it with these objects before it asked."},
	}
	a.Tags = event.Tags{OWASP: []string{"API1:2023"}, Attack: []string{"T1190", "T1213"}}
	return a
}
