package objects

import (
	"lapwing/detect"
	"lapwing/detect/objects/grow"
	"lapwing/detect/state"
	"lapwing/event"
)

// Name is what facts to this stage are addressed to.
const Name = "objects"

// coincidence is the number from which two mentions of it under different
// words are hardly by chance.
const coincidence = 10_000

// A Stage raises bola and object_enumeration.
type Stage struct {
	detect.NoAdvance
	detect.NoClose

	seed    uint64
	nouns   *nouns
	budget  *grow.Budget
	actors  *state.Table[memory]
	params  *state.Table[param]
	walkers *state.Table[walker]
	readers *state.Table[reader]
	objects *state.Table[object]
	classes *state.Table[class]
	stats   Stats
}

// Stats count what the stage did.
type Stats struct {
	Accesses  int64 // distinct (actor, object) pairs
	Disclosed int64 // distinct identifiers that were disclosed to actors
	Suspended int64 // undisclosed accesses not counted, since the actor was given identifiers that were not kept
	Evicted   int64 // actors forgotten for want of room
	Refused   int64 // times an actor's memory could not grow
}

// New returns a stage whose table keys depend on seed.
func New(seed uint64) *Stage {
	s := &Stage{
		seed: seed, nouns: newNouns(seed), budget: grow.NewBudget(memoryBudget), actors: state.NewTable[memory](maxActors), params: newParams(),
		walkers: state.NewTable[walker](maxWalkers), readers: state.NewTable[reader](maxReaders),
	}
	s.objects, s.classes = newOwners()
	s.actors.OnEvict(func(_ uint64, m *memory) { m.told.Free(s.budget) })
	return s
}

// Name implements detect.Stage.
func (s *Stage) Name() string { return Name }

// Stats returns a copy of the counters.
func (s *Stage) Stats() Stats {
	st := s.stats
	st.Evicted, st.Refused = s.actors.Evicted(), s.budget.Refused()
	return st
}

// Observe implements detect.Stage.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) { s.observe(o, out) }

func (s *Stage) observe(o *detect.Observation, out sink) {
	c := o.Call
	if c.Status >= 500 || c.Method == "OPTIONS" {
		return
	}
	page := c.Status == 200 && c.Shape.Response.Type == "html"
	list, name := o.Object == nil && lists(c), takesNames(o)
	if o.Object == nil && !page && !list && !name && (len(c.IDs) == 0 && c.Gap.IsZero() || c.Status >= 400 || c.Status == 0) {
		return
	}
	m := s.actors.Put(o.Actor, o.AtNS)
	if m == nil {
		return
	}
	if m.firstNS == 0 {
		m.firstNS = o.AtNS
	}
	m.lastNS = o.AtNS
	host := state.Hash(s.seed, c.Host)
	washes := false
	if o.Object != nil && o.Login == nil && o.Object.In <= event.InBody && o.Object.Class != event.ClassSecret {
		washes = s.access(o, m, host, out)
	}
	if name {
		s.named(o, m, out)
	}
	if c.Status >= 200 && c.Status < 400 && !o.Route.SoftMissing {
		m.page = m.page || page
		if list {
			s.listed(o, m)
		}
		s.disclose(o, m, host, washes, out)
	}
}

