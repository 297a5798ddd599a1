package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing/store"
)

func TestIntegrationSeveralOpenAtOnce(t *testing.T) {
	cfg := Config{DSN: server(t), Database: "test_" + newNonce(), Writer: "test"}
	defer drop(t, cfg)
	var wg sync.WaitGroup
	stores := make([]*Store, 4)
	for i := range stores {
		wg.Go(func() {
			s, err := Open(t.Context(), cfg)
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	for i, s := range stores {
		if err := s.AppendLog(t.Context(), batch(i, i*10, 10)); err != nil {
			t.Error(err)
		}
	}
	var versions uint64
	if err := stores[0].conn.QueryRow(t.Context(), "SELECT uniqExact(version) FROM "+stores[0].names.Table("migrations")).Scan(&versions); err != nil || versions != 4 {
		t.Errorf("%d versions are noted (%v)", versions, err)
	}
	check(t, stores[0], 40)
	for _, s := range stores {
		s.Close()
	}
	// A migration that was interrupted anywhere is run again from its beginning.
	for version := range 5 {
		conn := rawConn(t, cfg)
		if err := conn.Exec(t.Context(), fmt.Sprintf("ALTER TABLE %s.migrations DELETE WHERE version > %d SETTINGS mutations_sync = 2", cfg.Database, version)); err != nil {
			t.Fatal(err)
		}
		conn.Close()
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatalf("after version %d: %v", version, err)
		}
		check(t, s, 40)
		s.Close()
	}
}

// Whatever is wrong is said in one sentence that tells what to do.
func TestIntegrationOpenSaysWhatIsWrong(t *testing.T) {
	dsn := server(t)
	newer := open(t, nil)
	if err := newer.exec(t.Context(), "INSERT INTO "+newer.names.Table("migrations")+" (version, name) VALUES (999, 'later')"); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	web := webServer(t)
	for name, tc := range map[string]struct {
		cfg  Config
		want []string
	}{
		"no address":           {Config{}, []string{"no address", "store.clickhouse"}},
		"no port":              {Config{Addresses: []string{"db.example"}}, []string{"no port", "db.example:9000"}},
		"not a DSN":            {Config{DSN: "clickhouse://"}, []string{"cannot be read", "clickhouse://user:password@host"}},
		"HTTP":                 {Config{DSN: "http://127.0.0.1:8123/x"}, []string{"native protocol"}},
		"nobody listens":       {Config{Addresses: []string{closed.Addr().String()}}, []string{"cannot be reached", closed.Addr().String(), "check the address"}},
		"nobody answers":       {Config{Addresses: []string{silent.Addr().String()}, DialTimeout: 200 * time.Millisecond}, []string{"cannot be reached", silent.Addr().String()}},
		"another protocol":     {Config{Addresses: []string{web}}, []string{"native one"}},
		"wrong password":       {Config{DSN: dsn, Password: "wrong"}, []string{`refuses user "default"`, "password"}},
		"unknown user":         {Config{DSN: dsn, User: "nobody"}, []string{`refuses user "nobody"`}},
		"a newer database":     {Config{DSN: dsn, Database: newer.names.database}, []string{"version 999", "newer lapwing"}},
		"no right to make it":  {Config{DSN: dsn + "?readonly=2", Database: "test_" + newNonce()}, []string{"lacks a right", "docs/clickhouse.md"}},
		"half a day":           {Config{DSN: dsn, Database: newer.names.database + "x", Retention: Retention{Calls: 12 * time.Hour}}, []string{"whole days"}},
		"cold without volume":  {Config{DSN: dsn, Database: newer.names.database + "x", Retention: Retention{Cold: 24 * time.Hour}}, []string{"volume"}},
		"deleted before moved": {Config{DSN: dsn, Database: newer.names.database + "x", Retention: Retention{Calls: 24 * time.Hour, Cold: 48 * time.Hour, ColdVolume: "cold"}}, []string{"deleted before"}},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			s, err := Open(ctx, tc.cfg)
			if err == nil {
				s.Close()
				t.Fatal("it opened")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "wrong") && tc.cfg.Password == "wrong" {
				t.Errorf("not one sentence, or it shows the password: %q", err)
			}
		})
	}
	drop(t, Config{DSN: dsn, Database: newer.names.database + "x"})
}

// webServer answers everything as a web server would.
func webServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			c.Close()
		}
	}()
	return l.Addr().String()
}

func TestOldServersAreRefused(t *testing.T) {
	for v, want := range map[[2]uint64]bool{{18, 16}: true, {23, 12}: true, {24, 7}: true, {24, 8}: false, {25, 1}: false, {26, 7}: false} {
		if tooOld(v[0], v[1]) != want {
			t.Errorf("version %d.%d: too old is %v", v[0], v[1], !want)
		}
	}
}

