package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// A Message as it was read.
type Message struct {
	Topic     string
	Partition int
	Offset    int64
	Time      time.Time // set by the producer, or by the broker (message.timestamp.type)
	Key       []byte
	Value     []byte // nil: a tombstone, in a compacted topic
	Headers   []Header
}

// A Header is a note beside a message.
type Header = kafkago.Header

// An OutMessage is to be written. Key and value are the caller's again when
// Produce returns.
type OutMessage struct {
	Partition int    // -1: by key, as Java's default partitioner does (murmur2)
	Key       []byte // nil is allowed where the partition is given
	Value     []byte // nil: a tombstone
	Headers   []Header
}

// Produce writes messages to a topic, those of one partition in their order,
// and returns nil once all in-sync replicas have all of them. It tries again
// until ctx ends, but for errors that trying again does not mend. After an
// error any number of the messages may be there.
func (c *Client) Produce(ctx context.Context, topic string, msgs ...OutMessage) error {
	byPartition := map[int][]OutMessage{}
	count := 0
	for _, m := range msgs {
		if m.Partition < 0 && count == 0 {
			n, err := c.partitionCount(ctx, topic)
			if err != nil {
				return err
			}
			count = n
		}
		id := m.Partition
		if id < 0 {
			id = partitionOfKey(m.Key, count)
		}
		byPartition[id] = append(byPartition[id], m)
	}
	ids := make([]int, 0, len(byPartition))
	for id := range byPartition {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		if err := c.producePartition(ctx, partition{topic, id}, byPartition[id]); err != nil {
			return err
		}
	}
	return nil
}

var murmur2 = kafkago.Murmur2Balancer{}

func partitionOfKey(key []byte, count int) int {
	all := make([]int, count)
	for i := range all {
		all[i] = i
	}
	return murmur2.Balance(kafkago.Message{Key: key}, all...)
}

// producePartition writes messages in requests of bounded size, one after the
// other.
func (c *Client) producePartition(ctx context.Context, p partition, msgs []OutMessage) error {
	done, err := c.writing(ctx, p)
	if err != nil {
		return err
	}
	defer done()
	for len(msgs) > 0 {
		n, bytes := 0, 0
		for n < len(msgs) && (n == 0 || bytes+size(&msgs[n]) <= c.cfg.MaxBatchBytes) {
			bytes += size(&msgs[n])
			n++
		}
		if err := c.produceBatch(ctx, p, msgs[:n], bytes); err != nil {
			return err
		}
		msgs = msgs[n:]
	}
	return nil
}

func size(m *OutMessage) int {
	n := len(m.Key) + len(m.Value) + 32
	for i := range m.Headers {
		n += len(m.Headers[i].Key) + len(m.Headers[i].Value) + 8
	}
	return n
}

// produceBatch tries until it is done, ctx ends, or the error is fatal.
func (c *Client) produceBatch(ctx context.Context, p partition, msgs []OutMessage, bytes int) error {
	var (
		pause  backoff
		reason error // as of the last time that it was looked for
	)
	for {
		err := c.produceOnce(ctx, p, msgs)
		if err == nil {
			c.stats.produceRequests.Add(1)
			c.stats.produceMessages.Add(uint64(len(msgs)))
			c.stats.produceBytes.Add(uint64(bytes))
			return nil
		}
		if fatal(err) {
			c.stats.produceErrors.Add(1)
			return c.explain(err, p.topic)
		}
		c.stats.produceRetries.Add(1)
		if pause.persists() {
			reason = c.diagnose(ctx, err, p.topic)
			if fatal(reason) {
				c.stats.produceErrors.Add(1)
				return reason
			}
			c.cfg.Log.Warn("writing to Kafka fails and is tried again", "topic", p.topic, "partition", p.id, "error", reason)
		}
		if pause.wait(ctx) != nil {
			c.stats.produceErrors.Add(1)
			return fmt.Errorf("%w; the last try: %w", ctx.Err(), cmp.Or(reason, c.explain(err, p.topic)))
		}
	}
}

func (c *Client) produceOnce(ctx context.Context, p partition, msgs []OutMessage) error {
	var lent loan
	defer lent.end()
	records := make([]kafkago.Record, len(msgs))
	now := time.Now() // CreateTime of the messages; brokers may replace it
	for i := range msgs {
		m := &msgs[i]
		records[i] = kafkago.Record{Time: now, Key: lent.lend(m.Key), Value: lent.lend(m.Value), Headers: m.Headers}
	}
	resp, err := c.api.Produce(ctx, &kafkago.ProduceRequest{
		Topic: p.topic, Partition: p.id, RequiredAcks: kafkago.RequireAll, Records: kafkago.NewRecordReader(records...), Compression: c.compression,
	})
	if err != nil {
		return err
	}
	return resp.Error
}

// partitionCount waits until the topic is known.
func (c *Client) partitionCount(ctx context.Context, topic string) (int, error) {
	var (
		pause  backoff
		reason error
	)
	for {
		m, err := c.api.Metadata(ctx, &kafkago.MetadataRequest{Topics: []string{topic}})
		if err == nil && len(m.Topics) == 1 {
			err = m.Topics[0].Error
			if n := len(m.Topics[0].Partitions); err == nil && n > 0 {
				return n, nil
			}
		}
		if err == nil {
			err = kafkago.UnknownTopicOrPartition
		}
		if fatal(err) || errors.Is(err, kafkago.UnknownTopicOrPartition) && pause.failures > 6 {
			return 0, c.explain(err, topic)
		}
		if pause.persists() {
			if reason = c.diagnose(ctx, err, topic); fatal(reason) {
				return 0, reason
			}
		}
		if pause.wait(ctx) != nil {
			return 0, fmt.Errorf("%w; the last try: %w", ctx.Err(), cmp.Or(reason, c.explain(err, topic)))
		}
	}
}
