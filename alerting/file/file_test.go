package file

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"lapwing/alerting"
)

// Whatever a kill left at the end of the file, what follows is a line of its
// own, and what was whole before stays.
func TestTornLine(t *testing.T) {
	long := "{\"a\":\"" + string(bytes.Repeat([]byte("x"), maxTorn))
	for name, c := range map[string]struct{ before, kept string }{
		"empty":               {"", ""},
		"whole":               {"{\"a\":1}\n", "{\"a\":1}\n"},
		"torn":                {"{\"a\":1}\n{\"b\":", "{\"a\":1}\n"},
		"torn at once":        {"{\"b\":", ""},
		"only the feed lacks": {"{\"a\":1}\n{\"b\":2}", "{\"a\":1}\n{\"b\":2}\n"},
		"zeros of the disk":   {"{\"a\":1}\n\x00\x00\x00", "{\"a\":1}\n"},
		"not ours":            {long, long + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "alerts.ndjson")
			if err := os.WriteFile(path, []byte(c.before), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // each time as after a start
				d, err := New(Config{Path: path})
				if err != nil {
					t.Fatal(err)
				}
				if err := d.Send(context.Background(), alerting.Notification{Key: "k", Kind: alerting.KindOpen}); err != nil {
					t.Fatal(err)
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			added, ok := bytes.CutPrefix(data, []byte(c.kept))
			lines := bytes.SplitAfter(added, []byte{'\n'})
			if !ok || len(lines) != 3 || len(lines[2]) != 0 || !json.Valid(lines[0]) || !json.Valid(lines[1]) {
				t.Fatalf("%.200q, want %.200q and two lines", data, c.kept)
			}
		})
	}
}
