package overlap

import (
	"math"
	"slices"

	"lapwing/detect/scraping/crawler"
	"lapwing/detect/sketch"
	"lapwing/event"
)

const (
	sampled     = 1024 // objects a place: their numbers of readers are known exactly
	mostProgram = 24   // at a place, cohorts included
	// spentTouches is how little a program has read to make way for another;
	// idleNS is for how long it may be silent.
	spentTouches = 32
	idleNS       = int64(24 * 3600 * 1e9)
	// epochNS is how long a place is looked at in one go: the retention of all
	// low-and-slow evidence.
	epochNS = int64(30 * 24 * 3600 * 1e9)
)

// Two cohorts stand among the programs of a place.
const (
	// rareProgram is all callers whose program has no place of its own.
	rareProgram = iota
	// untold is what callers of whatever program read without having been told of
	// it: workers that share their work know what to ask for.
	untold
	cohorts
)

// A place is one route and parameter where objects are read.
type place struct {
	startNS  int64
	touches  int64
	actors   int64
	readers  *sketch.Bottom[uint32] // number of readers of each sampled object
	programs []program              // the first two are those of rareProgram and untold
	dirty    bool
}

// A program is the callers with one fingerprint at a place.
type program struct {
	key     uint64
	from    Origin
	startNS int64
	lastNS  int64

	touches     int64 // distinct (actor, object)
	kept        float64
	met         float64 // of kept: the object had been read by another of them
	took        tags
	actors      int64
	squares     float64 // sum over actors of the square of their reads
	undisclosed int64
	sensitive   int64
	crawlers    int64 // actors whose user agent declares a crawler

	judged, judgedAt int64 // touches of the program and of the place when last judged
	tale             *tale
}

func (p *place) add(t *Touch, nowNS int64, seed uint64, room *int) {
	if p.readers == nil || nowNS-p.startNS > epochNS {
		for i := range p.programs {
			p.programs[i].took.free(room)
		}
		*p = place{startNS: nowNS, readers: sketch.NewBottom[uint32](seed, sampled), programs: []program{{startNS: nowNS}, {startNS: nowNS}}, dirty: p.dirty}
	}
	p.touches++
	if t.Reads == 1 {
		p.actors++
	}
	if n, _ := p.readers.Put(t.Object); n != nil && *n < math.MaxUint32 {
		*n++
	}
	p.of(t.Program, nowNS, room).add(t, t.Reads, nowNS, room)
	if t.Untold > 0 {
		p.programs[untold].add(t, t.Untold, nowNS, room)
	}
}

// of finds the program, or makes a place for it, or takes it with the others.
func (p *place) of(key uint64, nowNS int64, room *int) *program {
	if key == 0 {
		return &p.programs[rareProgram]
	}
	least := 0
	for i := cohorts; i < len(p.programs); i++ {
		g := &p.programs[i]
		if g.key == key {
			return g
		}
		if (least == 0 || g.touches < p.programs[least].touches) && g.tale == nil && (g.touches < spentTouches || nowNS-g.lastNS > idleNS) {
			least = i
		}
	}
	if len(p.programs) < mostProgram {
		p.programs = append(p.programs, program{key: key, startNS: nowNS})
		return &p.programs[len(p.programs)-1]
	}
	if least == 0 {
		return &p.programs[rareProgram]
	}
	g := &p.programs[least]
	g.took.free(room)
	*g = program{key: key, startNS: nowNS}
	return g
}

// add takes a touch, which is the actor's n-th here.
func (g *program) add(t *Touch, n int32, nowNS int64, room *int) {
	g.touches++
	g.lastNS = max(g.lastNS, nowNS)
	if n == 1 {
		g.actors++
	}
	g.squares += 2*float64(n) - 1
	if t.Untold > 0 {
		g.undisclosed++
	}
	if t.Sensitive {
		g.sensitive++
	}
	level := g.took.level
	kept, met := g.took.add(t.Object, room)
	for ; level < g.took.level; level++ { // thinned: what was counted stands for half
		g.kept, g.met = g.kept/2, g.met/2
	}
	if kept {
		g.kept++
	}
	if met {
		g.met++
	}
	if t.From == nil {
		return
	}
	if g.from.Host == "" {
		g.from = *t.From
		g.from.Sample = event.CallSample{}
	}
	if crawler.Declared(t.From.UserAgent) {
		g.crawlers++
	}
	if g.tale == nil {
		g.tale = newTale(nowNS)
	}
	g.tale.samples.AddSample(t.From.Sample, float64(min(n, 1)))
}

