package clickhouse

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"lapwing/store"
	"lapwing/store/storetest"
)

// behind opens a store that reaches the server through a proxy, and waits for
// nothing between attempts.
func behind(t *testing.T) (*Store, *proxy) {
	t.Helper()
	options, err := (&Config{DSN: server(t)}).options()
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, options.Addr[0])
	s := open(t, func(c *Config) { c.Addresses = []string{p.address()} })
	s.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return s, p
}

// check fails unless there are n calls, all different, in the calls and in the
// counts per minute.
func check(t *testing.T, s *Store, n int) {
	t.Helper()
	var rows, different, counted uint64
	if err := s.conn.QueryRow(t.Context(), "SELECT count(), uniqExact(id) FROM "+s.names.Table("calls")).Scan(&rows, &different); err != nil {
		t.Fatal(err)
	}
	if rows != uint64(n) || different != uint64(n) {
		t.Fatalf("%d rows of %d different calls, want %d: %d missing, %d doubled", rows, different, n, n-int(different), rows-different)
	}
	if err := s.conn.QueryRow(t.Context(), "SELECT sum(calls) FROM "+s.names.Table("calls_per_minute")).Scan(&counted); err != nil {
		t.Fatal(err)
	}
	if counted != uint64(n) {
		t.Fatalf("%d calls are counted per minute, want %d", counted, n)
	}
}

// Every batch meets a connection that breaks at a random place: before the
// server has the block, or after it has it and before it could say so.
func TestIntegrationConnectionsBreak(t *testing.T) {
	const batches, each = 200, 50
	s, p := behind(t)
	random := rand.New(rand.NewPCG(1, 2))
	var cuts [2]atomic.Int64
	for i := range batches {
		var pieces atomic.Int64
		at, how := int64(1+random.IntN(6)), cutBefore
		if i%2 == 1 {
			how = cutAfter
		}
		p.judge(func([]byte) verdict {
			if pieces.Add(1) == at {
				cuts[i%2].Add(1)
				return how
			}
			return pass
		})
		// A batch in five lies over midnight.
		from := i * each
		if err := s.AppendLog(t.Context(), batch(i, from, each)); err != nil {
			t.Fatal(err)
		}
	}
	p.judge(nil)
	check(t, s, batches*each)
	at, err := s.LogPositions(t.Context(), "calls")
	if err != nil || at[0].Next != batches {
		t.Errorf("positions %v (%v)", at, err)
	}
	if cuts[0].Load() < batches/4 || cuts[1].Load() < batches/4 {
		t.Errorf("only %d connections were cut before and %d after the server's answer", cuts[0].Load(), cuts[1].Load())
	}
	t.Logf("%d connections cut before, %d after the server's answer; %d retries", cuts[0].Load(), cuts[1].Load(), s.Stats().Retries)
}

func batch(number, from, n int) store.LogBatch {
	b := store.LogBatch{Topic: "calls", Partition: 0, First: int64(number), Last: int64(number), Counts: store.LogCounts{Records: 1, Seen: uint64(n)}}
	for i := range n {
		c := storetest.Call(from + i)
		if number%5 == 0 && i%2 == 0 {
			c.Time = c.Time.AddDate(0, 0, 1)
		}
		b.Calls = append(b.Calls, c)
	}
	return b
}

