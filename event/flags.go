package event

import "math/bits"

// Flags are remarks on how a call was read. The HTTP ones follow the tiers of
// request-smuggling research: what RFC 9112 forbids or leaves ambiguous is
// named rather than silently resolved.
type Flags uint64

const (
	FlagMidstream          Flags = 1 << iota // the connection was under way when capture began
	FlagOverlapDiffers                       // a retransmission carried other bytes
	FlagObsFold                              // folded header line, RFC 9112 §5.2
	FlagBareLF                               // line ended by LF alone, or a bare CR inside a head
	FlagSpaceBeforeColon                     // RFC 9112 §5.1
	FlagBadHeader                            // a header line that is no field line
	FlagContentLengthAndTE                   // both framings present, RFC 9112 §6.3
	FlagDuplicateLength                      // several Content-Length values
	FlagBadLength                            // Content-Length that is no number
	FlagDuplicateHost                        //
	FlagMissingHost                          // HTTP/1.1 without Host
	FlagUnknownTE                            // Transfer-Encoding other than chunked, or oddly written
	FlagBadChunk                             // chunk framing broken
	FlagChunkExtension                       //
	FlagTrailers                             //
	FlagAbsoluteForm                         // absolute request target
	FlagBadVersion                           // HTTP version missing or odd (includes HTTP/0.9)
	FlagBadTarget                            // raw spaces or control bytes in the request target
	FlagPipelined                            // sent before the previous response was complete
	FlagUpgrade                              // 101, or a successful CONNECT: later bytes are another protocol
	FlagInformational                        // at least one 1xx preceded the final response
	FlagCloseDelimited                       // response body ended by the connection's end
	FlagBodyTruncated                        // body longer than what is inspected
	FlagDecodeError                          // content coding broken
	FlagDecodeLimit                          // decompression stopped at its bounds
	FlagUnknownCoding                        // content coding that is not supported
	FlagReset                                // the connection was reset before the call ended
	FlagEarlyResponse                        // the response began before the request ended
	FlagDoubleEncoded                        // %25xx in the path
	FlagDuplicateKeys                        // the same key twice in a JSON object
	FlagCredentialInQuery                    // a credential stood in the URL
	FlagMinted                               // the response handed out a credential
	FlagSecretPresented                      // the request carried a password, code or other secret to check
	FlagUntrustedForwarded                   // forwarding headers came from a peer that is not trusted
	FlagAmbiguous                            // several readings of the message were possible
	FlagJWTUnsigned                          // alg none or absent
	FlagBasicInClear                         // Basic credentials over http
	FlagHeadTruncated                        // a head was cut: too long, too many fields, or its end is missing
	flagCount              = iota
)

var flagNames = [flagCount]string{
	"midstream", "overlap_differs", "obs_fold", "bare_lf", "space_before_colon", "bad_header",
	"content_length_and_te", "duplicate_length", "bad_length", "duplicate_host", "missing_host",
	"unknown_te", "bad_chunk", "chunk_extension", "trailers", "absolute_form", "bad_version", "bad_target",
	"pipelined", "upgrade", "informational", "close_delimited", "body_truncated", "decode_error",
	"decode_limit", "unknown_coding", "reset", "early_response", "double_encoded", "duplicate_keys",
	"credential_in_query", "minted", "secret_presented", "untrusted_forwarded", "ambiguous",
	"jwt_unsigned", "basic_in_clear", "head_truncated",
}

// Has reports whether all of want are set.
func (f Flags) Has(want Flags) bool { return f&want == want }

// Names returns the names of the set flags in a fixed order.
func (f Flags) Names() []string {
	if f == 0 {
		return nil
	}
	out := make([]string, 0, bits.OnesCount64(uint64(f)))
	for f != 0 {
		i := bits.TrailingZeros64(uint64(f))
		if i < len(flagNames) {
			out = append(out, flagNames[i])
		}
		f &= f - 1
	}
	return out
}

// FlagByName returns the flag with that name, and whether there is one.
func FlagByName(s string) (Flags, bool) {
	for i, n := range flagNames {
		if n == s {
			return 1 << i, true
		}
	}
	return 0, false
}
