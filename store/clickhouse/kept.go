package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"lapwing/event"
	"lapwing/store"
)

// PutAlerts implements store.Writer.
func (s *Store) PutAlerts(ctx context.Context, alerts []event.Alert) error {
	if len(alerts) == 0 {
		return nil
	}
	ids := make([]string, len(alerts))
	for i := range alerts {
		ids[i] = alerts[i].ID
	}
	kept, err := s.revisions(ctx, ids)
	if err != nil {
		return err
	}
	newest := make(map[string]*event.Alert)
	for i := range alerts {
		a := &alerts[i]
		if rev, ok := kept[a.ID]; ok && uint64(max(0, a.Revision)) <= rev {
			continue
		}
		if n := newest[a.ID]; n == nil || a.Revision > n.Revision {
			newest[a.ID] = a
		}
	}
	if len(newest) == 0 {
		return nil
	}
	return s.put(ctx, "put alerts", "INSERT INTO "+s.names.Table("alerts")+" (id, revision, detector, severity, status, detected, seen, alert)", "", func(b driver.Batch) error {
		for _, a := range newest {
			data, err := json.Marshal(a)
			if err != nil {
				return fmt.Errorf("alert %s: %w", a.ID, err)
			}
			if err := b.Append(a.ID, uint64(max(0, a.Revision)), a.Detector, uint8(a.Severity), string(a.Status), a.DetectedAt.UTC(), a.LastSeenAt.UTC(), string(data)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) revisions(ctx context.Context, ids []string) (map[string]uint64, error) {
	rows, err := s.conn.Query(s.reading(ctx), "SELECT id, max(revision) FROM "+s.names.Table("alerts")+" WHERE id IN ($1) GROUP BY id", ids)
	if err != nil {
		return nil, s.explain("read alerts", err)
	}
	defer rows.Close()
	out := make(map[string]uint64)
	for rows.Next() {
		var id string
		var revision uint64
		if err := rows.Scan(&id, &revision); err != nil {
			return nil, s.explain("read alerts", err)
		}
		out[id] = revision
	}
	return out, s.explain("read alerts", rows.Err())
}

// Alerts implements store.Reader.
func (s *Store) Alerts(ctx context.Context, q store.AlertQuery) ([]event.Alert, error) {
	var parts []string
	var args []any
	add := func(part string, value any) {
		args = append(args, value)
		parts = append(parts, fmt.Sprintf(part, fmt.Sprintf("$%d", len(args))))
	}
	if q.ID != "" {
		add("startsWith(id, %s)", strings.ToUpper(q.ID))
	}
	if q.Detector != "" {
		add("detector = %s", q.Detector)
	}
	if q.Severity > event.Info {
		add("severity >= %s", uint8(q.Severity))
	}
	if q.Status != "" {
		add("status = %s", string(q.Status))
	}
	if !q.Since.IsZero() {
		add("seen >= fromUnixTimestamp64Nano(%s)", q.Since.UnixNano())
	}
	text := "SELECT alert FROM " + s.names.Table("alerts") + " FINAL"
	if len(parts) > 0 {
		text += " WHERE " + strings.Join(parts, " AND ")
	}
	text += " ORDER BY detected DESC, id DESC"
	if q.Limit > 0 {
		text += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	alerts, err := decodeRows[event.Alert](ctx, s, "alerts", text, args...)
	if err != nil {
		return nil, err
	}
	slices.Reverse(alerts)
	return alerts, nil
}

// PutEndpoints implements store.Writer: it writes what differs from what is
// kept, in one block.
func (s *Store) PutEndpoints(ctx context.Context, endpoints []event.Endpoint) error {
	type key struct{ host, route, method string }
	type row struct {
		gone bool
		text string
	}
	kept := make(map[key]string)
	var version uint64
	rows, err := s.conn.Query(s.reading(ctx), "SELECT host, route, method, version, gone, endpoint FROM "+s.names.Table("endpoints")+" FINAL")
	if err != nil {
		return s.explain("read endpoints", err)
	}
	defer rows.Close()
	for rows.Next() {
		var k key
		var v uint64
		var gone uint8
		var text string
		if err := rows.Scan(&k.host, &k.route, &k.method, &v, &gone, &text); err != nil {
			return s.explain("read endpoints", err)
		}
		version = max(version, v)
		if gone == 0 {
			kept[k] = text
		}
	}
	if err := rows.Err(); err != nil {
		return s.explain("read endpoints", err)
	}
	changed := make(map[key]row)
	for i := range endpoints {
		e := &endpoints[i]
		data, err := json.Marshal(e)
		if err != nil {
			return fmt.Errorf("store: endpoint %s %s%s: %w", e.Method, e.Host, e.Route, err)
		}
		k := key{e.Host, e.Route, e.Method}
		if kept[k] != string(data) {
			changed[k] = row{text: string(data)}
		} else {
			delete(changed, k)
		}
		kept[k] = "" // wanted: not gone
	}
	for k, text := range kept {
		if text != "" {
			changed[k] = row{gone: true}
		}
	}
	if len(changed) == 0 {
		return nil
	}
	return s.put(ctx, "put endpoints", "INSERT INTO "+s.names.Table("endpoints")+" (host, route, method, version, gone, endpoint)", "", func(b driver.Batch) error {
		for k, r := range changed {
			gone := uint8(0)
			if r.gone {
				gone = 1
			}
			if err := b.Append(k.host, k.route, k.method, version+1, gone, r.text); err != nil {
				return err
			}
		}
		return nil
	})
}

// Endpoints implements store.Reader.
func (s *Store) Endpoints(ctx context.Context) ([]event.Endpoint, error) {
	return decodeRows[event.Endpoint](ctx, s, "endpoints", "SELECT endpoint FROM "+s.names.Table("endpoints")+" FINAL WHERE gone = 0 ORDER BY host, route, method")
}

// decodeRows reads one column of JSON.
func decodeRows[T any](ctx context.Context, s *Store, what, query string, args ...any) ([]T, error) {
	rows, err := s.conn.Query(s.reading(ctx), query, args...)
	if err != nil {
		return nil, s.explain(what, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, s.explain(what, err)
		}
		var v T
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, fmt.Errorf("store: %s: %w", what, err)
		}
		out = append(out, v)
	}
	return out, s.explain(what, rows.Err())
}

// Retain implements store.Writer. Days that are wholly before the time are
// dropped as they are; of the day in between, rows are deleted. The newest row
// of the ledger for each partition stays.
func (s *Store) Retain(ctx context.Context, before time.Time) (int64, error) {
	ns := before.UnixNano()
	var n uint64
	if err := s.conn.QueryRow(s.reading(ctx), "SELECT count() FROM "+s.names.Table("calls")+" WHERE ended < fromUnixTimestamp64Nano($1)", ns).Scan(&n); err != nil {
		return 0, s.explain("retention", err)
	}
	if n > 0 {
		if err := s.dropDays(ctx, before); err != nil {
			return 0, err
		}
		if err := s.exec(ctx, "DELETE FROM "+s.names.Local("calls")+s.names.OnCluster()+" WHERE ended < fromUnixTimestamp64Nano($1)", ns); err != nil {
			return 0, err
		}
	}
	if err := s.exec(ctx, "DELETE FROM "+s.names.Table("alerts")+" WHERE id IN (SELECT id FROM "+s.names.Table("alerts")+" FINAL WHERE status = $1 AND seen < fromUnixTimestamp64Nano($2))",
		string(event.StatusResolved), ns); err != nil {
		return int64(n), err
	}
	err := s.exec(ctx, "DELETE FROM "+s.names.Table("ledger")+" WHERE written < fromUnixTimestamp64Nano($1) AND (topic, partition, last) NOT IN (SELECT topic, partition, max(last) FROM "+
		s.names.Table("ledger")+" GROUP BY topic, partition)", ns)
	return int64(n), err
}

// dropDays drops the partitions of calls that hold nothing but days before the
// one that before is in.
func (s *Store) dropDays(ctx context.Context, before time.Time) error {
	source := "system.parts"
	if s.cfg.Cluster != "" {
		source = "clusterAllReplicas(" + literal(s.cfg.Cluster) + ", system.parts)"
	}
	table := "calls"
	if s.cfg.Cluster != "" {
		table = "calls_local"
	}
	rows, err := s.conn.Query(s.reading(ctx), "SELECT DISTINCT partition FROM "+source+" WHERE database = $1 AND table = $2 AND active AND partition < $3",
		s.names.database, table, before.UTC().Format(time.DateOnly))
	if err != nil {
		return s.explain("retention", err)
	}
	defer rows.Close()
	var days []string
	for rows.Next() {
		var day string
		if err := rows.Scan(&day); err != nil {
			return s.explain("retention", err)
		}
		days = append(days, day)
	}
	if err := rows.Err(); err != nil {
		return s.explain("retention", err)
	}
	for _, day := range days {
		if err := s.exec(ctx, "ALTER TABLE "+s.names.Local("calls")+s.names.OnCluster()+" DROP PARTITION $1", day); err != nil {
			return err
		}
	}
	return nil
}

// Erase implements store.Eraser: the rows are rewritten without the actor's,
// in the table and its projection, before it returns.
func (s *Store) Erase(ctx context.Context, actor string) (int64, error) {
	if actor == "" {
		return 0, fmt.Errorf("store: erase: no actor is named")
	}
	n, err := s.CountCalls(ctx, store.CallQuery{Actor: actor})
	if err != nil || n == 0 {
		return 0, err
	}
	return n, s.exec(ctx, "ALTER TABLE "+s.names.Local("calls")+s.names.OnCluster()+" DELETE WHERE actor = $1 OR user_name = $1 OR token = $1 OR account = $1", actor)
}
