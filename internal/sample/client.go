package sample

import (
	"net/netip"
	"strings"
	"time"
)

// program is what makes the requests: it decides the order of the header lines
// and what they say. A line whose placeholder has no value is left out.
type program struct {
	name    string
	lines   []string
	windows bool
	origin  bool // runs in a page of another origin: asks before it calls (CORS preflight)
	cookies bool // keeps the session in a cookie, not in a token
	short   bool // one connection a request
	limit   int  // connections at a time
	probes  bool // sends TCP keep-alive probes
}

const (
	chromeUA  = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Safari/537.36"
	firefoxUA = "Mozilla/5.0 (X11; Linux x86_64; rv:147.0) Gecko/20100101 Firefox/147.0"
	safariUA  = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.2 Safari/605.1.15"
)

var (
	chrome = program{name: "chrome", windows: true, origin: true, limit: 6, probes: true, lines: []string{
		"Host: {host}", "Connection: keep-alive", "Content-Length: {length}",
		"Access-Control-Request-Method: {ask}", "Access-Control-Request-Headers: {asked}", "sec-ch-ua-platform: \"Windows\"",
		"Authorization: {bearer}", "User-Agent: " + chromeUA, "Accept: application/json, text/plain, */*",
		"sec-ch-ua: \"Google Chrome\";v=\"144\", \"Chromium\";v=\"144\", \"Not_A Brand\";v=\"24\"", "Content-Type: {type}", "sec-ch-ua-mobile: ?0",
		"Origin: http://www.shop.example", "Sec-Fetch-Site: same-site", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: empty",
		"Referer: http://www.shop.example/", "Accept-Encoding: gzip, deflate", "Accept-Language: {language}"}}
	firefox = program{name: "firefox", origin: true, limit: 6, lines: []string{
		"Host: {host}", "User-Agent: " + firefoxUA, "Accept: application/json, text/plain, */*", "Accept-Language: {language}",
		"Accept-Encoding: gzip, deflate", "Access-Control-Request-Method: {ask}", "Access-Control-Request-Headers: {asked}",
		"Authorization: {bearer}", "Content-Type: {type}", "Content-Length: {length}",
		"Origin: http://www.shop.example", "Connection: keep-alive", "Referer: http://www.shop.example/", "Priority: u=4"}}
	// classic is the shop's older pages, served beside the API: same origin, cookie session.
	classic = program{name: "safari", cookies: true, limit: 6, lines: []string{
		"Host: {host}", "Content-Type: {type}", "Accept: */*", "Sec-Fetch-Site: same-origin", "Accept-Language: {language}",
		"Accept-Encoding: gzip, deflate", "Sec-Fetch-Mode: cors", "Origin: {origin}", "User-Agent: " + safariUA,
		"Referer: http://api.shop.example/classic/", "Content-Length: {length}", "Connection: keep-alive", "Sec-Fetch-Dest: empty", "Cookie: {cookie}"}}
	classicChrome = program{name: "classic-chrome", windows: true, cookies: true, limit: 6, probes: true, lines: []string{
		"Host: {host}", "Connection: keep-alive", "Content-Length: {length}", "User-Agent: " + chromeUA, "Accept: */*", "Content-Type: {type}",
		"Origin: {origin}", "Referer: http://api.shop.example/classic/", "Accept-Encoding: gzip, deflate", "Accept-Language: {language}", "Cookie: {cookie}"}}
	ios = program{name: "ios", limit: 2, lines: []string{
		"Host: {host}", "Content-Type: {type}", "X-App-Version: 7.14.0", "Accept: application/json", "Authorization: {bearer}",
		"If-None-Match: {etag}", "Accept-Language: {language}", "Accept-Encoding: gzip, deflate", "User-Agent: Shop/7140 CFNetwork/3860.300.31 Darwin/25.2.0",
		"Content-Length: {length}", "Connection: keep-alive"}}
	android = program{name: "android", limit: 2, lines: []string{
		"accept: application/json", "x-app-version: 7.13.2", "authorization: {bearer}", "if-none-match: {etag}", "accept-language: {language}",
		"Content-Type: {type}", "Content-Length: {length}", "Host: {host}", "Connection: Keep-Alive", "Accept-Encoding: gzip", "User-Agent: okhttp/5.3.2"}}
	partner = program{name: "partner", limit: 1, lines: []string{
		"Host: {host}", "User-Agent: pricewise-sync/3.2 (+https://pricewise.example/bot)", "Accept: application/json", "X-Api-Key: {key}"}}
	monitor = program{name: "monitor", short: true, limit: 1, lines: []string{
		"Host: {host}", "User-Agent: UpWatch/2.1 (+https://upwatch.example)", "Accept: */*", "Connection: close"}}
	requests = program{name: "requests", limit: 1, lines: []string{
		"Host: {host}", "User-Agent: python-requests/2.32.5", "Accept-Encoding: gzip, deflate", "Accept: */*", "Connection: keep-alive",
		"Authorization: {bearer}", "Content-Length: {length}", "Content-Type: {type}"}}
	httpx = program{name: "httpx", short: true, limit: 1, lines: []string{
		"Host: {host}", "Accept: */*", "Accept-Encoding: gzip, deflate", "Connection: close", "User-Agent: python-httpx/0.28.1"}}
	curl = program{name: "curl", short: true, limit: 1, lines: []string{
		"Host: {host}", "User-Agent: curl/8.17.0", "Accept: */*"}}
	// checker is a credential-stuffing kit: a browser's name on a bare client.
	checker = program{name: "checker", short: true, limit: 1, lines: []string{
		"Content-Type: {type}", "User-Agent: " + chromeUA, "Pragma: no-cache", "Accept: */*", "Authorization: {bearer}",
		"Host: {host}", "Content-Length: {length}", "Connection: Close"}}
	// harvester is a scraping script that borrows a browser's name.
	harvester = program{name: "harvester", limit: 1, lines: []string{
		"Host: {host}", "User-Agent: " + chromeUA, "Accept: application/json", "Accept-Language: en-US,en;q=0.9", "Accept-Encoding: gzip, deflate", "Connection: keep-alive"}}
)

