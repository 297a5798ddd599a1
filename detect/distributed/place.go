package distributed

import (
	"cmp"
	"math"
	"slices"
	"strconv"

	"lapwing/detect"
	"lapwing/detect/ceiling"
	"lapwing/detect/evidence"
	"lapwing/detect/series"
	"lapwing/detect/sketch"
	"lapwing/detect/state"
	"lapwing/event"
)

// A place is an endpoint that takes logins.
type place struct {
	ref      event.EndpointRef
	active   bool
	siblings [kinds]int32  // bins ever made, of each kind
	suspects []uint64      // bins with a story, in order of their keys
	common   *sketch.Heavy // networks and programs by their share of attempts
	now      learned
	late     learned
	open     *campaign
}

// learned is what the bins of a place teach about a new one.
type learned struct {
	cohort ceiling.Cohort
	prior  series.Prior
}

const (
	// priorWeight is how many attempts what its siblings do is worth for a bin.
	priorWeight = 200
	// otherwise: while there are too few siblings to learn from, a new program may
	// be twice as bad as everything together.
	otherwise = 2
	hourNS    = int64(60 * 60 * 1e9)
	minuteNS  = int64(60 * 1e9)
)

// bounds of what siblings may teach; the default is that of the designs.
var bounds = ceiling.Bounds{Default: evidence.Test{P0: 0.12, P1: 0.8}, Floor: 0.002, Ceil: 0.45}

// Nothing is known before the first day is over. Of first attempts strangers
// then fail as often as anybody, and that says nothing; of those that stay
// unresolved an eighth is far above what people do, and the tests that run
// then tolerate a fifth.
var (
	designNow  = series.Design{Rate: 0.45, Least: 0.005, Most: 0.6, Level: programLevel}
	designLate = series.Design{Rate: 0.12, Least: 0.002, Most: 0.45, Level: programLevel}
)

// programLevel is the evidence that one of two hundred programs must pass: 12,
// and the logarithm of their number.
const programLevel = 17.3

// level is the evidence at which a bin is told.
func (p *place) level(k kind) float64 {
	if k == everything {
		return detect.Medium
	}
	return max(detect.Medium, 12+math.Log(float64(max(1, p.siblings[k]))))
}

// join counts an attempt at its place.
func (s *Stage) join(f *detect.Fact, t *tried) {
	p := s.places.Put(f.Key, f.AtNS)
	if p == nil {
		return
	}
	if p.common == nil {
		p.common = sketch.NewHeavy(32)
	}
	p.ref = t.endpoint
	if t.marks&counted != 0 {
		p.common.Add(t.network, 1)
		if who := t.values[program]; who != 0 {
			p.common.Add(who, 1)
		} else if t.agent != "" {
			p.common.Add(state.Hash(s.cfg.Seed, t.agent)|1, 1)
		}
	}
	t.values[everything] = 1
	for k := everything; k < kinds; k++ {
		if k == rare || t.values[k] == 0 {
			continue
		}
		b := s.bin(p, f.Key, k, t.values[k], f.AtNS)
		if b == nil {
			continue
		}
		if b.label == "" {
			b.label = label(k, t)
		}
		s.count(b, p, t, f)
		if t.marks&counted == 0 || b.tries >= commonFrom {
			continue
		}
		b.tries++
		if k == program {
			if r := s.bin(p, f.Key, rare, 1, f.AtNS); r != nil {
				r.label = "programs seen fewer than " + strconv.Itoa(commonFrom) + " times"
				s.count(r, p, t, f)
			}
		}
	}
}

func label(k kind, t *tried) string {
	switch k {
	case program:
		return t.fingerprint
	case agent:
		return t.agent[:min(len(t.agent), 120)]
	case network:
		return "AS" + strconv.FormatUint(uint64(t.asn), 10)
	case class:
		return t.class.String()
	}
	return ""
}

func (s *Stage) bin(p *place, at uint64, k kind, value uint64, atNS int64) *bin {
	key := binKey(at, k, value)
	if b := s.bins.Touch(key, atNS); b != nil {
		return b
	}
	b := s.bins.Put(key, atNS)
	if b == nil {
		s.stats.Refused++
		return nil
	}
	*b = bin{kind: k, place: at, now: &series.Series{}, late: &series.Series{}}
	p.siblings[k]++
	if k == everything || k == rare {
		s.bins.Protect(key, 200)
	}
	return b
}

func binKey(place uint64, k kind, value uint64) uint64 {
	return state.Join(place, state.Join(value, uint64(k)+0x62696e))
}

// count adds an attempt to a bin.
func (s *Stage) count(b *bin, p *place, t *tried, f *detect.Fact) {
	if t.marks&counted != 0 {
		b.now.Add(f.AtNS, hit(t.marks, t.weight), float64(t.weight), &designNow, p.prior(b.kind, &p.now))
		s.touch(b, p, f.Key, binKey(f.Key, b.kind, t.valueOf(b.kind)))
	}
	if t.marks&stranger == 0 {
		return
	}
	if b.story == nil {
		if t.marks&failed == 0 || t.marks&counted == 0 {
			return
		}
		b.story = newStory(s.cfg.Seed)
		key := binKey(f.Key, b.kind, t.valueOf(b.kind))
		if i, listed := slices.BinarySearch(p.suspects, key); !listed {
			p.suspects = slices.Insert(p.suspects, i, key)
		}
	}
	b.story.add(t, f.AtNS)
}

func (t *tried) valueOf(k kind) uint64 {
	if k == rare {
		return 1
	}
	return t.values[k]
}

func hit(m marks, weight float32) float64 {
	if m&(failed|stranger) == failed|stranger {
		return float64(weight)
	}
	return 0
}

