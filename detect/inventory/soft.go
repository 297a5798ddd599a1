package inventory

import (
	"slices"

	"lapwing/detect"
)

const (
	// softAfter different paths with the same answer, each asked for by one
	// actor only, and the answer is what this host gives to anything.
	softAfter = 20
	// softAnyway is the same however many actors asked: several scanners work
	// through the same word list.
	softAnyway = 64
	// softShare of all paths that got an answer of this kind must have got this
	// very one. Profiles of a thousand people have the same size by the dozen,
	// but no size is that of half of them.
	softShare = 2
	// watchedPaths of one kind after which the counts are halved, so that what
	// was learned long ago does not outweigh what happens now.
	watchedPaths = 1024
)

// An answer is one signature under watch.
type answer struct {
	singles int32 // paths with it that one actor asked for
	shared  int32 // paths that several did
	soft    bool
	halved  int32 // how often the counts were halved
}

// halve brings the counts up to the number of halvings of their kind.
func (a *answer) halve(times int32) {
	if n := times - a.halved; n > 0 {
		a.singles >>= min(n, 31)
		a.shared >>= min(n, 31)
		a.halved = times
	}
}

// A limboEntry remembers a path that no endpoint stands for yet.
type limboEntry struct {
	actor   uint64 // who asked first
	answers [variants]uint64
	weight  float64
	by      [4]uint64 // who has added to the weight
	shared  bool
	watched bool // counted in its answers
}

// isSoft reports whether this host gives the answer to anything.
func (s *Stage) isSoft(h *host, sigs *[variants]uint64) bool {
	if h.soft == 0 {
		return false
	}
	for _, g := range sigs {
		if g != 0 {
			if a := s.answers.Get(g); a != nil && a.soft {
				return true
			}
		}
	}
	return false
}

// watch counts a path for its answer, once, and moves it from the singles to
// the shared when a second actor asks. It reports whether the answer has just
// turned out to be soft.
func (s *Stage) watch(h *host, e *limboEntry, sigs *[variants]uint64, base uint64, o *detect.Observation) (turned []uint64) {
	if base == 0 {
		return nil
	}
	kind := s.answers.Put(base, o.AtNS)
	if kind == nil {
		return nil
	}
	if !e.watched {
		kind.singles++
		if kind.singles >= watchedPaths {
			kind.singles /= 2
			kind.halved++
		}
	}
	total, halved := kind.singles, kind.halved
	switch {
	case !e.watched:
		e.watched, e.answers = true, *sigs
		for _, g := range sigs {
			if g == 0 {
				continue
			}
			if a := s.answers.Put(g, o.AtNS); a != nil {
				a.halve(halved)
				a.singles++
			}
		}
	case !e.shared && e.actor != o.Actor:
		e.shared = true
		for _, g := range e.answers {
			if g == 0 {
				continue
			}
			if a := s.answers.Touch(g, o.AtNS); a != nil && a.singles > 0 {
				a.halve(halved)
				a.singles = max(a.singles-1, 0)
				a.shared++
			}
		}
	default:
		return nil
	}
	for _, g := range sigs {
		if g == 0 {
			continue
		}
		a := s.answers.Get(g)
		if a == nil || a.soft || (a.singles+a.shared)*softShare < total {
			continue
		}
		if (a.singles < softAfter || a.singles < a.shared) && a.singles+a.shared < softAnyway {
			continue
		}
		a.soft = true
		h.soft++
		s.answers.Protect(g, 1)
		turned = append(turned, g)
	}
	return turned
}

// withdraw takes back the endpoints that were known by soft answers alone.
func (s *Stage) withdraw(h *host, soft []uint64) {
	var gone []*endpoint
	h.root.each(func(n *node) {
		for _, e := range n.ops {
			if !e.proven() && e.knownBy(soft) {
				gone = append(gone, e)
			}
		}
	})
	for _, e := range gone {
		e.detach(h)
		h.outside -= e.json
		e.good = 0
		s.stats.Withdrawn++
	}
	if len(gone) > 0 {
		h.root.prune(h)
	}
	for _, e := range h.undescribed {
		if !e.proven() && e.knownBy(soft) {
			e.good, e.standing = 0, detect.Limbo
			s.stats.Withdrawn++
		}
	}
}

// knownBy reports whether every confirming answer had one of the signatures.
func (e *endpoint) knownBy(soft []uint64) bool {
	for _, a := range e.answers {
		if a != 0 && slices.Contains(soft, a) {
			return true
		}
	}
	return false
}

// proven endpoints are in regular use by several actors: whatever they answer,
// they are there.
func (e *endpoint) proven() bool {
	return e.good >= establishedCalls && e.actors.count() >= establishedActors
}

// A budget limits what one actor, or one client program, can bring up in a day.
type budget struct {
	day     int64
	created int32
	misses  int32
}

// Budgets. Someone who mostly asks for what is there is no prober and may
// bring up more, as the first caller of a newly watched API does.
const (
	actorBudget   = 20
	programBudget = 100
	missShare     = 4 // created per miss above which a caller is no prober
	actorCeiling  = 1000
	programFactor = 10
)

func (s *Stage) budgetOf(key uint64, atNS int64) *budget {
	b := s.budgets.Put(key, atNS)
	if b != nil && b.day != atNS/day+1 {
		*b = budget{day: atNS/day + 1}
	}
	return b
}

func (b *budget) allows(limit int32) bool {
	return b.created < limit || b.created >= missShare*b.misses && b.created < actorCeiling/actorBudget*limit
}

// spend asks whether the caller may bring up one more candidate.
func (s *Stage) spend(o *detect.Observation, program uint64) bool {
	a := s.budgetOf(o.Actor^1, o.AtNS)
	if a == nil || !a.allows(actorBudget) {
		return false
	}
	p := s.budgetOf(program, o.AtNS)
	if p == nil || !p.allows(programBudget) {
		return false
	}
	p.created++
	if a := s.budgets.Get(o.Actor ^ 1); a != nil {
		a.created++
	}
	return true
}

// miss counts a path that turned out not to exist.
func (s *Stage) miss(o *detect.Observation, program uint64) {
	if a := s.budgetOf(o.Actor^1, o.AtNS); a != nil {
		a.misses++
	}
	if p := s.budgetOf(program, o.AtNS); p != nil {
		p.misses++
	}
}
