// Package takeover finds accounts that somebody else has taken.
//
// A success at a login says little by itself. What is added up, for each
// success from a client that is new to the account: how rare such a success is
// here; wrong guesses by strangers before it; how much of what its program tries
// here is wrong; a journey that nobody makes in the time; and then what the one
// who came in does: changes of the password, the address, the second factor,
// where money is paid to, new keys, exports. What follows a login is known by the
// token that the login handed out, whatever address or day it is used on: going
// slower changes nothing.
//
// Each part is a likelihood ratio whose denominator is how often the API's own
// logins show it, estimated with a prior that errs upward: a common thing weighs
// nothing. Further changes of one session weigh less, since they do not happen
// independently.
//
// Promises. All is judged under the account's key; frequencies are learned
// under one key of their own and take effect at the next tick. An account's
// first login teaches and accuses nobody. State is bounded.
package takeover
