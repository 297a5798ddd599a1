// Package sample makes the bundled recording of a small shop's REST API:
// forty minutes of customers, a partner, a monitor and four attacks, as packets
// a mirror port beside the server would see.
//
// It promises that equal Options give equal bytes on every machine and Go
// version: randomness comes from seeded PCG generators, compression from a
// library pinned in go.mod, time from the simulation. People act in one total
// order, so what they share (the order sequence, carts, sessions) is consistent
// in the recording. Nothing runs concurrently and nothing is lost: every request
// in the recording has its whole answer, and Truth counts them.
//
// The package knows nothing about how Lapwing detects; it describes traffic.
// It is for building the sample and for tests, and holds everything in memory.
package sample

import "time"

// Start is the event time of the first packet of a recording.
var Start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// Length is how much event time a recording covers.
const Length = 40 * time.Minute

// Host is the name the shop's API is called by.
const Host = "api.shop.example"

// Options say which recording to make. The zero value is the bundled one.
type Options struct {
	// Seed picks another day of the same shop: other people, ids and timing, the
	// same attacks.
	Seed uint64
}

// A Recording is the packets of one run in capture order, with what they hold.
type Recording struct {
	Packets []Packet
	Truth   Truth
}
