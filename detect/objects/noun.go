package objects

import (
	"strings"

	"lapwing/detect/state"
	"lapwing/event"
)

// A noun is the hash of what an identifier names: "user" for /users/7, for
// the response key userId, and for the key id in an answer of /users. Small
// integers name different things in different places; two mentions of 7 are
// taken for the same object only if their nouns agree.
type noun uint64

type nouns struct {
	seed  uint64
	keys  lexicon[*named]
	paths lexicon[noun]
	// operations holds what operations are about, by their name.
	operations lexicon[noun]
	words      lexicon[noun]
	// agents holds the programs behind user agents.
	agents lexicon[uint64]
	// What publics, documents and people hold, as nouns.
	publics, documents, people map[noun]bool
}

// named is what a response key says: a noun of its own, or that the noun of
// the path holds.
type named struct {
	own   noun
	path  bool
	list  bool // it stands in elements of a list
	owner ownerKey
}

func newNouns(seed uint64) *nouns {
	n := &nouns{seed: seed}
	n.publics, n.documents, n.people = n.stems(publics), n.stems(documents), n.stems(people)
	return n
}

// ofRequest is the noun of an identifier in a request.
func (n *nouns) ofRequest(c *event.Call, r *event.IDRef) noun {
	if r.In == event.InPath {
		return n.stem(segmentBefore(c.Path, r.Name))
	}
	if v := n.ofKey(r.Name); !v.path {
		return v.own
	}
	return n.ofPath(c)
}

// ofKey reads a key of a query or a body.
func (n *nouns) ofKey(key string) *named {
	at := n.keys.at(n.seed, key)
	if at.text == key && at.value != nil {
		return at.value
	}
	v := n.parse(key)
	v.owner, v.list = n.ownerOf(key), strings.Contains(key, "[]")
	at.put(key, &v)
	return &v
}

// ofPath is the noun of what an endpoint serves: the subject of its operation,
// or the last word of its path that is neither an identifier nor an adjective
// nor a verb.
func (n *nouns) ofPath(c *event.Call) noun {
	if c.Operation != "" {
		at := n.operations.at(n.seed, c.Operation)
		if at.text == c.Operation && at.value != 0 {
			return at.value
		}
		if word := subject(c.Operation); word != "" {
			v := n.stem(word)
			at.put(c.Operation, v)
			return v
		}
	}
	p := c.PathShape
	if p == "" {
		return n.served(c.Path)
	}
	at := n.paths.at(n.seed, p)
	if at.text != p {
		at.put(p, n.served(p))
		if at.text != p {
			return n.served(p)
		}
	}
	return at.value
}

func (n *nouns) served(p string) noun {
	for {
		i := strings.LastIndexByte(p, '/')
		word := p[i+1:]
		if word != "" && word[0] != '{' && !adjectives[strings.ToLower(word)] && !allDigits(word) {
			object, verbal := objectOf(word)
			if !verbal {
				if dot := strings.LastIndexByte(word, '.'); dot > 0 && strings.HasSuffix(word, "Service") {
					object, _ = objectOf(word[dot+1:]) // travel.v1.BookingService
					return n.stem(object)
				}
				if object != "" && strings.HasSuffix(word, "Service") {
					return n.stem(object)
				}
				return n.stem(word)
			}
			if object != "" {
				return n.stem(object)
			}
		}
		if i <= 0 {
			return 0
		}
		p = p[:i]
	}
}

// parse reads a dotted key: data[].id, items[].user.id, userId, order_ids[].
func (n *nouns) parse(key string) named {
	key = strings.ReplaceAll(key, "[]", "")
	parents := ""
	if i := strings.LastIndexByte(key, '.'); i >= 0 {
		parents, key = key[:i], key[i+1:]
	}
	word := withoutID(key)
	for word == "" { // plain "id": the parent says of what
		i := strings.LastIndexByte(parents, '.')
		parent := parents[i+1:]
		if parent == "" {
			return named{path: true}
		}
		parents = parents[:max(i, 0)]
		switch object, verbal := objectOf(parent); {
		case wrappers[strings.ToLower(parent)]:
		case verbal: // data.getBooking.id
			word = object
			if word == "" {
				return named{path: true}
			}
		default:
			word = parent
		}
	}
	return named{own: n.stem(word)}
}

