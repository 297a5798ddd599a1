// Package http1 reads one direction of an HTTP/1 connection (RFC 9110, RFC
// 9112) from bytes that arrive in any portions, and tells a Handler of every
// message: its head, its body without the transfer coding, its end.
//
// Order: a Handler hears of messages in stream order, and the same bytes give
// the same calls however they were cut, with one stated exception (Expect,
// see Decoder.BodyMayBeOmitted). Body may be called in other portions.
//
// Concurrency: none; a Decoder belongs to one goroutine and starts none.
//
// Loss: a hole inside a body of known length is counted and the decoder stays
// in step. Any other hole ends the message, cut, and the decoder looks for the
// next line that can only be the start of a message.
//
// Limits: a head is kept up to Config.HeadBytes and Config.Fields. Bodies are
// never kept. A decoder that is between messages, or whose heads came whole,
// holds no buffer.
//
// Framing follows what nginx 1.27 would do, or, where it would refuse the
// message, what the lenient majority of servers does; every time a message
// could have been read in another way a flag says so, and FlagAmbiguous is
// added where the readings differ in where the message ends:
//
//	both Content-Length and Transfer-Encoding   chunked wins, as in RFC 9112 §6.3
//	several Content-Length                      the first wins
//	Content-Length that is no number            request: no body, then search; response: up to the close
//	Transfer-Encoding ending in chunked         chunked, also if oddly written ("\x0bchunked", "chunked ")
//	Transfer-Encoding: identity                 as if absent
//	any other Transfer-Encoding                 request: Content-Length or none; response: up to the close
//	broken chunk framing                        the message ends there, then search
//	line ended by LF alone                      ends the line
//	space before the colon                      the field counts
//	folded line                                 belongs to the field above it, the fold becomes spaces
//	line without a colon                        ignored
//	no version in the request line              head ends as usual, or when the server answers (HTTP/0.9)
package http1
