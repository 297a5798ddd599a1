package http1

// A Protocol is what the first bytes of a direction look like.
type Protocol uint8

const (
	Undecided     Protocol = iota // more bytes are needed
	Request                       // HTTP/1, a client speaking
	Response                      // HTTP/1, a server speaking
	TLS                           // a TLS record, RFC 8446 §5.1 (also SSLv2 hello)
	HTTP2                         // the client preface, RFC 9113 §3.4
	OtherProtocol                 // anything else
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// SniffBytes is how many bytes Sniff needs at most.
const SniffBytes = maxMethod + 2

// Sniff decides by the first bytes of a direction. Its answer for a prefix is
// Undecided or the answer for the whole. Request means only that a request
// line is possible; the Decoder has the last word.
func Sniff(b []byte) Protocol {
	for len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		b = b[1:]
	}
	if len(b) == 0 {
		return Undecided
	}
	switch {
	case b[0] == 0x16: // handshake, version 3.x
		if len(b) < 3 {
			return Undecided
		}
		if b[1] == 3 && b[2] <= 4 {
			return TLS
		}
		return OtherProtocol
	case b[0]&0x80 != 0: // SSLv2-compatible ClientHello, RFC 5246 appendix E.2
		if len(b) < 5 {
			return Undecided
		}
		if b[2] == 1 && b[3] == 3 && b[4] <= 3 {
			return TLS
		}
		return OtherProtocol
	}
	if n := common(b, preface); n == len(preface) {
		return HTTP2
	} else if n == len(b) {
		return Undecided
	} else if n > len("PRI * ") {
		return OtherProtocol
	}
	const version = "http/"
	for i := 0; i < len(version) && i < len(b) && b[i]|0x20 == version[i]|0x20; i++ {
		if i+1 == len(version) {
			return Response
		}
		if i+1 == len(b) {
			return Undecided
		}
	}
	for i := 0; i < len(b); i++ {
		if isBlank(b[i]) {
			if i > 0 {
				return Request
			}
			return OtherProtocol
		}
		if i == maxMethod || !tokenBytes[b[i]] || i == 0 && !(b[0]|0x20 >= 'a' && b[0]|0x20 <= 'z') {
			return OtherProtocol
		}
	}
	return Undecided
}

func common(b []byte, s string) int {
	n := 0
	for n < len(b) && n < len(s) && b[n] == s[n] {
		n++
	}
	return n
}
