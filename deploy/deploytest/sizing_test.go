package deploytest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/internal/sample"
	"lapwing/parse"
	"lapwing/parse/accesslog"
	"lapwing/parse/exchange"
	"lapwing/parse/pseudonym"
	"lapwing/stream/wire"
)

// The unit costs that docs/scaling.md plans with:
//
//	go test -run '^$' -bench Sizing -benchtime 3x ./deploy/deploytest
//
// Times are processor time of the process, collection included: other work on
// the machine changes them less than it changes the clock's.

// processorSeconds is what this process has used so far.
func processorSeconds(tb testing.TB) float64 {
	tb.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// packetCalls are the calls of the bundled recording: JSON bodies, tokens.
func packetCalls(tb testing.TB) []*event.Call {
	tb.Helper()
	r, err := sample.Make(sample.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	var calls []*event.Call
	p, err := parse.New(parse.Config{Sensor: "edge-1"}, func(c *event.Call) { calls = append(calls, c) })
	if err != nil {
		tb.Fatal(err)
	}
	for _, packet := range r.Packets {
		p.Packet(1, packet.Data, len(packet.Data), packet.Time.UnixNano())
	}
	p.Close()
	return calls
}

// A gateway writes the log of a shop: clients walk lists and items at the rate
// of people, each with an address and an agent of its own.
type gateway struct {
	rng     *rand.Rand
	builder *exchange.Builder
	format  accesslog.Format
	now     time.Time
	offset  int64
	line    []byte
}

func newGateway(tb testing.TB) *gateway {
	tb.Helper()
	b, err := exchange.NewBuilder(exchange.Config{Sensor: "edge-1", Keyring: pseudonym.Offline()})
	if err != nil {
		tb.Fatal(err)
	}
	f, err := accesslog.Compile("combined")
	if err != nil {
		tb.Fatal(err)
	}
	return &gateway{rng: rand.New(rand.NewPCG(1, 2)), builder: b, format: f, now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}
}

// call is one call of a client, wait after the one before it.
func (g *gateway) call(tb testing.TB, client int, wait time.Duration) *event.Call {
	g.now = g.now.Add(wait)
	path, status := "/v1/products?page=1", 200
	switch n := g.rng.IntN(20); {
	case n < 10:
		path = fmt.Sprintf("/v1/products/%d", 1000+g.rng.IntN(20000))
	case n < 13:
		path = fmt.Sprintf("/v1/orders/%d", client*8+g.rng.IntN(3))
	case n == 13:
		path, status = "/v1/cart", 204
	case n == 14:
		path, status = "/v1/search?q=lamp", 404
	}
	address := netip.AddrFrom4([4]byte{10, byte(client >> 16), byte(client >> 8), byte(client)})
	g.line = fmt.Appendf(g.line[:0], `%s - - [%s] "GET %s HTTP/1.1" %d %d "-" "Shop/4.%d (phone; build %d)"`,
		address, g.now.Format("02/Jan/2006:15:04:05 -0700"), path, status, 300+g.rng.IntN(4000), client%7, client%50)
	var raw exchange.Raw
	if err := g.format.Parse(g.line, &raw); err != nil {
		tb.Fatal(err)
	}
	accesslog.Seed(&raw, 1, g.offset)
	g.offset += int64(len(g.line)) + 1
	return g.builder.Call(&raw)
}

func (g *gateway) calls(tb testing.TB, n, clients int) []*event.Call {
	out := make([]*event.Call, n)
	for i := range out {
		out[i] = g.call(tb, g.rng.IntN(clients), time.Second/1000)
	}
	return out
}

// Bytes and time of a call in the wire form, packed and compressed as records
// of 500 calls.
func BenchmarkSizingWire(b *testing.B) {
	const perRecord = 500
	for name, calls := range map[string][]*event.Call{"packets": packetCalls(b), "logs": newGateway(b).calls(b, 20_000, 5_000)} {
		var records [][]byte
		plain, packed := 0, 0
		fast, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		var recs []*wire.Record
		for i := 0; i+perRecord <= len(calls); i += perRecord {
			recs = append(recs, &wire.Record{Sensor: "edge-1", Boot: 1, First: uint64(i + 1), Calls: calls[i : i+perRecord]})
			records = append(records, recs[len(recs)-1].Append(nil))
			plain += len(records[len(records)-1])
			packed += len(fast.EncodeAll(records[len(records)-1], nil))
		}
		n := float64(len(records) * perRecord)
		per := func(b *testing.B, began float64) {
			b.ReportMetric((processorSeconds(b)-began)*1e9/float64(b.N)/n, "cpu-ns/call")
			b.ReportMetric(float64(plain)/n, "wireB/call")
			b.ReportMetric(float64(packed)/n, "zstdB/call")
		}
		b.Run(name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			buf := make([]byte, 0, 1<<20)
			began := processorSeconds(b)
			for b.Loop() {
				for _, r := range recs {
					buf = r.Append(buf[:0])
				}
			}
			per(b, began)
		})
		b.Run(name+"/zstd", func(b *testing.B) {
			buf := make([]byte, 0, 1<<20)
			began := processorSeconds(b)
			for b.Loop() {
				for _, r := range records {
					buf = fast.EncodeAll(r, buf[:0])
				}
			}
			per(b, began)
		})
		b.Run(name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			began := processorSeconds(b)
			for b.Loop() {
				for _, r := range records {
					if _, err := wire.Decode(bytes.Clone(r)); err != nil {
						b.Fatal(err)
					}
				}
			}
			per(b, began)
		})
	}
}

