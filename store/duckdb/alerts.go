package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lapwing/event"
	"lapwing/store"
)

// PutAlerts implements store.Writer.
func (s *Store) PutAlerts(ctx context.Context, alerts []event.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	return s.write(ctx, "put alerts", func(conn *sql.Conn) error {
		for i := range alerts {
			a := &alerts[i]
			data, err := json.Marshal(a)
			if err != nil {
				return fmt.Errorf("alert %s: %w", a.ID, err)
			}
			if _, err := conn.ExecContext(ctx, `INSERT INTO alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, severity = excluded.severity, status = excluded.status,
					seen_ns = excluded.seen_ns, alert = excluded.alert
				WHERE excluded.revision > alerts.revision`,
				a.ID, a.Revision, a.Detector, uint8(a.Severity), string(a.Status), a.DetectedAt.UnixNano(), a.LastSeenAt.UnixNano(), string(data)); err != nil {
				return fmt.Errorf("alert %s: %w", a.ID, err)
			}
		}
		return nil
	})
}

// Alerts implements store.Reader.
func (s *Store) Alerts(ctx context.Context, q store.AlertQuery) ([]event.Alert, error) {
	var parts []string
	var args []any
	add := func(part string, value any) {
		parts = append(parts, part)
		args = append(args, value)
	}
	if q.ID != "" {
		add("starts_with(id, ?)", strings.ToUpper(q.ID))
	}
	if q.Detector != "" {
		add("detector = ?", q.Detector)
	}
	if q.Severity > event.Info {
		add("severity >= ?", uint8(q.Severity))
	}
	if q.Status != "" {
		add("status = ?", string(q.Status))
	}
	if !q.Since.IsZero() {
		add("seen_ns >= ?", q.Since.UnixNano())
	}
	text := `SELECT alert FROM alerts`
	if len(parts) > 0 {
		text += " WHERE " + strings.Join(parts, " AND ")
	}
	text += " ORDER BY detected_ns DESC, id DESC"
	if q.Limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	alerts, err := decodeRows[event.Alert](ctx, s, text, args...)
	if err != nil {
		return nil, fmt.Errorf("store: alerts: %w", err)
	}
	slices.Reverse(alerts)
	return alerts, nil
}

// PutEndpoints implements store.Writer.
func (s *Store) PutEndpoints(ctx context.Context, endpoints []event.Endpoint) error {
	return s.write(ctx, "put endpoints", func(conn *sql.Conn) error {
		if _, err := conn.ExecContext(ctx, `DELETE FROM endpoints`); err != nil {
			return err
		}
		for i := range endpoints {
			e := &endpoints[i]
			data, err := json.Marshal(e)
			if err != nil {
				return fmt.Errorf("endpoint %s %s%s: %w", e.Method, e.Host, e.Route, err)
			}
			// The delete and the inserts are one transaction; OR REPLACE, since
			// DuckDB's index still holds rows deleted in the same transaction.
			if _, err := conn.ExecContext(ctx, `INSERT OR REPLACE INTO endpoints VALUES (?, ?, ?, ?)`, e.Host, e.Route, e.Method, string(data)); err != nil {
				return fmt.Errorf("endpoint %s %s%s: %w", e.Method, e.Host, e.Route, err)
			}
		}
		return nil
	})
}

// Endpoints implements store.Reader.
func (s *Store) Endpoints(ctx context.Context) ([]event.Endpoint, error) {
	list, err := decodeRows[event.Endpoint](ctx, s, `SELECT endpoint FROM endpoints ORDER BY host, route, method`)
	if err != nil {
		return nil, fmt.Errorf("store: endpoints: %w", err)
	}
	return list, nil
}

// decodeRows reads one JSON column.
func decodeRows[T any](ctx context.Context, s *Store, query string, args ...any) ([]T, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var data string
		if err := rows.Scan(&data); err != nil {
			return nil, err
		}
		var v T
		if err := json.Unmarshal([]byte(data), &v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
