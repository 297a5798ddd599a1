package objects

import (
	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxObjects = 524_288
	maxClasses = 8192
	// maxPending bounds the objects without an owner whose readers are kept.
	maxPending = 32_768
	// waiting is how many undisclosed readers of an object nobody owns yet are
	// kept, to be judged when its owner shows.
	waiting = 2
	// tookAll disclosures of things it did not make, and an actor is no owner by
	// further ones: it synchronises a catalogue, and people have not so much.
	tookAll = 512
	// ledFrom objects, of which one actor has more than three in four, are a
	// catalogue with one reader and no class of private things.
	ledFrom = 200
	// publicFrom undisclosed readers an object has gone round: a shared link.
	publicFrom = 4
)

// A class is all objects of one noun at one host. It is private if nearly all
// of its objects are known to one owner only, and there are several owners.
type class struct {
	owners  [2]uint64
	objects int32
	shared  int32
	open    bool // anonymous callers read it
	// The owner of most objects, if one has most (Boyer and Moore's majority
	// vote), and by how many it leads all others together.
	leader uint64
	lead   int32
}

// private reports whether an object of the class that was disclosed to one
// actor may be taken for that actor's. 95 % as in the definition, and one
// shared object of grace while there are few.
func (c *class) private() bool {
	return c != nil && !c.open && c.owners[1] != 0 && c.shared*20 <= c.objects+10 && (c.objects < ledFrom || c.lead*2 <= c.objects)
}

// vote counts an object for its owner.
func (c *class) vote(actor uint64) {
	switch {
	case c.lead == 0:
		c.leader, c.lead = actor, 1
	case c.leader == actor:
		c.lead++
	default:
		c.lead--
	}
}

func (c *class) own(actor uint64) {
	switch {
	case c.owners[0] == 0:
		c.owners[0] = actor
	case c.owners[1] == 0 && c.owners[0] != actor:
		c.owners[1] = actor
	}
}

// An object is what is known of the owner of one object. It holds no pointer:
// there are many.
type object struct {
	class, owner, group uint64
	source              uint64 // of the owner when it was told; 0 if its credential does not rotate
	created             bool
	shared              bool
	waits               bool // its readers wait for an owner
	strangers           uint8
}

// A disclosure tells an object that an actor was told of it, or made it.
type disclosure struct {
	class, actor, group, source uint64
	token                       uint64 // the actor, where that is another than who it stands for
	created                     bool
}

// An access tells an object that an actor reached for it which nobody told of
// it.
type access struct {
	actor, group, source uint64
	person               uint64 // who the actor stands for
	sinceNS              int64  // first call of the actor
	ok                   bool   // answered with it, else refused
	missing              bool   // answered as if it were not there
	weight               float64
	class                uint64 // of the object
	owner                uint64 // whom the answer names as owner; 0 if nobody
	claim                claim
	addressed            bool // the object was asked for by its owner's name, which others may know
	late                 bool // it waited for evidence, and other evidence may have come first
	at                   place
	sample               event.CallSample
}

// A verdict tells an actor that it reached for an object of another.
type verdict struct {
	object, owner uint64
	a             access
}

func (a *access) owns(o *object) bool { return o.owner == a.actor || o.owner == a.person }

func (s *Stage) disclosed(key uint64, d disclosure, nowNS int64, out sink) {
	c := s.classes.Put(d.class, nowNS)
	o := s.objects.Put(key, nowNS)
	if c == nil || o == nil {
		return
	}
	switch {
	case o.owner == 0:
		o.class, o.owner, o.group, o.source, o.created = d.class, d.actor, d.group, d.source, d.created
		c.objects++
		c.own(d.actor)
		c.vote(d.actor)
		if o.shared {
			c.shared++
		}
		if !o.waits {
			return
		}
		o.waits = false
		if list := s.pending.Get(key); list != nil {
			for i := range *list {
				a := &(*list)[i]
				a.late = true
				s.judge(key, o, c, a, out)
			}
			s.pending.Delete(key)
		}
	case o.owner == d.actor, o.owner == d.token: // who the token stands for may have shown since
		o.owner = d.actor
		o.created = o.created || d.created
	case d.group != 0 && d.group == o.group:
	case s.rotated(o, d.token, d.source):
		o.owner = d.actor
	case d.created && !o.created:
		o.owner, o.group, o.source, o.created = d.actor, d.group, d.source, true
	case !o.shared:
		o.shared = true
		c.shared++
	}
}

func (s *Stage) accessed(key uint64, a *access, nowNS int64, out sink) {
	var o *object
	if a.missing { // names that a scan makes up must not fill the table
		o = s.objects.Get(key)
	} else {
		o = s.objects.Put(key, nowNS)
	}
	if o == nil {
		return
	}
	if a.ok && o.strangers < publicFrom && !a.owns(o) {
		o.strangers++
		if o.strangers == publicFrom && !o.shared {
			o.shared = true
			if c := s.classes.Get(o.class); c != nil {
				c.shared++
			}
		}
	}
	switch {
	case a.claim == mine:
		return
	case a.claim == theirs:
		if c := s.classes.Get(a.class); (a.addressed || !o.shared && !a.owns(o)) && (c == nil || !c.open) {
			out.Fact(Name, a.actor, verdict{object: key, owner: a.owner, a: *a})
		}
		return
	}
	if o.owner == 0 {
		if list := s.pending.Put(key, nowNS); list != nil && len(*list) < waiting {
			*list, o.waits = append(*list, *a), true
		}
		return
	}
	s.judge(key, o, s.classes.Get(o.class), a, out)
}

// judge sends the actor a verdict if the object belongs to somebody else.
func (s *Stage) judge(key uint64, o *object, c *class, a *access, out sink) {
	if o.shared || a.owns(o) || a.group != 0 && a.group == o.group || !c.private() || s.rotated(o, a.actor, a.source) {
		return
	}
	out.Fact(Name, a.actor, verdict{object: key, owner: o.owner, a: *a})
}

// rotated reports that actor is likely the owner under a new token: the same
// network principal, and the old token was not used any more once the new one
// was.
func (s *Stage) rotated(o *object, actor, source uint64) bool {
	if o.source == 0 || o.source != source {
		return false
	}
	before, after := s.actors.Get(o.owner), s.actors.Get(actor)
	return before != nil && after != nil && before.lastNS <= after.firstNS
}

func newOwners() (*state.Table[object], *state.Table[class]) {
	return state.NewTable[object](maxObjects), state.NewTable[class](maxClasses)
}

// sink is the part of detect.Output that this stage uses.
type sink interface {
	Fact(to string, key uint64, payload any)
	Suspect(*detect.Suspicion)
	Acquit(detector string, entity event.Entity, scope string)
}
