package event

import (
	"net/netip"
	"time"
)

// A Call is one API request with its response, as seen from outside.
//
// Everything in it is fit to leave the sensor: credentials are one-way keyed
// hashes ("tok-" and 12 hex digits), names are reversible pseudonyms ("nm-…"),
// query values and path segments that were sensitive are replaced.
//
// A field that was not seen has its zero value; Gap and Flags say what was
// missed and why.
type Call struct {
	ID       ID            // derived from content: equal on re-reading the same input
	Time     time.Time     // first byte of the request, UTC (a log: its own time minus duration when known)
	Duration time.Duration // to the last byte of the response; 0 if that was not seen
	Sensor   string        // name of the sensor that saw it
	Source   Source        // packet or log

	Client     netip.Addr     // who called, after trusted proxies
	ClientPort uint16         // 0 if unknown (always, behind a proxy)
	Peer       netip.AddrPort // the socket's other end
	Server     netip.Addr
	ServerPort uint16

	Scheme    string // http, https; "" if unknown
	Protocol  string // http/1.0, http/1.1, h2, grpc
	Method    string
	Host      string // lower case, without a default port
	Path      string // as sent, without query, sensitive segments replaced
	Query     string // without "?", sensitive values replaced
	PathShape string // the path with strong identifiers typed: /orders/{int}
	Route     string // template, once a detector knows it: /orders/{id}
	Operation string // GraphQL, gRPC, JSON-RPC, SOAP operation

	Status        int   // final status; 0 if the response was not seen
	RequestBytes  int64 // body bytes on the wire, after transfer decoding, before content decoding
	ResponseBytes int64
	UserAgent     string
	Referer       string

	Actor       Actor  // a pure function of this call and the configuration
	User        string // authenticated user, pseudonym
	Tenant      string // pseudonym
	Token       string // "tok-…": the session, bearer token or key presented
	Account     string // identifier presented for authentication with this call, pseudonym
	Auth        Auth   // how the call authenticated itself
	Fingerprint string // keyed hash over header order and classes; 16 hex digits

	IDs       []IDRef   // ID-shaped values of the request and of the response
	Shape     Shape     // keys and types seen in both bodies
	Sensitive Sensitive // classes of sensitive data seen
	Gap       Gap
	Flags     Flags
}

// End is the event time at which an observer knew the whole call.
func (c *Call) End() time.Time { return c.Time.Add(c.Duration) }

// Source says what a call was read from.
type Source uint8

const (
	SourcePacket Source = iota
	SourceLog
)

var sourceNames = [...]string{"packet", "log"}

func (s Source) String() string { return name(sourceNames[:], int(s)) }

// Auth says how a call authenticated itself.
type Auth uint8

const (
	AuthUnknown Auth = iota // a source that cannot show it, as most logs
	AuthNone
	AuthBasic
	AuthBearer
	AuthJWT
	AuthAPIKey
	AuthCookie
	AuthMTLS
	AuthSignature
)

var authNames = [...]string{"", "none", "basic", "bearer", "jwt", "api_key", "cookie", "mtls", "signature"}

func (a Auth) String() string { return name(authNames[:], int(a)) }

// An Actor is who a call is attributed to. Kind is user, key, token, session
// or client, the first that the call shows; Value is a pseudonym, or for a
// client its address.
type Actor struct {
	Kind  Kind   `json:"kind"`
	Value string `json:"value"`
}

// Kind names what an actor or the entity of an alert is.
type Kind string

const (
	KindClient   Kind = "client"
	KindUser     Kind = "user"
	KindAccount  Kind = "account"
	KindToken    Kind = "token"
	KindKey      Kind = "key"
	KindSession  Kind = "session"
	KindCluster  Kind = "cluster"
	KindNetwork  Kind = "network"
	KindObject   Kind = "object"
	KindEndpoint Kind = "endpoint"
	KindHost     Kind = "host"
	KindSensor   Kind = "sensor"
)

// A Gap says what the sensor knows it missed of this call; zero is complete.
type Gap struct {
	Request       int64 // request bytes missing on the wire
	Response      int64 // response bytes missing on the wire
	NoRequest     bool  // only the response was seen
	NoResponse    bool  // only the request was seen
	BodyUnread    bool  // a body could not be read whole: too long, unknown coding, bomb
	IDsIncomplete bool  // more ID-shaped values were there than are kept
}

// IsZero reports whether nothing is known to be missing.
func (g Gap) IsZero() bool { return g == Gap{} }

// Sensitive holds the classes of sensitive data seen, by direction, sorted.
type Sensitive struct {
	Request  []string
	Response []string
}

func name(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return "invalid"
	}
	return names[i]
}

// ParseSource reads what Source.String writes; "" is packet.
func ParseSource(s string) (Source, error) {
	i, err := lookup(sourceNames[:], "source", s)
	return Source(i), err
}

// ParseAuth reads what Auth.String writes.
func ParseAuth(s string) (Auth, error) {
	i, err := lookup(authNames[:], "auth", s)
	return Auth(i), err
}
