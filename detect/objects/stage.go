package objects

import (
	"slices"

	"lapwing/detect"
	"lapwing/detect/objects/grow"
	"lapwing/detect/pollution"
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
	detect.NoClose

	seed    uint64 `snapshot:"same"`
	nouns   *nouns `snapshot:"-"`
	budget  *grow.Budget
	actors  *state.Table[memory]
	params  *state.Table[param]
	walkers *state.Table[walker]
	readers *state.Table[reader]
	objects *state.Table[object]
	classes *state.Table[class]
	fields  *state.Table[field]
	holders *state.Table[holder]
	pending *state.Table[[]access] // by object: those who read it before it had an owner
	untold  *state.Table[[]untold] // by holder: what it read before it was known what its own look like
	commons *state.Table[commons]  // by place
	dirty   []uint64               // commons that learned something in this tick
	asked   []uint64               `snapshot:"-"` // hashes of the identifiers in the request at hand
	keys    []*named               `snapshot:"-"` // what the names of the identifiers in the response at hand say; nil for those of the request
	stats   Stats

	disclosures detect.Payloads[disclosure] `snapshot:"-"`
	censuses    detect.Payloads[census]     `snapshot:"-"`
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
		fields: state.NewTable[field](maxFields), holders: state.NewTable[holder](maxHolders),
		commons: state.NewTable[commons](maxCommons),
		pending: state.NewTable[[]access](maxPending), untold: state.NewTable[[]untold](maxUntold),
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
	s.asks(c)
	served := s.nouns.ofPath(c)
	good := c.Status >= 200 && c.Status < 400 && !o.Route.SoftMissing
	var b belongings
	if good {
		s.read(c)
	}
	if good && c.Source == event.SourcePacket && !anonymous(c) {
		s.belong(c, host, served, &b)
		if o.Object == nil {
			s.introduce(c, m)
		}
	}
	washes := false
	if o.Object != nil && o.Login == nil && o.Object.In <= event.InBody && o.Object.Class != event.ClassSecret {
		washes = s.access(o, m, host, served, &b, out)
	} else if b.n > 0 {
		s.learnOwn(o, m, &b, out)
	}
	if name {
		s.named(o, m, out)
	}
	if good {
		m.page = m.page || page
		if list {
			s.listed(o, m)
		}
		s.disclose(o, m, host, served, washes, out)
	}
}

// access takes the objects that a call addresses. It reports whether one of
// them was not this actor's to know: then the answer teaches no ownership.
func (s *Stage) access(o *detect.Observation, m *memory, host uint64, served noun, b *belongings, out sink) (washes bool) {
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
	if c.Operation != "" { // one address serves all of them
		key = state.Join(key, state.Hash(s.seed, c.Operation))
	}
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
	var copy *event.IDRef
	if how == read && len(c.IDs) > 1 && !c.IDs[1].Response {
		copy = s.copied(o, m, host, key, of, p, out)
	}
	single := how == read && o.Object.In != event.InBody && alone(c, o.Object)
	created := how == read && c.Status == 201 && creates(c, o.Object)
	for i := range c.IDs {
		r := &c.IDs[i]
		// Requests for several objects at once name each under the same key.
		if r != o.Object && r != copy && (r.Response || r.In != o.Object.In || r.Name != o.Object.Name || r.Class != o.Object.Class) {
			continue
		}
		if created {
			s.tell(o, m, host, of, r, true, true, out)
			continue
		}
		t := touch{r: r, key: key, object: objectKey(host, of, r), class: state.Join(host, uint64(of)), of: of, how: how}
		t.know = m.knows(t.object, r, o.AtNS)
		if t.know != told {
			t.know = max(t.know, s.fromBefore(o, t.object, r))
		}
		if single && b.n > 0 && (r.In != event.InQuery || o.Call.Method == "GET") {
			led := t.know == told && m.told.HasAt(r.Hash, t.object^saltLed, o.AtNS) && !m.told.HasAt(r.Hash, t.object^saltShown, o.AtNS)
			t.says, t.at = s.claims(o, m, r, t.know, led, of, b)
		}
		if t.know == unknown && how == read && t.says <= mine && !anonymous(c) && (m.self == 0 || m.self == t.object) {
			// Apps know their user's own identifier from a token we cannot look into.
			// One object that an actor reads untold may be that, and proves nothing.
			m.self, t.know = t.object, mentioned
		} else if t.know != told && t.says != mine || t.says == theirs {
			washes = true
		}
		if how == read && (t.says == theirs || washes && t.says != mine) {
			m.washed = true
		}
		if t.says == mine && t.know == unknown {
			t.know = mentioned
		}
		if copy == nil { // else the answer is about something else than what was asked for openly
			s.learnBeside(o, m, &t, served, b, out)
		}
		if !m.told.AddAt(r.Hash, state.Join(t.object^saltTouched, key), o.AtNS, s.budget) {
			continue
		}
		s.stats.Accesses++
		if m.copies && copy == nil {
			out.Fact(pollution.Name, o.Actor, pollution.Clean{AtNS: o.AtNS})
		}
		s.touched(o, m, p, &t, out)
	}
	return washes
}

