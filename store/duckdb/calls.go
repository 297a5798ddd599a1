package duckdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/duckdb/duckdb-go/v2"

	"lapwing/event"
	"lapwing/store"
)

// AppendCalls implements store.Writer.
func (s *Store) AppendCalls(ctx context.Context, calls []*event.Call, progress []event.Progress) error {
	if len(calls) == 0 && len(progress) == 0 {
		return nil
	}
	return s.write(ctx, "append calls", func(conn *sql.Conn) error {
		if err := insertCalls(conn, calls); err != nil {
			return err
		}
		for _, p := range progress {
			if _, err := conn.ExecContext(ctx,
				`INSERT INTO progress VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET offset_done = greatest(offset_done, excluded.offset_done)`,
				p.Source, p.Offset); err != nil {
				return fmt.Errorf("progress of %s: %w", p.Source, err)
			}
		}
		return nil
	})
}

func insertCalls(conn *sql.Conn, calls []*event.Call) error {
	if len(calls) == 0 {
		return nil
	}
	return appender(conn, "calls", func(a *duckdb.Appender) error {
		var detail []byte
		for _, c := range calls {
			detail = c.AppendDetailJSON(detail[:0])
			if err := appendCall(a, c, string(detail)); err != nil {
				return fmt.Errorf("call %s: %w", c.ID, err)
			}
		}
		return nil
	})
}

func appendCall(a *duckdb.Appender, c *event.Call, detail string) error {
	return a.AppendRow(duckdb.UUID(c.ID), c.Time.UnixNano(), c.End().UnixNano(), c.Sensor, c.Source.String(),
		address(c.Client), c.ClientPort, peer(c.Peer), address(c.Server), c.ServerPort, c.Scheme, c.Protocol,
		c.Method, c.Host, text(c.Path), text(c.Query), text(c.PathShape), c.Operation, int16(c.Status), c.RequestBytes, c.ResponseBytes,
		text(c.UserAgent), text(c.Referer), string(c.Actor.Kind), c.Actor.Value, c.User, c.Tenant, c.Token, c.Account,
		c.Auth.String(), c.Fingerprint, detail)
}

