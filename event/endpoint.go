package event

import "time"

// State is what the inventory thinks of an endpoint.
type State string

const (
	StateDocumented State = "documented" // in a specification and seen
	StateNew        State = "new"        // seen; there is no specification for its host
	StateShadow     State = "shadow"     // seen, and missing from its host's specification
	StateZombie     State = "zombie"     // deprecated or replaced, and still answering
	StateOrphan     State = "orphan"     // in a specification, not seen
	StateRogueHost  State = "rogue_host" // known routes on a host that should not serve them
)

// An Endpoint is one row of the inventory.
type Endpoint struct {
	Host      string    `json:"host"`
	Method    string    `json:"method"`
	Route     string    `json:"route"`
	State     State     `json:"state"`
	FirstSeen time.Time `json:"first_seen,omitzero"`
	LastSeen  time.Time `json:"last_seen,omitzero"`
	Calls     int64     `json:"calls"`
	Clients   int64     `json:"clients"`             // distinct clients, estimated above 64
	Auth      []string  `json:"auth,omitempty"`      // ways of authentication seen
	Statuses  []int     `json:"statuses,omitempty"`  // distinct statuses seen, at most 16
	Sensitive []string  `json:"sensitive,omitempty"` // classes seen in responses
	Reason    string    `json:"reason,omitempty"`    // why the state is what it is
}
