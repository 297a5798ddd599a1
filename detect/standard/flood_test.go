package standard

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"lapwing/detect"
	"lapwing/detect/inventory"
	"lapwing/event"
)

var floodActors = flag.Int("flood", 300_000, "distinct actors of the flood test; 10_000_000 takes some minutes")

// maxFloodBytes is what detection may hold, however many actors come. Its
// tables are bounded one by one: two million actors were seen to take 451 MB,
// 300,000 of them 382.
const maxFloodBytes = 800 << 20

// crowdCall is the one call of the i-th actor of a flood: a new address and a
// new program each time, and of every four one that logs in, one that reads a
// list of its own, one that reads a product and one that polls.
func (m *mix) crowdCall(i int) *event.Call {
	h := mixHash("crowd", int64(i))
	c := &event.Call{
		Sensor: "t", Client: netip.AddrFrom4([4]byte{byte(60 + h>>56&63), byte(h >> 48), byte(h >> 40), byte(h >> 32)}), Server: netip.AddrFrom4([4]byte{10, 0, 0, 5}), ServerPort: 443,
		Scheme: "https", Protocol: "http/1.1", Method: "GET", Host: "api.shop.example", Status: 200, UserAgent: m.programs[i%len(m.programs)].agent,
		Fingerprint: fmt.Sprintf("%016x", h), ResponseBytes: 400, Auth: event.AuthNone, Duration: 10 * time.Millisecond,
	}
	c.Actor = event.Actor{Kind: event.KindClient, Value: c.Client.String()}
	known := func() {
		c.Actor = event.Actor{Kind: event.KindUser, Value: "nm-c" + strconv.Itoa(i)}
		c.User, c.Auth, c.Token = c.Actor.Value, event.AuthBearer, fmt.Sprintf("tok-%012x", h>>16)
	}
	switch i % 4 {
	case 0:
		c.Method, c.Path, c.PathShape, c.Account = "POST", "/v1/login", "/v1/login", "nm-a"+strconv.Itoa(i)
		c.Flags = event.FlagSecretPresented | event.FlagMinted
		c.IDs = []event.IDRef{{Response: true, In: event.InBody, Name: "access_token", Class: event.ClassSecret, Hash: h}, intRef(true, event.InBody, "user.id", int64(50_000_000+i))}
		c.Shape = event.Shape{Request: event.BodyShape{Type: "json", Keys: loginKeys, Hash: 11}, Response: event.BodyShape{Type: "json", Keys: tokenKeys, Hash: 12}}
	case 1:
		known()
		c.Path, c.PathShape = "/v1/orders", "/v1/orders"
		c.Shape.Response = event.BodyShape{Type: "json", Keys: ordersKeys, Hash: 21, Items: 3}
		for k := range 3 {
			c.IDs = append(c.IDs, intRef(true, event.InBody, "items[].id", int64(70_000_000+4*i+k)))
		}
	case 2:
		id := int64(h % 5000)
		c.Path, c.PathShape = "/v1/products/"+strconv.FormatInt(id, 10), "/v1/products/{int}"
		c.IDs = []event.IDRef{intRef(false, event.InPath, "3", id), intRef(true, event.InBody, "id", id)}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: productKeys, Hash: 23}
	default:
		known()
		c.Path, c.PathShape = "/v1/notifications", "/v1/notifications"
		c.Shape.Response = event.BodyShape{Type: "json", Keys: pollKeys, Hash: 31}
	}
	m.n++
	m.at = m.at.Add(time.Duration(m.rng.Int64N(int64(2*m.gap) + 1)))
	c.Time, c.ID = m.at, event.MakeID(mixHash("id", int64(m.n)), m.n)
	return c
}

// Millions of actors that come once neither grow detection beyond its bound
// nor hide who stuffs, who reads what belongs to others, and who takes the
// catalogue, each at a few calls a minute of a flood of thousands a second.
func TestFloodHidesNobody(t *testing.T) {
	actors := *floodActors
	if testing.Short() {
		actors = min(actors, 40_000)
	}
	found := map[string]time.Time{}
	raised := map[string]int{}
	cfg := &Config{Sensor: "t", Seed: 1}
	list := stages(cfg, inventory.New(inventory.Config{Seed: 1}))
	e := detect.New(detect.Config{Sensor: "t", Seed: 1}, func(a event.Alert) {
		key := a.Detector + " " + a.Entity.Value
		if _, ok := found[key]; !ok && a.Severity >= event.Medium {
			found[key] = a.DetectedAt
			raised[a.Detector]++
		}
	}, list...)
	m := newMix(3, 2000, 300, 2*time.Millisecond)
	n := 0
	observe := func(c *event.Call) {
		e.Observe(c)
		if n++; n%512 == 0 {
			e.Advance(c.End().UnixNano() - 5e9)
		}
	}
	for range 40_000 { // everyday life, from which routes and owners are learned
		observe(m.next())
	}
	const attackers = 3
	var attacked [attackers]int
	every := max(actors/250, 40) // 250 steps of each attack in the whole flood
	for i := range actors {
		observe(m.crowdCall(i))
		if i%4 == 0 {
			observe(m.next())
		}
		for k := range attackers {
			steps := 1
			if k == 2 {
				steps = 6 // a catalogue takes longer
			}
			for s := range steps {
				if i%every == k*every/attackers+s*(every/(8*steps)+1) {
					observe(m.attack(k, attacked[k]))
					attacked[k]++
				}
			}
		}
	}
	e.Advance(m.at.UnixNano() + 60e9)
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	total := int64(0)
	sizes := byTable(list)
	for _, k := range slices.SortedFunc(maps.Keys(sizes), func(a, b string) int { return cmp.Compare(sizes[b], sizes[a]) }) {
		if total += sizes[k]; sizes[k] > 4<<20 {
			t.Logf("%-28s %4d MB", k, sizes[k]>>20)
		}
	}
	t.Logf("%d actors, %d calls: %d MB of tables, %d MB of heap, %d bytes an actor; attacks of %v calls; raised %v", actors, n, total>>20, mem.HeapAlloc>>20, total/int64(actors), attacked, raised)
	if mem.HeapAlloc > maxFloodBytes {
		t.Errorf("%d MB of heap, want at most %d", mem.HeapAlloc>>20, maxFloodBytes>>20)
	}
	for _, want := range []string{"credential_stuffing 203.0.113.60", "bola nm-evil1", "scraping 203.0.113.62"} {
		if _, ok := found[want]; !ok {
			t.Errorf("%s was not found", want)
		}
	}
	e.Close()
}
