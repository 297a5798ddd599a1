package login

import (
	"net/netip"

	"lapwing/detect"
	"lapwing/detect/state"
	"lapwing/event"
)

// An Attempt is one try at authentication, without the call it came from. It
// is what judges of attempts work on, whether the attempt was recognised as it
// happened (AttemptOf) or later (a Fact).
type Attempt struct {
	AtNS   int64 // event time at which the whole call was known, Unix ns
	Login  detect.Login
	Source uint64 // key of client address with fingerprint
	Client uint64 // key of client address

	Address     netip.Addr
	Network     detect.Network // zero without a database
	Fingerprint string
	Agent       string // User-Agent as sent, at most 256 bytes
	Token       string // credential presented beside the one tried, pseudonym; "" if none
	Endpoint    event.EndpointRef
	Sample      event.CallSample
	// RequestBytes is the length of the body with the secret; -1 where the
	// source shows none, so that equal lengths mean nothing.
	RequestBytes int64
	Log          bool // from a source with times of whole seconds and no bodies
}

// AttemptOf returns the attempt that o is. o.Login must not be nil.
func AttemptOf(o *detect.Observation) Attempt {
	a := attemptOf(o)
	a.Login = *o.Login
	return a
}

func attemptOf(o *detect.Observation) Attempt {
	c := o.Call
	route := o.Route.Template
	if route == "" {
		route = c.PathShape
	}
	if route == "" {
		route = c.Path
	}
	a := Attempt{
		AtNS: o.AtNS, Source: o.Source, Client: o.Client, Address: c.Client, Network: o.Network,
		Fingerprint: c.Fingerprint, Agent: c.UserAgent[:min(len(c.UserAgent), 256)], Token: c.Token,
		Endpoint: event.EndpointRef{Host: c.Host, Method: c.Method, Route: route}, Sample: event.SampleOf(c),
		RequestBytes: -1, Log: c.Source == event.SourceLog,
	}
	if c.Source == event.SourcePacket && c.Auth != event.AuthBasic && c.RequestBytes > 0 {
		a.RequestBytes = c.RequestBytes
	}
	return a
}

// AccountKey is the key of an account's pseudonym, 0 for none.
func AccountKey(seed uint64, pseudonym string) uint64 {
	if pseudonym == "" {
		return 0
	}
	return state.Hash(seed, pseudonym) | 1
}

// SecretBytes is how long the body was without the name, 0 if the source does
// not show it: what one password for everybody has in common. A pseudonym of a
// name is "nm-" and unpadded base64url of 16 bytes more than the name.
func (a *Attempt) SecretBytes() int32 {
	if a.RequestBytes <= 0 {
		return 0
	}
	name := max(0, (len(a.Login.Name)-len("nm-"))*3/4-16)
	return int32(max(0, min(a.RequestBytes, 1<<20)-int64(name)))
}
