package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"lapwing/store"
)

// AppendLog implements store.Archive: calls and position are one transaction.
func (s *Store) AppendLog(ctx context.Context, b store.LogBatch) error {
	if b.Last < b.First {
		return fmt.Errorf("store: append log: batch %s ends before it begins", b.Token())
	}
	marks, err := json.Marshal(b.Marks)
	if err != nil {
		return fmt.Errorf("store: append log: %w", err)
	}
	return s.write(ctx, "append log", func(conn *sql.Conn) error {
		var last int64
		err := conn.QueryRowContext(ctx, `SELECT last FROM log_positions WHERE topic = ? AND partition = ?`, b.Topic, b.Partition).Scan(&last)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case last >= b.Last:
			return nil
		case last >= b.First:
			return fmt.Errorf("batch %s, kept up to %d: %w", b.Token(), last, store.ErrOverlap)
		}
		if err := insertCalls(conn, b.Calls); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, `INSERT INTO log_positions VALUES (?, ?, ?, ?)
			ON CONFLICT (topic, partition) DO UPDATE SET last = excluded.last, marks = excluded.marks`, b.Topic, b.Partition, b.Last, string(marks))
		return err
	})
}

// LogPositions implements store.Archive.
func (s *Store) LogPositions(ctx context.Context, topic string) (map[int]store.LogPosition, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT partition, last, marks FROM log_positions WHERE topic = ?`, topic)
	if err != nil {
		return nil, fmt.Errorf("store: log positions: %w", err)
	}
	defer rows.Close()
	out := make(map[int]store.LogPosition)
	for rows.Next() {
		var partition int
		var last int64
		var marks string
		if err := rows.Scan(&partition, &last, &marks); err != nil {
			return nil, fmt.Errorf("store: log positions: %w", err)
		}
		p := store.LogPosition{Next: last + 1}
		if err := json.Unmarshal([]byte(marks), &p.Marks); err != nil {
			return nil, fmt.Errorf("store: log positions: marks of partition %d: %w", partition, err)
		}
		out[partition] = p
	}
	return out, rows.Err()
}
