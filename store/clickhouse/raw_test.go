package clickhouse

import (
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// rawConn speaks to the server as any client would.
func rawConn(t testing.TB, cfg Config) driver.Conn {
	t.Helper()
	options, err := cfg.options()
	if err != nil {
		t.Fatal(err)
	}
	options.Auth.Database = ""
	conn, err := ch.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}
