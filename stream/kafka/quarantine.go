package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Headers of a message in the quarantine topic. Its key is
// "topic/partition/offset", so that setting the same message aside twice is
// seen; its value is the message's as it was.
const (
	HeaderReason    = "lapwing-reason"
	HeaderTopic     = "lapwing-topic"
	HeaderPartition = "lapwing-partition"
	HeaderOffset    = "lapwing-offset"
	HeaderTime      = "lapwing-time" // RFC 3339
	HeaderKey       = "lapwing-key"  // the message's key
)

const maxReason = 1024 // bytes

// Quarantine sets a message aside that cannot be read, and returns once the
// quarantine topic has it. A crash in between may set it aside twice.
func (c *Client) Quarantine(ctx context.Context, m Message, reason string) error {
	if len(reason) > maxReason {
		reason = reason[:maxReason]
	}
	err := c.Produce(ctx, c.Topics().Quarantine, OutMessage{
		Partition: -1,
		Key:       fmt.Appendf(nil, "%s/%d/%d", m.Topic, m.Partition, m.Offset),
		Value:     m.Value,
		Headers: []Header{
			{Key: HeaderReason, Value: []byte(reason)},
			{Key: HeaderTopic, Value: []byte(m.Topic)},
			{Key: HeaderPartition, Value: strconv.AppendInt(nil, int64(m.Partition), 10)},
			{Key: HeaderOffset, Value: strconv.AppendInt(nil, m.Offset, 10)},
			{Key: HeaderTime, Value: m.Time.UTC().AppendFormat(nil, time.RFC3339Nano)},
			{Key: HeaderKey, Value: m.Key},
		},
	})
	if err != nil {
		return fmt.Errorf("setting %s partition %d offset %d aside: %w", m.Topic, m.Partition, m.Offset, err)
	}
	c.stats.quarantined.Add(1)
	return nil
}
