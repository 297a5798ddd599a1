package clickhouse

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lapwing/event"
)

var update = flag.Bool("update", false, "write the golden files anew")

// statements returns all migrations as one text.
func statements(t *testing.T, n names) string {
	t.Helper()
	list, err := migrations(n)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, m := range list {
		if m.version != i+1 {
			t.Errorf("migration %s has number %d, want %d", m.name, m.version, i+1)
		}
		for _, s := range m.statements {
			b.WriteString(s + ";\n\n")
		}
	}
	return b.String()
}

// What a server is told is on record: a migration that has been released must
// not change.
func TestMigrationsAreOnRecord(t *testing.T) {
	for file, n := range map[string]names{
		"server.sql":  {database: "lapwing"},
		"cluster.sql": {database: "lapwing", cluster: "main"},
	} {
		path := filepath.Join("testdata", file)
		got := statements(t, n)
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs; if no release has it, run go test -update", path)
		}
	}
}

func TestStatementsMayRunTwice(t *testing.T) {
	for _, cluster := range []string{"", "main"} {
		list, err := migrations(names{database: "d", cluster: cluster})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range list {
			for _, s := range m.statements {
				if !strings.Contains(s, "IF NOT EXISTS") && !strings.Contains(s, "IF EXISTS") {
					t.Errorf("%s: cannot run twice: %s", m.name, s)
				}
				if cluster != "" && !strings.Contains(s, "ON CLUSTER `main`") {
					t.Errorf("%s: runs on one server of the cluster only: %s", m.name, s)
				}
			}
		}
	}
}

func TestIdentifiersAndLiteralsAreQuoted(t *testing.T) {
	for in, want := range map[string]string{"a": "`a`", "a`b": "`a\\`b`", `a\`: "`a\\\\`"} {
		if got := quote(in); got != want {
			t.Errorf("quote(%s) = %s, want %s", in, got, want)
		}
	}
	for in, want := range map[string]string{"a": "'a'", "a'b": `'a\'b'`, `a\`: `'a\\'`} {
		if got := literal(in); got != want {
			t.Errorf("literal(%s) = %s, want %s", in, got, want)
		}
	}
}

// Every code that a call can carry has its name in the table; a code beyond
// them is kept as another, not refused for ever.
func TestEnumerationsAreComplete(t *testing.T) {
	if knownPlaces >= responsePlace || knownClasses > 127 || knownAuths > 127 {
		t.Fatalf("%d places, %d classes, %d ways of authentication do not fit", knownPlaces, knownClasses, knownAuths)
	}
	r := event.IDRef{In: 200, Response: true}
	if got := place(&r); got != int8(event.InBody)+responsePlace {
		t.Errorf("an unknown place is kept as %d", got)
	}
	for i := range knownPlaces {
		for _, response := range []bool{false, true} {
			r := event.IDRef{In: event.Place(i), Response: response}
			if code := place(&r); int(code)%responsePlace != i || (code >= responsePlace) != response {
				t.Errorf("place %v of the response %v has code %d", r.In, response, code)
			}
		}
	}
}
