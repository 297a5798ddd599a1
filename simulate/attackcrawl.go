package simulate

// A crawl takes what everyone may read, and all of it.
type crawl struct {
	gap     float64
	count   int // items at most
	sources int // addresses
	quota   int // items for each address before the next; 0: all
	where   place
	dress   dress
	signed  bool    // through an account
	lists   bool    // only pages of lists
	hot     float64 // share of the catalogue that is wanted: the most popular; 0 all
	ramp    float64
	human   bool // lists, pauses and thinks as people do
}

// crawl runs it.
func (x *raid) crawl(k crawl) {
	res := x.app.catalogue()
	if res == nil {
		return
	}
	x.pages, x.scraped = k.lists || res.get == nil, res.get
	net := x.net(k.where, k.sources, k.dress)
	c := net.next(x)
	if k.signed {
		if acc := x.member(res, 0); !x.enter(c, acc) {
			return
		}
	}
	size := x.app.style.pageSize
	total := int(res.count())
	var page []uint32
	taken, from, sinceTurn := 0, 0, 0
	for taken < k.count && from < total {
		if !x.pause(x.pace(k.gap, .7, k.ramp)) {
			return
		}
		p := x.do(c, request{op: res.list, query: x.app.pageQuery(from, size), anonymous: !k.signed})
		if p.limited || p.status >= 500 {
			x.pause(30)
			c = net.next(x)
			continue
		}
		if !p.ok || len(p.items) == 0 {
			return
		}
		page = append(page[:0], p.items...)
		from += len(page)
		if sinceTurn++; k.lists || res.get == nil {
			taken += len(page)
			page = page[:0]
		}
		for _, n := range page {
			if k.hot > 0 && float64(hash2(res.seed, uint64(n))>>11)/(1<<53) > k.hot {
				continue
			}
			gap := k.gap
			if k.human {
				gap = logNormal(x.r, k.gap, .8)
			}
			if !x.pause(x.pace(gap, .7, k.ramp)) {
				return
			}
			taken++
			x.object(c, res.get, res, n, nil)
			if sinceTurn++; k.quota > 0 && sinceTurn >= k.quota {
				c, sinceTurn = net.next(x), 0
			}
		}
	}
}

// partition lets many workers take a few items each, no item twice.
func (x *raid) partition(k crawl) {
	res := x.app.catalogue()
	if res == nil || res.get == nil {
		return
	}
	net := x.net(k.where, k.sources, k.dress)
	order := permute(uint64(res.count()), x.r.Uint64())
	var c *client
	for i := 0; i < k.count && uint64(i) < order.n; i++ {
		if !x.pause(x.pace(k.gap, 1, k.ramp)) {
			return
		}
		if c == nil || i%k.quota == 0 {
			c = net.next(x)
		}
		n := uint32(order.at(uint64(i)))
		if x.twin { // as many visitors, who want what everyone wants
			n = uint32(popular(x.r, int(res.count()), res.zipf))
			n = uint32(permute(uint64(res.count()), res.seed).at(uint64(n)))
		}
		if !res.exists(n) {
			continue
		}
		if p := x.do(c, request{op: res.get, id: res.id.text(n), anonymous: true}); p.limited {
			c = net.next(x)
		}
	}
}

// indexing is the double of a crawl: the operator's own search index, which
// walks the catalogue at the same pace through an account of a machine, and
// does so from the beginning of the run, five times.
func (x *raid) indexing(k crawl) {
	res := x.app.catalogue()
	if res == nil {
		return
	}
	net, acc, calls := x.net(k.where, k.sources, dressTool), x.service(), 0
	c := net.next(x)
	if !x.enter(c, acc) {
		return
	}
	size := x.app.style.pageSize
	for x.now() < x.end {
		began := x.now()
		for taken, from := 0, 0; taken < k.count && from < int(res.count()); {
			if !x.pause(x.pace(k.gap, .7, 0)) {
				return
			}
			p := x.do(c, request{op: res.list, query: x.app.pageQuery(from, size)})
			page := append([]uint32(nil), p.items...)
			if !p.ok || len(page) == 0 {
				break
			}
			from += len(page)
			for _, n := range page {
				if res.get == nil || k.lists {
					taken++
					continue
				}
				if taken++; !x.pause(x.pace(k.gap, .7, 0)) {
					return
				}
				x.object(c, res.get, res, n, nil)
				if calls++; k.quota > 0 && calls%k.quota == 0 { // one machine of several
					t := c.token
					c = net.next(x)
					c.token = t
					x.as(c, acc)
				}
			}
		}
		if !x.pause(max(60, float64((x.end-x.began)/5-(x.now()-began))/1e9)) {
			return
		}
	}
}

// catalogue is the largest public resource.
func (a *application) catalogue() *resource {
	var best *resource
	for _, res := range a.resources {
		if res.parent == nil && !res.single && (res.access == public || res.access == authored) && res.list != nil && !res.list.dead && (best == nil || res.initial > best.initial) {
			if res.get != nil && res.get.dead {
				continue
			}
			best = res
		}
	}
	return best
}
