package sample

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The shop's operations, apart from logging in.

// open starts a session and returns its token (a JWT, RFC 7519, HS256) and the
// cookie older pages use instead.
func (s *shop) open(a *account, at time.Duration) (token, cookie string) {
	b64 := base64.RawURLEncoding
	issued := Start.Add(at).Unix()
	head := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`))
	claims := fmt.Sprintf(`{"iss":"http://%s","sub":%q,"sid":"%016x","iat":%d,"exp":%d}`, Host, a.ID, s.rng.Uint64(), issued, issued+3600)
	signed := head + "." + b64.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte("only the shop knows"))
	mac.Write([]byte(signed))
	token = signed + "." + b64.EncodeToString(mac.Sum(nil))
	cookie = fmt.Sprintf("shop_sid=%016x%016x", s.rng.Uint64(), s.rng.Uint64())
	s.sessions[token], s.sessions[cookie] = a, a
	return token, cookie
}

// page is one page of products; lists show less than the details do.
type page struct {
	Page  int       `json:"page"`
	Pages int       `json:"pages"`
	Total int       `json:"total"`
	Items []summary `json:"items"`
}

type summary struct {
	ID    int    `json:"id"`
	Slug  string `json:"slug"`
	Name  string `json:"name"`
	Price money  `json:"price"`
	Image string `json:"image"`
}

func (s *shop) list(q url.Values) reply {
	var all []*product
	for i, p := range s.products {
		if c := q.Get("category"); c != "" && p.Category != c {
			continue
		}
		if q.Get("updatedSince") != "" && i%23 != 0 { // a few articles changed lately
			continue
		}
		all = append(all, p)
	}
	size, _ := strconv.Atoi(q.Get("limit"))
	if size <= 0 || size > 100 {
		size = perPage
	}
	n, _ := strconv.Atoi(q.Get("page"))
	n = max(n, 1)
	out := page{Page: n, Pages: (len(all) + size - 1) / size, Total: len(all), Items: []summary{}}
	for i := (n - 1) * size; i < min(n*size, len(all)); i++ {
		p := all[i]
		out.Items = append(out.Items, summary{p.ID, p.Slug, p.Name, p.Price, p.Image})
	}
	return reply{status: 200, value: out}
}

func (s *shop) search(term string) reply {
	out := page{Page: 1, Pages: 1, Items: []summary{}}
	for _, p := range s.products {
		if strings.Contains(strings.ToLower(p.Name), strings.ToLower(term)) && len(out.Items) < perPage {
			out.Items = append(out.Items, summary{p.ID, p.Slug, p.Name, p.Price, p.Image})
		}
	}
	out.Total = len(out.Items)
	return reply{status: 200, value: out, work: between(s.rng, 30*time.Millisecond, 120*time.Millisecond)}
}

type review struct {
	Stars int    `json:"stars"`
	By    string `json:"by"`
	Text  string `json:"text"`
}

func (s *shop) reviews(id int) reply {
	if s.byID[id] == nil {
		return notFound
	}
	r := rand.New(rand.NewPCG(uint64(id), 7))
	out := make([]review, r.IntN(6))
	for i := range out {
		out[i] = review{1 + r.IntN(5), pick(r, firstNames), pick(r, phrases)}
	}
	return reply{status: 200, value: map[string]any{"productId": id, "reviews": out}}
}

type order struct {
	ID       int      `json:"id"`
	Placed   string   `json:"placedAt"`
	Status   string   `json:"status"`
	Customer profile  `json:"customer"`
	ShipTo   *address `json:"shipTo"`
	Lines    []line   `json:"lines"`
	Total    money    `json:"total"`
}

// readOrder forgets to ask whose order it is. Some numbers were given out
// and never became an order.
func (s *shop) readOrder(id int) reply {
	r := rand.New(rand.NewPCG(uint64(id), 17))
	owner := s.owners[id]
	if id > s.order || id < 200000 || owner == nil && r.IntN(40) == 0 {
		return notFound
	}
	if owner == nil {
		owner = newAccount(r, 5000+r.IntN(80000))
	}
	o := order{
		ID: id, Placed: Start.Add(-time.Duration(s.order-id) * 9 * time.Minute).UTC().Format(time.RFC3339),
		Status: pick(r, []string{"delivered", "delivered", "shipped", "paid"}), Customer: profile{owner.ID, owner.Email, owner.Name}, ShipTo: owner.Address,
	}
	for i := range 1 + r.IntN(3) {
		p := pick(r, s.products)
		o.Lines = append(o.Lines, line{ID: id*10 + i, Product: p.ID, Count: 1 + r.IntN(2)})
		o.Total.Amount += p.Price.Amount
	}
	o.Total.Currency = "EUR"
	return reply{status: 200, value: o}
}

// own answers what concerns the customer who is logged in.
func (s *shop) own(q *incoming, p []string, query url.Values) reply {
	u := q.user
	switch op := q.method + " /" + strings.Join(p, "/"); {
	case op == "GET /v1/me":
		return reply{status: 200, value: u}
	case op == "GET /v1/me/address":
		return reply{status: 200, value: u.Address}
	case op == "PUT /v1/me/address":
		return reply{status: 200, body: q.body}
	case op == "POST /v1/logout":
		delete(s.sessions, q.token)
		delete(s.sessions, q.cookie)
		return reply{status: 204}
	case op == "GET /v1/users/"+u.ID+"/wishlist":
		return reply{status: 200, value: map[string]any{"userId": u.ID, "productIds": u.wishes}}
	case op == "GET /v1/notifications":
		n := s.notes[u.ID]
		if s.rng.IntN(12) == 0 {
			n++
			s.notes[u.ID] = n
		}
		return reply{status: 200, value: map[string]any{"unread": n}, work: between(s.rng, 3*time.Millisecond, 9*time.Millisecond)}
	case op == "GET /v1/orders":
		list := []map[string]any{}
		for i := len(u.orders) - 1; i >= 0; i-- {
			list = append(list, map[string]any{"id": u.orders[i], "status": "paid"})
		}
		return reply{status: 200, value: map[string]any{"orders": list}}
	case op == "POST /v1/orders":
		if len(u.cart) == 0 {
			return problem(409, "empty_cart", "nothing to order")
		}
		s.order += 1 + s.rng.IntN(3) // other channels share the sequence
		s.owners[s.order] = u
		u.orders, u.cart = append(u.orders, s.order), nil
		return reply{status: 201, value: map[string]any{"id": s.order, "status": "paid"}, headers: []string{fmt.Sprintf("Location: /v1/orders/%d", s.order)},
			work: between(s.rng, 200*time.Millisecond, 700*time.Millisecond)}
	case op == "GET /v1/cart":
		return reply{status: 200, value: map[string]any{"items": append([]line{}, u.cart...)}}
	case op == "POST /v1/cart/items":
		s.item++
		l := line{ID: s.item, Product: 0, Count: 1}
		if _, err := fmt.Sscanf(string(q.body), `{"productId":%d`, &l.Product); err != nil || s.byID[l.Product] == nil {
			return problem(400, "bad_request", "no such product")
		}
		u.cart = append(u.cart, l)
		return reply{status: 201, value: l}
	case strings.HasPrefix(op, "DELETE /v1/cart/items/"):
		for i, l := range u.cart {
			if strconv.Itoa(l.ID) == p[3] {
				u.cart = append(u.cart[:i:i], u.cart[i+1:]...)
				return reply{status: 204}
			}
		}
	}
	return notFound
}

// export is the endpoint the document leaves out: it was meant for a job inside.
func (s *shop) export(q url.Values) reply {
	n, _ := strconv.Atoi(q.Get("page"))
	n = max(n, 1)
	var rows []map[string]any
	for i := (n - 1) * 40; i < min(n*40, len(s.accounts)); i++ {
		a := s.accounts[i]
		rows = append(rows, map[string]any{"id": a.ID, "email": a.Email, "name": a.Name, "phone": a.Phone, "orders": len(a.orders)})
	}
	return reply{status: 200, value: map[string]any{"table": "customers", "page": n, "rows": rows}, work: between(s.rng, 150*time.Millisecond, 400*time.Millisecond)}
}