func TestIntegrationRetentionTiers(t *testing.T) {
	s := open(t, func(c *Config) { c.Retention = Retention{Calls: 30 * 24 * time.Hour, Rollups: 400 * 24 * time.Hour} })
	definition := func(table string) (d string) {
		if err := s.conn.QueryRow(t.Context(), "SELECT engine_full FROM system.tables WHERE database = $1 AND name = $2", s.names.database, table).Scan(&d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := definition("calls"); !strings.Contains(d, "TTL toDateTime(ended) + toIntervalDay(30) SETTINGS") {
		t.Errorf("calls: %s", d)
	}
	if d := definition("calls_per_minute"); !strings.Contains(d, "TTL minute + toIntervalDay(400)") {
		t.Errorf("rollups: %s", d)
	}
	for _, tc := range []struct {
		retention Retention
		want      string
		altered   bool
	}{
		{Retention{}, "toIntervalDay(30)", false},
		{Retention{Calls: 30 * 24 * time.Hour}, "toIntervalDay(30)", false},
		{Retention{Calls: 3 * 24 * time.Hour}, "toIntervalDay(3) ", true},
		{Retention{Calls: 30 * 24 * time.Hour, Cold: 7 * 24 * time.Hour, ColdVolume: "default"}, "toIntervalDay(30), toDateTime(ended) + toIntervalDay(7) TO VOLUME 'default'", true},
		{Retention{Calls: 30 * 24 * time.Hour, Cold: 7 * 24 * time.Hour, ColdVolume: "default"}, "TO VOLUME", false},
		{Retention{Calls: 30 * 24 * time.Hour}, "toIntervalDay(30) SETTINGS", true},
	} {
		before := definition("calls")
		s.cfg.Retention = tc.retention
		if err := s.retentionTiers(t.Context()); err != nil {
			t.Fatal(err)
		}
		after := definition("calls")
		if !strings.Contains(after, tc.want) || (before != after) != tc.altered {
			t.Errorf("%+v: %s", tc.retention, after)
		}
	}
}

// Charts must not count a batch twice, and must count one whose first insert
// reached the calls and not the counts.
func TestIntegrationRollupsFollowTheCalls(t *testing.T) {
	s := open(t, nil)
	view := s.names.Table("calls_to_minutes")
	// The view fails once: its source throws.
	if err := s.exec(t.Context(), "ALTER TABLE "+view+" MODIFY QUERY SELECT toStartOfMinute(toDateTime(ended, 'UTC')) AS minute, host, toUInt64(throwIf(1)) AS calls FROM "+s.names.Table("calls")); err != nil {
		t.Fatal(err)
	}
	attempts := 0
	s.sleep = func(ctx context.Context, _ time.Duration) error {
		if attempts++; attempts == 2 {
			list, err := migrations(s.names)
			if err != nil {
				return err
			}
			create := list[1].statements[len(list[1].statements)-1]
			_, query, ok := strings.Cut(create, " AS\n")
			if !ok {
				return errors.New("the view's statement looks different")
			}
			return s.exec(ctx, "ALTER TABLE "+view+" MODIFY QUERY "+query)
		}
		return ctx.Err()
	}
	if err := s.AppendLog(t.Context(), batch(0, 0, 100)); err != nil {
		t.Fatal(err)
	}
	if attempts != 2 {
		t.Fatalf("%d attempts failed, want 2", attempts)
	}
	for range 3 {
		if err := reborn(s, s.sleep).insertCalls(t.Context(), batch(0, 0, 100).Calls, "calls/0/0-0", nil, false); err != nil {
			t.Fatal(err)
		}
	}
	check(t, s, 100)

	var calls, errors uint64
	var quantiles []float32
	var actors uint64
	if err := s.conn.QueryRow(t.Context(), "SELECT sum(calls), sum(errors), quantilesTDigestMerge(0.5, 0.9, 0.99)(duration), uniqCombined64Merge(12)(actors) FROM "+s.names.Table("calls_per_minute")+
		" WHERE host = 'api.example.com' AND path_shape = '/v1/orders/{int}' AND method = 'POST' AND status_class = 2").Scan(&calls, &errors, &quantiles, &actors); err != nil {
		t.Fatal(err)
	}
	if calls != 100 || errors != 0 || actors != 3 || len(quantiles) != 3 || quantiles[0] < 1.23 || quantiles[0] > 1.24 {
		t.Errorf("%d calls, %d errors, %v ms, %d actors", calls, errors, quantiles, actors)
	}
}

func TestIntegrationQuestionsAreLimited(t *testing.T) {
	s := open(t, func(c *Config) { c.Limits.Rows = 50 })
	if err := s.AppendLog(t.Context(), batch(0, 0, 100)); err != nil {
		t.Fatal(err)
	}
	_, err := s.CountCalls(t.Context(), store.CallQuery{PathPrefix: "/v1"})
	if err == nil || !strings.Contains(err.Error(), "set limits") {
		t.Errorf("a question over too many rows: %v", err)
	}
}

func TestIntegrationReadableView(t *testing.T) {
	s := open(t, nil)
	b := batch(1, 0, 1)
	if err := s.AppendLog(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	var call string
	var at time.Time
	var ms float64
	var flags, keys []string
	if err := s.conn.QueryRow(t.Context(), "SELECT lower(call), time, duration_ms, flag_names, response_key_list FROM "+s.names.Table("calls_readable")).Scan(&call, &at, &ms, &flags, &keys); err != nil {
		t.Fatal(err)
	}
	c := b.Calls[0]
	if call != c.ID.String() || !at.Equal(c.Time) || ms != 1.234567 || strings.Join(flags, " ") != strings.Join(c.Flags.Names(), " ") || strings.Join(keys, " ") != "id:int" {
		t.Errorf("%s %s %v %v %v", call, at, ms, flags, keys)
	}
}
