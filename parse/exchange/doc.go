// Package exchange turns one observed HTTP exchange into an event.Call that
// may leave the sensor: it finds out who called, hides what is secret, hashes
// what identifies, and describes bodies by their shape.
//
// A Raw goes in, borrowed; a Call comes out that points to nothing of it. The
// same Raw and the same configuration give the same Call, whatever came before:
// what a Builder remembers only saves work. A Builder is used by one goroutine;
// several may share a pseudonym.Keyring.
//
// Nothing is ever refused: a body that cannot be read, a target without end, a
// credential in a strange scheme each leave a flag or a gap, and the rest of the
// call is built. Work is linear in what is looked at, and that is bounded: 8 KiB
// of path and of query, Config.MaxBodyBytes of each body after at most two
// content codings, 64 identifiers of the request and 256 of the response.
package exchange
