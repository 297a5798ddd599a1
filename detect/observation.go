package detect

import "lapwing/event"

// An Observation is one call as the detectors see it: the call itself and what
// earlier calls have taught about its endpoint and its purpose.
type Observation struct {
	Call *event.Call
	AtNS int64 // event time at which the whole call was known, Unix ns

	Actor  uint64       // key of Call.Actor
	Source uint64       // key of the network principal: client address with fingerprint
	Client uint64       // key of the client address alone
	Object *event.IDRef // the object that the call addresses: its last identifier in path, else query or body; nil if none

	Network Network // zero unless a database of networks was given
	Route   Route
	Login   *Login // nil unless the call belongs to the login family
	// Explained says that a run over many accounts, stuffing or spraying, answers
	// for this attempt: what else it looks like is part of that.
	Explained bool

	// User is the key of the person behind the call, 0 if nobody knows: of
	// Call.User where the call shows one, else of the account whose login handed
	// out the token presented. UserName is the pseudonym. The same person may be
	// two users: by the name of the login, and by the subject of a signed token.
	User     uint64
	UserName string
}

// A Network is what is known of where an address belongs. Its zero value says
// that nothing is.
type Network struct {
	ASN     uint32
	Country [2]byte // ISO 3166-1 alpha-2, upper case
	Class   NetworkClass
}

// NetworkClass is what kind of network an address belongs to.
type NetworkClass uint8

const (
	NetworkUnknown NetworkClass = iota
	NetworkResidential
	NetworkMobile
	NetworkHosting
	NetworkBusiness
	NetworkEducation
	NetworkAnonymizer // VPN exits, Tor, public proxies
)

// A Route is what the model in force knows of the endpoint of a call.
type Route struct {
	Key      uint64 // of host, method and template: names the operation; stable
	Family   uint64 // of host and template without method: what lives at this place
	Template string // /orders/{id}; never empty for a call with a path
	Standing Standing

	Confirmed   bool // this very response proves that an endpoint is there
	SoftMissing bool // answered 2xx or 3xx with what this host shows for pages that do not exist
	Documented  bool // a specification has it
	HasSpec     bool // there is a specification for this host
}

// Standing is how sure the inventory is of a route.
type Standing uint8

const (
	Limbo       Standing = iota // nothing ever confirmed it
	Candidate                   // confirmed at least once
	Established                 // confirmed often, by several actors, over time
)

// Login says what part of authentication a call plays, and how it ended.
type Login struct {
	Class   LoginClass
	Outcome LoginOutcome
	// Confidence is the posterior probability of Outcome, 0.5 … 1. Evidence is weighted by it.
	Confidence float64
	// Account is the key of the identifier tried; 0 if the source does not show one.
	Account uint64
	// Name is that identifier's pseudonym, for alerts; "" if the source does not show one.
	Name string
}

// LoginClass is the part that an endpoint plays in authentication.
type LoginClass uint8

const (
	LoginPassword LoginClass = iota + 1
	LoginRefresh
	LoginMFA
	LoginForgot
	LoginReset
	LoginChange
	LoginRegister
	LoginMachine // client credentials
	LoginGuess   // coupon, gift card, code: a secret that is not a login
)

// LoginOutcome is how one attempt ended.
type LoginOutcome uint8

const (
	LoginUnknown LoginOutcome = iota
	LoginSuccess
	LoginFailure
	LoginNoSuchUser // a failure that tells the identifier does not exist
	LoginMoreNeeded // the first factor was right
	LoginLocked     // locked, throttled or challenged: the secret was not judged
	LoginError      // server error: says nothing
	LoginTaken      // a registration that was refused because the identifier exists
)

// Failed reports whether the secret was judged and found wrong.
func (o LoginOutcome) Failed() bool { return o == LoginFailure || o == LoginNoSuchUser }

// Succeeded reports whether the secret was judged and found right.
func (o LoginOutcome) Succeeded() bool { return o == LoginSuccess || o == LoginMoreNeeded }
