package objects

import (
	"strings"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/state"
	"lapwing/event"
)

const saltNamed = 0x6c62272e07bb0142

// takesNames reports that a call addresses something by a name where the route
// has a parameter: /users/{name}, /stories/{slug}. The sensor keeps no key of
// plain words, so what was disclosed is not known; what is missing is.
func takesNames(o *detect.Observation) bool {
	return o.Object == nil && o.Login == nil && o.Route.Family != 0 && strings.HasSuffix(o.Route.Template, "}") &&
		(o.Call.Method == "GET" || o.Call.Method == "HEAD")
}

// named weighs one distinct name that an actor asked for: who guesses names
// misses most of them, who follows links does not. A place that most actors
// miss at tells nothing: its names come from elsewhere.
func (s *Stage) named(o *detect.Observation, m *memory, out sink) {
	how := answerOf(o)
	if how == silent || how == login || how == denied {
		return // refusals are given to everybody alike; they tell no guess
	}
	key := state.Join(o.Route.Family, saltNamed)
	if !m.told.Add(state.Join(state.Hash(s.seed, o.Call.Path), key), o.AtNS, s.budget) {
		return
	}
	p := s.params.Put(key, o.AtNS)
	w := s.walkers.Put(state.Join(o.Actor, key), o.AtNS)
	if p == nil || w == nil {
		return
	}
	if how == read {
		s.reads(o, w, key, state.Hash(s.seed, o.Call.Path), false, out)
	}
	w.touched++
	if how == missing {
		w.undisclosed++
	}
	if w.touched >= max(w.nextLearned, firstCounted) {
		w.nextLearned = 2 * w.touched
		w.learned = p.learn(w.learned, w.undisclosed, w.touched, w.score.S < detect.Noted/2)
	}
	p0, on := p.ceiling()
	if !on {
		return
	}
	test := evidence.Test{P0: max(p0, undisclosedP0), P1: undisclosedP1}
	v := vote{weight: 1}
	if how == missing {
		v = vote{hit: true, weight: 1}
		if p.actors < crowdActors { // it may be that everybody misses here
			v.weight = 0.5
		}
	}
	if !v.hit && w.score.S <= 0 {
		return
	}
	s.weigh(o, key, w, test, v, 0, how, false, p, out)
}

// lists reports that a call in a log may have listed objects.
func lists(c *event.Call) bool {
	return c.Source == event.SourceLog && c.Status == 200 && c.Method == "GET"
}