// withoutID strips what marks a key as an identifier; "" if nothing else is left.
func withoutID(key string) string {
	for _, end := range idEndings {
		if len(key) >= len(end) && strings.EqualFold(key[len(key)-len(end):], end) {
			rest := key[:len(key)-len(end)]
			// "userId" and "user_id" end in one; "paid" and "uuid" do not.
			if rest == "" || strings.HasSuffix(rest, "_") || strings.HasSuffix(rest, "-") || key[len(rest)] < 'a' {
				return strings.TrimRight(rest, "_-")
			}
		}
	}
	return key
}

var idEndings = [...]string{"uuids", "guids", "uuid", "guid", "ids", "id", "key", "pk"}

// wrappers are keys that hold what the path names.
var wrappers = set("data", "items", "item", "results", "result", "content", "contents", "records", "record", "list", "rows", "row",
	"values", "value", "variables", "params", "input", "arguments", "args", "query", "request", "filter", "where", "edges", "node", "nodes", "payload", "response", "body", "objects", "object", "entries", "entry", "hits", "_embedded", "collection", "page")

// adjectives end paths without naming what they serve.
var adjectives = set("search", "all", "list", "recent", "mine", "my", "top", "latest", "new", "export", "query", "find", "active",
	"popular", "trending", "featured", "details", "detail", "summary", "full", "history", "feed", "index", "batch", "bulk", "stream", "sync", "count",
	"shared", "received", "assigned", "incoming", "inbox", "archived", "starred", "pending", "open", "closed", "completed", "upcoming", "past", "public")

// selves are words for the caller's own account.
var selves = set("me", "self", "whoami", "userinfo", "profile", "myself", "current", "dashboard")

func set(words ...string) map[string]bool {
	m := make(map[string]bool, len(words))
	for _, w := range words {
		m[w] = true
	}
	return m
}

// stem hashes a word regardless of case, punctuation and plural.
func (n *nouns) stem(word string) noun {
	at := n.words.at(n.seed, word)
	if at.text == word && word != "" {
		return at.value
	}
	v := n.reduce(word)
	at.put(word, v)
	return v
}

func (n *nouns) reduce(word string) noun {
	var buf [48]byte // no resource has a longer name; the rest is cut
	b := buf[:0]
	for i := 0; i < len(word) && len(b) < cap(b); i++ {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 0x80 {
			b = append(b, c)
		}
	}
	if len(b) == 0 {
		return 0
	}
	if selves[string(b)] {
		b = append(b[:0], "user"...)
	}
	switch s := string(b); {
	case strings.HasSuffix(s, "ies") && len(b) > 4:
		b = append(b[:len(b)-3], 'y')
	case strings.HasSuffix(s, "sses"), strings.HasSuffix(s, "xes"), strings.HasSuffix(s, "ches"), strings.HasSuffix(s, "shes"):
		b = b[:len(b)-2]
	case strings.HasSuffix(s, "s") && !strings.HasSuffix(s, "ss") && len(b) > 3:
		b = b[:len(b)-1]
	}
	return noun(state.Hash(n.seed, string(b)))
}

// segmentBefore returns the segment in front of the one numbered name ("1" is
// the first), stepping over segments that are numbers themselves.
func segmentBefore(path, name string) string {
	want := 0
	for i := 0; i < len(name) && name[i] >= '0' && name[i] <= '9' && want < 1000; i++ {
		want = want*10 + int(name[i]-'0')
	}
	before, at := "", 0
	for len(path) > 0 {
		i := strings.IndexByte(path, '/')
		word := path
		if i >= 0 {
			word, path = path[:i], path[i+1:]
		} else {
			path = ""
		}
		if word == "" {
			continue
		}
		at++
		if at >= want {
			return before
		}
		if !allDigits(word) {
			before = word
		}
	}
	return before
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return len(s) > 0
}
