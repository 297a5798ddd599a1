package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"lapwing/detect/standard"
	"lapwing/evaluate/baseline"
	"lapwing/event"
	"lapwing/simulate"
)

// An Adversary learns from whether it was noticed: it changes its pace, the
// number of its sources, how much ordinary use it hides in and which programs
// it pretends to be, and keeps what gets it more without a medium alert. What
// it gets in the end says more than recall at settings that somebody chose.
//
// It lives in one world without other attacks, and builds its requests from
// those that it sees there: a login that failed with another name in it, a
// stranger's object asked for with its own session, an item of the catalogue.
type Adversary struct {
	Kind     string        // stuffing, bola or scraping
	Episodes int           // attempts to do better
	Seed     uint64        // of its choices
	Against  string        // "lapwing", or the name of a static rule; "rules" are all of them
	Length   time.Duration // of the world in which it lives
	Users    int
}

// Adversaries are the kinds that there are.
func Adversaries() []string { return []string{"stuffing", "bola", "scraping"} }

// Undetected is the most that an adversary got without an alert.
type Undetected struct {
	Kind     string  `json:"kind"`
	Against  string  `json:"against"`
	PerDay   float64 `json:"per_day"` // of Unit
	Unit     string  `json:"unit"`
	Share    float64 `json:"share"` // of what there is: of the logins of a day, of others' objects, of the catalogue
	Tactic   Tactic  `json:"tactic"`
	Episodes int     `json:"episodes"`
	Noticed  int     `json:"noticed"` // of them
	Days     float64 `json:"days"`    // that each lasted
}

// A Tactic is what an adversary chooses.
type Tactic struct {
	PerSource float64 `json:"per_source_and_day"` // of what it is after
	Sources   float64 `json:"sources"`            // addresses, or accounts
	Dilution  float64 `json:"dilution"`           // ordinary requests per request that counts
	Disguise  float64 `json:"disguise"`           // share of requests that look like the programs of others
}

const (
	maxSources  = 2000
	maxPerDay   = 20_000.0
	maxInjected = 20_000 // calls of one episode
	maxSteps    = 2000
)

func (t Tactic) yield() float64 { return t.PerSource * math.Round(t.Sources) }

func (t Tactic) bounded(days float64) Tactic {
	t.Sources = min(max(1, t.Sources), maxSources)
	t.PerSource = min(max(1/days, t.PerSource), maxPerDay)
	t.Dilution = min(max(0, t.Dilution), 10)
	t.Disguise = min(max(0, t.Disguise), 1)
	if n := t.yield() * days * (1 + t.Dilution); n > maxInjected {
		t.PerSource *= maxInjected / n
	}
	return t
}

// changed is the tactic after a random step of size sigma.
func (t Tactic) changed(rng *rand.Rand, sigma float64) Tactic {
	t.PerSource *= math.Exp(sigma * rng.NormFloat64())
	t.Sources *= math.Exp(sigma * rng.NormFloat64())
	t.Dilution = math.Exp(math.Log(t.Dilution+0.1)+sigma*rng.NormFloat64()) - 0.1
	t.Disguise += 0.3 * sigma * rng.NormFloat64()
	return t
}

// Adapt lets an adversary learn, and returns what it got.
func (r *Runner) Adapt(ctx context.Context, a Adversary) (*Undetected, error) {
	if !slices.Contains(Adversaries(), a.Kind) || a.Episodes < 1 || a.Episodes > maxSteps {
		return nil, fmt.Errorf("an adversary is one of %v with 1 to %d episodes", Adversaries(), maxSteps)
	}
	s, err := r.stage(ctx, a)
	if err != nil {
		return nil, fmt.Errorf("adversary %s: %w", a.Kind, err)
	}
	u := &Undetected{Kind: a.Kind, Against: a.Against, Unit: s.unit, Days: s.days}
	rng := rand.New(rand.NewPCG(a.Seed, 0xada9))
	best, sigma := Tactic{}, 1.0
	from := Tactic{PerSource: 4, Sources: 1}.bounded(s.days)
	for u.Episodes < a.Episodes {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		try := from
		if u.Episodes > 0 {
			try = from.changed(rng, sigma).bounded(s.days)
		}
		if try.yield() <= best.yield() && u.Episodes > 0 && best.yield() > 0 {
			// Not better even if it goes unnoticed: turn another screw.
			if sigma = min(sigma*1.1, 1.5); rng.IntN(3) > 0 {
				try.Sources *= 1.2 * best.yield() / try.yield()
				try = try.bounded(s.days)
			}
		}
		u.Episodes++
		noticed, err := s.episode(try, uint64(u.Episodes))
		if err != nil {
			return nil, err
		}
		switch {
		case noticed:
			u.Noticed++
			sigma = max(0.2, sigma*0.93) // the one-fifth rule of Rechenberg, roughly
			if best.yield() == 0 {
				from.PerSource /= 2
				from = from.bounded(s.days)
			}
		case try.yield() > best.yield():
			best, from = try, try
			sigma = min(1.5, sigma*1.3)
		}
	}
	u.Tactic, u.PerDay = best, best.yield()
	u.Share = ratio(best.yield(), s.whole)
	return u, nil
}