// liveBytes is what is reachable now.
func liveBytes() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// What detection remembers of a number of clients, twenty calls each within an
// hour, and what a call costs meanwhile.
func BenchmarkSizingDetection(b *testing.B) {
	const each = 20
	for _, clients := range []int{1_000, 10_000, 50_000, 100_000, 200_000} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			var bytesPerClient, seconds float64
			for b.Loop() {
				g := newGateway(b)
				before := liveBytes()
				d, err := standard.New(standard.Config{Sensor: "edge-1", Seed: 1}, func(event.Alert) {})
				if err != nil {
					b.Fatal(err)
				}
				wait := time.Hour / time.Duration(clients*each)
				const chunk = 10_000
				for done := 0; done < clients*each; done += chunk {
					calls := make([]*event.Call, 0, chunk)
					for range chunk {
						calls = append(calls, g.call(b, g.rng.IntN(clients), wait))
					}
					began := processorSeconds(b)
					for i, c := range calls {
						d.Observe(c)
						if i%500 == 0 {
							d.Advance(c.End().UnixNano() - 5e9)
						}
					}
					seconds += processorSeconds(b) - began
				}
				d.Advance(g.now.UnixNano())
				bytesPerClient += (liveBytes() - before) / float64(clients)
				runtime.KeepAlive(d)
			}
			b.ReportMetric(bytesPerClient/float64(b.N), "B/client")
			b.ReportMetric(bytesPerClient/float64(b.N)*float64(clients)/1e6, "MB")
			b.ReportMetric(seconds*1e9/float64(b.N)/float64(clients*each), "cpu-ns/call")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// What a call takes that waits in a detector until its time has come: decoded
// from records as they come out of the log.
func BenchmarkSizingPending(b *testing.B) {
	for name, calls := range map[string][]*event.Call{"packets": packetCalls(b), "logs": newGateway(b).calls(b, 50_000, 5_000)} {
		b.Run(name, func(b *testing.B) {
			var total float64
			for b.Loop() {
				before := liveBytes()
				var waiting []*event.Call
				for i := 0; i < len(calls); i += 500 {
					r, err := wire.Decode((&wire.Record{Sensor: "edge-1", Boot: 1, First: uint64(i + 1), Calls: calls[i:min(i+500, len(calls))]}).Append(nil))
					if err != nil {
						b.Fatal(err)
					}
					waiting = append(waiting, r.Calls...)
				}
				total += (liveBytes() - before) / float64(len(waiting))
				runtime.KeepAlive(waiting)
			}
			b.ReportMetric(total/float64(b.N), "B/call")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// How the bytes of a call depend on how many calls share a record: few, when
// many partitions share few calls.
func BenchmarkSizingRecord(b *testing.B) {
	fast, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	for name, calls := range map[string][]*event.Call{"packets": packetCalls(b), "logs": newGateway(b).calls(b, 20_000, 5_000)} {
		for _, perRecord := range []int{1, 5, 20, 100, 500, 2000} {
			b.Run(fmt.Sprintf("%s/calls=%d", name, perRecord), func(b *testing.B) {
				var plain, packed, n int
				for b.Loop() {
					plain, packed, n = 0, 0, 0
					for i := 0; i+perRecord <= len(calls); i += perRecord {
						record := (&wire.Record{Sensor: "edge-1", Boot: 1, First: uint64(i + 1), Calls: calls[i : i+perRecord]}).Append(nil)
						plain += len(record)
						packed += len(fast.EncodeAll(record, nil))
						n += perRecord
					}
				}
				b.ReportMetric(float64(plain)/float64(n), "wireB/call")
				b.ReportMetric(float64(packed)/float64(n), "zstdB/call")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}
