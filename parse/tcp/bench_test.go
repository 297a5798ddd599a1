//go:build unix

package tcp_test

import (
	"os"
	"syscall"
	"testing"

	"lapwing/parse/link"
	"lapwing/parse/tcp"
	"lapwing/parse/tcp/tcptest"
)

// sink reads nothing, so that the figure is of the packet path alone.
type sink struct{ bytes int64 }

func (s *sink) Data(_ bool, b []byte, _ tcp.Segment) { s.bytes += int64(len(b)) }
func (s *sink) Gap(bool, int64, int64)               {}
func (s *sink) End(bool, tcp.EndReason, int64)       {}

func benchmarkFrames(b *testing.B, frames []link.Frame) {
	size := int64(0)
	for _, f := range frames {
		size += int64(len(f.Data))
	}
	// One block, as in a ring or a file: scattered, the figure would be that of
	// fetching each packet from memory.
	block := make([]byte, 0, size)
	for i, f := range frames {
		block = append(block, f.Data...)
		frames[i].Data = block[len(block)-len(f.Data):]
	}
	b.ReportAllocs()
	b.SetBytes(size / int64(len(frames)))
	var out sink
	dec := link.New(link.Config{})
	asm, err := tcp.New(tcp.Config{Open: func(*tcp.Conn, int64) tcp.Stream { return &out }})
	if err != nil {
		b.Fatal(err)
	}
	var want uint64
	b.ResetTimer()
	start := cpuNS(b)
	for i, n := 0, 0; i < b.N; i++ {
		if p, ok := dec.Decode(frames[n]); ok {
			asm.Packet(p, frames[n].AtNS)
		}
		if n++; n == len(frames) {
			n = 0
			asm.Close()
			// Another round over the same packets must find the same streams.
			if want == 0 {
				want = asm.Stats().Delivered
			}
			if asm.Stats().Delivered%want != 0 {
				b.Fatal("rounds differ")
			}
		}
	}
	// On a shared machine only this figure means something.
	b.ReportMetric(float64(cpuNS(b)-start)/float64(b.N), "cpu-ns/op")
}

// cpuNS is the processor time used by this process.
func cpuNS(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkInOrder is the usual case: keep-alive connections, a request and an
// answer of three segments, everything in order and acknowledged.
func BenchmarkInOrder(b *testing.B) {
	var frames []link.Frame
	const conns = 1000
	at := int64(1e18)
	add := func(s tcptest.Seg) {
		at += 1000
		frames = append(frames, link.Frame{LinkType: link.TypeEthernet, Data: tcptest.Ethernet(s.IP()), AtNS: at})
	}
	var c, s [conns]uint32
	for i := range conns {
		add(tcptest.Seg{Client: i, FromClient: true, Seq: 99, SYN: true, NoAck: true})
		add(tcptest.Seg{Client: i, Seq: 499, Ack: 100, SYN: true})
		c[i], s[i] = 100, 500
	}
	body := make([]byte, 1448)
	for range 4 {
		for i := range conns {
			add(tcptest.Seg{Client: i, FromClient: true, Seq: c[i], Ack: s[i], Data: body[:300]})
			c[i] += 300
			for range 3 {
				add(tcptest.Seg{Client: i, Seq: s[i], Ack: c[i], Data: body})
				s[i] += 1448
			}
			add(tcptest.Seg{Client: i, FromClient: true, Seq: c[i], Ack: s[i]})
		}
	}
	benchmarkFrames(b, frames)
}

// BenchmarkCapture reads the capture file LAPWING_BENCH_PCAP names.
func BenchmarkCapture(b *testing.B) {
	path := os.Getenv("LAPWING_BENCH_PCAP")
	if path == "" {
		b.Skip("LAPWING_BENCH_PCAP names no capture")
	}
	frames, err := tcptest.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	benchmarkFrames(b, frames)
}
