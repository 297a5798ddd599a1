package link

import (
	"bytes"
	"encoding/binary"
	"testing"

	"lapwing/parse/ip"
)

const payload = "....tcp header and what it carries...."

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func be16(v ...uint16) []byte {
	var b []byte
	for _, x := range v {
		b = binary.BigEndian.AppendUint16(b, x)
	}
	return b
}

func ipv4(protocol byte, parts ...[]byte) []byte {
	rest := cat(parts...)
	b := make([]byte, 20)
	b[0], b[8], b[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(rest)))
	b[12], b[16] = 10, 11
	return append(b, rest...)
}

func ipv6(protocol byte, parts ...[]byte) []byte {
	rest := cat(parts...)
	b := make([]byte, 40)
	b[0], b[6] = 0x60, protocol
	binary.BigEndian.PutUint16(b[4:], uint16(len(rest)))
	b[8], b[24] = 0xfd, 0xfd
	return append(b, rest...)
}

func eth(typ uint16, parts ...[]byte) []byte {
	return cat(make([]byte, 12), be16(typ), cat(parts...))
}

func udp(port uint16, parts ...[]byte) []byte {
	rest := cat(parts...)
	return ipv4(ip.ProtoUDP, be16(40000, port, uint16(8+len(rest)), 0), rest)
}

func vxlan(vni byte) []byte { return []byte{8, 0, 0, 0, 0, 0, vni, 0} }

func geneve(typ uint16, options int) []byte {
	b := make([]byte, 8+options)
	b[0] = byte(options / 4)
	binary.BigEndian.PutUint16(b[2:], typ)
	for i := 8; i+4 <= len(b); {
		n := min(len(b)-i-4, 124)
		b[i+3] = byte(n / 4)
		i += 4 + n
	}
	return b
}

func gre(flags, typ uint16, extra int) []byte { return cat(be16(flags, typ), make([]byte, extra)) }

// A pad behind the packet must not reach its payload.
var pad = []byte{0xde, 0xad, 0xbe, 0xef, 0, 0}

