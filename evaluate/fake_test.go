package evaluate

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"lapwing/simulate"
)

// A fakeWorld is an API small enough to know by heart: people log in and read
// their own orders; with a scenario somebody tries a list of accounts.
type fakeWorld struct {
	o     simulate.Options
	list  []*simulate.Exchange
	truth simulate.Truth
	rng   *rand.Rand
}

const (
	fakeHost     = "api.fake.example"
	fakeAttacker = "203.0.113.66"
)

func newFake(o simulate.Options) (World, error) {
	w := &fakeWorld{o: o, rng: rand.New(rand.NewPCG(o.Seed, 1))}
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	w.truth = simulate.Truth{Seed: o.Seed, App: "fake", Hosts: []string{fakeHost}, Start: start, End: start.Add(6 * time.Hour)}
	for u := range 60 {
		w.person(u, start.Add(time.Duration(w.rng.IntN(5*3600))*time.Second))
	}
	for _, c := range o.Scenarios {
		w.stuff(c, start.Add(2*time.Hour))
	}
	slices.SortStableFunc(w.list, func(a, b *simulate.Exchange) int { return int(a.AtNS - b.AtNS) })
	return w, nil
}

func (w *fakeWorld) person(u int, at time.Time) {
	ip := netip.AddrFrom4([4]byte{198, 51, 100, byte(u)})
	name := fmt.Sprintf("user%d@fake.example", u)
	if u%6 == 0 {
		w.login(at, ip, name, false, 0)
		at = at.Add(20 * time.Second)
	}
	w.login(at, ip, name, true, 0)
	for i := range 20 {
		at = at.Add(time.Duration(5+w.rng.IntN(20)) * time.Second)
		w.get(at, ip, name, 10_000*(u+1)+i%5)
	}
}

func (w *fakeWorld) stuff(c simulate.Choice, at time.Time) {
	part := len(w.truth.Parts) + 1
	p := simulate.Part{
		Scenario: c.ID, Level: c.Level, Twin: c.Twin, Attack: !c.Twin, Start: at, Calls: 40, HarmUnit: "accounts entered",
		Detectors: []string{"credential_stuffing", "password_spraying"}, Entities: []simulate.Entity{{Kind: "client", Value: fakeAttacker}, {Kind: "endpoint", Value: "POST /v1/login"}},
		Callers: []string{fakeAttacker},
	}
	for i := range 40 {
		p.End = at
		w.login(at, netip.MustParseAddr(fakeAttacker), fmt.Sprintf("listed%d@mail.example", i), c.Twin, part)
		at = at.Add(20 * time.Second)
	}
	w.truth.Parts = append(w.truth.Parts, p)
}

func (w *fakeWorld) login(at time.Time, ip netip.Addr, name string, right bool, part int) {
	x := w.exchange(at, ip, name, "POST", "/v1/login", part)
	x.RequestBody, _ = json.Marshal(map[string]string{"email": name, "password": "secret" + name})
	x.Status, x.ResponseBody = 401, []byte(`{"error":"invalid_credentials"}`)
	if right {
		x.Status, x.ResponseBody = 200, []byte(`{"access_token":"`+token(name)+`","user":{"email":"`+name+`"}}`)
	}
	w.truth.Logins++
	w.list = append(w.list, x)
}

func (w *fakeWorld) get(at time.Time, ip netip.Addr, name string, order int) {
	x := w.exchange(at, ip, name, "GET", fmt.Sprintf("/v1/orders/%d", order), 0)
	x.RequestHeaders = append(x.RequestHeaders, simulate.Header{Name: "Authorization", Value: "Bearer " + token(name)})
	x.Status, x.ResponseBody = 200, fmt.Appendf(nil, `{"id":%d,"total":12.5}`, order)
	w.truth.Objects++
	w.list = append(w.list, x)
}

func token(name string) string { return fmt.Sprintf("sess_%032x", name) }

func (w *fakeWorld) exchange(at time.Time, ip netip.Addr, user, method, target string, part int) *simulate.Exchange {
	return &simulate.Exchange{
		AtNS: at.UnixNano() + int64(len(w.list)), DurationNS: 20e6, Peer: netip.AddrPortFrom(ip, uint16(2000+len(w.list)%30000)), Server: netip.MustParseAddrPort("10.0.0.9:80"),
		Conn: uint64(len(w.list)), Method: method, Target: target, Host: fakeHost,
		RequestHeaders:  []simulate.Header{{Name: "Host", Value: fakeHost}, {Name: "User-Agent", Value: "App/1"}, {Name: "Content-Type", Value: "application/json"}},
		ResponseHeaders: []simulate.Header{{Name: "Content-Type", Value: "application/json"}},
		Caller:          ip, User: user, Part: part,
	}
}

func (w *fakeWorld) Run(ctx context.Context, emit func(*simulate.Exchange) error) error {
	for _, x := range w.list {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := emit(x); err != nil {
			return err
		}
	}
	return nil
}

func (w *fakeWorld) Truth() *simulate.Truth { return &w.truth }
func (w *fakeWorld) Spec() []byte           { return nil }
