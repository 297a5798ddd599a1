package sensor

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"lapwing/capture"
	"lapwing/capture/filter"
	"lapwing/capture/follow"
	"lapwing/capture/live"
	"lapwing/cmd/internal/source"
	"lapwing/parse"
	"lapwing/parse/exchange"
	"lapwing/stream"
)

// Sources are all sources of one sensor, open and not yet running.
type Sources struct {
	Packets []*source.Packets
	Logs    []*source.Logs
	HTTP    *source.HTTP // nil if nothing is received

	described [][2]string
}

// minBlock is the smallest block of a ring: the largest packet must fit.
const minBlock = 128 << 10

// Open opens everything that the configuration names. resume holds how far
// each log and sender has been kept.
func Open(c *Config, parser parse.Config, pub stream.Publisher, resume map[string]int64, log *slog.Logger) (*Sources, error) {
	s := &Sources{}
	if c.Filter != "" {
		if _, err := filter.Compile(c.Filter, capture.LinkEthernet); err != nil {
			return nil, fmt.Errorf("sensor.filter: %w", err)
		}
	}
	// Many small blocks lose less than few large ones when the reader is late:
	// the kernel gives a block back only whole.
	block := 256 << 10
	if int(c.RingSize)/block < 4 {
		block = minBlock
	}
	for _, name := range c.Interfaces {
		rings, err := live.Open(live.Config{Interface: name, Filter: c.Filter, Rings: c.Rings, BlockBytes: block, Blocks: int(c.RingSize) / block, Promiscuous: c.Promisc})
		if err != nil {
			return nil, err
		}
		for i, ring := range rings {
			part := name
			if len(rings) > 1 {
				part = fmt.Sprintf("%s ring %d", name, i)
			}
			s.Packets = append(s.Packets, &source.Packets{
				Name: part, Source: ring, Config: parser, Pub: pub, Now: time.Now,
				EventNow: func() int64 { return time.Now().UnixNano() },
			})
		}
		what := name
		if c.Filter != "" {
			what += ", filter " + c.Filter
		}
		s.describe("interface", what)
	}
	for i, l := range c.Logs {
		builder, err := exchange.NewBuilder(parser.Exchange)
		if err != nil {
			return nil, err
		}
		s.Logs = append(s.Logs, &source.Logs{
			Name: fmt.Sprintf("logs %d", i), Format: l.Format, Fields: l.Fields, Builder: builder, Pub: pub, Now: time.Now, Lateness: time.Duration(c.LogLateness), Log: log,
			Follow: follow.Config{Paths: l.Paths, FromEnd: l.FromEnd, Backfill: l.Backfill, Resume: resume},
		})
		format := l.Format
		if format == "" {
			format = "auto"
		}
		s.describe("log", strings.Join(l.Paths, ", ")+" as "+format)
	}
	if c.HTTP.Listen != "" {
		s.HTTP = &source.HTTP{Listen: c.HTTP.Listen, Format: c.HTTP.Format, Token: c.HTTP.Token.Reveal(), Config: parser.Exchange, Pub: pub, Resume: resume, Now: time.Now, Lateness: time.Duration(c.LogLateness), Log: log}
		s.describe("receiver", "POST http://"+c.HTTP.Listen+"/v1/logs")
	}
	return s, nil
}

func (s *Sources) describe(what, which string) {
	s.described = append(s.described, [2]string{what, which})
}

// Describe says in words what is watched.
func (s *Sources) Describe() [][2]string { return s.described }

// Parts are the running parts by name.
func (s *Sources) Parts() map[string]func(context.Context) error {
	parts := map[string]func(context.Context) error{}
	for _, p := range s.Packets {
		parts[p.Name] = p.Run
	}
	for _, l := range s.Logs {
		parts[l.Name] = l.Run
	}
	if s.HTTP != nil {
		parts["http"] = s.HTTP.Run
	}
	return parts
}

// Names are the names under which the parts send heartbeats.
func (s *Sources) Names() []string {
	var out []string
	for name := range s.Parts() {
		out = append(out, name)
	}
	return out
}
