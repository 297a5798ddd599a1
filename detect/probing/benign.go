package probing

import (
	"strings"

	"lapwing/event"
)

// asked are files that browsers, phones and search engines ask every host for.
var asked = map[string]bool{
	"favicon.ico": true, "favicon.png": true, "favicon.svg": true, "robots.txt": true, "sitemap.xml": true, "sitemap_index.xml": true,
	"sitemap.xml.gz": true, "browserconfig.xml": true, "ads.txt": true, "app-ads.txt": true, "humans.txt": true, "security.txt": true,
	"manifest.json": true, "manifest.webmanifest": true, "site.webmanifest": true, "crossdomain.xml": true, "opensearch.xml": true,
	"apple-app-site-association": true, "service-worker.js": true, "sw.js": true, "llms.txt": true, "asset-manifest.json": true,
}

// unasked reports whether nobody chose to ask for a path.
func unasked(path string) bool {
	if strings.HasPrefix(path, "/.well-known/") {
		return true
	}
	last := path[strings.LastIndexByte(path, '/')+1:]
	return asked[last] || strings.HasPrefix(last, "apple-touch-icon") || strings.HasPrefix(last, "android-chrome-") || strings.HasPrefix(last, "mstile-")
}

// assets are what pages load by themselves.
var assets = map[string]bool{
	"js": true, "mjs": true, "css": true, "map": true, "png": true, "jpg": true, "jpeg": true, "gif": true, "svg": true, "webp": true, "avif": true, "ico": true,
	"woff": true, "woff2": true, "ttf": true, "otf": true, "eot": true, "mp4": true, "webm": true, "mp3": true,
}

func asset(path string) bool {
	i := strings.LastIndexByte(path, '.')
	return i >= 0 && len(path)-i <= 6 && assets[strings.ToLower(path[i+1:])]
}

// sameSite reports whether the caller came from a page of the host it asks.
func sameSite(c *event.Call) bool {
	_, rest, ok := strings.Cut(c.Referer, "://")
	if !ok || c.Host == "" {
		return false
	}
	if len(rest) > len(c.Host) {
		if next := rest[len(c.Host)]; next != '/' && next != ':' && next != '?' {
			return false
		}
		rest = rest[:len(c.Host)]
	}
	return strings.EqualFold(rest, c.Host)
}

const (
	maxMissing = 65_536
	// brokenFrom different clients that miss the same path make it a broken
	// link; fewer suffice if they say which page led them there.
	brokenFrom         = 10
	brokenWithReferrer = 3
)

// A missed is a path that was not found, and who asked for it.
type missed struct {
	clients  [brokenFrom]uint64
	n        uint8
	referred uint8
}

// by takes one client that missed the path, and reports whether it is a
// broken link by now.
func (m *missed) by(client uint64, referred bool) bool {
	for _, c := range m.clients[:m.n] {
		if c == client {
			return m.broken()
		}
	}
	if m.n < brokenFrom {
		m.clients[m.n] = client
		m.n++
	}
	if referred && m.referred < brokenWithReferrer {
		m.referred++
	}
	return m.broken()
}

func (m *missed) broken() bool { return m.n >= brokenFrom || m.referred >= brokenWithReferrer }
