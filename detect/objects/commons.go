package objects

import (
	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxCommons = 16_384

	// robbersFrom actors must have taken part in what is told of a place as a
	// whole, and guessersFrom where nothing but missing objects speaks.
	robbersFrom  = 8
	guessersFrom = 20

	// The ceiling of a test over a place is measured on all that its actors
	// did there, beginning as if there had been priorTouches with more than
	// the ceiling among them.
	priorTouches = 100
	overShare    = 1.25 // a ceiling lies above what was measured

	foreignCeil = 0.15
	// guessedCeil is where identifiers are so often wrong that it says nothing.
	guessedCeil = 0.25

	// One owner after the other, a few among many objects of the actor's own:
	// looked for where hardly anybody does it.
	strangerP0 = 0.005
	strangerP1 = 0.20
)

// A commons is a place for identifiers as all its actors use it together. It
// is reached by facts only.
type commons struct {
	touches float64 // distinct (actor, object)
	foreign crowd
	guessed crowd
	// Actors by share of foreign objects, those without evidence against them.
	shares [bins + 1]uint32
	actors uint32
	dirty  bool
	// strangers is what the model in force says of how often an actor reads
	// from one more owner; 0: not known yet.
	strangers float64
}

// A crowd is one test over a place.
type crowd struct {
	hits    float64 // that the ceiling is measured by
	sum     mixture
	p0      float64 // of the story under way, 0 if there is none
	tale    *crowdCase
	noticed bool
}

// A census tells a place of an actor's touches: at the first, and at doublings.
type census struct {
	touches   int32 // since the last
	first     bool
	anonymous bool
	was, now  counted // share of foreign objects
	recounted bool
	// What an actor that did something there before did by now: its own objects
	// speak for it.
	foreignWas, foreignNow tally
	guessedWas, guessedNow tally
}

// A part tells a place that an actor did what counts against it.
type part struct {
	was, now  tally
	guess     bool   // of an object that is not there; else foreign
	owner     uint64 // whose object it was
	ok        bool
	missing   bool
	at        place
	sample    event.CallSample
	firstPart bool
}

const saltCommons = 0x6a09e667f3bcc909

// counts takes a census.
func (s *Stage) counts(key uint64, c *census, nowNS int64, out sink) {
	p := s.commons.Put(key, nowNS)
	if p == nil {
		return
	}
	p.touches += float64(c.touches)
	if c.first {
		if !c.anonymous {
			p.foreign.sum.came()
			p.foreign.over(out)
		}
		p.guessed.sum.came()
		p.guessed.over(out)
	}
	p.foreign.revise(c.foreignWas, c.foreignNow, ownership.P1, out)
	p.guessed.revise(c.guessedWas, c.guessedNow, undisclosedP1, out)
	if c.recounted {
		p.recount(c.was, c.now)
		if !p.dirty {
			p.dirty = true
			s.dirty = append(s.dirty, key)
		}
	}
}

func (p *commons) recount(was, now counted) {
	switch {
	case !was.set:
		p.actors++
	case was.clean && p.shares[was.bin] > 0:
		p.shares[was.bin]--
	}
	if now.clean {
		p.shares[now.bin]++
	}
}

// publish puts what was learned of a place in force.
func (p *commons) publish() {
	p.dirty = false
	p.strangers = 0
	if p.actors >= coldActors {
		p.strangers = min(max(overShare*quantile(&p.shares, 0.999), strangerP0), foreignCeil)
	}
}

// Advance implements detect.Stage: what was learned in a tick is in force after it.
func (s *Stage) Advance(int64, *detect.Output) {
	for _, key := range s.dirty {
		if p := s.commons.Get(key); p != nil {
			p.publish()
		}
	}
	s.dirty = s.dirty[:0]
}

// ceiling is p0 of a test over the place: what was measured, and more while
// little was.
func (c *crowd) ceiling(touches, floor, ceil float64) float64 {
	return min(max(overShare*(c.hits+overShare*floor*priorTouches)/(touches+priorTouches), floor), ceil)
}

