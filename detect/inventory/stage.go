package inventory

import (
	"time"

	"lapwing/detect"
	"lapwing/detect/spec"
	"lapwing/detect/state"
)

// Name is the stage's name.
const Name = "inventory"

const (
	minute = int64(time.Minute)
	day    = int64(24 * time.Hour)

	// maxHosts is how many hosts have rows of their own.
	maxHosts = 256
	// pooled is the host of all further ones.
	pooled = "*"
	// limboSize paths are remembered without an endpoint: what a scanner asks
	// in an hour fits, at about 100 bytes each.
	limboSize = 1 << 16
	// signatureSize answers are watched for being given to everything.
	signatureSize = 1 << 14
	// budgetSize actors and programs are held to their budgets at once.
	budgetSize = 1 << 14
	// maxAliases old route keys are translated.
	maxAliases = 1 << 16
)

// Config is what an inventory needs to know.
type Config struct {
	Specs *spec.Set // descriptions of the APIs; nil if there are none
	Seed  uint64    // of the hashes behind route keys: equal seeds give equal keys
}

// Stats count what the inventory could not take, and what it took back.
type Stats struct {
	Hosts        int
	Nodes        int
	HostsPooled  int64 // calls of hosts beyond the limit
	Refused      int64 // confirmed paths not taken for want of budget or room
	Withdrawn    int64 // endpoints that turned out to be soft 404
	Merged       int64 // places whose children became one parameter
	Split        int64 // values of such a parameter that became literals again
	LimboEvicted int64
}

// A Stage is the inventory as a stage of detection.
type Stage struct {
	detect.NoFacts
	specs    *spec.Set `snapshot:"same"`
	seed     uint64    `snapshot:"same"`
	hosts    map[string]*host
	last     *host   // of the previous call: calls come in runs
	order    []*host // as they came, so that nothing depends on map order
	limbo    *state.Table[limboEntry]
	answers  *state.Table[answer]
	budgets  *state.Table[budget]
	aliases  map[uint64]uint64
	pending  []change
	minuteAt int64               // number of the minute that is being gathered
	nowNS    int64               // of the last call
	ownSeen  map[*spec.Spec]bool // descriptions of which a host that they name has answered
	stats    Stats
	path     pathBuffer `snapshot:"-"`
}

var _ detect.Stage = (*Stage)(nil)

// New returns an empty inventory.
func New(cfg Config) *Stage {
	s := &Stage{
		specs: cfg.Specs, seed: cfg.Seed, hosts: map[string]*host{}, aliases: map[uint64]uint64{},
		ownSeen: map[*spec.Spec]bool{},
		limbo:   state.NewTable[limboEntry](limboSize),
		answers: state.NewTable[answer](signatureSize),
		budgets: state.NewTable[budget](budgetSize),
	}
	if s.specs == nil {
		s.specs = spec.NewSet()
	}
	return s
}

// Name returns "inventory".
func (s *Stage) Name() string { return Name }

// Stats returns a copy of the counters.
func (s *Stage) Stats() Stats {
	st := s.stats
	st.Hosts = len(s.order)
	for _, h := range s.order {
		st.Nodes += h.nodes
	}
	st.LimboEvicted = s.limbo.Evicted()
	return st
}

// Canonical returns the key under which the route of key lives now: a later
// merge may have folded it into another.
func (s *Stage) Canonical(key uint64) uint64 {
	for range 8 { // a merge may itself be merged; template depth bounds the chain
		next, ok := s.aliases[key]
		if !ok {
			break
		}
		key = next
	}
	return key
}

// Observe fills o.Route and learns from the answer.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) {
	c := o.Call
	s.turn(o.AtNS, out)
	s.nowNS = max(s.nowNS, o.AtNS)
	path := spec.Canonical(c.Path)
	method := c.Method
	if method == "HEAD" {
		method = "GET"
	}
	h := s.last
	if h == nil || h.name != c.Host {
		h = s.hosts[c.Host]
		s.last = h
	}
	if h == nil && len(s.order) >= maxHosts {
		h = s.hosts[pooled]
		s.stats.HostsPooled++
	}
	p := s.locate(h, c.Host, method, path, c)
	if p.endpoint != nil {
		o.Route = detect.Route{Key: p.endpoint.key, Family: p.endpoint.family, Template: p.endpoint.template, Standing: p.endpoint.standing}
	} else {
		o.Route.Template = p.text()
		o.Route.Family = s.family(c.Host, o.Route.Template)
		o.Route.Key = s.key(o.Route.Family, method)
		o.Route.Standing = detect.Limbo
	}
	o.Route.Documented = p.op != nil
	o.Route.HasSpec = p.covered
	s.learn(o, h, method, path, &p)
}

// Advance turns the minute when event time has moved on without calls.
func (s *Stage) Advance(nowNS int64, out *detect.Output) { s.turn(nowNS, out) }

// Close makes the decisions that were waiting for their minute and judges
// everything once more.
func (s *Stage) Close(out *detect.Output) {
	for range 3 { // a merge may make its parent ready for one
		s.decide()
		if len(s.pending) == 0 {
			break
		}
		s.apply(1<<63 - 1)
	}
	s.judge(out, true)
}

// turn closes the minute that lies behind nowNS: decides what changes in the
// model, and what has to be said.
func (s *Stage) turn(nowNS int64, out *detect.Output) {
	if at := nowNS / minute; at > s.minuteAt {
		if s.minuteAt != 0 {
			s.decide()
			s.judge(out, false)
		}
		s.minuteAt = at
	}
	if len(s.pending) > 0 {
		s.apply(nowNS)
	}
}

func (s *Stage) family(host, template string) uint64 {
	return state.Join(state.Hash(s.seed, host), state.Hash(s.seed, template))
}

func (s *Stage) key(family uint64, method string) uint64 {
	return state.Join(family, state.Hash(s.seed, method))
}

// countable methods can become endpoints: those of RFC 9110 and 5789 that act
// on a resource, QUERY, and the ones of WebDAV. OPTIONS, TRACE, CONNECT and
// made-up methods are answered by servers, not by endpoints.
func countable(method string) bool {
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE", "QUERY",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT", "SEARCH":
		return true
	}
	return false
}
