package sample

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	active   = 300 // accounts whose people may show up
	dormant  = 900 // accounts nobody uses today
	articles = 648
	perPage  = 20
)

// shop is the server's state. Its one fault: reading an order does not ask
// whose it is.
type shop struct {
	rng      *rand.Rand
	products []*product
	byID     map[int]*product
	accounts []*account
	byEmail  map[string]*account
	sessions map[string]*account // by token and by cookie
	owners   map[int]*account    // of orders that somebody in the recording placed
	notes    map[string]int      // notifications an account has waiting
	order    int                 // last order number given out
	item     int
	v4, v6   netip.Addr
	hosts    map[netip.Addr]*host
}

// incoming is a request as the server sees it.
type incoming struct {
	method, path, token, cookie, key, etag string
	body                                   []byte
	at                                     time.Duration
	fails                                  bool // the gateway will not reach a worker
	user                                   *account
}

// reply is an answer before the gateway writes it. value is what body says, for
// the agent to read.
type reply struct {
	status       int
	body         []byte
	value        any
	kind         string // content type, JSON unless set
	etag, cookie string
	headers      []string
	work         time.Duration
}

func newShop(r *rand.Rand) *shop {
	s := &shop{
		rng: r, products: newProducts(r, articles), byID: map[int]*product{}, byEmail: map[string]*account{}, sessions: map[string]*account{},
		owners: map[int]*account{}, notes: map[string]int{}, order: 284310, item: 771000,
		v4: netip.MustParseAddr("192.0.2.10"), v6: netip.MustParseAddr("2001:db8:10::10"), hosts: map[netip.Addr]*host{},
	}
	for _, ip := range []netip.Addr{s.v4, s.v6} {
		s.hosts[ip] = &host{ip: ip, mac: []byte{2, 0, 0x5e, 0, 0, 0x10}, ttl: 64, mss: 1460, stamps: true, window: 501, ports: map[uint16]bool{}}
	}
	s.hosts[s.v6].mss = 1440
	for _, p := range s.products {
		s.byID[p.ID] = p
	}
	for n := range active + dormant {
		a := newAccount(r, n)
		s.accounts = append(s.accounts, a)
		s.byEmail[a.Email] = a
		for range r.IntN(6) { // earlier orders, among those of everyone else
			id := s.order - r.IntN(9000)
			if s.owners[id] == nil {
				s.owners[id] = a
				a.orders = append(a.orders, id)
			}
		}
		slices.Sort(a.orders)
		for range r.IntN(5) {
			a.wishes = append(a.wishes, pick(r, s.products).ID)
		}
	}
	return s
}

// address is the server's side towards a client.
func (s *shop) address(client netip.Addr) *host {
	if client.Is4() {
		return s.hosts[s.v4]
	}
	return s.hosts[s.v6]
}

// handle answers a request.
func (s *shop) handle(q *incoming) reply {
	u, err := url.Parse(q.path)
	if err != nil {
		return problem(400, "bad_request", "malformed request target")
	}
	if q.fails {
		return reply{status: 502, kind: "text/html", work: between(s.rng, 2*time.Second, 5*time.Second),
			body: []byte("<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")}
	}
	q.user = s.sessions[q.token]
	if q.user == nil {
		q.user = s.sessions[q.cookie]
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	res := s.route(q, parts, u.Query())
	if res.work == 0 {
		res.work = between(s.rng, 6*time.Millisecond, 45*time.Millisecond)
	}
	if res.body == nil && res.value != nil {
		res.body = marshal(res.value)
	}
	if q.method == "GET" && res.status == 200 && len(parts) > 1 && parts[0] == "v1" {
		h := fnv.New64a()
		h.Write(res.body)
		res.etag = fmt.Sprintf("W/\"%x\"", h.Sum64())
		if res.etag == q.etag {
			return reply{status: 304, etag: res.etag, value: res.value, work: res.work}
		}
	}
	return res
}

func problem(status int, code, message string) reply {
	return reply{status: status, body: []byte(fmt.Sprintf(`{"error":{"code":%q,"message":%q}}`, code, message))}
}

var (
	notFound  = problem(404, "not_found", "no such resource")
	loginNeed = problem(401, "unauthorized", "log in first")
)

// route finds the operation. What needs a session is below the check for one.
func (s *shop) route(q *incoming, p []string, query url.Values) reply {
	at := func(i int) string {
		if i < len(p) {
			return p[i]
		}
		return ""
	}
	number, _ := strconv.Atoi(at(2)) // 0 when it is none: no product or order has it
	switch op := q.method + " /" + at(0) + "/" + at(1); {
	case q.path == "/healthz":
		return reply{status: 200, value: map[string]string{"status": "ok"}, work: 2 * time.Millisecond}
	case op == "POST /v1/login":
		return s.login(q)
	case op == "POST /v1/password-reset":
		return reply{status: 202, value: map[string]string{"status": "sent"}}
	case op == "GET /v1/categories":
		return reply{status: 200, value: categories}
	case op == "GET /v1/products" && at(2) == "":
		return s.list(query)
	case op == "GET /v1/products" && at(3) == "reviews":
		return s.reviews(number)
	case op == "GET /v1/products" && at(3) == "":
		if v := s.byID[number]; v != nil {
			return reply{status: 200, value: v}
		}
		return notFound
	case op == "GET /v1/search":
		return s.search(query.Get("q"))
	case op == "GET /internal/export":
		return s.export(query)
	case at(0) != "v1":
		return reply{status: 404, kind: "text/html", work: time.Millisecond,
			body: []byte("<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")}
	case q.user == nil:
		return loginNeed
	case op == "GET /v1/orders" && at(2) != "":
		return s.readOrder(number)
	}
	return s.own(q, p, query)
}

// credentials are the body of a login.
type credentials struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

type session struct {
	Token   string  `json:"token,omitempty"`
	Expires int     `json:"expiresIn"`
	User    profile `json:"user"`
}

type profile struct {
	ID    string `json:"id"`
	Email string `json:"email"`
	Name  string `json:"name"`
}

// login takes as long for an unknown account as for a wrong password.
func (s *shop) login(q *incoming) reply {
	var c credentials
	if err := json.Unmarshal(q.body, &c); err != nil {
		return problem(400, "bad_request", "malformed body")
	}
	work := between(s.rng, 90*time.Millisecond, 160*time.Millisecond)
	a := s.byEmail[c.Email]
	if a == nil || a.password != c.Password {
		r := problem(401, "invalid_credentials", "email or password is wrong")
		r.work = work
		return r
	}
	token, cookie := s.open(a, q.at)
	return reply{status: 200, cookie: cookie, work: work, value: session{Token: token, Expires: 3600, User: profile{a.ID, a.Email, a.Name}}}
}
