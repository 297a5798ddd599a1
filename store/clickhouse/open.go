// Package clickhouse keeps calls, alerts and inventory in ClickHouse.
//
// Nothing is lost and nothing doubled. AppendLog and AppendCalls insert every
// batch under a token of its own, in one block a day; a repetition is the same
// block under the same token, which the server drops. So an insert is repeated
// until the server answers, whatever became of the answers before. Rows of a
// batch become visible by the day they belong to, not all at once; progress and
// the ledger speak of a batch only when all of it is kept.
//
// Methods may be called from several goroutines and several processes.
// Inserts wait out a server that is away, overloaded or restarting, and give
// up only with their context or when the server says something that repetition
// cannot mend (no such table, no right).
package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"lapwing/store"
)

// Config says which server, and how much to ask of it.
type Config struct {
	// DSN is clickhouse://user:password@host:9000/database?secure=true, as
	// clickhouse-go reads it; the fields below replace its parts.
	DSN       string
	Addresses []string // host:port of the native protocol; the first that answers is used
	Database  string   // made if there is none; "" means lapwing
	User      string   // "" means default
	Password  string
	TLS       *tls.Config // nil: as the DSN says, else none

	// Cluster is the name of a ClickHouse cluster (remote_servers) over which
	// the tables are spread. "" is one server.
	Cluster   string
	Retention Retention
	Limits    ReadLimits
	// Writer names the process that calls AppendCalls, and nobody else: what
	// it left half done is settled by the next process of that name, or by the
	// next that reads the same sources. "" means the machine's host name.
	Writer string

	Connections   int           // at once; 0 means 8
	DialTimeout   time.Duration // 0 means 5 s
	InsertTimeout time.Duration // of one attempt; 0 means 60 s

	Log *slog.Logger // told when the server stops to answer and when it answers again; nil: nobody
}

// Retention says how long rows stay where. Zero fields leave what the table
// has.
type Retention struct {
	Calls   time.Duration // until calls are deleted; whole days
	Rollups time.Duration // until the counts per minute are deleted; whole days
	// Cold moves calls of that age to the volume ColdVolume of StoragePolicy.
	Cold          time.Duration
	ColdVolume    string
	StoragePolicy string
}

// ReadLimits bound one question. Zero fields are the defaults.
type ReadLimits struct {
	Time        time.Duration // 10 min
	Rows        uint64        // rows read from disk; no limit
	MemoryBytes uint64        // 2 GiB; sorting beyond half of it goes to disk
}

// A Store is an open database.
type Store struct {
	conn      driver.Conn
	cfg       Config
	names     names
	addresses []string
	user      string
	writer    string
	version   string

	// sleep waits between attempts.
	sleep func(ctx context.Context, d time.Duration) error
	// kept says of each partition up to where this process knows the ledger.
	mu       sync.Mutex
	kept     map[partition]int64
	settle   sync.Mutex // held while half-done batches of this writer are settled
	settled  bool
	sources  map[string]bool // of which earlier batches are settled
	taken    []intent        // given up by this process, to be taken back
	nonce    string
	sequence atomic.Uint64
	stats    counters
	trouble  trouble
}

var (
	_ store.Writer  = (*Store)(nil)
	_ store.Reader  = (*Store)(nil)
	_ store.Archive = (*Store)(nil)
	_ store.Eraser  = (*Store)(nil)
)

// Open connects, makes the database and its tables if they are missing, and
// brings them up to date. Its errors are one sentence each that says what to
// do.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	options, err := cfg.options()
	if err != nil {
		return nil, err
	}
	if cfg.Writer == "" {
		if cfg.Writer, err = os.Hostname(); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	cfg.InsertTimeout = or(cfg.InsertTimeout, time.Minute)
	database := options.Auth.Database
	s := &Store{
		cfg: cfg, names: names{database: database, cluster: cfg.Cluster}, addresses: options.Addr, user: options.Auth.Username,
		writer: cfg.Writer, sleep: sleep, kept: make(map[partition]int64), sources: make(map[string]bool), nonce: newNonce(),
	}
	s.trouble.log, s.trouble.explain = cfg.Log, s.explain
	// Every statement names its database, so that the connection works before
	// there is one.
	options.Auth.Database = ""
	if s.conn, err = ch.Open(options); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.conn.Close())
	}
	return s, nil
}

