package kafka

import (
	"cmp"
	"slices"
	"sync/atomic"
)

type counters struct {
	produceRequests, produceMessages, produceBytes, produceRetries, produceErrors atomic.Uint64
	fetchRequests, fetchMessages, fetchBytes, fetchRetries                        atomic.Uint64
	fenced, missed, commits, commitErrors, rebalances, groupErrors, quarantined   atomic.Uint64
}

// Stats are counters since the client was made, and where its claims stand.
type Stats struct {
	ProduceRequests uint64 // answered with success
	ProduceMessages uint64 // that the brokers have
	ProduceBytes    uint64 // of keys and values, before compression
	ProduceRetries  uint64 // requests that failed and were sent again
	ProduceErrors   uint64 // batches given up, the caller knows

	FetchRequests uint64 // that brought messages
	FetchMessages uint64 // handed out
	FetchBytes    uint64 // of keys and values, after decompression
	FetchRetries  uint64 // requests that failed and were sent again
	Fenced        uint64 // messages below the position, not handed out
	Missed        uint64 // offsets that retention had deleted before they were read

	Commits      uint64
	CommitErrors uint64
	Rebalances   uint64 // generations joined
	GroupErrors  uint64 // failures to join or to stay, tried again
	Quarantined  uint64 // messages set aside

	Claims []ClaimStats // by group, topic, partition
}

// ClaimStats is where one claimed partition stands.
type ClaimStats struct {
	Group     string
	Topic     string
	Partition int
	Position  int64 // offset to be read next; -1: not known yet
	End       int64 // offset that the next message will get, as of the last fetch or some seconds ago; -1: not known yet
	Lag       int64 // End - Position; -1: not known yet
}

// Stats returns a snapshot. Counters are read one by one.
func (c *Client) Stats() Stats {
	s := &c.stats
	out := Stats{
		ProduceRequests: s.produceRequests.Load(), ProduceMessages: s.produceMessages.Load(), ProduceBytes: s.produceBytes.Load(),
		ProduceRetries: s.produceRetries.Load(), ProduceErrors: s.produceErrors.Load(),
		FetchRequests: s.fetchRequests.Load(), FetchMessages: s.fetchMessages.Load(), FetchBytes: s.fetchBytes.Load(), FetchRetries: s.fetchRetries.Load(),
		Fenced: s.fenced.Load(), Missed: s.missed.Load(), Commits: s.commits.Load(), CommitErrors: s.commitErrors.Load(),
		Rebalances: s.rebalances.Load(), GroupErrors: s.groupErrors.Load(), Quarantined: s.quarantined.Load(),
	}
	c.mu.Lock()
	for cl := range c.claims {
		out.Claims = append(out.Claims, ClaimStats{Group: cl.group, Topic: cl.Topic, Partition: cl.Partition,
			Position: cl.position.Load(), End: max(cl.end.Load(), cl.seen.Load()), Lag: cl.waiting()})
	}
	c.mu.Unlock()
	slices.SortFunc(out.Claims, func(a, b ClaimStats) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return out
}
