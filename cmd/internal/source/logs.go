package source

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"lapwing/capture/follow"
	"lapwing/cmd/internal/ingest"
	"lapwing/parse/accesslog"
	"lapwing/parse/exchange"
	"lapwing/stream"
)

// Logs follows a set of log files into the stream. A line's offset travels
// with its call, so that whoever keeps the calls keeps the place too.
type Logs struct {
	Name    string
	Follow  follow.Config
	Format  string            // auto, a preset or a format string
	Fields  map[string]string // for JSON lines
	Builder *exchange.Builder
	Pub     stream.Publisher
	Now     func() time.Time
	Log     *slog.Logger

	mu       sync.Mutex
	follower *follow.Follower
	reports  map[string]ingest.LogReport
}

// logFile is what is known of one file.
type logFile struct {
	fingerprint uint64
	parser      *ingest.LineParser
	held        []heldLine // until the format is known
	warned      int64      // unparsed lines at the last warning
}

type heldLine struct {
	data        []byte
	number, off int64
	end         int64
}

// sampleLines are held back to tell a format from.
const sampleLines = 100

// Reports returns what became of the lines of each file.
func (l *Logs) Reports() map[string]ingest.LogReport {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make(map[string]ingest.LogReport, len(l.reports))
	for k, v := range l.reports {
		out[k] = v
	}
	return out
}

// Run follows until ctx ends.
func (l *Logs) Run(ctx context.Context) error {
	follower, err := follow.New(l.Follow)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.follower = follower
	if l.reports == nil {
		l.reports = map[string]ingest.LogReport{}
	}
	l.mu.Unlock()
	b := newBatcher(l.Pub, l.Name)
	files := map[string]*logFile{}
	var newestNS int64
	told := l.Now()

	one := func(f *logFile, source string, data []byte, number, offset, end int64) {
		if c := f.parser.Line(data, number, f.fingerprint, offset); c != nil {
			newestNS = max(newestNS, c.End().UnixNano())
			b.add(c)
		}
		b.reached(source, end)
	}
	release := func(source string, f *logFile) error {
		var sample [][]byte
		for _, h := range f.held {
			sample = append(sample, h.data)
		}
		format, err := l.format(sample)
		if err != nil {
			return err
		}
		f.parser = ingest.NewLineParser(source, format, l.Builder)
		l.Log.Info("following", "log", source, "format", format.Name())
		for _, h := range f.held {
			one(f, source, h.data, h.number, h.off, h.end)
		}
		f.held = nil
		return nil
	}
	emit := func(ctx context.Context, line follow.Line) error {
		f := files[line.Source]
		if f == nil {
			f = &logFile{fingerprint: fingerprintOf(line.Source)}
			files[line.Source] = f
		}
		if f.parser == nil {
			f.held = append(f.held, heldLine{append([]byte(nil), line.Data...), line.Number, line.Offset, line.End})
			if len(f.held) < sampleLines {
				return nil
			}
			if err := release(line.Source, f); err != nil {
				return l.unknown(line.Source, f, b, err)
			}
		} else {
			one(f, line.Source, line.Data, line.Number, line.Offset, line.End)
		}
		if b.full() {
			l.report(files)
			told = l.Now()
			return b.flush(ctx, newestNS-int64(ingest.LogLateness))
		}
		return nil
	}
	idle := func(ctx context.Context) error {
		for source, f := range files {
			if f.parser == nil && len(f.held) > 0 {
				if err := release(source, f); err != nil && len(f.held) >= 10 {
					if err := l.unknown(source, f, b, err); err != nil {
						return err
					}
				}
			}
		}
		if now := l.Now(); now.Sub(told) >= heartbeat || len(b.calls) > 0 {
			told = now
			l.report(files)
			// All that is written has been read: the time of the log is now.
			newestNS = max(newestNS, now.UnixNano())
			return b.flush(ctx, newestNS-int64(ingest.LogLateness))
		}
		return nil
	}
	err = follower.Run(ctx, emit, idle)
	l.report(files)
	last := context.WithoutCancel(ctx)
	if flushErr := b.flush(last, b.lowNS); flushErr != nil && err == nil {
		err = flushErr
	}
	if retireErr := b.retire(last); retireErr != nil && err == nil {
		err = retireErr
	}
	return err
}

func (l *Logs) format(sample [][]byte) (accesslog.Format, error) {
	if len(l.Fields) > 0 {
		return accesslog.JSON(l.Fields), nil
	}
	if l.Format != "" && l.Format != "auto" {
		return accesslog.Compile(l.Format)
	}
	return accesslog.Detect(sample)
}

// unknown gives up on lines whose format nobody knows. It says so loudly, and
// tries again with the lines that follow.
func (l *Logs) unknown(source string, f *logFile, b *batcher, why error) error {
	l.Log.Error("cannot read this log: give its format in sensor.logs", "log", source, "lines", len(f.held), "error", why)
	l.mu.Lock()
	r := l.reports[source]
	r.Name, r.Format = source, "unknown"
	r.Lines += int64(len(f.held))
	r.Unparsed += int64(len(f.held))
	l.reports[source] = r
	l.mu.Unlock()
	b.reached(source, f.held[len(f.held)-1].end)
	f.held = nil
	return nil
}

// report publishes counters, and warns when many lines of a file do not parse.
func (l *Logs) report(files map[string]*logFile) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for source, f := range files {
		if f.parser == nil {
			continue
		}
		r := f.parser.Report
		if err := r.Err(); err != nil && r.Lines >= sampleLines && r.Unparsed >= 2*f.warned {
			f.warned = r.Unparsed
			l.Log.Error("many lines are not understood", "log", source, "error", err)
		}
		l.reports[source] = r
	}
}

// fingerprintOf reads the fingerprint out of a source name, log:<path>#<hex>.
func fingerprintOf(source string) uint64 {
	_, hex, ok := cutLast(source, "#")
	if !ok {
		return 0
	}
	v, err := strconv.ParseUint(hex, 16, 64)
	if err != nil {
		return 0
	}
	return v
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// String names the source in logs.
func (l *Logs) String() string { return fmt.Sprintf("logs %s", strings.Join(l.Follow.Paths, ", ")) }
