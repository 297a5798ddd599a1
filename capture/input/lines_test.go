package input

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"lapwing/capture"
)

func collect(l *Lines) (out []string, err error) {
	var line Line
	for {
		if err := l.Next(&line); err != nil {
			return out, err
		}
		s := string(line.Data)
		if len(s) > 20 {
			s = fmt.Sprintf("%s… %d bytes", s[:3], len(s))
		}
		out = append(out, fmt.Sprintf("%d@%d:%s", line.Number, line.Offset, s))
	}
}

func TestLines(t *testing.T) {
	longest := strings.Repeat("x", capture.MaxLine)
	for _, tt := range []struct {
		name, text string
		want       string
		stats      LineStats
	}{
		{"none", "", "[]", LineStats{}},
		{"usual", "a\nbc\n", "[1@0:a 2@2:bc]", LineStats{Lines: 2, Bytes: 3}},
		{"no newline at the end", "a\nbc", "[1@0:a 2@2:bc]", LineStats{Lines: 2, Bytes: 3}},
		{"empty lines", "\n\na\n", "[1@0: 2@1: 3@2:a]", LineStats{Lines: 3, Bytes: 1}},
		{"crlf", "a\r\nb\rc\r\n\r\nd\r", "[1@0:a 2@3:b\rc 3@8: 4@10:d\r]", LineStats{Lines: 4, Bytes: 6}},
		{"longest", longest + "\r\n" + longest + "\nb", "[1@0:xxx… 1048576 bytes 2@1048578:xxx… 1048576 bytes 3@2097155:b]", LineStats{Lines: 3, Bytes: 2<<20 + 1}},
		{"too long", "a\nx" + longest + "\nb\n", "[1@0:a 3@1048580:b]", LineStats{Lines: 2, Bytes: 2, Skipped: 1}},
		{"far too long", "a\n" + longest + longest + longest + longest + "\nb\n", "[1@0:a 3@4194307:b]", LineStats{Lines: 2, Bytes: 2, Skipped: 1}},
		{"too long at the end", "a\n" + longest + longest, "[1@0:a]", LineStats{Lines: 1, Bytes: 1, Skipped: 1}},
		{"just too long at the end", "a\nx" + longest, "[1@0:a]", LineStats{Lines: 1, Bytes: 1, Skipped: 1}},
	} {
		for name, r := range map[string]io.Reader{
			"whole": strings.NewReader(tt.text), "halves": iotest.HalfReader(strings.NewReader(tt.text)), "data with error": iotest.DataErrReader(strings.NewReader(tt.text)),
		} {
			l := NewLines(r, "f")
			got, err := collect(l)
			if fmt.Sprint(got) != tt.want || err != io.EOF || l.Stats() != tt.stats {
				t.Errorf("%s, %s: %v, %v, %+v", tt.name, name, got, err, l.Stats())
			}
		}
	}
}

func TestLinesReadError(t *testing.T) {
	l := NewLines(io.MultiReader(strings.NewReader("a\nb\nhalf a li"), iotest.ErrReader(errors.New("disk on fire"))), "f.log")
	got, err := collect(l)
	if fmt.Sprint(got) != "[1@0:a 2@2:b]" || err == nil || err.Error() != "f.log: line 3: disk on fire" || l.Stats().Skipped != 1 {
		t.Errorf("%v, %v, %+v", got, err, l.Stats())
	}
}

func TestLinesAfterByteOrderMark(t *testing.T) {
	in, err := New(strings.NewReader("\xef\xbb\xbfa\nb\n"), "f")
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := collect(in.Lines()); fmt.Sprint(got) != "[1@3:a 2@5:b]" {
		t.Error(got)
	}
}

// Lines agrees with splitting the text, however it is cut into reads.
func TestLinesAgainstSplit(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		var text []byte
		for range rnd.IntN(400) {
			text = append(text, "ab\n"[rnd.IntN(3)])
		}
		var want []string
		for i, s := range bytes.SplitAfter(text, []byte("\n")) {
			if len(s) > 0 {
				want = append(want, fmt.Sprintf("%d@%d:%s", i+1, len(bytes.Join(bytes.SplitAfter(text, []byte("\n"))[:i], nil)), bytes.TrimSuffix(s, []byte("\n"))))
			}
		}
		l := NewLines(iotest.OneByteReader(bytes.NewReader(text)), "f")
		var got []string
		var line Line
		for l.Next(&line) == nil {
			got = append(got, fmt.Sprintf("%d@%d:%s", line.Number, line.Offset, line.Data))
		}
		if len(text) > 0 && line.End != int64(len(text)) {
			t.Fatalf("last line ends at %d of %d", line.End, len(text))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%q:\n%v\n%v", text, got, want)
		}
	}
}

func BenchmarkLines(b *testing.B) {
	line := []byte(`198.51.100.7 - - [21/Nov/2026:10:00:00 +0000] "GET /api/v1/orders/1234 HTTP/1.1" 200 512 "-" "curl/8.4"` + "\n")
	block := bytes.Repeat(line, 10000)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	l := NewLines(&endless{block: block}, "bench")
	var out Line
	for b.Loop() {
		if err := l.Next(&out); err != nil {
			b.Fatal(err)
		}
	}
}

type endless struct {
	block []byte
	at    int
}

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.block[e.at:])
	e.at = (e.at + n) % len(e.block)
	return n, nil
}
