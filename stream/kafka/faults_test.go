package kafka

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Whatever a broker answers now and then, what was written is read, in order.
func TestErrorsOfBrokersAreOutwaited(t *testing.T) {
	for _, tc := range []struct {
		name string
		key  kmsg.Key
		err  *kerr.Error
	}{
		{"produce: leader moved", kmsg.Produce, kerr.NotLeaderForPartition},
		{"produce: timed out after writing", kmsg.Produce, kerr.RequestTimedOut},
		{"produce: too few replicas after writing", kmsg.Produce, kerr.NotEnoughReplicasAfterAppend},
		{"produce: too few replicas", kmsg.Produce, kerr.NotEnoughReplicas},
		{"produce: disk fault", kmsg.Produce, kerr.KafkaStorageError},
		{"fetch: leader moved", kmsg.Fetch, kerr.NotLeaderForPartition},
		{"fetch: unknown epoch", kmsg.Fetch, kerr.UnknownLeaderEpoch},
		{"fetch: disk fault", kmsg.Fetch, kerr.KafkaStorageError},
		{"list offsets: leader moved", kmsg.ListOffsets, kerr.NotLeaderForPartition},
		{"coordinator not there", kmsg.FindCoordinator, kerr.CoordinatorNotAvailable},
		{"join: coordinator loads", kmsg.JoinGroup, kerr.CoordinatorLoadInProgress},
		{"join: coordinator moved", kmsg.JoinGroup, kerr.NotCoordinator},
		{"join: unknown member", kmsg.JoinGroup, kerr.UnknownMemberID},
		{"sync: rebalance", kmsg.SyncGroup, kerr.RebalanceInProgress},
		{"sync: coordinator moved", kmsg.SyncGroup, kerr.NotCoordinator},
		{"heartbeat: rebalance", kmsg.Heartbeat, kerr.RebalanceInProgress},
		{"heartbeat: coordinator moved", kmsg.Heartbeat, kerr.NotCoordinator},
		{"heartbeat: illegal generation", kmsg.Heartbeat, kerr.IllegalGeneration},
		{"offset fetch: coordinator loads", kmsg.OffsetFetch, kerr.CoordinatorLoadInProgress},
		{"commit: coordinator moved", kmsg.OffsetCommit, kerr.NotCoordinator},
		{"commit: illegal generation", kmsg.OffsetCommit, kerr.IllegalGeneration},
		{"commit: rebalance", kmsg.OffsetCommit, kerr.RebalanceInProgress},
		{"metadata: leader not there", kmsg.Metadata, kerr.LeaderNotAvailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cluster, c := fakeReady(t, 2, 2)
			fault := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{tc.key}, Err: tc.err, Count: 3},
				// Requests whose error stands at the top.
				kfake.Fault{Keys: []kmsg.Key{tc.key}, Err: tc.err, Count: 1, TopLevel: true})
			topic := c.Topics().Calls
			const each = 20
			l := newLog()
			m := join(t, c.Group("archive", topic), l.dedup)
			for n := range each {
				for p := range 2 {
					if err := c.Produce(t.Context(), topic, OutMessage{Partition: p, Value: fmt.Appendf(nil, "%d/%d", p, n)}); err != nil {
						t.Fatal(err)
					}
				}
			}
			l.wait(t, 2*each)
			// Heartbeats come by themselves, and no sooner.
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := fault.Wait(ctx, 1); err != nil {
				t.Fatal("the fault never happened")
			}
			m.leave(t)
			for p := range 2 {
				l.complete(t, p, each)
			}
		})
	}
}

