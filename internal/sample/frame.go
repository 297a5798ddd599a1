package sample

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// Packet is one captured Ethernet frame.
type Packet struct {
	Time time.Time
	Data []byte
}

// host is one end of connections as its IP stack shows on the wire.
type host struct {
	ip     netip.Addr
	mac    net.HardwareAddr
	ttl    uint8
	mss    int    // what it offers in its SYN, payload bytes
	stamps bool   // sends TCP timestamps (RFC 7323), as all but Windows do
	window uint16 // as sent, before scaling
	ident  uint16 // next IPv4 identification
	ports  map[uint16]bool
	next   uint16 // next ephemeral port to try
}

// port takes a free ephemeral port. Hosts behind one address share it, as a
// translating router shares its own.
func (h *host) port() uint16 {
	for {
		h.next++
		if h.next < 32768 {
			h.next = 32768
		}
		if !h.ports[h.next] {
			h.ports[h.next] = true
			return h.next
		}
	}
}

// frame is a segment that was put on the wire, before it is bytes.
type frame struct {
	at       time.Duration
	from, to *host
	tcp      layers.TCP
	payload  []byte
}

// wire is everything the mirror port saw.
type wire struct {
	rng    *rand.Rand
	frames []frame
	hosts  map[netip.Addr]*host
	router net.HardwareAddr
	opened int // connections, truth for a reader of the recording
}

func newWire(seed uint64) *wire {
	return &wire{
		rng:    rand.New(rand.NewPCG(seed, 0x771e)),
		hosts:  map[netip.Addr]*host{},
		router: net.HardwareAddr{0x02, 0x00, 0x5e, 0x00, 0x00, 0x01},
	}
}

// host returns the stack at an address, made on first use. All clients reach
// the server through one router and so share its MAC address.
func (w *wire) host(ip netip.Addr, windows bool) *host {
	if h := w.hosts[ip]; h != nil {
		return h
	}
	h := &host{
		ip: ip, mac: w.router, ttl: uint8(64 - 6 - w.rng.IntN(9)), mss: 1460, stamps: !windows,
		window: uint16(500 + w.rng.IntN(1500)), ident: uint16(w.rng.Uint32()),
		ports: map[uint16]bool{}, next: uint16(32768 + w.rng.IntN(28000)),
	}
	if windows {
		h.ttl += 64
	}
	if ip.Is6() {
		h.mss = 1440
	} else if netip.MustParsePrefix("100.64.0.0/10").Contains(ip) && w.rng.IntN(2) == 0 {
		h.mss = 1380 // carriers clamp it
	}
	w.hosts[ip] = h
	return h
}

// packets turns the frames into bytes in capture order and drops what happened
// after the capture stopped.
func (w *wire) packets() ([]Packet, error) {
	inOrder(w.frames)
	out := make([]Packet, 0, len(w.frames))
	buf := gopacket.NewSerializeBuffer()
	for i := range w.frames {
		f := &w.frames[i]
		if f.at < 0 || f.at >= Length {
			continue
		}
		if err := f.serialize(buf); err != nil {
			return nil, fmt.Errorf("frame %d: %w", i, err)
		}
		at := Start.Add(f.at).Truncate(time.Microsecond)
		out = append(out, Packet{Time: at, Data: append([]byte(nil), buf.Bytes()...)})
	}
	return out, nil
}

func (f *frame) serialize(buf gopacket.SerializeBuffer) error {
	opts := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	eth := layers.Ethernet{SrcMAC: f.from.mac, DstMAC: f.to.mac}
	if f.from.ip.Is4() {
		eth.EthernetType = layers.EthernetTypeIPv4
		ip := layers.IPv4{
			Version: 4, IHL: 5, TTL: f.from.ttl, Id: f.from.ident, Flags: layers.IPv4DontFragment,
			Protocol: layers.IPProtocolTCP, SrcIP: f.from.ip.AsSlice(), DstIP: f.to.ip.AsSlice(),
		}
		f.from.ident++
		if err := f.tcp.SetNetworkLayerForChecksum(&ip); err != nil {
			return err
		}
		return gopacket.SerializeLayers(buf, opts, &eth, &ip, &f.tcp, gopacket.Payload(f.payload))
	}
	eth.EthernetType = layers.EthernetTypeIPv6
	ip := layers.IPv6{
		Version: 6, HopLimit: f.from.ttl, NextHeader: layers.IPProtocolTCP,
		SrcIP: f.from.ip.AsSlice(), DstIP: f.to.ip.AsSlice(),
	}
	if err := f.tcp.SetNetworkLayerForChecksum(&ip); err != nil {
		return err
	}
	return gopacket.SerializeLayers(buf, opts, &eth, &ip, &f.tcp, gopacket.Payload(f.payload))
}
