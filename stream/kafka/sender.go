package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	kafkago "github.com/segmentio/kafka-go"

	"lapwing/stream/spool"
)

// A Sender carries the spool's records to the calls topic: partitions side by
// side, the records of one partition in their order, one request at a time.
// The message's key is nil; who it is from stands in the record.
type Sender struct {
	client *Client
	topic  string
}

var _ spool.Sender = (*Sender)(nil)

// Sender returns a sender to the calls topic.
func (c *Client) Sender() *Sender { return &Sender{client: c, topic: c.Topics().Calls} }

// sendersAtOnce bounds the requests under way.
const sendersAtOnce = 16

// Send implements spool.Sender. It tries again until ctx ends or the error is
// one that waiting does not mend; a record that the topic refuses for its size
// is reported as a *spool.Rejection.
func (s *Sender) Send(ctx context.Context, recs []spool.Packed) error {
	var order []int // partitions as they first appear
	byPartition := map[int][]OutMessage{}
	index := map[int][]int{}
	for i := range recs {
		p := recs[i].Partition
		if _, ok := byPartition[p]; !ok {
			order = append(order, p)
		}
		byPartition[p] = append(byPartition[p], OutMessage{Value: recs[i].Value})
		index[p] = append(index[p], i)
	}
	if len(order) == 1 {
		return s.partition(ctx, order[0], byPartition[order[0]], index[order[0]])
	}
	var (
		wg    sync.WaitGroup
		slots = make(chan struct{}, sendersAtOnce)
		errs  = make([]error, len(order))
	)
	for i, p := range order {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			errs[i] = s.partition(ctx, p, byPartition[p], index[p])
		})
	}
	wg.Wait()
	return pick(errs)
}

// pick prefers an error that is not about one record: a rejection says that
// the records before it are sent, which holds only if nothing else failed.
func pick(errs []error) error {
	var rejected error
	for _, err := range errs {
		var r *spool.Rejection
		switch {
		case err == nil:
		case errors.As(err, &r):
			rejected = err
		default:
			return err
		}
	}
	return rejected
}

func (s *Sender) partition(ctx context.Context, id int, msgs []OutMessage, index []int) error {
	err := s.client.producePartition(ctx, partition{s.topic, id}, msgs)
	if !errors.Is(err, kafkago.MessageSizeTooLarge) && !errors.Is(err, kafkago.RecordListTooLarge) {
		return err
	}
	// One by one, to find out which.
	for i := range msgs {
		err := s.client.producePartition(ctx, partition{s.topic, id}, msgs[i:i+1])
		if errors.Is(err, kafkago.MessageSizeTooLarge) || errors.Is(err, kafkago.RecordListTooLarge) {
			return &spool.Rejection{Index: index[i], Reason: fmt.Sprintf("a record of %d bytes is larger than topic %s accepts (max.message.bytes)", len(msgs[i].Value), s.topic)}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
