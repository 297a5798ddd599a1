package clickhouse

import (
	"strings"
	"testing"
	"time"
)

// A retention whose TTL would wrap around is refused before any table is
// touched: the server would delete every row at once.
func TestRetentionBeyondWhatATTLCounts(t *testing.T) {
	const day = 24 * time.Hour
	for _, r := range []Retention{{Calls: 36_500 * day}, {Calls: 30 * day, Rollups: 7301 * day}} {
		s := &Store{cfg: Config{Retention: r}}
		if err := s.retentionTiers(t.Context()); err == nil || !strings.Contains(err.Error(), "at most 7300") {
			t.Errorf("%+v: %v, want an error that names the most there is", r, err)
		}
	}
}
