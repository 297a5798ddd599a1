package inventory

import (
	"math"
	"strings"

	"lapwing/event"
)

// The likelihood ratios below, as base-10 logarithms, compare "an endpoint
// that is in use and in no description" with "an artefact: a stray answer, a
// page for people, a health check". Each is set from how seldom an artefact
// shows it; where two could have the same cause only one counts, or the second
// counts less.
const (
	lrOwnAnswer    = 4.0 // a 2xx with the body of an API, not given to anything else
	lrBlindAnswer  = 3.0 // a 2xx from a source that shows no bodies
	lrPage         = 1.0 // a 2xx page for people
	lrWeakAnswer   = 1.0 // an answer short of 2xx that takes the request apart
	lrSecondActor  = 2.0 // somebody else uses it too
	lrFurtherActor = 1.0 // each of the next
	maxFurther     = 4
	lrRepeat       = 0.25 // each further confirmed call of the same actors
	maxRepeats     = 4
	lrSensitive    = 2.0 // sensitive data in its answers
	lrAnonymous    = 2.0 // answers without a credential on a host that uses them
	lrInternalName = 2.0 // called internal, admin, debug …
	lrPlumbing     = -3.0
	lrDeprecated   = 5.0 // the description itself says it should be gone
	lrReplaced     = 2.0 // a newer version is described, this one is not
	lrMoved        = 2.0 // nine tenths of the clients are on a newer version
	lrRogueRoute   = 1.5 // each described route on the host
	maxRogueRoutes = 4
)

// features adds up evidence of kind and value.
type features []event.Feature

func (f *features) add(name string, value, baseline, each float64) {
	if value == 0 {
		return
	}
	*f = append(*f, event.Feature{Name: name, Value: value, Baseline: baseline, Contribution: value * each})
}

func (f features) sum() float64 {
	total := 0.0
	for _, x := range f {
		total += x.Contribution
	}
	return total
}

// natural is the sum as a natural logarithm. The factor keeps a sum that is
// exactly at a threshold from falling below it by rounding.
func (f features) natural() float64 { return f.sum() * math.Ln10 * (1 + 1e-12) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// use collects what shows that an endpoint is in use.
func (e *endpoint) use(f *features) {
	switch {
	case e.ok > 0 && e.json > 0:
		f.add("answers of its own", 1, 0, lrOwnAnswer)
	case e.ok > 0 && e.page == 0:
		f.add("answers, bodies unseen", 1, 0, lrBlindAnswer)
	case e.ok > 0:
		f.add("pages", 1, 0, lrPage)
	default:
		f.add("answers that take the request apart", 1, 0, lrWeakAnswer)
	}
	actors := e.actors.count()
	f.add("second actor", truth(actors > 1), 0, lrSecondActor)
	f.add("further actors", float64(min(max(actors-2, 0), maxFurther)), 0, lrFurtherActor)
	f.add("repeated calls", float64(min(max(e.good-max(actors, 1), 0), maxRepeats)), 0, lrRepeat)
	f.add("sensitive data", truth(len(e.sensitive) > 0), 0, lrSensitive)
	f.add("no credential", truth(e.exposed()), 0, lrAnonymous)
}

// exposed reports whether the endpoint answers callers without a credential on
// a host where others present one.
func (e *endpoint) exposed() bool { return e.anonymous > 0 && e.host.credentials }

// shadowEvidence is the evidence that an endpoint is in use though in no
// description.
func (e *endpoint) shadowEvidence() features {
	var f features
	e.use(&f)
	f.add("internal name", truth(internalName(e.template)), 0, lrInternalName)
	f.add("plumbing", truth(plumbing(e.template)), 0, lrPlumbing)
	return f
}

// zombieEvidence is the evidence that an endpoint that should be gone is in
// use.
func (e *endpoint) zombieEvidence(next *endpoint) features {
	var f features
	if e.op != nil {
		f.add("deprecated", 1, 0, lrDeprecated)
		actors := e.actors.count()
		f.add("actors", float64(min(actors, 2)), 0, 0.75)
		f.add("repeated calls", float64(min(max(e.ok-max(actors, 1), 0), maxRepeats)), 0, lrRepeat)
		f.add("sensitive data", truth(len(e.sensitive) > 0), 0, lrSensitive)
		f.add("no credential", truth(e.exposed()), 0, lrAnonymous)
		return f
	}
	e.use(&f)
	if next.op != nil {
		f.add("newer version described", 1, 0, lrReplaced)
	} else {
		f.add("clients moved to newer version", 1, 0, lrMoved)
	}
	return f
}

var internalWords = [...]string{
	"internal", "admin", "debug", "private", "actuator", "metrics", "backup", "export", "dump", "console", "management",
	"staging", "phpinfo", "env", "config", "secret", "secrets", "token", "tokens", "superuser", "root", "trace", "heapdump",
	"graphiql", "impersonate", "sudo", "maintenance", "diag", "diagnostics", "devtools", "test", "legacy", "old",
}

// internalName reports whether a template names something that is not meant
// for the public.
func internalName(template string) bool {
	return anyWord(template, internalWords[:])
}

var plumbingWords = [...]string{
	"health", "healthz", "healthcheck", "livez", "readyz", "ready", "live", "liveness", "readiness", "ping", "status",
	"version", "heartbeat", "up", "openapi", "swagger", "docs", "redoc", "csp-report", "favicon",
}

// plumbing reports whether a template is one that operators serve beside every
// API and describe in none.
func plumbing(template string) bool {
	last := template[strings.LastIndexByte(template, '/')+1:]
	stem, _, _ := strings.Cut(last, ".")
	return template == "/" || strings.HasPrefix(template, "/.well-known/") || anyWord("/"+stem, plumbingWords[:])
}

// anyWord reports whether a segment of the template, or a part of one between
// dashes, underscores or dots, is in the list.
func anyWord(template string, list []string) bool {
	for _, part := range strings.FieldsFunc(template, func(r rune) bool { return r == '/' || r == '-' || r == '_' || r == '.' }) {
		for _, w := range list {
			if strings.EqualFold(part, w) {
				return true
			}
		}
	}
	return false
}
