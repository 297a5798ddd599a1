package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"lapwing/event"
)

func logFile(t *testing.T, name string, seconds ...int) string {
	t.Helper()
	var b strings.Builder
	for _, s := range seconds {
		at := time.Date(2026, 3, 2, 9, 0, s, 0, time.UTC).Format("02/Jan/2006:15:04:05 -0700")
		fmt.Fprintf(&b, "192.0.2.1 - - [%s] \"GET /%s/%d HTTP/1.1\" 200 5 \"-\" \"ua\"\n", at, strings.TrimSuffix(name, ".log"), s)
	}
	return write(t, name, b.String())
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read gives the paths of the calls, and fails if a call comes behind what a
// watermark promised.
func read(t *testing.T, inputs ...string) (paths []string, r Report, err error) {
	t.Helper()
	low := int64(0)
	r, err = Files(t.Context(), Config{Inputs: inputs}, Sink{
		Call: func(c *event.Call) {
			if c.End().UnixNano() < low {
				t.Errorf("%s comes behind the watermark", c.Path)
			}
			paths = append(paths, c.Path)
		},
		Watermark: func(ns int64) { low = max(low, ns) },
	})
	return paths, r, err
}

// Inputs advance together: were one read to its end before the other, the
// other's calls would come hours behind the watermark.
func TestInputsAdvanceTogether(t *testing.T) {
	var even, odd []int
	var want []string
	for n := range 5000 {
		even, odd = append(even, 20*n), append(odd, 20*n+10)
		want = append(want, fmt.Sprintf("/a/%d", 20*n), fmt.Sprintf("/b/%d", 20*n+10))
	}
	slices.Sort(want)
	a, b := logFile(t, "a.log", even...), logFile(t, "b.log", odd...)
	for _, inputs := range [][]string{{a, b}, {b, a}} {
		got, r, err := read(t, inputs...)
		if err != nil || r.Calls != int64(len(want)) || len(r.Logs) != 2 {
			t.Fatalf("%d calls of %d logs, %v", r.Calls, len(r.Logs), err)
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Error("other calls than the logs hold")
		}
	}
}

// One bad input stops none of the others, and is an error all the same.
func TestBadInputsAreErrorsOfTheirOwn(t *testing.T) {
	good := logFile(t, "good.log", 1, 2)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	broken := write(t, "broken.log", strings.Repeat(string(text)+"no log line at all\n", 3))
	got, r, err := read(t, "/nowhere/x.pcap", broken, good)
	if err == nil || !strings.Contains(err.Error(), "/nowhere/x.pcap") || !strings.Contains(err.Error(), "3 of 9 lines do not parse") {
		t.Errorf("error: %v", err)
	}
	if len(got) != 8 {
		t.Errorf("%d calls, want the 8 that can be read", len(got))
	}
	for _, l := range r.Logs {
		if l.Lines != l.Calls+l.Blank+l.Unparsed {
			t.Errorf("%+v does not add up", l)
		}
	}
}

func TestFewBrokenLinesAreCountedOnly(t *testing.T) {
	good := logFile(t, "good.log", 1, 2, 3, 4, 5, 6, 7, 8, 9)
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	_, r, err := read(t, write(t, "mostly.log", string(text)+"what is this\n\n"))
	if err != nil || r.Logs[0].Unparsed != 1 || r.Logs[0].Blank != 1 || len(r.Logs[0].Examples) != 1 || !strings.Contains(r.Logs[0].Examples[0], "mostly.log:10:") {
		t.Errorf("%+v, %v", r.Logs, err)
	}
}
