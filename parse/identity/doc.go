// Package identity finds out who made a call: the client's address behind
// trusted proxies, and what the call presented to authenticate itself.
//
// Every function is pure: its result follows from its arguments alone. Nothing
// is verified, since the keys are elsewhere: what a token claims is believed
// only as far as the server's answer to the call allows, which the caller of
// this package decides. Input is foreign; all loops are bounded by its length
// and by the constants stated.
package identity
