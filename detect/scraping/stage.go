package scraping

import (
	"lapwing/detect"
	"lapwing/detect/objects/grow"
	"lapwing/detect/scraping/crawler"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxHarvests = 65_536
	maxGlances  = 262_144 // 42 MB
	setBudget   = 192 << 20
	// judgedFrom items a harvest is judged at all.
	judgedFrom = 25
	saltClient = 0x8f14e45fceea167a
)

// A Stage raises scraping.
type Stage struct {
	detect.NoClose

	seed       uint64 `snapshot:"same"`
	budget     *grow.Budget
	glances    *state.Table[glance]  // of those that read little
	harvests   *state.Table[harvest] // of the others
	cohorts    *state.Table[cohort]
	catalogues *state.Table[catalogue]
	due        []uint64 // harvests to report when this tick ends
}

// New returns a stage whose table keys depend on seed.
func New(seed uint64) *Stage {
	s := &Stage{
		seed: seed, budget: grow.NewBudget(setBudget), harvests: state.NewTable[harvest](maxHarvests), glances: state.NewTable[glance](maxGlances),
		cohorts: state.NewTable[cohort](maxCohorts), catalogues: state.NewTable[catalogue](maxFamilies),
	}
	s.harvests.OnEvict(func(_ uint64, h *harvest) { h.items.Free(s.budget) })
	return s
}

// Evicted is how many actors were forgotten for want of room.
func (s *Stage) Evicted() int64 { return s.harvests.Evicted() + s.glances.Evicted() }

// Name implements detect.Stage.
func (s *Stage) Name() string { return Name }

// Fact implements detect.Stage.
func (s *Stage) Fact(f *detect.Fact, out *detect.Output) {
	u, ok := f.Payload.(Undisclosed)
	if !ok {
		return
	}
	h := s.harvests.Get(f.Key)
	if h == nil {
		if g := s.glances.Get(f.Key); g != nil {
			g.undisclosed = more(g.undisclosed, u.Objects)
		}
		return
	}
	h.undisclosed += u.Objects
	if h.tale != nil && h.enumerates() {
		out.Acquit("scraping", h.tale.entity, "")
		h.tale = nil
	}
}

// Advance implements detect.Stage. Suspicions wait for the end of the tick,
// since only then is it known what of it was enumeration.
func (s *Stage) Advance(_ int64, out *detect.Output) {
	for _, key := range s.due {
		h := s.harvests.Get(key)
		if h == nil {
			continue
		}
		h.due = false
		t := h.tale
		if t == nil || h.enumerates() || t.found.score < detect.Noted {
			continue
		}
		out.Suspect(&detect.Suspicion{
			Detector: "scraping", Entity: t.entity, StartedNS: t.startNS, Score: t.found.score, Threshold: detect.Noted, Impact: int(t.sensitive), Case: t,
		})
	}
	s.due = s.due[:0]
}

// enumerates reports that most of what was read had never been disclosed.
func (h *harvest) enumerates() bool { return h.undisclosed*2 > h.details+h.pages }

// Observe implements detect.Stage.
func (s *Stage) Observe(o *detect.Observation, out *detect.Output) { s.observe(o, out) }

func (s *Stage) observe(o *detect.Observation, out sink) {
	c := o.Call
	if c.Method == "OPTIONS" || o.Login != nil || c.Status == 0 || c.Status >= 500 {
		return
	}
	what, item := s.read(o)
	writes := what == neither && c.Method != "GET" && c.Method != "HEAD" && c.Operation == ""
	if what == neither {
		if c.Status >= 400 { // tried, not used
			return
		}
		s.aside(o.Actor, writes)
		if anonymous(c) {
			s.aside(o.Client^saltClient, writes)
		}
		return
	}
	host := state.Hash(s.seed, c.Host)
	if k := s.catalogues.Put(host, o.AtNS); k != nil && what == detail {
		k.add(item)
	}
	noted := s.take(o, o.Actor, what, item, host, false, out)
	if anonymous(c) && !noted {
		s.take(o, o.Client^saltClient, what, item, host, true, out)
	}
}

// aside counts a call that read nothing.
func (s *Stage) aside(key uint64, writes bool) {
	if h := s.harvests.Get(key); h != nil {
		h.aside(writes)
	} else if g := s.glances.Get(key); g != nil {
		g.aside(writes)
	}
}

func (h *harvest) aside(writes bool) {
	if writes {
		h.writes++
	} else {
		h.others++
	}
}

