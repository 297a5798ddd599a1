package chaos

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	kafkago "github.com/segmentio/kafka-go"
	"golang.org/x/sys/unix"

	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/internal/sample"
	"lapwing/store/archive"
	"lapwing/store/clickhouse"
	"lapwing/stream"
	"lapwing/stream/kafka"
	"lapwing/stream/spool"
)

var throughput = flag.Bool("throughput", false, "measure calls a second through Kafka into ClickHouse")

// load is how many calls pass in a measurement.
const load = 400_000

// spent is the processor time of this process: the client's side of everything,
// since the servers are other processes.
func spent() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A measure is what one stage cost.
type measure struct {
	name      string
	wall, cpu time.Duration
}

func (m measure) String() string {
	return fmt.Sprintf("%-58s %8.0f calls/s  %9.0f calls/s a core  %6.2f µs of CPU a call", m.name,
		load/m.wall.Seconds(), load/m.cpu.Seconds(), float64(m.cpu.Microseconds())/load)
}

func measured(name string, f func()) measure {
	cpu, wall := spent(), time.Now()
	f()
	return measure{name, time.Since(wall), spent() - cpu}
}

// manyCalls are the sample's calls, again and again a day later each time, with
// ids of their own.
func manyCalls(t testing.TB) []*event.Call {
	t.Helper()
	bin := itest.Build(t, built)
	out := itest.Run(t, bin.Lapwing, nil, "calls", "-o", "json", filepath.Join(itest.Root(t), "examples", "shop.pcap.gz"))
	var day []*event.Call
	for line := range bytes.Lines(out) {
		c := new(event.Call)
		if err := json.Unmarshal(line, c); err != nil {
			t.Fatal(err)
		}
		day = append(day, c)
	}
	calls := make([]*event.Call, 0, load)
	for n := 0; len(calls) < load; n++ {
		for _, c := range day[:min(len(day), load-len(calls))] {
			again := *c
			again.Time = sample.Start.Add(time.Duration(n%20)*time.Hour + c.Time.Sub(sample.Start))
			binary.BigEndian.PutUint64(again.ID[:], binary.BigEndian.Uint64(c.ID[:])+uint64(n))
			calls = append(calls, &again)
		}
	}
	return calls
}

