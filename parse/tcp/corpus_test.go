package tcp_test

import (
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lapwing/parse/link"
	"lapwing/parse/tcp"
	"lapwing/parse/tcp/tcptest"
)

// concat keeps all bytes of a connection, as PcapPlusPlus prints them.
type concat struct{ out *[]byte }

func (c concat) Data(_ bool, b []byte, _ tcp.Segment) { *c.out = append(*c.out, b...) }
func (c concat) Gap(bool, int64, int64)               {}
func (c concat) End(bool, tcp.EndReason, int64)       {}

func readCapture(t *testing.T, path string) (streams []*[]byte, st tcp.Stats, ls link.Stats) {
	t.Helper()
	frames, _ := tcptest.ReadFile(path) // some captures end within a packet
	dec := link.New(link.Config{})
	asm, err := tcp.New(tcp.Config{Open: func(*tcp.Conn, int64) tcp.Stream {
		out := new([]byte)
		streams = append(streams, out)
		return concat{out}
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if p, ok := dec.Decode(f); ok {
			asm.Packet(p, f.AtNS)
		}
	}
	asm.Close()
	return streams, asm.Stats(), dec.Stats()
}

func corpus(t *testing.T) string {
	root := os.Getenv("LAPWING_CORPUS")
	if root == "" {
		t.Skip("LAPWING_CORPUS names no directory of captures")
	}
	return root
}

// Streams equal what PcapPlusPlus's own tests expect of these captures.
func TestCorpusStreams(t *testing.T) {
	dir := filepath.Join(corpus(t), "pcap", "seladb+PcapPlusPlus")
	for _, test := range []struct{ capture, expected string }{
		{"one_tcp_stream", "one_tcp_stream.pcap/expected/one_tcp_stream_output.txt"},
		{"one_http_stream_rst", "one_http_stream_rst.pcap/expected/one_http_stream_rst_output.txt"},
		{"one_http_stream_fin2", "one_http_stream_fin2.pcap/expected/one_http_stream_fin2_output.txt"},
		{"one_ipv6_http_stream", "one_ipv6_http_stream.pcap/expected/one_ipv6_http_stream.txt"},
		{"four_ipv6_http_streams", "one_ipv6_http_stream.pcap/expected/one_ipv6_http_stream2.txt"},
		{"four_ipv6_http_streams", "one_ipv6_http_stream.pcap/expected/one_ipv6_http_stream3.txt"},
		{"four_ipv6_http_streams", "one_ipv6_http_stream.pcap/expected/one_ipv6_http_stream4.txt"},
	} {
		want, err := os.ReadFile(filepath.Join(dir, test.expected))
		if err != nil {
			t.Fatal(err)
		}
		streams, _, _ := readCapture(t, filepath.Join(dir, test.capture+".pcap", test.capture+".pcap"))
		found := false
		for _, s := range streams {
			found = found || string(*s) == string(want)
		}
		if !found {
			t.Errorf("%s: no stream equals %s", test.capture, filepath.Base(test.expected))
		}
	}
}

// A datagram in fragments equals what PcapPlusPlus puts together: in hex, with
// the Ethernet, IP and TCP headers.
func TestCorpusFragments(t *testing.T) {
	dir := filepath.Join(corpus(t), "pcap", "seladb+PcapPlusPlus", "frag_http_req.pcap")
	text, err := os.ReadFile(filepath.Join(dir, "expected", "frag_http_req_reassembled.txt"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	streams, _, _ := readCapture(t, filepath.Join(dir, "frag_http_req.pcap"))
	if len(streams) != 1 || string(*streams[0]) != string(want[54:]) {
		t.Errorf("%d streams, or other bytes", len(streams))
	}
}

// Every capture is read to its end with every frame and byte accounted for.
func TestCorpusIsConserved(t *testing.T) {
	files := 0
	err := filepath.WalkDir(filepath.Join(corpus(t), "pcap"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(d.Name(), ".pcap") {
			return err
		}
		_, st, ls := readCapture(t, path)
		files++
		if !st.Conserved() || st.Buffered != 0 || st.Flows != 0 {
			t.Errorf("%s: %+v", path, st)
		}
		sum := ls.Packets
		for _, r := range link.AllReasons() {
			sum += ls.Reasons[r]
		}
		if sum != ls.Frames || ls.Packets != st.Packets {
			t.Errorf("%s: %+v", path, ls)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files read: %v", files, err)
	}
}
