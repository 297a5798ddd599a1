package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"lapwing/stream/spool"
)

func contents(t *testing.T, c *Client, topic string) map[int][]string {
	t.Helper()
	out := map[int][]string{}
	if err := c.ReadAll(t.Context(), topic, func(m Message) error {
		out[m.Partition] = append(out[m.Partition], string(m.Value))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSenderKeepsOrder(t *testing.T) {
	_, c := fakeReady(t, 2, 4)
	var recs []spool.Packed
	for n := range 40 {
		recs = append(recs, spool.Packed{Partition: n % 4, First: uint64(n), Value: fmt.Appendf(nil, "%d", n)})
	}
	if err := c.Sender().Send(t.Context(), recs); err != nil {
		t.Fatal(err)
	}
	got := contents(t, c, c.Topics().Calls)
	for p := range 4 {
		for i, v := range got[p] {
			if want := fmt.Sprint(p + 4*i); v != want {
				t.Errorf("partition %d: record %d is %s, want %s", p, i, v, want)
			}
		}
		if len(got[p]) != 10 {
			t.Errorf("partition %d has %d records, want 10", p, len(got[p]))
		}
	}
	if s := c.Stats(); s.ProduceRequests != 4 || s.ProduceMessages != 40 {
		t.Errorf("%d requests with %d messages, want one a partition", s.ProduceRequests, s.ProduceMessages)
	}
}

// The record that the topic refuses is named; those before it are there, those
// behind it are not.
func TestSenderNamesTheRecordThatIsTooLarge(t *testing.T) {
	cluster, c := fakeReady(t, 1, 1)
	large := fmt.Sprintf("%01000d", 1)
	cluster.ControlKey(int16(kmsg.Produce), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		req := kreq.(*kmsg.ProduceRequest)
		if len(req.Topics[0].Partitions[0].Records) < 1000 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		p := kmsg.NewProduceResponseTopicPartition()
		p.ErrorCode = kerr.MessageTooLarge.Code
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.TopicID, topic.Partitions = req.Topics[0].Topic, req.Topics[0].TopicID, []kmsg.ProduceResponseTopicPartition{p}
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	c.compression = 0
	err := c.Sender().Send(t.Context(), []spool.Packed{{Value: []byte("a")}, {Value: []byte(large)}, {Value: []byte("b")}})
	var rejected *spool.Rejection
	if !errors.As(err, &rejected) || rejected.Index != 1 {
		t.Fatalf("Send = %v, want the rejection of record 1", err)
	}
	if got := contents(t, c, c.Topics().Calls)[0]; len(got) != 1 || got[0] != "a" {
		t.Errorf("%q are there, want only what stands before it", got)
	}
}

func TestSenderGivesUpWithItsContext(t *testing.T) {
	cluster, c := fakeReady(t, 1, 2)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.NotEnoughReplicas, Count: -1})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := c.Sender().Send(ctx, []spool.Packed{{Partition: 0, Value: []byte("a")}, {Partition: 1, Value: []byte("b")}})
	if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ctx.Err()) {
		t.Errorf("Send = %v", err)
	}
}

// One request a partition is under way; whoever waits for its turn gives up
// with its own context.
func TestProduceTakesTurns(t *testing.T) {
	_, c := fakeReady(t, 1, 2)
	topic := c.Topics().Calls
	done, err := c.writing(t.Context(), partition{topic, 0})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { waiting <- c.Produce(ctx, topic, OutMessage{Value: []byte("never")}) }()
	if err := c.Produce(t.Context(), topic, OutMessage{Partition: 1, Value: []byte("beside")}); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Errorf("Produce = %v", err)
	}
	done()
	if err := c.Produce(t.Context(), topic, OutMessage{Value: []byte("then")}); err != nil {
		t.Error(err)
	}
	if got := contents(t, c, topic); len(got[0]) != 1 || got[0][0] != "then" || len(got[1]) != 1 {
		t.Errorf("%v", got)
	}
}

// What was lent is not read once the loan is over, whoever still holds it.
func TestLoan(t *testing.T) {
	var l loan
	b := l.lend([]byte("abc"))
	p := make([]byte, 1)
	if n, err := b.Read(p); n != 1 || err != nil || p[0] != 'a' || b.Len() != 2 {
		t.Errorf("%d, %v, %q", n, err, p)
	}
	l.end()
	if n, err := b.Read(p); n != 0 || !errors.Is(err, errLoanOver) {
		t.Errorf("after the end: %d, %v", n, err)
	}
	if n, err := io.Copy(io.Discard, b); n != 0 || !errors.Is(err, errLoanOver) {
		t.Errorf("copied after the end: %d, %v", n, err)
	}
	if l.lend(nil) != nil {
		t.Error("nil is a tombstone, not an empty value")
	}
}
