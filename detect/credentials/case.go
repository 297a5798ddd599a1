package credentials

import (
	"fmt"
	"math"
	"strings"
	"time"

	"lapwing/detect"
	"lapwing/detect/evidence"
	"lapwing/event"
)

// A stuffing case tells of many accounts tried from one place. It implements
// detect.Case.
type stuffing struct {
	detector  string   // chosen when it is told first
	sprayed   *sprayed // set when the rounds show that it is spraying
	secrets   evidence.Lengths
	entity    event.Entity
	endpoint  event.EndpointRef
	score     evidence.Score
	test      evidence.Test
	late      bool // judged by what stayed unresolved
	startedNS int64
	lastNS    int64
	attempts  int64
	users     int64
	failures  int64
	successes int64
	entered   int64
	clients   int64
	names     names
	samples   evidence.Samples
}

func (c *stuffing) copy(t *track, shared bool) {
	score, test := t.score(shared)
	c.score, c.test, c.late = *score, test, test == unresolved
	c.startedNS, c.lastNS = t.startedNS, t.lastNS
	c.attempts, c.users, c.failures, c.successes, c.entered = t.attempts, t.users, t.failures, t.successes, t.entered
}

const (
	manyPasswords = "credential_stuffing"
	spraying      = "password_spraying"
	// Spraying is few passwords at many accounts, round after round: at least so
	// many accounts are tried again, and their first secrets were equally long.
	// Equal lengths alone do not tell: there are lists of generated passwords.
	sprayedUsers  = 10
	sprayedRounds = 1.8
)

// rounds reports whether the same few passwords are tried at every account.
func (c *stuffing) rounds() bool {
	return c.users >= sprayedUsers && float64(c.attempts) >= sprayedRounds*float64(c.users) && c.secrets.Alike(sprayedUsers, 0.95)
}

// oneSecret reports whether one secret is tried once at every account. Who asks
// at a login which names exist does that, and so does the first round of
// spraying: such a run does not explain that the names are unknown.
func (t *track) oneSecret() bool {
	return t.open != nil && t.open.secrets.Alike(sprayedUsers/2, 0.95) && float64(t.attempts) < sprayedRounds*float64(t.users)
}

// name says which of the two it is, once and for all when it is first told: an
// alert keeps its detector.
func (c *stuffing) name() string {
	if c.detector == "" {
		c.detector = manyPasswords
		if c.rounds() {
			c.detector = spraying
		}
	}
	return c.detector
}

// A sprayed case tells what a case of stuffing turned out to be.
type sprayed struct{ *stuffing }

// Alert tells the case under its other name.
func (c *sprayed) Alert() event.Alert { return c.tell(spraying) }

// Alert tells the case.
func (c *stuffing) Alert() event.Alert { return c.tell(c.name()) }

func (c *stuffing) tell(detector string) event.Alert {
	hits, misses := "accounts_failed_at_first_attempt", "accounts_entered_at_first_attempt"
	if c.late {
		hits, misses = "accounts_unresolved_after_600_s", "accounts_resolved"
	}
	a := event.Alert{
		Detector: detector, Severity: event.Medium, Outcome: event.OutcomeBlocked,
		Title:     "Credential stuffing from " + c.entity.Value,
		StartedAt: at(c.startedNS), LastSeenAt: at(c.lastNS), Entity: c.entity, Endpoint: c.endpoint,
		Counts: map[string]int64{
			"attempts": c.attempts, "accounts": c.users, "failures": c.failures, "successes": c.successes,
			"entered_accounts": c.entered, "clients": c.clients, "duration_s": seconds(c.startedNS, c.lastNS),
		},
		NextStep: "Block or challenge the source, and check whether any of the accounts came in from it.",
		Benign: []event.Hypothesis{
			{Hypothesis: "several people behind one address mistype", Against: "their accounts mostly come in at the first or second attempt; these did not"},
			{Hypothesis: "a client retries or polls with a wrong password", Against: "each account counts once in 30 days, however often it is tried"},
		},
		Tags: event.Tags{OWASP: []string{"API2:2023"}, OAT: []string{"OAT-008"}, Attack: []string{"T1110.004", "T1589.001"}},
		Hunt: hunt(c.entity, c.endpoint, c.startedNS),
	}
	a.Summary = fmt.Sprintf("%s tried %d logins on %d accounts at %s in %d s: %d failed, %d succeeded",
		subject(c.entity), c.attempts, c.users, where(c.endpoint), seconds(c.startedNS, c.lastNS), c.failures, c.successes)
	if c.clients > 1 {
		a.Summary = fmt.Sprintf("At least %d clients of %s tried %d logins on %d accounts at %s in %d s: %d failed, %d succeeded",
			c.clients, c.entity.Value, c.attempts, c.users, where(c.endpoint), seconds(c.startedNS, c.lastNS), c.failures, c.successes)
	}
	features := append(c.score.Features(c.test, hits, misses, ""), entered(c.names)...)
	if n, most := c.secrets.Most(); n > 0 {
		features = append(features, event.Feature{Name: "equally_long_secrets", Value: float64(most), Baseline: float64(n) / 3})
	}
	if a.Detector == spraying {
		a.Title = "Password spraying from " + c.entity.Value
		a.Tags.OAT, a.Tags.Attack = []string{"OAT-007"}, []string{"T1110.003"}
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(c.score.S), Features: features, Calls: c.samples.Calls()}
	if c.entered > 0 {
		a.Severity, a.Outcome = event.High, event.OutcomeSucceeded
		a.Summary += gotInto(c.names)
		a.NextStep = "Lock the accounts that were entered and end their sessions, then block or challenge the source."
	} else if c.users >= 100 {
		a.Severity = event.High
	}
	return a
}

