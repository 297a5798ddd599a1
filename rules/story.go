package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"lapwing/detect/evidence"
	"lapwing/event"
)

// quietNS without a match that fulfils the rule, a story is over; the engine's
// incident is then, too.
const quietNS = int64(24 * time.Hour)

// A group is what one rule remembers of the calls that belong together.
type group struct {
	count  recent
	hits   recent
	values different
	chain  ordered
	first  []event.CallSample // what came before the rule was fulfilled: the first, and the newest but the last
	story  *story             // nil until the rule was fulfilled
}

// take counts a match, and reports whether the rule is fulfilled.
func (g *group) take(r *Rule, m *match, nowNS int64, t *told) bool {
	n, hits, oldest := 1, 0, nowNS
	fires := true
	window := int64(r.Over)
	switch r.Form {
	case FormCount:
		n, oldest = g.count.add(nowNS, window, r.AtLeast)
		fires = n >= r.AtLeast
	case FormDistinct:
		n, oldest = g.values.add(m.value, nowNS, window, r.AtLeast)
		fires = n >= r.AtLeast
	case FormRatio:
		n, oldest = g.count.addPart(nowNS, window, 1)
		hits, _ = g.hits.addPart(nowNS, window, uint32(m.fits))
		fires = m.fits == 1 && n >= r.AtLeast && float64(hits) >= r.Share*float64(n)
	case FormSequence:
		n = r.AtLeast
		fires, oldest = g.chain.add(m.fits, n, nowNS, window)
	case FormTogether:
		n = r.AtLeast
		fires, oldest = g.chain.together(m.fits, n, nowNS, window)
	}
	if g.story != nil && nowNS-g.story.lastNS >= quietNS {
		g.story = nil
	}
	if !fires {
		g.remember(m)
		return false
	}
	if g.story == nil {
		g.story = &story{told: t, entity: m.entity, values: m.values, endpoint: m.endpoint, startedNS: oldest, matches: int64(n) - 1}
		for _, c := range g.first {
			if c.Time.UnixNano() >= oldest-window {
				g.story.samples.AddSample(c, 1)
			}
		}
		g.first = nil
	}
	g.story.add(m, nowNS, n, hits)
	return true
}

// remembered samples of a group that has told nothing yet.
const remembered = 5

func (g *group) remember(m *match) {
	if g.story != nil {
		return
	}
	if len(g.first) == remembered {
		copy(g.first[1:], g.first[2:])
		g.first = g.first[:remembered-1]
	}
	g.first = append(g.first, m.sample)
}

// told is what alerts need to know of their rule.
type told struct {
	id, nextStep   string
	severity       event.Severity
	version        int
	tags           event.Tags
	benign         []string
	groupBy        []string
	about          string // the field of groupBy that is the entity
	distinct       string
	form           Form
	window         time.Duration
	atLeast        int
	share          float64
	title, summary template
}

func tell(r *Rule) told {
	return told{id: r.ID, nextStep: r.NextStep, severity: r.Severity, version: r.Version, tags: r.Tags, benign: r.Benign, groupBy: r.GroupBy, about: r.Entity,
		distinct: r.Distinct, form: r.Form, window: r.Over, atLeast: r.AtLeast, share: r.Share, title: r.title, summary: r.summary}
}

// A story is a rule fulfilled in one group. It implements detect.Case.
type story struct {
	told      *told
	entity    event.Entity
	values    [MaxGroupBy]string
	endpoint  event.EndpointRef
	startedNS int64
	lastNS    int64
	matches   int64 // calls: those of the first window, and each later one with which the rule was fulfilled
	most      int   // the most calls, or values, in a window; FormRatio: calls in the window with the highest share
	hits      int   // FormRatio
	samples   evidence.Samples
}

func (s *story) add(m *match, nowNS int64, n, hits int) {
	s.matches++
	s.lastNS = nowNS
	if s.told.form != FormRatio {
		s.most = max(s.most, n)
	} else if s.most == 0 || float64(hits)/float64(n) >= float64(s.hits)/float64(s.most) {
		s.most, s.hits = n, hits
	}
	same := func(have *string, now string) {
		if *have != now {
			*have = ""
		}
	}
	same(&s.endpoint.Host, m.endpoint.Host)
	same(&s.endpoint.Method, m.endpoint.Method)
	same(&s.endpoint.Route, m.endpoint.Route)
	s.samples.AddSample(m.sample, 1)
}

