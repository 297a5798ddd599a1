package scraping

import (
	"strconv"
	"strings"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// A reading is what a call read.
type reading uint8

const (
	neither reading = iota
	detail          // one object, or one page about something
	page            // one page of a list
)

// read tells what a call read, and names it.
func (s *Stage) read(o *detect.Observation) (what reading, key uint64) {
	c := o.Call
	if c.Status != 304 && (c.Status < 200 || c.Status >= 300) || o.Route.SoftMissing {
		return neither, 0
	}
	if c.Method != "GET" && (c.Method != "POST" || c.Operation == "") {
		return neither, 0
	}
	family := o.Route.Family
	if family == 0 {
		family = state.Hash(s.seed, c.Host)
	}
	if name, value, ok := paging(c); ok {
		return page, state.Join(family, state.Join(state.Hash(s.seed, name), state.Hash(s.seed, value)))
	}
	switch {
	case o.Object != nil && (o.Object.In == event.InPath || o.Object.In == event.InQuery || c.Operation != ""):
		return detail, state.Join(family, o.Object.Hash)
	case asset(c.Path):
		return neither, 0
	case strings.IndexByte(o.Route.Template, '{') >= 0:
		return detail, state.Join(family, state.Hash(s.seed, c.Path))
	case o.Route.Standing != detect.Established && !o.Route.Documented && strings.Count(c.Path, "/") > 1:
		// Names that are not known to be parameters yet: /blog/how-to-x.
		return detail, state.Join(family, state.Hash(s.seed, c.Path))
	}
	return neither, 0
}

// numbered are parameters that count pages or items; pointed are those that
// say where to go on.
var (
	numbered = map[string]bool{"page": true, "p": true, "_page": true, "pg": true, "pagenumber": true, "page_number": true, "pageno": true, "pageindex": true,
		"page[number]": true, "offset": true, "skip": true, "start": true, "from": true, "_start": true, "startindex": true, "start_index": true, "page[offset]": true, "$skip": true}
	pointed = map[string]bool{"cursor": true, "after": true, "page_token": true, "pagetoken": true, "next": true, "next_token": true, "continuation": true,
		"starting_after": true, "marker": true, "scroll_id": true, "page[cursor]": true, "page[after]": true, "$skiptoken": true}
)

const (
	// latestPage excludes times: who asks for what is new since then is polling.
	latestPage = 100_000_000
	// leastPage is the smallest answer to a cursor that is a page; an answer to a
	// poll is mostly empty.
	leastPage = 2000
	// maxQuery is how much of a query is looked at.
	maxQuery = 2048
)

// paging finds the parameter that says which page of a list was asked for.
func paging(c *event.Call) (name, value string, ok bool) {
	q := c.Query
	if len(q) > maxQuery {
		q = q[:maxQuery]
	}
	for q != "" {
		var pair string
		pair, q, _ = strings.Cut(q, "&")
		k, v, _ := strings.Cut(pair, "=")
		if k == "" || v == "" || len(k) > 16 {
			continue
		}
		lower := k
		for i := range len(k) {
			if k[i] >= 'A' && k[i] <= 'Z' {
				lower = strings.ToLower(k)
				break
			}
		}
		if numbered[lower] {
			if n, err := strconv.ParseInt(v, 10, 64); err == nil && n >= 0 && n < latestPage {
				return k, v, true
			}
		}
		if pointed[lower] && c.ResponseBytes >= leastPage {
			return k, v, true
		}
	}
	return "", "", false
}

var assets = map[string]bool{
	"js": true, "mjs": true, "css": true, "map": true, "png": true, "jpg": true, "jpeg": true, "gif": true, "svg": true, "webp": true, "avif": true, "ico": true,
	"woff": true, "woff2": true, "ttf": true, "otf": true, "eot": true, "mp4": true, "webm": true, "mp3": true, "txt": true, "xml": true,
}

// asset reports what pages load by themselves.
func asset(path string) bool {
	i := strings.LastIndexByte(path, '.')
	return i >= 0 && len(path)-i <= 6 && assets[path[i+1:]]
}