func decodeTable() []struct {
	name string
	typ  uint32
	data []byte
	want Reason
} {
	tcp4 := ipv4(ip.ProtoTCP, []byte(payload))
	tcp6 := ipv6(ip.ProtoTCP, []byte(payload))
	vlan := be16(5)
	return []struct {
		name string
		typ  uint32
		data []byte
		want Reason
	}{
		{"ethernet, v4", TypeEthernet, eth(etherIPv4, tcp4, pad), ok},
		{"ethernet, v6", TypeEthernet, eth(etherIPv6, tcp6, pad), ok},
		{"VLAN", TypeEthernet, eth(etherVLAN, vlan, be16(etherIPv4), tcp4), ok},
		{"QinQ", TypeEthernet, eth(etherQinQ, vlan, be16(etherVLAN), vlan, be16(etherIPv6), tcp6), ok},
		{"old QinQ", TypeEthernet, eth(etherQinQOld, vlan, be16(etherVLAN), vlan, be16(etherIPv4), tcp4), ok},
		{"five tags", TypeEthernet, eth(etherVLAN, bytes.Repeat(be16(5, etherVLAN), 5), tcp4), TooDeep},
		{"four tags", TypeEthernet, eth(etherVLAN, bytes.Repeat(be16(5, etherVLAN), 3), be16(5, etherIPv4), tcp4), ok},
		{"MPLS", TypeEthernet, eth(etherMPLS, []byte{0, 1, 0, 9, 0, 2, 1, 9}, tcp4), ok},
		{"MPLS pseudowire", TypeEthernet, eth(etherMPLS, []byte{0, 1, 1, 9, 0, 0, 0, 0}, eth(etherIPv4, tcp4)), ok},
		{"MPLS without a bottom", TypeEthernet, eth(etherMPLS, make([]byte, 100)), TooDeep},
		{"MPLS cut", TypeEthernet, eth(etherMPLS, []byte{0, 1, 0, 9, 0, 2}), Truncated},
		{"PPPoE", TypeEthernet, eth(etherPPPoE, []byte{0x11, 0, 0, 7, 0, 60}, be16(0x21), tcp4), ok},
		{"PPPoE, v6", TypeEthernet, eth(etherPPPoE, []byte{0x11, 0, 0, 7, 0, 80}, be16(0x57), tcp6), ok},
		{"PPPoE, LCP", TypeEthernet, eth(etherPPPoE, []byte{0x11, 0, 0, 7, 0, 60}, be16(0xc021), tcp4), UnknownType},
		{"SNAP", TypeEthernet, eth(100, []byte{0xaa, 0xaa, 3, 0, 0, 0}, be16(etherIPv4), tcp4), ok},
		{"spanning tree", TypeEthernet, eth(39, []byte{0x42, 0x42, 3, 0, 0, 0, 0, 0}), UnknownType},
		{"ARP", TypeEthernet, eth(0x0806, make([]byte, 28)), UnknownType},
		{"raw", TypeRaw, tcp4, ok},
		{"raw of BSD", TypeRawBSD, tcp6, ok},
		{"raw of OpenBSD", TypeRawOpen, tcp4, ok},
		{"IPv4", TypeIPv4, tcp4, ok},
		{"IPv6", TypeIPv6, tcp6, ok},
		{"null, little endian", TypeNull, cat([]byte{2, 0, 0, 0}, tcp4), ok},
		{"null, big endian", TypeNull, cat([]byte{0, 0, 0, 30}, tcp6), ok},
		{"null, other family", TypeNull, cat([]byte{7, 0, 0, 0}, tcp6), UnknownType},
		{"loop", TypeLoop, cat([]byte{0, 0, 0, 24}, tcp6), ok},
		{"cooked", TypeLinuxSLL, cat(make([]byte, 14), be16(etherIPv4), tcp4), ok},
		{"cooked, VLAN", TypeLinuxSLL, cat(make([]byte, 14), be16(etherVLAN, 5, etherIPv4), tcp4), ok},
		{"cooked 2", TypeLinuxSL2, cat(be16(etherIPv6), make([]byte, 18), tcp6), ok},
		{"PPP", TypePPP, cat([]byte{0xff, 3}, be16(0x21), tcp4), ok},
		{"PPP, short protocol", TypePPP, cat([]byte{0x21}, tcp4), ok},
		{"Cisco HDLC", TypeCHDLC, cat([]byte{0x0f, 0}, be16(etherIPv4), tcp4), ok},
		{"nflog", TypeNFLOG, cat([]byte{2, 0, 0, 0}, []byte{8, 0, 1, 0, 8, 0, 0, 0}, []byte{byte(4 + len(tcp4)), 0, 9, 0}, tcp4), ok},
		{"nflog, big endian", TypeNFLOG, cat([]byte{2, 0, 0, 0}, []byte{0, 8, 0, 1, 8, 0, 0, 0}, []byte{0, byte(4 + len(tcp4)), 0, 9}, tcp4), ok},
		{"nflog, endless", TypeNFLOG, make([]byte, 100), UnknownType},
		{"802.11", 105, tcp4, UnknownLinkType},

		{"VXLAN", TypeEthernet, eth(etherIPv4, udp(4789, vxlan(9), eth(etherIPv4, tcp4)), pad), ok},
		{"VXLAN on 8472", TypeEthernet, eth(etherIPv4, udp(8472, vxlan(9), eth(etherIPv6, tcp6))), ok},
		{"VXLAN, VLAN inside", TypeEthernet, eth(etherIPv4, udp(4789, vxlan(9), eth(etherVLAN, vlan, be16(etherIPv4), tcp4))), ok},
		{"VXLAN, ARP inside", TypeEthernet, eth(etherIPv4, udp(4789, vxlan(9), eth(0x0806, make([]byte, 28)))), UnknownType},
		{"VXLAN cut", TypeEthernet, eth(etherIPv4, udp(4789, vxlan(9), []byte{1, 2, 3})), Truncated},
		{"GENEVE", TypeEthernet, eth(etherIPv4, udp(6081, geneve(etherBridged, 0), eth(etherIPv4, tcp4))), ok},
		{"GENEVE, IP inside", TypeEthernet, eth(etherIPv4, udp(6081, geneve(etherIPv6, 0), tcp6)), ok},
		{"GENEVE, options as GWLB sends them", TypeEthernet, eth(etherIPv4, udp(6081, geneve(etherIPv4, 32), tcp4)), ok},
		{"GENEVE, longest options", TypeEthernet, eth(etherIPv4, udp(6081, geneve(etherIPv4, 252), tcp4)), ok},
		{"GENEVE, options cut", TypeEthernet, eth(etherIPv4, udp(6081, geneve(etherIPv4, 252)[:100])), Truncated},
		{"GRE", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0, etherIPv4, 0), tcp4)), ok},
		{"GRE over v6", TypeEthernet, eth(etherIPv6, ipv6(ip.ProtoGRE, gre(0, etherIPv6, 0), tcp6)), ok},
		{"GRE, checksum, key and sequence", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0xb000, etherIPv4, 12), tcp4)), ok},
		{"GRE, Ethernet inside", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0x2000, etherBridged, 4), eth(etherIPv4, tcp4))), ok},
		{"GRE, PPTP", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0x3081, grePPP, 12), []byte{0x21}, tcp4)), ok},
		{"GRE, WCCP 2", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0, greWCCP, 4), tcp4)), ok},
		{"GRE, WCCP 1", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0, greWCCP, 0), tcp4)), ok},
		{"GRE, fields cut", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0xb000, etherIPv4, 2))), Truncated},
		{"GRE, routing cut", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0x4000, etherIPv4, 6))), Panicked},
		{"ERSPAN I", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0, greERSPAN, 0), eth(etherIPv4, tcp4))), ok},
		{"ERSPAN II", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0x1000, greERSPAN, 4), make([]byte, 8), eth(etherIPv4, tcp4))), ok},
		{"ERSPAN II cut", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0x1000, greERSPAN, 4), make([]byte, 3))), Truncated},
		{"ERSPAN III", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0x1000, greERSPANIII, 4), make([]byte, 12), eth(etherIPv4, tcp4))), ok},
		{"ERSPAN III, sub-header", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoGRE, gre(0x1000, greERSPANIII, 4), make([]byte, 11), []byte{1}, make([]byte, 8), eth(etherIPv4, tcp4))), ok},
		{"TZSP", TypeEthernet, eth(etherIPv4, udp(37008, []byte{1, 0, 0, 1, 0, 10, 1, 55, 1}, eth(etherIPv4, tcp4))), ok},
		{"TZSP without end", TypeEthernet, eth(etherIPv4, udp(37008, []byte{1, 0, 0, 1, 10, 200})), Truncated},
		{"MPLS over UDP", TypeEthernet, eth(etherIPv4, udp(6635, []byte{0, 1, 1, 9}, tcp4)), ok},
		{"IP in IP", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoIPIP, tcp4)), ok},
		{"6in4", TypeEthernet, eth(etherIPv4, ipv4(ip.ProtoIPv6, tcp6)), ok},
		{"4in6", TypeEthernet, eth(etherIPv6, ipv6(ip.ProtoIPIP, tcp4)), ok},
		{"four tunnels", TypeEthernet, eth(etherIPv4, ipv4(4, ipv4(4, ipv4(4, ipv4(4, tcp4))))), ok},
		{"five tunnels", TypeEthernet, eth(etherIPv4, ipv4(4, ipv4(4, ipv4(4, ipv4(4, ipv4(4, tcp4)))))), TooDeep},
		{"garbage in IP in IP", TypeEthernet, eth(etherIPv4, ipv4(4, []byte("?? no packet, but long enough"))), NotIP},
		{"a promise that was not on the wire", TypeEthernet, eth(etherIPv4, func() []byte { b := ipv4(6, []byte(payload)); b[3] = 200; return b }()), BadIP},
		{"ESP", TypeEthernet, eth(etherIPv6, ipv6(50, []byte(payload))), NoTransport},
		{"empty", TypeEthernet, nil, Truncated},
	}
}

