package standard

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"time"

	"lapwing/event"
)

// A mix makes decoded calls of a shop with many users, one after the other:
// sessions that log in, list, read what was listed, search the catalogue, put
// things into a cart and poll. It exists to measure, not to judge: the worlds
// that detection is judged by are those of package simulate.
type mix struct {
	rng      *rand.Rand
	at       time.Time
	gap      time.Duration // mean time between calls
	users    int
	n        uint64
	people   []mixPerson
	programs []mixProgram
	active   []mixSession
	mostLive int
	logins   int
	withIDs  int
}

type mixPerson struct {
	name, account string
	client        netip.Addr
	program       int
	token         string
	orders        []int64
}

type mixProgram struct{ agent, fingerprint string }

type mixSession struct {
	who  int
	step int
	left int
	seen []int64 // order numbers of the last list
}

// newMix makes a world of users, with mean gap between calls.
func newMix(seed uint64, users, live int, gap time.Duration) *mix {
	m := &mix{rng: rand.New(rand.NewPCG(seed, 17)), at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), gap: gap, users: users, mostLive: live}
	for i := range 240 {
		m.programs = append(m.programs, mixProgram{
			agent:       fmt.Sprintf("Mozilla/5.0 (Linux; Android %d) AppleWebKit/537.36 Chrome/%d.0.%d Mobile Safari/537.36", 9+i%6, 100+i%40, i),
			fingerprint: fmt.Sprintf("%016x", uint64(i+1)*0x9e3779b97f4a7c15),
		})
	}
	for i := range users {
		m.people = append(m.people, mixPerson{
			name: fmt.Sprintf("nm-%06x", i), account: fmt.Sprintf("nm-acc%06x", i),
			client: netip.AddrFrom4([4]byte{byte(20 + i>>18&0x3f), byte(i >> 10), byte(i >> 2), byte(i&3)<<6 | byte(m.rng.IntN(64))}), program: m.rng.IntN(len(m.programs)),
		})
		p := &m.people[i]
		for k := range 3 + m.rng.IntN(12) {
			p.orders = append(p.orders, int64(100_000+i+k*users))
		}
	}
	return m
}

func mixHash(space string, n int64) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(space) {
		h = (h ^ uint64(space[i])) * 1099511628211
	}
	h ^= uint64(n) * 0x9e3779b97f4a7c15
	h ^= h >> 29
	return h * 0xbf58476d1ce4e5b9
}

func intRef(response bool, in event.Place, name string, n int64) event.IDRef {
	return event.IDRef{Response: response, In: in, Name: name, Class: event.ClassInt, Hash: mixHash("int", n), Int: n}
}

var (
	orderKeys   = []string{"customer_id:int", "id:int", "items[].product_id:int", "items[].qty:int", "total:int"}
	ordersKeys  = []string{"items[].id:int", "items[].status:string", "items[].total:int", "next:string"}
	productKeys = []string{"id:int", "name:string", "price:int"}
	loginKeys   = []string{"email:string", "password:string"}
	tokenKeys   = []string{"access_token:string", "user.id:int"}
	pollKeys    = []string{"unread:int"}
	cartKeys    = []string{"product_id:int", "qty:int"}
)

// next returns the next call. The caller owns it.
func (m *mix) next() *event.Call {
	for len(m.active) < m.mostLive {
		m.active = append(m.active, mixSession{who: m.rng.IntN(m.users), left: 15 + m.rng.IntN(50)})
	}
	i := m.rng.IntN(len(m.active))
	s := &m.active[i]
	c := m.step(s)
	if s.left--; s.left == 0 {
		m.active[i] = m.active[len(m.active)-1]
		m.active = m.active[:len(m.active)-1]
	}
	m.n++
	m.at = m.at.Add(time.Duration(m.rng.Int64N(int64(2*m.gap) + 1)))
	c.Time, c.ID = m.at, event.MakeID(mixHash("id", int64(m.n)), m.n)
	c.Duration = time.Duration(2+m.rng.IntN(40)) * time.Millisecond
	if len(c.IDs) > 0 {
		m.withIDs++
	}
	return c
}

