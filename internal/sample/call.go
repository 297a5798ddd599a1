package sample

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// want is a request an agent makes.
type want struct {
	method, path string
	body         any // marshalled to JSON unless nil
}

func get(path string) want { return want{method: "GET", path: path} }

// call makes a request, waits for the answer and, like most programs, tries
// once more when the gateway failed. After the end of the recording it answers
// with an empty reply.
func (a *agent) call(r want) reply {
	res, done := a.issue(r, a.now)
	a.sleepUntil(done)
	if res.status >= 500 {
		a.sleep(between(a.rng, time.Second, 3*time.Second))
		res, done = a.issue(r, a.now)
		a.sleepUntil(done)
	}
	return res
}

// together makes requests at once, as a page does when it opens.
func (a *agent) together(rs ...want) []reply {
	out := make([]reply, len(rs))
	last := a.now
	for i, r := range rs {
		res, done := a.issue(r, a.now+time.Duration(i)*3*time.Millisecond)
		out[i] = res
		last = max(last, done)
	}
	a.sleepUntil(last)
	return out
}

// issue puts one request and its answer on the wire and returns when the
// client could send again.
func (a *agent) issue(r want, at time.Duration) (reply, time.Duration) {
	if a.over || at >= Length-quiet {
		return reply{}, at
	}
	c := a.client
	values := map[string]string{"host": Host, "language": c.language, "key": c.key}
	var body []byte
	if r.body != nil {
		body = marshal(r.body)
		values["type"] = "application/json"
		values["length"] = strconv.Itoa(len(body))
	}
	if c.program.cookies {
		values["cookie"] = a.cookie
		if r.method != "GET" {
			values["origin"] = "http://" + Host
		}
	} else if a.token != "" {
		values["bearer"] = "Bearer " + a.token
	}
	if c.program.origin && (r.body != nil || a.token != "") {
		at = a.preflight(r, at)
	}
	values["etag"] = c.etags[r.path]
	res := a.w.shop.handle(&incoming{
		method: r.method, path: r.path, body: body, token: a.token, cookie: a.cookie,
		key: c.key, etag: values["etag"], at: at, fails: a.label == "" && a.rng.IntN(300) == 0,
	})
	if res.etag != "" && res.status == 200 {
		c.etags[r.path] = res.etag
	}
	if res.cookie != "" && c.program.cookies {
		a.cookie = res.cookie
	}
	return res, a.put(r, res, at, c.render(r.method, r.path, body, values))
}

// preflight asks whether a page of another origin may call, once for each
// method and path, and returns when the call itself may start.
func (a *agent) preflight(r want, at time.Duration) time.Duration {
	path, _, _ := strings.Cut(r.path, "?")
	if a.client.asked[r.method+path] {
		return at
	}
	a.client.asked[r.method+path] = true
	asked := "authorization"
	if r.body != nil {
		asked = "authorization,content-type"
	}
	if a.token == "" {
		asked = "content-type"
	}
	values := map[string]string{"host": Host, "language": a.client.language, "ask": r.method, "asked": asked}
	ask := want{method: "OPTIONS", path: r.path}
	res := reply{status: 204, work: 2 * time.Millisecond, headers: []string{
		"Access-Control-Allow-Methods: GET, POST, PUT, PATCH, DELETE",
		"Access-Control-Allow-Headers: authorization, content-type", "Access-Control-Max-Age: 7200"}}
	return a.put(ask, res, at, a.client.render("OPTIONS", r.path, nil, values))
}

// put sends the bytes both ways and writes the exchange down.
func (a *agent) put(r want, res reply, at time.Duration, request []byte) time.Duration {
	c := a.client
	k := c.conn(at)
	closes := c.program.short || bytes.Contains(request, []byte("Connection: close\r\n"))
	done := k.exchange(at, request, a.answer(r, res, at, request), res.work)
	if closes {
		if c.program.name == "curl" || c.program.name == "httpx" && a.rng.IntN(2) == 0 {
			k.hangUp(done)
		} else {
			k.serverClose()
		}
	}
	a.w.tally.add(exchanged{at: at, done: done, label: a.label, client: c.host.ip, method: r.method, path: r.path, status: res.status})
	return done
}

// answer writes a response the way the gateway does: long JSON is compressed on
// the fly and therefore chunked, the rest carries its length.
func (a *agent) answer(r want, res reply, at time.Duration, request []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nServer: nginx\r\nDate: %s\r\n", res.status, reasons[res.status],
		Start.Add(at+res.work).Format("Mon, 02 Jan 2006 15:04:05")+" GMT")
	body := res.body
	packed := len(body) >= 1024 && res.status == 200 && bytes.Contains(request, []byte("Accept-Encoding: gzip")) && !unpacked(request)
	if len(body) > 0 {
		kind := res.kind
		if kind == "" {
			kind = "application/json; charset=utf-8"
		}
		b.WriteString("Content-Type: " + kind + "\r\n")
	}
	switch {
	case packed:
		b.WriteString("Transfer-Encoding: chunked\r\n")
	case res.status != 204 && res.status != 304:
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	if bytes.Contains(request, []byte("Connection: close\r\n")) || bytes.Contains(request, []byte("Connection: Close\r\n")) {
		b.WriteString("Connection: close\r\n")
	} else {
		b.WriteString("Connection: keep-alive\r\n")
	}
	if a.client.program.origin {
		b.WriteString("Access-Control-Allow-Origin: http://www.shop.example\r\n")
	}
	if res.etag != "" {
		b.WriteString("ETag: " + res.etag + "\r\n")
	}
	if res.cookie != "" && a.client.program.cookies {
		b.WriteString("Set-Cookie: " + res.cookie + "; Path=/; HttpOnly; SameSite=Lax\r\n")
	}
	for _, h := range res.headers {
		b.WriteString(h + "\r\n")
	}
	fmt.Fprintf(&b, "X-Request-Id: %016x\r\n", a.rng.Uint64())
	if !packed {
		b.WriteString("\r\n")
		b.Write(body)
		return b.Bytes()
	}
	b.WriteString("Vary: Accept-Encoding\r\nContent-Encoding: gzip\r\n\r\n")
	z := squeeze(body)
	fmt.Fprintf(&b, "%x\r\n", len(z))
	b.Write(z)
	b.WriteString("\r\n0\r\n\r\n")
	return b.Bytes()
}

// unpacked is the gateway's rule from the days when an old app could not unpack
// what it asked for (nginx: gzip_disable).
func unpacked(request []byte) bool {
	return bytes.Contains(request, []byte("okhttp")) || bytes.Contains(request, []byte("CFNetwork"))
}

// squeeze compresses with a library whose version go.mod pins, so that a newer
// Go makes the same recording. Writing to memory cannot fail.
func squeeze(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, 6)
	if err != nil {
		return body
	}
	if _, err := z.Write(body); err != nil {
		return body
	}
	if err := z.Close(); err != nil {
		return body
	}
	return b.Bytes()
}

// marshal writes the shop's own structs, which always marshal.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return b
}

var reasons = map[int]string{
	200: "OK", 201: "Created", 202: "Accepted", 204: "No Content", 304: "Not Modified", 400: "Bad Request", 401: "Unauthorized",
	404: "Not Found", 409: "Conflict", 502: "Bad Gateway", 503: "Service Unavailable",
}
