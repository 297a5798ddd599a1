package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"lapwing/capture"
)

// A world is a directory with logs and what a follower made of them.
type world struct {
	t      testing.TB
	dir    string
	lines  []string // all lines seen, as text
	places map[string]int64
	stats  Stats
}

func newWorld(t testing.TB) *world {
	return &world{t: t, dir: t.TempDir(), places: map[string]int64{}}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) append(name, text string) {
	w.t.Helper()
	f, err := os.OpenFile(w.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		w.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) rename(from, to string) { w.t.Helper(); w.must(os.Rename(w.path(from), w.path(to))) }

func (w *world) copyTruncate(from, to string) {
	w.t.Helper()
	b, err := os.ReadFile(w.path(from))
	w.must(err)
	w.must(os.WriteFile(w.path(to), b, 0o600))
	w.must(os.Truncate(w.path(from), 0))
}

// age makes a file older, as time would.
func (w *world) age(name string, hours int) {
	w.t.Helper()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(hours) * time.Hour)
	w.must(os.Chtimes(w.path(name), at, at))
}

var errKilled = errors.New("killed")

// run follows until steps is used up: each step happens when all files are at
// their end. Then it waits long enough for files that are gone to be closed.
func (w *world) run(cfg Config, steps ...func()) {
	w.t.Helper()
	w.runUntil(cfg, -1, steps...)
}

// runUntil is run, killed in the middle of line number kill, if it comes.
func (w *world) runUntil(cfg Config, kill int, steps ...func()) (left []func()) {
	w.t.Helper()
	for i, p := range cfg.Paths {
		cfg.Paths[i] = p
		if !filepath.IsAbs(p) {
			cfg.Paths[i] = w.path(p)
		}
	}
	cfg.Poll = time.Millisecond
	cfg.Resume = w.places
	f, err := New(cfg)
	w.must(err)
	places := map[string]int64{}
	for k, v := range w.places {
		places[k] = v
	}
	w.places = places
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	quiet := 0
	err = f.Run(ctx, func(_ context.Context, l Line) error {
		if kill == 0 {
			return errKilled
		}
		kill--
		quiet = 0
		w.lines = append(w.lines, string(l.Data))
		if l.End <= places[l.Source] || l.Offset < 0 || l.End < l.Offset+int64(len(l.Data)) {
			w.t.Errorf("offsets of %+v", l)
		}
		places[l.Source] = l.End
		return nil
	}, func(context.Context) error {
		if len(steps) > 0 {
			steps[0]()
			steps = steps[1:]
			return nil
		}
		if quiet++; quiet > lingerPolls+5 {
			cancel()
		}
		return nil
	})
	if err != nil && !errors.Is(err, errKilled) {
		w.t.Fatal(err)
	}
	w.stats = f.Stats()
	if w.stats.Files != 0 {
		w.t.Errorf("%d files are still open", w.stats.Files)
	}
	return steps
}

func (w *world) want(lines string) {
	w.t.Helper()
	if got := strings.Join(w.lines, " "); got != lines {
		w.t.Errorf("got  %s\nwant %s", got, lines)
	}
}

func TestGrowing(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "one\ntwo\r\nthr")
	w.run(Config{Paths: []string{"a.log"}},
		func() { w.want("one two"); w.append("a.log", "ee") },
		func() { w.want("one two"); w.append("a.log", "\n\nfive\n") })
	w.want("one two three  five")
}

func TestFileAppearsLater(t *testing.T) {
	w := newWorld(t)
	w.run(Config{Paths: []string{"*.log"}, FromEnd: true},
		func() { w.append("b.log", "b1\n"); w.append("a.log", "") },
		func() { w.append("a.log", "a1\n"); w.append("c.txt", "no\n") })
	w.want("b1 a1")
}

func TestFromEnd(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "old\nunfinished")
	w.run(Config{Paths: []string{"a.log"}, FromEnd: true}, func() { w.append("a.log", " line\nnew\n") })
	w.want("unfinished line new")
}

func TestRenamed(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n")
	w.run(Config{Paths: []string{"a.log"}},
		func() { w.append("a.log", "2\n"); w.rename("a.log", "a.log.1"); w.append("a.log", "4\n") },
		func() { w.append("a.log.1", "late\n") }, // written by who has not heard of it
		func() { w.append("a.log", "5\n") },
		func() { w.rename("a.log", "a.log.2") }, // and nothing new yet
		func() { w.append("a.log", "6\n"); w.append("a.log.2", "unfinished") })
	w.want("1 2 4 late 5 6 unfinished")
	if w.stats.Rotations != 2 || w.stats.Truncations != 0 {
		t.Errorf("%+v", w.stats)
	}
}

// The rotated file is among the paths: it is the same file, not a new one.
func TestRenamedWithinPattern(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n2\n")
	w.run(Config{Paths: []string{"a.log*"}},
		func() { w.rename("a.log", "a.log.1"); w.append("a.log", "3\n") },
		func() { w.append("a.log.1", "late\n"); w.append("a.log", "4\n") })
	w.append("a.log.1", "later\n")
	w.run(Config{Paths: []string{"a.log*"}})
	w.want("1 2 3 late 4 later")
}

