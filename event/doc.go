// Package event holds the nouns that travel through Lapwing: a Call that a
// sensor saw, the Actor behind it, the Gap in what was seen, the Alert that a
// detector raised, the Endpoint that an inventory knows.
//
// It imports the standard library only, does no I/O and reads no clock: every
// time in it came with the data. Values are immutable once they are handed on;
// whoever wants to change one copies it first.
package event