// access takes the objects that a call addresses. It reports whether one of
// them was not this actor's to know: then the answer teaches no ownership.
func (s *Stage) access(o *detect.Observation, m *memory, host uint64, out sink) (washes bool) {
	c := o.Call
	how := answerOf(o)
	if how == silent {
		return false
	}
	key := o.Route.Family
	if key == 0 {
		key = state.Join(host, state.Hash(s.seed, c.PathShape))
	}
	key = state.Join(key, state.Hash(s.seed, o.Object.Name))
	p := s.params.Touch(key, o.AtNS)
	if how == read {
		if p == nil {
			p = s.params.Put(key, o.AtNS)
		}
		if p != nil {
			p.answers++
			if c.Shape.Response.Type == "html" {
				p.pages++
			}
		}
	} else if p == nil {
		p = s.params.Put(key, o.AtNS)
	}
	of := s.nouns.ofRequest(c, o.Object)
	if how == read {
		s.opens(o, host, of)
	}
	created := how == read && c.Status == 201 && creates(c, o.Object)
	for i := range c.IDs {
		r := &c.IDs[i]
		// Requests for several objects at once name each under the same key.
		if r != o.Object && (r.Response || r.In != o.Object.In || r.Name != o.Object.Name || r.Class != o.Object.Class) {
			continue
		}
		if created {
			s.tell(o, m, host, of, r, true, true, out)
			continue
		}
		object := objectKey(host, of, r)
		know := m.knows(object, r, o.AtNS)
		if know != told {
			know = max(know, s.fromBefore(o, object, r))
		}
		if know == unknown && how == read && !anonymous(c) && (m.self == 0 || m.self == object) {
			// Apps know their user's own identifier from a token we cannot look into.
			// One object that an actor reads untold may be that, and proves nothing.
			m.self, know = object, mentioned
		} else if know != told {
			washes = true
		}
		if !m.told.Add(state.Join(object^saltTouched, key), o.AtNS, s.budget) {
			continue
		}
		s.stats.Accesses++
		s.touched(o, r, m, p, key, object, how, know, of, out)
	}
	return washes
}

// touched takes the first touch of an object by an actor.
func (s *Stage) touched(o *detect.Observation, r *event.IDRef, m *memory, p *param, key, object uint64, how answer, know knowledge, of noun, out sink) {
	c := o.Call
	if c.Source == event.SourcePacket && how != login && !anonymous(c) {
		switch {
		case know == told:
			s.own(o, key, o.AtNS, out)
		case know == mentioned && r.Int >= coincidence:
			// The API named it under another word: author 70312 is user 70312.
		default:
			a := access{
				actor: o.Actor, group: s.group(c), sinceNS: m.firstNS, ok: how == read, missing: how == missing, weight: 1,
				at: placeOf(o, key), sample: event.SampleOf(c),
			}
			if know == mentioned {
				a.weight = 0.25
			}
			if rotates(c.Actor.Kind) {
				a.source = o.Source
			}
			out.Fact(Name, object, a)
		}
	}
	s.enumerated(o, r, p, key, how, know, m, of, out)
}

// disclose remembers what a response told the actor.
func (s *Stage) disclose(o *detect.Observation, m *memory, host uint64, washes bool, out sink) {
	c := o.Call
	var client *memory
	if rotates(c.Actor.Kind) {
		if client = s.actors.Put(o.Client, o.AtNS); client == nil {
			return
		}
		m = s.actors.Get(o.Actor) // Put may have moved it, or pushed it out
		if m == nil {
			return
		}
	}
	kept, fresh := 0, 0
	served := s.nouns.ofPath(c)
	for i := range c.IDs {
		r := &c.IDs[i]
		if !r.Response || r.Class == event.ClassSecret || r.Class == event.ClassNone {
			continue
		}
		kept++
		if echoes(c, r) {
			continue
		}
		of := served
		if v := s.nouns.ofKey(r.Name); !v.path {
			of = v.own
		}
		if s.tell(o, m, host, of, r, c.Status == 201, !washes, out) {
			fresh++
		}
		if client != nil {
			client.told.Add(objectKey(host, of, r), o.AtNS, s.budget)
			if r.Class == event.ClassInt {
				client.told.Add(r.Hash^saltAny, o.AtNS, s.budget)
			}
		}
	}
	if n := unseen(c, kept); n > 0 {
		m.lend(served, n, float64(fresh)/float64(max(1, kept)))
	}
}