// A guessing case tells of many tries at one account, code or secret, by one
// client or by several. It implements detect.Case.
type guessing struct {
	kind      kind
	entity    event.Entity
	endpoint  event.EndpointRef
	score     evidence.Score
	test      evidence.Test
	startedNS int64
	lastNS    int64
	attempts  int64
	failures  int64
	entered   int64
	clients   int64
	targets   names // accounts, if the entity is a client
	addresses names // clients, if it is an account
	names     names // accounts entered
	samples   evidence.Samples
}

// take adds an attempt, and keeps the strongest evidence seen: what a success
// at the end takes away does not undo the guessing that led to it.
func (g *guessing) take(a *trial, score *evidence.Score, test evidence.Test, what kind) {
	g.lastNS = max(g.lastNS, a.AtNS)
	if score.S >= g.score.S {
		g.score, g.test, g.kind = *score, test, what
	}
	if !a.failed && !a.familiar && g.score.S >= detect.Medium { // before that it was somebody who remembered in time
		g.entered++
		g.names.add(a.Login.Name)
	}
}

var told = map[kind]struct{ title, what, owasp, oat, attack string }{
	kindAccount: {"Password guessing", "passwords", "API2:2023", "OAT-007", "T1110.001"},
	kindMany:    {"Password guessing", "passwords", "API2:2023", "OAT-007", "T1110.001"},
	kindBlind:   {"Password guessing or credential stuffing", "logins (the accounts cannot be seen)", "API2:2023", "OAT-007", "T1110"},
	kindCode:    {"Code guessing", "one-time codes", "API2:2023", "OAT-007", "T1110.001"},
	kindSecret:  {"Coupon or card guessing", "codes", "API6:2023", "OAT-002", "T1110.001"},
}

// Alert tells the case.
func (g *guessing) Alert() event.Alert {
	words := told[g.kind]
	a := event.Alert{
		Detector: "brute_force", Severity: event.Medium, Outcome: event.OutcomeBlocked,
		StartedAt: at(g.startedNS), LastSeenAt: at(g.lastNS), Entity: g.entity, Endpoint: g.endpoint,
		Counts: map[string]int64{
			"attempts": g.attempts, "failures": g.failures, "entered_accounts": g.entered,
			"accounts": int64(len(g.targets)), "clients": max(1, g.clients), "duration_s": seconds(g.startedNS, g.lastNS),
		},
		NextStep: "Block or challenge the source, and see that the account locks or slows down after a few failures.",
		Benign: []event.Hypothesis{
			{Hypothesis: "a person forgot the password", Against: "people stop, reset it or come in long before so many wrong attempts"},
			{Hypothesis: "a monitor or service repeats an expired credential", Against: "the attempts keep no timetable, or their length changes"},
		},
		Tags: event.Tags{OWASP: []string{words.owasp}, OAT: []string{words.oat}, Attack: []string{words.attack}},
		Hunt: hunt(g.entity, g.endpoint, g.startedNS),
	}
	duration := seconds(g.startedNS, g.lastNS)
	if g.entity.Kind == event.KindAccount {
		a.Title = words.title + " at account " + g.entity.Value
		a.Counts["accounts"] = 1
		a.Summary = fmt.Sprintf("At least %d clients tried %d passwords for account %s at %s in %d s, %d wrong; among them %s",
			g.clients, g.attempts, g.entity.Value, where(g.endpoint), duration, g.failures, strings.Join(g.addresses, ", "))
	} else {
		a.Title = words.title + " from " + g.entity.Value
		a.Summary = fmt.Sprintf("%s tried %d %s at %s in %d s, %d of them wrong",
			subject(g.entity), g.attempts, words.what, where(g.endpoint), duration, g.failures)
		if len(g.targets) > 0 {
			a.Summary += "; accounts tried: " + strings.Join(g.targets, ", ")
		}
	}
	features := g.score.Features(g.test, "wrong_attempts", "right_attempts", "many_sources")
	for _, n := range g.targets {
		features = append(features, event.Feature{Name: "account_tried:" + n, Value: 1})
	}
	for _, n := range g.addresses {
		features = append(features, event.Feature{Name: "client:" + n, Value: 1})
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(g.score.S), Features: append(features, entered(g.names)...), Calls: g.samples.Calls()}
	if g.kind == kindCode && g.score.S >= detect.High {
		a.Severity = event.High
	}
	if g.entered > 0 {
		a.Severity, a.Outcome = event.High, event.OutcomeSucceeded
		a.Summary += gotInto(g.names)
		a.NextStep = "Lock the account that was entered and end its sessions, then block or challenge the source."
	}
	return a
}

