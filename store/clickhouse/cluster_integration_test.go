package clickhouse

import (
	"strings"
	"testing"
)

// The test server has no Keeper, so nothing can be replicated on it. That the
// statements for a cluster are statements at all is for its parser to say, and
// that they name the engines they should is checked here.
func TestIntegrationClusterStatementsParse(t *testing.T) {
	conn := rawConn(t, Config{DSN: server(t)})
	defer conn.Close()
	n := names{database: "lapwing", cluster: "main"}
	list, err := migrations(n)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, m := range list {
		for _, s := range m.statements {
			count++
			var formatted string
			if err := conn.QueryRow(t.Context(), "SELECT formatQuery($1)", s).Scan(&formatted); err != nil {
				t.Errorf("%s: %v\n%s", m.name, err, s)
				continue
			}
			if !strings.Contains(formatted, "ON CLUSTER main") {
				t.Errorf("%s: not on the cluster: %s", m.name, formatted)
			}
			if strings.Contains(formatted, "MergeTree") && !strings.Contains(formatted, "Replicated") {
				t.Errorf("%s: not replicated: %s", m.name, formatted)
			}
		}
	}
	single, err := migrations(names{database: "lapwing"})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range single {
		count -= len(m.statements)
	}
	if count != 2 {
		t.Errorf("%d statements more than for one server, want the two tables over all shards", count)
	}
	for _, s := range []string{
		"ALTER TABLE " + n.Local("calls") + n.OnCluster() + " DELETE WHERE batch = 'x'",
		"DELETE FROM " + n.Local("calls") + n.OnCluster() + " WHERE ended < fromUnixTimestamp64Nano(1)",
		"ALTER TABLE " + n.Local("calls") + n.OnCluster() + " DROP PARTITION '2026-01-05'",
		"ALTER TABLE " + n.Local("calls") + n.OnCluster() + " MODIFY TTL toDateTime(ended) + toIntervalDay(30)",
	} {
		var formatted string
		if err := conn.QueryRow(t.Context(), "SELECT formatQuery($1)", s).Scan(&formatted); err != nil {
			t.Errorf("%v\n%s", err, s)
		}
	}
}
