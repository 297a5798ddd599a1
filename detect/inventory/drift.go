package inventory

import (
	"math"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/detect/spec"
	"lapwing/detect/state"
	"lapwing/event"
)

const (
	// maxDepartures of one operation are kept; foreign bytes name them.
	maxDepartures = 32
	// maxName bytes of a field or parameter are kept.
	maxName = 96
	// driftCalls confirmed calls, or driftActors callers, before what departs
	// from the description of an operation is worth a word.
	driftCalls  = 50
	driftActors = 5
	// A departure counts once this many callers show it: what one caller sends
	// is that caller's affair, and judged by the detectors of attacks…
	departureActors = 3
	// …or once this share of calls does, where few callers are seen.
	departureCalls = 20
	departureShare = 0.05
	// fitting shapes of messages are remembered, so that most calls cost a look.
	fitting = 8
)

// A departure is one way in which traffic differs from the description.
type departure struct {
	kind        event.DriftKind
	name        string
	calls       int64
	first, last int64
	actors      [departureActors]uint64 // distinct, as far as they count
}

// drift is what the messages of one described operation were found to be.
type drift struct {
	list    []departure
	crowded int64           // departures that pushed others out
	fits    [fitting]uint64 // shapes that fit the description
	next    uint8
	settled int   // how many were settled when last told
	toldNS  int64 // event time of that
	samples evidence.Samples
}

// depart holds a confirmed call against the contract of its operation.
func (s *Stage) depart(o *detect.Observation, h *host, e *endpoint) {
	c, k := o.Call, e.op.Contract
	if k == nil || c.Status >= 400 || c.Status == 304 {
		return // refusals are seldom described, and say what was wrong with the request
	}
	fields, described := k.Answer(c.Status)
	if !described {
		e.departs(h, event.DriftStatus, statusText(c.Status), o)
	}
	if c.Query != "" {
		s.departQuery(o, h, e, k)
	}
	if e.op.Secured && c.Auth == event.AuthNone && c.Status < 300 && h.credentials {
		e.departs(h, event.DriftCredential, "", o)
	}
	if c.Source != event.SourcePacket || c.Status >= 300 {
		return
	}
	req, res := &c.Shape.Request, &c.Shape.Response
	shape := state.Join(req.Hash, res.Hash^uint64(c.Status))
	if e.drift != nil && slices.Contains(e.drift.fits[:], shape) {
		return
	}
	fits := true
	if k.Request != nil && (req.Type == "json" || req.Type == "form") {
		fits = e.departFields(h, k.Request, req.Keys, req.Type == "json", event.DriftRequestField, event.DriftRequestType, o)
	}
	if fields != nil && res.Type == "json" {
		fits = e.departFields(h, fields, res.Keys, true, event.DriftField, event.DriftType, o) && fits
	}
	if fits {
		d := e.drifting()
		d.fits[d.next%fitting] = shape
		d.next++
	}
}

func (e *endpoint) drifting() *drift {
	if e.drift == nil {
		e.drift = &drift{}
	}
	return e.drift
}

func (e *endpoint) departFields(h *host, f *spec.Fields, keys []string, typed bool, unknown, other event.DriftKind, o *detect.Observation) (fits bool) {
	fits = true
	for _, key := range keys {
		switch f.Judge(key) {
		case spec.Undescribed:
			e.departs(h, unknown, key, o)
			fits = false
		case spec.OtherType:
			if typed { // a form has no types
				e.departs(h, other, key, o)
				fits = false
			}
		}
	}
	return fits
}

func (s *Stage) departQuery(o *detect.Observation, h *host, e *endpoint, k *spec.Contract) {
	for pair := range strings.SplitSeq(o.Call.Query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if strings.IndexByte(name, '%') >= 0 || strings.IndexByte(name, '+') >= 0 {
			if plain, err := url.QueryUnescape(name); err == nil {
				name = plain
			}
		}
		if name != "" && !k.Takes(name) && !tracking(name) {
			e.departs(h, event.DriftParameter, name, o)
		}
	}
}

// tracking parameters are hung on links by mail tools, advertisers and caches;
// no application reads them.
func tracking(name string) bool {
	switch name {
	case "_", "fbclid", "gclid", "msclkid", "cb", "nocache", "cachebust":
		return true
	}
	return strings.HasPrefix(name, "utm_") || strings.HasPrefix(name, "mc_")
}

// departs counts one departure. When the list is full the one with the fewest
// calls makes room, so that made-up names do not hide what is really there.
func (e *endpoint) departs(h *host, kind event.DriftKind, name string, o *detect.Observation) {
	name = printable(name)
	d := e.drifting()
	var k *departure
	for i := range d.list {
		if x := &d.list[i]; x.kind == kind && x.name == name {
			k = x
			break
		}
	}
	if k == nil {
		fresh := departure{kind: kind, name: strings.Clone(name), first: o.AtNS}
		if len(d.list) < maxDepartures {
			d.list = append(d.list, fresh)
			k = &d.list[len(d.list)-1]
		} else {
			least := 0
			for i := range d.list {
				if d.list[i].calls < d.list[least].calls {
					least = i
				}
			}
			d.crowded++
			if d.list[least].calls > 1 && d.crowded%4 != 0 {
				return // once in a while even a busy one may be asked to go
			}
			k = &d.list[least]
			*k = fresh
		}
	}
	k.calls++
	k.last = max(k.last, o.AtNS)
	if k.calls <= departureCalls {
		d.samples.Add(o.Call, 1/float64(k.calls)) // the first of each kind tell most
	}
	for i, a := range k.actors {
		if a == o.Actor {
			break
		}
		if a == 0 {
			k.actors[i] = o.Actor
			h.touch(e)
			break
		}
	}
	if k.calls%departureCalls == 0 {
		h.touch(e)
	}
}

