package objects

import "strings"

// APIs that name operations instead of places (GraphQL, JSON-RPC, gRPC and
// method paths) say what they serve by a verb and a noun: getBooking,
// ListBookings, booking.get, travel.v1.BookingService/Get. The noun is what
// identifiers in their requests and answers name.

// subject returns the word for what an operation is about; "" if only verbs
// are left of its name.
func subject(operation string) string {
	op := operation
	for _, kind := range [...]string{"query ", "mutation ", "subscription "} {
		if rest, ok := strings.CutPrefix(op, kind); ok {
			op = strings.Trim(rest, "{ ")
			break
		}
	}
	for op != "" {
		i := strings.LastIndexAny(op, "./")
		if word, _ := objectOf(op[i+1:]); word != "" {
			return word
		}
		op = op[:max(i, 0)]
	}
	return ""
}

// objectOf takes the verbs off a compound, and what else says how rather than
// what. verbal reports that there was a verb: then only the last word counts,
// since ListProjectTasks lists tasks.
func objectOf(compound string) (word string, verbal bool) {
	var room [8]string
	words := humps(room[:0], compound)
	for len(words) > 0 && verbs[words[0]] && (len(words) > 1 || !ambiguous[words[0]]) {
		words, verbal = words[1:], true
	}
	for i, w := range words {
		if i > 0 && connectives[w] {
			words = words[:i]
			break
		}
	}
	for len(words) > 0 && manners[words[0]] {
		words = words[1:]
	}
	for len(words) > 0 && (forms[words[len(words)-1]] || isVersion(words[len(words)-1])) {
		words = words[:len(words)-1]
	}
	switch {
	case len(words) == 0:
		return "", verbal
	case verbal:
		return words[len(words)-1], true
	}
	return strings.Join(words, ""), false
}

// humps splits a compound at its capitals, dashes and underscores, in lower
// case. What is longer than eight words is cut.
func humps(out []string, s string) []string {
	begin := -1
	flush := func(end int) {
		if begin >= 0 && len(out) < cap(out) {
			out = append(out, strings.ToLower(s[begin:end]))
		}
		begin = -1
	}
	for i := range len(s) {
		c := s[i]
		upper := c >= 'A' && c <= 'Z'
		switch {
		case !upper && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c < 0x80:
			flush(i)
			continue
		case upper && begin >= 0 && (s[i-1] < 'A' || s[i-1] > 'Z'):
			flush(i)
		}
		if begin < 0 {
			begin = i
		}
	}
	flush(len(s))
	return out
}

func isVersion(w string) bool { return len(w) >= 2 && w[0] == 'v' && allDigits(w[1:]) }

// verbs begin the names of operations.
var verbs = set("get", "list", "fetch", "find", "read", "load", "show", "view", "retrieve", "lookup", "describe", "search", "query", "watch", "stream",
	"create", "add", "insert", "new", "make", "save", "put", "set", "update", "edit", "patch", "modify", "change", "upsert",
	"delete", "remove", "destroy", "cancel", "batch", "bulk", "count", "check", "submit", "post", "do")

// ambiguous verbs are things when they stand alone: /post/7, /show/7.
var ambiguous = set("post", "show", "view", "set", "query", "search", "watch", "stream", "batch", "count", "check", "change", "patch", "new", "read", "load")

// manners stand before the noun and say which or how many.
var manners = set("all", "my", "own", "one", "many", "single", "recent", "latest", "current", "paginated", "filtered")

// connectives end the noun: OrderById, OrdersForUser.
var connectives = set("by", "for", "with", "from", "of", "in", "and")

// forms stand behind the noun and say in which form it comes.
var forms = set("service", "api", "controller", "manager", "resource", "endpoint", "query", "mutation", "request", "detail", "details", "list", "page",
	"info", "connection", "paginated", "rpc")
