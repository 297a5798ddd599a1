package inventory

import (
	"strings"

	"lapwing/detect/state"
	"lapwing/event"
)

// proof returns how far an answer proves that something is there, 0 … 1.
// Only the server's word counts: 404, 405, 410 and server errors say nothing
// or the contrary.
func proof(c *event.Call, sibling bool) float64 {
	switch st := c.Status; {
	case st >= 200 && st < 300, st == 101, st == 304:
		return 1
	case st >= 300 && st < 400:
		return redirect(c)
	case st == 400, st == 409, st == 415, st == 422, st == 429:
		// only an API takes the request apart; a server's own page does not
		switch c.Shape.Response.Type {
		case "json", "xml", "graphql", "grpc":
			if len(c.Shape.Response.Keys) > 0 {
				return 0.5
			}
		}
	case (st == 401 || st == 403) && sibling:
		return 0.25
	}
	return 0
}

// redirect weighs a 3xx answer. One to the home page, to a log-in page or to
// the same path elsewhere is what servers answer to anything.
func redirect(c *event.Call) float64 {
	to := c.Shape.Response.Location
	if to == "" {
		return 0.25 // a source that does not show it
	}
	if _, rest, ok := strings.Cut(to, "://"); ok {
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			to = rest[i:]
		} else {
			to = "/"
		}
	}
	to, _, _ = strings.Cut(to, "?")
	bare := strings.Trim(to, "/")
	if bare == "" || bare == strings.Trim(c.PathShape, "/") || bare == strings.Trim(c.Path, "/") {
		return 0
	}
	low := strings.ToLower(bare)
	for _, w := range [...]string{"login", "logon", "signin", "sign-in", "sign_in", "auth", "sso", "error", "404", "notfound", "not-found", "index."} {
		if strings.Contains(low, w) {
			return 0
		}
	}
	return 1
}

// proofDocumented is proof for an operation that a description vouches for:
// there, any answer that is not "no such thing" shows that it is served.
func proofDocumented(c *event.Call) bool {
	switch st := c.Status; {
	case st >= 200 && st < 300, st == 101, st == 304:
		return true
	case st >= 300 && st < 400:
		return redirect(c) > 0
	case st == 400, st == 401, st == 403, st == 409, st == 412, st == 415, st == 422, st == 429:
		return true
	}
	return false
}

// variants is how many signatures one answer has: pages that repeat the path
// they were asked for differ in size by its length, and pages with a token of
// varying length by a little.
const variants = 4

// signatures identifies an answer: status, type, shape, redirect and size. A
// page that stands for "no such page" has the same signature whatever was
// asked. Zeros mean there is nothing to compare. base is what all sizes of the
// answer have in common.
func signatures(h *host, c *event.Call) (out [variants]uint64, base uint64) {
	if c.Status == 304 || c.Status == 0 || c.ResponseBytes == 0 && c.Method != "GET" && c.Method != "HEAD" && c.Status < 300 {
		return out, 0
	}
	b := &c.Shape.Response
	base = state.Join(h.key, uint64(c.Status))
	base = state.Join(base, b.Hash)
	if c.Method == "HEAD" {
		base = state.Join(base, 1) // without a body, not to be taken for an empty one
	}
	base = state.Join(base, state.Hash(0, b.Type))
	if c.Status >= 300 && c.Status < 400 {
		base = state.Join(base, state.Hash(0, b.Location))
	}
	size, path := c.ResponseBytes, int64(len(c.Path))
	if c.Status >= 300 && b.Location != "" {
		out[0] = state.Join(base, 0)
		return out, base
	}
	out[0] = state.Join(base, uint64(size))
	switch b.Type {
	case "html", "text":
		out[1] = state.Join(base, 1<<40+uint64(size-path))
		out[2] = state.Join(base, 2<<40+uint64(size-2*path))
		if size >= 512 {
			out[3] = state.Join(base, 3<<40+uint64(size>>6))
		}
	case "":
		if size >= 512 {
			out[1] = state.Join(base, 1<<40+uint64(size-path))
		}
	default:
		if failing(b.Outcome) {
			out[1] = state.Join(base, 1<<40+uint64(size-path))
		}
	}
	return out, base
}

// failing reports whether the outcome fields of a body tell of an error.
func failing(outcome string) bool {
	low := strings.ToLower(outcome)
	for _, w := range [...]string{"404", "error", "fail", "not", "false", "missing"} {
		if strings.Contains(low, w) {
			return true
		}
	}
	return false
}

// watchable reports whether an answer could be what the host says to anything.
// To writes a short constant body is the normal answer of many endpoints, so
// there only pages count.
func watchable(method string, c *event.Call) bool {
	if c.Status >= 400 && c.Status != 400 && c.Status != 401 && c.Status != 403 && c.Status != 429 {
		return false
	}
	switch c.Shape.Response.Type {
	case "html", "text":
		return true
	case "":
		return method == "GET" || c.ResponseBytes >= 512
	}
	return method == "GET"
}
