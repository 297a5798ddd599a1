package simulate

import (
	"net/netip"
	"strconv"
)

// Attacks on the surface: what else is there, in which version, and what the
// description of the API gives away. Floods that want to hide something.

// A fuzzing asks for paths of a word list.
type fuzzing struct {
	gap     float64
	count   int
	sources int
	where   place
	dress   dress
	from    int  // first word
	shuffle bool // not in the order of the list
}

func (x *raid) fuzz(f fuzzing) {
	net := x.net(f.where, f.sources, f.dress)
	order := permute(uint64(f.count), x.r.Uint64())
	base := x.app.style.prefix
	for i := 0; i < f.count && x.pause(x.pace(f.gap, .6, 0)); i++ {
		n := i
		if f.shuffle {
			n = int(order.at(uint64(i)))
		}
		q := request{method: "GET", path: fuzzPath(base, f.from+n), anonymous: true}
		if x.twin {
			q = x.broken(i)
		}
		if p := x.do(net.next(x), q); p.limited {
			x.pause(20)
		}
	}
}

// broken is what a client with an error in it asks for: a few paths that are
// gone, over and over, from everyone who has that version.
func (x *raid) broken(i int) request {
	gone := [...]string{"/assets/runtime.4f1c.js", "/config/remote-v3", "/banners/current"}
	return request{method: "GET", path: x.app.style.prefix + gone[i%len(gone)], anonymous: true,
		extra: []Header{{"Referer", x.w.origins[0] + "/"}}}
}

// versions asks for known things under other versions, methods and suffixes,
// and for what is usually forgotten.
func (x *raid) versions(gap float64, count, sources int, where place, d dress) {
	net := x.net(where, sources, d)
	var known []string
	for _, op := range x.app.ops {
		if op.documented && op.res != nil && op.kind == opList && op.ids == 0 {
			known = append(known, op.parts[0])
		}
	}
	if len(known) == 0 {
		known = []string{x.app.style.prefix + "/status"}
	}
	prefix := x.app.style.prefix
	for i := 0; i < count && x.pause(x.pace(gap, .6, 0)); i++ {
		path := known[i%len(known)]
		rest := path[min(len(prefix), len(path)):]
		method := "GET"
		switch k := i / len(known); {
		case k < 5:
			path = "/v" + strconv.Itoa(1+k) + rest
		case k < 8:
			path = []string{"/api/beta", "/internal", "/api/internal"}[k-5] + rest
		case k < 11:
			method = []string{"OPTIONS", "PUT", "DELETE"}[k-8]
		case k < 15:
			path += []string{".json", "/all", "/export", "/count"}[k-11]
		default:
			path = "/internal/" + []string{"export", "debug", "metrics/users", "dump", "cache/stats", "health", "jobs", "users"}[i%8]
		}
		p := x.do(net.next(x), request{method: method, path: path, anonymous: true})
		if p.limited {
			x.pause(20)
		}
	}
}

// describe reads the description of the API where it usually stands, or asks
// GraphQL for it, and then tries what it says.
func (x *raid) describe(gap float64, count int, where place, d dress) {
	c := x.net(where, 1, d).next(x)
	for _, path := range [...]string{"/openapi.json", "/swagger.json", "/v3/api-docs", "/docs/openapi.json", "/swagger-ui.html", "/api-docs", "/.well-known/openid-configuration"} {
		if !x.pause(x.pace(gap, .6, 0)) {
			return
		}
		x.do(c, request{method: "GET", path: path, anonymous: true})
	}
	if x.app.style.api == apiGraphQL {
		x.do(c, request{method: "POST", path: x.app.style.prefix + "/graphql", anonymous: true, kind: "application/json",
			raw: []byte(`{"operationName":"IntrospectionQuery","query":"query IntrospectionQuery { __schema { queryType { name } types { name fields { name args { name } } } } }","variables":{}}`)})
	}
	for i := 0; i < count; i++ {
		op := x.app.ops[x.r.IntN(len(x.app.ops))]
		if op.login != "" || op.deprecated {
			continue
		}
		if !x.pause(x.pace(gap, .6, 0)) {
			return
		}
		q := request{op: op, anonymous: true}
		if op.ids > 0 && op.res != nil {
			q.id, q.sub = x.placeOf(op).id.like(x.r), op.res.id.like(x.r)
		}
		x.do(c, q)
	}
}

