package objects

import (
	"slices"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxFields  = 8192
	maxHolders = 131_072
	// maxUntold bounds the holders with objects that wait to be judged.
	maxUntold = 16_384
	// fieldsRead is how many references to owners are read of one answer.
	fieldsRead = 4
	// allowed is how many owners an actor's own objects may have between them:
	// families and second accounts. With more, the field does not say whose.
	allowed = 3
	// identities is how many names an actor is known to have itself: a number, a
	// UUID, an address.
	identities = 4

	// A field that its name does not make an owner must show itself by this many
	// actors, each with objects of one owner only, nearly all of them different.
	taughtBy   = 8
	taughtFrom = 6
	// roamersFrom actors that read objects of many owners, and more of them than
	// keep to their own, make what they read public.
	roamersFrom = 3
	// closedFrom actors that keep to their own make a place private even for
	// those who know the owner's name from elsewhere.
	closedFrom = 4
)

// A claim is what the answer itself says about whose object it is.
type claim uint8

const (
	unclaimed claim = iota // nothing
	mine                   // the actor's own
	given                  // somebody else's, and the API told the actor of it
	nobodys                // somebody's, but what the actor's own would look like is not known yet
	theirs                 // somebody else's
)

// A field is one place for references to owners: a host, what the endpoint
// serves, and the key. It counts actors, each with one vote.
type field struct {
	keeping uint32 // actors whose own objects name one owner, or two or three
	many    uint32 // actors that were shown objects of many owners
	roaming uint32 // actors that read objects of many owners untold
	seen    [taughtBy]uint64
	nSeen   uint8
}

// public reports that what stands here is shown to many.
func (f *field) public() bool {
	return f.many*4 > f.keeping || f.roaming >= roamersFrom && f.roaming > f.keeping
}

// taught reports that actors have shown the field to name owners.
func (f *field) taught() bool {
	return f.keeping >= taughtBy && f.many*10 <= f.keeping && f.nSeen >= taughtFrom && !f.public()
}

// closed reports that nearly everybody keeps to their own here.
func (f *field) closed() bool {
	return f.keeping >= closedFrom && (f.many+f.roaming)*8 <= f.keeping && !f.public()
}

func (f *field) saw(value uint64) {
	if f.nSeen < taughtBy && !slices.Contains(f.seen[:f.nSeen], value) {
		f.seen[f.nSeen] = value
		f.nSeen++
	}
}

// A ballot is how an actor's own objects speak about a field.
type ballot uint8

const (
	abstains ballot = iota
	keeps
	shownMany
)

// A holder is one actor at one field.
type holder struct {
	own       [allowed]uint64 // owners of the objects it was told of
	distinct  uint8           // of those; allowed+1: too many
	objects   uint16
	ballot    ballot
	roams     bool
	strangers [allowed]uint64 // owners of objects it read untold
	nStranger uint8
	waits     bool // some of these wait to be judged
}

// untold is an object read before it was known what the reader's own look like.
type untold struct {
	object uint64
	a      access
}

func (h *holder) owns(value uint64) bool {
	return slices.Contains(h.own[:min(h.distinct, allowed)], value)
}

// had takes the owner of an object that the API showed to the actor by itself.
func (h *holder) had(value uint64) {
	if h.objects < 1<<15 {
		h.objects++
	}
	if h.distinct > allowed || h.owns(value) {
		return
	}
	if h.distinct < allowed {
		h.own[h.distinct] = value
	}
	h.distinct++
}

// votes says what the actor's own objects show. A few of them say nothing: an
// order that was shared, a first look.
func (h *holder) votes() ballot {
	switch {
	case h.distinct > allowed, h.distinct == allowed && h.objects < 2*allowed:
		return shownMany
	case h.objects >= 2 && h.distinct == 1, h.objects >= 4*uint16(h.distinct-1) && h.distinct > 1:
		return keeps
	}
	return abstains
}

// A reference is what one answer says at one field.
type reference struct {
	key     uint64
	bearing bearing
	public  bool // of things that people publish
	values  [allowed + 1]uint64
	n       uint8 // distinct values, at most allowed+1
	total   uint16
}

func (r *reference) add(value uint64) {
	if r.total < 1<<15 {
		r.total++
	}
	if int(r.n) < len(r.values) && !slices.Contains(r.values[:r.n], value) {
		r.values[r.n] = value
		r.n++
	}
}