// touch lists a bin among those to be judged at the end of the minute.
func (s *Stage) touch(b *bin, p *place, at, key uint64) {
	if !b.active {
		b.active = true
		s.active = append(s.active, key)
	}
	if !p.active {
		p.active = true
		s.busy = append(s.busy, at)
	}
}

// settle counts an attempt that has waited.
func (s *Stage) settle(f *detect.Fact, t *settled) {
	p := s.places.Get(f.Key)
	if p == nil {
		return
	}
	t.values[everything] = 1
	for k := everything; k < kinds; k++ {
		if k == rare || t.values[k] == 0 {
			continue
		}
		s.settleIn(f, p, t, k, t.values[k])
		if k == program {
			if b := s.bins.Get(binKey(f.Key, program, t.values[k])); b != nil && b.tries < commonFrom {
				s.settleIn(f, p, t, rare, 1)
			}
		}
	}
}

func (s *Stage) settleIn(f *detect.Fact, p *place, t *settled, k kind, value uint64) {
	key := binKey(f.Key, k, value)
	b := s.bins.Get(key)
	if b == nil {
		return
	}
	b.late.Add(f.AtNS, hit(t.marks, t.weight), float64(t.weight), &designLate, p.prior(k, &p.late))
	s.touch(b, p, f.Key, key)
}

// prior is what a new bin of a kind is judged by: nothing for all attempts
// together.
func (p *place) prior(k kind, l *learned) series.Prior {
	if k == everything {
		return series.Prior{}
	}
	return l.prior
}

// minute ends the minute for all bins that were active, and weighs their
// places.
func (s *Stage) minute(nowNS int64, out *detect.Output) {
	for _, key := range s.active {
		if b := s.bins.Get(key); b != nil {
			s.end(b, key, nowNS)
		}
	}
	s.active = s.active[:0]
	for _, at := range s.busy {
		if p := s.places.Get(at); p != nil {
			p.active = false
			s.weigh(p, nowNS, out)
		}
	}
	s.busy = s.busy[:0]
}

// end brings a bin up to date, and ends a story that began before there was any of
// the present evidence, but for the time that it takes to resolve an attempt.
func (s *Stage) end(b *bin, key uint64, nowNS int64) {
	b.active = false
	p := s.places.Get(b.place)
	if p == nil {
		return
	}
	b.now.Advance(nowNS, &designNow, p.prior(b.kind, &p.now))
	b.late.Advance(nowNS, &designLate, p.prior(b.kind, &p.late))
	c, _, _ := b.best()
	if b.story != nil && c.S < weighs && b.story.startedNS < min(nowNS, b.risingSince())-resolveNS-5*minuteNS {
		b.story = nil
		if i, listed := slices.BinarySearch(p.suspects, key); listed {
			p.suspects = slices.Delete(p.suspects, i, i+1)
		}
	}
	if b.kind != everything && b.kind != rare {
		s.bins.Protect(key, uint8(min(200, c.S*10)))
	}
}

// hour ends the hour for all bins, and learns from them.
func (s *Stage) hour(nowNS int64) {
	s.places.Each(func(_ uint64, _ int64, p *place) bool {
		p.now.cohort.Begin()
		p.late.cohort.Begin()
		return true
	})
	s.bins.Each(func(key uint64, _ int64, b *bin) bool {
		s.end(b, key, nowNS)
		p := s.places.Get(b.place)
		if p == nil || b.kind != program {
			return true
		}
		if c, _, _ := b.best(); float64(c.S) < programLevel/2 {
			p.now.cohort.Add(b.now.Forecast()*b.now.Exposure(), b.now.Exposure())
			p.late.cohort.Add(b.late.Forecast()*b.late.Exposure(), b.late.Exposure())
		}
		return true
	})
	s.crowds = s.crowds[:0]
	s.places.Each(func(at uint64, _ int64, p *place) bool {
		if b := s.bins.Get(binKey(at, everything, 1)); b != nil {
			p.now.learn(b.now)
			p.late.learn(b.late)
		}
		if p.common != nil {
			s.learnCrowds(p.common)
		}
		return true
	})
	slices.Sort(s.crowds)
	s.crowds = slices.Compact(s.crowds)
}

// learn sets what new bins of the place are judged by from now on.
func (l *learned) learn(all *series.Series) {
	l.cohort.Learn()
	if all.Cold() || all.Exposure() == 0 {
		l.prior = series.Prior{}
		return
	}
	top := otherwise * all.Ceiling()
	if t, cold := l.cohort.Test(bounds); !cold {
		top = max(all.Ceiling(), t.P0)
	}
	l.prior = series.Prior{Rate: top * math.Exp(-2*all.Wobble()), Weight: priorWeight, Wobble: all.Wobble()}
}

const (
	// crowd is the share of all attempts from which a trait is nobody's own.
	crowd = 0.2
	// crowdFrom attempts tell.
	crowdFrom = 100
	// crowdFade halves what was counted in a week of hours.
	crowdFade = 0.9959
)

func (s *Stage) learnCrowds(h *sketch.Heavy) {
	h.Fade(crowdFade)
	if h.Total() < 2*crowdFrom { // every attempt counts with its network and its program
		return
	}
	h.Least(func(key uint64, share float64) bool {
		if 2*share >= crowd {
			s.crowds = append(s.crowds, key)
		}
		return true
	})
}

// byEvidence orders bins by how far they are above their level.
func (p *place) byEvidence(a, b *bin) int {
	x, _, _ := a.best()
	y, _, _ := b.best()
	return cmp.Or(cmp.Compare(float64(y.S)-p.level(b.kind), float64(x.S)-p.level(a.kind)), cmp.Compare(a.label, b.label))
}