func (m *mix) step(s *mixSession) *event.Call {
	p := &m.people[s.who]
	prog := &m.programs[p.program]
	c := &event.Call{
		Sensor: "t", Client: p.client, ClientPort: 40000, Server: netip.AddrFrom4([4]byte{10, 0, 0, 5}), ServerPort: 443,
		Scheme: "https", Protocol: "http/1.1", Method: "GET", Host: "api.shop.example", Status: 200, UserAgent: prog.agent, Fingerprint: prog.fingerprint,
		Actor: event.Actor{Kind: event.KindUser, Value: p.name}, User: p.name, Token: p.token, Auth: event.AuthBearer, ResponseBytes: 600,
	}
	s.step++
	if s.step == 1 {
		m.logins++
		p.token = fmt.Sprintf("tok-%012x", mixHash("tok", int64(m.n))>>16)
		*c = event.Call{
			Sensor: "t", Client: p.client, ClientPort: 40000, Server: c.Server, ServerPort: 443, Scheme: "https", Protocol: "http/1.1",
			Method: "POST", Host: c.Host, Path: "/v1/login", PathShape: "/v1/login", Status: 200, UserAgent: prog.agent, Fingerprint: prog.fingerprint,
			Actor: event.Actor{Kind: event.KindClient, Value: p.client.String()}, Account: p.account, Auth: event.AuthNone,
			Flags: event.FlagSecretPresented | event.FlagMinted, RequestBytes: 60, ResponseBytes: 300,
			IDs: []event.IDRef{{Response: true, In: event.InBody, Name: "access_token", Class: event.ClassSecret, Hash: mixHash("tok", int64(m.n))},
				intRef(true, event.InBody, "user.id", int64(s.who))},
			Shape: event.Shape{Request: event.BodyShape{Type: "json", Keys: loginKeys, Hash: 11}, Response: event.BodyShape{Type: "json", Keys: tokenKeys, Hash: 12}},
		}
		if m.rng.IntN(12) == 0 { // mistyped
			c.Status, c.IDs, c.Flags, c.Shape.Response = 401, nil, event.FlagSecretPresented, event.BodyShape{Type: "json", Keys: []string{"error:string"}, Hash: 13}
			s.step = 0
		}
		return c
	}
	switch r := m.rng.IntN(100); {
	case r < 8 || len(s.seen) == 0 && r < 40: // the list of one's own orders
		c.Path, c.PathShape = "/v1/orders", "/v1/orders"
		c.Shape.Response = event.BodyShape{Type: "json", Keys: ordersKeys, Hash: 21, Items: len(p.orders)}
		for _, n := range p.orders {
			c.IDs = append(c.IDs, intRef(true, event.InBody, "items[].id", n))
		}
		s.seen = p.orders
	case r < 30: // one of them
		n := p.orders[m.rng.IntN(len(p.orders))]
		c.Path, c.PathShape = "/v1/orders/"+strconv.FormatInt(n, 10), "/v1/orders/{int}"
		c.IDs = []event.IDRef{intRef(false, event.InPath, "3", n), intRef(true, event.InBody, "id", n), intRef(true, event.InBody, "customer_id", int64(s.who)),
			intRef(true, event.InBody, "items[].product_id", n%5000)}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: orderKeys, Hash: 22, Items: 1}
	case r < 55: // the catalogue
		n := int64(m.rng.IntN(5000))
		c.Path, c.PathShape = "/v1/products/"+strconv.FormatInt(n, 10), "/v1/products/{int}"
		c.IDs = []event.IDRef{intRef(false, event.InPath, "3", n), intRef(true, event.InBody, "id", n)}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: productKeys, Hash: 23}
	case r < 62:
		c.Path, c.PathShape, c.Query = "/v1/products", "/v1/products", "q=shoe&page="+strconv.Itoa(1+m.rng.IntN(4))
		c.Shape.Response = event.BodyShape{Type: "json", Keys: ordersKeys, Hash: 24, Items: 20}
		for range 20 {
			c.IDs = append(c.IDs, intRef(true, event.InBody, "items[].id", int64(m.rng.IntN(5000))))
		}
	case r < 66:
		n := int64(m.rng.IntN(5000))
		c.Method, c.Path, c.PathShape, c.Status = "POST", "/v1/cart", "/v1/cart", 201
		c.IDs = []event.IDRef{intRef(false, event.InBody, "product_id", n)}
		c.Shape = event.Shape{Request: event.BodyShape{Type: "json", Keys: cartKeys, Hash: 25}, Response: event.BodyShape{Type: "json", Keys: pollKeys, Hash: 26}}
	case r < 67:
		c.Path, c.PathShape, c.Status = "/v1/orders/"+strconv.Itoa(90+m.rng.IntN(9)), "/v1/orders/{int}", 404
		c.IDs = []event.IDRef{intRef(false, event.InPath, "3", int64(90+m.rng.IntN(9)))}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: []string{"error:string"}, Hash: 13}
	default:
		c.Path, c.PathShape = [...]string{"/v1/notifications", "/v1/me", "/v1/cart", "/v1/categories"}[r%4], ""
		c.PathShape = c.Path
		c.Shape.Response = event.BodyShape{Type: "json", Keys: pollKeys, Hash: 31 + uint64(r%4)}
	}
	return c
}

