// Package capture holds the vocabulary of everything that brings bytes into
// Lapwing: a Packet, the Source it comes from, and the Stats that account for
// every one of them.
//
// The sub-folders are the sources: live (an AF_PACKET ring), pcapfile (pcap and
// pcapng), input (files, pipes and their compression, merged by time), follow
// (log files that grow and rotate). filter compiles capture filters. None of
// them writes to a network, and none keeps state on disk.
//
// Order: a Source yields packets in the order of its medium. Concurrency: Next
// belongs to one goroutine; Stats and Close may be called from any. Loss: a
// Source never drops silently, what it did not hand on is in its Stats.
package capture

import "errors"

// A Packet is one captured frame. The caller owns the struct, the Source owns
// Data: it is valid until the next call of Next and must not be changed.
type Packet struct {
	LinkType   uint32 // LINKTYPE_ value of tcpdump.org/linktypes.html; per packet, since pcapng mixes them
	TimeNS     int64  // capture time, nanoseconds since 1970-01-01 UTC
	Data       []byte // the captured bytes, from the link header on
	WireLength int    // bytes the frame had on the wire; never less than len(Data)
}

// Link types that a Source of this repository produces by itself. Capture
// files may carry any other value.
const (
	LinkEthernet = 1   // LINKTYPE_ETHERNET
	LinkRaw      = 101 // LINKTYPE_RAW: an IPv4 or IPv6 packet without link header
	LinkLinuxSLL = 113 // LINKTYPE_LINUX_SLL, cooked capture v1
	LinkIPv4     = 228 // LINKTYPE_IPV4
	LinkIPv6     = 229 // LINKTYPE_IPV6
	LinkSLL2     = 276 // LINKTYPE_LINUX_SLL2, cooked capture v2
)

// A Source yields packets one by one.
type Source interface {
	// Next fills p with the next packet. It returns io.EOF at the end,
	// ErrIdle when a live source saw nothing within its poll interval (the
	// caller may use the moment and call again), ErrClosed after Close, and
	// any other error when the source is broken. A file source delivers all
	// packets that precede the fault first, and repeats the error afterwards.
	Next(p *Packet) error
	// Stats returns counts since the source was opened. It never goes back.
	Stats() Stats
	// Close releases the source and wakes a blocked Next promptly.
	Close() error
}

// MaxLine is the longest line of a log that is read, without its newline.
// Gateways cut requests at 8 to 64 KiB; longer lines than this are no log.
// They are counted and skipped without being kept.
const MaxLine = 1 << 20

// ErrIdle says that nothing arrived within the poll interval of a live source.
var ErrIdle = errors.New("no packet within the poll interval")

// ErrClosed is returned by Next after Close.
var ErrClosed = errors.New("capture source is closed")

// Stats account for what a source met, cumulative since it was opened.
//
// For every source Received() == Packets + Filtered + Errored, exactly and at
// any time. A live source also has
//
//	KernelPackets == KernelDrops + Received() + packets still in the ring
//
// where the last term is zero once the ring is drained.
type Stats struct {
	Packets   uint64 // handed to the caller
	Bytes     uint64 // sum of len(Data) of those
	Truncated uint64 // of Packets: captured shorter than on the wire
	Filtered  uint64 // met and left out on purpose: the second copy of loopback frames, unwanted protocols
	Errored   uint64 // met but not readable: records of undeclared interfaces, impossible or oversized lengths

	KernelPackets uint64 // passed the kernel's filter, dropped ones included; from pcapng interface statistics for a file
	KernelDrops   uint64 // of KernelPackets: lost because the reader was too slow
	Freezes       uint64 // times the kernel found the whole ring full
}

// Received is the number of packets the source itself met.
func (s Stats) Received() uint64 { return s.Packets + s.Filtered + s.Errored }

// Add returns the sum of two accounts, for a sensor with several sources.
func (s Stats) Add(o Stats) Stats {
	s.Packets += o.Packets
	s.Bytes += o.Bytes
	s.Truncated += o.Truncated
	s.Filtered += o.Filtered
	s.Errored += o.Errored
	s.KernelPackets += o.KernelPackets
	s.KernelDrops += o.KernelDrops
	s.Freezes += o.Freezes
	return s
}
