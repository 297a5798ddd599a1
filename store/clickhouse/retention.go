package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// maxRetention is what a TTL can count. It is a DateTime of 32 bits, which end
// in 2106: a sum beyond wraps around, and every row would be due at once.
const maxRetention = 20 * 365 * 24 * time.Hour

// retentionTiers makes the tables keep rows as long as the configuration says.
func (s *Store) retentionTiers(ctx context.Context) error {
	r := s.cfg.Retention
	if r == (Retention{}) {
		return nil
	}
	for _, d := range []time.Duration{r.Calls, r.Rollups, r.Cold} {
		if d < 0 || d%(24*time.Hour) != 0 {
			return fmt.Errorf("store: retention is counted in whole days, not %s", d)
		}
		if d > maxRetention {
			return fmt.Errorf("store: a retention of %d days is more than ClickHouse can count: at most %d", days(d), days(maxRetention))
		}
	}
	if (r.Cold > 0) != (r.ColdVolume != "") {
		return errors.New("store: moving calls to a cold volume needs both the age and the volume")
	}
	if r.Cold > 0 && r.Calls > 0 && r.Cold >= r.Calls {
		return errors.New("store: calls would be deleted before they are moved to the cold volume: make the cold age shorter than the retention")
	}
	if r.StoragePolicy != "" {
		if err := s.alter(ctx, "calls", "storage_policy = "+literal(r.StoragePolicy), "MODIFY SETTING storage_policy = "+literal(r.StoragePolicy)); err != nil {
			return err
		}
	}
	if ttl := callsTTL(r); ttl != "" {
		if err := s.alter(ctx, "calls", "TTL "+ttl, "MODIFY TTL "+ttl); err != nil {
			return err
		}
	}
	if r.Rollups > 0 {
		ttl := fmt.Sprintf("minute + toIntervalDay(%d)", days(r.Rollups))
		return s.alter(ctx, "calls_per_minute", "TTL "+ttl, "MODIFY TTL "+ttl)
	}
	return nil
}

// callsTTL is written as the server writes it back, so that a look tells
// whether it has it already.
func callsTTL(r Retention) string {
	var tiers []string
	if r.Calls > 0 {
		tiers = append(tiers, fmt.Sprintf("toDateTime(ended) + toIntervalDay(%d)", days(r.Calls)))
	}
	if r.Cold > 0 {
		tiers = append(tiers, fmt.Sprintf("toDateTime(ended) + toIntervalDay(%d) TO VOLUME %s", days(r.Cold), literal(r.ColdVolume)))
	}
	return strings.Join(tiers, ", ")
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }

// alter changes a table unless its definition already says so. Parts written
// before are left as they are: they are dropped whole when all of their rows
// are due.
func (s *Store) alter(ctx context.Context, table, present, change string) error {
	name := table
	if s.cfg.Cluster != "" {
		name += "_local"
	}
	var definition string
	if err := s.conn.QueryRow(ctx, "SELECT engine_full FROM system.tables WHERE database = $1 AND name = $2", s.names.database, name).Scan(&definition); err != nil {
		return s.explain("read a table's definition", err)
	}
	// The whole clause, up to the next one.
	for _, end := range []string{" SETTINGS", ",", ""} {
		if at := strings.Index(definition, present+end); at >= 0 && (end != "" || at+len(present) == len(definition)) && !strings.HasPrefix(definition[at+len(present):], ", toDateTime(") {
			return nil
		}
	}
	return s.exec(ctx, "ALTER TABLE "+s.names.Local(table)+s.names.OnCluster()+" "+change)
}