func TestDecode(t *testing.T) {
	for _, test := range decodeTable() {
		t.Run(test.name, func(t *testing.T) {
			d := New(Config{})
			p, got := d.Decode(Frame{LinkType: test.typ, Data: test.data, WireLen: len(test.data), AtNS: 1})
			st := d.Stats()
			if got != (test.want == ok) {
				t.Fatalf("ok %t, want %q: %+v", got, test.want, st)
			}
			if got {
				if p.Protocol != ip.ProtoTCP || string(p.Payload) != payload || p.Missing != 0 || p.Context != 0 {
					t.Errorf("got %q, %+v", p.Payload, p)
				}
				return
			}
			if st.Reasons[test.want] != 1 || st.Frames != 1 {
				t.Errorf("want %q: %+v", test.want, st)
			}
		})
	}
}

// Whatever is cut off anywhere, Decode counts it and never reads beyond.
func TestDecodeCutAnywhere(t *testing.T) {
	d := New(Config{KeyVLAN: true, KeyVNI: true})
	for _, test := range decodeTable() {
		for n := range test.data {
			d.Decode(Frame{LinkType: test.typ, Data: test.data[:n:n], WireLen: len(test.data)})
		}
	}
	st := d.Stats()
	sum := st.Packets
	for _, r := range AllReasons() {
		sum += st.Reasons[r]
	}
	if sum != st.Frames {
		t.Errorf("%d of %d frames are accounted for", sum, st.Frames)
	}
}

