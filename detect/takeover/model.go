package takeover

import "math"

// A habit is how often logins of this API show a feature. Its estimate errs
// upward while little is known: as if prior of weight logins had shown it.
type habit struct {
	prior, weight float64
	most          float64 // likelihood of the feature in a takeover
}

// feature is one thing that speaks for a takeover.
type feature uint8

const (
	newBoth     feature = iota // network and program are new to the account
	newProgram                 // the program is
	newNetwork                 // the network is
	guessed                    // strangers guessed before: three to five times
	guessedMore                // six to eleven times
	guessedMost                // twelve times and more
	travelled                  // from another country within the hour
	hosted                     // from a network of servers, or one that hides who calls
	firstChange
	features = firstChange + feature(changes)
)

// habits are the priors. One login in twenty comes from a new program and a
// new network at once where nothing is known yet; one in 200 changes
// something that a thief would.
var habits = func() (h [features]habit) {
	h[newBoth] = habit{prior: 5, weight: 100, most: .9}
	h[newProgram] = habit{prior: 10, weight: 100, most: .5}
	h[newNetwork] = habit{prior: 20, weight: 100, most: .5}
	h[guessed] = habit{prior: 3, weight: 100, most: .5}
	h[guessedMore] = habit{prior: 1.5, weight: 100, most: .5}
	h[guessedMost] = habit{prior: .5, weight: 100, most: .5}
	h[travelled] = habit{prior: 2, weight: 100, most: .3}
	h[hosted] = habit{prior: 3, weight: 100, most: .5}
	for f := firstChange; f < features; f++ {
		h[f] = habit{prior: 1, weight: 200, most: .6}
	}
	return h
}()

// rarest is the lowest frequency that is believed: what nobody did in a few
// thousand logins may still be done.
const rarest = 0.0005

// A model holds what logins of this API do.
type model struct {
	logins   float64 // of accounts that had come in before
	sessions float64 // logins of all accounts
	shown    [features]float64
	all      cluster         // all attempts
	reach    [places]float64 // sessions that looked at so many places and more
}

// places bounds how many different places a session is seen to look at.
const places = 48

// A sweep: sweepRare is the share of sessions that reach as far, from which on it
// is worth a word; what nobody did in a hundred sessions may still be done.
const (
	sweepRare              = 0.03
	sweepPrior, sweepWeigh = 3, 100
	sweepMost              = 0.5
	sweepLeast             = 8 // places; fewer are a screen or two
)

// reaches is how often a session looks at so many places.
func (m *model) reaches(n int) float64 {
	return max(rarest, (sweepPrior+m.reach[n])/(sweepWeigh+m.reach[1]))
}

// ratio is the logarithm of the likelihood ratio of a feature, never below 0:
// what is common speaks neither way.
func (m *model) ratio(f feature) float64 {
	return max(0, math.Log(habits[f].most/m.frequency(f)))
}

// frequency of a feature among logins, in force.
func (m *model) frequency(f feature) float64 {
	h, of := &habits[f], m.logins
	if f >= firstChange {
		of = m.sessions
	}
	return max(rarest, (h.prior+m.shown[f])/(h.weight+of))
}

// forgetAt logins all counts are halved, so that habits can change.
const forgetAt = 1 << 17

func (m *model) add(l *lesson) {
	m.logins += l.logins
	if l.attempt {
		m.all.add(l.in)
	}
	if l.in {
		m.sessions++
	}
	if l.places > 0 {
		m.reach[l.places]++
	}
	for f, shown := range l.shown {
		if shown {
			m.shown[f]++
		}
	}
	if m.sessions >= forgetAt {
		m.logins, m.sessions = m.logins/2, m.sessions/2
		for f := range m.shown {
			m.shown[f] /= 2
		}
	}
	if m.reach[1] >= forgetAt {
		for i := range m.reach {
			m.reach[i] /= 2
		}
	}
}

// A lesson is what one login, or one change after it, adds to the model.
type lesson struct {
	logins  float64
	shown   [features]bool
	attempt bool
	in      bool
	places  uint8 // a session has reached so many
}

// A cluster is how the logins of one program over all addresses end.
type cluster struct{ tried, in float64 }

// clusterForgets: halve from so many attempts on.
const clusterForgets = 2000

func (c *cluster) add(in bool) {
	c.tried++
	if in {
		c.in++
	}
	if c.tried >= clusterForgets {
		c.tried, c.in = c.tried/2, c.in/2
	}
}

// usual is the share of attempts that succeed, as if eighteen of twenty had before.
func (m *model) usual() float64 { return (m.all.in + 18) / (m.all.tried + 20) }

const (
	// clusterTries: fewer say nothing of a program.
	clusterTries = 20
	// mostSuspect bounds what the company that a client keeps adds (ln 100).
	mostSuspect = 4.605170185988091
)

// suspect is the logarithm of the odds that an attempt of this program is an
// attacker's: bad share B against 1-B, where B is 1 less the ratio of its share
// of successes to that of all (Herley and Schechter 2019). The share counts two
// standard errors up, and only from B = ½ on.
func (c *cluster) suspect(usual float64) float64 {
	if c.tried < clusterTries || usual <= 0 {
		return 0
	}
	p := (c.in + 1) / (c.tried + 2)
	p += 2 * math.Sqrt(p*(1-p)/c.tried)
	bad := 1 - p/usual
	if bad <= .5 {
		return 0
	}
	return min(mostSuspect, math.Log(bad/(1-bad)))
}