func TestCopyTruncate(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n2\n")
	w.run(Config{Paths: []string{"a.log"}},
		func() { w.copyTruncate("a.log", "a.log.1") },
		func() { w.append("a.log", "3\n") },
		func() { w.copyTruncate("a.log", "a.log.2"); w.append("a.log", "4 and longer than before\n") })
	w.want("1 2 3 4 and longer than before")
	if w.stats.Truncations != 2 {
		t.Errorf("%+v", w.stats)
	}
}

// Lines and whole generations that come and go between two looks.
func TestBetweenTwoLooks(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n")
	w.run(Config{Paths: []string{"a.log"}},
		func() {
			w.append("a.log", "2\n")
			w.rename("a.log", "a.log.2")
			w.append("a.log", "3\n")
			w.rename("a.log", "a.log.1")
			w.append("a.log", "4\n")
		},
		func() {
			w.append("a.log", "5\n")
			w.copyTruncate("a.log", "a.log.0")
			w.append("a.log", "6\n")
		})
	w.want("1 2 3 4 5 6")
}

// With the copy among the paths nothing is read twice, and not even what came
// between the last look and the truncation is lost.
func TestCopyTruncateWithinPattern(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n2\n")
	w.run(Config{Paths: []string{"a.log*"}},
		func() { w.append("a.log", "3\n"); w.copyTruncate("a.log", "a.log.1"); w.append("a.log", "4\n") })
	if got := strings.Join(w.lines, " "); got != "1 2 4 3" && got != "1 2 3 4" {
		t.Error(got)
	}
}

func TestReplaced(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n")
	w.run(Config{Paths: []string{"a.log"}},
		func() { w.append("b", "2\n"); w.rename("b", "a.log") },
		func() { w.must(os.Remove(w.path("a.log"))) },
		func() { w.append("a.log", "3\n") })
	w.want("1 2 3")
}

// Generations that begin alike are still different files.
func TestSameBeginning(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "#head\n1\n2\n")
	w.run(Config{Paths: []string{"a.log"}},
		func() { w.rename("a.log", "a.log.1"); w.append("a.log", "#head\n") },
		func() { w.append("a.log", "3\n") })
	w.append("a.log", "4\n")
	w.run(Config{Paths: []string{"a.log"}})
	w.want("#head 1 2 #head 3 4")
}

func TestResume(t *testing.T) {
	for name, rotate := range map[string]func(w *world){
		"nothing":       func(w *world) {},
		"renamed":       func(w *world) { w.rename("a.log", "a.log.1") },
		"dated":         func(w *world) { w.rename("a.log", "a.log-20261121") },
		"dated inside":  func(w *world) { w.rename("a.log", "a-2026-11-21T10.log") },
		"copytruncated": func(w *world) { w.copyTruncate("a.log", "a.log.1") },
		"gzipped":       func(w *world) { w.pack("a.log", "a.log.1.gz") },
		"zstd":          func(w *world) { w.pack("a.log", "a.log.1.zst") },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.append("a.log", "1\n2\n")
			w.append("a-error.log.1", "another log\n")
			w.run(Config{Paths: []string{"a.log"}})
			w.append("a.log", "3\n")
			rotate(w)
			w.append("a.log", "4\n")
			w.run(Config{Paths: []string{"a.log"}})
			w.run(Config{Paths: []string{"a.log"}})
			w.want("1 2 3 4")
		})
	}
}

// Rotated twice while nobody looked: the generation in between was never seen
// and is read all the same.
func TestResumeAcrossTwoRotations(t *testing.T) {
	w := newWorld(t)
	w.append("a.log.3", "0\n")
	w.append("a.log", "1\n")
	w.run(Config{Paths: []string{"a.log"}})
	w.append("a.log", "2\n")
	w.rename("a.log", "a.log.2")
	w.append("a.log.1", "3\n")
	w.append("a.log", "4\n")
	w.age("a.log.3", 3)
	w.age("a.log.2", 2)
	w.age("a.log.1", 1)
	w.run(Config{Paths: []string{"a.log"}, FromEnd: true})
	w.append("a.log", "5\n")
	w.run(Config{Paths: []string{"a.log"}, FromEnd: true})
	w.want("1 2 3 4 5") // FromEnd is for what nobody ever followed
}

func (w *world) pack(from, to string) {
	w.t.Helper()
	b, err := os.ReadFile(w.path(from))
	w.must(err)
	var out bytes.Buffer
	var z io.WriteCloser = gzip.NewWriter(&out)
	if strings.HasSuffix(to, ".zst") {
		z, err = zstd.NewWriter(&out)
		w.must(err)
	}
	_, err = z.Write(b)
	w.must(err)
	w.must(z.Close())
	info, err := os.Stat(w.path(from))
	w.must(err)
	w.must(os.WriteFile(w.path(to), out.Bytes(), 0o600))
	w.must(os.Chtimes(w.path(to), info.ModTime(), info.ModTime())) // as gzip and logrotate do
	w.must(os.Remove(w.path(from)))
}

