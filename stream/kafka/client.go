package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// A Client speaks to one cluster, of whose topics it knows those that Topics
// names.
type Client struct {
	cfg         Config
	compression kafkago.Compression
	dialer      *kafkago.Dialer
	transport   *kafkago.Transport
	api         *kafkago.Client
	stats       counters

	started time.Time // orders the members of groups

	mu     sync.Mutex                  // protects what follows
	writes map[partition]chan struct{} // full while somebody writes there
	claims map[*Claim]struct{}
}

type partition struct {
	topic string
	id    int
}

// metadataAge bounds how long a leader that has moved is not noticed.
const metadataAge = 2 * time.Second

// New makes a client and reaches for nobody: requests do that.
func New(cfg Config) (*Client, error) {
	cfg = cfg.defaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	compression, _ := parseCompression(cfg.Compression)
	mechanism, _ := cfg.SASL.mechanism()
	c := &Client{cfg: cfg, started: time.Now(), compression: compression, writes: map[partition]chan struct{}{}, claims: map[*Claim]struct{}{}}
	c.dialer = &kafkago.Dialer{
		ClientID: cfg.ClientID, Timeout: 5 * time.Second, DialFunc: cfg.Dial, TLS: cfg.TLS, SASLMechanism: mechanism,
	}
	c.transport = &kafkago.Transport{
		Dial: cfg.Dial, DialTimeout: 8 * time.Second, ClientID: cfg.ClientID, TLS: cfg.TLS, SASL: mechanism, MetadataTTL: metadataAge,
		MetadataTopics: topicsOf(cfg.Prefix).all(), // not those of the whole cluster, every second
	}
	c.api = &kafkago.Client{Addr: kafkago.TCP(cfg.Brokers...), Timeout: cfg.RequestTimeout, Transport: c.transport}
	return c, nil
}

// Open makes a client and checks that a broker answers to it, by Check.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	c, err := New(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Check(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// Check asks the brokers one after the other until one answers, and else says
// for each why it did not.
func (c *Client) Check(ctx context.Context) error {
	var errs []error
	for _, address := range c.cfg.Brokers {
		err := c.checkBroker(ctx, address)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil && len(errs) > 0 {
			break
		}
		errs = append(errs, c.explain(fmt.Errorf("%s: %w", address, err), ""))
	}
	return errors.Join(errs...)
}

func (c *Client) checkBroker(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	conn, err := c.dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(c.cfg.RequestTimeout)); err != nil {
		return err
	}
	_, err = conn.Brokers()
	return err
}

// Close ends idle connections. Groups are ended by their context, before.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Partitions is how many partitions calls are spread over.
func (c *Client) Partitions() int { return c.cfg.Partitions }

// writing waits until nobody else writes to a partition, and returns how to say
// that it is done.
func (c *Client) writing(ctx context.Context, p partition) (done func(), err error) {
	c.mu.Lock()
	turn := c.writes[p]
	if turn == nil {
		turn = make(chan struct{}, 1)
		c.writes[p] = turn
	}
	c.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("kafka: waiting for earlier writes to %s partition %d: %w", p.topic, p.id, ctx.Err())
	}
}
