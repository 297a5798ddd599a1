// Package detect turns calls into alerts.
//
// An Engine takes calls in any order within their lateness, puts them into
// event-time order, and shows each to its stages: first those that complete
// the observation from what was learned (routes, logins), then the detectors.
// What must be judged across actors travels as Facts, keyed by account,
// object or endpoint, so that it can be moved to another process later.
//
// A call that was seen as packets and written in a gateway's log is judged
// once, and so is one that is delivered twice.
//
// Promises. Detection is a pure function of the calls and the configuration:
// no wall clock, no unseeded randomness, no map order. An Engine is used by
// one goroutine. Every table is bounded. A detector never keeps an
// Observation or its Call beyond the method it was given to.
package detect
