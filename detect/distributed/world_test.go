package distributed

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/login"
	"lapwing/detect/snapshot"
	"lapwing/event"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// A feeder stands for the stages before: every call is an attempt, that failed
// if its status says so.
type feeder struct {
	detect.NoFacts
	detect.NoAdvance
	detect.NoClose
}

func (feeder) Name() string { return "feeder" }

func (feeder) Observe(o *detect.Observation, out *detect.Output) {
	l := &detect.Login{Class: detect.LoginPassword, Outcome: detect.LoginSuccess, Confidence: 1, Account: login.AccountKey(1, o.Call.Account), Name: o.Call.Account}
	switch o.Call.Status {
	case 200:
	case 201:
		l.Class = detect.LoginRegister
	case 202:
		l.Class = detect.LoginForgot
	case 404:
		l.Outcome = detect.LoginNoSuchUser
	case 503:
		l.Outcome = detect.LoginError
	default:
		l.Outcome = detect.LoginFailure
	}
	o.Login = l
	out.Fact(For, l.Account, Attempt{Attempt: login.AttemptOf(o)})
}

// A site is an application with people who log in.
type site struct {
	rng     *rand.Rand
	people  []person
	perMin  float64
	at      time.Time
	n       uint64
	cdn     bool // everybody comes from one network, that of a proxy
	release int  // added to the number of everybody's program
	pending []*event.Call
	engine  *detect.Engine
	stage   *Stage
	alerts  map[string]event.Alert
	order   []string
	calls   int
	lookup  func(netip.Addr) detect.Network
}

type person struct {
	name     string
	home     netip.Addr
	office   netip.Addr
	programs [2]int
	mistakes float64
}

const programs = 40

var agents = []string{"Mozilla/5.0 (Windows NT 10.0) Chrome/120.0", "Mozilla/5.0 (iPhone) Safari/604.1", "ShopApp/4.2 (Android 14)", "Mozilla/5.0 (Macintosh) Firefox/121.0"}

// fingerprint is that of the n-th program.
func fingerprint(n int) string { return fmt.Sprintf("%016x", 0xf00d0000+n) }

// newSite has programs as they are on the web: the first is used by three people in
// ten, the tenth by one in fifty, the last by one in two hundred.
func newSite(seed uint64, people int, perMin float64) *site {
	w := &site{rng: rand.New(rand.NewPCG(seed, 11)), perMin: perMin, at: monday}
	total := 0.0
	for k := range programs {
		total += 1 / math.Pow(float64(k+1), 1.15)
	}
	pick := func() int {
		r := w.rng.Float64() * total
		for k := range programs {
			if r -= 1 / math.Pow(float64(k+1), 1.15); r <= 0 {
				return k
			}
		}
		return programs - 1
	}
	for i := range people {
		w.people = append(w.people, person{
			name: fmt.Sprintf("user%05d", i), home: netip.AddrFrom4([4]byte{10, byte(i >> 6), byte(i<<2 + 1), byte(1 + w.rng.IntN(200))}),
			office: netip.AddrFrom4([4]byte{172, 16, byte(i % 12), 7}), programs: [2]int{pick(), pick()}, mistakes: 0.05 + 0.15*w.rng.Float64(),
		})
	}
	w.start(nil)
	return w
}

// start makes an engine, which goes on from a snapshot if there is one.
func (w *site) start(saved []byte) {
	w.alerts, w.order = map[string]event.Alert{}, nil
	w.stage = New(Config{Seed: 1})
	w.engine = detect.New(detect.Config{Sensor: "t", Seed: 1, Network: w.lookup}, func(a event.Alert) {
		if _, ok := w.alerts[a.ID]; !ok {
			w.order = append(w.order, a.ID)
		}
		w.alerts[a.ID] = a
	}, feeder{}, w.stage)
	if saved != nil {
		if err := snapshot.Load(bytes.NewReader(saved), w.engine); err != nil {
			panic(err)
		}
	}
}

