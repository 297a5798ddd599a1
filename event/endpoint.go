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
	Drift     []Drift   `json:"drift,omitempty"`     // how its traffic departs from its description, by kind and name
}

// DriftKind says in what traffic departs from the description of an operation.
type DriftKind string

const (
	DriftParameter    DriftKind = "query_parameter"      // a query parameter that is not described
	DriftStatus       DriftKind = "status"               // a status below 400 that is not described
	DriftRequestField DriftKind = "request_field"        // a field of the request that is not described
	DriftRequestType  DriftKind = "request_type"         // …described with another type
	DriftField        DriftKind = "response_field"       // a field of the answer that is not described
	DriftType         DriftKind = "response_type"        // …described with another type
	DriftCredential   DriftKind = "answers_without_auth" // answered with success without the credential it demands
)

// A Drift is one way in which the traffic of a described operation departs
// from its description.
type Drift struct {
	Kind      DriftKind `json:"kind"`
	Name      string    `json:"name,omitempty"` // the parameter; the field with its type; the status
	Calls     int64     `json:"calls"`
	FirstSeen time.Time `json:"first_seen"`
	LastSeen  time.Time `json:"last_seen"`
}
