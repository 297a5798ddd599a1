// Package itest is what integration tests share: real servers, real processes,
// a proxy that breaks connections, and audits that count what arrived.
//
// Servers are named by the environment (KAFKA_BROKERS, CLICKHOUSE_DSN). A test
// that needs one which is not named is skipped, unless LAPWING_INTEGRATION=1
// says that everything must be there: then it fails. Everything a test makes in
// a server has a random name and is removed at the test's end; every process it
// starts is ended by its own pid. Used by tests alone.
package itest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	chdriver "github.com/ClickHouse/clickhouse-go/v2"
)

// patience is how long anything may take on a busy machine before a test gives up.
const patience = 90 * time.Second

// Required reports whether missing servers are failures.
func Required() bool { return os.Getenv("LAPWING_INTEGRATION") == "1" }

// Missing skips the test, or fails it where everything must be there.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if Required() {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Name returns a name that nobody else uses.
func Name(prefix string) string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return prefix + hex.EncodeToString(b[:])
}

// Seed returns a generator of random decisions and prints its seed, which
// LAPWING_SEED repeats.
func Seed(t testing.TB) *mathrand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("LAPWING_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatalf("LAPWING_SEED is not a number: %q", s)
		}
	}
	t.Logf("LAPWING_SEED=%d repeats the random decisions of this test", seed)
	return mathrand.New(mathrand.NewPCG(seed, 1))
}

// Brokers returns the addresses of the Kafka under test.
func Brokers(t testing.TB) []string {
	t.Helper()
	s := os.Getenv("KAFKA_BROKERS")
	if s == "" {
		Missing(t, "KAFKA_BROKERS is not set: eval $(.ci/kafka up) gives a broker")
	}
	return strings.Split(s, ",")
}

// Prefix returns a prefix for topics and groups; the topics that begin with it
// are deleted at the end of the test.
func Prefix(t testing.TB, brokers []string) string {
	t.Helper()
	prefix := Name("t")
	t.Cleanup(func() { DropTopics(t, brokers, prefix) })
	return prefix
}

// DropTopics deletes the topics whose names begin with prefix.
func DropTopics(t testing.TB, brokers []string, prefix string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := &kafka.Client{Addr: kafka.TCP(brokers...), Timeout: 20 * time.Second}
	meta, err := client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		t.Logf("topics of %s are left in the broker: %v", prefix, err)
		return
	}
	var names []string
	for _, topic := range meta.Topics {
		if strings.HasPrefix(topic.Name, prefix) {
			names = append(names, topic.Name)
		}
	}
	if len(names) == 0 {
		return
	}
	if _, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: names}); err != nil {
		t.Logf("topics of %s are left in the broker: %v", prefix, err)
	}
}

// DSN returns the ClickHouse under test, without a database.
func DSN(t testing.TB) string {
	t.Helper()
	s := os.Getenv("CLICKHOUSE_DSN")
	if s == "" {
		Missing(t, "CLICKHOUSE_DSN is not set: eval $(.ci/clickhouse up) gives a server")
	}
	return s
}

// A Database is a database of one test.
type Database struct {
	Name string
	DSN  string // names the database
	Conn chdriver.Conn
}

// NewDatabase makes a database in the server of dsn and drops it at the end.
// An Engine that was started anew meanwhile is reconnected to.
func NewDatabase(t testing.TB, dsn string) *Database {
	t.Helper()
	opts, err := chdriver.ParseDSN(dsn)
	if err != nil {
		t.Fatalf("CLICKHOUSE_DSN: %v", err)
	}
	opts.DialTimeout, opts.MaxOpenConns = 10*time.Second, 4
	conn, err := chdriver.Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	name := Name("test_")
	if err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		conn.Close()
		t.Fatalf("no database can be made in ClickHouse at %v: %v", opts.Addr, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" SYNC"); err != nil {
			t.Logf("database %s is left in ClickHouse: %v", name, err)
		}
		conn.Close()
	})
	return &Database{Name: name, DSN: WithDatabase(dsn, name), Conn: conn}
}

// WithDatabase returns dsn with another database.
func WithDatabase(dsn, name string) string {
	head, tail, _ := strings.Cut(dsn, "?")
	scheme, rest, _ := strings.Cut(head, "://")
	host, _, _ := strings.Cut(rest, "/")
	out := scheme + "://" + host + "/" + name
	if tail != "" {
		out += "?" + tail
	}
	return out
}

// WithHost returns dsn at another address.
func WithHost(dsn, addr string) string {
	scheme, rest, _ := strings.Cut(dsn, "://")
	host, path, _ := strings.Cut(rest, "/")
	user := ""
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		user = host[:i+1]
	}
	return scheme + "://" + user + addr + "/" + path
}

// Host returns the address of dsn.
func Host(dsn string) string {
	_, rest, _ := strings.Cut(dsn, "://")
	host, _, _ := strings.Cut(rest, "/")
	return host[strings.LastIndexByte(host, '@')+1:]
}

// Root is the directory of the repository.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..")
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Fatalf("the repository is not beside its test (built with -trimpath?): %v", err)
	}
	return root
}

// Await polls until ok says true. what tells what was waited for; state, if not
// nil, what was there instead.
func Await(t testing.TB, limit time.Duration, what string, state func() string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			s := ""
			if state != nil {
				s = ": " + state()
			}
			t.Fatalf("after %v still not: %s%s", limit, what, s)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