// A looping case tells of a client that repeats one wrong credential on a
// timetable: not an attack, but somebody's broken job. It implements detect.Case.
type looping struct {
	address   string
	account   string
	endpoint  event.EndpointRef
	startedNS int64
	lastNS    int64
	failures  int64
	period    float64 // s
	score     evidence.Score
	test      evidence.Test
	samples   evidence.Samples
}

// Alert tells the case.
func (c *looping) Alert() event.Alert {
	period := int64(math.Round(c.period))
	entity := event.Entity{Kind: event.KindClient, Value: c.address}
	a := event.Alert{
		Detector: "brute_force", Severity: event.Info, Outcome: event.OutcomeBlocked,
		Title:     "Misconfigured client " + c.address + " keeps failing to log in",
		Summary:   fmt.Sprintf("Client %s failed %d times at %s, once every %d s", c.address, c.failures, where(c.endpoint), period),
		StartedAt: at(c.startedNS), LastSeenAt: at(c.lastNS), Entity: entity, Endpoint: c.endpoint,
		Counts:   map[string]int64{"failures": c.failures, "period_s": period, "duration_s": seconds(c.startedNS, c.lastNS)},
		NextStep: "Tell the owner of the client that its credential is wrong or has expired.",
		Benign:   []event.Hypothesis{{Hypothesis: "a monitor or service repeats an expired credential", Against: "nothing: its intervals are even and its requests alike"}},
		Tags:     event.Tags{OWASP: []string{"API2:2023"}},
		Hunt:     hunt(entity, c.endpoint, c.startedNS),
	}
	features := append(c.score.Features(c.test, "wrong_attempts", "right_attempts", ""), event.Feature{Name: "interval_s", Value: c.period})
	if c.account != "" {
		a.Summary += " with account " + c.account
		features = append(features, event.Feature{Name: "account_tried:" + c.account, Value: 1})
	}
	a.Evidence = event.Evidence{ScoreLog10: evidence.Log10(c.score.S), Calls: c.samples.Calls(), Features: features}
	return a
}

func at(ns int64) time.Time { return time.Unix(0, ns).UTC() }

func seconds(from, to int64) int64 { return (to - from) / int64(time.Second) }

func where(e event.EndpointRef) string { return e.Method + " " + e.Host + e.Route }

func subject(e event.Entity) string {
	return strings.ToUpper(string(e.Kind[:1])) + string(e.Kind[1:]) + " " + e.Value
}

func entered(list names) []event.Feature {
	var features []event.Feature
	for _, n := range list {
		features = append(features, event.Feature{Name: "account_entered:" + n, Value: 1})
	}
	return features
}

func gotInto(list names) string {
	if len(list) == 0 {
		return ""
	}
	return "; got into " + strings.Join(list, ", ")
}

// hunt is the query for every call behind a case, in the names of call fields.
func hunt(e event.Entity, ref event.EndpointRef, startedNS int64) string {
	field := string(e.Kind)
	switch e.Kind {
	case event.KindNetwork:
		field = "client" // takes a prefix
	case event.KindCluster:
		field = "fingerprint"
	}
	return fmt.Sprintf("%s:%s route:%q since:%s", field, e.Value, ref.Route, at(startedNS).Format(time.RFC3339))
}
