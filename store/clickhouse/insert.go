package clickhouse

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"lapwing/event"
)

// insertSettings make an insert one block that the server keeps whole and
// recognises when it comes again.
func (s *Store) insertSettings(token string) ch.Settings {
	settings := ch.Settings{
		"async_insert":                    0,
		"insert_deduplicate":              1,
		"insert_deduplication_token":      token,
		"max_partitions_per_insert_block": 100,
		// Views are fed with the same token, and so recognise repetitions too.
		"deduplicate_blocks_in_dependent_materialized_views": 1,
	}
	if s.cfg.Cluster != "" {
		settings["distributed_foreground_insert"] = 1
		settings["insert_quorum"] = "auto"
	}
	return settings
}

// insert sends one block, again and again with equal data and token until the
// server has answered that it has it. It gives up with ctx, or when the server
// says something that repetition cannot mend. It returns how many attempts
// failed before.
func (s *Store) insert(ctx context.Context, what, statement, token, queryID string, fill func(driver.Batch) error) (failed int, err error) {
	w := wait{t: &s.trouble}
	defer func() { w.end(err == nil) }()
	for ; ; failed++ {
		err := s.attempt(ctx, statement, token, queryID, failed, fill)
		if err == nil {
			s.stats.inserts.Add(1)
			return failed, nil
		}
		if ctx.Err() != nil {
			return failed, fmt.Errorf("store: %s: %w", what, ctx.Err())
		}
		if permanent(err) {
			return failed, s.explain(what, err)
		}
		s.stats.retry(err)
		w.failure(what, err)
		if err := s.sleep(ctx, backOff(failed, codeOf(err))); err != nil {
			return failed, fmt.Errorf("store: %s: %w", what, err)
		}
	}
}

// put is insert for small tables.
func (s *Store) put(ctx context.Context, what, statement, token string, fill func(driver.Batch) error) error {
	_, err := s.insert(ctx, what, statement, token, "", fill)
	return err
}

func (s *Store) attempt(ctx context.Context, statement, token, queryID string, attempt int, fill func(driver.Batch) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.InsertTimeout)
	defer cancel()
	options := []ch.QueryOption{ch.WithSettings(s.insertSettings(token))}
	if queryID != "" {
		options = append(options, ch.WithQueryID(fmt.Sprintf("%s.%d", queryID, attempt)))
	}
	batch, err := s.conn.PrepareBatch(ch.Context(ctx, options...), statement)
	if err != nil {
		return err
	}
	if err := fill(batch); err != nil {
		_ = batch.Abort()
		return fmt.Errorf("%w: %w", ch.ErrBatchInvalid, err)
	}
	return batch.Send()
}

// patiently repeats a question until the server answers it, as insert does.
func (s *Store) patiently(ctx context.Context, ask func() error) (err error) {
	w := wait{t: &s.trouble}
	defer func() { w.end(err == nil) }()
	for attempt := 0; ; attempt++ {
		err := ask()
		if err == nil || ctx.Err() != nil || permanent(err) {
			return err
		}
		s.stats.retry(err)
		w.failure("asking", err)
		if err := s.sleep(ctx, backOff(attempt, codeOf(err))); err != nil {
			return fmt.Errorf("store: %w", err)
		}
	}
}

// backOff is how long to wait before the next attempt: somewhere between half
// and all of a time that doubles, from 50 ms to 10 s. A server that asks for
// fewer inserts or has no memory left gets a second at least.
func backOff(attempt int, code int32) time.Duration {
	d := min(10*time.Second, 50*time.Millisecond<<min(attempt, 10))
	if code == codeTooManyParts || code == codeMemoryLimit {
		d = max(d, 2*time.Second)
	}
	return d/2 + mathrand.N(d/2+1)
}

var encoders = sync.Pool{New: func() any { return newEncoder() }}

// maxBurnt is how many tokens a block is given when the server says it has the
// block and has not.
const maxBurnt = 3

// insertCalls inserts calls under a token, by the day they ended: one block
// goes to one partition, which the server keeps whole or not at all. Days that
// are present already are left out.
//
// A single server notes a token in the instant before the block becomes part
// of the table. Killed in between, it drops the repetition of a block that it
// does not have. So where an attempt has failed, by us or, if doubtful says so,
// by whoever was here before, the rows are looked for after the server has
// answered; if there are none, the block goes in under a further token, which
// is the same for everybody.
func (s *Store) insertCalls(ctx context.Context, calls []*event.Call, token string, present map[int64]bool, doubtful bool) error {
	e := encoders.Get().(*encoder)
	defer func() {
		e.reset()
		encoders.Put(e)
	}()
	statement := "INSERT INTO " + s.names.Table("calls") + " (" + callColumnList + ")"
	for _, d := range byDay(calls) {
		if present[d.day] {
			continue
		}
		for burnt := range maxBurnt {
			part := fmt.Sprintf("%s/%d", token, d.day)
			if burnt > 0 {
				part = fmt.Sprintf("%s/%d", part, burnt)
			}
			failed, err := s.insert(ctx, "insert calls", statement, part, part+"/"+s.nonce, func(b driver.Batch) error {
				return e.fill(b.Columns(), d.calls, token)
			})
			if err != nil {
				return err
			}
			if failed == 0 && !doubtful || s.cfg.Cluster != "" {
				break
			}
			var kept bool
			if err := s.patiently(ctx, func() (err error) {
				kept, err = s.hasBatch(ctx, token, d.calls)
				return err
			}); err != nil {
				return err
			}
			if kept {
				break
			}
			s.stats.burnt.Add(1)
		}
		s.stats.rows.Add(uint64(len(d.calls)))
	}
	return nil
}

// A dayOfCalls is the part of a batch that ended on one day (UTC), counted
// from 1970.
type dayOfCalls struct {
	day   int64
	calls []*event.Call
}

// byDay splits calls by day in the order in which days first appear, and keeps
// their order within a day. Nearly always there is one day, and nothing moves.
func byDay(calls []*event.Call) []dayOfCalls {
	var out []dayOfCalls
	index := make(map[int64]int, 1)
	begin := 0
	for begin < len(calls) {
		day := dayOf(calls[begin])
		end := begin + 1
		for end < len(calls) && dayOf(calls[end]) == day {
			end++
		}
		if i, ok := index[day]; ok {
			out[i].calls = append(out[i].calls[:len(out[i].calls):len(out[i].calls)], calls[begin:end]...)
		} else {
			index[day] = len(out)
			out = append(out, dayOfCalls{day, calls[begin:end]})
		}
		begin = end
	}
	return out
}

const secondsPerDay = 86_400

func dayOf(c *event.Call) int64 {
	t := c.End().Unix()
	d := t / secondsPerDay
	if t%secondsPerDay < 0 {
		d--
	}
	return d
}

// newNonce makes a name that no other process has.
func newNonce() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, crypto/rand
	return hex.EncodeToString(b[:])
}
