// Package redact rewrites paths, queries and references so that they may leave
// the sensor: credentials become one-way hashes ("tok-…"), names of people
// reversible pseudonyms ("nm-…"), passwords and the like "***". What is neither
// stays byte for byte as it was sent.
//
// A value is judged by the name it stands under and by what it looks like,
// after percent-decoding, also inside URLs that are values themselves. On the
// way the identifiers that were met are reported. Everything is O(n) and bounded
// by the callers' limits on paths and queries; a Redactor is used by one
// goroutine.
package redact
