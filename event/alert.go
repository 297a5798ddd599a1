package event

import "time"

// An Alert is what a detector has to say about one entity. Raising the same
// alert again gives the same ID; a later Revision replaces an earlier one.
// All times are event time. Every number in Summary is a field of the alert.
type Alert struct {
	ID           string   `json:"id"`          // 26 characters, Crockford base 32
	IncidentID   string   `json:"incident_id"` //
	Revision     int      `json:"revision"`    // from 1
	Detector     string   `json:"detector"`
	RuleVersion  int      `json:"rule_version"`
	ModelVersion uint64   `json:"model_version"`
	Sensor       string   `json:"sensor"`
	Severity     Severity `json:"severity"`
	Status       Status   `json:"status"`
	Title        string   `json:"title"`
	Summary      string   `json:"summary"`

	StartedAt  time.Time `json:"started_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	DetectedAt time.Time `json:"detected_at"`

	Entity   Entity           `json:"entity"`
	Endpoint EndpointRef      `json:"endpoint"`
	Outcome  Outcome          `json:"outcome"`
	Counts   map[string]int64 `json:"counts"`
	NextStep string           `json:"next_step"`

	Evidence Evidence     `json:"evidence"`
	Benign   []Hypothesis `json:"benign_hypotheses"`
	Tags     Tags         `json:"tags"`
	Hunt     string       `json:"hunt"` // the query that lists every call behind it
	Flags    []string     `json:"flags,omitempty"`
}

// An Entity is what an alert is about.
type Entity struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
}

// An EndpointRef names one operation of an API.
type EndpointRef struct {
	Host   string `json:"host"`
	Method string `json:"method"`
	Route  string `json:"route"`
}

// Evidence is why an alert was raised. The contributions of the features add
// up to ScoreLog10, the base-10 logarithm of a likelihood ratio.
type Evidence struct {
	ScoreLog10 float64      `json:"score_log10"`
	Features   []Feature    `json:"features"`
	Calls      []CallSample `json:"calls"`
}

// A Feature is one measured quantity beside what is usual for it.
type Feature struct {
	Name            string  `json:"name"`
	Value           float64 `json:"value"`
	Baseline        float64 `json:"baseline"`
	LikelihoodRatio float64 `json:"likelihood_ratio,omitempty"` // per unit of Value, where the feature is a count
	Contribution    float64 `json:"contribution"`               // to ScoreLog10
}

// A CallSample is a call quoted in an alert.
type CallSample struct {
	ID     ID        `json:"id"`
	Time   time.Time `json:"time"`
	Client string    `json:"client"`
	Method string    `json:"method"`
	Host   string    `json:"host"`
	Path   string    `json:"path"`
	Status int       `json:"status"`
}

// SampleOf quotes a call.
func SampleOf(c *Call) CallSample {
	client := ""
	if c.Client.IsValid() {
		client = c.Client.String()
	}
	return CallSample{ID: c.ID, Time: c.Time, Client: client, Method: c.Method, Host: c.Host, Path: c.Path, Status: c.Status}
}

// A Hypothesis is a harmless explanation and the test that spoke against it.
type Hypothesis struct {
	Hypothesis string `json:"hypothesis"`
	Against    string `json:"against"`
}

// Tags map an alert to public taxonomies.
type Tags struct {
	OWASP  []string `json:"owasp,omitempty"`  // API1:2023 …
	OAT    []string `json:"oat,omitempty"`    // OAT-008 …
	Attack []string `json:"attack,omitempty"` // T1110.004 …
}

// Severity orders alerts by what they ask of a person.
type Severity uint8

const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = [...]string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string { return name(severityNames[:], int(s)) }

// ParseSeverity reads what String writes.
func ParseSeverity(s string) (Severity, bool) {
	for i, n := range severityNames {
		if n == s {
			return Severity(i), true
		}
	}
	return 0, false
}

func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (s *Severity) UnmarshalText(b []byte) error {
	v, ok := ParseSeverity(string(b))
	if !ok {
		return errUnknown("severity", b)
	}
	*s = v
	return nil
}

// Status is where an alert stands.
type Status string

const (
	StatusOpen     Status = "open"
	StatusUpdated  Status = "updated"
	StatusResolved Status = "resolved"
)

// Outcome says whether what the alert describes worked.
type Outcome string

const (
	OutcomeUnknown   Outcome = "unknown"
	OutcomeBlocked   Outcome = "blocked"
	OutcomeSucceeded Outcome = "succeeded"
)