func testSeed(t *testing.T) uint64 {
	seed := rand.Uint64()
	if s := os.Getenv("LAPWING_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	t.Logf("LAPWING_SEED=%d repeats this", seed)
	return seed
}

// Connections are cut, leaders and coordinators move, members come and go, all
// at once: nothing is lost and nothing is out of order.
func TestWeather(t *testing.T) {
	cluster, cfg := fake(t, 3, 4)
	cfg.SessionTimeout, cfg.RebalanceTimeout = 2*time.Second, 4*time.Second
	weather(t, cfg, cluster.ShufflePartitionLeaders, cluster.RehashCoordinators)
}

// weather cuts connections, calls what else shakes the brokers, and lets
// members come and go.
func weather(t *testing.T, cfg Config, shake ...func()) {
	seed := testSeed(t)
	rng := rand.New(rand.NewPCG(seed, 1))
	cut := &cutter{rng: rand.New(rand.NewPCG(seed, 2))}
	cfg.Dial = cut.dial
	cfg.RequestTimeout = 2 * time.Second
	c := open(t, cfg)
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	topic := c.Topics().Calls
	cut.set(40)
	l := newLog()
	clients := []*Client{c}
	another := func() *member {
		clients = append(clients, open2(t, cfg))
		return join(t, clients[len(clients)-1].Group("archive", topic), l.dedup)
	}
	members := []*member{another(), another()}
	const rounds, each = 8, 15
	var wg sync.WaitGroup
	for round := range rounds {
		for p := range 4 {
			wg.Go(func() {
				for n := range each {
					if err := c.Produce(t.Context(), topic, OutMessage{Partition: p, Value: fmt.Appendf(nil, "%d/%d", p, round*each+n)}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		if n := rng.IntN(len(shake) + 1); n < len(shake) {
			shake[n]()
		} else {
			members = append(members, another())
			members[0].leave(t)
			members = members[1:]
		}
		wg.Wait()
	}
	cut.set(0)
	l.wait(t, rounds*each*4)
	for _, m := range members {
		m.leave(t)
	}
	for p := range 4 {
		l.complete(t, p, rounds*each)
	}
	var sum Stats
	for _, c := range clients {
		s := c.Stats()
		sum.ProduceRetries += s.ProduceRetries
		sum.FetchRetries += s.FetchRetries
		sum.GroupErrors += s.GroupErrors
		sum.CommitErrors += s.CommitErrors
		sum.Rebalances += s.Rebalances
	}
	t.Logf("%d connections cut; %d writes, %d reads, %d commits failed; %d failures in groups, %d generations",
		cut.cuts, sum.ProduceRetries, sum.FetchRetries, sum.CommitErrors, sum.GroupErrors, sum.Rebalances)
	if cut.cuts == 0 {
		t.Error("no connection was cut")
	}
}

// open2 makes a client without looking whether a broker answers.
func open2(t *testing.T, cfg Config) *Client {
	t.Helper()
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestRetentionAheadOfTheReader(t *testing.T) {
	cluster, c := fakeReady(t, 1, 1)
	topic := c.Topics().Calls
	for n := range 10 {
		if err := c.Produce(t.Context(), topic, OutMessage{Value: fmt.Appendf(nil, "%d", n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := cluster.DeleteRecords(topic, 0, 6); err != nil {
		t.Fatal(err)
	}
	cl := newClaim(c, "g", topic, 0, 2)
	msgs, err := cl.Fetch(t.Context())
	if err != nil || msgs[0].Offset != 6 {
		t.Fatalf("%v, %v; want to go on at 6", msgs, err)
	}
	if n := c.Stats().Missed; n != 4 {
		t.Errorf("%d offsets are counted as missed, want 4", n)
	}
	// Behind the end: nobody guesses.
	cl.SeekTo(99)
	if _, err := cl.Fetch(t.Context()); !errors.Is(err, ErrOutOfRange) || !strings.Contains(err.Error(), "ends at 10") {
		t.Errorf("behind the end: %v", err)
	}
}

// A compressed batch begins before what was asked for; the claim does not.
func TestFetchBeginsAtThePosition(t *testing.T) {
	_, c := fakeReady(t, 1, 1)
	topic := c.Topics().Calls
	var batch []OutMessage
	for n := range 10 {
		batch = append(batch, OutMessage{Value: fmt.Appendf(nil, "%d", n)})
	}
	if err := c.Produce(t.Context(), topic, batch...); err != nil {
		t.Fatal(err)
	}
	cl := newClaim(c, "g", topic, 0, -1)
	if lag := cl.Lag(); lag != -1 {
		t.Errorf("lag %d before anything was fetched", lag)
	}
	cl.SeekTo(7)
	msgs, err := cl.Fetch(t.Context())
	if err != nil || len(msgs) != 3 || msgs[0].Offset != 7 || string(msgs[0].Value) != "7" {
		t.Fatalf("%v, %v", msgs, err)
	}
	if s := c.Stats(); s.Fenced != 7 || s.FetchMessages != 3 {
		t.Errorf("%+v", s)
	}
	if cl.Position() != 10 || cl.Lag() != 0 {
		t.Errorf("position %d, lag %d", cl.Position(), cl.Lag())
	}
}

// Who is busy with what it fetched, or waits for a store, sees nothing of what
// gathers; the counters do.
func TestLagGrowsWhileNothingIsFetched(t *testing.T) {
	_, c := fakeReady(t, 1, 1)
	topic := c.Topics().Calls
	put := func(n int) {
		for range n {
			if err := c.Produce(t.Context(), topic, OutMessage{Value: []byte("x")}); err != nil {
				t.Fatal(err)
			}
		}
	}
	put(1)
	cl := newClaim(c, "g", topic, 0, 0)
	c.hold(cl)
	defer c.release(cl)
	if _, err := cl.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats().Claims[0]; s.Lag != 0 {
		t.Fatalf("%+v after everything was fetched", s)
	}
	put(5)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go cl.watch(ctx, time.Millisecond)
	for c.Stats().Claims[0].Lag != 5 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		runtime.Gosched()
	}
	if cl.Lag() != 0 {
		t.Errorf("Lag says %d: it is as of the last fetch", cl.Lag())
	}
}

func TestRunReturnsAWorkersError(t *testing.T) {
	_, c := fakeReady(t, 1, 2)
	broken := errors.New("broken")
	err := c.Group("g", c.Topics().Calls).Run(t.Context(), func(ctx context.Context, cl *Claim) error {
		if cl.Partition == 1 {
			return broken
		}
		<-ctx.Done() // the others are told to end
		return ctx.Err()
	})
	if !errors.Is(err, broken) {
		t.Errorf("Run = %v, want the worker's error", err)
	}
}

// A worker that is done does not end the others' generation, and a claim that
// is gone cannot commit.
func TestLostClaim(t *testing.T) {
	cluster, c := fakeReady(t, 1, 2)
	topic := c.Topics().Calls
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var once sync.Once
	var lost error
	err := c.Group("g", topic).Run(ctx, func(ctx context.Context, cl *Claim) error {
		if cl.Partition == 1 {
			return nil
		}
		err := cl.Commit(ctx, 0)
		once.Do(func() {
			if err != nil {
				t.Errorf("first commit: %v", err)
			}
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.IllegalGeneration})
			if lost = cl.Commit(ctx, 0); ctx.Err() == nil {
				t.Error("the worker's context goes on")
			}
			err = lost
		})
		if lost != nil && err == nil { // the next generation
			cancel()
		}
		return err
	})
	if err != nil {
		t.Errorf("Run = %v: a lost claim is no failure", err)
	}
	if !errors.Is(lost, ErrLostClaim) {
		t.Errorf("commit without a right to it: %v", lost)
	}
	if s := c.Stats(); s.CommitErrors != 1 || len(s.Claims) != 0 {
		t.Errorf("%+v", s)
	}
}

func TestMissingRights(t *testing.T) {
	acl := func(resource kmsg.ACLResourceType, name string, op kmsg.ACLOperation) kfake.ACL {
		return kfake.ACL{Resource: resource, Name: name, Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: op, Allow: true}
	}
	const topic, group = kmsg.ACLResourceTypeTopic, kmsg.ACLResourceTypeGroup
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"),
		kfake.User("PLAIN", "viewer", "viewer", acl(topic, "test.", kmsg.ACLOperationDescribe)),
		kfake.User("PLAIN", "reader", "reader", acl(topic, "test.", kmsg.ACLOperationDescribe), acl(topic, "test.", kmsg.ACLOperationRead)),
		kfake.User("PLAIN", "member", "member", acl(topic, "test.", kmsg.ACLOperationDescribe), acl(group, "test.", kmsg.ACLOperationRead)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	as := func(user string) *Client {
		return open(t, Config{Brokers: cluster.ListenAddrs(), Partitions: 2, Prefix: "test", Replication: 1, SASL: SASL{"plain", user, user},
			FetchMaxWait: 50 * time.Millisecond})
	}
	says := func(what string, err error, want ...string) {
		t.Helper()
		for _, w := range want {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("%s: %v\nwant %q", what, err, w)
			}
		}
	}
	says("making topics", as("viewer").Ensure(t.Context()), "could not be made",
		"--create --topic test.calls --partitions 2 --replication-factor 1 --config cleanup.policy=delete --config message.timestamp.type=LogAppendTime\n",
		"--create --topic test.state --partitions 1 --replication-factor 1 --config cleanup.policy=compact")
	if err := as("admin").Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	// What is there needs no right to make it.
	if err := as("viewer").Ensure(t.Context()); err != nil {
		t.Error(err)
	}
	calls := as("viewer").Topics().Calls
	says("writing", as("viewer").Produce(t.Context(), calls, OutMessage{Value: []byte("x")}), `user "viewer" has no right to topic test.calls`)
	says("joining", as("reader").Group("g", calls).Run(t.Context(), func(context.Context, *Claim) error { return nil }),
		`user "reader" has no right to the consumer group test.g`)
	says("reading", as("member").Group("g", calls).Run(t.Context(), func(ctx context.Context, cl *Claim) error {
		_, err := cl.Fetch(ctx)
		return err
	}), `user "member" has no right to topic test.calls`)
	_, err = Open(t.Context(), Config{Brokers: cluster.ListenAddrs(), SASL: SASL{"plain", "admin", "wrong"}})
	says("a wrong password", err, `refuse the credentials of user "admin"`)
}

// The reason for a failure is told even where kafka-go does not know it: a
// client that began while nobody was there.
func TestNobodyThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	if _, err := Open(t.Context(), Config{Brokers: []string{address}}); err == nil || !strings.Contains(err.Error(), "nobody listens at "+address) {
		t.Errorf("Open = %v", err)
	}
	c := open2(t, Config{Brokers: []string{address}})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	err = c.Produce(ctx, "x", OutMessage{Value: []byte("x")})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "nobody listens at "+address) {
		t.Errorf("Produce = %v", err)
	}
}

func TestConfigurationFaults(t *testing.T) {
	for says, cfg := range map[string]Config{
		"no brokers are given":     {},
		"is no address such as":    {Brokers: []string{"kafka"}},
		"must divide 256":          {Brokers: []string{"k:1"}, Partitions: 12},
		"compression must be":      {Brokers: []string{"k:1"}, Compression: "rar"},
		"SASL mechanism must be":   {Brokers: []string{"k:1"}, SASL: SASL{Mechanism: "gssapi"}},
		"without a SASL mechanism": {Brokers: []string{"k:1"}, SASL: SASL{User: "u"}},
		"three heartbeat":          {Brokers: []string{"k:1"}, SessionTimeout: time.Second, HeartbeatInterval: time.Second},
		"the prefix":               {Brokers: []string{"k:1"}, Prefix: "a b"},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v, want %q", cfg, err, says)
		}
	}
}
