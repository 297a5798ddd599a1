// Package spool packs a sensor's calls into records, keeps them in a bounded
// log on disk, and ships them in order until the other end has them.
//
// What it promises:
//
//   - Order: the records of a partition are shipped in the order of their
//     numbers, and a record that is shipped again is the same bytes.
//   - Loss: a batch that was answered for with done(nil) is shipped, whatever
//     happens to the process or, unless Sync is SyncNone, to the machine.
//     Progress is kept in the same commit as the calls it covers, so that a
//     source which resumes from it neither loses nor repeats a call.
//   - Drops: a batch that can wait, one with Progress or done, waits while the
//     disk or the log is full. Calls of a batch that cannot, as from packets,
//     are then given a number and dropped; the number that is missing and the
//     Drops of later records agree exactly.
//   - Limits: disk by MaxBytes, memory by MaxPendingBytes plus what one Send
//     takes. A disk that is full or broken never ends the process; writing is
//     tried again until it works.
//   - Damage: every frame of the log carries checksums. A torn end is what was
//     never answered for; a damaged record is skipped, counted, and reported
//     as dropped. Nothing that is read is trusted.
//
// It is a stream.Publisher and no stream: what comes out goes to a Sender, and
// progress stays in it, so the conformance suite of streams does not apply; the
// tests hold it against a model of a disk and an other end that fail instead.
//
// Publish may be called from many goroutines; Run by one.
package spool
