// Package objects watches who reads which objects, and how they could know of
// them. It raises bola (an actor reads objects that belong to others) and
// object_enumeration (an actor walks identifiers that the API never told it).
//
// Both rest on one memory: which identifiers the API disclosed to which actor,
// in the responses it gave. An object that somebody else was told of or
// created, and this actor was not, is foreign; an identifier nobody told this
// actor of is undisclosed. Beside it stands what answers say themselves: a
// reference to the owner that is the actor in what it was told of, and somebody
// else in what it was not. Each distinct object counts once in 30 days, at
// whatever pace: retries, polling and slowness change nothing.
//
// What a source cannot show is not held against anyone. Logs carry no response
// bodies, so there only walking and failing count; pages of HTML link to
// objects in ways that are not read; of long lists only some identifiers are
// kept, and the rest is credited to the actor that received the list.
//
// What one actor shows too little of is judged at the place where many show it:
// a mixture of all actors' likelihood ratios finds accounts that read a few
// foreign objects each, and callers that try a few identifiers each.
//
// Two stages judge what is seen here and not theirs to see: package overlap is
// told of what actors read for the first time, package pollution of requests
// that name two objects under one parameter.
//
// Ownership is judged by the object's key: first disclosures and undisclosed
// accesses travel there as facts, verdicts travel back to the actor. Every
// table is bounded and protects what has evidence against it. One goroutine,
// no clock, no randomness.
package objects