func (w *site) save(tb testing.TB) []byte {
	tb.Helper()
	if err := snapshot.Check(w.engine); err != nil {
		tb.Fatal(err)
	}
	var b bytes.Buffer
	if err := snapshot.Save(&b, w.engine); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// fork returns a site that goes on from here with other chances.
func (w *site) fork(saved []byte, seed uint64) *site {
	v := *w
	v.rng = rand.New(rand.NewPCG(seed, 13))
	v.pending = slices.Clone(w.pending)
	v.start(saved)
	return &v
}

// nm is the pseudonym of a name: as long as a real one.
func nm(name string) string {
	return "nm-" + base64.RawURLEncoding.EncodeToString(append([]byte("0123456789abcdef"), name...))
}

func (w *site) call(at time.Time, from netip.Addr, program, name string, status int, secret int) {
	if w.cdn {
		from = netip.AddrFrom4([4]byte{198, 51, 100, byte(w.rng.IntN(6))})
	}
	w.n++
	w.pending = append(w.pending, &event.Call{
		ID: event.MakeID(w.n, 77), Time: at, Duration: 80 * time.Millisecond, Client: from, Fingerprint: program, UserAgent: agents[int(program[15])%len(agents)], Host: "api.example.com",
		Method: "POST", Path: "/v1/login", PathShape: "/v1/login", Status: status, Account: nm(name), RequestBytes: int64(30 + len(name) + secret),
	})
}

// come has one person log in, from wherever he is, with a mistake now and then.
func (w *site) come(at time.Time) {
	p := &w.people[w.rng.IntN(len(w.people))]
	w.attend(at, p, w.where(p), fingerprint(w.release+p.programs[min(1, w.rng.IntN(8)/7)]), p.mistakes)
}

func (w *site) where(p *person) netip.Addr {
	if w.cdn {
		return netip.AddrFrom4([4]byte{198, 51, 100, byte(w.rng.IntN(6))})
	}
	switch r := w.rng.Float64(); {
	case r < .25: // a carrier: one of thirty networks
		return netip.AddrFrom4([4]byte{100, 64, byte(w.rng.IntN(30)), byte(w.rng.IntN(250))})
	case r < .35:
		return p.office
	}
	return p.home
}

func (w *site) attend(at time.Time, p *person, from netip.Addr, program string, mistakes float64) {
	secret := 7 + int(p.name[len(p.name)-1]+p.name[len(p.name)-2])%9
	if w.rng.Float64() < .01 { // a name that does not exist
		w.call(at, from, program, p.name+"x", 404, secret)
		at = at.Add(time.Duration(5+w.rng.IntN(60)) * time.Second)
	}
	for range 6 {
		if w.rng.Float64() >= mistakes {
			w.call(at, from, program, p.name, 200, secret)
			return
		}
		w.call(at, from, program, p.name, 401, secret+w.rng.IntN(3)-1)
		if w.rng.Float64() < .06 {
			return // gives up
		}
		at = at.Add(time.Duration(5+w.rng.IntN(80)) * time.Second)
	}
}

// run lets time pass; extra is called at the begin of every minute, and says
// whether to go on.
func (w *site) run(d time.Duration, extra func(at time.Time) bool) {
	for end := w.at.Add(d); w.at.Before(end); w.at = w.at.Add(time.Minute) {
		tide := 1 + .7*math.Sin(2*math.Pi*(float64(w.at.Unix()%86400)/86400-.3))
		for range w.poisson(w.perMin * tide) {
			w.come(w.at.Add(time.Duration(w.rng.Int64N(int64(time.Minute)))))
		}
		on := extra == nil || extra(w.at)
		w.flush(w.at.Add(time.Minute))
		if !on {
			w.at = w.at.Add(time.Minute)
			return
		}
	}
}

func (w *site) flush(until time.Time) {
	slices.SortStableFunc(w.pending, func(a, b *event.Call) int { return a.Time.Compare(b.Time) })
	i := 0
	for ; i < len(w.pending) && w.pending[i].Time.Before(until); i++ {
		w.engine.Observe(w.pending[i])
		w.calls++
	}
	w.pending = slices.Delete(w.pending, 0, i)
	w.engine.Advance(until.UnixNano())
}

func (w *site) poisson(mean float64) int {
	n, p := 0, w.rng.Float64()
	for limit := math.Exp(-mean); p > limit; n++ {
		p *= w.rng.Float64()
	}
	return n
}

// loud are the alerts that ask something of a person, in order.
func (w *site) loud() (list []event.Alert) {
	for _, id := range w.order {
		if a := w.alerts[id]; a.Severity >= event.Medium {
			list = append(list, a)
		}
	}
	return list
}

func (w *site) silent(tb testing.TB) {
	tb.Helper()
	for _, a := range w.loud() {
		tb.Errorf("%s: %s (10^%.1f)", a.Title, a.Summary, a.Evidence.ScoreLog10)
	}
}

// An attack tries accounts, half of which exist, once an address.
type attack struct {
	perMin  float64
	program func(*site) string
	hit     float64 // share of passwords that are right
	secret  func(*site) int
	user    func(w *site, n int) string
	tried   int
	clients int // 0: one address an attempt
}

func (a *attack) minute(w *site, at time.Time) {
	for range w.poisson(a.perMin) {
		a.tried++
		status, name := 404, fmt.Sprintf("leaked%06d", w.rng.IntN(1e6))
		if w.rng.IntN(2) == 0 {
			status, name = 401, w.people[w.rng.IntN(len(w.people))].name
		}
		if a.user != nil {
			status, name = 401, a.user(w, a.tried)
		}
		if status == 401 && w.rng.Float64() < a.hit {
			status = 200
		}
		secret := 6 + w.rng.IntN(5) + w.rng.IntN(5)
		if a.secret != nil {
			secret = a.secret(w)
		}
		from := netip.AddrFrom4([4]byte{byte(20 + w.rng.IntN(60)), byte(w.rng.IntN(256)), byte(w.rng.IntN(256)), byte(1 + w.rng.IntN(250))})
		if a.clients > 0 {
			k := w.rng.IntN(a.clients)
			from = netip.AddrFrom4([4]byte{byte(20 + k%60), byte(k), byte(k >> 8), 9})
		}
		w.call(at.Add(time.Duration(w.rng.Int64N(int64(time.Minute)))), from, a.program(w), name, status, secret)
	}
}

func always(n int) func(*site) string { return func(*site) string { return fingerprint(n) } }

// proportional hides among the programs that people use, as often as they do.
func proportional(w *site) string {
	return fingerprint(w.people[w.rng.IntN(len(w.people))].programs[0])
}
