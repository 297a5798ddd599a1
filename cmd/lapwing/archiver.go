package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"lapwing/cmd/internal/supervise"
	"lapwing/store"
	"lapwing/store/archive"
	"lapwing/stream/kafka"
)

// An archiverRole keeps the calls that it reads from Kafka, each once, and the
// inventory. Archivers share the partitions of the calls topic.
type archiverRole struct {
	env       *environment
	client    *kafka.Client
	calls     *kafka.Group
	archiver  *archive.Archiver
	inventory *inventoryKeeper

	mu     sync.Mutex
	faults map[int]string // why a partition stands still
}

func openArchiver(ctx context.Context, env *environment) (*archiverRole, error) {
	client, err := env.dial(ctx, roleArchiver)
	if err != nil {
		return nil, err
	}
	topics := client.Topics()
	r := &archiverRole{env: env, client: client, calls: client.Group(archive.GroupName, topics.Calls)}
	r.inventory = &inventoryKeeper{group: client.GroupExclusive("inventory", topics.Model), store: env.store, quarantine: client.Quarantine, every: 10 * time.Second, log: env.log}
	r.archiver = &archive.Archiver{
		Store: env.store,
		// A batch that is kept says that whatever was wrong is over.
		Observe: func(b store.LogBatch) { r.fault(b.Partition, nil) },
		Quarantine: func(ctx context.Context, topic string, partition int, m archive.Message, reason string) error {
			env.log.Warn("a record that cannot be read is set aside", "topic", topic, "partition", partition, "offset", m.Offset, "reason", reason)
			return client.Quarantine(ctx, kafka.Message{Topic: topic, Partition: partition, Offset: m.Offset, Time: m.Time, Key: m.Key, Value: m.Value}, reason)
		},
	}
	return r, nil
}

// Name implements role.
func (r *archiverRole) Name() string { return roleArchiver }

// Run implements role.
func (r *archiverRole) Run(ctx context.Context) error {
	parts := supervise.New(ctx, r.env.log)
	parts.Go("archive", func(ctx context.Context) error {
		archive := r.archiver.OverKafka(r.client)
		return r.calls.Run(ctx, func(ctx context.Context, claim *kafka.Claim) error { return r.partition(ctx, claim, archive) })
	})
	parts.Go("inventory", r.inventory.Run)
	parts.Go("retention", r.retain)
	return parts.Wait()
}

// partition archives one partition for as long as it is ours. What stops it,
// such as a record of a newer version, stops no other, and is tried again: the
// archiver asks the store where to go on.
func (r *archiverRole) partition(ctx context.Context, claim *kafka.Claim, archive func(context.Context, *kafka.Claim) error) error {
	defer r.fault(claim.Partition, nil)
	for pause := 200 * time.Millisecond; ; pause = min(2*pause, 30*time.Second) {
		began := time.Now()
		err := archive(ctx, claim)
		if ctx.Err() != nil || err == nil {
			return nil
		}
		if time.Since(began) > time.Minute {
			pause = 200 * time.Millisecond
		}
		r.fault(claim.Partition, err)
		r.env.log.Error("a partition is not archived at the moment", "error", err, "again in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

func (r *archiverRole) fault(partition int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.faults, partition)
		return
	}
	if r.faults == nil {
		r.faults = map[int]string{}
	}
	r.faults[partition] = err.Error()
}

// retain deletes what is too old, once an hour.
func (r *archiverRole) retain(ctx context.Context) error {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		n, err := r.env.store.Retain(ctx, time.Now().Add(-time.Duration(r.env.cfg.Store.Retention)))
		if err != nil {
			return err
		}
		if n > 0 {
			r.env.log.Info("deleted old calls", "calls", n)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Ready implements role.
func (r *archiverRole) Ready() string {
	if r.client.Stats().Rebalances == 0 {
		return "it has not joined its group yet"
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range slices.Sorted(maps.Keys(r.faults)) {
		return r.faults[p]
	}
	return troubleOf(r.env.store)
}

// Active implements role: an archiver without a partition stands by.
func (r *archiverRole) Active() bool {
	for _, c := range r.client.Stats().Claims {
		if c.Group == r.calls.Name() {
			return true
		}
	}
	return false
}

// Close implements role.
func (r *archiverRole) Close() error {
	r.client.Close()
	return nil
}
