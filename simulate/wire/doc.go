// Package wire gives made-up exchanges the forms in which sensors meet traffic:
// packets in a pcap file, lines of an access log, real HTTP over loopback.
//
// Files are deterministic: equal exchanges give equal bytes on every machine.
// What an exchange does not say (round trips, sequence numbers, MAC addresses)
// is a function of its addresses and connection alone, so that nothing in the
// packets tells who is an attacker.
//
// Order: a Sink takes exchanges by their begin, as simulate gives them out.
// Packets leave ordered by time; log lines by the end of their exchange, when
// servers write them.
//
// Loss: none. Every exchange becomes one request and one answer on the wire,
// or one line. The live server alone may fall behind its clock; it says how far.
//
// Limits: a Pcap keeps what is under way and the connections of the last
// minute; a Log what is under way; a Live as many connections as it was allowed.
//
// Concurrency: one goroutine per Sink.
package wire

import (
	"fmt"
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"

	"lapwing/simulate"
)

// A Sink takes exchanges. The exchange and its slices are the caller's again
// when Exchange returns. Close writes what is pending and leaves the underlying
// writer open.
type Sink interface {
	Exchange(e *simulate.Exchange) error
	Close() error
}

// Endings are the file names that New knows, for help texts.
const Endings = ".pcap, .log (combined access log), .json or .ndjson (JSON access log), each also with .gz"

// New returns the Sink that writes to w what a file of this name holds: packets
// for .pcap, a combined access log for .log, a JSON access log for .json and
// .ndjson; compressed (RFC 1952) if .gz follows. A style other than "" overrides
// what kind of log it is.
func New(name string, style Style, w io.Writer) (Sink, error) {
	base, packed := strings.CutSuffix(strings.ToLower(name), ".gz")
	var z *gzip.Writer
	if packed {
		z = gzip.NewWriter(w)
		w = z
	}
	var s Sink
	switch {
	case strings.HasSuffix(base, ".pcap"):
		if style != "" {
			return nil, fmt.Errorf("a capture has no log style: leave out %q or write to a .log or .json file", style)
		}
		s = NewPcap(w)
	case strings.HasSuffix(base, ".log"):
		if style == "" {
			style = Combined
		}
	case strings.HasSuffix(base, ".json"), strings.HasSuffix(base, ".ndjson"):
		if style == "" {
			style = NginxJSON
		}
	default:
		return nil, fmt.Errorf("the ending of %q says no format: use %s", name, Endings)
	}
	if s == nil {
		l, err := NewLog(w, style)
		if err != nil {
			return nil, err
		}
		s = l
	}
	if z != nil {
		return &packedSink{s, z}, nil
	}
	return s, nil
}

// packedSink ends the compressed stream after what is in it.
type packedSink struct {
	Sink
	z *gzip.Writer
}

func (p *packedSink) Close() error {
	if err := p.Sink.Close(); err != nil {
		return err
	}
	if err := p.z.Close(); err != nil {
		return fmt.Errorf("gzip: %w", err)
	}
	return nil
}
