package archive

import (
	"context"

	"lapwing/stream/kafka"
)

// GroupName is the consumer group of all archivers of a topic.
const GroupName = "archive"

// OverKafka returns the worker of a consumer group: it archives one partition
// at a time it is called, until the partition goes to another member. Messages
// that cannot be read go to the quarantine topic, unless Quarantine is set, and
// the time of silent partitions is told in them, unless Tell is set.
func (a *Archiver) OverKafka(client *kafka.Client) func(ctx context.Context, claim *kafka.Claim) error {
	if a.Quarantine == nil {
		a.Quarantine = func(ctx context.Context, topic string, partition int, m Message, reason string) error {
			return client.Quarantine(ctx, kafka.Message{Topic: topic, Partition: partition, Offset: m.Offset, Time: m.Time, Key: m.Key, Value: m.Value}, reason)
		}
	}
	if a.Tell == nil {
		a.Tell = func(ctx context.Context, topic string, partition int, record []byte) error {
			return client.Produce(ctx, topic, kafka.OutMessage{Partition: partition, Value: record})
		}
	}
	return func(ctx context.Context, claim *kafka.Claim) error {
		return a.Run(ctx, claim.Topic, claim.Partition, claimed{claim})
	}
}

// claimed is a claim as a Log.
type claimed struct{ claim *kafka.Claim }

func (c claimed) ReadFrom(offset int64) { c.claim.SeekTo(max(offset, -1)) }

func (c claimed) Commit(ctx context.Context, next int64) error { return c.claim.Commit(ctx, next) }

func (c claimed) Fetch(ctx context.Context) ([]Message, error) {
	in, err := c.claim.Fetch(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(in))
	for i, m := range in {
		out[i] = Message{Offset: m.Offset, Time: m.Time, Key: m.Key, Value: m.Value}
	}
	return out, nil
}
