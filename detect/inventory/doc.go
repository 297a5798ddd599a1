// Package inventory learns which endpoints exist, names the endpoint of every
// call, and reports those that should not be there.
//
// It is the first stage of detection: it fills Observation.Route. A route is
// known from the first call wherever the path shows it: operations of an API
// description by their own template, identifiers of a strong class (numbers,
// UUIDs …) as {id}. Parameters that look like words are learned: when one
// place has gathered enough different children that behave alike, they become
// {id} together. That is a change of the model: it is decided from the calls
// of whole minutes and takes effect at the end of the minute plus 60 s of
// event time, so that every process that reads the same calls changes over at
// the same call.
//
// Nothing that a caller sends can make an endpoint; only the server's answer
// can. Answers that the host also gives for things that do not exist (soft
// 404, block pages, log-in walls) are learned and never count; endpoints that
// were known by such an answer alone are withdrawn.
//
// Bounds: 256 hosts (later ones share one row host, "*"), 20,000 places a
// host, 16 segments, 64 Ki paths in limbo, budgets for how many candidates one
// actor or one client program may bring up in a day. What is refused is
// counted in Stats.
//
// A Stage is used by one goroutine. Its state is restored by replaying calls.
package inventory
