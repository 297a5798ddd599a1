package clickhouse

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"lapwing/event"
	"lapwing/store"
)

// A partition names one partition of one topic.
type partition struct {
	topic  string
	number int
}

// resumeAge is how old the newest row of the ledger may be before the rows of
// the batch that follows it are looked for, and not only its token: the server
// remembers a bounded number of tokens.
const resumeAge = time.Hour

// AppendLog implements store.Archive. The calls are inserted under the batch's
// token, then the ledger says so. Whoever is interrupted in between, or only
// late, inserts the same again, which the server drops.
func (s *Store) AppendLog(ctx context.Context, b store.LogBatch) error {
	if b.Last < b.First {
		return fmt.Errorf("store: append log: batch %s ends before it begins", b.Token())
	}
	key := partition{b.Topic, b.Partition}
	s.mu.Lock()
	last, known := s.kept[key]
	s.mu.Unlock()
	var present map[int64]bool
	doubtful := !known || b.First != last+1
	if doubtful {
		// Not the batch that follows the one this process kept last: somebody
		// else may have kept it, or more.
		var age time.Duration
		err := s.patiently(ctx, func() (err error) {
			if last, age, err = s.lastKept(ctx, key); err == nil && age > resumeAge {
				present, err = s.rowsOf(ctx, b.Token(), b.Calls)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	if last >= b.Last {
		s.stats.skipped.Add(1)
		s.note(key, last)
		return nil
	}
	if last >= b.First {
		return fmt.Errorf("store: append log: batch %s, kept up to %d: %w", b.Token(), last, store.ErrOverlap)
	}
	if len(b.Calls) > 0 {
		if err := s.insertCalls(ctx, b.Calls, b.Token(), present, doubtful); err != nil {
			return err
		}
	}
	if err := s.insertLedger(ctx, &b); err != nil {
		return err
	}
	s.note(key, b.Last)
	return nil
}

func (s *Store) note(key partition, last int64) {
	s.mu.Lock()
	s.kept[key] = max(last, s.kept[key])
	s.mu.Unlock()
}

// lastKept returns the last offset of a partition that the ledger has, -1 if
// there is none, and how long ago that was written.
func (s *Store) lastKept(ctx context.Context, key partition) (last int64, age time.Duration, err error) {
	var rows, seconds uint64
	if err := s.conn.QueryRow(s.reading(ctx), "SELECT count(), max(last), toUInt64(greatest(0, dateDiff('second', max(written), now('UTC')))) FROM "+s.names.Table("ledger")+
		" WHERE topic = $1 AND partition = $2", key.topic, uint32(key.number)).Scan(&rows, &last, &seconds); err != nil {
		return 0, 0, s.explain("read the ledger", err)
	}
	if rows == 0 {
		return -1, 0, nil
	}
	return last, time.Duration(seconds) * time.Second, nil
}

// rowsOf says of which days the rows of a batch are kept.
func (s *Store) rowsOf(ctx context.Context, token string, calls []*event.Call) (map[int64]bool, error) {
	out := make(map[int64]bool)
	for _, d := range byDay(calls) {
		kept, err := s.hasBatch(ctx, token, d.calls)
		if err != nil {
			return nil, err
		}
		out[d.day] = kept
	}
	return out, nil
}

// hasBatch reports whether the block of these calls is kept. A block is kept
// whole or not at all; if rows of it are missing, somebody has erased them.
func (s *Store) hasBatch(ctx context.Context, token string, calls []*event.Call) (bool, error) {
	since, until := calls[0].End(), calls[0].End()
	for _, c := range calls {
		end := c.End()
		if end.Before(since) {
			since = end
		}
		if end.After(until) {
			until = end
		}
	}
	n, err := s.countBatch(ctx, token, since, until.Add(1))
	return n > 0, err
}

// countBatch counts the rows of a batch that ended from since to before until.
// The time narrows down where they are looked for.
func (s *Store) countBatch(ctx context.Context, token string, since, until time.Time) (int64, error) {
	var n uint64
	err := s.conn.QueryRow(s.reading(ctx), "SELECT count() FROM "+s.names.Table("calls")+" WHERE batch = $1 AND ended >= fromUnixTimestamp64Nano($2) AND ended < fromUnixTimestamp64Nano($3)",
		token, since.UnixNano(), until.UnixNano()).Scan(&n)
	if err != nil {
		return 0, s.explain("count the rows of a batch", err)
	}
	return int64(n), nil
}

func (s *Store) insertLedger(ctx context.Context, b *store.LogBatch) error {
	sensors, boots, nexts, lost, explained := marksColumns(b.Marks)
	c := b.Counts
	return s.put(ctx, "write the ledger", "INSERT INTO "+s.names.Table("ledger")+" (topic, partition, first, last, kept, records, quarantined, seen, repeated, lost, explained, late_boots,"+
		" `marks.sensor`, `marks.boot`, `marks.next`, `marks.lost`, `marks.explained`)", "ledger/"+b.Token(), func(batch driver.Batch) error {
		return batch.Append(b.Topic, uint32(b.Partition), b.First, b.Last, uint64(len(b.Calls)), c.Records, c.Quarantined, c.Seen, c.Repeated, c.Lost, c.Explained, c.LateBoots,
			sensors, boots, nexts, lost, explained)
	})
}

func marksColumns(marks []store.Mark) (sensors []string, boots, nexts, lost, explained []uint64) {
	for _, m := range marks {
		sensors = append(sensors, m.Sensor)
		boots, nexts = append(boots, m.Boot), append(nexts, m.Next)
		lost, explained = append(lost, m.Lost), append(explained, m.Explained)
	}
	return
}

// LogPositions implements store.Archive. It waits for a server that is away.
func (s *Store) LogPositions(ctx context.Context, topic string) (out map[int]store.LogPosition, err error) {
	err = s.patiently(ctx, func() (err error) {
		out, err = s.positions(ctx, topic)
		return err
	})
	return out, err
}

func (s *Store) positions(ctx context.Context, topic string) (map[int]store.LogPosition, error) {
	// First the last offsets, from two narrow columns; then their rows by key.
	rows, err := s.conn.Query(s.reading(ctx), "SELECT partition, last, `marks.sensor`, `marks.boot`, `marks.next`, `marks.lost`, `marks.explained` FROM "+s.names.Table("ledger")+
		" WHERE topic = $1 AND (partition, last) IN (SELECT partition, max(last) FROM "+s.names.Table("ledger")+" WHERE topic = $1 GROUP BY partition)", topic)
	if err != nil {
		return nil, s.explain("read the ledger", err)
	}
	defer rows.Close()
	out := make(map[int]store.LogPosition)
	for rows.Next() {
		var (
			number                        uint32
			last                          int64
			sensors                       []string
			boots, nexts, lost, explained []uint64
		)
		if err := rows.Scan(&number, &last, &sensors, &boots, &nexts, &lost, &explained); err != nil {
			return nil, s.explain("read the ledger", err)
		}
		p := store.LogPosition{Next: last + 1}
		for i := range sensors {
			p.Marks = append(p.Marks, store.Mark{Sensor: sensors[i], Boot: boots[i], Next: nexts[i], Lost: lost[i], Explained: explained[i]})
		}
		out[int(number)] = p
	}
	return out, s.explain("read the ledger", rows.Err())
}