// The same with a new process for each attempt, as after kill -9: nothing is
// known but what the server has.
func TestIntegrationProcessesBreak(t *testing.T) {
	const batches, each = 40, 20
	s, p := behind(t)
	for i := range batches {
		var pieces atomic.Int64
		at, how := int64(1+i%12), cutBefore
		if i%2 == 1 {
			how = cutAfter
		}
		p.judge(func([]byte) verdict {
			if pieces.Add(1) == at {
				return how
			}
			return pass
		})
		b := batch(i, i*each, each)
		// The first process gives up at the first failure.
		ctx, cancel := context.WithCancel(t.Context())
		first := reborn(s, func(context.Context, time.Duration) error { cancel(); return ctx.Err() })
		_ = first.AppendLog(ctx, b)
		cancel()
		p.judge(nil)
		if err := reborn(s, s.sleep).AppendLog(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	check(t, s, batches*each)
}

// reborn is the store as a new process would see it, over the same connections.
func reborn(s *Store, sleep func(context.Context, time.Duration) error) *Store {
	return &Store{conn: s.conn, cfg: s.cfg, names: s.names, addresses: s.addresses, user: s.user, writer: s.writer, version: s.version,
		sleep: sleep, kept: make(map[partition]int64), sources: make(map[string]bool), nonce: newNonce()}
}

func TestIntegrationServerAwayAndBack(t *testing.T) {
	s, p := behind(t)
	p.away(true)
	attempts := 0
	s.sleep = func(ctx context.Context, _ time.Duration) error {
		if attempts++; attempts == 20 {
			p.away(false)
		}
		return ctx.Err()
	}
	if err := s.AppendLog(t.Context(), batch(1, 0, 100)); err != nil {
		t.Fatal(err)
	}
	p.away(true)
	attempts = 0
	if err := s.AppendLog(t.Context(), batch(2, 100, 100)); err != nil {
		t.Fatal(err)
	}
	if attempts < 20 {
		t.Errorf("%d attempts", attempts)
	}
	check(t, s, 200)

	p.away(true)
	ctx, cancel := context.WithCancel(t.Context())
	s.sleep = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	if err := s.AppendLog(ctx, batch(3, 200, 100)); err == nil {
		t.Error("an append succeeded while the server was away")
	}
}

// A server that was killed between noting a token and keeping its block drops
// the repetition: here the rows are deleted behind its back instead.
func TestIntegrationServerForgetsABlock(t *testing.T) {
	s := open(t, nil)
	b := batch(0, 0, 50) // over midnight
	if err := s.insertCalls(t.Context(), b.Calls, b.Token(), nil, false); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"calls", "calls_per_minute"} {
		if err := s.exec(t.Context(), "ALTER TABLE "+s.names.Table(table)+" DELETE WHERE 1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.insertCalls(t.Context(), b.Calls, b.Token(), nil, false); err != nil {
		t.Fatal(err)
	}
	if n, err := s.CountCalls(t.Context(), store.CallQuery{}); err != nil || n != 0 {
		t.Fatalf("%d calls (%v): the server does not forget as this test would have it", n, err)
	}
	// Whoever comes next does not trust the answer; nor do two at once.
	for range 2 {
		again := reborn(s, s.sleep)
		if err := again.AppendLog(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	check(t, s, 50)
}

// A server with too many parts is given time, and gets every batch once.
func TestIntegrationTooManyParts(t *testing.T) {
	s := open(t, nil)
	limit := func(ctx context.Context, parts int) error {
		return s.exec(ctx, fmt.Sprintf("ALTER TABLE %s MODIFY SETTING parts_to_delay_insert = %d, parts_to_throw_insert = %d", s.names.Table("calls"), parts, parts))
	}
	if err := s.exec(t.Context(), "SYSTEM STOP MERGES "+s.names.Table("calls")); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendLog(t.Context(), batch(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	if err := limit(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	pauses := 0
	s.sleep = func(ctx context.Context, d time.Duration) error {
		if d < time.Second {
			t.Errorf("the server asked for fewer inserts and is left alone for %s", d)
		}
		if pauses++; pauses == 3 {
			return limit(ctx, 1000)
		}
		return ctx.Err()
	}
	if err := s.AppendLog(t.Context(), batch(2, 10, 10)); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); pauses != 3 || got.Overloaded != 3 {
		t.Errorf("%d pauses, %+v", pauses, got)
	}
	check(t, s, 20)
}

// A partition that stood still for long: the server may have forgotten the
// token of the batch that was inserted last and is not in the ledger.
func TestIntegrationTokensAreForgotten(t *testing.T) {
	s := open(t, nil)
	if err := s.AppendLog(t.Context(), batch(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	b := batch(2, 10, 10)
	_, err := s.insert(t.Context(), "insert", "INSERT INTO "+s.names.Table("calls")+" ("+callColumnList+")", "a token that nobody will use again", "", func(batch driver.Batch) error {
		return newEncoder().fill(batch.Columns(), b.Calls, b.Token())
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.exec(t.Context(), "ALTER TABLE "+s.names.Table("ledger")+" UPDATE written = written - INTERVAL 2 HOUR WHERE 1"); err != nil {
		t.Fatal(err)
	}
	if err := reborn(s, s.sleep).AppendLog(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	check(t, s, 20)
	if at, err := s.LogPositions(t.Context(), "calls"); err != nil || at[0].Next != 3 {
		t.Errorf("positions %v (%v)", at, err)
	}
}