// scope sets apart the rules, and the groups of one rule that are about the
// same entity.
func (s *story) scope() string {
	t := s.told
	if len(t.groupBy) == 0 || len(t.groupBy) == 1 && t.groupBy[0] == t.about {
		return t.id
	}
	return t.id + "\x00" + strings.Join(s.values[:len(t.groupBy)], "\x00")
}

// Alert tells the story.
func (s *story) Alert() event.Alert {
	t := s.told
	a := event.Alert{
		Detector: Detector, RuleVersion: t.version, Severity: t.severity, Outcome: event.OutcomeUnknown,
		StartedAt: time.Unix(0, s.startedNS).UTC(), LastSeenAt: time.Unix(0, s.lastNS).UTC(),
		Entity: s.entity, Endpoint: s.endpoint, Counts: s.counts(), NextStep: t.nextStep,
		Tags:  event.Tags{OWASP: slices.Clone(t.tags.OWASP), OAT: slices.Clone(t.tags.OAT), Attack: slices.Clone(t.tags.Attack)},
		Flags: []string{"rule:" + t.id},
		Hunt:  s.hunt(),
	}
	if a.NextStep == "" {
		a.NextStep = "Look at the calls that matched, and decide whether they are what the rule was written for."
	}
	for _, b := range t.benign {
		a.Benign = append(a.Benign, event.Hypothesis{Hypothesis: b, Against: "nothing: the rule does not look for it"})
	}
	value := func(name string) string { return s.value(name, a.Counts) }
	a.Title, a.Summary = t.title.fill(value), t.summary.fill(value)
	a.Evidence = event.Evidence{Features: s.features(), Calls: s.samples.Calls()}
	return a
}

// counts are the numbers of the alert.
func (s *story) counts() map[string]int64 {
	t := s.told
	c := map[string]int64{"matches": s.matches, "duration_s": (s.lastNS - s.startedNS) / int64(time.Second)}
	if t.form != FormEach {
		c["window_s"] = int64(t.window / time.Second)
	}
	switch t.form {
	case FormCount:
		c["count"], c["at_least"] = int64(s.most), int64(t.atLeast)
	case FormDistinct:
		c["distinct"], c["at_least"] = int64(s.most), int64(t.atLeast)
	case FormRatio:
		c["total"], c["hits"], c["percent"] = int64(s.most), int64(s.hits), int64(s.hits)*100/int64(max(1, s.most))
		c["at_least_percent"] = int64(math.Round(t.share * 100))
	case FormSequence, FormTogether:
		c["steps"] = int64(t.atLeast)
	}
	return c
}

// features say what was measured beside what the rule asks for. They carry no
// evidence: nothing was weighed.
func (s *story) features() []event.Feature {
	t := s.told
	list := []event.Feature{{Name: "matches", Value: float64(s.matches)}}
	switch t.form {
	case FormCount:
		list = append(list, event.Feature{Name: "count", Value: float64(s.most), Baseline: float64(t.atLeast)})
	case FormDistinct:
		list = append(list, event.Feature{Name: "distinct " + t.distinct, Value: float64(s.most), Baseline: float64(t.atLeast)})
	case FormRatio:
		list = append(list, event.Feature{Name: "share", Value: float64(s.hits) / float64(max(1, s.most)), Baseline: t.share})
	}
	for i, name := range t.groupBy {
		list = append(list, event.Feature{Name: name + ":" + shown(s.values[i]), Value: 1})
	}
	return list
}

// value is what stands for a name in a template.
func (s *story) value(name string, counts map[string]int64) string {
	switch name {
	case "rule":
		return s.told.id
	case "entity":
		return strings.ToUpper(string(s.entity.Kind[:1])) + string(s.entity.Kind[1:]) + " " + shown(s.entity.Value)
	}
	for i, field := range s.told.groupBy {
		if field == name {
			return shown(s.values[i])
		}
	}
	return strconv.FormatInt(counts[name], 10)
}

// hunt is the query for the calls of the group; the expression itself is not
// part of it.
func (s *story) hunt() string {
	var b strings.Builder
	word := func(field, value string) {
		if value != "" {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			fmt.Fprintf(&b, "%s:%q", field, value)
		}
	}
	about := string(s.entity.Kind)
	switch s.entity.Kind {
	case event.KindNetwork:
		about = "client" // takes a prefix
	case event.KindCluster:
		about = "fingerprint"
	case event.KindEndpoint, event.KindSensor, event.KindHost:
		about = ""
	}
	if about != "" {
		word(about, s.entity.Value)
	}
	word("host", s.endpoint.Host)
	word("method", s.endpoint.Method)
	word("route", s.endpoint.Route)
	word("since", time.Unix(0, s.startedNS).UTC().Format(time.RFC3339))
	return b.String()
}
