package clickhouse

import (
	"fmt"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"lapwing/event"
	"lapwing/store"
)

// The two questions that the table is sorted for read a small part of it: all
// on one route, and all that one actor did.
func TestIntegrationQuestionsReadLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("inserts 200,000 calls")
	}
	const n, batches = 200_000, 4
	s := open(t, nil)
	source := newTraffic(3, 20)
	rare := newTraffic(4, 20).calls(3)
	for i := range batches {
		calls := source.calls(n / batches)
		if i < len(rare) {
			rare[i].Time = calls[100].Time
			rare[i].Actor, rare[i].User, rare[i].Token, rare[i].Account = event.Actor{Kind: event.KindUser, Value: "nm-rare"}, "nm-rare", "tok-rare00000000", "nm-other"
			calls = append(calls, rare[i])
		}
		if err := s.insertCalls(t.Context(), calls, fmt.Sprint("plan/", i), nil, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.exec(t.Context(), "OPTIMIZE TABLE "+s.names.Table("calls")+" FINAL"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		q    store.CallQuery
		want int64
		read uint64 // rows at most
	}{
		{"what an actor did", store.CallQuery{Actor: "nm-rare"}, 3, n / 4},
		{"what came with a token", store.CallQuery{Actor: "tok-rare00000000"}, 3, n / 4},
		{"what came for an account", store.CallQuery{Actor: "nm-other"}, 3, n / 4},
		{"one host in one hour", store.CallQuery{Host: "api-3.example.com", Since: source.at.Add(-time.Hour)}, -1, n / 2},
		{"a host that is not there", store.CallQuery{Host: "nowhere"}, 0, 0},
	} {
		where, args := s.callWhere(tc.q)
		var count, read uint64
		ctx := ch.Context(t.Context(), ch.WithProgress(func(p *ch.Progress) { read += p.Rows }))
		if err := s.conn.QueryRow(ctx, "SELECT count() FROM "+s.names.Table("calls")+where, args...).Scan(&count); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d calls, %d rows read of %d", tc.name, count, read, n)
		if tc.want >= 0 && int64(count) != tc.want {
			t.Errorf("%s: %d calls, want %d", tc.name, count, tc.want)
		}
		if read > tc.read {
			t.Errorf("%s: %d of %d rows were read, want %d at most", tc.name, read, n, tc.read)
		}
	}
}
