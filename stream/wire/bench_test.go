package wire

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"lapwing/event"
)

// traffic makes calls as a shop's API has them: few endpoints, some thousand
// users, lists that name twenty objects. The seed is fixed.
func traffic(n int) []*event.Call {
	rng := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	keys := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("data[].field_%02d:string", i))
		}
		return out
	}
	shapes := [][]string{keys(12), keys(5), keys(24), keys(3)}
	agents := []string{"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1", "okhttp/4.12.0", "python-requests/2.32.3"}
	var out []*event.Call
	for i := range n {
		user := rng.IntN(400)
		endpoint := rng.IntN(4)
		order := rng.IntN(100_000)
		c := &event.Call{
			ID: event.MakeID(rng.Uint64(), rng.Uint64()), Time: start.Add(time.Duration(i) * 3 * time.Millisecond), Duration: time.Duration(rng.IntN(80_000)) * time.Microsecond,
			Sensor: "edge-1", Client: netip.AddrFrom4([4]byte{203, 0, byte(user >> 8), byte(user)}), ClientPort: uint16(40000 + rng.IntN(20000)),
			Server: netip.MustParseAddr("10.0.0.5"), ServerPort: 8080, Scheme: "http", Protocol: "http/1.1", Host: "api.shop.example",
			Status: 200, ResponseBytes: int64(rng.IntN(9000)), UserAgent: agents[user%len(agents)],
			Actor: event.Actor{Kind: event.KindUser, Value: fmt.Sprintf("nm-%032x", user)}, User: fmt.Sprintf("nm-%032x", user), Token: fmt.Sprintf("tok-%012x", user*7),
			Auth: event.AuthJWT, Fingerprint: fmt.Sprintf("%016x", user%50),
		}
		c.Peer = netip.AddrPortFrom(c.Client, c.ClientPort)
		c.Shape.Response = event.BodyShape{Type: "json", Keys: shapes[endpoint], Hash: uint64(endpoint) + 1, Items: rng.IntN(20)}
		switch endpoint {
		case 0:
			c.Method, c.Path, c.PathShape, c.Query = "GET", "/v1/products", "/v1/products", fmt.Sprintf("page=%d&size=20", rng.IntN(50))
			for range 10 {
				c.IDs = append(c.IDs, event.IDRef{Response: true, In: event.InBody, Name: "data[].id", Class: event.ClassInt, Hash: rng.Uint64(), Int: rng.Int64N(1 << 20)})
			}
		case 1:
			c.Method, c.Path, c.PathShape = "GET", fmt.Sprintf("/v1/orders/%d", order), "/v1/orders/{int}"
			c.IDs = []event.IDRef{{In: event.InPath, Name: "3", Class: event.ClassInt, Hash: rng.Uint64(), Int: int64(order)},
				{Response: true, In: event.InBody, Name: "id", Class: event.ClassInt, Hash: rng.Uint64(), Int: int64(order)}}
			c.Sensitive.Response = []string{"email", "phone"}
		case 2:
			c.Method, c.Path, c.PathShape, c.RequestBytes = "POST", "/v1/cart", "/v1/cart", 120
			c.Shape.Request = event.BodyShape{Type: "json", Keys: shapes[3], Hash: 9}
			c.IDs = []event.IDRef{{In: event.InBody, Name: "product_id", Class: event.ClassInt, Hash: rng.Uint64(), Int: 77}}
		default:
			c.Method, c.Path, c.PathShape = "GET", "/v1/me", "/v1/me"
			c.Sensitive.Response = []string{"email"}
		}
		out = append(out, c)
	}
	return out
}

const benchCalls = 1000

func BenchmarkEncode(b *testing.B) {
	calls := traffic(benchCalls)
	var e Encoder
	var buf []byte
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		e.Reset("edge-1")
		for _, c := range calls {
			e.Add(c)
		}
		buf = e.AppendTo(buf[:0], 1, 1, nil, nil)
	}
	perCall(b, start, len(buf))
}

func BenchmarkDecode(b *testing.B) {
	buf := (&Record{Sensor: "edge-1", First: 1, Calls: traffic(benchCalls)}).Append(nil)
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		if _, err := Decode(buf); err != nil {
			b.Fatal(err)
		}
	}
	perCall(b, start, len(buf))
}

// The same calls as lines of JSON.
func BenchmarkEncodeJSON(b *testing.B) {
	calls := traffic(benchCalls)
	var buf []byte
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		buf = buf[:0]
		for _, c := range calls {
			buf = append(c.AppendJSON(buf), '\n')
		}
	}
	perCall(b, start, len(buf))
}

// The form without a dictionary: every call begins one of its own.
func BenchmarkEncodeWithoutDictionary(b *testing.B) {
	calls := traffic(benchCalls)
	var e Encoder
	var buf []byte
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		buf = buf[:0]
		for _, c := range calls {
			e.Reset("edge-1")
			e.Add(c)
			buf = e.AppendTo(buf, 1, 1, nil, nil)
		}
	}
	perCall(b, start, len(buf))
}

// Compression of either, as the sender does it: fastest zstd.
func BenchmarkZstd(b *testing.B) {
	calls := traffic(benchCalls)
	var js, apart []byte
	var e Encoder
	for _, c := range calls {
		js = append(c.AppendJSON(js), '\n')
		e.Reset("edge-1")
		e.Add(c)
		apart = e.AppendTo(apart, 1, 1, nil, nil)
	}
	packed := (&Record{Sensor: "edge-1", Calls: calls}).Append(nil)
	for name, in := range map[string][]byte{"record": packed, "without-dictionary": apart, "json": js} {
		for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault} {
			b.Run(fmt.Sprintf("%s/%s", name, level), func(b *testing.B) {
				w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(level), zstd.WithEncoderConcurrency(1))
				if err != nil {
					b.Fatal(err)
				}
				var out []byte
				start := cpu()
				for b.Loop() {
					out = w.EncodeAll(in, out[:0])
				}
				perCall(b, start, len(out))
			})
		}
	}
}

func BenchmarkSlotOf(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		SlotOf(event.KindUser, "nm-0123456789abcdef0123456789abcdef")
	}
}

// perCall reports processor time beside wall time, which on a shared machine is
// what can be compared. start is when the loop began.
func perCall(b *testing.B, start time.Duration, bytes int) {
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N)/benchCalls, "cpu-ns/call")
	b.ReportMetric(float64(bytes)/benchCalls, "B/call")
}

// cpu is how long the process has run, user and system.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkDecodeJSON(b *testing.B) {
	var lines [][]byte
	for _, c := range traffic(benchCalls) {
		lines = append(lines, c.AppendJSON(nil))
	}
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		for _, l := range lines {
			if err := json.Unmarshal(l, new(event.Call)); err != nil {
				b.Fatal(err)
			}
		}
	}
	perCall(b, start, 0)
}
