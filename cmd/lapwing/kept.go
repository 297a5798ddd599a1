package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lapwing/cmd/internal/config"
	"lapwing/cmd/internal/publish"
	"lapwing/store"
	"lapwing/store/clickhouse"
	"lapwing/store/duckdb"
)

// The databases that can keep calls.
const (
	engineDuckDB     = "duckdb"
	engineClickHouse = "clickhouse"
)

// StoreConfig bounds what is kept.
type StoreConfig struct {
	Engine     string           `yaml:"engine" doc:"duckdb (embedded) or clickhouse; empty: clickhouse if the section clickhouse names one, else duckdb"`
	Memory     config.Bytes     `yaml:"memory" doc:"memory of the embedded database"`
	Retention  config.Duration  `yaml:"retention" doc:"how long calls and resolved alerts are kept"`
	ClickHouse ClickHouseConfig `yaml:"clickhouse" doc:"a ClickHouse in place of the embedded database"`
}

// ClickHouseConfig says which ClickHouse keeps calls, and how.
type ClickHouseConfig struct {
	DSN          config.Secret   `yaml:"dsn" doc:"clickhouse://user:password@host:9000/database; the keys below replace its parts"`
	DSNFile      string          `yaml:"dsn_file" doc:"file that holds the DSN"`
	Addresses    []string        `yaml:"addresses" doc:"servers by host and port of the native protocol, as clickhouse-1:9000; the first that answers is used"`
	Database     string          `yaml:"database" doc:"database, made if there is none; default lapwing"`
	User         string          `yaml:"user" doc:"user; default default"`
	Password     config.Secret   `yaml:"password" doc:"password of the user"`
	PasswordFile string          `yaml:"password_file" doc:"file that holds the password"`
	TLS          publish.TLS     `yaml:"tls" doc:"encryption towards ClickHouse"`
	Cluster      string          `yaml:"cluster" doc:"name of the ClickHouse cluster the tables are spread over; empty: one server"`
	Rollups      config.Duration `yaml:"rollups" doc:"how long counts per minute are kept; 0: as the tables say"`
	Cold         config.Duration `yaml:"cold" doc:"age at which calls move to cold_volume; 0: never"`
	ColdVolume   string          `yaml:"cold_volume" doc:"volume of storage_policy for old calls"`
	Policy       string          `yaml:"storage_policy" doc:"storage policy of the calls table; empty: the server's default"`
}

// On reports whether the section names a ClickHouse.
func (c *ClickHouseConfig) On() bool { return c.DSN != "" || len(c.Addresses) > 0 }

func (s *StoreConfig) engine() string {
	if s.Engine == "" && s.ClickHouse.On() {
		return engineClickHouse
	}
	if s.Engine == "" {
		return engineDuckDB
	}
	return s.Engine
}

func (s *StoreConfig) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.Retention <= 0 {
		bad("store.retention must be positive")
	}
	if s.Memory < 64<<20 {
		bad("store.memory must be at least 64MiB (got %d bytes)", s.Memory)
	}
	c := &s.ClickHouse
	switch s.engine() {
	case engineDuckDB:
		if c.On() {
			bad("store.engine is duckdb, and store.clickhouse names a server: take one of the two out")
		}
	case engineClickHouse:
		if !c.On() {
			bad("store.engine is clickhouse: say where it is, by store.clickhouse.addresses or store.clickhouse.dsn")
		}
		if day := config.Duration(24 * time.Hour); s.Retention%day != 0 || c.Rollups%day != 0 {
			bad("store.retention and store.clickhouse.rollups must be whole days: ClickHouse drops calls by the day")
		}
		if dsn := c.DSN.Reveal(); dsn != "" && !strings.HasPrefix(dsn, "clickhouse://") && !strings.HasPrefix(dsn, "tcp://") {
			bad("store.clickhouse.dsn must begin with clickhouse:// (the native protocol)")
		}
		for _, a := range c.Addresses {
			if i := strings.LastIndexByte(a, ':'); i < 1 || i == len(a)-1 {
				bad("store.clickhouse.addresses: %q is no address such as clickhouse-1:9000", a)
			}
		}
		if (c.TLS.CertFile == "") != (c.TLS.KeyFile == "") {
			bad("store.clickhouse.tls.cert_file and key_file go together")
		}
		if c.Cold < 0 || c.Rollups < 0 {
			bad("store.clickhouse.cold and rollups must not be negative")
		}
		if (c.Cold > 0) != (c.ColdVolume != "") {
			bad("store.clickhouse.cold and cold_volume go together")
		}
	default:
		bad("store.engine must be duckdb or clickhouse (got %q)", s.Engine)
	}
	return errors.Join(errs...)
}

// keptStore is a database, whichever it is.
type keptStore interface {
	store.Writer
	store.Reader
	store.Archive
	Close() error
}

// openKept opens the configured database, and says in words which it is.
// writer names the process among those that write to the same ClickHouse; log
// is told when that stops to answer.
func openKept(ctx context.Context, cfg *Config, writer string, log *slog.Logger) (keptStore, string, error) {
	if cfg.Store.engine() == engineDuckDB {
		path := cfg.path("lapwing.duckdb")
		s, err := duckdb.Open(ctx, duckdb.Config{Path: path, MemoryBytes: int64(cfg.Store.Memory)})
		return s, "duckdb " + path, err
	}
	c := &cfg.Store.ClickHouse
	ch := clickhouse.Config{
		DSN: c.DSN.Reveal(), Addresses: c.Addresses, Database: c.Database, User: c.User, Password: c.Password.Reveal(), Cluster: c.Cluster, Writer: writer, Log: log,
		Retention: clickhouse.Retention{
			Calls: time.Duration(cfg.Store.Retention), Rollups: time.Duration(c.Rollups),
			Cold: time.Duration(c.Cold), ColdVolume: c.ColdVolume, StoragePolicy: c.Policy,
		},
	}
	if c.TLS.On() {
		tls, err := tlsConfig(&c.TLS, "store.clickhouse.tls")
		if err != nil {
			return nil, "", err
		}
		ch.TLS = tls
	}
	s, err := clickhouse.Open(ctx, ch)
	if err != nil {
		return nil, "", err
	}
	where := "as the DSN says" // which may hold a password
	if len(c.Addresses) > 0 {
		where = strings.Join(slices.Clone(c.Addresses), ", ")
	}
	return s, "clickhouse " + where, nil
}

// writerName names a process for the store: the same after a restart on the
// same data directory, different from all others.
func writerName(cfg *Config) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	dir, err := filepath.Abs(cfg.Data)
	if err != nil {
		dir = cfg.Data
	}
	return host + ":" + dir
}

// troubleOf says why a store cannot keep anything at the moment; "" if it can,
// or does not say.
func troubleOf(s keptStore) string {
	if t, ok := s.(interface{ Trouble() string }); ok {
		return t.Trouble()
	}
	return ""
}