// What sensors, Kafka, archivers and ClickHouse let through together, beside
// what the bare clients do with the very same bytes and rows.
func TestPipelineThroughput(t *testing.T) {
	if !*throughput {
		t.Skip("a measurement: make bench-pipeline")
	}
	brokers, dsn := itest.Brokers(t), itest.DSN(t)
	prefix := itest.Prefix(t, brokers)
	db := itest.NewDatabase(t, dsn)
	calls := manyCalls(t)
	client, err := kafka.Open(t.Context(), kafka.Config{Brokers: brokers, Prefix: prefix, Partitions: 16, Replication: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	var stages []measure
	stages = append(stages, measured("sensor's side: spool (fsync) to Kafka", func() { publishAll(t, client, calls) }))
	stages = append(stages, measured("archiver's side: Kafka to ClickHouse", func() { archiveAll(t, client, db) }))
	ours := measure{"both: sensor → Kafka → archiver → ClickHouse", stages[0].wall + stages[1].wall, stages[0].cpu + stages[1].cpu}
	stages = append(stages, ours)

	var values []kafkago.Message
	total := 0
	itest.ReadTopic(t, brokers, client.Topics().Calls, func(m kafkago.Message) {
		values = append(values, kafkago.Message{Partition: m.Partition, Value: m.Value})
		total += len(m.Value)
	})
	t.Logf("%d calls in %d records, %d bytes a call on the wire before compression", load, len(values), total/load)
	raw := rawTopic(t, brokers, prefix, 16)
	produce := measured("yardstick: kafka-go produces the same records (zstd, acks=all)", func() { rawProduce(t, brokers, raw, values) })
	consume := measured("yardstick: kafka-go reads them", func() { rawConsume(t, brokers, raw, len(values)) })
	columns := readColumns(t, db)
	insert := measured("yardstick: clickhouse-go inserts the same rows by column", func() { rawInsert(t, db, columns) })
	both := measure{"yardsticks together", produce.wall + consume.wall + insert.wall, produce.cpu + consume.cpu + insert.cpu}
	stages = append(stages, produce, consume, insert, both)
	for _, s := range stages {
		t.Log(s)
	}
	kafkaOnly := measure{cpu: produce.cpu + consume.cpu}
	t.Logf("calls/s a core, ours over bare Kafka (produce and read): %.2f; over bare ClickHouse: %.2f; over both together: %.2f",
		kafkaOnly.cpu.Seconds()/ours.cpu.Seconds(), insert.cpu.Seconds()/ours.cpu.Seconds(), both.cpu.Seconds()/ours.cpu.Seconds())
	t.Logf("archiver's side over clickhouse-go alone: %.2f of its calls/s a core, %.2f of its calls/s", insert.cpu.Seconds()/stages[1].cpu.Seconds(), insert.wall.Seconds()/stages[1].wall.Seconds())
}

// publishAll sends the calls through a spool, as a sensor does.
func publishAll(t *testing.T, client *kafka.Client, calls []*event.Call) {
	t.Helper()
	s, err := spool.Open(spool.Config{Dir: t.TempDir(), Sensor: "bench", Partitions: client.Partitions()}, client.Sender())
	if err != nil {
		t.Fatal(err)
	}
	var shipping sync.WaitGroup
	shipping.Go(func() {
		if err := s.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	failed := make(chan error, len(calls)/512+1)
	for at := 0; at < len(calls); at += 512 {
		b := stream.Batch{Calls: calls[at:min(at+512, len(calls))], Progress: []event.Progress{{Source: "bench", Offset: int64(at)}}}
		if err := s.Publish(t.Context(), b, func(err error) {
			if err != nil {
				failed <- err
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Close(t.Context()), s.Drain(t.Context())); err != nil {
		t.Fatal(err)
	}
	shipping.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	if st := s.Stats(); st.Acknowledged != load {
		t.Fatalf("%d of %d calls were acknowledged: %+v", st.Acknowledged, load, st)
	}
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
}

// archiveAll has one archiver keep what stands in the topic. A last empty record
// in each partition, as a sensor's next heartbeat, completes the last batches.
func archiveAll(t *testing.T, client *kafka.Client, db *itest.Database) {
	t.Helper()
	st, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: db.DSN, Database: db.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := &archive.Archiver{Store: st, Quarantine: func(context.Context, string, int, archive.Message, string) error {
		return errors.New("a record of this test cannot be read")
	}}
	var working sync.WaitGroup
	working.Go(func() {
		group := client.Group("archive", client.Topics().Calls)
		if err := group.Run(ctx, func(ctx context.Context, claim *kafka.Claim) error {
			return a.Run(ctx, claim.Topic, claim.Partition, claimed{claim})
		}); err != nil {
			t.Error(err)
		}
	})
	working.Go(func() { heartbeats(ctx, t, client) })
	itest.Await(t, 10*time.Minute, "all calls kept", func() string { return fmt.Sprintf("%+v", a.Stats()) }, func() bool { return a.Stats().CallsKept >= load })
	cancel()
	working.Wait()
	if rows, ids := itest.CountCalls(t, db); rows != load || ids != load {
		t.Fatalf("%d rows, %d ids in ClickHouse, want %d", rows, ids, load)
	}
}

type claimed struct{ claim *kafka.Claim }

func (c claimed) ReadFrom(offset int64) {
	if offset == archive.FirstOffset {
		offset = -1
	}
	c.claim.SeekTo(offset)
}

func (c claimed) Fetch(ctx context.Context) ([]archive.Message, error) {
	got, err := c.claim.Fetch(ctx)
	out := make([]archive.Message, len(got))
	for i, m := range got {
		out[i] = archive.Message{Offset: m.Offset, Time: m.Time, Key: m.Key, Value: m.Value}
	}
	return out, err
}

func (c claimed) Commit(ctx context.Context, next int64) error { return c.claim.Commit(ctx, next) }

// heartbeats keep the time of the log going until ctx ends.
func heartbeats(ctx context.Context, t *testing.T, client *kafka.Client) {
	dir, err := os.MkdirTemp(t.TempDir(), "beat")
	if err != nil {
		t.Error(err)
		return
	}
	s, err := spool.Open(spool.Config{Dir: dir, Sensor: "beat", Partitions: client.Partitions()}, client.Sender())
	if err != nil {
		t.Error(err)
		return
	}
	var shipping sync.WaitGroup
	shipping.Go(func() { _ = s.Run(ctx) })
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			_ = s.Publish(ctx, stream.Batch{Heartbeats: []event.Heartbeat{{Source: "beat", LowNS: time.Now().UnixNano()}}}, nil)
		case <-ctx.Done():
		}
	}
	shipping.Wait()
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	_ = s.Close(closing)
	_ = s.Release()
}

func rawTopic(t *testing.T, brokers []string, prefix string, partitions int) string {
	t.Helper()
	topic := prefix + ".raw"
	c := &kafkago.Client{Addr: kafkago.TCP(brokers...)}
	r, err := c.CreateTopics(t.Context(), &kafkago.CreateTopicsRequest{Topics: []kafkago.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}}})
	if err != nil || r.Errors[topic] != nil {
		t.Fatal(err, r)
	}
	time.Sleep(time.Second) // the leaders are elected
	return topic
}

// rawProduce writes the records as kafka-go's own documentation has it, with
// batches of its own.
func rawProduce(t *testing.T, brokers []string, topic string, values []kafkago.Message) {
	t.Helper()
	w := &kafkago.Writer{
		Addr: kafkago.TCP(brokers...), Topic: topic, RequiredAcks: kafkago.RequireAll, Compression: kafkago.Zstd,
		BatchTimeout: 10 * time.Millisecond, BatchBytes: 900_000, Balancer: kafkago.BalancerFunc(func(m kafkago.Message, parts ...int) int { return parts[m.Value[len(m.Value)-1]%byte(len(parts))] }),
	}
	for at := 0; at < len(values); at += 64 {
		batch := make([]kafkago.Message, 0, 64)
		for _, v := range values[at:min(at+64, len(values))] {
			batch = append(batch, kafkago.Message{Value: v.Value})
		}
		if err := w.WriteMessages(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func rawConsume(t *testing.T, brokers []string, topic string, want int) {
	t.Helper()
	n := 0
	itest.ReadTopic(t, brokers, topic, func(kafkago.Message) { n++ })
	if n != want {
		t.Fatalf("%d records were read, want %d", n, want)
	}
}

// columnBlock are rows by column, ready to be inserted.
type columnBlock struct {
	names string
	data  []any // slices, one for each column
}

// readColumns reads the rows back, in blocks of 100,000.
func readColumns(t *testing.T, db *itest.Database) []columnBlock {
	t.Helper()
	rows, err := db.Conn.Query(t.Context(), "SELECT name FROM system.columns WHERE database = ? AND table = 'calls' AND default_kind = '' ORDER BY position", db.Name)
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		if names != "" {
			names += ", "
		}
		names += "`" + n + "`"
	}
	rows.Close()
	rows, err = db.Conn.Query(t.Context(), "SELECT "+names+" FROM "+db.Name+".calls")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	types := rows.ColumnTypes()
	var blocks []columnBlock
	var slices []reflect.Value
	for n := 0; rows.Next(); n++ {
		if n%100_000 == 0 {
			slices = nil
			for _, c := range types {
				slices = append(slices, reflect.MakeSlice(reflect.SliceOf(c.ScanType()), 0, 100_000))
			}
			blocks = append(blocks, columnBlock{names: names})
		}
		dest := make([]any, len(types))
		for i, c := range types {
			dest[i] = reflect.New(c.ScanType()).Interface()
		}
		if err := rows.Scan(dest...); err != nil {
			t.Fatal(err)
		}
		b := &blocks[len(blocks)-1]
		b.data = b.data[:0]
		for i := range dest {
			slices[i] = reflect.Append(slices[i], reflect.ValueOf(dest[i]).Elem())
			b.data = append(b.data, slices[i].Interface())
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return blocks
}

// rawInsert inserts the blocks into a table like that of the calls.
func rawInsert(t *testing.T, db *itest.Database, blocks []columnBlock) {
	t.Helper()
	if err := db.Conn.Exec(t.Context(), fmt.Sprintf("CREATE TABLE %s.raw AS %s.calls", db.Name, db.Name)); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		batch, err := db.Conn.PrepareBatch(ch.Context(t.Context()), fmt.Sprintf("INSERT INTO %s.raw (%s)", db.Name, b.names))
		if err != nil {
			t.Fatal(err)
		}
		for i, column := range b.data {
			if err := batch.Column(i).Append(column); err != nil {
				t.Fatalf("column %d: %v", i, err)
			}
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
	}
	var n uint64
	if err := db.Conn.QueryRow(t.Context(), "SELECT count() FROM "+db.Name+".raw").Scan(&n); err != nil || n != load {
		t.Fatalf("%d rows in the raw table (%v), want %d", n, err, load)
	}
}
