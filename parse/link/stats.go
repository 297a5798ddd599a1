package link

import "lapwing/parse/ip"

// A Reason says why a frame yielded no packet.
type Reason uint8

const (
	ok              Reason = iota
	UnknownLinkType        // no reader for the capture's link type
	UnknownType            // an EtherType, PPP or GRE protocol that is not IP: ARP, LLDP …
	NotIP                  // said to be IP and is not
	Truncated              // a header was cut off
	BadIP                  // IP lengths or extension headers make no sense
	BadTunnel              // a tunnel header makes no sense
	TooDeep                // more tags, labels or tunnels than are followed
	Fragment               // taken in by the defragmenter, see Stats.Defrag
	NoTransport            // IP without a readable payload: ESP, "no next header"
	Panicked               // a library decoder panicked on this frame
	reasonCount
)

var reasonNames = [reasonCount]string{"", "unknown_link_type", "unknown_type", "not_ip", "truncated", "bad_ip",
	"bad_tunnel", "too_deep", "fragment", "no_transport", "panicked"}

func (r Reason) String() string {
	if r < reasonCount {
		return reasonNames[r]
	}
	return "invalid"
}

// AllReasons lists every reason a frame can yield nothing for.
func AllReasons() []Reason {
	all := make([]Reason, 0, reasonCount-1)
	for r := ok + 1; r < reasonCount; r++ {
		all = append(all, r)
	}
	return all
}

// Stats counts frames. Frames = Packets + all Reasons.
type Stats struct {
	Frames  uint64
	Packets uint64 // IP datagrams handed out, TCP or not
	Tunnels uint64 // tunnel headers taken off
	Reasons [reasonCount]uint64
	Defrag  ip.DefragStats
}
