package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/parse/pseudonym"
	"lapwing/store"
	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

// kafkaAt starts an in-process broker and returns its address.
func kafkaAt(t *testing.T, options ...kfake.Opt) string {
	t.Helper()
	cluster, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	return cluster.ListenAddrs()[0]
}

// answerWith listens and sends every caller, once it has spoken, the same bytes.
func answerWith(t *testing.T, answer []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				if _, err := conn.Read(buf); err == nil {
					_, _ = conn.Write(answer)
					_, _ = conn.Read(buf) // until it has understood
				}
			}()
		}
	}()
	return l.Addr().String()
}

// helloOf is what a ClickHouse of that version says first, in the native
// protocol of revision 54447: packet 0, name, major, minor, revision, time
// zone, display name, patch.
func helloOf(major, minor byte) []byte {
	text := func(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }
	b := text([]byte{0}, "ClickHouse")
	b = append(b, major, minor, 0xaf, 0xa9, 0x03)
	b = text(text(b, "UTC"), "old")
	return append(b, 16)
}

// nobody is an address that nothing listens on.
func nobody(t *testing.T) string { return freePort(t) }

// Whatever stands in the way of a role is said in one sentence that says what
// to do, with the documented exit code.
func TestBadRoles(t *testing.T) {
	open, closed := kafkaAt(t), nobody(t)
	guarded := kafkaAt(t, kfake.EnableSASL(), kfake.Superuser("PLAIN", "lapwing", "right"))
	narrow := kafkaAt(t, kfake.SeedTopics(2, "lapwing.calls"))
	old, other := answerWith(t, helloOf(18, 16)), answerWith(t, []byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	for _, c := range []struct {
		name   string
		config string
		args   []string
		code   int
		says   []string
	}{
		{"brokers that are away", fmt.Sprintf("stream: {kafka: {brokers: [%q]}}", closed), []string{"run", "--target", "detector"}, exitFailed, []string{closed, "are the brokers running"}},
		{"brokers of unknown name", "stream: {kafka: {brokers: ['kafka.invalid:9092']}}", []string{"run", "--target", "alerter"}, exitFailed, []string{"kafka.invalid"}},
		{"brokers that are no Kafka", fmt.Sprintf("stream: {kafka: {brokers: [%q]}}", other), []string{"run", "--target", "alerter"}, exitFailed, []string{"kafka"}},
		{"a broker without a port", "stream: {kafka: {brokers: [kafka-1]}}", []string{"run", "--target", "all"}, exitFailed, []string{"stream.kafka.brokers", "kafka-1:9092"}},
		{"wrong credentials", fmt.Sprintf("stream: {kafka: {brokers: [%q], sasl: {mechanism: plain, user: lapwing, password: wrong}}}", guarded),
			[]string{"run", "--target", "detector"}, exitFailed, []string{`credentials of user "lapwing"`}},
		{"wrong credentials of a sensor", fmt.Sprintf("stream: {kafka: {brokers: [%q], sasl: {mechanism: plain, user: lapwing, password: wrong}}}", guarded),
			[]string{"run", "--target", "sensor"}, exitFailed, []string{`credentials of user "lapwing"`}},
		{"half of the credentials", "stream: {kafka: {brokers: ['k:9092'], sasl: {mechanism: plain, user: lapwing}}}", []string{"run"}, exitFailed, []string{"stream.kafka.sasl", "password_file"}},
		{"too few partitions", fmt.Sprintf("stream: {kafka: {brokers: [%q]}}", narrow), []string{"run", "--target", "archiver"}, exitFailed, []string{"lapwing.calls has 2 partitions and 16 are configured", "Set partitions to 2"}},
		{"too few partitions for a sensor", fmt.Sprintf("stream: {kafka: {brokers: [%q]}}", narrow), []string{"run", "--target", "sensor"}, exitFailed, []string{"lapwing.calls has 2 partitions and 16 are configured"}},
		{"partitions that do not divide", "stream: {kafka: {brokers: ['k:9092'], partitions: 12}}", []string{"run"}, exitFailed, []string{"stream.kafka.partitions", "256"}},
		{"an unknown key of Kafka", "stream: {kafka: {broker: ['k:9092']}}", []string{"run"}, exitFailed, []string{`"broker"`, `did you mean "brokers"`}},
		{"a role without a key", fmt.Sprintf("stream: {kafka: {brokers: [%q]}}", open), []string{"run", "--target", "detector"}, exitFailed, []string{"identity.key_file", "openssl rand -hex 32"}},
		{"a sensor without a key", fmt.Sprintf("stream: {kafka: {brokers: [%q]}}", open), []string{"run", "--target", "sensor"}, exitFailed, []string{"identity.key_file"}},
		{"all beside another", "", []string{"run", "--target", "all,sensor"}, exitUsage, []string{"all stands alone"}},
		{"drain without Kafka", "", []string{"run", "--drain"}, exitUsage, []string{"--drain", "--target detector"}},
		{"drain of a sensor", "stream: {kafka: {brokers: ['k:9092']}}", []string{"run", "--target", "sensor", "--drain"}, exitUsage, []string{"--drain", "--target detector"}},
		{"ClickHouse that is away", fmt.Sprintf("stream: {kafka: {brokers: [%q]}}\nstore: {clickhouse: {addresses: [%q]}}", open, closed), []string{"run", "--target", "archiver"}, exitFailed, []string{closed, "cannot be reached"}},
		{"ClickHouse that is away, in one process", fmt.Sprintf("store: {clickhouse: {addresses: [%q]}}", closed), []string{"run"}, exitFailed, []string{closed, "cannot be reached"}},
		{"ClickHouse that is away, asked", fmt.Sprintf("store: {clickhouse: {addresses: [%q]}}", closed), []string{"alerts"}, exitFailed, []string{closed, "cannot be reached"}},
		{"ClickHouse that is too old", fmt.Sprintf("store: {clickhouse: {addresses: [%q]}}", old), []string{"inventory"}, exitFailed, []string{"18.16", "24.8", "upgrade the server"}},
		{"ClickHouse that is none", fmt.Sprintf("store: {clickhouse: {addresses: [%q]}}", other), []string{"calls", "--since", "1h"}, exitFailed, []string{other, "native"}},
		{"an engine without a place", "store: {engine: clickhouse}", []string{"config", "check"}, exitFailed, []string{"store.clickhouse.addresses"}},
		{"two engines", "store: {engine: duckdb, clickhouse: {addresses: ['c:9000']}}", []string{"config", "check"}, exitFailed, []string{"store.engine is duckdb"}},
		{"an unknown engine", "store: {engine: postgres}", []string{"config", "check"}, exitFailed, []string{"duckdb or clickhouse", "postgres"}},
		{"retention by the hour", "store: {retention: 36h, clickhouse: {addresses: ['c:9000']}}", []string{"config", "check"}, exitFailed, []string{"whole days"}},
		{"records for everybody", "sensor: {records: {listen: '0.0.0.0:8473', insecure: true}}", []string{"config", "check"}, exitFailed, []string{"sensor.records.listen", "token_file"}},
		{"records in the clear", "sensor: {records: {listen: '0.0.0.0:8473', token: t}}", []string{"config", "check"}, exitFailed, []string{"sensor.records.listen", "certificate"}},
		{"records without their certificate", "sensor: {records: {listen: '127.0.0.1:0', cert_file: /none.pem, key_file: /none.key}}", []string{"run"}, exitFailed, []string{"sensor.records.cert_file", "/none.pem"}},
		{"records on a taken address", fmt.Sprintf("sensor: {records: {listen: %q}}", other), []string{"run"}, exitFailed, []string{"sensor.records", "address already in use"}},
		{"choosing among calls of a file", "", []string{"calls", "--client", "192.0.2.1", "x.log"}, exitUsage, []string{"leave the inputs out"}},
		{"a moment that is none", "store: {clickhouse: {addresses: ['127.0.0.1:1']}}", []string{"calls", "--until", "noon"}, exitUsage, []string{"noon", "2026-03-01T12:00:00Z"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "c.yaml")
			if err := os.WriteFile(path, []byte("metrics: {listen: '127.0.0.1:0'}\n"+c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			args := append(append([]string{}, c.args...), "--config", path)
			if c.args[0] == "run" {
				data := filepath.Join(dir, "data")
				if !strings.Contains(c.name, "without a key") {
					if err := os.Mkdir(data, 0o700); err != nil {
						t.Fatal(err)
					}
					if _, err := pseudonym.Create(filepath.Join(data, "key")); err != nil {
						t.Fatal(err)
					}
				}
				args = append(args, "--data", data)
			}
			r := proctest.Run(t, nil, args...)
			if r.Code != c.code {
				t.Errorf("exit code %d, want %d", r.Code, c.code)
			}
			for _, want := range c.says {
				if !strings.Contains(r.Stderr, want) {
					t.Errorf("the message does not name %q", want)
				}
			}
			for _, never := range []string{"panic", "goroutine ", "runtime error", "%!"} {
				if strings.Contains(r.Stderr, never) {
					t.Errorf("the message holds %q", never)
				}
			}
			if r.Stdout != "" {
				t.Errorf("printed in spite of the error: %q", r.Stdout)
			}
			if t.Failed() {
				t.Logf("stderr:\n%s", r.Stderr)
			}
		})
	}
}

// Records that cannot be read are set aside with a reason, and cost nothing
// of what is beside them; a record that comes again changes nothing. One of a
// newer version is not wrong: its partition waits for an upgrade, the others go on.
func TestArchiverSetsAsideWhatItCannotRead(t *testing.T) {
	env := fakeEnvironment(t, []string{kafkaAt(t)}, "one")
	r, err := openArchiver(t.Context(), env)
	if err != nil {
		t.Fatal(err)
	}
	calls := r.client.Topics().Calls
	record := func(first int, n int) []byte {
		rec := wire.Record{Sensor: "s", Boot: 1, First: uint64(first)}
		for i := range n {
			rec.Calls = append(rec.Calls, &event.Call{ID: event.MakeID(1, uint64(first+i)), Time: eventTime, Sensor: "s", Source: event.SourceLog, Method: "GET", Host: "h", Path: lineID(first + i), Status: 200})
		}
		return rec.Append(nil)
	}
	newer := append([]byte{8, wire.Major + 1}, record(1, 1)[2:]...) // field 1, the version
	for _, value := range [][]byte{record(1, 3), []byte("no record"), {}, record(1, 3), record(4, 2)} {
		produce(t, r.client, calls, "", value)
	}
	if err := r.client.Produce(t.Context(), calls, kafka.OutMessage{Partition: 1, Value: newer}); err != nil {
		t.Fatal(err)
	}
	startRole(t, r)
	// A batch ends with the first record of a later time; heartbeats see to that.
	beats, stop := context.WithCancel(t.Context())
	defer stop()
	go func() {
		for beats.Err() == nil {
			_ = r.client.Produce(beats, calls, kafka.OutMessage{Partition: 0, Value: record(6, 0)}) // at the end it fails
			time.Sleep(200 * time.Millisecond)
		}
	}()
	itest.Await(t, time.Minute, "five calls", func() string { return fmt.Sprintf("%+v", r.archiver.Stats()) }, func() bool { return r.archiver.Stats().CallsKept == 5 })
	s := r.archiver.Stats()
	if s.Quarantined != 2 || s.Repeated != 3 || s.Lost != 0 || s.CallsSeen != s.CallsKept+s.Repeated {
		t.Errorf("%+v", s)
	}
	if n, err := env.store.CountCalls(t.Context(), store.CallQuery{}); err != nil || n != 5 {
		t.Errorf("%d calls are kept, %v", n, err)
	}
	var reasons []string
	if err := r.client.ReadAll(t.Context(), r.client.Topics().Quarantine, func(m kafka.Message) error {
		for _, h := range m.Headers {
			reasons = append(reasons, h.Key+"="+string(h.Value))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if all := strings.Join(reasons, "; "); !strings.Contains(all, "malformed record") || strings.Contains(all, "newer") {
		t.Errorf("reasons: %s", all)
	}
	itest.Await(t, time.Minute, "the word about the newer record", r.Ready, func() bool {
		return strings.Contains(r.Ready(), "upgrade those who read before those who send")
	})
	if !r.Active() {
		t.Error("the archiver is not active")
	}
}
