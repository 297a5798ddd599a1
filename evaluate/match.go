package evaluate

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"lapwing/evaluate/baseline"
	"lapwing/event"
	"lapwing/parse/pseudonym"
	"lapwing/simulate"
)

// A Verdict says what an alert was worth.
type Verdict string

const (
	Right    Verdict = "right"    // entity, family and time are those of an attack
	Finding  Verdict = "finding"  // true of the application: an endpoint that its description lacks
	Misnamed Verdict = "misnamed" // an attack's entity and time, under a name that the truth does not list
	Beside   Verdict = "beside"   // an attack's calls and time, another entity
	False    Verdict = "false"    // about nobody who attacked, or about a harmless part
)

// grace is how long after its end an attack may still be told.
const grace = time.Hour

// judge says what an alert is worth, and which part it is about: from 1, 0 if
// none.
func (l *ledger) judge(truth *simulate.Truth, t *told) (Verdict, int) {
	a := &t.last
	verdict, about := False, 0
	for i := range truth.Parts {
		p := &truth.Parts[i]
		if !p.Attack || !during(p, t.first[event.Info]) {
			continue
		}
		_, of := l.quoted(a, i+1)
		named := slices.Contains(p.Detectors, a.Detector)
		switch entity := l.names(p, i+1, a); {
		case entity && named:
			return Right, i + 1
		case entity && verdict != Misnamed:
			verdict, about = Misnamed, i+1
		case verdict == False && of > 0 && l.about(a) == i+1:
			verdict, about = Beside, i+1
		}
	}
	if verdict == False {
		if finding(truth, a) {
			return Finding, 0
		}
		about = l.about(a)
		for i := range truth.Parts { // by whom it names, where it quotes nothing
			if about == 0 && l.names(&truth.Parts[i], i+1, a) {
				about = i + 1
			}
		}
	}
	return verdict, about
}

func during(p *simulate.Part, atNS int64) bool {
	return atNS >= p.Start.UnixNano() && atNS <= p.End.Add(grace).UnixNano()
}

// names reports whether an alert names an entity that part n lists.
func (l *ledger) names(p *simulate.Part, n int, a *event.Alert) bool {
	if n > len(l.parts) {
		return false
	}
	seen := l.parts[n-1]
	for _, e := range p.Entities {
		if event.Kind(e.Kind) == a.Entity.Kind && l.same(seen, n, e.Value, a) {
			return true
		}
	}
	return false
}

// same reports whether the entity of an alert is value. An empty value stands
// for any of those seen in the part.
func (l *ledger) same(seen *part, n int, value string, a *event.Alert) bool {
	told := a.Entity.Value
	switch a.Entity.Kind {
	case event.KindClient:
		addr, err := netip.ParseAddr(told)
		if err != nil {
			return false
		}
		if value == "" {
			return seen.callers[addr.Unmap()]
		}
		want, err := netip.ParseAddr(value)
		return err == nil && want.Unmap() == addr.Unmap()
	case event.KindNetwork:
		prefix, err := netip.ParsePrefix(told)
		if err != nil {
			return value == told && value != ""
		}
		if value == "" {
			return seen.within(prefix) && l.mostly(a, n)
		}
		want, err := netip.ParsePrefix(value)
		return err == nil && want.Overlaps(prefix)
	case event.KindUser, event.KindToken, event.KindKey, event.KindSession:
		user, known := seen.names[told]
		if value == "" {
			return known
		}
		return known && user == value || l.revealed(told) == value || l.keys.Secret([]byte(value)) == told
	case event.KindAccount:
		if value == "" {
			return l.mostly(a, n)
		}
		return l.revealed(told) == string(pseudonym.Normalize([]byte(value)))
	case event.KindEndpoint:
		if value == "" {
			return l.mostly(a, n)
		}
		return samePlace(value, told) || samePlace(value, a.Endpoint.Method+" "+a.Endpoint.Host+a.Endpoint.Route)
	case event.KindHost:
		return value == "" || strings.EqualFold(value, told)
	}
	// Clusters and objects have no name outside the sensor.
	return value == "" && l.mostly(a, n) || value != "" && value == told
}

// mostly reports whether at least half of the calls that an alert quotes belong
// to part n.
func (l *ledger) mostly(a *event.Alert, n int) bool {
	all, of := l.quoted(a, n)
	return of > 0 && 2*of >= all
}

func (l *ledger) revealed(pseudonymOrName string) string {
	return l.keys.Reveal(pseudonymOrName, pseudonym.Plain)
}

// samePlace compares "METHOD host/route" with parameters of any name; the host
// may be missing in want.
func samePlace(want, told string) bool {
	wantMethod, wantRoute, ok := strings.Cut(want, " ")
	if !ok {
		wantMethod, wantRoute = "", want
	}
	method, route, _ := strings.Cut(told, " ")
	if wantMethod != "" && wantMethod != method {
		return false
	}
	if strings.HasPrefix(wantRoute, "/") {
		if i := strings.IndexByte(route, '/'); i >= 0 {
			route = route[i:]
		}
	}
	return sameRoute(wantRoute, route)
}

// sameRoute compares a template of the truth with one that was told, without
// the names of parameters. What the truth calls a parameter may be a word.
func sameRoute(truth, told string) bool {
	a, b := truth, told
	for {
		x, restA, moreA := strings.Cut(a, "/")
		y, restB, moreB := strings.Cut(b, "/")
		if x != y && !strings.HasPrefix(x, "{") || moreA != moreB {
			return false
		}
		if !moreA {
			return true
		}
		a, b = restA, restB
	}
}

// finding reports whether an inventory alert says something true of the
// application: that an endpoint answers which its description lacks or calls
// deprecated.
func finding(truth *simulate.Truth, a *event.Alert) bool {
	for i := range truth.Endpoints {
		e := &truth.Endpoints[i]
		if e.Host != a.Endpoint.Host || e.Method != a.Endpoint.Method || !sameRoute(e.Template, a.Endpoint.Route) {
			continue
		}
		switch a.Detector {
		case "shadow_endpoint":
			return !e.Documented
		case "zombie_endpoint":
			return e.Deprecated || !e.Documented
		}
	}
	return a.Detector == "orphan_endpoint"
}

// hit reports whether what a static rule says is about an attack: one of its
// callers, an entity that it lists, or the endpoint that its calls went to, in
// its time.
func (l *ledger) hit(p *simulate.Part, n int, r baseline.Alert) bool {
	if !p.Attack || n > len(l.parts) || !during(p, r.AtNS) {
		return false
	}
	seen := l.parts[n-1]
	switch r.Entity.Kind {
	case event.KindClient:
		addr, err := netip.ParseAddr(r.Entity.Value)
		return err == nil && seen.callers[addr.Unmap()]
	case event.KindEndpoint:
		return slices.ContainsFunc(p.Detectors, loginFamily)
	case event.KindToken:
		_, ok := seen.names[r.Entity.Value]
		return ok
	}
	a := event.Alert{Entity: r.Entity}
	return l.names(p, n, &a)
}

func loginFamily(detector string) bool {
	switch detector {
	case "credential_stuffing", "password_spraying", "brute_force", "account_takeover", "user_enumeration":
		return true
	}
	return false
}
