// Package login recognises the endpoints of authentication without
// configuration, and infers from consequences how each attempt ended.
//
// A Stage completes observations: it sets Observation.Login on every call that
// belongs to the login family of a recognised endpoint, and on every call that
// carries HTTP Basic credentials. Attempts that came before their endpoint was
// recognised, or before their answer could be read, are held (at most 512 an
// endpoint) and follow as Facts of type Attempt to the stage "credentials":
// an endpoint that is first seen under attack loses nothing.
//
// Promises. Observe is O(1) with a small constant for calls that cannot be a
// login. Every table is bounded; a recognised endpoint is not pushed out by
// unrecognised ones. What a source cannot show (bodies and headers in a log)
// is not taken for absent. A server error, a lock or a half-seen call never
// counts as a wrong password. Nothing here keeps a Call.
package login
