package main

import (
	"context"
	"time"

	"lapwing/cmd/internal/supervise"
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
		return r.calls.Run(ctx, r.archiver.OverKafka(r.client))
	})
	parts.Go("inventory", r.inventory.Run)
	parts.Go("retention", r.retain)
	return parts.Wait()
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
	return ""
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
