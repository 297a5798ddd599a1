// Package ingest reads captures, access logs and HAR files into calls, in one
// pass over all of them by event time.
//
// Packets of all captures are merged before reassembly, so that connections
// may cross files and the order of the arguments never matters. A file that
// is damaged, or whose lines do not parse, gives everything that can be read
// of it and an error; it never stops the others.
package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"lapwing/capture"
	"lapwing/capture/input"
	"lapwing/cmd/internal/heap"
	"lapwing/event"
	"lapwing/parse"
	"lapwing/parse/exchange"
	"lapwing/parse/har"
)

// Lateness is how far behind the newest input a call may still come: a packet
// source delivers in order but for jitter, a log is written when requests end.
const (
	PacketLateness = 5 * time.Second
	LogLateness    = 2 * time.Minute
)

// Config says what to read and how.
type Config struct {
	Inputs    []string // paths; "-" is standard input
	LogFormat string   // "" or "auto": from the first lines of each log
	Parse     parse.Config
}

// A Sink takes what is read, from one goroutine. Call may keep the call.
// Watermark promises that no call that ended before it follows, lateness kept.
type Sink struct {
	Call      func(*event.Call)
	Watermark func(ns int64)
	Progress  func(read, size int64) // bytes of all inputs so far; may be nil
}

// A Report accounts for everything that was met.
type Report struct {
	Captures int
	Logs     []LogReport
	HARs     int
	HARCalls int64
	Capture  capture.Stats
	Parse    parse.Stats
	FirstNS  int64 // event time of the first and last call
	LastNS   int64
	Calls    int64
}

// A feeder is one input that yields calls in rough order of time.
type feeder interface {
	nowNS() int64                       // event time it has reached
	latenessNS() int64                  //
	run(untilNS int64, steps int) error // reads on, at most so far; io.EOF at its end
	close()                             // gives out what it still holds
}

// Files reads all inputs. The error joins what went wrong with each; the
// report is true in any case.
func Files(ctx context.Context, cfg Config, sink Sink) (Report, error) {
	defer heap.Floor(heap.ReaderFloor)()
	var report Report
	emit := func(c *event.Call) {
		at := c.End().UnixNano()
		if report.Calls == 0 || at < report.FirstNS {
			report.FirstNS = at
		}
		report.LastNS = max(report.LastNS, at)
		report.Calls++
		sink.Call(c)
	}
	builder, err := exchange.NewBuilder(exchangeOf(cfg.Parse))
	if err != nil {
		return report, err
	}
	var (
		errs    []error
		feeders []feeder
		packets []capture.Source
		opened  []*input.Input
		logs    []*logFeeder
	)
	for _, path := range cfg.Inputs {
		in, err := input.Open(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		opened = append(opened, in)
		defer in.Close()
		switch in.Kind {
		case input.KindPcap, input.KindPcapng:
			report.Captures++
			src, err := in.Packets()
			if err != nil {
				errs = append(errs, err)
				continue
			}
			packets = append(packets, src)
		case input.KindHAR:
			report.HARs++
			f, err := newHARFeeder(in, builder, emit)
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", in.Name, err))
			}
			report.HARCalls += int64(len(f.calls))
			feeders = append(feeders, f)
		default:
			f, err := newLogFeeder(in, cfg.LogFormat, builder, emit)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			logs = append(logs, f)
			feeders = append(feeders, f)
		}
	}
	var parser *parse.Parser
	var merged capture.Source
	if len(packets) > 0 {
		if parser, err = parse.New(cfg.Parse, emit); err != nil {
			return report, err
		}
		merged = packets[0]
		if len(packets) > 1 {
			merged = input.Merge(packets...)
		}
		feeders = append(feeders, &packetFeeder{source: merged, parser: parser})
	}
	progress := func() {
		if sink.Progress == nil {
			return
		}
		var read, size int64
		for _, in := range opened {
			r, s := in.Progress()
			read, size = read+r, size+s
		}
		sink.Progress(read, size)
	}
	errs = append(errs, pump(ctx, feeders, sink.Watermark, progress))
	if parser != nil {
		report.Parse = parser.Stats()
		report.Capture = merged.Stats()
	}
	for _, f := range logs {
		report.Logs = append(report.Logs, f.report)
		errs = append(errs, f.report.Err())
	}
	return report, errors.Join(errs...)
}

func exchangeOf(p parse.Config) exchange.Config {
	x := p.Exchange
	if x.Sensor == "" {
		x.Sensor = p.Sensor
	}
	return x
}

// stride is how many steps a feeder makes before the watermark is looked at.
const stride = 4096

// pump runs the feeder that is furthest behind until it is past the next, over
// and over.
func pump(ctx context.Context, feeders []feeder, watermark func(int64), progress func()) error {
	var errs []error
	for len(feeders) > 0 {
		if ctx.Err() != nil {
			return errors.Join(append(errs, ctx.Err())...)
		}
		slices.SortStableFunc(feeders, func(a, b feeder) int { return cmp.Compare(a.nowNS(), b.nowNS()) })
		until := int64(math.MaxInt64)
		if len(feeders) > 1 {
			until = feeders[1].nowNS()
		}
		if err := feeders[0].run(until, stride); err != nil {
			feeders[0].close()
			feeders = feeders[1:]
			if err != io.EOF {
				errs = append(errs, err)
			}
		}
		progress()
		low := int64(math.MaxInt64)
		for _, f := range feeders {
			low = min(low, f.nowNS()-f.latenessNS())
		}
		if len(feeders) > 0 && low > 0 {
			watermark(low)
		}
	}
	return errors.Join(errs...)
}

// packetFeeder leads packets through the parser.
type packetFeeder struct {
	source capture.Source
	parser *parse.Parser
	now    int64
}

func (f *packetFeeder) nowNS() int64      { return f.now }
func (f *packetFeeder) latenessNS() int64 { return int64(PacketLateness) }
func (f *packetFeeder) close()            { f.parser.Close() }

func (f *packetFeeder) run(untilNS int64, steps int) error {
	var p capture.Packet
	for range steps {
		if err := f.source.Next(&p); err != nil {
			return err
		}
		f.parser.Packet(p.LinkType, p.Data, p.WireLength, p.TimeNS)
		f.now = max(f.now, p.TimeNS)
		if f.now > untilNS {
			return nil
		}
	}
	return nil
}

// harFeeder holds the calls of one HAR file in order of time.
type harFeeder struct {
	calls []*event.Call
	emit  func(*event.Call)
	now   int64
}

func newHARFeeder(in *input.Input, b *exchange.Builder, emit func(*event.Call)) (*harFeeder, error) {
	f := &harFeeder{emit: emit}
	err := har.Read(in.Reader, func(raw *exchange.Raw) error {
		f.calls = append(f.calls, b.Call(raw))
		return nil
	})
	slices.SortStableFunc(f.calls, func(a, b *event.Call) int { return a.End().Compare(b.End()) })
	return f, err
}

func (f *harFeeder) nowNS() int64      { return f.now }
func (f *harFeeder) latenessNS() int64 { return 0 }
func (f *harFeeder) close()            {}

func (f *harFeeder) run(untilNS int64, steps int) error {
	for range steps {
		if len(f.calls) == 0 {
			return io.EOF
		}
		c := f.calls[0]
		f.calls = f.calls[1:]
		f.now = c.End().UnixNano()
		f.emit(c)
		if f.now > untilNS {
			return nil
		}
	}
	return nil
}
