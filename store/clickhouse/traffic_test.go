package clickhouse

import (
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"lapwing/event"
)

// traffic makes calls as a shop's API sees them, for measuring: 12 hosts, 180
// routes, 20,000 users of whom few make most calls, about three identifiers a
// call. IDs, hashes and tokens are random, as they are in earnest.
type traffic struct {
	random *rand.Rand
	users  *rand.Zipf
	at     time.Time
	every  time.Duration // between calls, on average
	keys   [][]string    // of each route's response
}

func newTraffic(seed uint64, perSecond float64) *traffic {
	t := &traffic{random: rand.New(rand.NewPCG(seed, 7)), at: time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC), every: time.Duration(1e9 / perSecond)}
	t.users = rand.NewZipf(t.random, 1.1, 20, 20_000)
	for route := range 180 {
		var keys []string
		for k := range 4 + route%12 {
			keys = append(keys, fmt.Sprintf("items[].field_%d_%d:string", route, k))
		}
		t.keys = append(t.keys, keys)
	}
	return t
}

func (t *traffic) call() *event.Call {
	r := t.random
	t.at = t.at.Add(time.Duration(r.ExpFloat64() * float64(t.every)))
	user := t.users.Uint64()
	own := rand.New(rand.NewPCG(user, 1))
	route := int(180 * math.Pow(r.Float64(), 3))
	object := r.IntN(2_000_000)
	c := &event.Call{
		ID: event.MakeID(r.Uint64(), r.Uint64()), Time: t.at, Duration: time.Duration(math.Exp(r.NormFloat64()*0.8 + 16.5)), Sensor: "edge-1",
		Client: netip.AddrFrom4([4]byte{byte(own.Uint32()), byte(own.Uint32()), byte(own.Uint32()), byte(own.Uint32())}), ClientPort: uint16(1024 + r.IntN(60_000)),
		Server: netip.AddrFrom4([4]byte{10, 0, 0, byte(route % 12)}), ServerPort: 8080, Scheme: "http", Protocol: "http/1.1",
		Method: []string{"GET", "GET", "GET", "POST", "PUT", "DELETE"}[route%6], Host: fmt.Sprintf("api-%d.example.com", route%12),
		Path: fmt.Sprintf("/v1/resource-%d/%d", route, object), PathShape: fmt.Sprintf("/v1/resource-%d/{int}", route),
		Status: []int{200, 200, 200, 200, 200, 200, 201, 304, 404, 500}[r.IntN(10)], RequestBytes: int64(route%3) * int64(r.IntN(900)), ResponseBytes: int64(r.IntN(20_000)),
		UserAgent: fmt.Sprintf("Mozilla/5.0 (device %d) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0 Safari/537.36", own.IntN(60), 120+own.IntN(20)),
		User:      fmt.Sprintf("nm-%016x%08x", own.Uint64(), own.Uint32()), Tenant: fmt.Sprintf("nm-%08x", user%50),
		Token: fmt.Sprintf("tok-%012x", own.Uint64()>>16), Auth: event.AuthJWT, Fingerprint: fmt.Sprintf("%016x", (user%80)*0x9e3779b97f4a7c15),
		IDs: []event.IDRef{{In: event.InPath, Name: "3", Class: event.ClassInt, Hash: uint64(object) * 0x9e3779b97f4a7c15, Int: int64(object)}},
	}
	c.Peer = netip.AddrPortFrom(c.Client, c.ClientPort)
	c.Actor = event.Actor{Kind: event.KindUser, Value: c.User}
	if route%3 == 0 {
		c.Query = fmt.Sprintf("page=%d&sort=name", r.IntN(20))
	}
	for k := range route % 5 {
		c.IDs = append(c.IDs, event.IDRef{Response: true, In: event.InBody, Name: t.keys[route][k%4], Class: event.ClassUUID, Hash: r.Uint64()})
	}
	c.Shape.Response = event.BodyShape{Type: "json", Keys: t.keys[route], Hash: uint64(route+1) * 0x9e3779b97f4a7c15, Items: r.IntN(20)}
	if route%10 == 0 {
		c.Sensitive.Response = []string{"email"}
	}
	return c
}

func (t *traffic) calls(n int) []*event.Call {
	out := make([]*event.Call, n)
	for i := range out {
		out[i] = t.call()
	}
	return out
}