// A stage is the world of an adversary, kept in memory.
type stage struct {
	r       *Runner
	a       Adversary
	view    *viewer
	calls   []*event.Call // of the world, in order of their end
	beginNS int64
	endNS   int64
	days    float64
	whole   float64 // what there is to get, per day or in all
	unit    string

	props props
	known map[string]bool // alerts that come without the adversary
}

// stage runs the world once and keeps what the adversary can build from.
func (r *Runner) stage(ctx context.Context, a Adversary) (*stage, error) {
	w, err := r.Make(simulate.Options{Seed: a.Seed, Users: a.Users, Length: a.Length})
	if err != nil {
		return nil, err
	}
	s := &stage{r: r, a: a, known: map[string]bool{}, props: newProps(r.keys())}
	if s.view, err = newViewer(r.View, r.keys()); err != nil {
		return nil, err
	}
	err = w.Run(ctx, func(x *simulate.Exchange) error {
		c := s.view.call(x)
		s.calls = append(s.calls, c)
		s.props.take(x, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(s.calls) == 0 {
		return nil, errors.New("nothing happens in its world")
	}
	slices.SortStableFunc(s.calls, func(a, b *event.Call) int { return a.End().Compare(b.End()) })
	s.beginNS, s.endNS = s.calls[0].Time.UnixNano(), s.calls[len(s.calls)-1].End().UnixNano()
	s.days = max(float64(s.endNS-s.beginNS)/float64(24*time.Hour), 1.0/24)
	if err := s.props.ready(a.Kind); err != nil {
		return nil, err
	}
	switch a.Kind {
	case "stuffing":
		s.unit, s.whole = "credentials tried", float64(s.props.logins)/s.days
	case "bola":
		s.unit, s.whole = "objects of others read", float64(len(s.props.private))
	default:
		s.unit, s.whole = "items taken", float64(len(s.props.public))
	}
	_, err = s.alerts(nil, func(a *event.Alert) bool { s.known[a.ID] = true; return false })
	return s, err
}

// episode reports whether a tactic is noticed: by an alert of medium severity
// or above that would not be there without it.
func (s *stage) episode(t Tactic, n uint64) (noticed bool, err error) {
	mine, clients := s.inject(t, rand.New(rand.NewPCG(s.a.Seed, n)))
	if s.a.Against != "" && s.a.Against != "lapwing" {
		return s.rules(mine, clients), nil
	}
	return s.alerts(mine, func(a *event.Alert) bool { return a.Severity >= event.Medium && !s.known[a.ID] })
}

// alerts detects over the world and what was put into it, and reports whether
// any alert is one of those asked for.
func (s *stage) alerts(mine []*event.Call, asked func(*event.Alert) bool) (bool, error) {
	any := false
	d, err := standard.New(s.r.config(s.r.keys(), nil), func(a event.Alert) {
		if asked(&a) {
			any = true
		}
	})
	if err != nil {
		return false, err
	}
	i := 0
	s.merge(mine, func(c *event.Call) bool {
		d.Observe(c)
		if i++; i%512 == 0 {
			d.Advance(c.End().UnixNano())
		}
		return !any
	})
	if !any {
		d.Close()
	}
	return any, nil
}

func (s *stage) rules(mine []*event.Call, clients map[string]bool) bool {
	any := false
	b := baseline.New(func(a baseline.Alert) {
		if (s.a.Against == "rules" || a.Rule == s.a.Against) && (clients[a.Entity.Value] || a.Entity.Kind == event.KindEndpoint) {
			any = true
		}
	})
	s.merge(mine, func(c *event.Call) bool {
		b.Observe(c)
		return !any
	})
	return any
}

// merge shows the world's calls and mine in order of their end until show
// returns false.
func (s *stage) merge(mine []*event.Call, show func(*event.Call) bool) {
	slices.SortStableFunc(mine, func(a, b *event.Call) int { return cmp.Or(a.End().Compare(b.End()), a.ID.Compare(b.ID)) })
	i := 0
	for _, c := range s.calls {
		for ; i < len(mine) && mine[i].End().Before(c.End()); i++ {
			if !show(mine[i]) {
				return
			}
		}
		if !show(c) {
			return
		}
	}
	for ; i < len(mine); i++ {
		if !show(mine[i]) {
			return
		}
	}
}
