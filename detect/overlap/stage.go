package overlap

import (
	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	maxPlaces = 1024
	// alertAt is where an alert is due: a deviation of six standard errors.
	alertAt = 18.0
	// judgedAgain is by how much a program or its place has to grow for it to be
	// judged again.
	judgedAgain = 1.1
)

// A Stage raises scraping and object_enumeration about programs.
type Stage struct {
	seed   uint64 `snapshot:"same"`
	places *state.Table[place]
	room   int
	dirty  []uint64 // places read from in this tick
}

// New returns a stage whose table keys depend on seed.
func New(seed uint64) *Stage {
	s := &Stage{seed: seed, places: state.NewTable[place](maxPlaces), room: tagBudget}
	s.places.OnEvict(func(_ uint64, p *place) {
		for i := range p.programs {
			p.programs[i].took.free(&s.room)
		}
	})
	return s
}

// Name implements detect.Stage.
func (s *Stage) Name() string { return Name }

// SnapshotTypes names the cases that incidents hold.
func (*Stage) SnapshotTypes() []any { return []any{(*tale)(nil)} }

// Observe implements detect.Stage: everything comes as facts.
func (s *Stage) Observe(*detect.Observation, *detect.Output) {}

// Close implements detect.Stage.
func (s *Stage) Close(*detect.Output) {}

// Fact implements detect.Stage.
func (s *Stage) Fact(f *detect.Fact, _ *detect.Output) {
	t, ok := f.Payload.(Touch)
	if !ok {
		return
	}
	p := s.places.Put(f.Key, f.AtNS)
	if p == nil {
		return
	}
	p.add(&t, f.AtNS, s.seed, &s.room)
	if !p.dirty {
		p.dirty = true
		s.dirty = append(s.dirty, f.Key)
	}
}

// Advance implements detect.Stage.
func (s *Stage) Advance(_ int64, out *detect.Output) {
	for _, key := range s.dirty {
		if p := s.places.Get(key); p != nil {
			p.dirty = false
			s.judge(key, p, out)
		}
	}
	s.dirty = s.dirty[:0]
}

func (s *Stage) judge(key uint64, p *place, out sink) {
	told := int64(0)
	for i := len(p.programs) - 1; i >= 0; i-- {
		g := &p.programs[i]
		if i >= cohorts && g.tale != nil && g.tale.told {
			told += g.touches
		}
		if i == untold && 2*told > g.touches {
			continue // told by their program
		}
		if g.touches < leastTouches || float64(g.touches) < judgedAgain*float64(g.judged) && float64(p.touches) < judgedAgain*float64(g.judgedAt) {
			continue
		}
		g.judged, g.judgedAt = g.touches, p.touches
		m, ok := p.measure(g)
		t := g.tale
		if !ok || t == nil {
			continue
		}
		if m.score < alertAt || !g.divided(&m) {
			if t.told && m.score < alertAt/2 {
				out.Acquit(t.detector(), t.entity(), p.scope(i))
				t.told = false
			}
			continue
		}
		*t = tale{
			startNS: t.startNS, lastNS: g.lastNS, samples: t.samples, told: true, from: g.from, cohort: i, m: m, actors: g.actors, touches: g.touches,
			sensitive: g.sensitive, dispersion: g.dispersion(), enumerates: t.told && t.enumerates || !t.told && 2*g.undisclosed > g.touches, crawler: 2*g.crawlers > g.actors,
		}
		s.places.Protect(key, 200)
		out.Suspect(&detect.Suspicion{
			Detector: t.detector(), Entity: t.entity(), Scope: p.scope(i), StartedNS: t.startNS, Score: m.score, Threshold: alertAt,
			Impact: int(100 * m.taken / max(1, m.catalogue)), Case: t,
		})
	}
}

// scope sets apart what one program does at several places, and the cohorts of
// one.
func (p *place) scope(i int) string {
	g := &p.programs[i]
	if i == untold {
		return "untold " + g.from.Host + g.from.Route
	}
	return "together " + g.from.Host + g.from.Route
}

// sink is the part of detect.Output that this stage uses.
type sink interface {
	Suspect(*detect.Suspicion)
	Acquit(detector string, entity event.Entity, scope string)
}