// take adds an item to a harvest and judges it. It reports whether the harvest
// is suspect by itself.
func (s *Stage) take(o *detect.Observation, key uint64, what reading, item, host uint64, whole bool, out sink) bool {
	c := o.Call
	h := s.harvests.Touch(key, o.AtNS)
	if h == nil {
		if h = s.glance(o, key, what, item, host, whole); h == nil {
			return false
		}
	}
	if o.AtNS-h.seenNS > monthNS {
		h.items.Free(s.budget)
		*h = harvest{firstNS: o.AtNS}
	}
	h.seenNS = o.AtNS
	if whole {
		h.from(o.Source)
	}
	if !h.items.Add(item, o.AtNS, s.budget) {
		if !h.items.Full() { // then it may well be new
			h.repeats++
		}
		return h.tale != nil
	}
	h.took(o.AtNS, what == page)
	if what == detail && o.Object != nil && o.Object.Class == event.ClassInt {
		h.follows(o.Object.Int)
	}
	if len(c.Sensitive.Response) > 0 {
		h.sensitive++
	}
	if whole && !h.several || h.details+h.pages < judgedFrom {
		s.learn(h, host, c.Actor.Kind, whole)
		return false
	}
	cohort := s.cohorts.Get(state.Join(host, role(c.Actor.Kind)))
	limit, cold := cohort.limit()
	f := judge(h, limit, c.Actor.Kind, whole)
	if f.score < detect.Noted/2 {
		s.learn(h, host, c.Actor.Kind, whole)
	} else if cohort != nil && h.counted > 0 {
		cohort.leave(h.counted)
		h.counted = 0
	}
	if h.enumerates() {
		return false
	}
	if !f.over || f.score < detect.Noted {
		if h.tale != nil && f.score < detect.Noted/2 {
			out.Acquit("scraping", h.tale.entity, "")
			h.tale = nil
			s.harvests.Protect(key, 0)
		} else {
			s.harvests.Protect(key, uint8(min(250, max(0, f.score*8))))
		}
		if f.score >= detect.Noted/2 {
			h.quote(o)
		}
		return h.tale != nil
	}
	s.harvests.Protect(key, uint8(min(250, f.score*8)))
	h.quote(o)
	t := h.tale
	if t.found.score >= detect.Medium && f.score < detect.Medium {
		return true // who goes on like a person afterwards has scraped all the same
	}
	t.found, t.cold, t.crawler = f, cold, crawler.Declared(c.UserAgent)
	t.update(h, o)
	if k := s.catalogues.Get(host); k != nil {
		t.catalogue = int64(k.size())
	}
	if !h.due {
		h.due = true
		s.due = append(s.due, key)
	}
	return true
}

// glance adds an item to what an actor read that read little. When that is
// full, it returns the harvest that was made of it, in which the item is to be
// put.
func (s *Stage) glance(o *detect.Observation, key uint64, what reading, item, host uint64, whole bool) *harvest {
	c := o.Call
	var g *glance
	if anonymous(c) { // one network does not fill the table with its addresses
		g, _ = s.glances.PutOf(key, s.network(o), o.AtNS)
	} else {
		g = s.glances.Put(key, o.AtNS)
	}
	if g == nil {
		return nil
	}
	if o.AtNS-g.seenNS > monthNS {
		*g = glance{}
	}
	g.seenNS = o.AtNS
	if whole {
		g.from(o.Source)
	}
	if g.has(item) {
		g.repeats = more(g.repeats, 1)
		return nil
	}
	if !g.took(item, o.AtNS, what == page) {
		h := s.harvests.Put(key, o.AtNS)
		if h == nil {
			return nil
		}
		*h = g.harvest(s.budget)
		s.glances.Delete(key)
		return h
	}
	if what == detail && o.Object != nil && o.Object.Class == event.ClassInt {
		g.follows(o.Object.Int)
	}
	if len(c.Sensitive.Response) > 0 {
		g.sensitive++
	}
	if !whole && int8(g.read) >= g.nextRead {
		g.nextRead = 2 * int8(g.read)
		if k := s.cohorts.Put(state.Join(host, role(c.Actor.Kind)), o.AtNS); k != nil {
			g.counted = k.learn(g.counted, g.volume())
		}
	}
	return nil
}

// network is the key of the neighbourhood of a client: a /24, or a /48.
func (s *Stage) network(o *detect.Observation) uint64 {
	a, bits := o.Call.Client.Unmap(), 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return 0
	}
	b := p.Addr().As16()
	return state.Hash(s.seed, string(b[:]))
}

// quote keeps the call as a sample, from when there is something to tell.
func (h *harvest) quote(o *detect.Observation) {
	if h.tale == nil {
		h.tale = newTale(o, h.firstNS)
	}
	h.tale.samples.Add(o.Call, float64(len(o.Call.Sensitive.Response)))
}

// learn adds to the cohort at every doubling.
func (s *Stage) learn(h *harvest, host uint64, kind event.Kind, whole bool) {
	if whole || h.details+h.pages < h.nextRead {
		return
	}
	h.nextRead = 2 * (h.details + h.pages)
	if c := s.cohorts.Put(state.Join(host, role(kind)), h.seenNS); c != nil {
		h.counted = c.learn(h.counted, h.volume())
	}
}

// from notes which fingerprints a client shows.
func (h *harvest) from(source uint64) {
	switch {
	case h.several || h.sources[0] == source || h.sources[1] == source:
	case h.sources[0] == 0:
		h.sources[0] = source
	case h.sources[1] == 0:
		h.sources[1] = source
	default:
		h.several = true
	}
}

func anonymous(c *event.Call) bool { return c.Actor.Kind == event.KindClient || c.Actor.Kind == "" }

// sink is the part of detect.Output that this stage uses.
type sink interface {
	Acquit(detector string, entity event.Entity, scope string)
}
