package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"lapwing/cmd/internal/ingest"
	"lapwing/cmd/internal/publish"
	"lapwing/cmd/internal/sensor"
	"lapwing/event"
	"lapwing/parse"
	"lapwing/parse/pseudonym"
	"lapwing/stream"
)

const (
	// drain is how long the end waits for the other end to take what there is.
	// What it does not take waits on disk for the next start.
	drain = 10 * time.Second
	// batchCalls is how many calls of a file travel at once.
	batchCalls = 512
)

// watch publishes what the sources see until ctx ends.
func watch(ctx context.Context, cfg *Config, parser parse.Config, log *slog.Logger, stderr io.Writer) error {
	pub, err := publish.Open(ctx, &cfg.Publish, cfg.Sensor.Name, mark(parser), log)
	if err != nil {
		return err
	}
	sources, err := sensor.Open(&cfg.Sensor, parser, pub, pub.Progress(), log)
	if err == nil && len(sources.Parts()) == 0 {
		err = errNothing
	}
	metrics := &meter{pub: pub, sources: sources}
	var serve func(context.Context) error
	if err == nil {
		serve, err = metrics.listen(cfg.Metrics.Listen, log)
	}
	if err != nil {
		return errors.Join(err, end(ctx, pub, nil))
	}
	for _, d := range sources.Describe() {
		log.Info("watching", d[0], d[1])
	}
	log.Info("publishing", "to", pub.To, "spool", cfg.Publish.Spool.Dir)
	shipping := ship(ctx, pub)
	err = runSources(ctx, sources, serve, log)
	err = errors.Join(err, end(ctx, pub, shipping))
	conservation(stderr, pub)
	return err
}

// mark says which key the parser makes pseudonyms with.
func mark(parser parse.Config) uint32 {
	if parser.Exchange.Keyring == nil {
		return pseudonym.Offline().Mark()
	}
	return parser.Exchange.Keyring.Mark()
}

// A shipment is the part that empties the spool. It outlives the sources.
type shipment struct {
	cancel context.CancelFunc
	ended  chan error
}

func ship(ctx context.Context, pub *publish.Publisher) *shipment {
	below, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &shipment{cancel, make(chan error, 1)}
	go func() { s.ended <- pub.Run(below) }()
	return s
}

// end writes what is in memory to the spool, gives the other end a while to
// take it, and lets everything go. shipping is nil if nothing was shipped yet.
func end(ctx context.Context, pub *publish.Publisher, shipping *shipment) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err := pub.Close(bounded)
	if shipping != nil {
		select {
		case e := <-shipping.ended:
			err = errors.Join(err, e)
		case <-bounded.Done():
			shipping.cancel()
			err = errors.Join(err, <-shipping.ended)
		}
		shipping.cancel()
	}
	return errors.Join(err, pub.Release())
}

// publishFiles publishes the calls of files, merged by event time, with the
// time that they have come to, and waits until all are delivered.
func publishFiles(ctx context.Context, cfg *Config, parser parse.Config, files []string, log *slog.Logger, stderr io.Writer) error {
	pub, err := publish.Open(ctx, &cfg.Publish, cfg.Sensor.Name, mark(parser), log)
	if err != nil {
		return err
	}
	serve, err := (&meter{pub: pub, sources: &sensor.Sources{}}).listen(cfg.Metrics.Listen, log)
	if err != nil {
		return errors.Join(err, end(ctx, pub, nil))
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	if serve != nil {
		go func() {
			if err := serve(serving); err != nil {
				log.Error("metrics are not served any longer", "error", err)
			}
		}()
	}
	shipping := ship(ctx, pub)
	f := &feed{ctx: ctx, pub: pub}
	_, readErr := ingest.Files(ctx, ingest.Config{Inputs: files, Parse: parser}, ingest.Sink{Call: f.call, Watermark: f.watermark})
	err = errors.Join(readErr, f.retire())
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	err = errors.Join(err, pub.Close(bounded))
	// However long the other end is away: a person who does not want to wait
	// any longer says so, and what is left waits on disk.
	select {
	case e := <-shipping.ended:
		err = errors.Join(err, e)
	case <-ctx.Done():
		shipping.cancel()
		err = errors.Join(err, <-shipping.ended)
	}
	shipping.cancel()
	conservation(stderr, pub)
	s := pub.Stats()
	if s.Pending > 0 {
		err = errors.Join(err, fmt.Errorf("%d calls are not delivered yet: they wait in the spool for the next start", s.Pending))
	}
	if lost := sum(s.Dropped) + s.Rejected + s.Damaged; lost > 0 {
		err = errors.Join(err, fmt.Errorf("%d calls were lost", lost))
	}
	return errors.Join(err, pub.Release())
}

// feedName is the source that files are, whatever their number.
const feedName = "files"

// A feed batches what is read from files. Its calls can wait, so none is dropped.
type feed struct {
	ctx   context.Context
	pub   stream.Publisher
	calls []*event.Call
	lowNS int64
	err   error
}

func (f *feed) call(c *event.Call) {
	if f.calls = append(f.calls, c); len(f.calls) >= batchCalls {
		f.flush(false)
	}
}

func (f *feed) watermark(ns int64) {
	f.lowNS = max(f.lowNS, ns)
	f.flush(false)
}

func (f *feed) flush(retired bool) {
	b := stream.Batch{Calls: f.calls, Heartbeats: []event.Heartbeat{{Source: feedName, LowNS: f.lowNS, Retired: retired}}}
	f.calls = nil
	if f.err != nil {
		return
	}
	f.err = f.pub.Publish(f.ctx, b, func(error) {}) // Close tells what is lost
}

// retire publishes what is left, and says that the files have ended.
func (f *feed) retire() error {
	f.ctx = context.WithoutCancel(f.ctx)
	f.flush(true)
	return f.err
}

// conservation accounts for every call in one line.
func conservation(w io.Writer, pub *publish.Publisher) {
	s := pub.Stats()
	fmt.Fprintf(w, "lapwing-sensor: %d calls published + %d from before = %d delivered + %d waiting in the spool + %d dropped + %d rejected + %d damaged\n",
		s.Published, s.Recovered, s.Acknowledged, s.Pending+s.Building, sum(s.Dropped), s.Rejected, s.Damaged)
}

func sum(m map[string]uint64) (n uint64) {
	for _, v := range m {
		n += v
	}
	return n
}
