// Package ip reads IPv4 (RFC 791) and IPv6 (RFC 8200) headers and puts
// fragments together.
//
// Parse is a pure function over borrowed bytes and allocates nothing. It trusts
// no length: what the header promises beyond the captured bytes is reported as
// missing, what the link layer padded is cut off. Checksums are not looked at,
// because a mirror on the sending host sees them before the network card fills
// them in.
//
// A Defragmenter serves one goroutine. Overlap policy: IPv4, the first
// fragment to bring a byte wins and a later one that differs is counted; IPv6,
// any overlap but an exact copy discards the datagram (RFC 5722, RFC 8200
// §4.5). It is bounded in datagrams, in bytes, in fragments of one datagram and
// in age by packet time; the oldest datagram goes first, and is counted.
package ip
