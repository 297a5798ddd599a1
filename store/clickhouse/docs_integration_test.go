package clickhouse

import (
	"os"
	"strings"
	"testing"
)

// The questions that the documentation shows are questions that work.
func TestIntegrationDocumentedQuestions(t *testing.T) {
	s := open(t, nil)
	if err := s.AppendLog(t.Context(), batch(1, 0, 10)); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/clickhouse.md")
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for i, part := range strings.Split(string(page), "```") {
		block, ok := strings.CutPrefix(part, "sql\n")
		if i%2 == 0 || !ok {
			continue
		}
		for _, q := range split(block) {
			if !strings.HasPrefix(q, "SELECT") {
				continue
			}
			asked++
			rows, err := s.conn.Query(t.Context(), strings.ReplaceAll(q, "lapwing.", s.names.database+"."))
			if err != nil {
				t.Errorf("%v\n%s", err, q)
				continue
			}
			found := 0
			for rows.Next() {
				found++
			}
			if err := rows.Err(); err != nil {
				t.Errorf("%v\n%s", err, q)
			}
			rows.Close()
			if strings.Contains(q, "l.kept != c.rows") && found != 0 {
				t.Errorf("the ledger does not agree with the calls: %d batches", found)
			}
		}
	}
	if asked < 5 {
		t.Errorf("only %d questions were found", asked)
	}
}
