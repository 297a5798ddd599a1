// Package usercheck finds those who ask an API which accounts it has, and the
// places that answer.
//
// A question is a call that names an identifier where the answer may tell
// whether it exists: a login, a forgotten password, a registration, a look-up
// of a name. Three tests count distinct identifiers, at any pace:
//
//	told     the answer says that nobody has that name (login, forgotten
//	         password), or that somebody has (registration)
//	asking   another name is asked for instead of coming in with one
//	refused  a registration is refused rather than made
//
// A fourth, blind, counts answers where the identifier cannot be seen.
//
// They are kept by program behind an address and by address, where the call is
// observed, and by network and program over all addresses, by fact.
//
// Which of an endpoint's answers means "nobody" is read from the answer where it says
// so, and learned where it does not: the answers given to names that came in
// before are compared with those given to others. An endpoint whose answers
// differ is an oracle, and told as a finding (info) whether or not anybody uses
// it.
//
// Promises. State is bounded, and what evidence stands against is not pushed
// out by what there is none against. Server errors, locks and answers that
// cannot be read count neither way.
package usercheck
