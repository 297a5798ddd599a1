package objects

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// mixed makes the observations of a busy API: lists of twenty, single objects
// with the references around them, creations, calls without any identifier.
func mixed(actors, calls int) []detect.Observation {
	rng := rand.New(rand.NewPCG(8, 9))
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	kinds := [...]struct {
		share                      int
		method, path, name, second string
		status, listed             int
	}{
		{20, "GET", "/api/v1/orders", "data[].id", "data[].customer_id", 200, 20},
		{30, "GET", "/api/v1/orders/%d", "id", "customer_id", 200, 1},
		{10, "GET", "/api/v1/orders/%d/items", "items[].id", "items[].product_id", 200, 5},
		{15, "GET", "/api/v1/products", "products[].id", "products[].vendor_id", 200, 20},
		{10, "POST", "/api/v1/carts", "id", "user_id", 201, 1},
		{15, "GET", "/api/v1/status", "", "", 200, 0},
	}
	id := func(class event.Class, in event.Place, response bool, name string, v int) event.IDRef {
		return event.IDRef{Response: response, In: in, Name: name, Class: class, Int: int64(v), Hash: state.Hash(5, strconv.Itoa(v))}
	}
	out := make([]detect.Observation, calls)
	for i := range out {
		n, k := rng.IntN(100), 0
		for n >= kinds[k].share {
			n -= kinds[k].share
			k++
		}
		kind, who := kinds[k], rng.IntN(actors)
		object := 1_000_000 + who*100 + rng.IntN(100)
		at = at.Add(time.Duration(rng.IntN(2_000_000)))
		c := &event.Call{
			ID: event.MakeID(uint64(i), 1), Time: at, Duration: 10 * time.Millisecond, Method: kind.method, Host: "api.shop.example",
			Path: kind.path, PathShape: kind.path, Status: kind.status, Fingerprint: "0123456789abcdef",
			Client: netip.AddrFrom4([4]byte{10, byte(who >> 16), byte(who >> 8), byte(who)}), Actor: event.Actor{Kind: event.KindUser, Value: fmt.Sprint("user-", who)},
		}
		c.Shape.Response.Type = "json"
		o := &out[i]
		*o = detect.Observation{Call: c, AtNS: c.End().UnixNano(), Actor: state.Hash(1, c.Actor.Value), Source: state.Hash(2, c.Client.String()), Client: state.Hash(3, c.Client.String())}
		if k == 1 || k == 2 {
			c.Path, c.PathShape = fmt.Sprintf(kind.path, object), "/api/v1/orders/{int}"+kind.path[len("/api/v1/orders/%d"):]
			c.IDs = append(c.IDs, id(event.ClassInt, event.InPath, false, "4", object))
		}
		for j := range kind.listed {
			v := object
			if k == 3 {
				v = rng.IntN(20_000)
			} else if j > 0 {
				v = 1_000_000 + who*100 + (object+j)%100
			}
			c.IDs = append(c.IDs, id(event.ClassInt, event.InBody, true, kind.name, v), id(event.ClassInt, event.InBody, true, kind.second, who))
		}
		if k == 1 || k == 2 {
			o.Object = &c.IDs[0]
		}
		o.Route = detect.Route{Family: state.Hash(4, c.PathShape), Template: c.PathShape, Standing: detect.Established}
	}
	return out
}

// relay delivers facts at once, as one process does within a tick.
type relay struct {
	s     *Stage
	facts []detect.Fact
	alarm int
}

func (r *relay) Fact(to string, key uint64, payload any) {
	r.facts = append(r.facts, detect.Fact{To: to, Key: key, Payload: payload})
}
func (r *relay) Suspect(*detect.Suspicion)           { r.alarm++ }
func (r *relay) Acquit(string, event.Entity, string) {}
func (r *relay) deliver(nowNS int64) {
	for i := 0; i < len(r.facts); i++ {
		f := r.facts[i]
		if f.To == Name {
			f.AtNS = nowNS
			r.s.fact(&f, r)
		}
	}
	clear(r.facts)
	r.facts = r.facts[:0]
}

// The mix is judged again and again, after one round that fills the tables:
// what is measured is the steady state, in which most of what a response
// discloses is known. Times stand still, which no detector here minds.
func BenchmarkObserve(b *testing.B) {
	observations := mixed(20_000, 100_000)
	s := New(1)
	out := &relay{s: s}
	round := func(i int) {
		o := &observations[i%len(observations)]
		s.observe(o, out)
		out.deliver(o.AtNS)
	}
	for i := range observations {
		round(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		round(i)
		i++
	}
	b.ReportMetric(float64(out.alarm), "alarms")
}

// The first round alone, in which every disclosure is news.
func BenchmarkObserveFresh(b *testing.B) {
	observations := mixed(20_000, 100_000)
	b.ReportAllocs()
	for b.Loop() {
		s := New(1)
		out := &relay{s: s}
		for i := range observations {
			s.observe(&observations[i], out)
			out.deliver(observations[i].AtNS)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(observations)), "ns/call")
}