// belongings are the references to owners of one answer.
type belongings struct {
	refs [fieldsRead]reference
	n    int
}

// belong reads the references to owners of an answer. It finds none where
// nobody is known by name, and none where bodies are not seen.
func (s *Stage) belong(c *event.Call, host uint64, served noun, b *belongings) {
	public, document := s.nouns.kindOf(served)
	for i := range c.IDs {
		r := &c.IDs[i]
		if s.keys[i] == nil || r.In != event.InBody {
			continue
		}
		k := &s.keys[i].owner
		if k.bearing == noOwner || k.bearing == caller || k.within != 0 && k.within != served && !document {
			continue
		}
		kind, known := served, public
		if document && k.within != 0 {
			kind = k.within
			known, _ = s.nouns.kindOf(kind)
		}
		key := state.Join(state.Join(host, uint64(kind)), state.Join(uint64(k.who), uint64(r.Class)))
		at := 0
		for at < b.n && b.refs[at].key != key {
			at++
		}
		if at == len(b.refs) {
			continue
		}
		if at == b.n {
			b.refs[at] = reference{key: key, bearing: k.bearing, public: known}
			b.n++
		}
		b.refs[at].add(r.Hash)
	}
}

// learnOwn learns from objects that the API showed the actor by itself whose
// they are. What the actor wrote into its request teaches nothing, unless it is
// the actor itself.
func (s *Stage) learnOwn(o *detect.Observation, m *memory, b *belongings, out sink) {
	keepsSome := false
	for i := range b.n {
		r := &b.refs[i]
		key := state.Join(o.Actor, r.key)
		h := s.holders.Put(key, o.AtNS)
		if h == nil {
			continue
		}
		for _, v := range r.values[:r.n] {
			if h.owns(v) || !s.echoes(v) || s.isSelf(o, m, v) {
				h.had(v)
			}
		}
		if h.objects > 0 && h.objects < 1<<15 {
			h.objects += r.total - uint16(r.n)
		}
		if r.bearing >= owner && h.votes() == keeps {
			keepsSome = true
		}
		if rotates(o.Call.Actor.Kind) {
			if old := s.holders.Put(state.Join(o.Source, r.key), o.AtNS); old != nil {
				for _, v := range r.values[:r.n] {
					if !s.echoes(v) {
						old.had(v)
					}
				}
			}
		}
	}
	for i := range b.n {
		r := &b.refs[i]
		key := state.Join(o.Actor, r.key)
		h := s.holders.Get(key)
		f := s.fields.Put(r.key, o.AtNS)
		if h == nil || f == nil {
			continue
		}
		now := h.votes()
		if now == shownMany && keepsSome { // rides of one driver have many riders, and are the driver's
			now = abstains
		}
		f.count(h.ballot, now)
		h.ballot = now
		if now == keeps {
			f.saw(h.own[0])
		}
		if h.distinct > 0 && h.waits {
			s.settle(r, key, h, out)
		}
	}
}

func (f *field) count(was, now ballot) {
	if was == now {
		return
	}
	switch was {
	case keeps:
		f.keeping--
	case shownMany:
		f.many--
	}
	switch now {
	case keeps:
		f.keeping++
	case shownMany:
		f.many++
	}
}

// settle judges what waited until it was known what the actor's own look like.
func (s *Stage) settle(r *reference, key uint64, h *holder, out sink) {
	h.waits = false
	list := s.untold.Get(key)
	if list == nil {
		return
	}
	waiting := *list
	s.untold.Delete(key)
	if h.votes() == shownMany || s.fields.Get(r.key).public() {
		return
	}
	for i := range waiting {
		if w := &waiting[i]; !h.owns(w.a.owner) {
			w.a.claim, w.a.late = theirs, true
			out.Fact(Name, w.object, w.a)
		}
	}
}

// isSelf reports that a value names the actor: its /me said so, or the answer
// to its login did.
func (s *Stage) isSelf(o *detect.Observation, m *memory, value uint64) bool {
	if slices.Contains(m.identity[:m.nIdentity], value) {
		return true
	}
	before := s.actors.Get(o.Source)
	return before != nil && before.told.HasAt(value, value^saltSelf, o.AtNS)
}

// person reports that an actor is somebody who has objects of their own, rather
// than a service that works on everybody's: the API told it who it is, it is a
// browser's session, or others are seen to keep to their own here.
func (s *Stage) person(o *detect.Observation, m *memory, f *field) bool {
	switch o.Call.Actor.Kind {
	case event.KindKey:
		return false
	case event.KindSession:
		return true
	}
	before := s.actors.Get(o.Source)
	return m.nIdentity > 0 || before != nil && before.loggedIn || f != nil && f.keeping > 0
}

