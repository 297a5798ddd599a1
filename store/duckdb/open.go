// Package duckdb keeps calls, alerts and inventory in one embedded DuckDB file.
//
// One process at a time may hold the file. Writes are transactions that are on
// disk when they return. Memory is bounded by Config.MemoryBytes; DuckDB's own
// default would take most of the machine.
package duckdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/duckdb/duckdb-go/v2"

	"lapwing/store"
)

//go:embed schema.sql
var schema string

// Config says where and how large.
type Config struct {
	Path        string // of the database file; its directory is made
	MemoryBytes int64  // bound of DuckDB's buffers; 0 means DefaultMemoryBytes
	Threads     int    // 0 means 2
}

// DefaultMemoryBytes is enough for scans over some hundred million calls, and
// leaves a small machine to the rest of the daemon.
const DefaultMemoryBytes = 512 << 20

// ErrLocked means that another process holds the file.
var ErrLocked = errors.New("the store is held by another process")

// A Store is an open database. Its methods may be called from several
// goroutines; writes wait for one another.
type Store struct {
	connector *duckdb.Connector
	db        *sql.DB
	writes    chan struct{} // holds one token: who has it may write
}

var (
	_ store.Writer  = (*Store)(nil)
	_ store.Reader  = (*Store)(nil)
	_ store.Archive = (*Store)(nil)
	_ store.Eraser  = (*Store)(nil)
)

// Open opens the file, making it if there is none.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.MemoryBytes <= 0 {
		cfg.MemoryBytes = DefaultMemoryBytes
	}
	if cfg.Threads <= 0 {
		cfg.Threads = 2
	}
	if dir := filepath.Dir(cfg.Path); cfg.Path != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
	}
	connector, err := duckdb.NewConnector(cfg.Path, nil)
	if err != nil {
		if strings.Contains(err.Error(), "lock") {
			return nil, fmt.Errorf("store %s: %w (%v)", cfg.Path, ErrLocked, err)
		}
		return nil, fmt.Errorf("store %s: %w", cfg.Path, err)
	}
	s := &Store{connector: connector, db: sql.OpenDB(connector), writes: make(chan struct{}, 1)}
	s.db.SetMaxOpenConns(8)
	s.writes <- struct{}{}
	setup := []string{
		fmt.Sprintf("SET memory_limit = '%d MiB'", max(64, cfg.MemoryBytes>>20)),
		fmt.Sprintf("SET threads = %d", cfg.Threads),
		schema,
		// Nothing that a query says may reach files or extensions.
		"SET enable_external_access = false",
		"SET lock_configuration = true",
	}
	for _, statement := range setup {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(fmt.Errorf("store %s: %w", cfg.Path, err), s.Close())
		}
	}
	return s, nil
}

// Close writes out what is buffered and lets go of the file.
func (s *Store) Close() error {
	return errors.Join(s.db.Close(), s.connector.Close())
}

// write runs fn in a transaction on one connection, alone among writers.
func (s *Store) write(ctx context.Context, what string, fn func(conn *sql.Conn) error) (err error) {
	select {
	case <-s.writes:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { s.writes <- struct{}{} }()
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	if err := fn(conn); err != nil {
		// The rollback must not depend on a context that may be over.
		_, undo := conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
		return errors.Join(fmt.Errorf("store: %s: %w", what, err), undo)
	}
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "COMMIT"); err != nil {
		return fmt.Errorf("store: %s: %w", what, err)
	}
	return nil
}

// appender runs fn with a bulk appender on the transaction's connection.
func appender(conn *sql.Conn, table string, fn func(*duckdb.Appender) error) error {
	return conn.Raw(func(raw any) error {
		dc, ok := raw.(driver.Conn)
		if !ok {
			return fmt.Errorf("unexpected driver connection %T", raw)
		}
		a, err := duckdb.NewAppenderFromConn(dc, "", table)
		if err != nil {
			return err
		}
		if err := fn(a); err != nil {
			return errors.Join(err, a.Clear(), a.Close())
		}
		return a.Close()
	})
}
