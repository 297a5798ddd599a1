package scraping

import (
	"math"

	"lapwing/detect/objects/grow"
)

// glanced is how many items an actor reads before it is given a harvest. Most
// actors of a month read no more, and nothing is judged before judgedFrom.
const glanced = 5

// A glance is what an actor read that read little: its items themselves, from
// which the harvest is made that it would have had. It has no pointers, and
// takes a seventh of a harvest with its set.
type glance struct {
	items   [glanced]uint64
	atNS    [glanced]int64 // when each was read first
	seenNS  int64          // of the last call
	lastInt int64
	sources [2]uint64

	repeats     uint16
	others      uint16
	writes      uint16
	undisclosed uint16
	read        uint8 // items there
	pages       uint8 // a bit for each that is a page of a list
	numbered    uint8
	ordered     uint8
	sensitive   uint8
	several     bool
	nextRead    int8
	counted     int8
}

// has reports whether an item was read before.
func (g *glance) has(item uint64) bool {
	for _, x := range g.items[:g.read] {
		if x == item {
			return true
		}
	}
	return false
}

// harvest makes what the actor would have, had it been given a harvest from
// the start.
func (g *glance) harvest(b *grow.Budget) (h harvest) {
	h = harvest{
		firstNS: g.atNS[0], seenNS: g.seenNS, repeats: int32(g.repeats), others: int32(g.others), writes: int32(g.writes),
		undisclosed: int32(g.undisclosed), sensitive: int32(g.sensitive), lastInt: g.lastInt, numbered: int32(g.numbered), ordered: int32(g.ordered),
		sources: g.sources, several: g.several, nextRead: int32(g.nextRead), counted: g.counted,
	}
	for i := range g.items[:g.read] {
		h.items.Add(g.items[i], g.atNS[i], b)
		h.took(g.atNS[i], g.pages>>i&1 == 1)
	}
	return h
}

// volume is that of a harvest.
func (g *glance) volume() float64 {
	v := 0.0
	for i := range g.read {
		if g.pages>>i&1 == 1 {
			v += pageWorth
		} else {
			v++
		}
	}
	return v
}

// took notes a new item, if there is room.
func (g *glance) took(item uint64, nowNS int64, isPage bool) bool {
	if g.read == glanced {
		return false
	}
	g.items[g.read], g.atNS[g.read] = item, nowNS
	if isPage {
		g.pages |= 1 << g.read
	}
	g.read++
	return true
}

// follows is that of a harvest.
func (g *glance) follows(number int64) {
	h := harvest{lastInt: g.lastInt, numbered: int32(g.numbered), ordered: int32(g.ordered)}
	h.follows(number)
	g.lastInt, g.numbered, g.ordered = h.lastInt, uint8(h.numbered), uint8(h.ordered)
}

// from is that of a harvest.
func (g *glance) from(source uint64) {
	h := harvest{sources: g.sources, several: g.several}
	h.from(source)
	g.sources, g.several = h.sources, h.several
}

func (g *glance) aside(writes bool) {
	if writes {
		g.writes = more(g.writes, 1)
	} else {
		g.others = more(g.others, 1)
	}
}

// more adds, as far as the counter goes.
func more(n uint16, by int32) uint16 { return uint16(min(int32(n)+max(by, 0), math.MaxUint16)) }
