package objects

import (
	"lapwing/detect"
	"lapwing/detect/objects/grow"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxActors = 131_072
	// memoryBudget is for the sets of all actors together.
	memoryBudget = 192 << 20
	// bytesPerID guesses how many identifiers a body that could not be read
	// may have held.
	bytesPerID = 64
	// maxCredit bounds what one response can be credited with.
	maxCredit  = 5000
	maxCredits = 1 << 20 // and an actor in total, for one kind
	// maxListed bounds what one list in a log can be credited with, where only
	// the length of the answer is known; few APIs give more a page.
	maxListed = 200
	creditors = 3
)

// A memory is what the API told one actor, and what the actor touched.
type memory struct {
	told     grow.Set
	firstNS  int64
	lastNS   int64
	taught   int32  // objects that were taken for its own since they were disclosed to it
	self     uint64 // the one object read untold that may be the actor's own account
	page     bool   // was given HTML, whose links are not read
	loggedIn bool   // an answer to its login told who it is
	copies   bool   // named two things under one parameter
	washed   bool   // read what it was not told of: what it is told since may come of that

	nIdentity uint8
	identity  [identities]uint64 // what the API calls the actor itself
	credits   [creditors]credit
}

// A credit is how many identifiers of a kind an actor was given that were not
// kept: so many of its undisclosed successes say nothing.
type credit struct {
	of   noun // 0: of any kind
	left int32
}

// Salts keep the uses of one set apart. All that is known of an identifier is
// placed by its hash, so that it costs one visit to memory.
const (
	saltAny     = 0x5bd1e995a3c59ac3 // an identifier told under whatever noun
	saltTouched = 0x27d4eb2f165667c5
	saltLed     = 0x14057b7ef767814f // told by a reference in an answer about something else
	saltShown   = 0x369dea0f31a53f85 // … and then by an answer about its own kind
	saltList    = 0x2545f4914f6cdd1d
	saltSelf    = 0x2545f4914f6cdd1d // told to a client as who it logged in as
	saltListed  = 0x369dea0f31a53f85 // told as a person in a list of people
	saltJudged  = 0x1b873593cc9e2d51 // found to be somebody else's
	saltBefore  = 0x165667b19e3779f9 // told to a client that was about to become an actor
)

// objectKey names an object wherever it is mentioned: an integer by its host,
// noun and value, anything else by its value.
func objectKey(host uint64, n noun, r *event.IDRef) uint64 {
	if r.Class != event.ClassInt {
		return r.Hash
	}
	return state.Join(state.Join(host, uint64(n)), r.Hash)
}

// knowledge is how an actor could know of an object.
type knowledge uint8

const (
	unknown   knowledge = iota
	mentioned           // the same number was told, but as the name of something else
	told
)

func (m *memory) knows(key uint64, r *event.IDRef, nowNS int64) knowledge {
	if m.told.HasAt(r.Hash, key, nowNS) {
		return told
	}
	if r.Class == event.ClassInt && m.told.HasAt(r.Hash, r.Hash^saltAny, nowNS) {
		return mentioned
	}
	return unknown
}

// lend credits the actor with n identifiers of kind of that it was given
// unseen. fresh is the share of the seen ones that were news: reading the same
// list twice must not buy cover twice.
func (m *memory) lend(of noun, n int64, fresh float64) {
	add := int32(min(n, maxCredit))
	if add <= 0 {
		return
	}
	least := 0
	for i := range m.credits {
		if c := &m.credits[i]; c.of == of && c.left > 0 {
			c.left = min(max(c.left, add, c.left+int32(float64(add)*fresh)), maxCredits)
			return
		}
		if m.credits[i].left < m.credits[least].left {
			least = i
		}
	}
	if m.credits[least].left < add {
		m.credits[least] = credit{of, add}
	}
}

// spend uses one credit, if there is one.
func (m *memory) spend(of noun) bool {
	for i := range m.credits {
		if c := &m.credits[i]; c.left > 0 && (c.of == of || c.of == 0) {
			c.left--
			return true
		}
	}
	return false
}

// listed credits the actor of a log line with the objects that the answer may
// have named: a log does not show them, and who reads a list and then what was
// on it walks nothing. The same list counts once.
func (s *Stage) listed(o *detect.Observation, m *memory) {
	c := o.Call
	of := s.nouns.ofPath(c)
	n := min(c.ResponseBytes/bytesPerID, maxListed)
	if of == 0 || n < 2 {
		return
	}
	list := state.Join(state.Join(state.Hash(s.seed, c.Path), state.Hash(s.seed, c.Query)), saltList)
	if m.told.Add(list, o.AtNS, s.budget) {
		m.lend(of, n, 1)
	}
}

// lent reports that the actor was given identifiers of a kind that were not kept.
func (m *memory) lent(of noun) bool {
	for i := range m.credits {
		if c := &m.credits[i]; c.left > 0 && (c.of == of || c.of == 0) {
			return true
		}
	}
	return false
}

// unseen estimates how many identifiers a response held beyond the kept ones.
func unseen(c *event.Call, kept int) int64 {
	g := &c.Gap
	switch {
	case g.IDsIncomplete:
		if n := c.Shape.Response.Items; n > 0 {
			return int64(n - min(n, kept))
		}
		return c.ResponseBytes/bytesPerID - int64(kept)
	case g.BodyUnread || g.Response > 0 || c.Flags&(event.FlagBodyTruncated|event.FlagDecodeError|event.FlagDecodeLimit|event.FlagUnknownCoding) != 0:
		if n := c.Shape.Response.Items; n > kept {
			return int64(n - kept)
		}
		return max(c.ResponseBytes, g.Response)/bytesPerID + 1 - int64(kept)
	}
	return 0
}
