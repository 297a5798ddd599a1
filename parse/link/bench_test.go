package link

import (
	"testing"

	"lapwing/parse/ip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

func benchFrames() map[string][]byte {
	tcp := ipv4(ip.ProtoTCP, make([]byte, 1000))
	tcp[20+12] = 0x50
	return map[string][]byte{
		"plain": eth(etherIPv4, tcp),
		"vlan":  eth(etherVLAN, be16(5, etherIPv4), tcp),
		"vxlan": eth(etherIPv4, udp(4789, vxlan(1), eth(etherIPv4, tcp))),
	}
}

func BenchmarkDecode(b *testing.B) {
	for name, data := range benchFrames() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			d := New(Config{})
			f := Frame{LinkType: TypeEthernet, Data: data, WireLen: len(data)}
			for range b.N {
				if _, ok := d.Decode(f); !ok {
					b.Fatal(d.Stats())
				}
			}
		})
	}
}

// BenchmarkGopacket is the yardstick: gopacket's fastest way to the same place.
func BenchmarkGopacket(b *testing.B) {
	for name, data := range benchFrames() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			var (
				eth   layers.Ethernet
				dot1q layers.Dot1Q
				ip4   layers.IPv4
				udp   layers.UDP
				tcp   layers.TCP
				vx    layers.VXLAN
				found []gopacket.LayerType
			)
			p := gopacket.NewDecodingLayerParser(layers.LayerTypeEthernet, &eth, &dot1q, &ip4, &udp, &tcp, &vx)
			p.IgnoreUnsupported = true
			for range b.N {
				if err := p.DecodeLayers(data, &found); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
