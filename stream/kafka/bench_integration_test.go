package kafka

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"lapwing/stream/spool"
)

// The benchmarks set what this package adds beside kafka-go itself, on the same
// bytes: records of 200 KB, as a thousand calls make, half of which repeats.
// They need a broker (KAFKA_BROKERS).
const (
	benchRecord  = 200_000 // bytes
	benchRecords = 100     // in one go
)

func benchClient(b *testing.B, partitions int) *Client {
	b.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		b.Skip("KAFKA_BROKERS is not set")
	}
	c, err := Open(b.Context(), Config{Brokers: strings.Split(brokers, ","), Partitions: partitions, Prefix: fmt.Sprintf("bench-%016x", rand.Uint64())})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Ensure(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		var names []string
		for _, s := range c.topicSpecs() {
			names = append(names, s.name)
		}
		c.api.DeleteTopics(context.Background(), &kafkago.DeleteTopicsRequest{Topics: names})
		c.Close()
	})
	return c
}

func benchPayloads() [][]byte {
	rng := rand.New(rand.NewPCG(1, 1))
	out := make([][]byte, benchRecords)
	for i := range out {
		out[i] = make([]byte, benchRecord)
		for j := range out[i] {
			if j%64 < 32 {
				out[i][j] = byte(rng.Uint32())
			}
		}
	}
	return out
}

func benchReport(b *testing.B, start time.Duration, records int) {
	mb := float64(records) * benchRecord / 1e6
	b.ReportMetric(mb/b.Elapsed().Seconds(), "MB/s")
	b.ReportMetric(mb/(cpu()-start).Seconds(), "MB/cpu-s")
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkProduce(b *testing.B) {
	payloads := benchPayloads()
	b.Run("sender", func(b *testing.B) {
		c := benchClient(b, 4)
		sender := c.Sender()
		b.ReportAllocs()
		start := cpu()
		for b.Loop() {
			for i := 0; i < benchRecords; i += 4 {
				var recs []spool.Packed
				for p := range 4 {
					recs = append(recs, spool.Packed{Partition: p, Value: payloads[i+p]})
				}
				if err := sender.Send(b.Context(), recs); err != nil {
					b.Fatal(err)
				}
			}
		}
		benchReport(b, start, b.N*benchRecords)
	})
	b.Run("raw", func(b *testing.B) {
		c := benchClient(b, 4)
		w := &kafkago.Writer{Addr: c.api.Addr, Topic: c.Topics().Calls, Balancer: &kafkago.RoundRobin{}, BatchSize: 1,
			RequiredAcks: kafkago.RequireAll, Compression: kafkago.Zstd, BatchBytes: 1 << 20}
		defer w.Close()
		b.ReportAllocs()
		start := cpu()
		for b.Loop() {
			for i := 0; i < benchRecords; i += 4 {
				var msgs []kafkago.Message
				for p := range 4 {
					msgs = append(msgs, kafkago.Message{Value: payloads[i+p]})
				}
				if err := w.WriteMessages(b.Context(), msgs...); err != nil {
					b.Fatal(err)
				}
			}
		}
		benchReport(b, start, b.N*benchRecords)
	})
}

func BenchmarkConsume(b *testing.B) {
	c := benchClient(b, 1)
	topic := c.Topics().Calls
	var msgs []OutMessage
	for _, p := range benchPayloads() {
		msgs = append(msgs, OutMessage{Value: p})
	}
	if err := c.Produce(b.Context(), topic, msgs...); err != nil {
		b.Fatal(err)
	}
	b.Run("claim", func(b *testing.B) {
		b.ReportAllocs()
		start := cpu()
		for b.Loop() {
			cl := newClaim(c, "g", topic, 0, 0)
			for n := 0; n < benchRecords; {
				got, err := cl.Fetch(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				n += len(got)
			}
		}
		benchReport(b, start, b.N*benchRecords)
	})
	b.Run("raw", func(b *testing.B) {
		b.ReportAllocs()
		start := cpu()
		for b.Loop() {
			r := kafkago.NewReader(kafkago.ReaderConfig{Brokers: c.cfg.Brokers, Topic: topic, Partition: 0, MaxBytes: 4 << 20, MinBytes: 1})
			for range benchRecords {
				if _, err := r.ReadMessage(b.Context()); err != nil && err != io.EOF {
					b.Fatal(err)
				}
			}
			r.Close()
		}
		benchReport(b, start, b.N*benchRecords)
	})
}
