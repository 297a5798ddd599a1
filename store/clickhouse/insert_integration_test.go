package clickhouse

import (
	"fmt"
	"reflect"
	"syscall"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"

	"lapwing/event"
)

// cpu is what this process has used; the server is another one.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

const benchBatch = 50_000

// BenchmarkInsert measures batches of calls, from calls to rows.
func BenchmarkInsert(b *testing.B) {
	s := open(b, nil)
	calls := newTraffic(1, 10_000).calls(benchBatch)
	b.ReportAllocs()
	begun, i := cpu(), 0
	for b.Loop() {
		i++
		if err := s.insertCalls(b.Context(), calls, fmt.Sprint("bench/", i), nil, false); err != nil {
			b.Fatal(err)
		}
	}
	report(b, cpu()-begun)
}

// BenchmarkInsertPlain measures what the driver alone needs for the same
// columns, given ready-made slices of them: the floor without our encoder,
// which also has to take the calls apart.
func BenchmarkInsertPlain(b *testing.B) {
	s := open(b, nil)
	calls := newTraffic(1, 10_000).calls(benchBatch)
	slices := columnSlices(calls)
	b.ReportAllocs()
	begun, i := cpu(), 0
	for b.Loop() {
		i++
		batch, err := s.conn.PrepareBatch(ch.Context(b.Context(), ch.WithSettings(s.insertSettings(fmt.Sprint("plain/", i)))), "INSERT INTO "+s.names.Table("calls")+" ("+callColumnList+")")
		if err != nil {
			b.Fatal(err)
		}
		for i := range slices {
			if err := batch.Column(i).Append(slices[i]); err != nil {
				b.Fatal(callColumns[i].name, err)
			}
		}
		if err := batch.Send(); err != nil {
			b.Fatal(err)
		}
	}
	report(b, cpu()-begun)
}

func report(b *testing.B, used time.Duration) {
	rows := float64(b.N) * benchBatch
	b.ReportMetric(rows/used.Seconds(), "rows/client-CPU-s")
	b.ReportMetric(rows/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(0, "ns/op")
}

// columnSlices makes the slices that the driver's columnar insert takes, with
// the encoder's own steps: each is told to append to a column that only
// remembers.
func columnSlices(calls []*event.Call) []any {
	e := newEncoder()
	e.token = "plain"
	var out []any
	for i := range callColumns {
		m := &remember{}
		if err := callColumns[i].put(e, m, calls); err != nil {
			panic(err)
		}
		out = append(out, m.slice(len(calls)))
	}
	return out
}

// remember is a column that keeps copies of what it is given.
type remember struct {
	column.Interface
	whole any
	rows  []any
}

func (m *remember) Append(v any) ([]uint8, error) {
	from := reflect.ValueOf(v)
	to := reflect.MakeSlice(from.Type(), from.Len(), from.Len())
	reflect.Copy(to, from)
	m.whole = to.Interface()
	return nil, nil
}

func (m *remember) AppendRow(v any) error {
	if from := reflect.ValueOf(v); from.Kind() == reflect.Slice {
		// Plain values, as a program that builds slices would have them.
		elem := from.Type().Elem()
		if elem.Kind() == reflect.Pointer {
			elem = elem.Elem()
		}
		to := reflect.MakeSlice(reflect.SliceOf(elem), from.Len(), from.Len())
		for i := range from.Len() {
			to.Index(i).Set(reflect.Indirect(from.Index(i)))
		}
		v = to.Interface()
	}
	m.rows = append(m.rows, v)
	return nil
}

func (m *remember) slice(n int) any {
	if m.whole != nil {
		return m.whole
	}
	out := reflect.MakeSlice(reflect.SliceOf(reflect.TypeOf(m.rows[0])), n, n)
	for i, v := range m.rows {
		out.Index(i).Set(reflect.ValueOf(v))
	}
	return out.Interface()
}

// TestIntegrationBytesPerCall measures what calls take on disk once they are
// merged. It states the figures of docs/clickhouse.md, and fails if they grow
// by half.
func TestIntegrationBytesPerCall(t *testing.T) {
	if testing.Short() {
		t.Skip("inserts 500,000 calls")
	}
	const n, batches = 500_000, 10
	s := open(t, nil)
	source := newTraffic(1, 50)
	for i := range batches {
		if err := s.insertCalls(t.Context(), source.calls(n/batches), fmt.Sprint("size/", i), nil, false); err != nil {
			t.Fatal(err)
		}
	}
	for _, table := range []string{"calls", "calls_per_minute"} {
		if err := s.exec(t.Context(), "OPTIMIZE TABLE "+s.names.Table(table)+" FINAL"); err != nil {
			t.Fatal(err)
		}
	}
	size := func(query string) float64 {
		var v float64
		if err := s.conn.QueryRow(t.Context(), query, s.names.database).Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v / n
	}
	parts := " FROM system.parts WHERE database = $1 AND active AND table = "
	whole := size("SELECT toFloat64(sum(bytes_on_disk))" + parts + "'calls'")
	t.Logf("calls %.1f bytes a row, of that data %.1f, skip indexes %.1f, projection %.1f; counts per minute %.1f", whole,
		size("SELECT toFloat64(sum(data_compressed_bytes))"+parts+"'calls'"),
		size("SELECT toFloat64(sum(secondary_indices_compressed_bytes))"+parts+"'calls'"),
		size("SELECT toFloat64(sum(bytes_on_disk)) FROM system.projection_parts WHERE database = $1 AND active AND table = 'calls'"),
		size("SELECT toFloat64(sum(bytes_on_disk))"+parts+"'calls_per_minute'"))
	rows, err := s.conn.Query(t.Context(), "SELECT name, toFloat64(data_compressed_bytes) FROM system.columns WHERE database = $1 AND table = 'calls' ORDER BY 2 DESC LIMIT 16", s.names.database)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var bytes float64
		if err := rows.Scan(&name, &bytes); err != nil {
			t.Fatal(err)
		}
		t.Logf("%20s %6.2f", name, bytes/n)
	}
	if whole > 150 {
		t.Errorf("%.1f bytes a row", whole)
	}
}