// A touch is one object that a call addresses.
type touch struct {
	r      *event.IDRef
	key    uint64 // the place for identifiers
	object uint64
	class  uint64
	of     noun
	how    answer
	know   knowledge
	says   claim
	at     *reference // where the answer says so
}

// learnBeside learns the actor's own from an answer to a request for an object:
// from one it was told of, and from lists that it filtered.
func (s *Stage) learnBeside(o *detect.Observation, m *memory, t *touch, served noun, b *belongings, out sink) {
	several := false
	for i := range b.n {
		several = several || b.refs[i].n > 1
	}
	filter := t.r.In != event.InPath && t.of != served
	switch {
	case b.n == 0:
	case t.says == mine, t.know == told && t.says != theirs && !m.washed, filter && several, t.r.In == event.InBody && o.Call.Status == 201:
		s.learnOwn(o, m, b, out)
	}
}

// alone reports that a request names no other object at the same place.
func alone(c *event.Call, object *event.IDRef) bool {
	for i := range c.IDs {
		if r := &c.IDs[i]; r != object && !r.Response && r.In == object.In && r.Name == object.Name && r.Class == object.Class {
			return false
		}
	}
	return true
}

// touched takes the first touch of an object by an actor.
func (s *Stage) touched(o *detect.Observation, m *memory, p *param, t *touch, out sink) {
	c := o.Call
	if c.Source == event.SourcePacket && t.how != login && !anonymous(c) {
		switch {
		case t.says == given: // shared with the actor, or led to: speaks neither way
		case t.know == told && t.says != theirs, t.says == mine:
			s.own(o, t.key, o.AtNS, out)
		case t.know == mentioned && t.r.Int >= coincidence && t.says == unclaimed:
			// The API named it under another word: author 70312 is user 70312.
		default:
			a := access{
				actor: o.Actor, person: person(o), group: s.group(c), sinceNS: m.firstNS, ok: t.how == read, missing: t.how == missing, weight: 1,
				class: t.class, at: placeOf(o, t.key), sample: event.SampleOf(c),
			}
			if rotates(c.Actor.Kind) {
				a.source = o.Source
			}
			if t.says >= nobodys {
				s.strange(o, t, &a, out)
			}
			switch {
			case t.know == told: // many were told, which does not make it shared
				a.weight, a.addressed = 0.5, true
			case t.know != mentioned:
			case a.claim != theirs:
				a.weight = 0.25
			case t.r.Class == event.ClassInt: // perhaps told under another word
				a.weight = 0.5
			}
			if t.r.Class != event.ClassInt || !s.isOpen(t.class) {
				out.Fact(Name, t.object, a)
			}
		}
	}
	s.enumerated(o, t.r, p, t.key, t.how, t.know, m, t.of, out)
}