func history(w *world) {
	for i, text := range []string{"e\nf\n", "c\nd\n", "a\nb\n"} {
		name := fmt.Sprintf("a.log.%d", i+1)
		w.append(name, text)
		if i == 1 {
			w.pack(name, name+".gz")
			name += ".gz"
		}
		w.age(name, i)
	}
	w.append("a.log", "g\nh\n")
}

func TestBackfill(t *testing.T) {
	w := newWorld(t)
	history(w)
	w.run(Config{Paths: []string{"a.log"}, Backfill: true}, func() { w.append("a.log", "i\n") })
	w.run(Config{Paths: []string{"a.log"}, Backfill: true})
	w.want("a b c d e f g h i")

	w = newWorld(t)
	history(w)
	w.run(Config{Paths: []string{"a.log"}})
	w.run(Config{Paths: []string{"a.log"}, Backfill: true}) // there is progress now
	w.want("g h")
}

// Whatever the moment of the kill, the back-fill goes on where it was.
func TestBackfillKilledAnywhere(t *testing.T) {
	for kill := range 9 {
		w := newWorld(t)
		history(w)
		w.runUntil(Config{Paths: []string{"a.log"}, Backfill: true}, kill)
		w.run(Config{Paths: []string{"a.log"}, Backfill: true})
		w.want("a b c d e f g h")
	}
}

func TestLongLines(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("x", capture.MaxLine)
	w.append("a.log", "1\n"+long+"\r\nx"+long+"\n"+long+long+long)
	w.run(Config{Paths: []string{"a.log"}}, func() { w.append("a.log", long+"\n2\n") })
	if len(w.lines) != 3 || w.lines[1] != long || w.lines[2] != "2" || w.stats.Skipped != 2 {
		t.Errorf("%d lines, %+v", len(w.lines), w.stats)
	}
}

func TestNumbers(t *testing.T) {
	w := newWorld(t)
	w.append("a.log", "1\n"+strings.Repeat("x", capture.MaxLine+1)+"\n3\n")
	f, err := New(Config{Paths: []string{w.path("a.log")}, Poll: time.Millisecond})
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	var got []string
	w.must(f.Run(ctx, func(_ context.Context, l Line) error {
		got = append(got, fmt.Sprintf("%d@%d-%d", l.Number, l.Offset, l.End))
		if want := "log:" + w.path("a.log") + "#400-"; !strings.HasPrefix(l.Source, want) {
			t.Errorf("%s, want %s…", l.Source, want)
		}
		return nil
	}, func(context.Context) error { cancel(); return nil }))
	if fmt.Sprint(got) != "[1@0-2 3@1048580-1048582]" {
		t.Error(got)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want string
	}{
		{Config{}, "follow: no path is named"},
		{Config{Paths: []string{"a["}}, `follow: bad pattern "a["`},
		{Config{Paths: []string{"a"}, Poll: 1}, "follow: poll interval of 1ns is below 1ms"},
		{Config{Paths: []string{"a"}, Resume: map[string]int64{"log:a#xyz": 1}}, `follow: "log:a#xyz" is no source to resume`},
		{Config{Paths: []string{"a"}, Resume: map[string]int64{"log:a#001-0": -1}}, `follow: "log:a#001-0" is no source to resume`},
		{Config{Paths: []string{"a"}, Resume: map[string]int64{"": 1}}, `follow: "" is no source to resume`},
	} {
		if _, err := New(tt.cfg); err == nil || err.Error() != tt.want {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
}

func FuzzResumeKey(f *testing.F) {
	f.Add("log:/var/log/a.log#400-0123456789abcdef@1f", int64(5))
	f.Add("log:#1-0", int64(-1))
	f.Fuzz(func(t *testing.T, source string, end int64) {
		var ps places
		if ps.load(map[string]int64{source: end}) != nil {
			return
		}
		if len(ps.order) != 1 || ps.order[0].source != source {
			t.Fatalf("%q: %+v", source, ps.order)
		}
		p := ps.order[0].print
		if again, ok := parseFingerprint(p.String()); !ok || again != p {
			t.Fatalf("%+v, then %+v", p, again)
		}
	})
}

func BenchmarkFollow(b *testing.B) {
	w := newWorld(b)
	line := strings.Repeat("x", 119) + "\n"
	w.append("a.log", strings.Repeat(line, 50_000))
	b.SetBytes(int64(len(line)) * 50_000)
	b.ReportAllocs()
	for b.Loop() {
		f, err := New(Config{Paths: []string{w.path("a.log")}})
		w.must(err)
		ctx, cancel := context.WithCancel(context.Background())
		n := 0
		w.must(f.Run(ctx, func(context.Context, Line) error { n++; return nil }, func(context.Context) error { cancel(); return nil }))
		if n != 50_000 {
			b.Fatal(n)
		}
	}
}
