package distributed

import (
	"math"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/series"
	"lapwing/detect/sketch"
)

// A bin is one kind of attempts at one endpoint: all of them, those of one
// program, of one network.
type bin struct {
	kind   kind
	place  uint64
	label  string         // what an alert calls it
	now    *series.Series // failures of strangers among first attempts
	late   *series.Series // those that stayed unresolved
	tries  uint32         // first attempts, up to commonFrom
	active bool           // something came in this minute
	story  *story         // from a failure of a stranger until there is nothing against it
}

const (
	// weighs is the evidence from which a bin is worth a look.
	weighs = detect.Noted / 4
	// commonFrom attempts on a program is no rare one.
	commonFrom = 20
)

// best returns the strongest evidence against a bin.
func (b *bin) best() (c *series.Cusum, t series.Test, s *series.Series) {
	s = b.late
	t, c = s.Best()
	if t2, c2 := b.now.Best(); c2.S > c.S {
		return c2, t2, b.now
	}
	return c, t, s
}

// risingSince is when the strongest evidence of minutes left zero; the end of
// time if there is none.
func (b *bin) risingSince() int64 {
	best, from := float32(0), int64(math.MaxInt64)
	for _, s := range [2]*series.Series{b.now, b.late} {
		for t := series.MinuteHalf; t <= series.MinuteEight; t++ {
			if c := s.Cusum(t); c.S > best {
				best = c.S
				from, _ = s.Bracket(t)
			}
		}
	}
	return from
}

// A story is what strangers did in a bin since there is evidence.
type story struct {
	startedNS int64
	lastNS    int64
	attempts  int64
	failures  int64
	nobody    int64 // at accounts that do not exist
	entered   int64 // accounts that strangers came into
	names     []string
	accounts  *sketch.Distinct
	clients   *sketch.Distinct
	spread    evidence.Spread // failures by address
	secrets   evidence.Lengths
	samples   evidence.Samples
}

func newStory(seed uint64) *story {
	return &story{accounts: sketch.NewDistinct(seed, 8), clients: sketch.NewDistinct(seed, 8)}
}

// mostNames of accounts entered are told.
const mostNames = 10

// add counts an attempt of a stranger. Whoever comes into an account that nobody
// was ever seen to enter may be its owner, and is left out.
func (s *story) add(t *tried, atNS int64) {
	if t.marks&(failed|newcomer) == newcomer {
		return
	}
	if s.startedNS == 0 || atNS < s.startedNS {
		s.startedNS = atNS
	}
	s.lastNS = max(s.lastNS, atNS)
	s.attempts++
	novel := s.accounts.Add(t.account)
	s.clients.Add(t.client)
	weight := 1.0
	if t.marks&failed != 0 {
		s.failures++
		s.spread.Add(t.client)
		if novel && t.secret > 0 {
			s.secrets.Add(t.secret)
		}
	} else {
		s.entered++
		weight = 3
		if t.name != "" && len(s.names) < mostNames {
			s.names = append(s.names, t.name)
		}
	}
	if t.marks&nobody != 0 {
		s.nobody++
	}
	s.samples.AddSample(t.sample, weight)
}

const (
	// Fewer addresses than this, or one with most of the failures, is a matter
	// for whoever judges single sources.
	leastClients = 5
	mostOfOne    = 0.5
)

// distributed reports whether the blame is shared.
func (s *story) distributed() bool {
	return s.clients.Count() >= leastClients && s.spread.Top() <= mostOfOne
}

const (
	// Ten first bodies of which nine are equally long but for the name in them.
	sameFrom, sameShare = 10, 0.85
	// Rounds: every account again and again with the next guess, of which there
	// is more than a list of stolen pairs would have for it.
	roundUsers, roundsFrom, roundsMost = 20, 1.8, 42
)

// spraying reports whether few passwords are tried at many accounts, rather
// than the passwords that belong to them. Where lengths are seen they decide.
func (s *story) spraying(pure bool) bool {
	if n, _ := s.secrets.Most(); n >= sameFrom {
		return s.inRounds()
	}
	users := s.accounts.Count()
	rounds := float64(s.attempts) / max(1, users)
	return pure && users >= roundUsers && rounds >= roundsFrom && rounds <= roundsMost
}

// inRounds reports whether first secrets were equally long and the accounts are
// tried again. Equal lengths do not tell alone: there are lists of generated
// passwords.
func (s *story) inRounds() bool {
	return s.secrets.Alike(sameFrom, sameShare) && float64(s.attempts) >= roundsFrom*s.accounts.Count()
}
