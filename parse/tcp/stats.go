package tcp

// Stats counts since the Assembler was made, except the two gauges at the end.
//
// Packets = Segments + NotTCP + Malformed + Fragments.
// BytesIn = Delivered + Duplicate + Overlap + Dropped (all reasons) + Buffered.
type Stats struct {
	Packets   uint64 // given to Packet
	Segments  uint64 // read as TCP
	NotTCP    uint64
	Malformed uint64 // TCP header cut off or impossible
	Fragments uint64 // IP fragments that reached TCP without being put together

	BytesIn   uint64 // captured payload bytes
	Delivered uint64 // handed to Streams
	Duplicate uint64 // of ranges delivered, or given up, before
	Overlap   uint64 // of ranges that were in the buffer already
	Dropped   Dropped

	Missing        uint64 // stream bytes reported by Gap
	Gaps           uint64
	OverlapDiffers uint64 // segments that brought other bytes for a range

	FlowsOpened    uint64 // flow records made
	FlowsIdle      uint64
	FlowsEvicted   uint64 // MaxFlows reached
	FlowsReused    uint64 // ports taken by a new connection
	StreamsOpened  uint64 // calls of Open
	ResetsRejected uint64 // RST outside the window, or contradicted by later data of its sender
	HolesForced    uint64 // given up because a buffer bound was reached
	AcksSeen       uint64 // acknowledgements that advanced
	AcksAboveHole  uint64 // of those, ones for bytes not seen by then: AcksAboveHole/AcksSeen is an upper bound of capture loss, as a mirror's lag counts too

	Flows    int   // now in the table
	Buffered int64 // payload bytes now waiting
}

// Dropped counts payload bytes that were neither delivered nor a copy.
type Dropped struct {
	AfterFIN   uint64 // behind the sender's FIN
	Closed     uint64 // of a connection that has ended
	Reset      uint64 // carried by a RST: a diagnostic, not stream data (RFC 9293 §3.5.3)
	OutOfRange uint64 // a sequence number too far from the stream to be of it
	Ignored    uint64 // of a connection that Ignore was called for
	Buffer     uint64 // no room to hold it out of order
	Invalid    uint64 // of segments no host accepts: neither ACK nor SYN nor RST, or SYN with FIN or RST
}

// Sum adds all reasons.
func (d Dropped) Sum() uint64 {
	return d.AfterFIN + d.Closed + d.Reset + d.OutOfRange + d.Ignored + d.Buffer + d.Invalid
}

// Conserved reports whether every payload byte is accounted for.
func (s Stats) Conserved() bool {
	return s.BytesIn == s.Delivered+s.Duplicate+s.Overlap+s.Dropped.Sum()+uint64(s.Buffered)
}
