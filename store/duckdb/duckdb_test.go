package duckdb

import (
	"path/filepath"
	"strings"
	"testing"

	"lapwing/event"
	"lapwing/store"
	"lapwing/store/storetest"
)

func open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (storetest.Store, func() storetest.Store) {
		path := filepath.Join(t.TempDir(), "sub", "calls.duckdb")
		s := open(t, path)
		t.Cleanup(func() { s.Close() })
		return s, func() storetest.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path)
			return s
		}
	})
}

func TestArchive(t *testing.T) {
	storetest.RunArchive(t, func(t *testing.T) (storetest.ArchiveStore, func() storetest.ArchiveStore) {
		s := open(t, filepath.Join(t.TempDir(), "calls.duckdb"))
		t.Cleanup(func() { s.Close() })
		return s, func() storetest.ArchiveStore { return s }
	})
}

func TestQueriesCannotReachFiles(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.duckdb"))
	defer s.Close()
	for _, q := range []string{`SELECT * FROM read_text('/etc/hostname')`, `SET enable_external_access = true`, `COPY (SELECT 1) TO '/tmp/lapwing-test-out'`} {
		if _, err := s.db.ExecContext(t.Context(), q); err == nil {
			t.Errorf("%s was allowed", q)
		}
	}
}

func TestOpenErrorsNameTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(t.Context(), Config{Path: dir}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("opening a directory: %v", err)
	}
}

func BenchmarkAppendCalls(b *testing.B) {
	s := open(b, filepath.Join(b.TempDir(), "b.duckdb"))
	defer s.Close()
	batch := make([]*event.Call, 10_000)
	for i := range batch {
		batch[i] = storetest.Call(i)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := s.AppendCalls(b.Context(), batch, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*float64(len(batch))/b.Elapsed().Seconds(), "calls/s")
	if n, err := s.CountCalls(b.Context(), store.CallQuery{}); err != nil || n < int64(len(batch)) {
		b.Fatalf("%d calls kept (%v)", n, err)
	}
}
