package inventory

import (
	"strconv"
	"strings"
)

// versionOf takes the version out of a template: of /api/v1/users/{id} it
// returns 1 and "/api/{v}/users/{}", which all versions of the route share.
func versionOf(template string) (number int, rest string, ok bool) {
	if !strings.Contains(template, "/v") && !strings.Contains(template, "/V") {
		return 0, "", false
	}
	b := make([]byte, 0, len(template))
	i := 0
	for seg := range strings.SplitSeq(strings.TrimPrefix(template, "/"), "/") {
		b = append(b, '/')
		switch {
		case !ok && i < 4 && version(seg):
			major, _, _ := strings.Cut(seg[1:], ".")
			n, err := strconv.Atoi(major)
			if err != nil {
				return 0, "", false
			}
			number, ok = n, true
			b = append(b, "{v}"...)
		case strings.Contains(seg, "{"):
			b = append(b, "{}"...)
		default:
			b = append(b, seg...)
		}
		i++
	}
	return number, string(b), ok
}

// A versionKey is what the versions of one operation have in common.
type versionKey struct{ method, rest string }

type versioned struct {
	number int
	e      *endpoint
}

// versions indexes the endpoints of a host by what their versions share.
func (h *host) versions(list []*endpoint) map[versionKey][]versioned {
	out := map[versionKey][]versioned{}
	for _, e := range list {
		if e.good == 0 && e.op == nil {
			continue
		}
		if n, rest, ok := versionOf(e.template); ok {
			k := versionKey{e.method, rest}
			out[k] = append(out[k], versioned{n, e})
		}
	}
	return out
}

// movedShare of the clients on the newer version make the older one a left-over.
const (
	movedShare   = 9 // to one
	movedClients = 10
)

// successor returns the newer version that took e's place, if there is one:
// described where e is not, or used by at least nine tenths of the clients.
func (e *endpoint) successor(index map[versionKey][]versioned) *endpoint {
	number, rest, ok := versionOf(e.template)
	if !ok {
		return nil
	}
	var best *endpoint
	newest := number
	for _, v := range index[versionKey{e.method, rest}] {
		if v.number <= newest || v.e == e {
			continue
		}
		moved := v.e.clients.count() >= movedClients && v.e.clients.count() >= movedShare*e.clients.count() && v.e.good > 0
		if v.e.op != nil && e.op == nil || moved && e.op == nil {
			best, newest = v.e, v.number
		}
	}
	return best
}
