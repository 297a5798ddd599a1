// Package kafka carries records, alerts, models and state through Apache Kafka
// (2.1 to 4.x), on segmentio/kafka-go.
//
// What it promises:
//
//   - Order: the messages of a partition are written and read in their order;
//     one request per partition is under way at a time.
//   - Loss: Send and Produce return nil once all in-sync replicas have the
//     messages. After an error, or a cut connection, the outcome is unknown and
//     a message may be there twice: the client of kafka-go is not idempotent
//     (it sends no producer id, KIP-98). Whoever reads drops repetitions, by
//     sequence number, by offset or by key.
//   - Offsets: a Claim never hands out a message below its position, whatever
//     the broker sends. A commit is refused once the claim is lost.
//   - Weather: leader moves, coordinator moves, cut connections and brokers
//     that are away are retried inside, with jittered back-off, and counted.
//     What waiting does not mend, such as a missing right, is returned as a
//     sentence that says what to do.
//   - Limits: a fetch is bounded in bytes as they stand on the broker. What a
//     producer compressed unpacks before anything here can look at it, so those
//     who may write to the topics are trusted with the readers' memory.
//
// A Client may be used by many goroutines; a Claim by one.
//
// It is no stream.Publisher and no stream.Subscriber: what makes a publisher of
// it, numbers, a log on disk and answers, is package spool's, whose Sender is
// here; and those who read need partitions, offsets and commits of their own to
// know what they have done, which a stream's handler does not see.
package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"lapwing/stream/wire"
)

// Config says how a cluster is reached. Zero fields have the defaults that
// stand beside them.
type Config struct {
	Brokers  []string // addresses to begin with: kafka-1:9092
	Prefix   string   // of all topics and groups; "lapwing"
	ClientID string   // in the brokers' logs and quotas; "lapwing"

	TLS  *tls.Config // nil: no TLS; LoadTLS reads one from files
	SASL SASL

	// For topics that Ensure makes, and, Partitions, for the check of those
	// that are there.
	Partitions  int           // of calls and facts; a divisor of wire.Slots; 16
	Replication int           // 0: the brokers' default
	Retention   time.Duration // of calls; 0: the brokers' default

	Compression string // of what is sent: none, gzip, snappy, lz4, zstd; "" is zstd

	// A member of a group that says nothing for SessionTimeout has lost its
	// partitions (10 s; brokers by default refuse less than 6 s). It speaks
	// every HeartbeatInterval (1 s), and so learns of a rebalance. For
	// RebalanceTimeout (30 s) the others wait for its workers to end.
	HeartbeatInterval time.Duration
	SessionTimeout    time.Duration
	RebalanceTimeout  time.Duration

	RequestTimeout time.Duration // of one request to a broker; 10 s
	FetchMaxWait   time.Duration // how long a broker holds a fetch that finds nothing; 500 ms
	FetchMaxBytes  int           // of one fetch, as it stands on the broker; 4 MiB; one message may exceed it
	MaxBatchBytes  int           // of one produce request before compression; 900 KB; one message may exceed it

	// Log gets what an operator should know; nil: nobody.
	Log *slog.Logger
	// Dial opens connections; nil: a net.Dialer with a timeout of 3 s.
	Dial DialFunc
}

// SASL are credentials; the zero value is none.
type SASL struct {
	Mechanism string // plain, scram-sha-256, scram-sha-512
	User      string
	Password  string
}

// defaults returns the configuration with all fields set.
func (c Config) defaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	if c.Prefix == "" {
		c.Prefix = "lapwing"
	}
	if c.ClientID == "" {
		c.ClientID = "lapwing"
	}
	if c.Partitions == 0 {
		c.Partitions = 16
	}
	if c.Compression == "" {
		c.Compression = "zstd"
	}
	set(&c.HeartbeatInterval, time.Second)
	set(&c.SessionTimeout, 10*time.Second)
	set(&c.RebalanceTimeout, 30*time.Second)
	set(&c.RequestTimeout, 10*time.Second)
	set(&c.FetchMaxWait, 500*time.Millisecond)
	if c.FetchMaxBytes == 0 {
		c.FetchMaxBytes = 4 << 20
	}
	if c.MaxBatchBytes == 0 {
		c.MaxBatchBytes = 900_000
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	}
	return c
}

// validate says everything that is wrong. Defaults are set.
func (c *Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("kafka: "+format, args...)) }
	if len(c.Brokers) == 0 {
		bad("no brokers are given")
	}
	for _, b := range c.Brokers {
		if _, port, err := net.SplitHostPort(b); err != nil || port == "" {
			bad("broker %q is no address such as kafka-1:9092", b)
		}
	}
	if c.Partitions < 1 || c.Partitions > wire.Slots || wire.Slots%c.Partitions != 0 {
		bad("the number of partitions must divide %d: 1, 2, 4, 8, 16, 32, 64, 128 or 256 (got %d)", wire.Slots, c.Partitions)
	}
	if !validName(c.Prefix) {
		bad("the prefix %q must be 1 to 200 letters, digits, dots, dashes or underscores", c.Prefix)
	}
	if _, err := parseCompression(c.Compression); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.SASL.mechanism(); err != nil {
		errs = append(errs, err)
	}
	if c.HeartbeatInterval*3 > c.SessionTimeout {
		bad("the session timeout %s must be at least three heartbeat intervals of %s", c.SessionTimeout, c.HeartbeatInterval)
	}
	if c.FetchMaxWait*2 > c.RequestTimeout {
		bad("the request timeout %s must be at least twice the longest wait of a fetch, %s", c.RequestTimeout, c.FetchMaxWait)
	}
	return errors.Join(errs...)
}

// validName follows org.apache.kafka.common.internals.Topic, less some length
// for what stands behind the prefix.
func validName(s string) bool {
	return s != "" && len(s) <= 200 && s != "." && s != ".." &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

func parseCompression(s string) (kafkago.Compression, error) {
	switch s {
	case "none":
		return 0, nil
	case "gzip":
		return kafkago.Gzip, nil
	case "snappy":
		return kafkago.Snappy, nil
	case "lz4":
		return kafkago.Lz4, nil
	case "zstd":
		return kafkago.Zstd, nil
	}
	return 0, fmt.Errorf("kafka: compression must be none, gzip, snappy, lz4 or zstd (got %q)", s)
}