func (cfg *Config) options() (*ch.Options, error) {
	options := &ch.Options{}
	if cfg.DSN != "" {
		var err error
		if options, err = ch.ParseDSN(cfg.DSN); err != nil {
			return nil, fmt.Errorf("store: the ClickHouse DSN cannot be read (expected clickhouse://user:password@host:9000/database): %w", err)
		}
		if options.Protocol != ch.Native {
			return nil, errors.New("store: ClickHouse is spoken to in its native protocol: write clickhouse://host:9000/database")
		}
	}
	if len(cfg.Addresses) > 0 {
		options.Addr = slices.Clone(cfg.Addresses)
	}
	if len(options.Addr) == 0 {
		return nil, errors.New("store: no address of ClickHouse is given: set store.clickhouse.dsn or store.clickhouse.addresses")
	}
	for _, a := range options.Addr {
		if !strings.Contains(a, ":") {
			return nil, fmt.Errorf("store: the ClickHouse address %q has no port: write %s:9000", a, a)
		}
	}
	options.Auth.Database = or(cfg.Database, or(options.Auth.Database, "lapwing"))
	options.Auth.Username = or(cfg.User, or(options.Auth.Username, "default"))
	options.Auth.Password = or(cfg.Password, options.Auth.Password)
	if cfg.TLS != nil {
		options.TLS = cfg.TLS
	}
	options.DialTimeout = or(cfg.DialTimeout, 5*time.Second)
	options.MaxOpenConns = or(cfg.Connections, 8)
	options.MaxIdleConns = options.MaxOpenConns
	if options.Compression == nil {
		options.Compression = &ch.Compression{Method: ch.CompressionLZ4}
	}
	options.ClientInfo = ch.ClientInfo{Products: []struct{ Name, Version string }{{Name: "lapwing", Version: "1"}}}
	return options, nil
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// prepare checks the server and its tables.
func (s *Store) prepare(ctx context.Context) error {
	v, err := s.conn.ServerVersion()
	if err != nil {
		return s.explain("connect", err)
	}
	s.version = v.Version.String()
	if tooOld(v.Version.Major, v.Version.Minor) {
		return fmt.Errorf("store: ClickHouse at %s is version %s, and %d.%d is the oldest that is supported: upgrade the server", strings.Join(s.addresses, ", "), s.version, minMajor, minMinor)
	}
	var present uint64
	if err := s.conn.QueryRow(ctx, "SELECT count() FROM system.databases WHERE name = $1", s.names.database).Scan(&present); err != nil {
		return s.explain("look for the database", err)
	}
	if present == 0 {
		if err := s.exec(ctx, "CREATE DATABASE IF NOT EXISTS "+quote(s.names.database)+s.names.OnCluster()); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	return s.retentionTiers(ctx)
}

// ServerVersion returns the version of the server, such as 24.8.4.
func (s *Store) ServerVersion() string { return s.version }

// Ping asks the server for an answer.
func (s *Store) Ping(ctx context.Context) error { return s.explain("ping", s.conn.Ping(ctx)) }

// Close closes the connections.
func (s *Store) Close() error { return s.conn.Close() }

// exec runs a statement whose repetition does no harm.
func (s *Store) exec(ctx context.Context, statement string, args ...any) error {
	err := s.conn.Exec(ch.Context(ctx, ch.WithSettings(ch.Settings{"async_insert": 0, "mutations_sync": 2, "alter_sync": 2, "lightweight_deletes_sync": 2})), statement, args...)
	first, _, _ := strings.Cut(statement, "(")
	return s.explain(strings.TrimSpace(first), err)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
