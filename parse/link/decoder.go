package link

import (
	"lapwing/parse/ip"

	"github.com/google/gopacket/layers"
)

// Limits of nesting. Real mirrors stay below: QinQ has two tags, MPLS stacks
// of more than four labels are rare, a pod's packet in a mirror tunnel is three
// IP headers deep.
const (
	maxTags    = 4
	maxLabels  = 8
	maxTunnels = 4
)

// Config says what to look into. The zero value is the usual choice.
type Config struct {
	VXLANPorts  []uint16 // UDP destination ports; nil: 4789 (RFC 7348) and 8472 (Linux before it)
	GenevePorts []uint16 // nil: 6081 (RFC 8926)

	// KeyVLAN and KeyVNI put VLAN ids, or tunnel network ids, into
	// ip.Packet.Context. Off, because mirrors often show the two directions of
	// a connection, or two copies of it, under different ids; on, where
	// networks with equal addresses are mirrored to one sensor.
	KeyVLAN bool
	KeyVNI  bool

	// Defrag bounds reassembly of IP fragments, inner and outer.
	Defrag ip.DefragConfig
}

// A Decoder reads frames. Use New.
type Decoder struct {
	vxlanPorts, genevePorts []uint16
	keyVLAN, keyVNI         bool

	pkt     ip.Packet
	context uint32
	defrag  *ip.Defragmenter
	stats   Stats

	// gopacket's decoders, reused: they hold slices of the frame only until
	// the next one.
	vxlan  layers.VXLAN
	geneve layers.Geneve
	gre    layers.GRE
	erspan layers.ERSPANII
	head   [8]byte // a GENEVE header with its options taken off
}

// New makes a Decoder.
func New(cfg Config) *Decoder {
	if cfg.VXLANPorts == nil {
		cfg.VXLANPorts = []uint16{4789, 8472}
	}
	if cfg.GenevePorts == nil {
		cfg.GenevePorts = []uint16{6081}
	}
	return &Decoder{
		vxlanPorts:  cfg.VXLANPorts,
		genevePorts: cfg.GenevePorts,
		keyVLAN:     cfg.KeyVLAN,
		keyVNI:      cfg.KeyVNI,
		defrag:      ip.NewDefragmenter(cfg.Defrag),
	}
}

// Stats returns the counts so far.
func (d *Decoder) Stats() Stats {
	s := d.stats
	s.Defrag = d.defrag.Stats()
	return s
}

// Decode returns the innermost IP datagram of the frame, whole. The packet and
// its Payload are valid until the next Decode. It returns false if the frame
// holds none, or only a fragment; Stats says which.
func (d *Decoder) Decode(f Frame) (*ip.Packet, bool) {
	d.stats.Frames++
	d.context = 0
	cur := cursor{data: f.Data, wire: f.WireLen}
	if cur.wire < len(f.Data) {
		cur.wire = len(f.Data)
		if f.WireLen <= 0 {
			cur.wire = 0
		}
	}
	var why Reason
	// By far the most frames are plain IPv4 or IPv6 over Ethernet.
	if f.LinkType == TypeEthernet {
		why = d.ethernet(&cur)
	} else {
		why = d.linkHeader(f.LinkType, &cur)
	}
	if why == ok {
		why = d.datagram(&cur, f.AtNS)
	}
	if why != ok {
		d.stats.Reasons[why]++
		return nil, false
	}
	d.stats.Packets++
	return &d.pkt, true
}

// A cursor is the rest of the frame. wire is its length on the wire, 0 if
// unknown; equal to len(data) if nothing was cut.
type cursor struct {
	data []byte
	wire int
}

// skip drops n bytes, which data must have.
func (c *cursor) skip(n int) {
	c.data = c.data[n:]
	if c.wire > 0 {
		c.wire = max(c.wire-n, 0)
	}
}

// datagram reads the IP packet at the cursor and what it carries, inwards until
// something is no tunnel.
func (d *Decoder) datagram(c *cursor, atNS int64) Reason {
	for depth := 0; ; depth++ {
		if fault := ip.Parse(c.data, c.wire, &d.pkt); fault != ip.OK {
			return faultReason(fault)
		}
		d.pkt.Context = d.context
		if d.pkt.Fragment && !d.defrag.Add(&d.pkt, atNS) {
			return Fragment
		}
		if d.pkt.Protocol == ip.ProtoTCP {
			return ok
		}
		inner := cursor{data: d.pkt.Payload}
		if c.wire > 0 {
			inner.wire = len(inner.data) + d.pkt.Missing
		}
		found, why := d.tunnel(d.pkt.Protocol, &inner)
		if why != ok {
			return why
		}
		if !found {
			return ok
		}
		if depth == maxTunnels {
			return TooDeep
		}
		d.stats.Tunnels++
		*c = inner
	}
}

func faultReason(f ip.Fault) Reason {
	switch f {
	case ip.Truncated:
		return Truncated
	case ip.BadVersion:
		return NotIP
	case ip.NoNext:
		return NoTransport
	}
	return BadIP
}
