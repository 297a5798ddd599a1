package source

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"lapwing/capture"
	"lapwing/cmd/internal/ingest"
	"lapwing/parse"
	"lapwing/stream"
)

// heartbeat is how often a source tells the time at least.
const heartbeat = 200 * time.Millisecond

// Packets reads one capture ring (or a paced file) into the stream.
type Packets struct {
	Name   string
	Source capture.Source
	Config parse.Config
	Pub    stream.Publisher
	Now    func() time.Time // wall clock
	// EventNow is the event time at a moment when nothing arrives: the wall
	// clock for what is live.
	EventNow func() int64

	mu    sync.Mutex
	stats parse.Stats // as of the last heartbeat
}

// Stats returns the counters as of the last heartbeat.
func (p *Packets) Stats() (capture.Stats, parse.Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.Source.Stats(), p.stats
}

// drainFor bounds how long Run goes on reading what had arrived before ctx ended.
const drainFor = time.Second

// Run reads until ctx ends or the source does (nil). What the kernel holds at
// that moment is still read, and connections still open are then given out as
// they stand.
func (p *Packets) Run(ctx context.Context) error {
	b := newBatcher(p.Pub, p.Name)
	parser, err := parse.New(p.Config, b.add)
	if err != nil {
		return err
	}
	// What was read is worth more than a prompt end: nothing below waits on ctx.
	last := context.WithoutCancel(ctx)
	var ending atomic.Bool
	stop := context.AfterFunc(ctx, func() {
		ending.Store(true)
		time.AfterFunc(drainFor, func() { p.Source.Close() })
	})
	defer stop()
	var packet capture.Packet
	var packetNS, endNS int64
	told := p.Now()
	for n := 0; ; n++ {
		err := p.Source.Next(&packet)
		if ending.Load() {
			if endNS == 0 {
				endNS = p.EventNow()
			}
			if errors.Is(err, capture.ErrIdle) || err == nil && packet.TimeNS > endNS {
				p.Source.Close()
				err = capture.ErrClosed
			}
		}
		switch {
		case err == nil:
			parser.Packet(packet.LinkType, packet.Data, packet.WireLength, packet.TimeNS)
			packetNS = max(packetNS, packet.TimeNS)
		case errors.Is(err, capture.ErrIdle):
			packetNS = max(packetNS, p.EventNow())
			parser.Advance(packetNS)
		default:
			parser.Close()
			p.keep(parser)
			if flushErr := errors.Join(b.flush(last, packetNS), b.retire(last)); flushErr != nil {
				return flushErr
			}
			if errors.Is(err, io.EOF) || errors.Is(err, capture.ErrClosed) || ctx.Err() != nil {
				return nil
			}
			return err
		}
		// The clock is asked once in 64 packets, and whenever nothing came.
		if idle := errors.Is(err, capture.ErrIdle); idle || b.full() || n%64 == 0 {
			if now := p.Now(); b.full() || now.Sub(told) >= heartbeat {
				told = now
				p.keep(parser)
				if err := b.flush(last, packetNS-int64(ingest.PacketLateness)); err != nil {
					parser.Close()
					return err
				}
			}
		}
	}
}

func (p *Packets) keep(parser *parse.Parser) {
	p.mu.Lock()
	p.stats = parser.Stats()
	p.mu.Unlock()
}