// placeOf is the resource that the first identifier of an operation names.
func (x *raid) placeOf(op *operation) *resource { return op.place() }

// catchAll tries to make a learner take rubbish for endpoints: many paths of
// one shape that are answered 200 where the host answers everything so, and
// beside each what is really there.
func (x *raid) catchAll(gap float64, count, sources int, where place, d dress) {
	net := x.net(where, sources, d)
	for i := 0; i < count && x.pause(x.pace(gap, .6, 0)); i++ {
		path := x.app.style.prefix + "/" + x.r2(7) + "/" + strconv.Itoa(x.r.IntN(9000)+1000) + "/" + x.r2(5)
		if i%4 == 3 {
			path = x.app.health.template() + "?" + x.r2(6) + "=" + x.r2(4)
		}
		x.do(net.next(x), request{method: "GET", path: path, anonymous: true})
	}
}

// r2 is a word of so many letters.
func (x *raid) r2(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = "abcdefghijklmnopqrstuvwxyz"[x.r.IntN(26)]
	}
	return string(b)
}

// flush asks for one thing as ever new callers, by a forged forwarding line and
// another program or from other addresses, and reads objects of others in
// between.
func (x *raid) flush(gap float64, count, every, sources int) {
	net := x.net(placeHosting, sources, dressTool)
	res, op := x.app.weak(false)
	var hidden *client
	var prey *prey
	var acc *account
	if res != nil {
		acc = x.member(res, 0)
		hidden = x.net(placeHome, 1, dressPeople).next(x)
		if !x.enter(hidden, acc) {
			return
		}
		prey = newPrey(x, res, atRandom)
	}
	for i := 0; i < count && x.pause(x.pace(gap, .3, 0)); i++ {
		if hidden != nil && i%every == every-1 {
			x.object(hidden, op, res, prey.next(hidden, acc), nil)
			continue
		}
		h, c := x.r.Uint64(), net.next(x)
		if sources > 1 {
			x.do(c, request{op: x.app.health, anonymous: true})
			continue
		}
		c.forward = netip.AddrFrom4([4]byte{byte(20 + h%180), byte(h >> 8), byte(h >> 16), byte(h >> 24)}).String()
		c.ua = "Mozilla/5.0 (X11; Linux x86_64) Chrome/" + strconv.Itoa(100+int(h>>32%45)) + "." + strconv.Itoa(int(h>>40%900))
		x.do(c, request{op: x.app.health, anonymous: true})
	}
}

// litter asks for paths that nobody will ask for again.
func (x *raid) litter(gap float64, count, sources int) {
	net := x.net(placeHosting, sources, dressTool)
	for i := 0; i < count && x.pause(x.pace(gap, .3, 0)); i++ {
		path := x.app.style.prefix
		for range 1 + x.r.IntN(5) {
			path += "/" + x.r2(3+x.r.IntN(9))
			if x.r.IntN(3) == 0 {
				path += strconv.Itoa(x.r.IntN(1 << 20))
			}
		}
		x.do(net.next(x), request{method: "GET", path: path, anonymous: true})
	}
}

// collide sends names and identifiers that fall together in common hash
// functions that have no key: strings of equal FNV, Java and DJB sums, numbers
// a multiple of large powers of two apart.
func (x *raid) collide(gap float64, count int) {
	c := x.net(placeHosting, 1, dressTool).next(x)
	res := x.app.catalogue()
	for i := 0; i < count && x.pause(x.pace(gap, .3, 0)); i++ {
		name := ""
		for j := range 12 { // "Aa" and "BB" have one Java hash: 4,096 names of one sum
			if i>>j&1 == 0 {
				name += "Aa"
			} else {
				name += "BB"
			}
		}
		q := request{op: x.app.login, name: name + "@mail.example", secret: "x", anonymous: true}
		switch {
		case i%3 == 1:
			q = request{method: "GET", path: x.app.style.prefix + "/" + name, anonymous: true}
		case i%3 == 2 && res != nil && res.get != nil:
			q = request{op: res.get, id: strconv.FormatUint(uint64(i)<<32, 10), anonymous: true}
		}
		x.do(c, q)
	}
}
