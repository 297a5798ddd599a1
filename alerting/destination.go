package alerting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lapwing/event"
)

// A Destination takes notifications somewhere. Send is called from one
// goroutine at a time and heeds ctx. A nil error means that the destination
// has taken the notification for good. An error is retried unless Permanent
// made it; RetryAfter made ones wait as long as the other side asked. Errors
// never hold secrets: they are logged.
type Destination interface {
	// Name is the destination's name in the configuration: unique and lasting,
	// since the log of what was delivered goes by it.
	Name() string
	Send(ctx context.Context, n Notification) error
}

// A Keyed destination recognises repeats and keeps track of each incident by
// itself (PagerDuty): ends of incidents are never folded into a summary there.
type Keyed interface{ Keyed() bool }

// Kind says why a notification is sent.
type Kind string

const (
	KindOpen         Kind = "open"         // an incident is new, or new to this destination
	KindSeverity     Kind = "severity"     // it became more severe
	KindUpdate       Kind = "update"       // it goes on
	KindAcknowledged Kind = "acknowledged" // a person took it
	KindResolved     Kind = "resolved"     // it is over
	KindSummary      Kind = "summary"      // stands for several that were too many
)

// A Notification is one message to one destination.
type Notification struct {
	Key      string    `json:"key"` // the same on every retry, and never given twice
	Kind     Kind      `json:"kind"`
	At       time.Time `json:"at"` // when it became due
	Incident Incident  `json:"incident,omitzero"`

	// Of a summary: how many notifications it stands for, and up to ten of
	// their incidents, the most severe first.
	Folded int        `json:"folded,omitempty"`
	Sample []Incident `json:"sample,omitempty"`
}

// Severity is that of the incident, or the highest of a summary's.
func (n Notification) Severity() event.Severity {
	s := n.Incident.Severity
	for i := range n.Sample {
		s = max(s, n.Sample[i].Severity)
	}
	return s
}

// Headline is the notification in one sentence.
func (n Notification) Headline() string {
	if n.Kind == KindSummary {
		return fmt.Sprintf("%d notifications were folded into this one: more were due in a minute than this destination takes", n.Folded)
	}
	lead := n.Incident.Lead()
	if lead.Summary != "" {
		return lead.Summary
	}
	return lead.Title
}

type permanentError struct{ err error }

func (e permanentError) Error() string { return e.err.Error() }
func (e permanentError) Unwrap() error { return e.err }

// Permanent marks an error that no retry can cure.
func Permanent(err error) error { return permanentError{err} }

// IsPermanent reports whether Permanent made err or an error it wraps.
func IsPermanent(err error) bool {
	var p permanentError
	return errors.As(err, &p)
}

type retryAfterError struct {
	err   error
	after time.Duration
}

func (e retryAfterError) Error() string { return e.err.Error() }
func (e retryAfterError) Unwrap() error { return e.err }

// RetryAfter marks an error after which the other side asked to wait for d.
func RetryAfter(err error, d time.Duration) error { return retryAfterError{err, d} }

// RetryDelay returns the wait that RetryAfter put into err, 0 if none.
func RetryDelay(err error) time.Duration {
	var r retryAfterError
	if errors.As(err, &r) {
		return r.after
	}
	return 0
}
