package source

import (
	"context"
	"maps"
	"slices"
	"time"

	"lapwing/capture/follow"
	"lapwing/cmd/internal/ingest"
)

// A logRun is the state of one Run of Logs. It is used by one goroutine.
type logRun struct {
	*Logs
	b        *batcher
	files    map[string]*logFile // by the follower's source names
	folded   map[string]ingest.LogReport
	holding  map[string]string // by path: the source whose lines are held back
	lines    int64
	newestNS int64
	told     time.Time // when the counters and the time were published last
}

// emit takes one line from the follower.
func (r *logRun) emit(ctx context.Context, line follow.Line) error {
	f := r.file(line.Source)
	if old, ok := r.holding[f.path]; ok && old != line.Source {
		// A place in a newer generation says that the older ones are done with.
		r.settle(old)
	}
	if f.parser != nil {
		r.line(f, line.Source, line.Data, line.Number, line.Offset, line.End)
	} else {
		f.held = append(f.held, heldLine{append([]byte(nil), line.Data...), line.Number, line.Offset, line.End})
		r.holding[f.path] = line.Source
		if len(f.held) < sampleLines {
			return nil
		}
		r.settle(line.Source)
	}
	if r.b.full() {
		r.report()
		r.told = r.Now()
		return r.flush(ctx, r.newestNS-int64(r.Lateness))
	}
	return nil
}

// idle is called when all files are at their end: the moment to read what was
// held back, and to tell the time.
func (r *logRun) idle(ctx context.Context) error {
	for _, path := range slices.Sorted(maps.Keys(r.holding)) {
		// Few lines may be the beginning of many: their format is asked for again.
		const enough = 10
		source := r.holding[path]
		if f := r.files[source]; r.release(source, f) != nil && len(f.held) >= enough {
			r.settle(source)
		}
	}
	now := r.Now()
	if now.Sub(r.told) < heartbeat && len(r.b.calls) == 0 {
		return nil
	}
	r.told = now
	r.report()
	// All that is written has been read: the time of the log is now.
	r.newestNS = max(r.newestNS, now.UnixNano())
	return r.flush(ctx, r.newestNS-int64(r.Lateness))
}

// flush publishes, and notes the places that a later Run continues from.
func (r *logRun) flush(ctx context.Context, lowNS int64) error {
	reached := maps.Clone(r.b.progress)
	if err := r.b.flush(ctx, lowNS); err != nil {
		return err
	}
	maps.Copy(r.Follow.Resume, reached)
	return nil
}

// file is what is known of the file that a source name means.
func (r *logRun) file(source string) *logFile {
	r.lines++
	f := r.files[source]
	if f == nil {
		if len(r.files) >= maxLogFiles {
			r.forget()
		}
		f = &logFile{path: pathOf(source), fingerprint: fingerprintOf(source)}
		r.files[source] = f
	}
	f.turn = r.lines
	return f
}

// forget drops the file that was silent longest. Should it speak again, its
// format is found out again.
func (r *logRun) forget() {
	oldest := ""
	for source, f := range r.files {
		if len(f.held) == 0 && (oldest == "" || f.turn < r.files[oldest].turn) {
			oldest = source
		}
	}
	if oldest == "" {
		return // as many as the follower has open, all at their first lines
	}
	f := r.files[oldest]
	if r.folded == nil {
		r.folded = map[string]ingest.LogReport{}
	}
	r.folded[f.path] = addReport(r.folded[f.path], f.report())
	delete(r.files, oldest)
}

// settle reads the lines that were held back, or gives up on them.
func (r *logRun) settle(source string) {
	f := r.files[source]
	if err := r.release(source, f); err != nil {
		r.unknown(source, f, err)
	}
}

// release reads the lines that were held back, if their format can be told.
func (r *logRun) release(source string, f *logFile) error {
	sample := make([][]byte, len(f.held))
	for i, h := range f.held {
		sample[i] = h.data
	}
	format, err := r.format(sample)
	if err != nil {
		return err
	}
	f.parser = ingest.NewLineParser(f.path, format, r.Builder)
	r.Log.Info("following", "log", f.path, "format", format.Name())
	for _, h := range f.held {
		r.line(f, source, h.data, h.number, h.off, h.end)
	}
	f.held = nil
	delete(r.holding, f.path)
	return nil
}

func (r *logRun) line(f *logFile, source string, data []byte, number, offset, end int64) {
	if c := f.parser.Line(data, number, f.fingerprint, offset); c != nil {
		r.newestNS = max(r.newestNS, c.End().UnixNano())
		r.b.add(c)
	}
	r.b.reached(source, end)
}

// unknown gives up on lines whose format nobody knows. It says so loudly, and
// tries again with the lines that follow.
func (r *logRun) unknown(source string, f *logFile, why error) {
	r.Log.Error("cannot read this log: give its format in sensor.logs", "log", f.path, "lines", len(f.held), "error", why)
	f.given.Lines += int64(len(f.held))
	f.given.Unparsed += int64(len(f.held))
	r.b.reached(source, f.held[len(f.held)-1].end)
	f.held = nil
	delete(r.holding, f.path)
}

// report publishes counters, and warns when many lines of a file do not parse.
func (r *logRun) report() {
	reports := maps.Clone(r.folded)
	if reports == nil {
		reports = map[string]ingest.LogReport{}
	}
	for _, f := range r.files {
		reports[f.path] = addReport(reports[f.path], f.report())
		if f.parser == nil {
			continue
		}
		p := &f.parser.Report
		if err := p.Err(); err != nil && p.Lines >= sampleLines && p.Unparsed >= 2*f.warned {
			f.warned = p.Unparsed
			r.Log.Error("many lines are not understood", "log", f.path, "error", err)
		}
	}
	r.mu.Lock()
	r.reports = reports
	r.mu.Unlock()
}

func (f *logFile) report() ingest.LogReport {
	out := f.given
	out.Name, out.Format = f.path, "unknown"
	if f.parser != nil {
		out = addReport(out, f.parser.Report)
	}
	return out
}

// addReport joins two accounts of one path; the later one names the format.
func addReport(a, b ingest.LogReport) ingest.LogReport {
	a.Name, a.Format = b.Name, b.Format
	a.Lines += b.Lines
	a.Calls += b.Calls
	a.Blank += b.Blank
	a.Unparsed += b.Unparsed
	return a
}
