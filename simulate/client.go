package simulate

import (
	"encoding/base64"
	"net/netip"
	"net/url"
	"strconv"
)

// A client is a program on a device at an address, with the connections it
// holds and the credential it keeps.
type client struct {
	prog    *program
	device  uint64
	ua      string
	lang    string
	brand   string
	version string
	id      string // device identifier
	out     *egress
	token   *token
	trust   int32  // account+1 that gave its code on this device
	extras  string // further cookies, such as of analytics
	cookie  string // Cookie line, made when the token changes
	made    *token // for which cookie was made
	forward string // an X-Forwarded-For line that it sends itself
	conns   []conn
	keepNS  int64
	asked   uint64 // JSON-RPC requests, which are numbered
}

// conn is one TCP connection.
type conn struct {
	id     uint64
	port   uint16
	freeNS int64 // when the last answer is through
	host   int
}

// newClient puts a program on a device at an address.
func (w *World) newClient(p *program, device uint64, out *egress, nowNS int64) *client {
	c := &client{prog: p, device: device, out: out, keepNS: 60e9, version: appVersion(device, nowNS)}
	c.ua = w.userAgent(p, device, nowNS, c.version)
	if !p.machine && !p.bot && !p.device {
		c.lang = speaks(w.app.language, device)
		c.id = w.deviceID(device)
	}
	if p.cookies {
		v := strconv.Itoa(p.version(device, nowNS))
		c.brand = `"Google Chrome";v="` + v + `", "Chromium";v="` + v + `", "Not_A Brand";v="24"`
		if w.analytics {
			c.extras = "_ga=GA1.1." + strconv.FormatUint(mix(device)%9e9, 10) + "." + strconv.FormatUint(17e8+device%7e7, 10)
		}
	}
	return c
}

// deviceID is made once for each client and not for each call.
func (w *World) deviceID(device uint64) string { return deviceText(device) }

func (w *World) userAgent(p *program, device uint64, nowNS int64, app string) string {
	return p.agentOf(device, nowNS, app)
}

func (c *client) trusted(account int32) bool { return c.trust == account+1 }

// move puts the device at another address; its connections end.
func (c *client) move(out *egress) {
	c.out = out
	c.conns = c.conns[:0]
}

// dial returns a connection on which a request can go out now, or when one
// will be free.
func (c *client) dial(w *World, a *agent, host int) (k *conn, freeNS int64) {
	freeNS = 1<<63 - 1
	var oldest *conn
	open := 0
	for i := range c.conns {
		k := &c.conns[i]
		if k.host != host {
			continue
		}
		if k.freeNS <= a.now && a.now-k.freeNS < c.keepNS {
			return k, 0
		}
		if k.freeNS > a.now {
			open++
			freeNS = min(freeNS, k.freeNS)
		} else {
			oldest = k
		}
	}
	if open >= c.prog.conns {
		return nil, freeNS
	}
	if oldest == nil {
		c.conns = append(c.conns, conn{})
		oldest = &c.conns[len(c.conns)-1]
	}
	*oldest = conn{id: a.connID(), port: c.out.port(), host: host}
	return oldest, 0
}

// pool holds the connections of a proxy to one server; any caller's request
// may go out on any of them.
type pool struct {
	addr  netip.Addr
	conns []conn
	ports uint32
	next  uint64
}

func (p *pool) dial(now int64) *conn {
	for i := range p.conns {
		if k := &p.conns[i]; k.freeNS <= now && now-k.freeNS < 60e9 {
			return k
		}
	}
	var k *conn
	for i := range p.conns {
		if p.conns[i].freeNS <= now {
			k = &p.conns[i]
			break
		}
	}
	if k == nil {
		p.conns = append(p.conns, conn{})
		k = &p.conns[len(p.conns)-1]
	}
	p.next++
	p.ports++
	*k = conn{id: p.next, port: uint16(1024 + p.ports%64_512)}
	return k
}

