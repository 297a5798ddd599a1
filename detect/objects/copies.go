package objects

import (
	"strings"

	"lapwing/detect"
	"lapwing/detect/pollution"
	"lapwing/detect/state"
	"lapwing/event"
)

// copiesRead is how many identifiers of a request are compared with each other.
const copiesRead = 16

// copied looks for a second identifier in a request that stands under the same
// parameter as another and differs, and tells the stage that judges it. It
// returns that identifier if it is of the kind of the object that the request
// is about, and the answer is about it and not about the first.
func (s *Stage) copied(o *detect.Observation, m *memory, host, key uint64, about noun, p *param, out sink) (followed *event.IDRef) {
	c := o.Call
	for j := range min(len(c.IDs), copiesRead) {
		second := &c.IDs[j]
		if second.Response {
			break // those of the request come first
		}
		if second.In == event.InPath {
			continue
		}
		of, ok := s.parameter(c, second)
		if !ok {
			continue
		}
		for i := range j {
			first := &c.IDs[i]
			if first.Hash == second.Hash || first.Class != second.Class || !s.speaksOf(c, first, of) || !distinctSpots(c, first, second) {
				continue
			}
			copy := pollution.Copy{
				Actor: o.Actor, Value: second.Hash, Follows: s.follows(c, first, second, of), Part: of != s.nouns.ofPath(c),
				First: pollution.Spot{In: first.In, Name: first.Name}, Second: pollution.Spot{In: second.In, Name: second.Name},
				Told:   m.told.HasAt(second.Hash, objectKey(host, of, second), o.AtNS),
				Entity: entityOf(c), Sample: event.SampleOf(c),
			}
			if p != nil {
				copy.Population = int32(min(p.actors, 1<<20))
			}
			at := placeOf(o, key)
			copy.Host, copy.Method, copy.Route = at.host, at.method, at.route
			form := state.Join(state.Join(key, uint64(of)), state.Join(spotKey(s.seed, copy.First), spotKey(s.seed, copy.Second)))
			out.Fact(pollution.Name, form, copy)
			m.copies = true
			if copy.Follows && of == about && !copy.Part {
				followed = second
			}
			break
		}
	}
	return followed
}

func spotKey(seed uint64, at pollution.Spot) uint64 {
	return state.Join(uint64(at.In)+1, state.Hash(seed, at.Name))
}

// parameter is what an identifier of a query, a body or a header names, if it
// stands where a request names what it is about: not deeper inside.
func (s *Stage) parameter(c *event.Call, r *event.IDRef) (of noun, ok bool) {
	if r.In > event.InHeader || r.Class == event.ClassSecret || r.Class == event.ClassNone {
		return 0, false
	}
	name := strings.TrimSuffix(r.Name, "[]")
	if r.In == event.InHeader {
		name = strings.TrimPrefix(strings.ToLower(name), "x-")
	}
	if strings.Contains(name, "[]") {
		return 0, false
	}
	if i := strings.LastIndexByte(name, '.'); i >= 0 && (strings.IndexByte(name, '.') != i || !wrappers[strings.ToLower(name[:i])]) {
		return 0, false
	}
	v := s.nouns.ofKey(name)
	if v.path {
		of = s.nouns.ofPath(c)
	} else {
		of = v.own
	}
	return of, of != 0
}

// speaksOf reports that an identifier of the request names one thing of a kind.
func (s *Stage) speaksOf(c *event.Call, r *event.IDRef, of noun) bool {
	if r.In == event.InPath {
		return s.nouns.ofRequest(c, r) == of
	}
	is, ok := s.parameter(c, r)
	return ok && is == of
}

// distinctSpots leaves out elements of one list: they are several by nature.
func distinctSpots(c *event.Call, first, second *event.IDRef) bool {
	if first.In != second.In || first.Name != second.Name {
		return true
	}
	switch first.In {
	case event.InBody:
		return !strings.HasSuffix(first.Name, "[]") && c.Flags.Has(event.FlagDuplicateKeys)
	case event.InQuery:
		return !strings.HasSuffix(first.Name, "[]") && !strings.HasSuffix(strings.ToLower(first.Name), "ids")
	}
	return false
}

// follows reports that an answer is about the second thing that a request
// names and not about the first.
func (s *Stage) follows(c *event.Call, first, second *event.IDRef, of noun) bool {
	about, served := false, s.nouns.ofPath(c)
	for i := range c.IDs {
		v := s.keys[i]
		if v == nil {
			continue
		}
		switch c.IDs[i].Hash {
		case first.Hash:
			return false
		case second.Hash:
			about = about || !v.list && (v.path && of == served || v.own == of) || of != served && v.own == of
		}
	}
	return about
}