// stuffing, walking and scraping calls of three attackers, to be strewn in.
func (m *mix) attack(kind, n int) *event.Call {
	c := &event.Call{
		Sensor: "t", Server: netip.AddrFrom4([4]byte{10, 0, 0, 5}), ServerPort: 443, Scheme: "https", Protocol: "http/1.1", Method: "GET", Host: "api.shop.example",
		Status: 200, UserAgent: "python-requests/2.31", Fingerprint: "00000000deadbeef", ResponseBytes: 600, Auth: event.AuthBearer,
	}
	c.Client = netip.AddrFrom4([4]byte{203, 0, 113, byte(60 + kind)})
	c.Actor = event.Actor{Kind: event.KindUser, Value: fmt.Sprintf("nm-evil%d", kind)}
	c.User = c.Actor.Value
	switch kind {
	case 0:
		c.Method, c.Path, c.PathShape, c.Status = "POST", "/v1/login", "/v1/login", 401
		c.Actor, c.User, c.Auth = event.Actor{Kind: event.KindClient, Value: c.Client.String()}, "", event.AuthNone
		c.Account = fmt.Sprintf("nm-leak%05d", n)
		c.Flags = event.FlagSecretPresented
		c.Shape = event.Shape{Request: event.BodyShape{Type: "json", Keys: loginKeys, Hash: 11}, Response: event.BodyShape{Type: "json", Keys: []string{"error:string"}, Hash: 13}}
	case 1:
		p := &m.people[n%m.users]
		id := p.orders[0]
		c.Path, c.PathShape = "/v1/orders/"+strconv.FormatInt(id, 10), "/v1/orders/{int}"
		c.IDs = []event.IDRef{intRef(false, event.InPath, "3", id), intRef(true, event.InBody, "id", id), intRef(true, event.InBody, "customer_id", int64(n%m.users))}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: orderKeys, Hash: 22}
	case 2: // a page of the catalogue, then what was on it
		c.Actor, c.User, c.Auth = event.Actor{Kind: event.KindClient, Value: c.Client.String()}, "", event.AuthNone
		if n%6 == 0 {
			c.Path, c.PathShape, c.Query = "/v1/products", "/v1/products", "q=&page="+strconv.Itoa(1+n/6)
			c.Shape.Response = event.BodyShape{Type: "json", Keys: ordersKeys, Hash: 24, Items: 5}
			for k := range 5 {
				c.IDs = append(c.IDs, intRef(true, event.InBody, "items[].id", int64(n+k+1)))
			}
			break
		}
		id := int64(n)
		c.Path, c.PathShape = "/v1/products/"+strconv.FormatInt(id, 10), "/v1/products/{int}"
		c.IDs = []event.IDRef{intRef(false, event.InPath, "3", id), intRef(true, event.InBody, "id", id)}
		c.Shape.Response = event.BodyShape{Type: "json", Keys: productKeys, Hash: 23}
	}
	c.Time = m.at
	m.n++
	binary.BigEndian.PutUint64(c.ID[:8], mixHash("id", int64(m.n)))
	binary.BigEndian.PutUint64(c.ID[8:], m.n)
	return c
}
