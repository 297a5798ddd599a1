package alerting

import (
	"errors"
	"fmt"
	"time"

	"lapwing/event"
)

// maxSilences bounds the list; people write them by hand.
const maxSilences = 1000

// A Matcher picks alerts. A field that is empty matches everything; at least
// one is not.
type Matcher struct {
	Detector string            `json:"detector,omitempty"`
	Entity   event.Entity      `json:"entity,omitzero"`
	Endpoint event.EndpointRef `json:"endpoint,omitzero"`
}

// Matches reports whether all fields that are set fit the alert.
func (m Matcher) Matches(a *event.Alert) bool {
	fits := func(want, have string) bool { return want == "" || want == have }
	return fits(m.Detector, a.Detector) && fits(string(m.Entity.Kind), string(a.Entity.Kind)) && fits(m.Entity.Value, a.Entity.Value) &&
		fits(m.Endpoint.Host, a.Endpoint.Host) && fits(m.Endpoint.Method, a.Endpoint.Method) && fits(m.Endpoint.Route, a.Endpoint.Route)
}

// A Silence keeps matching alerts from being sent until it expires. They are
// still accepted, kept and listed.
type Silence struct {
	ID        string    `json:"id"` // given by AddSilence
	Matcher   Matcher   `json:"matcher"`
	Until     time.Time `json:"until"`
	Reason    string    `json:"reason"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"created_at"`
}

func (s *Silence) check(now time.Time) error {
	var faults []error
	if s.Matcher == (Matcher{}) {
		faults = append(faults, errors.New("matcher is empty: it would silence everything"))
	}
	if !s.Until.After(now) {
		faults = append(faults, fmt.Errorf("until %s is not in the future", s.Until.Format(time.RFC3339)))
	}
	if s.Reason == "" {
		faults = append(faults, errors.New("reason is missing"))
	}
	if s.By == "" {
		faults = append(faults, errors.New("by is missing"))
	}
	return errors.Join(faults...)
}
