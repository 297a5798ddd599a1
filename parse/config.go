package parse

import (
	"errors"
	"time"

	"lapwing/parse/exchange"
	"lapwing/parse/http1"
	"lapwing/parse/link"
	"lapwing/parse/tcp"
)

// Config says what a Parser reads and how much it may keep. A zero field
// takes the default named beside it.
type Config struct {
	Sensor string   // name of this sensor, written into each call unless Exchange.Sensor is set
	Ports  []uint16 // only connections with one of these ports; empty: any, content decides

	Exchange exchange.Config // how an exchange becomes a call
	Link     link.Config
	TCP      tcp.Config // Open is ours
	HTTP1    http1.Config

	// BodyBytes is how much of each body is kept for the builder: 64 KiB, where
	// the keys and identifiers of nearly every API answer stand. Negative: none.
	BodyBytes int
	// MaxPending bounds the requests of one connection that wait for their
	// answer: 512, as Suricata.
	MaxPending int
	// MaxKeptBytes bounds what all connections together keep of bodies and of
	// bytes that wait for the other direction: 64 MiB. Above it bodies are not
	// kept, and waiting ends.
	MaxKeptBytes int
	// HoldTime and HoldBytes bound how long one direction waits for the other,
	// where capture swapped their packets or a protocol switch is undecided:
	// 1 s of packet time, 256 KiB.
	HoldTime  time.Duration
	HoldBytes int
	// AnswerTime is how long a request waits, on a connection whose server side
	// has never been seen, once another request follows it: 10 s.
	AnswerTime time.Duration
}

func (c *Config) setDefaults() error {
	for _, f := range []struct {
		v   *int
		def int
	}{
		{&c.BodyBytes, 64 << 10},
		{&c.MaxPending, 512},
		{&c.MaxKeptBytes, 64 << 20},
		{&c.HoldBytes, 256 << 10},
	} {
		if *f.v == 0 {
			*f.v = f.def
		}
	}
	if c.BodyBytes < 0 {
		c.BodyBytes = 0
	}
	if c.MaxPending < 1 || c.MaxKeptBytes < 0 || c.HoldBytes < 0 || c.HoldTime < 0 || c.AnswerTime < 0 {
		return errors.New("a limit of the parser is negative")
	}
	if c.HoldTime == 0 {
		c.HoldTime = time.Second
	}
	if c.AnswerTime == 0 {
		c.AnswerTime = 10 * time.Second
	}
	if c.Exchange.Sensor == "" {
		c.Exchange.Sensor = c.Sensor
	}
	return nil
}
