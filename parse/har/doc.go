// Package har reads HTTP archives (HAR 1.2, as browsers, mitmproxy and test
// tools export them) into exchanges, with headers and bodies.
//
// Order: entries are emitted in the file's order, which is not always that of
// their times. The same file gives the same exchanges, IDs included.
//
// Concurrency: Read emits from the caller's goroutine; what it emits is valid
// until emit returns.
//
// Loss: an entry that cannot be understood is skipped, counted, and named in
// the error Read ends with; broken JSON ends the reading where it stands.
//
// Limits: one entry is in memory at a time, at most 64 MiB of it; of a body at
// most 1 MiB is handed on. The client's address is not in a HAR: Peer stays
// invalid. Bodies stand decoded in a HAR, so the Content-Encoding of a
// response with a body is left out of its headers.
package har
