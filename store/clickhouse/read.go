package clickhouse

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"lapwing/event"
	"lapwing/store"
)

// reading bounds what one question may cost the server.
func (s *Store) reading(ctx context.Context) context.Context {
	limits := s.cfg.Limits
	memory := or(limits.MemoryBytes, 2<<30)
	settings := ch.Settings{
		"max_execution_time":             int(max(time.Second, or(limits.Time, 10*time.Minute)) / time.Second),
		"max_memory_usage":               memory,
		"max_bytes_before_external_sort": memory / 2,
	}
	if limits.Rows > 0 {
		settings["max_rows_to_read"] = limits.Rows
	}
	return ch.Context(ctx, ch.WithSettings(settings))
}

// callRead are the columns that Calls reads: all but the batch.
var callRead = strings.TrimSuffix(callColumnList, ", `batch`")

// Calls implements store.Reader.
func (s *Store) Calls(ctx context.Context, q store.CallQuery, fn func(*event.Call) error) error {
	where, args := s.callWhere(q)
	limit := ""
	if q.Limit > 0 {
		limit = fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	rows, err := s.conn.Query(s.reading(ctx), "SELECT "+callRead+" FROM "+s.names.Table("calls")+where+" ORDER BY ended, id"+limit, args...)
	if err != nil {
		return s.explain("calls", err)
	}
	defer rows.Close()
	d := decoder{lists: make(map[string][]string)}
	for rows.Next() {
		c, err := d.call(rows)
		if err != nil {
			return fmt.Errorf("store: calls: %w", err)
		}
		if err := fn(c); err != nil {
			return err
		}
	}
	return s.explain("calls", rows.Err())
}

// CountCalls implements store.Reader.
func (s *Store) CountCalls(ctx context.Context, q store.CallQuery) (int64, error) {
	where, args := s.callWhere(q)
	var n uint64
	if err := s.conn.QueryRow(s.reading(ctx), "SELECT count() FROM "+s.names.Table("calls")+where, args...).Scan(&n); err != nil {
		return 0, s.explain("count calls", err)
	}
	return int64(n), nil
}

func (s *Store) callWhere(q store.CallQuery) (string, []any) {
	var parts, times []string
	var args []any
	bind := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	if !q.Since.IsZero() {
		times = append(times, "ended >= fromUnixTimestamp64Nano("+bind(q.Since.UnixNano())+")")
	}
	if !q.Until.IsZero() {
		times = append(times, "ended < fromUnixTimestamp64Nano("+bind(q.Until.UnixNano())+")")
	}
	parts = append(parts, times...)
	if q.Client != "" {
		parts = append(parts, "client = "+bind(q.Client))
	}
	if q.Actor != "" {
		v := bind(q.Actor)
		fields := []string{"actor", "user_name", "token", "account"}
		var any, places []string
		for _, f := range fields {
			any = append(any, f+" = "+v)
			places = append(places, "SELECT host, path_shape, ended FROM "+s.names.Table("calls")+" WHERE "+strings.Join(append([]string{f + " = " + v}, times...), " AND "))
		}
		parts = append(parts, "("+strings.Join(any, " OR ")+")")
		if s.cfg.Cluster == "" {
			// Where the actor's rows stand: by the projection for the actor, by
			// an index for the rest. The sort key leads from there to the rows.
			parts = append(parts, "(host, path_shape, ended) IN ("+strings.Join(places, " UNION ALL ")+")")
		}
	}
	if q.Host != "" {
		parts = append(parts, "host = "+bind(q.Host))
	}
	if q.PathPrefix != "" {
		parts = append(parts, "startsWith(path, "+bind(q.PathPrefix)+")")
	}
	if len(parts) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(parts, " AND "), args
}

// A decoder makes calls of rows. Lists of keys that are equal share memory.
type decoder struct {
	lists map[string][]string
}

func (d *decoder) list(text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	if l, ok := d.lists[text]; ok {
		return l, nil
	}
	var l []string
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		return nil, err
	}
	if len(d.lists) >= maxCached {
		clear(d.lists)
	}
	d.lists[text] = l
	return l, nil
}

