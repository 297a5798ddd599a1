package inventory

import (
	"net/netip"
	"slices"
	"time"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/spec"
	"lapwing/event"
)

const (
	// maxNodes places a host: a large API has a few thousand. Beyond it no new
	// place is learned until merges free some.
	maxNodes = 20_000
	// maxDepth segments of a template; deeper paths end in {rest}.
	maxDepth = 16
)

// A node is a place in the tree of what a host has confirmed.
type node struct {
	parent   *node
	segment  string // literal, or param
	children map[string]*node
	param    *node
	ops      []*endpoint

	merged     bool            // weak children are values of one parameter…
	mergedKind kind            // …if they look at least like this
	keep       map[string]bool // …but for these
	due        bool            // queued to be looked at
	following  bool            // has become, or will become, like its twin in another version

	visits   int64 // confirmed calls through here
	recent   int64 // of the visits, those since the count below was taken
	fresh    int64 // children that were new during them
	kind     kind
	sketch   sketch
	sketched bool
	values   []value // of this parameter whose answers differ
}

const param = "{id}"

func (n *node) child(segment string) *node {
	if segment == param {
		return n.param
	}
	return n.children[segment]
}

// under returns the child, making it if need be.
func (n *node) under(segment string, k kind) (c *node, made bool) {
	if c := n.child(segment); c != nil {
		return c, false
	}
	c = &node{parent: n, segment: segment, kind: k}
	if segment == param {
		n.param = c
		return c, true
	}
	if n.children == nil {
		n.children = map[string]*node{}
	}
	n.children[segment] = c
	n.fresh++
	return c, true
}

// sortedChildren returns the literal children by name.
func (n *node) sortedChildren() []*node {
	out := make([]*node, 0, len(n.children))
	for _, c := range n.children {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *node) int {
		if a.segment < b.segment {
			return -1
		}
		return 1
	})
	return out
}

// each calls fn for the node and everything below it, in order of name.
func (n *node) each(fn func(*node)) {
	fn(n)
	for _, c := range n.sortedChildren() {
		c.each(fn)
	}
	if n.param != nil {
		n.param.each(fn)
	}
}

// confirmed reports whether anything at or below a direct child is known.
func (n *node) confirmed() bool {
	return n != nil && (len(n.children) > 0 || n.param != nil)
}

// An endpoint is one method at one place.
type endpoint struct {
	host     *host
	node     *node // nil if a description knows it
	op       *spec.Operation
	key      uint64
	family   uint64
	method   string
	template string
	sample   string // a canonical path that was seen, for matching it again

	first, last int64 // event time of calls, Unix ns; first of the confirmed ones
	calls       int64
	good        int64 // confirmed calls
	ok          int64 // of them, 2xx
	json        int64 // of them, with the body of an API
	page        int64 // of them, with a page for people
	anonymous   int64 // 2xx without any credential, from a source that shows credentials
	internal    bool  // the last client was in a private network
	clients     distinct
	actors      distinct
	auths       uint16
	statuses    []int
	sensitive   []string
	drift       *drift           // how its messages depart from its description; nil if none did
	answers     [variants]uint64 // signatures that all confirming answers had in common
	headOnly    bool             // confirmed by HEAD alone, whose answers are all alike
	weak        int64            // calls whose last identifier was a plain word, where a description has a parameter
	firm        int64            // and those where it was a strong identifier

	standing detect.Standing
	dirty    bool
	found    finding
	samples  evidence.Samples
}

func (e *endpoint) span() time.Duration { return time.Duration(e.last - e.first) }

const (
	establishedCalls  = 20
	establishedActors = 3
)

func (e *endpoint) settle() {
	switch {
	case e.good == 0:
		e.standing = detect.Limbo
	case e.good >= establishedCalls && (e.actors.count() >= establishedActors && e.span() >= time.Hour ||
		e.internal && e.span() >= 24*time.Hour):
		e.standing = detect.Established
	case e.standing == detect.Limbo:
		e.standing = detect.Candidate
	}
}

// absorb adds the history of o, which turned out to be the same endpoint.
func (e *endpoint) absorb(o *endpoint) {
	if e.first == 0 || o.first != 0 && o.first < e.first {
		e.first = o.first
	}
	e.last = max(e.last, o.last)
	e.calls += o.calls
	e.good += o.good
	e.ok += o.ok
	e.json += o.json
	e.page += o.page
	e.anonymous += o.anonymous
	e.internal = e.internal || o.internal
	e.clients.merge(&o.clients)
	e.actors.merge(&o.actors)
	e.auths |= o.auths
	for _, s := range o.statuses {
		e.addStatus(s)
	}
	e.addSensitive(o.sensitive)
	for i := range e.answers {
		if e.calls == o.calls { // nothing of its own yet
			e.answers[i] = o.answers[i]
		} else if e.answers[i] != o.answers[i] {
			e.answers[i] = 0
		}
	}
	if e.sample == "" {
		e.sample = o.sample
	}
	for _, c := range o.samples.Calls() {
		e.samples.Add(recall(c), 0)
	}
	e.dirty = true
	e.settle()
}

const maxStatuses = 16 // promised by event.Endpoint

func (e *endpoint) addStatus(s int) {
	if s == 0 {
		return
	}
	if i, found := slices.BinarySearch(e.statuses, s); !found && len(e.statuses) < maxStatuses {
		e.statuses = slices.Insert(e.statuses, i, s)
	}
}

// maxSensitive classes an endpoint; the classifier has about twenty.
const maxSensitive = 32

func (e *endpoint) addSensitive(classes []string) {
	for _, c := range classes {
		if i, found := slices.BinarySearch(e.sensitive, c); !found && len(e.sensitive) < maxSensitive {
			e.sensitive = slices.Insert(e.sensitive, i, c)
		}
	}
}

// authNames returns the ways of authentication seen, in the order of the
// event package.
func (e *endpoint) authNames() []string {
	var out []string
	for a := event.AuthNone; a <= event.AuthSignature; a++ {
		if e.auths&(1<<a) != 0 {
			out = append(out, a.String())
		}
	}
	return out
}

// recall makes a call of a quotation, as far as it goes.
func recall(c event.CallSample) *event.Call {
	client, _ := netip.ParseAddr(c.Client) // the zero address if there was none
	return &event.Call{ID: c.ID, Time: c.Time, Client: client, Method: c.Method, Host: c.Host, Path: c.Path, Status: c.Status}
}
