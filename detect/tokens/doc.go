// Package tokens finds credentials that are used by those they were not given
// to: stolen, replayed, sold, planted, or alive after their owner logged out.
//
// What is judged is the token, under its own key: which clients present it, in
// what order. A client is a program (fingerprint) in a network. Two that have
// either in common are one party: a telephone that leaves the house keeps its
// program, an application and its synchronisation share an address. Programs
// that many tokens have in common (a server that renders pages for browsers) are
// one party too. Evidence against a token is
//
//	a party that has nothing in common with those before
//	parties that take turns without pause, A, B, A
//	one program that goes to and fro between far networks, A, B, A
//	many networks within ten minutes
//	use by another party after the owner logged out
//	a login under a session that another party had before
//
// each as a likelihood ratio against how often the tokens of this API show it,
// learned with a prior that errs upward. Keys of programs, which fleets of servers
// share from birth, are judged by their own past. While a fifth of the tokens
// changes at once, a release is under way, and new parties count for nothing.
//
// Promises. Observe keeps to its own client and token; all else is judged by
// fact under the token's key, at most one a minute for each client of a token.
// What is learned takes effect at the next tick. State is bounded.
package tokens