func TestSnapLengthInsideTunnel(t *testing.T) {
	whole := eth(etherIPv4, udp(4789, vxlan(9), eth(etherIPv4, ipv4(ip.ProtoTCP, []byte(payload)))))
	d := New(Config{})
	p, got := d.Decode(Frame{LinkType: TypeEthernet, Data: whole[:len(whole)-10], WireLen: len(whole)})
	if !got || p.Missing != 10 || len(p.Payload) != len(payload)-10 {
		t.Errorf("%t, %+v", got, p)
	}
}

func TestPlainUDPIsHandedOut(t *testing.T) {
	d := New(Config{})
	for _, data := range [][]byte{
		udp(53, []byte("question")),
		udp(4789, []byte("\x00 is no VXLAN header: no I flag")),
		udp(6081, []byte{0xff}),
		ipv4(ip.ProtoUDP, []byte{1, 2}),
	} {
		if p, got := d.Decode(Frame{LinkType: TypeRaw, Data: data}); !got || p.Protocol != ip.ProtoUDP {
			t.Errorf("%x", data)
		}
	}
}

func TestContext(t *testing.T) {
	inner := eth(etherIPv4, ipv4(ip.ProtoTCP, []byte(payload)))
	vni := func(n byte) []byte { return eth(etherIPv4, udp(4789, vxlan(n), inner)) }
	tag := func(n uint16) []byte { return eth(etherVLAN, be16(n, etherIPv4), ipv4(ip.ProtoTCP, []byte(payload))) }
	context := func(c Config, data []byte) uint32 {
		p, got := New(c).Decode(Frame{LinkType: TypeEthernet, Data: data})
		if !got {
			t.Fatal("not decoded")
		}
		return p.Context
	}
	if context(Config{}, vni(1)) != 0 || context(Config{}, tag(1)) != 0 {
		t.Error("ids count although they should not")
	}
	keyed := Config{KeyVNI: true, KeyVLAN: true}
	seen := map[uint32]bool{0: true}
	for _, data := range [][]byte{vni(1), vni(2), tag(1), tag(2)} {
		c := context(keyed, data)
		if seen[c] {
			t.Errorf("context %d", c)
		}
		seen[c] = true
	}
	if context(keyed, vni(1)) == context(keyed, vni(2)) || context(keyed, tag(1)) == context(keyed, tag(2)) {
		t.Error("ids do not count although they should")
	}
	if context(keyed, inner) != 0 {
		t.Error("a context out of nothing")
	}
}

// A tunnel's packet in two fragments, and within it a packet in two fragments.
func TestFragmentsInsideAndOutside(t *testing.T) {
	fragment := func(packet []byte, id byte) [2][]byte {
		cut := 20 + (len(packet)-20)/16*8
		first, second := bytes.Clone(packet[:cut]), cat(packet[:20], packet[cut:])
		binary.BigEndian.PutUint16(first[2:], uint16(len(first)))
		binary.BigEndian.PutUint16(second[2:], uint16(len(second)))
		first[5], second[5] = id, id
		binary.BigEndian.PutUint16(first[6:], 0x2000)
		binary.BigEndian.PutUint16(second[6:], uint16((cut-20)/8))
		return [2][]byte{first, second}
	}
	d := New(Config{})
	done := 0
	for i, inner := range fragment(ipv4(ip.ProtoTCP, []byte(payload)), 1) {
		for _, outer := range fragment(udp(4789, vxlan(1), eth(etherIPv4, inner)), byte(2+i)) {
			if p, got := d.Decode(Frame{LinkType: TypeRaw, Data: outer, AtNS: 1}); got {
				done++
				if string(p.Payload) != payload {
					t.Errorf("got %q", p.Payload)
				}
			}
		}
	}
	if st := d.Stats(); done != 1 || st.Reasons[Fragment] != 3 || st.Defrag.Completed != 3 {
		t.Errorf("%d packets, %+v", done, st)
	}
}

func FuzzDecode(f *testing.F) {
	for _, test := range decodeTable() {
		f.Add(test.typ, test.data, len(test.data))
	}
	d := New(Config{KeyVLAN: true, KeyVNI: true, Defrag: ip.DefragConfig{MaxDatagrams: 8}})
	f.Fuzz(func(t *testing.T, typ uint32, data []byte, wire int) {
		before := d.Stats()
		p, got := d.Decode(Frame{LinkType: typ, Data: data, WireLen: wire})
		if got && (p.Missing < 0 || p.Fragment) {
			t.Fatalf("%+v", p)
		}
		after := d.Stats()
		sum := after.Packets - before.Packets
		for _, r := range AllReasons() {
			sum += after.Reasons[r] - before.Reasons[r]
		}
		if sum != 1 {
			t.Fatalf("the frame is counted %d times", sum)
		}
	})
}