// settled reports whether a departure belongs to the operation, not to a
// caller.
func (k *departure) settled(e *endpoint) bool {
	if e.good < driftCalls && e.actors.count() < driftActors {
		return false
	}
	return k.actors[departureActors-1] != 0 || k.calls >= departureCalls && float64(k.calls) >= departureShare*float64(e.good)
}

// departures lists what is settled, by kind and name.
func (e *endpoint) departures() []event.Drift {
	if e.drift == nil {
		return nil
	}
	var out []event.Drift
	for i := range e.drift.list {
		if k := &e.drift.list[i]; k.settled(e) {
			out = append(out, event.Drift{Kind: k.kind, Name: k.name, Calls: k.calls, FirstSeen: at(k.first), LastSeen: at(k.last)})
		}
	}
	slices.SortFunc(out, func(a, b event.Drift) int {
		if c := strings.Compare(string(a.Kind), string(b.Kind)); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return out
}

// judgeDrift tells what departs from the description of an operation, once for
// each new departure. A description that is wrong as a whole is told of as
// such, and not field by field.
func (s *Stage) judgeDrift(h *host, e *endpoint, out *detect.Output) {
	if e.drift == nil || len(e.drift.list) == 0 || e.op == nil || h.coverage == rogue || h.mostlyOutside() {
		return
	}
	list := e.departures()
	if len(list) == 0 || len(list) <= e.drift.settled && e.last-e.drift.toldNS < awakeNS {
		return
	}
	e.drift.settled, e.drift.toldNS = max(len(list), e.drift.settled), e.last
	out.Suspect(&detect.Suspicion{
		Detector: "misconfiguration", Entity: e.entity(), Scope: "drift", StartedNS: list[0].FirstSeen.UnixNano(),
		Score: asInfo, Threshold: asInfo, Impact: len(list), Case: &driftCase{e: e, list: list, last: e.last},
	})
}

// printable cuts a name to size, and takes out what a terminal would obey.
func printable(name string) string {
	if len(name) > maxName {
		name = name[:maxName]
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return '?'
		}
		return r
	}, name)
}

func statusText(status int) string {
	const digits = "0123456789"
	return string([]byte{digits[status/100%10], digits[status/10%10], digits[status%10]})
}

// A driftCase tells how the traffic of one operation departs from its
// description.
type driftCase struct {
	e    *endpoint
	list []event.Drift
	last int64
}

// driftWords say what a kind of departure is, one and several.
var driftWords = map[event.DriftKind][2]string{
	event.DriftParameter: {"query parameter", "query parameters"}, event.DriftStatus: {"status", "statuses"},
	event.DriftRequestField: {"request field", "request fields"}, event.DriftField: {"response field", "response fields"},
	event.DriftRequestType: {"request field of another type", "request fields of another type"},
	event.DriftType:        {"response field of another type", "response fields of another type"},
	event.DriftCredential:  {"answer without the credential it demands", "answers without the credential it demands"},
}

// Alert counts the departures by kind; each is named among the features.
func (k *driftCase) Alert() event.Alert {
	e := k.e
	a := event.Alert{
		Detector: "misconfiguration", Title: "Traffic departs from the API description", Severity: event.Info,
		Entity: e.entity(), Endpoint: event.EndpointRef{Host: e.host.name, Method: e.method, Route: e.template},
		StartedAt: k.list[0].FirstSeen, LastSeenAt: at(k.last), Outcome: event.OutcomeUnknown,
		Counts:   map[string]int64{"departures": int64(len(k.list)), "confirmed": e.good},
		NextStep: "Bring the description up to date, or the service back to it: what is not described is not reviewed, and a field that nobody expects may be one that nobody meant to publish.",
		Tags:     event.Tags{OWASP: []string{"API9:2023", "API8:2023"}},
		Hunt:     "host:" + quote(e.host.name) + " method:" + e.method + " route:" + quote(e.template) + " since:" + k.list[0].FirstSeen.UTC().Format(time.RFC3339),
		Benign: []event.Hypothesis{
			{Hypothesis: "the description lags behind a release", Against: "not ruled out: it is the likeliest cause"},
			{Hypothesis: "one caller sends what it likes", Against: "each departure was shown by several callers, or by a fair share of all calls"},
		},
	}
	var parts []string
	for i := 0; i < len(k.list); {
		kind, calls, j := k.list[i].Kind, int64(0), i
		for ; j < len(k.list) && k.list[j].Kind == kind; j++ {
			d := &k.list[j]
			calls += d.Calls
			if d.FirstSeen.Before(a.StartedAt) {
				a.StartedAt = d.FirstSeen
			}
			name := string(kind)
			if d.Name != "" {
				name += " " + d.Name
			}
			a.Evidence.Features = append(a.Evidence.Features, event.Feature{Name: name, Value: float64(d.Calls), Contribution: asInfo / math.Ln10 / float64(len(k.list))})
		}
		n := int64(j - i)
		if kind == event.DriftCredential {
			n = calls
		}
		text := driftWords[kind][0]
		if n != 1 {
			text = driftWords[kind][1]
		}
		parts = append(parts, number(n)+" "+text)
		a.Counts[string(kind)] = n
		i = j
	}
	a.Evidence.ScoreLog10, a.Evidence.Calls = asInfo/math.Ln10, e.drift.samples.Calls()
	if a.Counts[string(event.DriftCredential)] > 0 {
		a.Severity = event.Low
	}
	a.Summary = e.method + " " + e.host.name + e.template + " was seen with what its description does not have in " + counted(e.good, "confirmed call") +
		": " + strings.Join(parts, "; ") + "."
	return a
}