// tell makes an object known to an actor, and if it teaches ownership, the
// actor to the object.
func (s *Stage) tell(o *detect.Observation, m *memory, host uint64, of noun, r *event.IDRef, created, teaches bool, out sink) (isNew bool) {
	c := o.Call
	key := objectKey(host, of, r)
	isNew = m.told.Add(key, o.AtNS, s.budget)
	if r.Class == event.ClassInt {
		m.told.Add(r.Hash^saltAny, o.AtNS, s.budget)
	}
	if !isNew {
		return false
	}
	s.stats.Disclosed++
	if anonymous(c) {
		if c.Method != "GET" && c.Method != "HEAD" { // logging in, registering: whoever comes of it knows
			m.told.Add(key^saltBefore, o.AtNS, s.budget)
		}
		s.opens(o, host, of)
		return true
	}
	if teaches {
		d := disclosure{class: state.Join(host, uint64(of)), actor: o.Actor, group: s.group(c), created: created}
		if rotates(c.Actor.Kind) {
			d.source = o.Source
		}
		out.Fact(Name, key, d)
	}
	return true
}

// opens marks a class as public when an anonymous caller is shown it. Answers
// to logins and registrations go to anonymous callers by nature.
func (s *Stage) opens(o *detect.Observation, host uint64, of noun) {
	c := o.Call
	if !anonymous(c) || o.Login != nil || c.Source != event.SourcePacket || c.Method != "GET" && c.Method != "HEAD" {
		return
	}
	if cl := s.classes.Put(state.Join(host, uint64(of)), o.AtNS); cl != nil {
		cl.open = true
	}
}

// fromBefore is what an actor knows from the time before its present
// credential: what was told to an older token of the same client, and what the
// client was told as it logged in.
func (s *Stage) fromBefore(o *detect.Observation, object uint64, r *event.IDRef) (know knowledge) {
	kind := o.Call.Actor.Kind
	if kind == event.KindClient || kind == "" {
		return unknown
	}
	if before := s.actors.Get(o.Source); before != nil && before.told.Has(object^saltBefore, o.AtNS) {
		return told
	}
	if rotates(kind) {
		if before := s.actors.Get(o.Client); before != nil {
			return before.knows(object, r, o.AtNS)
		}
	}
	return unknown
}

// Fact implements detect.Stage.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) { s.fact(f, out) }

func (s *Stage) fact(f *detect.Fact, out sink) {
	switch p := f.Payload.(type) {
	case disclosure:
		s.disclosed(f.Key, p, f.AtNS, out)
	case access:
		s.accessed(f.Key, &p, f.AtNS, out)
	case verdict:
		s.foreign(&p, f.AtNS, out)
	}
}

func (s *Stage) group(c *event.Call) uint64 {
	if c.Tenant == "" {
		return 0
	}
	return state.Hash(s.seed, c.Tenant)
}

// anonymous callers own nothing.
func anonymous(c *event.Call) bool { return c.Actor.Kind == event.KindClient || c.Actor.Kind == "" }

// rotates reports whether actors of a kind are credentials that one person
// replaces from time to time.
func rotates(k event.Kind) bool { return k == event.KindToken || k == event.KindSession }

// creates reports whether a 201 means that the caller made this very object:
// its own place in the path (PUT), or the identifier that the body proposed.
func creates(c *event.Call, r *event.IDRef) bool {
	switch c.Method {
	case "PUT":
		return r.In == event.InPath
	case "POST":
		return r.In == event.InBody && (r.Name == "id" || r.Name == "uuid" || r.Name == "_id")
	}
	return false
}

// echoes reports whether a response repeats an identifier of its request. To
// be answered about what one asked for is no disclosure: it would let an actor
// tell itself what to know.
func echoes(c *event.Call, r *event.IDRef) bool {
	for i := range c.IDs {
		if q := &c.IDs[i]; !q.Response && q.Hash == r.Hash && q.In <= event.InBody {
			return true
		}
	}
	return false
}