// disclose remembers what a response told the actor.
func (s *Stage) disclose(o *detect.Observation, m *memory, host uint64, served noun, washes bool, out sink) {
	c := o.Call
	var client *memory
	if rotates(c.Actor.Kind) {
		before := o.Client
		if o.User != 0 {
			before = o.User
		}
		if client = s.actors.Put(before, o.AtNS); client == nil {
			return
		}
		if client.firstNS == 0 {
			client.firstNS = o.AtNS
		}
		client.lastNS = o.AtNS
		m = s.actors.Get(o.Actor) // Put may have moved it, or pushed it out
		if m == nil {
			return
		}
	}
	kept, fresh, byName := 0, 0, s.nouns.people[served]
	for i := range c.IDs {
		r := &c.IDs[i]
		if s.keys[i] == nil {
			continue
		}
		kept++
		if s.echoes(r.Hash) {
			continue
		}
		of := served
		if v := s.keys[i]; !v.path {
			of = v.own
		}
		switch {
		case o.Login != nil && anonymous(c):
			m.told.AddAt(r.Hash, r.Hash^saltSelf, o.AtNS, s.budget)
			m.loggedIn = true
		case of == served && byName:
			m.told.AddAt(r.Hash, r.Hash^saltListed, o.AtNS, s.budget)
		}
		key := objectKey(host, of, r)
		if of == served || c.Status == 201 {
			if m.told.HasAt(r.Hash, key^saltLed, o.AtNS) {
				m.told.AddAt(r.Hash, key^saltShown, o.AtNS, s.budget)
			}
			if s.tell(o, m, host, of, r, c.Status == 201, !washes, out) {
				fresh++
			}
		} else if !m.told.HasAt(r.Hash, key, o.AtNS) {
			m.told.AddAt(r.Hash, key^saltLed, o.AtNS, s.budget)
			if s.tell(o, m, host, of, r, false, !washes, out) {
				fresh++
			}
		}
		if client != nil {
			client.told.AddAt(r.Hash, key, o.AtNS, s.budget)
			if r.Class == event.ClassInt {
				client.told.AddAt(r.Hash, r.Hash^saltAny, o.AtNS, s.budget)
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
	if !m.told.AddAt(r.Hash, key, o.AtNS, s.budget) {
		return false
	}
	if r.Class == event.ClassInt {
		m.told.AddAt(r.Hash, r.Hash^saltAny, o.AtNS, s.budget)
	}
	s.stats.Disclosed++
	if anonymous(c) {
		if c.Method != "GET" && c.Method != "HEAD" { // logging in, registering: whoever comes of it knows
			m.told.AddAt(r.Hash, key^saltBefore, o.AtNS, s.budget)
		}
		s.opens(o, host, of)
		return true
	}
	if teaches && !created {
		if m.taught++; m.taught > tookAll {
			teaches = false
		}
	}
	if teaches && !(r.Class == event.ClassInt && s.isOpen(state.Join(host, uint64(of)))) {
		d := s.disclosures.New()
		*d = disclosure{class: state.Join(host, uint64(of)), actor: person(o), token: o.Actor, group: s.group(c), created: created}
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

// isOpen reports that what the class holds is public: nobody can be robbed of
// it, and that it was disclosed teaches nothing. Identifiers other than numbers
// may belong to another class as well.
func (s *Stage) isOpen(class uint64) bool {
	cl := s.classes.Get(class)
	return cl != nil && cl.open
}

// fromBefore is what an actor knows from the time before its present
// credential: what was told to an older token of the same client, and what the
// client was told as it logged in.
func (s *Stage) fromBefore(o *detect.Observation, object uint64, r *event.IDRef) (know knowledge) {
	kind := o.Call.Actor.Kind
	if kind == event.KindClient || kind == "" {
		return unknown
	}
	if before := s.actors.Get(o.Source); before != nil && before.told.HasAt(r.Hash, object^saltBefore, o.AtNS) {
		return told
	}
	if rotates(kind) {
		if before := s.actors.Get(o.Client); before != nil {
			know = before.knows(object, r, o.AtNS)
		}
		if o.User != 0 && know != told {
			if before := s.actors.Get(o.User); before != nil {
				know = max(know, before.knows(object, r, o.AtNS))
			}
		}
	}
	return know
}

// person is who owns what an actor is told of: the user behind a credential
// that rotates, where that is known, else the actor.
func person(o *detect.Observation) uint64 {
	if o.User != 0 && rotates(o.Call.Actor.Kind) {
		return o.User
	}
	return o.Actor
}

// Fact implements detect.Stage.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) { s.fact(f, out) }

func (s *Stage) fact(f *detect.Fact, out sink) {
	switch p := f.Payload.(type) {
	case *disclosure:
		d := *p
		s.disclosures.Done(p)
		s.disclosed(f.Key, d, f.AtNS, out)
	case access:
		s.accessed(f.Key, &p, f.AtNS, out)
	case verdict:
		s.foreign(&p, f.AtNS, out)
	case *census:
		s.counts(f.Key, p, f.AtNS, out)
		s.censuses.Done(p)
	case part:
		s.takes(f.Key, &p, f.AtNS, out)
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
func (s *Stage) echoes(value uint64) bool { return slices.Contains(s.asked, value) }

// asks notes what the request at hand names.
func (s *Stage) asks(c *event.Call) {
	s.asked = s.asked[:0]
	for i := range c.IDs {
		if q := &c.IDs[i]; !q.Response && q.In <= event.InBody {
			s.asked = append(s.asked, q.Hash)
		}
	}
}

// read looks up what the names of the identifiers in a response say, once for
// all that ask. Elements of a list repeat the names of the one before.
func (s *Stage) read(c *event.Call) {
	s.keys = s.keys[:0]
	for i := range c.IDs {
		r := &c.IDs[i]
		if !r.Response || r.Class == event.ClassSecret || r.Class == event.ClassNone {
			s.keys = append(s.keys, nil)
			continue
		}
		var v *named
		for back := i - 1; back >= max(0, i-4); back-- {
			if s.keys[back] != nil && c.IDs[back].Name == r.Name {
				v = s.keys[back]
				break
			}
		}
		if v == nil {
			v = s.nouns.ofKey(r.Name)
		}
		s.keys = append(s.keys, v)
	}
}
