// Package wire is the versioned form in which calls travel between processes:
// one Record carries many calls of one sensor that go to one partition,
// numbered without gaps, with what the sensor says of its time and its losses.
//
// A Record is never changed once it is encoded: sent again, it is the same
// bytes with the same numbers, so that a receiver knows a repetition by
// (sensor, boot, partition, sequence) alone.
package wire

import "lapwing/event"

// A Record is what one message of the calls topic, or one request to a
// receiver over HTTPS, holds.
type Record struct {
	Sensor string // name of the sensor
	Boot   uint64 // start of the sensor's process, Unix ms; a later start has a greater one
	// First is the sequence number of Calls[0]: from 1 upwards within
	// (sensor, boot, partition). A record without calls has the number that
	// the next call will get.
	First      uint64
	Calls      []*event.Call
	Heartbeats []event.Heartbeat // of the sensor's sources; sent into every partition
	// Drops count the calls of this partition that had a number and were
	// dropped before they could be sent, since boot, by reason. The sum of all
	// gaps in the numbers a receiver sees equals the sum of Drops.
	Drops []Drop
	// KeyMark is pseudonym.Keyring.Mark of the sensor's key: pseudonyms made
	// under another key join with nothing. 0 if the sensor does not say.
	KeyMark uint32
}

// Next is the sequence number after the last call.
func (r *Record) Next() uint64 { return r.First + uint64(len(r.Calls)) }

// A Drop says how many calls were given up, and why.
type Drop struct {
	Reason string // spool_full, disk_full, disk_error, too_large
	Calls  uint64
}

// Slots is how many parts the key space has, whatever the number of
// partitions: partition counts divide it.
const Slots = 256
