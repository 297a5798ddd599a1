package exchange

import (
	"net/netip"
	"time"

	"lapwing/event"
)

// A Raw is one HTTP exchange as it was observed, before anything is hidden.
// It never leaves parse: a Builder turns it into an event.Call.
//
// All byte slices are borrowed: they are valid until Builder.Call returns.
// What was not seen is zero.
type Raw struct {
	IDHigh, IDLow uint64 // unkeyed content-derived seed of the call's ID (flow and stream position, or file and offset)

	Time     time.Time     // first byte of the request
	Duration time.Duration // to the last byte of the response; 0 if not seen
	Source   event.Source

	Peer     netip.AddrPort // socket address of the client side; port 0 if a log does not show it
	Server   netip.AddrPort
	Scheme   string // http or https; "" if unknown
	Protocol string // http/1.0, http/1.1

	Method         []byte
	Target         []byte // request target as sent: origin, absolute or authority form
	Host           []byte // a log's host or server name field; a packet's Host stands in RequestHeaders
	User           []byte // a log's remote-user field: the name that authenticated, or tried to
	RequestHeaders []Field
	RequestBody    Body

	Status          int // 0 if the response was not seen
	ResponseHeaders []Field
	ResponseBody    Body

	HeadersKnown bool // false for logs: the absence of a header then means nothing
	Gap          event.Gap
	Flags        event.Flags
}

// A Field is one header line; obs-fold is already unfolded, outer blanks trimmed.
type Field struct {
	Name, Value []byte
}

// A Body is what was kept of a message body.
type Body struct {
	WireBytes int64  // after transfer decoding, before content decoding; the whole body, not only what was kept
	Data      []byte // first part of the body, transfer coding removed, content coding still on; bounded
	Complete  bool   // Data is the whole body
}