// write renders a request: target, header lines and body.
func (w *World) write(a *agent, c *client, q *request, x *Exchange) {
	app := w.app
	op := q.op
	x.Method, x.Host = q.method, app.hosts[q.host]
	hostIndex := q.host
	kind := ""
	w.sent = w.sent[:0]
	b := w.line[:0]
	if op != nil {
		hostIndex = op.host
		x.Method, x.Host = op.method, app.hosts[op.host]
		switch {
		case op.name != "" && app.style.api == apiGraphQL:
			x.Method, kind = "POST", "application/json"
			b = append(append(b, app.style.prefix...), "/graphql"...)
			w.sent = appendGraphQL(w.sent, op, q)
		case op.name != "" && app.style.api == apiRPC:
			x.Method, kind = "POST", "application/json"
			b = append(append(b, app.style.prefix...), "/rpc"...)
			c.asked++
			w.rpcID = c.asked
			w.sent = appendRPC(w.sent, op, q, c.asked)
		case op.name != "" && app.style.api == apiMethodPath:
			b = op.appendPath(b, "", "")
			kind = "application/json"
			w.sent = appendVariables(w.sent, q, true)
		default:
			b = op.appendPath(b, q.id, q.sub)
			b = appendQuery(b, q.query, '?')
			if len(q.fields) > 0 {
				if op.login != "" && (app.style.form || app.style.grant && op == app.login || app.style.grant && op == app.refresh) {
					kind = "application/x-www-form-urlencoded"
					w.sent = appendForm(w.sent, q.fields)
				} else {
					kind = "application/json"
					w.sent = appendFields(w.sent, q.fields)
				}
			}
		}
	} else {
		b = append(b, q.path...)
		b = appendQuery(b, q.query, '?')
		if len(q.fields) > 0 {
			kind = "application/json"
			w.sent = appendFields(w.sent, q.fields)
		}
	}
	if q.raw != nil {
		w.sent = append(w.sent[:0], q.raw...)
		kind = q.kind
	}
	t := a.credential(q)
	auth, key, cookie := q.auth, "", ""
	if t != nil && auth == "" {
		switch style := app.style.auth; {
		case t.service && style != authBasic && style != authKeyQuery || style == authKeyHeader:
			key = t.line
		case style == authKeyQuery:
			sep := byte('?')
			for _, ch := range b {
				if ch == '?' {
					sep = '&'
				}
			}
			b = append(append(append(b, sep), "api_key="...), t.line...)
		case style == authCookie:
			cookie = c.cookieFor(t)
		default:
			auth = t.line
		}
	}
	if cookie == "" && c.extras != "" {
		cookie = c.extras
	}
	x.Target = string(b)
	w.line = b
	h := w.requestHeaders[:0]
	for i := range c.prog.lines {
		l := &c.prog.lines[i]
		v := l.value
		switch l.slot {
		case slotHost:
			v = x.Host
		case slotAgent:
			v = c.ua
		case slotLength:
			v = ""
			if len(w.sent) > 0 || x.Method == "POST" || x.Method == "PUT" || x.Method == "PATCH" {
				v = w.number(len(w.sent))
			}
		case slotType:
			v = kind
		case slotAuth:
			v = auth
		case slotKey:
			v = key
		case slotCookie:
			v = cookie
		case slotOrigin:
			v = ""
			if x.Method != "GET" {
				v = w.origins[hostIndex]
			}
		case slotReferer:
			v = w.origins[hostIndex] + "/"
		case slotLanguage:
			v = c.lang
		case slotVersion:
			v = c.version
		case slotDevice:
			v = c.id
		case slotBrand:
			v = c.brand
		}
		if v != "" {
			h = append(h, Header{l.name, v})
		}
	}
	if len(w.sent) > 0 && c.prog.bot { // crawlers do not post; should one, it says how much
		h = append(h, Header{"Content-Type", kind}, Header{"Content-Length", w.number(len(w.sent))})
	}
	h = append(h, q.extra...)
	if c.forward != "" {
		h = append(h, Header{"X-Forwarded-For", c.forward})
	}
	w.requestHeaders = h
	x.RequestBody = w.sent
}

// cookieFor makes the Cookie line of a session.
func (c *client) cookieFor(t *token) string {
	if c.made != t {
		c.made, c.cookie = t, t.line
		if c.extras != "" {
			c.cookie = c.extras + "; " + t.line
		}
	}
	return c.cookie
}

func appendQuery(b []byte, query []pair, sep byte) []byte {
	for _, p := range query {
		if p.value == "" {
			continue
		}
		b = append(append(append(b, sep), p.name...), '=')
		b = append(b, url.QueryEscape(p.value)...)
		sep = '&'
	}
	return b
}

func appendForm(b []byte, fields []pair) []byte {
	for i, p := range fields {
		if i > 0 {
			b = append(b, '&')
		}
		b = append(append(append(b, p.name...), '='), url.QueryEscape(p.value)...)
	}
	return b
}

func appendFields(b []byte, fields []pair) []byte {
	b = append(b, '{')
	for i, p := range fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendPair(b, p)
	}
	return append(b, '}')
}

func appendPair(b []byte, p pair) []byte {
	b = append(append(append(b, '"'), p.name...), `":`...)
	if p.raw {
		return append(b, p.value...)
	}
	return appendJSONText(b, p.value)
}

// appendJSONText writes a JSON string (RFC 8259).
func appendJSONText(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// appendVariables writes identifiers, query and fields as one object.
func appendVariables(b []byte, q *request, flat bool) []byte {
	b = append(b, '{')
	start := len(b)
	add := func(p pair) {
		if len(b) > start {
			b = append(b, ',')
		}
		b = appendPair(b, p)
	}
	if q.op.ids > 0 || q.id != "" {
		if q.sub != "" || q.op.res != nil && q.op.res.parent != nil {
			add(pair{"parentId", q.id, false})
			if q.sub != "" {
				add(pair{"id", q.sub, false})
			}
		} else if q.id != "" {
			add(pair{"id", q.id, false})
		}
	}
	for _, p := range q.query {
		add(p)
	}
	if flat {
		for _, p := range q.fields {
			add(p)
		}
	} else if len(q.fields) > 0 {
		if len(b) > start {
			b = append(b, ',')
		}
		b = append(b, `"input":`...)
		b = appendFields(b, q.fields)
	}
	return append(b, '}')
}

func appendGraphQL(b []byte, op *operation, q *request) []byte {
	b = append(append(b, `{"operationName":"`...), op.title...)
	b = append(append(b, `","query":"`...), op.document...)
	b = append(b, `","variables":`...)
	b = appendVariables(b, q, false)
	return append(b, '}')
}

func appendRPC(b []byte, op *operation, q *request, n uint64) []byte {
	b = append(append(b, `{"jsonrpc":"2.0","method":"`...), op.name...)
	b = append(b, `","params":`...)
	b = appendVariables(b, q, true)
	b = strconv.AppendUint(append(b, `,"id":`...), n, 10)
	return append(b, '}')
}

// basic encodes a name and password (RFC 7617).
func basic(name, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(name+":"+secret))
}
