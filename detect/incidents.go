package detect

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"maps"
	"slices"
	"time"

	"lapwing/event"
)

const (
	// quietNS after the last evidence an incident is over.
	quietNS = int64(24 * time.Hour)
	// pauseNS without evidence is a good moment to bring the counts up to date.
	pauseNS = int64(time.Minute)
	// hourlyNS is how often an incident that goes on is reported again.
	hourlyNS = int64(time.Hour)
	// tenfold evidence is news (ln 10); so that a long attack does not become
	// news at every second event, the step grows with what is known already.
	tenfold    = 2.302585092994046
	growth     = 0.25
	maxTracked = 20_000 // incidents remembered, open and resolved; beyond, resolved ones go first
	// perEndpoint alerts of one detector on one endpoint in an hour are told
	// one by one; from then on either the endpoint as a whole is under attack
	// or our baseline is wrong, and one alert says so.
	perEndpoint = 30
	// maxFolds bounds how many entities in crowds are known by name. Beyond it
	// an entity that goes on may be counted again.
	maxFolds = 100_000
)

type incidentKey struct {
	detector string
	entity   event.Entity
	scope    string
}

type incident struct {
	key        incidentKey
	held       Case
	alert      event.Alert // last revision
	openedNS   int64
	evidenceNS int64 // last suspicion
	revisedNS  int64
	score      float64 // at the last revision
	latest     float64
	impact     int
	latestHit  int // latest impact
	open       bool
	caughtUp   bool // told once more in the quiet after the last news
	seq        int64
}

type incidents struct {
	cfg     Config `snapshot:"same"`
	emit    func(event.Alert)
	byKey   map[incidentKey]*incident
	crowds  map[crowdKey]*crowd
	folds   map[incidentKey]*crowd // entities that a crowd has swallowed, while it lasts
	seq     int64
	opened  int64
	revised int64
	folded  int64
}

type crowdKey struct {
	detector string
	crowd    string
	endpoint event.EndpointRef
}

func newIncidents(cfg Config, emit func(event.Alert)) *incidents {
	return &incidents{cfg: cfg, emit: emit, byKey: make(map[incidentKey]*incident), crowds: make(map[crowdKey]*crowd), folds: make(map[incidentKey]*crowd)}
}

func (in *incidents) suspect(s *Suspicion, atNS int64) {
	key := incidentKey{s.Detector, s.Entity, s.Scope}
	i := in.byKey[key]
	if i == nil || !i.open {
		threshold := s.Threshold
		if threshold == 0 {
			threshold = Medium
		}
		if s.Score < threshold {
			return
		}
		in.raise(key, i, s, atNS)
		return
	}
	i.held, i.evidenceNS, i.latest, i.latestHit = s.Case, atNS, s.Score, s.Impact
	news := s.Score >= i.score+max(tenfold, growth*i.score) ||
		s.Impact > i.impact && s.Impact >= 2*i.impact ||
		atNS-i.revisedNS >= hourlyNS
	if news {
		i.caughtUp = false
		in.revise(i, event.StatusUpdated, atNS)
	}
}

// raise opens an incident, or opens it again.
func (in *incidents) raise(key incidentKey, i *incident, s *Suspicion, atNS int64) {
	if c := in.folds[key]; c != nil {
		c.lastNS = atNS // told of already, as one of the crowd
		return
	}
	alert := s.Case.Alert()
	if c := in.crowd(crowdKey{s.Detector, s.Crowd, alert.Endpoint}, atNS); c.takes(alert, atNS) {
		if len(in.folds) < maxFolds {
			in.folds[key] = c
		}
		in.folded++
		if c.due() {
			in.emitCrowd(c, atNS)
		}
		return
	}
	if i == nil {
		in.makeRoom()
		in.seq++
		i = &incident{key: key, seq: in.seq}
		in.byKey[key] = i
	}
	id := in.alertID(&alert, key, s.StartedNS)
	again := i.alert.ID == id
	i.held, i.open, i.openedNS, i.evidenceNS, i.latest, i.latestHit = s.Case, true, atNS, atNS, s.Score, s.Impact
	if !again {
		i.alert = event.Alert{ID: id, IncidentID: incidentID(&alert, key, s.StartedNS), DetectedAt: time.Unix(0, atNS).UTC()}
		in.opened++
	}
	in.publish(i, alert, event.StatusOpen, atNS)
}

func (in *incidents) revise(i *incident, status event.Status, atNS int64) {
	in.revised++
	in.publish(i, i.held.Alert(), status, atNS)
}

func (in *incidents) publish(i *incident, a event.Alert, status event.Status, atNS int64) {
	a.ID, a.IncidentID, a.DetectedAt = i.alert.ID, i.alert.IncidentID, i.alert.DetectedAt
	a.Revision = i.alert.Revision + 1
	a.Status = status
	if a.RuleVersion == 0 {
		a.RuleVersion = 1
	}
	in.complete(&a)
	i.alert, i.revisedNS, i.score, i.impact = a, atNS, i.latest, i.latestHit
	in.emit(a)
}

