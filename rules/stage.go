package rules

import (
	"cmp"
	"slices"
	"strconv"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// Stage judges calls by the rules of a Live. It is one detect.Stage of an
// engine; several engines may share a Live.
//
// In Observe it keeps nothing. What matches a rule travels as a fact to where
// its group is counted.
type Stage struct {
	detect.NoClose

	live   *Live             `snapshot:"-"`
	set    *Set              `snapshot:"-"` // as of the last tick
	stale  bool              `snapshot:"-"` // states are of another set
	frame  *frame            `snapshot:"-"`
	seed   uint64            `snapshot:"same"`
	states map[uint64]*rules // by Rule.key
}

// rules is what one rule remembers.
type rules struct {
	told  *told
	table table
}

// New returns a stage for the rules of live. seed keys the hashes of groups.
func New(live *Live, seed uint64) *Stage {
	s := &Stage{live: live, seed: seed, frame: &frame{}, states: map[uint64]*rules{}}
	s.adopt(live.Set(), nil)
	return s
}

// Name implements detect.Stage.
func (*Stage) Name() string { return StageName }

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any { return []any{(*story)(nil)} }

// Restored has the next tick fit what was remembered to the rules in force.
func (s *Stage) Restored() error {
	s.stale = true
	return nil
}

// A match is what a call brings to the group of a rule that it matches.
type match struct {
	rule     uint64
	fits     uint64 // the steps it fits, by bit; FormRatio: 1 if Of holds
	value    uint64 // hash of the value that is counted
	entity   event.Entity
	values   [MaxGroupBy]string // of the fields of GroupBy
	endpoint event.EndpointRef
	sample   event.CallSample
}

// Observe asks every rule about the call.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	if len(s.set.rules) == 0 {
		return
	}
	f := s.frame
	f.begin(o)
	for _, r := range s.set.rules {
		if f.steps < 0 {
			s.live.exhausted.Add(1)
			break
		}
		if r.when.holds != nil && !r.when.holds(f) {
			continue
		}
		m := match{rule: r.key}
		switch r.Form {
		case FormRatio:
			if r.of.holds(f) {
				m.fits = 1
			}
		case FormSequence, FormTogether:
			for i := range r.steps {
				if r.again&(1<<i) != 0 {
					m.fits |= m.fits & (1 << (i - 1)) << 1
				} else if r.steps[i].holds(f) {
					m.fits |= 1 << i
				}
			}
			if m.fits == 0 {
				continue
			}
		case FormDistinct:
			v := textOf(r.value, f)
			if v == "" {
				continue
			}
			m.value = state.Hash(s.seed, v)
		}
		if f.steps < 0 { // what was found may be wrong: the walk was cut short
			s.live.exhausted.Add(1)
			break
		}
		s.send(r, &m, out)
	}
	f.o, f.call, f.id = nil, nil, nil
}

// send brings a match to its group. Calls that lack a field of the group belong
// to none: all calls without a user are not one user's.
func (s *Stage) send(r *Rule, m *match, out *detect.Output) {
	f := s.frame
	key := r.key
	for i, g := range r.group {
		v := textOf(g, f)
		if v == "" {
			return
		}
		m.values[i] = v
		key = state.Join(key, state.Hash(s.seed, v))
		if g.name == r.Entity {
			m.entity = event.Entity{Kind: g.entity, Value: v}
			if g.name == "actor" {
				m.entity = event.Entity{Kind: f.call.Actor.Kind, Value: f.call.Actor.Value}
				if m.entity.Kind == "" {
					m.entity = event.Entity{Kind: event.KindClient, Value: f.client()}
				}
			}
		}
	}
	if m.entity.Kind == "" {
		m.entity = event.Entity{Kind: event.KindSensor, Value: f.call.Sensor}
	}
	m.endpoint = event.EndpointRef{Host: f.call.Host, Method: f.call.Method, Route: f.route()}
	m.sample = event.SampleOf(f.call)
	s.live.matches.Add(1)
	out.Fact(StageName, key, *m)
}

// textOf is the value of a field as text; "" if the call has none.
func textOf(x *field, f *frame) string {
	switch {
	case x.text != nil:
		return x.text(f)
	case x.integer != nil:
		if v := x.integer(f); v != 0 {
			return strconv.FormatInt(v, 10)
		}
	case x.number != nil:
		if v := x.number(f); v != 0 {
			return strconv.FormatFloat(v, 'f', -1, 64)
		}
	}
	return ""
}

// Fact counts a match in its group, and tells if that fulfils the rule.
func (s *Stage) Fact(fact *detect.Fact, out *detect.Output) {
	m, ok := fact.Payload.(match)
	if !ok {
		return
	}
	i, ok := s.set.byKey[m.rule]
	if !ok {
		return
	}
	r := s.set.rules[i]
	st := s.stateOf(r)
	g, evicted := st.table.get(fact.Key, fact.AtNS, r.Groups)
	if evicted != nil {
		s.live.evicted.Add(1)
	}
	if g.take(r, &m, fact.AtNS, st.told) {
		s.live.fired.Add(1)
		out.Suspect(&detect.Suspicion{
			Detector: Detector, Entity: g.story.entity, Scope: g.story.scope(), Crowd: r.ID, StartedNS: g.story.startedNS,
			// A plain rule has no evidence to weigh: zero is enough.
			Score: 0, Threshold: -1, Impact: int(min(g.story.matches, 1<<40)), Case: g.story,
		})
	}
}

func (s *Stage) stateOf(r *Rule) *rules {
	st := s.states[r.key]
	if st == nil {
		st = &rules{told: &told{}}
		*st.told = tell(r)
		s.states[r.key] = st
	}
	return st
}

// Advance puts the rules in force that are now in the Live.
func (s *Stage) Advance(_ int64, out *detect.Output) {
	if set := s.live.Set(); set != s.set || s.stale {
		s.adopt(set, out)
	}
}

// adopt fits what is remembered to a set. What the stories of rules that are
// gone told is over.
func (s *Stage) adopt(set *Set, out *detect.Output) {
	s.set, s.stale = set, false
	var gone []uint64
	for key, st := range s.states {
		i, ok := set.byKey[key]
		if !ok {
			gone = append(gone, key)
			continue
		}
		*st.told = tell(set.rules[i])
		st.table.shrink(set.rules[i].Groups)
	}
	slices.SortFunc(gone, func(a, b uint64) int { return cmp.Compare(a, b) })
	for _, key := range gone {
		s.states[key].table.each(func(g *group) {
			if g.story != nil && out != nil {
				out.Acquit(Detector, g.story.entity, g.story.scope())
			}
		})
		delete(s.states, key)
	}
	for _, r := range set.rules {
		s.stateOf(r)
	}
}

var _ detect.Stage = (*Stage)(nil)
