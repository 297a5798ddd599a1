package tcp

import "net/netip"

// A Conn is one connection. It belongs to the Assembler and is valid until the
// End of both directions; copy what must live longer.
type Conn struct {
	A, B      netip.AddrPort
	SYN       bool   // the handshake was seen: A is the initiator. Else A sent the first packet seen
	Midstream bool   // bytes before the first Data were not seen
	Context   uint32 // of the packets, see ip.Packet
	FirstNS   int64  // packet time of the first segment, Unix ns

	ignored      bool
	ignoredBytes *uint64
}

// Ignore stops reassembly of this connection: no more Data and no more Gap,
// buffers are released, only End follows for a direction that has not ended.
// It may be called from within a Stream's methods and more than once. A caller
// who recovers a panic of its own Stream calls it to lose this flow only.
func (c *Conn) Ignore() { c.ignored = true }

// CountIgnored has the payload bytes that Ignore keeps from the Stream, from
// now on, added to *bytes, so that what is passed over can be counted by kind.
func (c *Conn) CountIgnored(bytes *uint64) { c.ignoredBytes = bytes }

// A Stream receives one connection. Slices are borrowed for the call.
type Stream interface {
	// Data hands on the next bytes of a direction. b is empty if only the
	// flags are news (OverlapDiffers for bytes handed on before).
	Data(fromA bool, b []byte, seg Segment)
	// Gap says that n > 0 bytes are missing at this point of the direction.
	Gap(fromA bool, n int64, atNS int64)
	// End says that nothing follows in this direction; once per direction.
	End(fromA bool, reason EndReason, atNS int64)
}

// A Segment says where bytes came from.
type Segment struct {
	Seq   uint32    // sequence number of the first byte
	Ack   uint32    // what the sender had received of the other direction when it wrote them; void if NoAck
	AtNS  int64     // when they were there to be read: packet time, never decreasing within a direction
	Flags DataFlags //
}

// DataFlags remark on bytes.
type DataFlags uint8

const (
	OverlapDiffers DataFlags = 1 << iota // another segment brought other bytes for this range; these came first
	Urgent                               // the segment carried an urgent pointer (RFC 6093); its bytes are kept in line
	NoAck                                // the segment acknowledged nothing
)

// EndReason says why a direction ended.
type EndReason uint8

const (
	EndFIN     EndReason = iota // its sender closed it and every byte before is accounted for
	EndRST                      // reset by either side
	EndIdle                     // silent for longer than the configured time
	EndEvicted                  // the flow table was full
	EndReused                   // a new connection took the same ports
	EndInput                    // the input ended
)

var endNames = [...]string{"fin", "rst", "idle", "evicted", "reused", "end_of_input"}

func (r EndReason) String() string {
	if int(r) < len(endNames) {
		return endNames[r]
	}
	return "invalid"
}
