package sample_test

import (
	"encoding/binary"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// TestConnectionsAreTCP checks the recording against what real stacks keep to:
// checksums, no acknowledgement of bytes that were not seen yet, no segment
// beyond the maximum both sides offered, no new bytes after a FIN. It also
// checks that the difficulties it is meant to have are there.
func TestConnectionsAreTCP(t *testing.T) {
	type flow struct {
		from, to gopacket.Endpoint
		sp, dp   layers.TCPPort
	}
	type direction struct {
		next  uint32 // end of what was seen
		known bool
		fin   bool
	}
	flows := map[flow]*direction{}
	get := func(f flow) *direction {
		if flows[f] == nil {
			flows[f] = &direction{}
		}
		return flows[f]
	}
	var syn, fin, rst, again, early, v6, probes int
	packets := recording(t).Packets
	for i, p := range packets {
		if i > 0 && p.Time.Before(packets[i-1].Time) {
			t.Fatalf("packet %d is older than the one before it", i)
		}
		pk := gopacket.NewPacket(p.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
		tcp, ok := pk.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok || pk.ErrorLayer() != nil {
			t.Fatalf("packet %d does not decode", i)
		}
		nl := pk.NetworkLayer()
		if nl.LayerType() == layers.LayerTypeIPv6 {
			v6++
		}
		if !checksumHolds(nl, tcp) {
			t.Fatalf("packet %d: wrong checksum", i)
		}
		if len(tcp.Payload) > 1460 || len(p.Data) > 1514 {
			t.Fatalf("packet %d: %d bytes in a segment", i, len(tcp.Payload))
		}
		src, dst := nl.NetworkFlow().Endpoints()
		d, o := get(flow{src, dst, tcp.SrcPort, tcp.DstPort}), get(flow{dst, src, tcp.DstPort, tcp.SrcPort})
		if tcp.SYN {
			syn++
			if d.known {
				t.Fatalf("packet %d: a port is used twice", i)
			}
		}
		end := tcp.Seq + uint32(len(tcp.Payload))
		if tcp.SYN || tcp.FIN {
			end++
		}
		switch {
		case !d.known:
			d.known, d.next = true, end
		case tcp.Seq == d.next:
			if d.fin && len(tcp.Payload) > 0 {
				t.Fatalf("packet %d: bytes after a FIN", i)
			}
			d.next = end
		case int32(tcp.Seq-d.next) > 0:
			early++
			if int32(end-d.next) > 0 {
				d.next = end
			}
		case len(tcp.Payload) > 0:
			again++
		default:
			probes++
		}
		if tcp.ACK && o.known && int32(tcp.Ack-o.next) > 0 {
			t.Fatalf("packet %d acknowledges %d bytes that were not sent yet", i, tcp.Ack-o.next)
		}
		if tcp.FIN {
			fin++
			d.fin = true
		}
		if tcp.RST {
			rst++
		}
	}
	for name, n := range map[string]int{"handshakes": syn, "FINs": fin, "resets": rst, "repeated or late segments": again, "early segments": early, "IPv6 packets": v6, "keep-alive probes": probes} {
		if n < 10 {
			t.Errorf("only %d %s", n, name)
		}
	}
}

// checksumHolds sums the segment with its pseudo header (RFC 9293, 3.1): with a
// right checksum in place the sum is all ones.
func checksumHolds(nl gopacket.NetworkLayer, tcp *layers.TCP) bool {
	src, dst := nl.NetworkFlow().Endpoints()
	length := len(tcp.Contents) + len(tcp.Payload)
	sum := uint32(length) + 6
	for _, b := range [][]byte{src.Raw(), dst.Raw(), tcp.Contents, tcp.Payload} {
		for i := 0; i+1 < len(b); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(b[i:]))
		}
		if len(b)%2 == 1 {
			sum += uint32(b[len(b)-1]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum == 0xffff
}
