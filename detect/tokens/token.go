package tokens

import (
	"math"

	"lapwing/detect"
	"lapwing/event"
)

const (
	sidesKept = 4 // parties of a token that are told apart
	variants  = 4 // programs and networks remembered of each: a browser has several ways to ask

	// windowNS is within which two parties that take turns are there together, and
	// within which networks are counted.
	windowNS = int64(10 * 60 * 1e9)
	// pauses: a party that comes back after so many times its usual gap was away.
	pauses = 4
	// lingerNS after a logout, calls under way come in.
	lingerNS = int64(60 * 1e9)
	// settled is from how many sights on a token that no login handed out is known
	// to be one party's. Before that it may be a fleet's.
	settled = 24
	// fewNetworks in ten minutes are a train ride, on two versions of the protocol.
	fewNetworks = 3
)

// A side is one party that presents a token. Programs and networks are
// shortened hashes: a chance in four thousand million joins two.
type side struct {
	programs [variants]uint32
	networks [variants]uint32
	lastNS   int64
	gap      float32 // usual logarithm of the seconds between two sights of it
	n        uint32
}

func (s *side) has(list *[variants]uint32, v uint32) bool {
	for _, have := range list {
		if have == v && v != 0 {
			return true
		}
	}
	return false
}

// fits reports whether a sight is of this party.
func (s *side) fits(p *sight) bool {
	return s.has(&s.programs, p.program) || s.has(&s.networks, p.place.near)
}

// take remembers a sight: the newest programs and networks stay.
func (s *side) take(p *sight, atNS int64) {
	push := func(list *[variants]uint32, v uint32) {
		for i, have := range list {
			if have == v {
				copy(list[1:i+1], list[:i])
				list[0] = v
				return
			}
		}
		copy(list[1:], list[:])
		list[0] = v
	}
	push(&s.programs, p.program)
	push(&s.networks, p.place.near)
	if s.n > 0 {
		gap := float32(math.Log(max(1, float64(atNS-s.lastNS)/1e9)))
		if s.n == 1 {
			s.gap = gap
		}
		s.gap += (gap - s.gap) / 8
	}
	s.lastNS = max(s.lastNS, atNS)
	s.n++
}

// presence reports whether a party that was last seen then is still there: no
// longer away than ten minutes, or than a few of its usual pauses.
func (s *side) presence(atNS int64) bool {
	away := atNS - s.lastNS
	return away <= windowNS || s.n > 3 && float64(away)/1e9 <= pauses*math.Exp(float64(s.gap))
}

// part is one thing that speaks against a token.
type part uint8

const (
	partParty    part = iota // another party
	partTurns                // parties take turns
	partFlips                // one program to and fro between far networks
	partNetworks             // many networks at a time
	partLogout               // use after logout
	partPlanted              // login under a session that another had
	partBrowser              // a program's key in a browser
	parts
)

// A token is what is known of one credential.
type token struct {
	name   string
	kind   event.Kind
	first  uint32 // program that presented it first
	owner  side
	others *others // nil as long as there is one party
	sights uint32
	born   bool // handed out by a login in view
	fleet  bool // shared by programs from birth
	key    bool // a program's
	outNS  int64
	outBy  int8 // party that logged out
	flips  flips
	lately lately
}

// flips follows one program between far networks.
type flips struct {
	far    [2]uint32 // the last two far networks, newest first
	lastNS [2]int64
	score  float32
	hits   uint16
	trials uint16
}

// lately holds the networks of the last ten minutes.
type lately struct {
	network [fewNetworks]uint32
	atNS    [fewNetworks]int64
	most    uint16 // beyond those kept, since the first was
}

// others is what is known of a token with several parties, or against which
// there is other evidence.
type others struct {
	sides     [sidesKept - 1]side
	n         int
	parties   int64   // beyond the owner, those not kept included
	strangers int64   // … that came to a personal token
	taking    float64 // evidence of turns
	current   int8    // 0: the owner
	score     [parts]float64
	turns     int64 // switches to a party that was there
	switches  int64
	networks  int64
	after     int64 // sights of others after a logout
	startedNS int64
	lastNS    int64
	usual     [parts]float64
	open      *abused
}

func (o *others) total() float64 {
	sum := 0.0
	for _, s := range o.score {
		sum += s
	}
	return sum
}

// party finds whose sight it is: 0 the owner, from 1 the others, -1 nobody's
// known.
func (t *token) party(p *sight) int {
	if t.owner.n == 0 || t.owner.fits(p) {
		return 0
	}
	if t.others != nil {
		for i := range t.others.n {
			if t.others.sides[i].fits(p) {
				return i + 1
			}
		}
	}
	return -1
}

func (t *token) side(i int) *side {
	if i == 0 {
		return &t.owner
	}
	return &t.others.sides[i-1]
}

// more makes room for evidence against a token.
func (t *token) more(atNS int64) *others {
	if t.others == nil {
		t.others = &others{startedNS: atNS}
	}
	return t.others
}

func (t *token) entity() event.Entity {
	return event.Entity{Kind: t.kind, Value: t.name}
}

// personal reports whether a second party is out of the ordinary for this
// token.
func (t *token) personal() bool {
	return !t.key && !t.fleet && (t.born || t.kind == event.KindSession || t.sights >= settled)
}

func kindOf(c *event.Call) event.Kind {
	switch c.Auth {
	case event.AuthCookie:
		return event.KindSession
	case event.AuthAPIKey, event.AuthSignature, event.AuthMTLS:
		return event.KindKey
	}
	if k := c.Actor.Kind; k == event.KindSession || k == event.KindKey {
		return k
	}
	return event.KindToken
}

// A place is where a client stands, as far as that can be told.
type place struct {
	near uint32 // network: autonomous system, else /24 or /48
	far  uint32 // autonomous system, else /16 or /32: nobody walks from one to another
	six  bool   // addresses of both versions belong to one device
}

var _ detect.Case = (*abused)(nil)