// dispersion is the variance of what an actor took over its mean: 0 for equal
// parts, 1 where each is as likely to take the next, more for people.
func (g *program) dispersion() float64 {
	n := float64(max(1, g.actors))
	mean := float64(g.touches) / n
	return max(0, g.squares/n-mean*mean) / max(mean, 1e-9)
}

// A measure is what independent readers would show at least, and what a
// program shows.
type measure struct {
	met, expected float64 // objects read by a second one; the latter at least
	catalogue     float64 // distinct objects known at the place
	taken         float64 // distinct objects that the program took
	cold          float64 // share of them that nobody else read
	coldElsewhere float64 // share of what others read, that only one of them read
	score         float64 // natural logarithm of the evidence
}

const (
	// A program is judged from leastTouches of leastActors on, where others read
	// too, and leastTwice of the sampled objects were read by exactly two: from
	// fewer the size of a catalogue cannot be told.
	leastTouches = 500
	leastActors  = 50
	leastOthers  = 300
	leastTwice   = 15
	// fewMeetings are added to those measured: where little was read, that
	// nobody met says nothing.
	fewMeetings = 5

	// unseen is by how much the catalogue may be larger, and the meetings in its
	// remote parts rarer, than measured.
	unseen = 2
)

// measure compares a program with the others at the place.
//
// What is expected at least is the lower of two. The first is what readers of
// the less popular half of what is read here show among themselves (the
// popular half is left out: a sale or a viral thing makes everybody meet). The
// second is what readers show who pick blindly from twice the catalogue, whose
// size is estimated after Chao (1984) from what was read once and twice.
//
// The score is Chernoff's bound of the Poisson probability of meeting so
// seldom.
func (p *place) measure(g *program) (m measure, ok bool) {
	others := p.touches - g.touches
	if g.touches < leastTouches || g.actors < leastActors || others < leastOthers || 2*(p.actors-g.actors) < leastActors {
		return m, false
	}
	var elsewhere []uint32
	once, twice, own, alone, single := 0, 0, 0, 0, 0
	p.readers.Each(func(key uint64, n *uint32) bool {
		switch *n {
		case 1:
			once++
		case 2:
			twice++
		}
		rest := *n
		if g.took.has(key) {
			own++
			if rest--; rest == 0 {
				alone++
			}
		}
		if rest > 0 {
			elsewhere = append(elsewhere, rest)
		}
		if rest == 1 {
			single++
		}
		return true
	})
	share := p.readers.Share()
	if len(elsewhere) == 0 || share <= 0 || twice < leastTwice {
		return m, false
	}
	slices.Sort(elsewhere)
	sum, pairs := 0.0, 0.0
	total := 0.0
	for _, n := range elsewhere {
		total += float64(n)
	}
	for _, n := range elsewhere {
		if sum >= total/2 {
			break
		}
		sum += float64(n)
		pairs += float64(n) * float64(n-1)
	}
	m.catalogue = p.readers.Count()
	blind := (float64(p.readers.Len()) + float64(once)*float64(max(0, once-1))/(2*float64(twice+1))) / share
	remote := sum * sum / (share * (pairs + fewMeetings)) // as many equally popular objects would make readers meet as often
	m.expected = min(repeats(g.kept, g.took.level, unseen*blind), repeats(g.kept, g.took.level, unseen*remote))
	m.met = g.met
	m.taken = math.Ldexp(g.kept-g.met, int(g.took.level))
	m.cold = float64(alone) / float64(max(1, own))
	m.coldElsewhere = float64(single) / float64(len(elsewhere))
	if m.met < m.expected {
		m.score = m.expected - m.met
		if m.met > 0 {
			m.score += m.met * math.Log(m.met/m.expected)
		}
	}
	return m, true
}

// repeats is how many of kept reads are of an object that was read before, if
// each is blind among size objects; level says that kept are those of every
// 2^level-th object.
func repeats(kept float64, level uint8, size float64) float64 {
	size = math.Ldexp(size, -int(level))
	return max(0, kept+size*math.Expm1(-kept/size))
}

// divided reports that a program's callers look like parts of one: each takes
// about as much, or much of what they take nobody else reads.
func (g *program) divided(m *measure) bool {
	if float64(g.touches) < leastEach*float64(g.actors) {
		return false
	}
	d := g.dispersion()
	return d < evenDispersion || d < chanceDispersion && m.cold > coldShare && m.cold > 1.5*m.coldElsewhere
}

const (
	// leastEach is how much an actor takes on average: a link in a mail leads each
	// who got it to one thing, and that may be their own.
	leastEach        = 1.5
	evenDispersion   = 0.5
	chanceDispersion = 1.1 // each next thing is taken by whoever comes
	coldShare        = 0.3
)
