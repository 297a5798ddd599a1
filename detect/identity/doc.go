// Package identity learns whose a token is.
//
// An opaque token, a session cookie or an API key says nothing about the
// person behind it. The answer that handed it out does: what an answer to a
// login of an account mints belongs to that account, and so does what a refresh
// or a rolling session puts in its place. A Stage keeps these links and
// completes observations with them: Observation.User.
//
// A link is learned from
//   - a login that succeeds and hands out a credential, or that succeeds under a
//     session which the caller already had and goes on using;
//   - an answer that replaces the credential presented with it: refresh, rolling
//     session cookies;
//   - a refresh whose old token stands in its body, where no sensor keeps it:
//     by the client that logged in, as long as nobody else did from there;
//   - a credential handed out to a client that presents none and has just taken a first
//     factor, which gave it nothing; as long as nobody else logged in from there;
//   - an answer of a /me place that names exactly one person who has logged in.
//
// Promises. Links live under the key of their token; Observe reads them for
// calls that show no user of their own, whose actor is that token. Other stages
// ask with a Fact of type Ask. A call that shows its user keeps it. What is
// learned within a tick counts from the next. Links unused for 30 days are
// forgotten, tables are bounded, the least recently used goes first.
//
// Limits. Which cookie or header carries the credential is the sensor's
// decision: a detector sees what was presented as one hash and cannot find a
// session in a cookie that the sensor did not take for one. Logs show no
// credentials; there is nothing to link in them.
package identity
