package tcp

import (
	"errors"
	"time"
)

// Config bounds an Assembler. A zero field takes the default named beside it.
type Config struct {
	// Open makes the Stream of a connection. It is called before its first
	// Data or Gap, so connections that never carry a byte never reach it.
	// nil result: the connection is ignored.
	Open func(conn *Conn, atNS int64) Stream

	// Key seeds the flow table's hash, so that no one can choose colliding
	// flows. It has no influence on what Streams see.
	Key [16]byte

	MaxFlows           int // 262,144: about 110 MB of flow records when full, made as they are needed
	MaxBufferBytes     int // 64 MiB of pages for out-of-order payload, and at most a quarter of it for unacknowledged requests
	MaxFlowBufferBytes int // 1 MiB per direction: a window on a fast link that waits for one segment

	IdleTimeout     time.Duration // 5 min, as Zeek's inactivity timeout
	HalfOpenTimeout time.Duration // 30 s without payload from either side
	LingerTimeout   time.Duration // 5 s after the end, so that late copies open nothing new

	// A hole the other side has acknowledged past was missed by the capture,
	// unless the mirror reordered: wait for so many packets of the flow, and so
	// long, whichever is first.
	AckTolerancePackets int           // 8
	AckTolerance        time.Duration // 50 ms
	// A hole nobody acknowledges is given up after HoleTimeout: only where the
	// other direction is not captured, else its retransmission is waited for.
	HoleTimeout time.Duration // 3 s: four retransmissions from 200 ms
}

var errNoOpen = errors.New("tcp: Config.Open is nil")

func (c *Config) setDefaults() error {
	if c.Open == nil {
		return errNoOpen
	}
	for _, f := range []struct {
		v   *int
		def int
		max int
	}{
		{&c.MaxFlows, 262144, 1 << 28},
		{&c.MaxBufferBytes, 64 << 20, 1 << 40},
		{&c.MaxFlowBufferBytes, 1 << 20, 1 << 29},
		{&c.AckTolerancePackets, 8, 255},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < 0 || *f.v > f.max {
			return errors.New("tcp: a limit in Config is out of range")
		}
	}
	for _, f := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&c.IdleTimeout, 5 * time.Minute},
		{&c.HalfOpenTimeout, 30 * time.Second},
		{&c.LingerTimeout, 5 * time.Second},
		{&c.AckTolerance, 50 * time.Millisecond},
		{&c.HoleTimeout, 3 * time.Second},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
		if *f.v < 0 {
			return errors.New("tcp: a duration in Config is negative")
		}
	}
	return nil
}
