package simulate

import "time"

// Truth says what a run holds. It is complete when Run has returned.
type Truth struct {
	Seed      uint64    `json:"seed"`
	App       string    `json:"app"`   // the kind of application
	Style     string    `json:"style"` // identifiers, logins and answers, in words
	Hosts     []string  `json:"hosts"`
	Proxies   []string  `json:"proxies,omitempty"` // addresses of the proxies before the application, which add X-Forwarded-For
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Users     int       `json:"users"`
	Exchanges int64     `json:"exchanges"`
	Logins    int64     `json:"logins"`    // exchanges of the login family
	Objects   int64     `json:"with_ids"`  // exchanges that name an object
	Parts     []Part    `json:"parts"`     // attacks, and harmless things that look like them
	Endpoints []Route   `json:"endpoints"` // every operation that the application has
}

// A Route is one operation of the application.
type Route struct {
	Host       string `json:"host"`
	Method     string `json:"method"`
	Template   string `json:"route"`
	Operation  string `json:"operation,omitempty"` // GraphQL operation or JSON-RPC method that shares the route with others
	Documented bool   `json:"documented"`
	Deprecated bool   `json:"deprecated,omitempty"`
	Login      string `json:"login,omitempty"` // its part in authentication: password, mfa, refresh, forgot, reset, register
	Calls      int64  `json:"calls"`           // answered as by an endpoint that is there
}

// A Part is one attack, or one hard harmless thing, within a run.
type Part struct {
	Scenario string `json:"scenario"`        // A01 …, B01 …
	Level    string `json:"level,omitempty"` // L1 … L4 of an attack
	Twin     bool   `json:"twin,omitempty"`  // the harmless double of an attack
	Attack   bool   `json:"attack"`
	Says     string `json:"says"` // one sentence: who does what

	// Detectors are the names under which the attack may rightly be told.
	Detectors []string `json:"detectors,omitempty"`
	// Entities may rightly be named by an alert; any one will do.
	Entities []Entity `json:"entities,omitempty"`
	// Callers are the addresses that take part, at most 100,000.
	Callers []string `json:"callers,omitempty"`
	Users   []string `json:"users,omitempty"`

	Start    time.Time `json:"start"` // begin of its first exchange
	End      time.Time `json:"end"`   // end of its last
	Calls    int64     `json:"calls"`
	HarmUnit string    `json:"harm_unit,omitempty"` // accounts entered, foreign objects read, items taken …
	Harm     int64     `json:"harm"`
}

// An Entity is whom or what an alert names: client, network, user, account,
// token, key, session, cluster, object, endpoint or host. An empty value means
// any of the kind.
type Entity struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
}
