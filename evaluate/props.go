package evaluate

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"

	"lapwing/detect/state"
	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

// Bounds of what an adversary keeps of its world.
const (
	maxFailed   = 500
	maxOwn      = 40     // reads of one person
	maxSessions = 2000   // people
	maxItems    = 20_000 // objects
)

// props are what an adversary saw and builds from.
type props struct {
	keys    *pseudonym.Keyring
	logins  int
	failed  []prop             // logins that were refused
	entered []prop             // logins that were not
	own     map[string][]*prop // reads with a session, by person
	people  []string           // of own, in order of appearance
	readers map[uint64]*item   // by object
	private []*item            // objects that one person read
	public  []*item            // objects that several did
}

// A prop is one exchange to build others from.
type prop struct {
	x       simulate.Exchange
	account string // name that logged in
}

// An item is an object and who read it.
type item struct {
	key    uint64
	read   *prop
	user   string
	shared bool
}

func newProps(keys *pseudonym.Keyring) props {
	return props{keys: keys, own: map[string][]*prop{}, readers: map[uint64]*item{}}
}

// take keeps what may be useful of an exchange.
func (p *props) take(x *simulate.Exchange, c *event.Call) {
	if c.Flags.Has(event.FlagSecretPresented) && c.Account != "" {
		p.logins++
		name := p.keys.Reveal(c.Account, pseudonym.Plain)
		list := &p.entered
		if c.Status >= 400 && c.Status < 500 {
			list = &p.failed
		}
		if len(*list) < maxFailed && bytes.Contains(bytes.ToLower(x.RequestBody), []byte(strings.ToLower(name))) {
			*list = append(*list, prop{copied(x), name})
		}
		return
	}
	if c.Method != "GET" || c.Status/100 != 2 || x.User == "" || c.Token == "" {
		return
	}
	list, known := p.own[x.User]
	if !known {
		if len(p.people) >= maxSessions {
			return
		}
		p.people = append(p.people, x.User)
	}
	object := named(c)
	if len(list) >= maxOwn && (object == 0 || p.readers[object] != nil || len(p.readers) >= maxItems) {
		if it := p.readers[object]; it != nil && it.user != x.User {
			it.shared = true
		}
		return
	}
	kept := &prop{x: copied(x)}
	if len(list) < maxOwn {
		p.own[x.User] = append(list, kept)
	}
	if object == 0 {
		return
	}
	if it := p.readers[object]; it != nil {
		it.shared = it.shared || it.user != x.User
	} else if len(p.readers) < maxItems {
		p.readers[object] = &item{key: object, read: kept, user: x.User}
	}
}

// named is the object that stands in the path of a call; 0 if none does.
func named(c *event.Call) (key uint64) {
	for i := range c.IDs {
		if r := &c.IDs[i]; !r.Response && r.In == event.InPath && r.Class != event.ClassName && r.Class != event.ClassSecret {
			key = state.Join(r.Hash, state.Hash(4, c.PathShape))
		}
	}
	return key
}

func copied(x *simulate.Exchange) simulate.Exchange {
	y := *x
	y.RequestHeaders, y.ResponseHeaders = slices.Clone(x.RequestHeaders), slices.Clone(x.ResponseHeaders)
	y.RequestBody, y.ResponseBody = bytes.Clone(x.RequestBody), bytes.Clone(x.ResponseBody)
	return y
}

// ready sorts out whose objects are whose.
func (p *props) ready(kind string) error {
	for _, it := range p.readers {
		if it.shared {
			p.public = append(p.public, it)
		} else {
			p.private = append(p.private, it)
		}
	}
	for _, list := range [][]*item{p.public, p.private} {
		slices.SortFunc(list, func(a, b *item) int { return cmp.Compare(a.key, b.key) })
	}
	switch {
	case kind == "stuffing" && (len(p.failed) == 0 || len(p.entered) == 0):
		return errors.New("nobody fails to log in with a name that can be seen; take another seed")
	case kind == "bola" && len(p.private) < 10:
		return errors.New("nobody reads objects of their own; take another seed")
	case kind == "scraping" && len(p.public) < 10:
		return errors.New("there is no catalogue that several read; take another seed")
	}
	return nil
}