// introduce takes from an answer about the caller who the caller is.
func (s *Stage) introduce(c *event.Call, m *memory) {
	self := asksForSelf(c)
	for i := range c.IDs {
		r := &c.IDs[i]
		v := s.keys[i]
		if v == nil || r.In != event.InBody {
			continue
		}
		if k := &v.owner; k.bearing != caller && !(self && (v.path && !v.list || k.bearing == owner && k.within == 0)) {
			continue
		}
		if int(m.nIdentity) < len(m.identity) && !slices.Contains(m.identity[:m.nIdentity], r.Hash) && !s.echoes(r.Hash) {
			m.identity[m.nIdentity] = r.Hash
			m.nIdentity++
		}
	}
}

// claims judges by the answer whose the one object is that a request was for.
// at is the field that says so.
func (s *Stage) claims(o *detect.Observation, m *memory, r *event.IDRef, know knowledge, led bool, of noun, b *belongings) (says claim, at *reference) {
	says = unclaimed
	for i := range b.n {
		ref := &b.refs[i]
		if ref.n != 1 {
			continue
		}
		v := ref.values[0]
		f, h := s.fields.Get(ref.key), s.holders.Get(state.Join(o.Actor, ref.key))
		var old *holder
		if rotates(o.Call.Actor.Kind) {
			old = s.holders.Get(state.Join(o.Source, ref.key))
		}
		taught := f != nil && f.taught()
		if ref.bearing == maybeOwner && !taught {
			continue
		}
		if h != nil && h.owns(v) || old != nil && old.owns(v) || s.isSelf(o, m, v) {
			return mine, ref
		}
		if ref.public && !taught || f != nil && f.public() || h != nil && h.votes() == shownMany {
			continue
		}
		if know == mentioned && r.Int >= coincidence {
			know = told // under another word
		}
		known := h != nil && h.distinct > 0 || old != nil && old.distinct > 0 && old.distinct <= allowed
		now := unclaimed
		switch {
		case led && known && ref.bearing == owner && f != nil && f.closed():
			// A public answer named it, as a post names the vehicle of its author. Where
			// everybody keeps to their own, that does not make it everybody's.
			now = theirs
		case know == told && (v != r.Hash || m.told.HasAt(r.Hash, r.Hash^saltListed, o.AtNS)):
			if now = given; !known {
				now = unclaimed
			}
		case know != unknown && v == r.Hash && (f == nil || !f.closed()):
			// An author or a friend that an answer named: what is theirs may be for all.
		case known, know == told && f != nil && f.closed():
			now = theirs
		case ref.bearing == owner && !m.page && !m.lent(of) && s.person(o, m, f):
			now = nobodys
		}
		if now > says {
			says, at = now, ref
		}
	}
	return says, at
}

// strange takes an object that was read untold and names an owner other than
// the actor, or one that may be the actor, and says so in the access.
func (s *Stage) strange(o *detect.Observation, t *touch, a *access, out sink) {
	ref := t.at
	key := state.Join(o.Actor, ref.key)
	h, f := s.holders.Put(key, o.AtNS), s.fields.Put(ref.key, o.AtNS)
	if h == nil || f == nil {
		return
	}
	v := ref.values[0]
	isNew := !slices.Contains(h.strangers[:h.nStranger], v)
	if isNew && int(h.nStranger) < len(h.strangers) {
		h.strangers[h.nStranger] = v
		h.nStranger++
		s.holders.Protect(key, 16*h.nStranger)
		if int(h.nStranger) == len(h.strangers) && !h.roams {
			h.roams = true
			f.roaming++
		}
	}
	a.owner, a.addressed = v, v == t.r.Hash
	if t.says == theirs {
		a.claim = theirs
		return
	}
	if v == h.strangers[0] { // the first may be the actor's own
		return
	}
	if list := s.untold.Put(key, o.AtNS); list != nil && len(*list) < len(h.strangers) {
		*list, h.waits = append(*list, untold{t.object, *a}), true
	}
	if int(h.nStranger) < len(h.strangers) {
		return
	}
	s.settle(ref, key, h, out)
	if h.votes() != shownMany && !f.public() {
		a.claim = theirs
	}
}