// takes adds one actor's part to what is known of a place.
func (s *Stage) takes(key uint64, w *part, nowNS int64, out sink) {
	p := s.commons.Put(key, nowNS)
	if p == nil {
		return
	}
	c, floor, ceil, p1, from := &p.foreign, ownership.P0, foreignCeil, ownership.P1, robbersFrom
	if w.guess {
		c, floor, ceil, p1, from = &p.guessed, undisclosedP0, guessedCeil, undisclosedP1, guessersFrom
	}
	score, _ := c.sum.best()
	if c.p0 == 0 {
		c.p0 = c.ceiling(p.touches, floor, ceil)
	}
	if score < detect.Noted/2 { // nobody teaches us their own attack
		c.hits += float64(w.now.hits - w.was.hits)
	}
	if c.p0 >= guessedCeil {
		c.p0 = 0
		return
	}
	test := c.testOf(p1)
	c.sum.showed(w.was.evidence(test), w.now.evidence(test))
	score, at := c.sum.best()
	if c.over(out) {
		return
	}
	if c.tale == nil {
		c.tale = newCrowdCase(w, nowNS)
	}
	t := c.tale
	t.took(w, nowNS)
	level := protection(score)
	s.commons.Protect(key, level)
	if score < detect.Noted || int(t.actors) < from || !w.guess && len(t.owners) < manyOwners {
		return
	}
	c.noticed = true
	t.total, t.gain, t.loss, t.share, t.test = score, c.sum.gain[at], c.sum.loss[at], attackers[at], test
	out.Suspect(&detect.Suspicion{
		Detector: t.detector(), Entity: t.at.entity, Scope: crowdScope, StartedNS: t.startNS, Score: score, Impact: int(t.read), Case: t,
	})
}

// testOf is the test of the story under way.
func (c *crowd) testOf(p1 float64) evidence.Test {
	return evidence.Test{P0: c.p0, P1: max(p1, 3*c.p0)}
}

// revise takes what an actor under suspicion did beside.
func (c *crowd) revise(was, now tally, p1 float64, out sink) {
	if was.hits == 0 || c.p0 == 0 || was == now {
		return
	}
	test := c.testOf(p1)
	c.sum.showed(was.evidence(test), now.evidence(test))
	c.over(out)
}

// over ends the story when the evidence is gone, and reports that it is.
func (c *crowd) over(out sink) bool {
	if c.sum.gain != [len(attackers)]float64{} {
		return false
	}
	if c.noticed {
		out.Acquit(c.tale.detector(), c.tale.at.entity, crowdScope)
	}
	c.p0, c.tale, c.noticed = 0, nil, false
	return true
}

// census tells the place what an actor has done there by now.
func (s *Stage) census(o *detect.Observation, w *walker, key uint64, first bool, out sink) {
	c := s.censuses.New()
	*c = census{touches: w.touched - w.censused, first: first, anonymous: anonymous(o.Call)}
	w.censused = w.touched
	if w.guessed > 0 {
		c.guessedWas = w.guesses
		w.guesses = tally{float32(w.guessed), float32(w.touched - w.guessed)}
		c.guessedNow = w.guesses
	}
	if w.touched >= firstCounted {
		now := counted{set: true, clean: true}
		if r := s.readers.Get(state.Join(o.Actor, key)); r != nil {
			now.bin = uint8(min(int(r.done.hits*bins)/int(w.touched), bins))
			now.clean = r.strength() < detect.Noted/2
			if r.done.hits > 0 {
				c.foreignWas = r.done
				r.done.others = max(r.done.others, float32(w.touched)-r.done.hits)
				c.foreignNow = r.done
			}
		}
		c.was, c.now, c.recounted = w.shared, now, true
		w.shared = now
	}
	out.Fact(Name, state.Join(key, saltCommons), c)
}

// guessed tells the place of an object that the actor was not told of and did
// not get.
func (s *Stage) guessed(o *detect.Observation, w *walker, key uint64, how answer, out sink) {
	was := w.guesses
	w.guesses = tally{float32(w.guessed + 1), float32(w.touched - 1 - w.guessed)}
	g := part{
		guess: true, was: was, now: w.guesses,
		missing: how == missing, at: placeOf(o, key), sample: event.SampleOf(o.Call), firstPart: w.guessed == 0,
	}
	w.guessed++
	out.Fact(Name, state.Join(key, saltCommons), g)
}
