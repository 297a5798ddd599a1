package clickhouse

import (
	"context"
	"os"
	"testing"

	"lapwing/store/storetest"
)

// server returns the DSN of the test server. Without one the test is skipped,
// or failed where servers are promised.
func server(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv("CLICKHOUSE_DSN")
	if dsn == "" {
		if os.Getenv("LAPWING_INTEGRATION") == "1" {
			t.Fatal("CLICKHOUSE_DSN names no server, and LAPWING_INTEGRATION=1 promises one")
		}
		t.Skip("needs a ClickHouse server: set CLICKHOUSE_DSN, as clickhouse://127.0.0.1:9000/default")
	}
	return dsn
}

// open opens a database of the test's own, which is dropped at its end.
func open(t testing.TB, change func(*Config)) *Store {
	t.Helper()
	cfg := Config{DSN: server(t), Database: "test_" + newNonce(), Writer: "test"}
	if change != nil {
		change(&cfg)
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		drop(t, cfg)
	})
	return s
}

// drop removes a test's database.
func drop(t testing.TB, cfg Config) {
	t.Helper()
	cfg.Addresses, cfg.TLS = nil, nil
	options, err := cfg.options()
	if err != nil {
		t.Error(err)
		return
	}
	name := options.Auth.Database
	conn := rawConn(t, cfg)
	defer conn.Close()
	if err := conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+quote(name)+" SYNC"); err != nil {
		t.Error(err)
	}
}

func TestIntegrationConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (storetest.Store, func() storetest.Store) {
		s := open(t, nil)
		cfg := s.cfg
		return s, func() storetest.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { again.Close() })
			s = again
			return again
		}
	})
}

func TestIntegrationArchive(t *testing.T) {
	storetest.RunArchive(t, func(t *testing.T) (storetest.ArchiveStore, func() storetest.ArchiveStore) {
		s := open(t, nil)
		return s, func() storetest.ArchiveStore {
			again, err := Open(t.Context(), s.cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { again.Close() })
			return again
		}
	})
}
