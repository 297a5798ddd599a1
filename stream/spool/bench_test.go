package spool

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/stream"
)

// traffic is calls as a shop's API has them: a few hosts, routes and agents,
// many clients and objects.
func traffic(n int) []*event.Call {
	calls := make([]*event.Call, n)
	for i := range calls {
		x := uint64(i+1) * 0x9e3779b97f4a7c15
		client := netip.AddrFrom4([4]byte{198, 51, byte(x >> 40), byte(x >> 48)})
		c := &event.Call{
			ID: event.MakeID(x, x*31), Time: time.Unix(1_700_000_000, int64(i)*200_000).UTC(), Duration: time.Duration(x>>44) * time.Microsecond,
			Sensor: "edge", Client: client, ClientPort: uint16(x), Peer: netip.AddrPortFrom(client, uint16(x)), Server: netip.AddrFrom4([4]byte{10, 0, 0, 7}), ServerPort: 8080,
			Scheme: "http", Protocol: "http/1.1", Method: "GET", Host: "api.shop.example", Path: fmt.Sprint("/v1/orders/", x>>40), PathShape: "/v1/orders/{int}",
			Status: 200, ResponseBytes: int64(x >> 52), UserAgent: fmt.Sprint("shop-app/", x>>60, " (Android 14)"),
			Actor: event.Actor{Kind: event.KindToken, Value: fmt.Sprintf("tok-%012x", x>>48)}, Token: fmt.Sprintf("tok-%012x", x>>48), Auth: event.AuthBearer,
			Fingerprint: fmt.Sprintf("%016x", x>>60*0x1234567), Shape: event.Shape{Response: event.BodyShape{Type: "json", Keys: []string{"id:int", "items[].sku:string", "total:number"}, Hash: 7}},
		}
		for k := range 4 {
			c.IDs = append(c.IDs, event.IDRef{Response: k > 0, In: event.InBody, Name: []string{"id", "items[].sku", "customer_id", "address_id"}[k], Class: event.ClassInt, Hash: x * uint64(k+3), Int: int64(x >> 40)})
		}
		calls[i] = c
	}
	return calls
}

// From Publish to the log, the disk waited for.
func BenchmarkPublish(b *testing.B) {
	calls := traffic(1 << 14)
	s, err := Open(Config{Dir: b.TempDir(), Sensor: "edge", Partitions: 16, MaxBytes: 8 << 30}, discard{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	b.ReportAllocs()
	n := 0
	used := processor(b)
	for b.Loop() {
		from := n % len(calls)
		batch := stream.Batch{Calls: calls[from : from+512]}
		if err := s.Publish(ctx, batch, func(error) {}); err != nil {
			b.Fatal(err)
		}
		n += 512
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(processor(b)-used)/float64(n), "cpu-ns/call")
	cancel()
	<-ran
	if err := s.Release(); err != nil {
		b.Fatal(err)
	}
}

// From the log to the sender, and what a call takes on disk.
func BenchmarkDrain(b *testing.B) {
	calls := traffic(1 << 14)
	dir := b.TempDir()
	s, err := Open(Config{Dir: dir, Sensor: "edge", Partitions: 16, Sync: SyncNone}, discard{})
	if err != nil {
		b.Fatal(err)
	}
	total := 0
	for range 16 {
		for from := 0; from < len(calls); from += 512 {
			if err := s.Publish(b.Context(), stream.Batch{Calls: calls[from : from+512]}, func(error) {}); err != nil {
				b.Fatal(err)
			}
			total += 512
		}
	}
	if err := s.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
	bytes := s.Stats().Bytes
	if err := s.Release(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(bytes)
	used := processor(b)
	for b.Loop() {
		b.StopTimer()
		r, err := newBenchReader(dir)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		n := 0
		for p := (place{}); ; {
			f, next, ok := r.next(p)
			if !ok {
				break
			}
			p, n = next, n+int(f.calls)
		}
		b.StopTimer()
		if n != total {
			b.Fatalf("%d calls of %d", n, total)
		}
		if err := r.j.close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(bytes)/float64(total), "B/call")
	b.ReportMetric(float64(b.N*total)/b.Elapsed().Seconds(), "calls/s")
	b.ReportMetric(float64(processor(b)-used)/float64(b.N*total), "cpu-ns/call")
}

// processor is the processor time that this process has used: on a busy
// machine it says more than the clock.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func newBenchReader(dir string) (*reader, error) {
	j, err := openJournal(OS{}, dir, 1<<20, 1<<30)
	if err != nil {
		return nil, err
	}
	return newReader(j)
}
