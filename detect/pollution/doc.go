// Package pollution finds requests that name the same thing twice and mean two:
// /orders/7?order_id=8, id=7&id=8, a second id in the body. Where one part of a
// service checks the first and another part uses the second, the check is void.
//
// A request that repeats the same value says nothing. One that differs counts
// once for each value, unless twenty actors are known to ask in that form: then
// it is how the API is used. It counts in full where the answer is about the
// second thing and no answer had told the actor of it, and less where the
// answer does not tell.
//
// Package objects, which knows what identifiers name and who was told of them,
// sends what it sees as facts: first to the form (an endpoint, a parameter and
// two places), which knows who else asks in that form, and from there to the
// actor. Every table is bounded. One goroutine, no clock, no randomness.
package pollution
