package ingest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"lapwing/capture/input"
	"lapwing/event"
	"lapwing/parse/accesslog"
	"lapwing/parse/exchange"
)

const (
	// sampleLines are looked at to tell a log's format.
	sampleLines = 100
	// tolerated is the share of unparsed lines above which a log is an error:
	// scanners and rotations leave broken lines in any log, a wrong format
	// leaves nothing else.
	tolerated = 0.2
	// shownLines is how many unparsed lines are quoted.
	shownLines = 3
)

// A LogReport accounts for one log: Lines = Calls + Blank + Unparsed.
type LogReport struct {
	Name     string
	Format   string
	Lines    int64
	Calls    int64
	Blank    int64    // empty lines, comments, directives
	Unparsed int64    // lines that do not fit, or are too long
	Examples []string // of those, with line number and reason
}

// Err is the error that a log with too many unparsed lines is, else nil.
func (r *LogReport) Err() error {
	if r.Unparsed == 0 || float64(r.Unparsed) <= tolerated*float64(r.Lines-r.Blank) {
		return nil
	}
	return fmt.Errorf("%s: %d of %d lines do not parse as %s (give the format with --format); first: %s",
		r.Name, r.Unparsed, r.Lines-r.Blank, r.Format, r.Examples[0])
}

// A LineParser turns the lines of one log into calls. It is used by one
// goroutine.
type LineParser struct {
	format  accesslog.Format
	builder *exchange.Builder
	raw     exchange.Raw
	Report  LogReport
}

// NewLineParser returns a parser for lines of the given format.
func NewLineParser(name string, f accesslog.Format, b *exchange.Builder) *LineParser {
	return &LineParser{format: f, builder: b, Report: LogReport{Name: name, Format: f.Name()}}
}

// Line returns the call of one line, or nil if it has none. fingerprint and
// offset say which line of which log it is: the call's ID is made of them.
func (p *LineParser) Line(data []byte, number int64, fingerprint uint64, offset int64) *event.Call {
	p.Report.Lines++
	switch err := p.format.Parse(data, &p.raw); {
	case err == nil:
		p.Report.Calls++
		accesslog.Seed(&p.raw, fingerprint, offset)
		return p.builder.Call(&p.raw)
	case errors.Is(err, accesslog.ErrNoCall):
		p.Report.Blank++
	default:
		p.Unparsed(number, err)
	}
	return nil
}

// Unparsed counts a line that could not be read. The caller counts it in Lines.
func (p *LineParser) Unparsed(number int64, why error) {
	p.Report.Unparsed++
	if len(p.Report.Examples) < shownLines {
		p.Report.Examples = append(p.Report.Examples, fmt.Sprintf("%s:%d: %v", p.Report.Name, number, why))
	}
}

// Fingerprint names a log by its first line, so that a renamed file is known again.
func Fingerprint(firstLine []byte) uint64 {
	h := fnv.New64a()
	h.Write(firstLine[:min(len(firstLine), 1024)])
	return h.Sum64()
}

// logFeeder reads one log file.
type logFeeder struct {
	lines       *input.Lines
	held        []heldLine // the sample, to be read again
	parser      *LineParser
	emit        func(*event.Call)
	fingerprint uint64
	now         int64
	report      LogReport
	err         error // met while sampling
}

type heldLine struct {
	data   []byte
	offset int64
	number int64
}

func newLogFeeder(in *input.Input, format string, b *exchange.Builder, emit func(*event.Call)) (*logFeeder, error) {
	f := &logFeeder{lines: in.Lines(), emit: emit}
	var line input.Line
	var sample [][]byte
	for len(f.held) < sampleLines {
		if err := f.lines.Next(&line); err != nil {
			f.err = err
			break
		}
		data := slices.Clone(line.Data)
		f.held = append(f.held, heldLine{data, line.Offset, line.Number})
		sample = append(sample, data)
	}
	if len(sample) == 0 {
		if f.err == io.EOF {
			return nil, fmt.Errorf("%s: holds no readable line", in.Name)
		}
		return nil, f.err
	}
	var chosen accesslog.Format
	var err error
	if format == "" || format == "auto" {
		chosen, err = accesslog.Detect(sample)
	} else {
		chosen, err = accesslog.Compile(format)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Name, err)
	}
	f.fingerprint = Fingerprint(sample[0])
	f.parser = NewLineParser(in.Name, chosen, b)
	return f, nil
}

func (f *logFeeder) nowNS() int64      { return f.now }
func (f *logFeeder) latenessNS() int64 { return int64(LogLateness) }

func (f *logFeeder) close() {
	if skipped := f.lines.Stats().Skipped; skipped > 0 {
		f.parser.Report.Lines += skipped
		f.parser.Report.Unparsed += skipped
		f.parser.Report.Examples = append(f.parser.Report.Examples, fmt.Sprintf("%s: %d lines longer than 1 MiB, or cut off", f.parser.Report.Name, skipped))
	}
	f.report = f.parser.Report
}

func (f *logFeeder) run(untilNS int64, steps int) error {
	var line input.Line
	for range steps {
		if len(f.held) > 0 {
			h := f.held[0]
			f.held = f.held[1:]
			f.line(h.data, h.number, h.offset)
		} else if f.err != nil {
			return f.err
		} else if f.err = f.lines.Next(&line); f.err != nil {
			return f.err
		} else {
			f.line(line.Data, line.Number, line.Offset)
		}
		if f.now > untilNS {
			return nil
		}
	}
	return nil
}

func (f *logFeeder) line(data []byte, number, offset int64) {
	if c := f.parser.Line(data, number, f.fingerprint, offset); c != nil {
		f.now = max(f.now, c.End().UnixNano())
		f.emit(c)
	}
}
