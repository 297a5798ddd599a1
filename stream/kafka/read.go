package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// readRecords reads what a fetch brought, less what is below from. next is the
// offset behind the last message, or from.
func (c *Client) readRecords(topic string, id int, from int64, records kafkago.RecordReader) (msgs []Message, next int64, err error) {
	next = from
	if records == nil {
		return nil, next, nil
	}
	if closer, ok := records.(io.Closer); ok {
		defer closer.Close()
	}
	bytes := 0
	for {
		r, err := records.ReadRecord()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return msgs, next, fmt.Errorf("reading %s partition %d from offset %d: %w", topic, id, next, err)
			}
			break
		}
		if r.Offset < next {
			// Compressed batches begin before what was asked for.
			c.stats.fenced.Add(1)
			continue
		}
		key, err := kafkago.ReadAll(r.Key)
		if err != nil {
			return msgs, next, err
		}
		value, err := kafkago.ReadAll(r.Value)
		if err != nil {
			return msgs, next, err
		}
		if r.Key != nil {
			r.Key.Close()
		}
		if r.Value != nil {
			r.Value.Close()
		}
		msgs = append(msgs, Message{Topic: topic, Partition: id, Offset: r.Offset, Time: r.Time, Key: key, Value: value, Headers: r.Headers})
		bytes += len(key) + len(value)
		next = r.Offset + 1
	}
	if len(msgs) > 0 {
		c.stats.fetchRequests.Add(1)
		c.stats.fetchMessages.Add(uint64(len(msgs)))
		c.stats.fetchBytes.Add(uint64(bytes))
	}
	return msgs, next, nil
}

// bounds returns the first offset of a partition and the one behind its last.
func (c *Client) bounds(ctx context.Context, topic string, id int) (first, end int64, err error) {
	resp, err := c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{
		Topics: map[string][]kafkago.OffsetRequest{topic: {kafkago.FirstOffsetOf(id), kafkago.LastOffsetOf(id)}},
	})
	if err != nil {
		return 0, 0, err
	}
	for _, p := range resp.Topics[topic] {
		if p.Partition == id {
			if p.Error != nil {
				return 0, 0, p.Error
			}
			if p.FirstOffset < 0 || p.LastOffset < 0 {
				return 0, 0, kafkago.LeaderNotAvailable
			}
			return p.FirstOffset, p.LastOffset, nil
		}
	}
	return 0, 0, kafkago.UnknownTopicOrPartition
}

// OffsetAt is the offset of the first message of a partition that is not older
// than at, by the time that the broker gave it; where it ends if there is none.
func (c *Client) OffsetAt(ctx context.Context, topic string, id int, at time.Time) (int64, error) {
	var pause backoff
	for {
		offset, err := c.offsetAt(ctx, topic, id, at)
		switch {
		case err == nil:
			return offset, nil
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case fatal(err):
			return 0, c.explain(err, topic)
		}
		c.stats.fetchRetries.Add(1)
		if err := pause.wait(ctx); err != nil {
			return 0, err
		}
	}
}

func (c *Client) offsetAt(ctx context.Context, topic string, id int, at time.Time) (int64, error) {
	_, end, err := c.bounds(ctx, topic, id)
	if err != nil {
		return 0, err
	}
	resp, err := c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{
		Topics: map[string][]kafkago.OffsetRequest{topic: {kafkago.TimeOffsetOf(id, at)}},
	})
	if err != nil {
		return 0, err
	}
	for _, p := range resp.Topics[topic] {
		if p.Partition != id {
			continue
		}
		if p.Error != nil {
			return 0, p.Error
		}
		for offset := range p.Offsets { // one was asked for
			if offset >= 0 {
				return offset, nil
			}
		}
	}
	return end, nil
}

// ReadAll hands every message of a topic to fn, partition by partition, from
// its beginning to where it ended when ReadAll was called, until fn returns an
// error, which ReadAll then returns. Of a compacted topic an older message with
// the same key may or may not come before the newest; Value is nil for a
// tombstone. It tries again until ctx ends.
func (c *Client) ReadAll(ctx context.Context, topic string, fn func(Message) error) error {
	count, err := c.partitionCount(ctx, topic)
	if err != nil {
		return err
	}
	ends := make([]int64, count)
	for id := range ends {
		if ends[id], err = c.endOf(ctx, topic, id); err != nil {
			return err
		}
	}
	for id, end := range ends {
		cl := newClaim(c, "", topic, id, -1)
		if err := cl.start(ctx); err != nil {
			return err
		}
		for cl.position.Load() < end {
			msgs, err := cl.Fetch(ctx)
			if err != nil {
				return err
			}
			for _, m := range msgs {
				if m.Offset >= end {
					break
				}
				if err := fn(m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// start finds the first offset, so that an empty partition is known for one.
func (cl *Claim) start(ctx context.Context) error {
	return cl.client.retry(ctx, cl.Topic, func() error {
		first, _, err := cl.client.bounds(ctx, cl.Topic, cl.Partition)
		if err == nil {
			cl.position.Store(first)
		}
		return err
	})
}

func (c *Client) endOf(ctx context.Context, topic string, id int) (end int64, err error) {
	err = c.retry(ctx, topic, func() error {
		_, e, err := c.bounds(ctx, topic, id)
		end = e
		return err
	})
	return end, err
}

// retry calls fn until it succeeds, fails for good, or ctx ends.
func (c *Client) retry(ctx context.Context, what string, fn func() error) error {
	var (
		pause  backoff
		reason error
	)
	for {
		err := fn()
		if err == nil {
			return nil
		}
		if fatal(err) {
			return c.explain(err, what)
		}
		c.stats.fetchRetries.Add(1)
		if pause.persists() {
			if reason = c.diagnose(ctx, err, what); fatal(reason) {
				return reason
			}
		}
		if pause.wait(ctx) != nil {
			return fmt.Errorf("%w; the last try: %w", ctx.Err(), cmp.Or(reason, c.explain(err, what)))
		}
	}
}
