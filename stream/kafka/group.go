package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// A Group shares the partitions of its topics among its members: the processes
// that run the group of that name. One Run at a time.
type Group struct {
	client    *Client
	name      string // with the prefix
	topics    []string
	exclusive bool
	turn      int // of an exclusive group, from 1; 0: it has none
	standing  *standing
}

// Group names a consumer group, "archive" say, that spreads the partitions of
// the topics evenly over its members.
func (c *Client) Group(name string, topics ...string) *Group {
	return &Group{client: c, name: c.cfg.Prefix + "." + name, topics: topics}
}

// GroupExclusive names a consumer group that gives all partitions of the topic
// to one member while the others stand by. The member that has them keeps them
// for as long as it lives; then the one that has stood by longest gets them.
func (c *Client) GroupExclusive(name, topic string) *Group {
	return &Group{client: c, name: c.cfg.Prefix + "." + name, topics: []string{topic}, exclusive: true, standing: newStanding(c.started)}
}

// GroupTurn is GroupExclusive for one of several groups that the same processes
// run, numbered from 0: they spread evenly over the processes, and spread anew
// when one joins or leaves.
func (c *Client) GroupTurn(name, topic string, number int) *Group {
	g := c.GroupExclusive(name, topic)
	g.turn = number + 1
	return g
}

// Name is the group's name in Kafka, with the prefix.
func (g *Group) Name() string { return g.name }

// Run joins the group and calls worker in one goroutine per partition that is
// assigned to this member. When the group rebalances, the workers' contexts
// end, Run waits for them, and joins again; a Claim is not used after its worker
// has returned. What a worker learned it may keep for the next claim on the
// same partition, which begins wherever SeekTo says.
//
// Run returns nil when ctx ends, and a worker's error when one fails while its
// context lasts. A worker that returns nil has done with its partition until
// the next rebalance. Members that stand by have no workers.
func (g *Group) Run(ctx context.Context, worker func(ctx context.Context, claim *Claim) error) error {
	for _, topic := range g.topics {
		// A group that is joined before its topic exists would idle.
		if _, err := g.client.partitionCount(ctx, topic); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	cfg := &g.client.cfg
	balancers := []kafkago.GroupBalancer{kafkago.RangeGroupBalancer{}}
	if g.exclusive {
		balancers = []kafkago.GroupBalancer{exclusiveBalancer{g.standing, g.turn}}
	}
	members, err := kafkago.NewConsumerGroup(kafkago.ConsumerGroupConfig{
		ID: g.name, Brokers: cfg.Brokers, Dialer: g.client.dialer, Topics: g.topics, GroupBalancers: balancers,
		HeartbeatInterval: cfg.HeartbeatInterval, SessionTimeout: cfg.SessionTimeout, RebalanceTimeout: cfg.RebalanceTimeout,
		JoinGroupBackoff: 500 * time.Millisecond, WatchPartitionChanges: true, PartitionWatchInterval: 10 * time.Second,
		StartOffset: kafkago.FirstOffset, Timeout: cfg.RequestTimeout,
	})
	if err != nil {
		return fmt.Errorf("kafka: group %s: %w", g.name, err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	err = g.follow(ctx, cancel, members, &workers, worker)
	g.leave(members, &workers)
	var failed *workerError
	if errors.As(context.Cause(ctx), &failed) {
		return failed.err
	}
	return err
}

// leaveTimeout bounds how long a member that has ended waits for the brokers to
// take leave of it.
const leaveTimeout = 5 * time.Second

// leave waits for the workers, and leaves the group so that the others need not
// wait for the session to time out. A member that was about to join hangs in
// that request for as long as the others take to end their workers; it is not
// waited for.
func (g *Group) leave(members *kafkago.ConsumerGroup, workers *sync.WaitGroup) {
	left := make(chan struct{})
	go func() {
		defer close(left)
		members.Close()
	}()
	workers.Wait()
	t := time.NewTimer(leaveTimeout)
	defer t.Stop()
	select {
	case <-left:
	case <-t.C:
	}
}

type workerError struct{ err error }

func (e *workerError) Error() string { return e.err.Error() }

// follow takes part in one generation after the other.
func (g *Group) follow(ctx context.Context, fail context.CancelCauseFunc, members *kafkago.ConsumerGroup, workers *sync.WaitGroup,
	worker func(context.Context, *Claim) error) error {
	failures := 0
	for {
		gen, err := members.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
			g.client.stats.rebalances.Add(1)
			g.take(ctx, fail, gen, workers, worker)
		case errors.Is(err, kafkago.RebalanceInProgress):
		case fatal(err):
			return g.client.explain(err, g.name)
		default:
			g.client.stats.groupErrors.Add(1)
			if failures++; failures == 3 {
				g.client.cfg.Log.Warn("joining the consumer group fails and is tried again", "group", g.name, "error", g.client.explain(err, g.name))
			}
		}
	}
}

// take starts the workers of a generation.
func (g *Group) take(ctx context.Context, fail context.CancelCauseFunc, gen *kafkago.Generation, workers *sync.WaitGroup,
	worker func(context.Context, *Claim) error) {
	n := 0
	var commits sync.Mutex
	for topic, assigned := range gen.Assignments {
		for _, a := range assigned {
			n++
			claim := newClaim(g.client, g.name, topic, a.ID, a.Offset)
			claim.commit = func(topic string, id int, next int64) error {
				commits.Lock() // one connection, one deadline
				defer commits.Unlock()
				return gen.CommitOffsets(map[string]map[int]int64{topic: {id: next}})
			}
			workers.Add(1)
			gen.Start(func(generation context.Context) {
				defer workers.Done()
				wctx, cancel := context.WithCancel(ctx)
				defer cancel()
				defer context.AfterFunc(generation, cancel)()
				claim.lost = cancel
				g.client.hold(claim)
				defer g.client.release(claim)
				var watching sync.WaitGroup
				watching.Go(func() { claim.watch(wctx, watchEvery) })
				defer watching.Wait()
				defer cancel()
				err := worker(wctx, claim)
				switch {
				case err == nil:
					<-wctx.Done() // returning would end the generation for all
				case wctx.Err() != nil || errors.Is(err, ErrLostClaim):
				default:
					fail(&workerError{err})
				}
			})
		}
	}
	if g.exclusive {
		g.standing.joined(n > 0, gen.ID)
	}
	g.client.cfg.Log.Info("joined the consumer group", "group", g.name, "generation", gen.ID, "partitions", n)
}

func (c *Client) hold(cl *Claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.claims[cl] = struct{}{}
}

func (c *Client) release(cl *Claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.claims, cl)
}
