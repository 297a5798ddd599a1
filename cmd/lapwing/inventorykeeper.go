package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lapwing/event"
	"lapwing/stream/kafka"
)

// An inventoryKeeper reads the endpoints that the detector publishes and keeps
// them in the store. One of all archivers does so. It reads the compacted topic
// from its beginning whenever it becomes the one, since a store takes the
// inventory as a whole.
type inventoryKeeper struct {
	group interface {
		Run(ctx context.Context, worker func(context.Context, *kafka.Claim) error) error
	}
	store      endpointStore
	quarantine func(ctx context.Context, m kafka.Message, reason string) error
	every      time.Duration // how often the store is written at most
	log        *slog.Logger

	endpoints atomic.Int64 // kept at the last writing
}

type endpointStore interface {
	PutEndpoints(ctx context.Context, endpoints []event.Endpoint) error
}

// maxEndpoints bounds the inventory in memory: the detector keeps fewer.
const maxEndpoints = 200_000

// Run keeps the inventory until ctx ends.
func (k *inventoryKeeper) Run(ctx context.Context) error {
	return k.group.Run(ctx, func(ctx context.Context, claim *kafka.Claim) error {
		claim.SeekTo(-1)
		view := &inventoryView{endpoints: map[string]event.Endpoint{}}
		fetched := make(chan error, 1)
		reading, stop := context.WithCancel(ctx)
		defer stop()
		go func() { fetched <- k.read(reading, claim, view) }()
		tick := time.NewTicker(k.every)
		defer tick.Stop()
		for {
			ending := false
			var failed error
			select {
			case <-tick.C:
			case failed = <-fetched:
				ending = true
			}
			if list, ok := view.changed(claim.Lag() != 0); ok {
				// What was read is kept also when the claim ends: whoever is next writes the same.
				if err := k.store.PutEndpoints(context.WithoutCancel(ctx), list); err != nil {
					view.again()
					k.log.Error("the inventory is not kept yet", "error", err)
				} else {
					k.endpoints.Store(int64(len(list)))
				}
			}
			if ending {
				if ctx.Err() != nil {
					return nil
				}
				return failed
			}
		}
	})
}

// read follows the topic into the view until ctx ends.
func (k *inventoryKeeper) read(ctx context.Context, claim *kafka.Claim, view *inventoryView) error {
	for {
		messages, err := claim.Fetch(ctx)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if err := view.take(m.Key, m.Value); err != nil {
				k.log.Warn("a message that is no endpoint is set aside", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "reason", err)
				if err := k.quarantine(ctx, m, err.Error()); err != nil {
					return err
				}
			}
		}
		if err := claim.Commit(ctx, messages[len(messages)-1].Offset+1); err != nil {
			return err
		}
	}
}

// An inventoryView is the inventory as the topic tells it.
type inventoryView struct {
	mu        sync.Mutex
	endpoints map[string]event.Endpoint // by key
	dirty     bool
}

// take applies one message. The key is host, method and route with zero bytes
// between, the value an event.Endpoint as JSON.
func (v *inventoryView) take(key, value []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if value == nil {
		_, had := v.endpoints[string(key)]
		delete(v.endpoints, string(key))
		v.dirty = v.dirty || had
		return nil
	}
	var e event.Endpoint
	if err := json.Unmarshal(value, &e); err != nil {
		return fmt.Errorf("it is no endpoint: %w", err)
	}
	if want := strings.Join([]string{e.Host, e.Method, e.Route}, "\x00"); want != string(key) {
		return fmt.Errorf("the key %q is that of another endpoint", key)
	}
	if _, had := v.endpoints[string(key)]; !had && len(v.endpoints) >= maxEndpoints {
		return fmt.Errorf("there are %d endpoints already", maxEndpoints)
	}
	v.endpoints[string(key)] = e
	v.dirty = true
	return nil
}

// changed returns the inventory if it is to be written: not while there is
// more to read, since half of it would replace all of it.
func (v *inventoryView) changed(behind bool) ([]event.Endpoint, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.dirty || behind {
		return nil, false
	}
	v.dirty = false
	return slices.SortedFunc(maps.Values(v.endpoints), func(a, b event.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Route, b.Route), cmp.Compare(a.Method, b.Method))
	}), true
}

// again notes that what changed returned was not kept.
func (v *inventoryView) again() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.dirty = true
}