// inject builds the calls of a tactic, and says from which addresses they come.
func (s *stage) inject(t Tactic, rng *rand.Rand) (calls []*event.Call, clients map[string]bool) {
	clients = map[string]bool{}
	sources := int(t.Sources + 0.5)
	wanted := int(t.yield()*s.days + 0.5)
	for n := range wanted {
		src := n % sources
		addr := netip.AddrFrom4([4]byte{100, byte(src >> 10), byte(src >> 2), byte(9 + src&3<<6)})
		clients[addr.String()] = true
		calls = append(calls, s.send(s.useful(n, src, t, rng), addr, rng))
		for range drawn(rng, t.Dilution) {
			calls = append(calls, s.send(s.ordinary(src, rng), addr, rng))
		}
	}
	return calls, clients
}

// drawn rounds mean up or down at random.
func drawn(rng *rand.Rand, mean float64) int {
	n := int(mean)
	if rng.Float64() < mean-float64(n) {
		n++
	}
	return n
}

// useful is a request that gets the adversary something.
func (s *stage) useful(n, src int, t Tactic, rng *rand.Rand) simulate.Exchange {
	p := &s.props
	switch s.a.Kind {
	case "stuffing":
		tpl := &p.failed[rng.IntN(len(p.failed))]
		if rng.Float64() >= t.Disguise {
			tpl = &p.failed[0] // one program for all
		}
		x := tpl.x
		x.RequestBody = renamed(x.RequestBody, tpl.account, fmt.Sprintf("listed.%d.%d@mail.example", s.a.Seed, n))
		return x
	case "bola":
		me := p.people[src%len(p.people)]
		it := p.private[rng.IntN(len(p.private))]
		for it.user == me {
			it = p.private[rng.IntN(len(p.private))]
		}
		return asked(p.own[me][rng.IntN(len(p.own[me]))], it)
	}
	me := p.people[src%len(p.people)]
	return asked(p.own[me][0], p.public[n%len(p.public)])
}

// ordinary is a request like those of everybody.
func (s *stage) ordinary(src int, rng *rand.Rand) simulate.Exchange {
	p := &s.props
	if s.a.Kind == "stuffing" {
		return p.entered[rng.IntN(len(p.entered))].x
	}
	own := p.own[p.people[src%len(p.people)]]
	return own[rng.IntN(len(own))].x
}

// asked is the request of mine for another object, answered as it was to its
// owner: what an application does that checks no ownership.
func asked(mine *prop, it *item) simulate.Exchange {
	x, y := mine.x, it.read.x
	x.Method, x.Target, x.Host = y.Method, y.Target, y.Host
	x.Status, x.ResponseHeaders, x.ResponseBody, x.DurationNS = y.Status, y.ResponseHeaders, y.ResponseBody, y.DurationNS
	return x
}

// send gives a request a time and an address of its own.
func (s *stage) send(x simulate.Exchange, from netip.Addr, rng *rand.Rand) *event.Call {
	x.AtNS = s.beginNS + rng.Int64N(s.endNS-s.beginNS)
	x.Peer = netip.AddrPortFrom(from, uint16(1024+rng.IntN(60000)))
	x.Conn = rng.Uint64()
	return s.view.call(&x)
}

// renamed replaces a name in a body, however it is written.
func renamed(body []byte, name, with string) []byte {
	lower := bytes.ToLower(body)
	i := bytes.Index(lower, []byte(strings.ToLower(name)))
	if i < 0 {
		return body
	}
	return slices.Concat(body[:i], []byte(with), body[i+len(name):])
}