func (d *decoder) call(rows driver.Rows) (*event.Call, error) {
	var (
		c                                                      event.Call
		id                                                     []byte
		duration                                               int64
		source, client, peer, server, kind, auth               string
		peerPort                                               uint16
		status                                                 int32
		places, names, classes                                 []string
		hashes, orders                                         []uint64
		values                                                 []int64
		requestItems, responseItems                            int64
		requestKeys, responseKeys, requestClass, responseClass string
		gap                                                    uint8
		flags                                                  uint64
	)
	rq, rs := &c.Shape.Request, &c.Shape.Response
	if err := rows.Scan(&c.Time, &duration, &id, &c.Sensor, &source, &client, &c.ClientPort, &peer, &peerPort, &server, &c.ServerPort,
		&c.Scheme, &c.Protocol, &c.Method, &c.Host, &c.Path, &c.Query, &c.PathShape, &c.Route, &c.Operation, &status, &c.RequestBytes, &c.ResponseBytes,
		&c.UserAgent, &c.Referer, &kind, &c.Actor.Value, &c.User, &c.Tenant, &c.Token, &c.Account, &auth, &c.Fingerprint,
		&places, &names, &classes, &hashes, &values, &orders,
		&rq.Type, &requestKeys, &rq.Hash, &requestItems, &rq.Outcome, &rq.Location,
		&rs.Type, &responseKeys, &rs.Hash, &responseItems, &rs.Outcome, &rs.Location,
		&requestClass, &responseClass, &c.Gap.Request, &c.Gap.Response, &gap, &flags); err != nil {
		return nil, err
	}
	copy(c.ID[:], id)
	c.Duration = time.Duration(duration)
	c.Time = c.Time.Add(-c.Duration).UTC()
	c.Status, c.Actor.Kind, c.Flags = int(status), event.Kind(kind), event.Flags(flags)
	rq.Items, rs.Items = int(requestItems), int(responseItems)
	c.Gap.NoRequest, c.Gap.NoResponse = gap&gapNoRequest != 0, gap&gapNoResponse != 0
	c.Gap.BodyUnread, c.Gap.IDsIncomplete = gap&gapBodyUnread != 0, gap&gapIDsIncomplete != 0
	var err error
	if c.Source, err = event.ParseSource(source); err != nil {
		return nil, err
	}
	if c.Auth, err = event.ParseAuth(auth); err != nil {
		return nil, err
	}
	for _, l := range []struct {
		to   *[]string
		text string
	}{{&rq.Keys, requestKeys}, {&rs.Keys, responseKeys}, {&c.Sensitive.Request, requestClass}, {&c.Sensitive.Response, responseClass}} {
		if *l.to, err = d.list(l.text); err != nil {
			return nil, err
		}
	}
	if c.Client, err = parseAddress(client); err != nil {
		return nil, err
	}
	if c.Server, err = parseAddress(server); err != nil {
		return nil, err
	}
	if peer != "" {
		a, err := netip.ParseAddr(peer)
		if err != nil {
			return nil, err
		}
		c.Peer = netip.AddrPortFrom(a, peerPort)
	}
	if len(names) > 0 {
		c.IDs = make([]event.IDRef, len(names))
	}
	for i := range c.IDs {
		c.IDs[i] = event.IDRef{Name: names[i], Hash: hashes[i], Int: values[i], Order: orders[i]}
		c.IDs[i].Response, c.IDs[i].In = parsePlace(places[i])
		c.IDs[i].Class = classCodes[classes[i]]
	}
	return &c, nil
}

func parseAddress(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, nil
	}
	return netip.ParseAddr(s)
}

var placeCodes, classCodes = func() (map[string]event.Place, map[string]event.Class) {
	places, classes := make(map[string]event.Place), make(map[string]event.Class)
	for i := range knownPlaces {
		places[event.Place(i).String()] = event.Place(i)
	}
	for i := range knownClasses {
		classes[event.Class(i).String()] = event.Class(i)
	}
	return places, classes
}()

// parsePlace reads request.path, response.body and so on.
func parsePlace(s string) (response bool, in event.Place) {
	where, name, _ := strings.Cut(s, ".")
	return where == "response", placeCodes[name]
}
