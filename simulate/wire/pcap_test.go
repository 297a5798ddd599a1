package wire_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/klauspost/compress/gzip"

	"lapwing/capture"
	"lapwing/capture/pcapfile"
	"lapwing/event"
	"lapwing/parse"
	"lapwing/simulate"
	"lapwing/simulate/wire"
)

func written(t testing.TB, name string, style wire.Style, list []simulate.Exchange) []byte {
	t.Helper()
	var b bytes.Buffer
	s, err := wire.New(name, style, &b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		e := list[i]
		e.ResponseBody, e.RequestBody = bytes.Clone(e.ResponseBody), bytes.Clone(e.RequestBody)
		if err := s.Exchange(&e); err != nil {
			t.Fatal(err)
		}
		clear(e.ResponseBody) // they are the caller's again
		clear(e.RequestBody)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packets(t testing.TB, file []byte) []capture.Packet {
	t.Helper()
	r, err := pcapfile.New(bytes.NewReader(file), "test.pcap")
	if err != nil {
		t.Fatal(err)
	}
	var out []capture.Packet
	for {
		var p capture.Packet
		if err := r.Next(&p); err == io.EOF {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		p.Data = bytes.Clone(p.Data)
		out = append(out, p)
	}
}

func TestPcapReadsBackAsTheExchanges(t *testing.T) {
	list := traffic(1, 1500)
	var calls []*event.Call
	p, err := parse.New(parse.Config{BodyBytes: 1 << 20}, func(c *event.Call) {
		calls = append(calls, c)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pk := range packets(t, written(t, "x.pcap", "", list)) {
		p.Packet(pk.LinkType, pk.Data, pk.WireLength, pk.TimeNS)
	}
	p.Close()
	if s := p.Stats(); s.NoRequest+s.NoResponse > 0 || s.Coverage.Lost+s.Coverage.Other+s.Coverage.Unread > 0 {
		t.Errorf("half calls or bytes that are no HTTP: %+v", s)
	}
	if len(calls) != len(list) {
		t.Fatalf("%d calls read, %d exchanges written", len(calls), len(list))
	}
	slices.SortStableFunc(calls, func(a, b *event.Call) int { return cmp.Compare(a.Time.UnixNano(), b.Time.UnixNano()) })
	for i, c := range calls {
		e := &list[i]
		got := fmt.Sprint(c.Time.UnixNano(), c.Duration.Nanoseconds(), c.Method, c.Status, c.Client, c.Host, c.RequestBytes)
		// The body of a HEAD answer is never sent.
		want := fmt.Sprint(e.AtNS, e.DurationNS, e.Method, e.Status, e.Caller, e.Host, len(e.RequestBody))
		if got != want {
			t.Fatalf("call %d is %s, want %s", i, got, want)
		}
		body := int64(len(e.ResponseBody))
		if e.Method == "HEAD" {
			body = 0
		}
		if c.ResponseBytes != body {
			t.Fatalf("call %d: %d bytes of body, want %d", i, c.ResponseBytes, body)
		}
		if c.Gap.Request+c.Gap.Response > 0 {
			t.Fatalf("call %d has a gap", i)
		}
	}
}

// What real stacks keep to: checksums, sequence numbers without a hole, no
// acknowledgement of what was not sent, no byte after the end, no port used
// twice at a time, and time that never goes back.
func TestPcapIsTCP(t *testing.T) {
	type direction struct {
		next  uint32
		known bool
		ended bool
		acked uint32
	}
	flows := map[string]*direction{}
	of := func(from, to string) *direction {
		d := flows[from+">"+to]
		if d == nil {
			d = &direction{}
			flows[from+">"+to] = d
		}
		return d
	}
	var last int64
	var syn, fin, v6, full int
	for i, p := range packets(t, written(t, "x.pcap", "", traffic(2, 800))) {
		if p.TimeNS < last {
			t.Fatalf("packet %d goes back in time", i)
		}
		last = p.TimeNS
		pk := gopacket.NewPacket(p.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
		tcp, ok := pk.Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok || pk.ErrorLayer() != nil {
			t.Fatalf("packet %d does not decode: %v", i, pk.ErrorLayer())
		}
		nl := pk.NetworkLayer()
		if !checksumHolds(nl, tcp) {
			t.Fatalf("packet %d: wrong TCP checksum", i)
		}
		if ip, ok := nl.(*layers.IPv4); ok {
			sum := uint32(0)
			for j := 0; j < 20; j += 2 {
				sum += uint32(binary.BigEndian.Uint16(ip.Contents[j:]))
			}
			if sum>>16+sum&0xffff != 0xffff {
				t.Fatalf("packet %d: wrong IPv4 checksum", i)
			}
		} else {
			v6++
		}
		if len(p.Data) > 1514 {
			t.Fatalf("packet %d has %d bytes", i, len(p.Data))
		}
		if len(p.Data) > 1400 {
			full++
		}
		src, dst := nl.NetworkFlow().Endpoints()
		from, to := fmt.Sprint(src, ":", tcp.SrcPort), fmt.Sprint(dst, ":", tcp.DstPort)
		d, o := of(from, to), of(to, from)
		if tcp.SYN {
			syn++
			if d.known && !d.ended {
				t.Fatalf("packet %d: port %s is in use", i, from)
			}
			*d = direction{known: true, next: tcp.Seq}
		}
		switch {
		case tcp.Seq != d.next:
			t.Fatalf("packet %d: sequence %d, want %d", i, tcp.Seq, d.next)
		case d.ended && (len(tcp.Payload) > 0 || tcp.FIN):
			t.Fatalf("packet %d: bytes after the end", i)
		case tcp.ACK && int32(tcp.Ack-o.next) > 0:
			t.Fatalf("packet %d acknowledges what was not sent", i)
		case tcp.ACK && !tcp.SYN && d.acked != 0 && int32(tcp.Ack-d.acked) < 0:
			t.Fatalf("packet %d takes an acknowledgement back", i)
		}
		if tcp.ACK {
			d.acked = tcp.Ack
		}
		d.next += uint32(len(tcp.Payload))
		if tcp.SYN || tcp.FIN {
			d.next++
		}
		if tcp.FIN {
			fin++
			d.ended = true
		}
	}
	if syn == 0 || fin != syn || v6 == 0 || full == 0 {
		t.Errorf("%d SYN, %d FIN, %d packets of IPv6, %d full segments: every connection begins and ends on both sides", syn, fin, v6, full)
	}
	for name, d := range flows {
		if !d.ended {
			t.Errorf("%s never ends", name)
		}
	}
}

func checksumHolds(nl gopacket.NetworkLayer, tcp *layers.TCP) bool {
	src, dst := nl.NetworkFlow().Endpoints()
	sum := uint32(len(tcp.Contents)+len(tcp.Payload)) + 6
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

func TestFilesAreDeterministic(t *testing.T) {
	for _, name := range []string{"a.pcap", "a.pcap.gz", "a.log", "a.log.gz", "a.json"} {
		a, b := written(t, name, "", traffic(3, 300)), written(t, name, "", traffic(3, 300))
		if !bytes.Equal(a, b) {
			t.Errorf("%s: two writings differ", name)
		}
		if bytes.Equal(a, written(t, name, "", traffic(4, 300))) {
			t.Errorf("%s: other exchanges give the same bytes", name)
		}
	}
	packed := written(t, "a.pcap.gz", "", traffic(3, 300))
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || !bytes.Equal(plain, written(t, "a.pcap", "", traffic(3, 300))) {
		t.Errorf("the packed file holds something else: %v", err)
	}
}

// Several behind one address choose the same port: a router gives them others.
func TestPortsOfOneAddress(t *testing.T) {
	list := traffic(5, 40)
	for i := range list {
		list[i].AtNS, list[i].Conn, list[i].Peer = epoch+int64(i), uint64(i+1), list[0].Peer
		list[i].DurationNS = 1e9
	}
	seen := map[uint16]bool{}
	for _, p := range packets(t, written(t, "a.pcap", "", list)) {
		pk := gopacket.NewPacket(p.Data, layers.LayerTypeEthernet, gopacket.DecodeOptions{NoCopy: true})
		if tcp := pk.Layer(layers.LayerTypeTCP).(*layers.TCP); tcp.SYN && !tcp.ACK {
			if seen[uint16(tcp.SrcPort)] {
				t.Fatalf("port %d twice", tcp.SrcPort)
			}
			seen[uint16(tcp.SrcPort)] = true
		}
	}
	if len(seen) != len(list) {
		t.Errorf("%d connections for %d exchanges", len(seen), len(list))
	}
}

func TestWrongInputIsSaid(t *testing.T) {
	list := traffic(6, 2)
	back, overlapping, homeless := list[1], list[0], list[1]
	back.AtNS = list[0].AtNS - 1
	overlapping.AtNS = list[0].AtNS + list[0].DurationNS/2
	homeless.Peer, homeless.Conn = simulate.Exchange{}.Peer, 99
	for _, c := range []struct {
		second simulate.Exchange
		want   string
	}{{back, "ordered"}, {overlapping, "overlaps"}, {homeless, "addresses"}} {
		p := wire.NewPcap(io.Discard)
		if err := p.Exchange(&list[0]); err != nil {
			t.Fatal(err)
		}
		if err := p.Exchange(&c.second); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want an error with %q", err, c.want)
		}
	}
	for name, style := range map[string]wire.Style{"a.txt": "", "a.pcap": wire.Combined, "a.log": "odd"} {
		if _, err := wire.New(name, style, io.Discard); err == nil {
			t.Errorf("%s with style %q was taken", name, style)
		}
	}
}

func BenchmarkPcap(b *testing.B) {
	list := traffic(7, 2000)
	b.ReportAllocs()
	for b.Loop() {
		p := wire.NewPcap(io.Discard)
		for i := range list {
			if err := p.Exchange(&list[i]); err != nil {
				b.Fatal(err)
			}
		}
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(list)), "ns/exchange")
}