// text makes a string fit for a VARCHAR, which must be UTF-8.
func text(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func address(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func peer(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// Progress implements store.Reader.
func (s *Store) Progress(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT source, offset_done FROM progress`)
	if err != nil {
		return nil, fmt.Errorf("store: progress: %w", err)
	}
	defer rows.Close()
	out := make(map[string]int64)
	for rows.Next() {
		var source string
		var offset int64
		if err := rows.Scan(&source, &offset); err != nil {
			return nil, fmt.Errorf("store: progress: %w", err)
		}
		out[source] = offset
	}
	return out, rows.Err()
}

const callColumns = `id, time_ns, end_ns, sensor, source, client, client_port, peer, server, server_port, scheme, protocol,
	method, host, path, query, path_shape, operation, status, request_bytes, response_bytes, user_agent, referer,
	actor_kind, actor, user_name, tenant, token, account, auth, fingerprint, detail`

// Calls implements store.Reader.
func (s *Store) Calls(ctx context.Context, q store.CallQuery, fn func(*event.Call) error) error {
	where, args := callWhere(q)
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	rows, err := s.db.QueryContext(ctx, `SELECT `+callColumns+` FROM calls`+where+` ORDER BY end_ns, id`+limit, args...)
	if err != nil {
		return fmt.Errorf("store: calls: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		c, err := scanCall(rows)
		if err != nil {
			return fmt.Errorf("store: calls: %w", err)
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	return rows.Err()
}

// CountCalls implements store.Reader.
func (s *Store) CountCalls(ctx context.Context, q store.CallQuery) (n int64, err error) {
	where, args := callWhere(q)
	if err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM calls`+where, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("store: count calls: %w", err)
	}
	return n, nil
}

func callWhere(q store.CallQuery) (string, []any) {
	var parts []string
	var args []any
	add := func(part string, values ...any) {
		parts = append(parts, part)
		args = append(args, values...)
	}
	if !q.Since.IsZero() {
		add("end_ns >= ?", q.Since.UnixNano())
	}
	if !q.Until.IsZero() {
		add("end_ns < ?", q.Until.UnixNano())
	}
	if q.Client != "" {
		add("client = ?", q.Client)
	}
	if q.Actor != "" {
		add("(actor = ? OR user_name = ? OR token = ? OR account = ?)", q.Actor, q.Actor, q.Actor, q.Actor)
	}
	if q.Host != "" {
		add("host = ?", q.Host)
	}
	if q.PathPrefix != "" {
		add("starts_with(path, ?)", q.PathPrefix)
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

func scanCall(rows *sql.Rows) (*event.Call, error) {
	var (
		id                                        duckdb.UUID
		timeNS, endNS                             int64
		source, client, peer, server, auth, kind  string
		detail                                    string
		c                                         event.Call
		sensor, scheme, protocol, fingerprint     string
		userAgent, referer, token, account, value string
	)
	if err := rows.Scan(&id, &timeNS, &endNS, &sensor, &source, &client, &c.ClientPort, &peer, &server, &c.ServerPort, &scheme, &protocol,
		&c.Method, &c.Host, &c.Path, &c.Query, &c.PathShape, &c.Operation, &c.Status, &c.RequestBytes, &c.ResponseBytes, &userAgent, &referer,
		&kind, &value, &c.User, &c.Tenant, &token, &account, &auth, &fingerprint, &detail); err != nil {
		return nil, err
	}
	var extra event.Call
	if err := json.Unmarshal([]byte(detail), &extra); err != nil {
		return nil, fmt.Errorf("detail: %w", err)
	}
	c.IDs, c.Shape, c.Sensitive, c.Gap, c.Flags = extra.IDs, extra.Shape, extra.Sensitive, extra.Gap, extra.Flags
	c.ID = event.ID(id)
	c.Time, c.Duration = time.Unix(0, timeNS).UTC(), time.Duration(endNS-timeNS)
	c.Sensor, c.Scheme, c.Protocol, c.Fingerprint = sensor, scheme, protocol, fingerprint
	c.UserAgent, c.Referer, c.Token, c.Account = userAgent, referer, token, account
	c.Actor = event.Actor{Kind: event.Kind(kind), Value: value}
	var err error
	if c.Source, err = event.ParseSource(source); err != nil {
		return nil, err
	}
	if c.Auth, err = event.ParseAuth(auth); err != nil {
		return nil, err
	}
	if client != "" {
		if c.Client, err = netip.ParseAddr(client); err != nil {
			return nil, err
		}
	}
	if peer != "" {
		if c.Peer, err = netip.ParseAddrPort(peer); err != nil {
			return nil, err
		}
	}
	if server != "" {
		if c.Server, err = netip.ParseAddr(server); err != nil {
			return nil, err
		}
	}
	return &c, nil
}

// Retain implements store.Writer.
func (s *Store) Retain(ctx context.Context, before time.Time) (deleted int64, err error) {
	err = s.write(ctx, "retention", func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, `DELETE FROM calls WHERE end_ns < ?`, before.UnixNano())
		if err != nil {
			return err
		}
		if deleted, err = res.RowsAffected(); err != nil {
			return err
		}
		_, err = conn.ExecContext(ctx, `DELETE FROM alerts WHERE status = ? AND seen_ns < ?`, string(event.StatusResolved), before.UnixNano())
		return err
	})
	return deleted, err
}

// Erase implements store.Eraser. The rows are gone from the file once DuckDB
// has reused or checkpointed their blocks, which Erase asks for.
func (s *Store) Erase(ctx context.Context, actor string) (deleted int64, err error) {
	if actor == "" {
		return 0, errors.New("store: erase: no actor is named")
	}
	err = s.write(ctx, "erase", func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, `DELETE FROM calls WHERE actor = ? OR user_name = ? OR token = ? OR account = ?`, actor, actor, actor, actor)
		if err != nil {
			return err
		}
		deleted, err = res.RowsAffected()
		return err
	})
	if err != nil || deleted == 0 {
		return 0, err
	}
	if _, err := s.db.ExecContext(ctx, "CHECKPOINT"); err != nil {
		return deleted, fmt.Errorf("store: erase: the calls are deleted, and the file still holds them until its next checkpoint: %w", err)
	}
	return deleted, nil
}