// complete fills what every alert has in common.
func (in *incidents) complete(a *event.Alert) {
	a.Sensor = in.cfg.Sensor
	if in.cfg.Historical && !slices.Contains(a.Flags, "historical") {
		a.Flags = append(a.Flags, "historical")
	}
	if a.Counts == nil {
		a.Counts = map[string]int64{}
	}
	if a.Outcome == "" {
		a.Outcome = event.OutcomeUnknown
	}
	// Lists are lists in JSON, also where there is nothing to list.
	if a.Evidence.Features == nil {
		a.Evidence.Features = []event.Feature{}
	}
	if a.Evidence.Calls == nil {
		a.Evidence.Calls = []event.CallSample{}
	}
	if a.Benign == nil {
		a.Benign = []event.Hypothesis{}
	}
}

func (in *incidents) acquit(key incidentKey, atNS int64) {
	if i := in.byKey[key]; i != nil && i.open {
		i.open = false
		in.revise(i, event.StatusResolved, atNS)
	}
}

// advance resolves what has been quiet for a day, and brings the counts of what
// has just become quiet up to date: once after each piece of news, so that a slow
// attack is not told at every step. Ticks meet every whole minute, which is
// often enough to look.
func (in *incidents) advance(nowNS int64) {
	if mod(nowNS, int64(time.Minute)) != 0 {
		return
	}
	var quiet []*incident
	for _, i := range in.byKey {
		if silent := nowNS - i.evidenceNS; i.open && (silent >= quietNS || silent >= pauseNS && !i.caughtUp && i.evidenceNS > i.revisedNS) {
			quiet = append(quiet, i)
		}
	}
	for _, i := range sorted(quiet) {
		if nowNS-i.evidenceNS < quietNS {
			i.caughtUp = true
			in.revise(i, event.StatusUpdated, i.evidenceNS)
			continue
		}
		i.open = false
		in.revise(i, event.StatusResolved, i.evidenceNS+quietNS)
	}
	var over []*crowd
	for k, c := range in.crowds {
		if nowNS-c.hourNS >= hourlyNS {
			over = append(over, c)
			delete(in.crowds, k)
			maps.DeleteFunc(in.folds, func(_ incidentKey, f *crowd) bool { return f == c })
		}
	}
	in.tellCrowds(over, nowNS)
}

// tellCrowds reports what was folded since each was last told.
func (in *incidents) tellCrowds(list []*crowd, nowNS int64) {
	slices.SortFunc(list, func(a, b *crowd) int { return cmp.Compare(a.seq, b.seq) })
	for _, c := range list {
		if c.folded > c.told {
			in.emitCrowd(c, nowNS)
		}
	}
}

// close gives every open incident that has more to tell than it told a last
// revision, so that its counts are whole.
func (in *incidents) close(nowNS int64) {
	var open []*incident
	for _, i := range in.byKey {
		if i.open {
			open = append(open, i)
		}
	}
	for _, i := range sorted(open) {
		a := i.held.Alert()
		if i.latest != i.score || i.evidenceNS > i.revisedNS || !a.LastSeenAt.Equal(i.alert.LastSeenAt) || !maps.Equal(a.Counts, i.alert.Counts) {
			in.revised++
			in.publish(i, a, event.StatusUpdated, i.evidenceNS)
		}
	}
	in.tellCrowds(slices.Collect(maps.Values(in.crowds)), nowNS)
}

func (in *incidents) makeRoom() {
	if len(in.byKey) < maxTracked {
		return
	}
	var oldest *incident
	for _, i := range in.byKey {
		if oldest == nil || cmpEvict(i, oldest) < 0 {
			oldest = i
		}
	}
	delete(in.byKey, oldest.key)
}

func cmpEvict(a, b *incident) int {
	if a.open != b.open {
		if a.open {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.evidenceNS, b.evidenceNS), cmp.Compare(a.seq, b.seq))
}

func sorted(list []*incident) []*incident {
	slices.SortFunc(list, func(a, b *incident) int { return cmp.Compare(a.seq, b.seq) })
	return list
}

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// alertID is a pure function of what the alert is about and the hour in which
// its story began: a replay, a restart or another process finds the same.
func (in *incidents) alertID(a *event.Alert, key incidentKey, startedNS int64) string {
	about := "alert"
	if in.cfg.API != "" { // one client may have a story at each API
		about = "alert of " + in.cfg.API
	}
	return hashID(about, key.detector, fmt.Sprint(max(a.RuleVersion, 1)), string(key.entity.Kind), key.entity.Value, key.scope, fmt.Sprint(startedNS/hourlyNS))
}

// incidentID groups the alerts of one rule family about one entity, at
// whatever API.
func incidentID(a *event.Alert, key incidentKey, startedNS int64) string {
	return hashID("incident", family(key.detector), string(key.entity.Kind), key.entity.Value, fmt.Sprint(startedNS/quietNS))
}

func family(detector string) string {
	switch detector {
	case "credential_stuffing", "password_spraying", "brute_force", "account_takeover", "user_enumeration":
		return "credentials"
	case "bola", "object_enumeration", "scraping", "parameter_pollution":
		return "objects"
	case "shadow_endpoint", "zombie_endpoint", "orphan_endpoint":
		return "inventory"
	}
	return detector
}

func hashID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return crockford.EncodeToString(h.Sum(nil)[:16])
}
