package clickhouse

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"lapwing/store/duckdb"
	"lapwing/store/storetest"
)

// The embedded store and the server give the same answers. LAPWING_QUESTIONS
// says how many questions are asked; the long form has 10,000.
func TestIntegrationSameAnswersAsDuckDB(t *testing.T) {
	s := open(t, nil)
	embedded, err := duckdb.Open(t.Context(), duckdb.Config{Path: filepath.Join(t.TempDir(), "calls.duckdb")})
	if err != nil {
		t.Fatal(err)
	}
	defer embedded.Close()
	questions := 400
	if text := os.Getenv("LAPWING_QUESTIONS"); text != "" {
		if questions, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	storetest.Differential(t, embedded, s, 600, questions)
}
