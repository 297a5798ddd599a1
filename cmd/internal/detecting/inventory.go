package detecting

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/zeebo/xxh3"

	"lapwing/detect/standard"
	"lapwing/event"
	"lapwing/stream/kafka"
)

// EndpointKey is the key of an endpoint in the model topic. Hosts, methods and
// routes hold no zero byte.
func EndpointKey(e *event.Endpoint) string { return e.Host + "\x00" + e.Method + "\x00" + e.Route }

// A model publishes endpoints that have changed to a compacted topic.
type model struct {
	broker Broker
	topic  string
	cell   string            // the one whose endpoints these are; "": all
	sums   map[string]uint64 // of what the topic has, by key; nil before it was read
}

// publish brings the topic to the given endpoints. After an error it may be
// called again.
func (m *model) publish(ctx context.Context, d *standard.Detection) (changed int, err error) {
	endpoints := d.Endpoints()
	if m.sums == nil {
		sums := map[string]uint64{}
		if err := m.broker.ReadAll(ctx, m.topic, func(msg kafka.Message) error {
			if bytes.Count(msg.Key, []byte{0}) != 2 {
				return nil // of somebody else
			}
			if host, _, _ := bytes.Cut(msg.Key, []byte{0}); m.cell != "" && d.Of(string(host)) != m.cell {
				return nil // of another cell
			}
			if msg.Value == nil {
				delete(sums, string(msg.Key))
			} else {
				sums[string(msg.Key)] = xxh3.Hash(msg.Value)
			}
			return nil
		}); err != nil {
			return 0, fmt.Errorf("read the model: %w", err)
		}
		m.sums = sums
	}
	sums := make(map[string]uint64, len(endpoints))
	var out []kafka.OutMessage
	for i := range endpoints {
		key := EndpointKey(&endpoints[i])
		value, err := json.Marshal(&endpoints[i])
		if err != nil {
			return 0, fmt.Errorf("endpoint %q: %w", key, err)
		}
		sums[key] = xxh3.Hash(value)
		if was, ok := m.sums[key]; !ok || was != sums[key] {
			out = append(out, kafka.OutMessage{Partition: -1, Key: []byte(key), Value: value})
		}
	}
	for key := range m.sums {
		if _, ok := sums[key]; !ok {
			out = append(out, kafka.OutMessage{Partition: -1, Key: []byte(key)})
		}
	}
	if len(out) == 0 {
		return 0, nil
	}
	if err := m.broker.Produce(ctx, m.topic, out...); err != nil {
		return 0, fmt.Errorf("publish the model: %w", err)
	}
	m.sums = sums
	return len(out), nil
}