// client is one program on one host, with the connections it holds.
type client struct {
	w        *world
	program  *program
	host     *host
	rtt      time.Duration
	language string
	conns    []*conn
	warm     bool              // its first connection is older than the recording
	asked    map[string]bool   // method and path whose preflight is remembered
	etags    map[string]string // what an app keeps of earlier answers
	key      string
}

// newClient puts a program on the network.
func (w *world) newClient(p *program, ip netip.Addr, rtt time.Duration) *client {
	languages := []string{"en-GB,en;q=0.9", "de-DE,de;q=0.9,en;q=0.8", "fr-FR,fr;q=0.9,en;q=0.7", "en-US,en;q=0.9", "nl-NL,nl;q=0.9,en;q=0.8"}
	return &client{
		w: w, program: p, host: w.wire.host(ip, p.windows), rtt: rtt, language: languages[w.wire.rng.IntN(len(languages))],
		asked: map[string]bool{}, etags: map[string]string{},
	}
}

// conn is a connection that is free at the given time, an old one if there is one.
func (c *client) conn(at time.Duration) *conn {
	c.settle(at)
	open := 0
	for _, k := range c.conns {
		if k.closed {
			continue
		}
		if k.busyUntil <= at {
			return k
		}
		open++
	}
	if open >= c.program.limit { // wait for the one that is free first
		var best *conn
		for _, k := range c.conns {
			if !k.closed && (best == nil || k.busyUntil < best.busyUntil) {
				best = k
			}
		}
		return best
	}
	k := c.w.wire.dial(at, c.host, c.w.shop.address(c.host.ip), c.rtt, c.warm)
	k.probes = c.program.probes
	c.warm = false
	c.conns = append(c.conns, k)
	return k
}

// settle lets connections that are idle too long close.
func (c *client) settle(at time.Duration) {
	kept := c.conns[:0]
	for _, k := range c.conns {
		k.settle(at)
		if !k.closed {
			kept = append(kept, k)
		}
	}
	c.conns = kept
}

// hangUp ends what is still open, as closing a page does.
func (c *client) hangUp(at time.Duration) {
	c.settle(at)
	for _, k := range c.conns {
		k.hangUp(at)
	}
	c.conns = nil
}

// render writes a request the way the program does.
func (c *client) render(method, path string, body []byte, values map[string]string) []byte {
	var b strings.Builder
	b.WriteString(method + " " + path + " HTTP/1.1\r\n")
	for _, line := range c.program.lines {
		if open := strings.IndexByte(line, '{'); open >= 0 {
			name := line[open+1 : len(line)-1]
			v := values[name]
			if v == "" {
				continue
			}
			line = line[:open] + v
		}
		b.WriteString(line + "\r\n")
	}
	b.WriteString("\r\n")
	return append([]byte(b.String()), body...)
}
