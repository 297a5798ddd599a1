package parse

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"strings"
	"syscall"
	"testing"

	"lapwing/event"
)

// capture maps a classic little-endian pcap file and calls f for every packet.
func capture(tb testing.TB, path string) (packets func(f func(linkType uint32, data []byte, wire int, atNS int64)), size int64) {
	tb.Helper()
	file, err := os.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		tb.Fatal(err)
	}
	b, err := syscall.Mmap(int(file.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { syscall.Munmap(b) })
	unit := int64(1000)
	if binary.LittleEndian.Uint32(b) == 0xa1b23c4d {
		unit = 1
	}
	linkType := binary.LittleEndian.Uint32(b[20:])
	return func(f func(uint32, []byte, int, int64)) {
		for at := 24; at+16 <= len(b); {
			n := int(binary.LittleEndian.Uint32(b[at+8:]))
			ns := int64(binary.LittleEndian.Uint32(b[at:]))*1e9 + int64(binary.LittleEndian.Uint32(b[at+4:]))*unit
			f(linkType, b[at+16:at+16+n], int(binary.LittleEndian.Uint32(b[at+12:])), ns)
			at += 16 + n
		}
	}, info.Size()
}

// BenchmarkCapture reads the generated capture that LAPWING_BENCH_PCAP names
// and checks the counts against the .truth.json beside it.
func BenchmarkCapture(b *testing.B) {
	path := os.Getenv("LAPWING_BENCH_PCAP")
	if path == "" {
		b.Skip("LAPWING_BENCH_PCAP is not set")
	}
	packets, size := capture(b, path)
	var truth map[string]any
	if t, err := os.ReadFile(path + ".truth.json"); err == nil {
		if err := json.Unmarshal(t, &truth); err != nil {
			b.Fatal(err)
		}
	}
	for _, c := range []struct {
		name string
		cfg  Config
	}{{"whole", Config{}}, {"without-bodies", Config{BodyBytes: -1}}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			total, before := int64(0), cpuNS(b)
			for b.Loop() {
				var calls, requestBytes, responseBytes int64
				p, err := New(c.cfg, func(c *event.Call) { calls++; requestBytes += c.RequestBytes; responseBytes += c.ResponseBytes })
				if err != nil {
					b.Fatal(err)
				}
				packets(p.Packet)
				p.Close()
				s := p.Stats()
				checkStats(b, s, int(calls))
				for key, got := range map[string]int64{"requests": calls, "responses": int64(s.Paired), "request_body_bytes": requestBytes, "response_body_bytes": responseBytes} {
					if want, ok := truth[key].(float64); ok && got != int64(want) {
						b.Fatalf("%s: %d, want %.0f", key, got, want)
					}
				}
				total += calls
			}
			b.ReportMetric(float64(cpuNS(b)-before)/float64(max(total, 1)), "cpu-ns/call")
		})
	}
}

// cpuNS is the processor time of this process: what other processes take on
// the same machine does not count.
func cpuNS(tb testing.TB) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkConversation(b *testing.B) {
	k := newTalk().open()
	for range 100 {
		k.c(get("/api/v1/users/42")).s(reply(200, strings.Repeat(`{"id":1},`, 60)))
	}
	k.end()
	var bytes int64
	for _, f := range k.frames {
		bytes += int64(len(f.data))
	}
	p, err := New(Config{}, func(*event.Call) {})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(bytes)
	b.ReportAllocs()
	at, total, before := int64(0), int64(0), cpuNS(b)
	for b.Loop() {
		total += 100
		for _, f := range k.frames {
			p.Packet(linkRaw, f.data, len(f.data), f.atNS+at)
		}
		at += 1e12 // past every timeout: the next round is a new connection
	}
	b.ReportMetric(float64(cpuNS(b)-before)/float64(total), "cpu-ns/call")
}
