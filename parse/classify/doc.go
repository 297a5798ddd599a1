// Package classify says what the name of a field means and what a value looks
// like, from syntax alone.
//
// Names: Keys.Of maps "userId", "user_id" and "user-id" to the same bits (an
// identifier, a password, a credential, the outcome of an operation …) in ten
// languages where people write them so. Values: Of gives the syntactic class of
// an identifier, Sensitive the classes of sensitive data that validators accept.
//
// All functions are O(n) in bounded input, allocate nothing (Keys.Of: nothing
// for a name it has seen) and depend on their arguments only. A Keys is used by
// one goroutine.
package classify
