package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"lapwing/alerting"
	"lapwing/alerting/replica"
	"lapwing/event"
	"lapwing/stream/kafka"
)

// An alerterRole tells people about the alerts that it reads from Kafka. One
// alerter of a deployment is active, the others stand by; whoever takes over
// goes on from the copy of the alert log in Kafka.
type alerterRole struct {
	env    *environment
	client *kafka.Client
	group  *kafka.Group

	mu     sync.Mutex
	alerts *alerting.Pipeline // nil while another alerter is active
	counts alerterCounts
}

// alerterCounts account for messages: those that were read and not set aside
// are alerts, which the pipeline counts as accepted or known.
type alerterCounts struct {
	Read        uint64 // messages of the alerts topic
	Quarantined uint64 // of those, set aside because they are no alerts
	TakeOvers   uint64
}

func openAlerter(ctx context.Context, env *environment) (*alerterRole, error) {
	client, err := env.dial(ctx, roleAlerter)
	if err != nil {
		return nil, err
	}
	if _, err := env.cfg.Alerting.destinations(nil, nil); err != nil {
		return nil, err
	}
	return &alerterRole{env: env, client: client, group: client.GroupExclusive("alerting", client.Topics().Alerts)}, nil
}

// Name implements role.
func (r *alerterRole) Name() string { return roleAlerter }

// Run implements role.
func (r *alerterRole) Run(ctx context.Context) error { return r.group.Run(ctx, r.lead) }

// closeTimeout bounds the last writes of an alerter that ends or has lost its
// claim: the next one waits for it.
const closeTimeout = 10 * time.Second

// lead is what the active alerter does.
func (r *alerterRole) lead(ctx context.Context, claim *kafka.Claim) error {
	// A delivery that came back is still noted after ctx has ended.
	writing, stopWriting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWriting()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(closeTimeout, stopWriting) })()
	began := time.Now()
	p, err := openAlerting(&r.env.cfg, r.env.keys, r.env.log, r.copyOf(ctx, writing))
	if err != nil {
		return err
	}
	r.env.log.Info("this alerter is active", "incidents", len(p.Incidents()), "took", time.Since(began).Round(time.Millisecond))
	r.mu.Lock()
	r.alerts = p
	r.counts.TakeOvers++
	r.mu.Unlock()
	delivering, stopDelivering := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- p.Run(delivering) }()
	err = r.follow(ctx, claim, p)
	stopDelivering()
	err = errors.Join(err, <-ended)
	r.mu.Lock()
	r.alerts = nil
	r.mu.Unlock()
	return errors.Join(err, p.Close())
}

// copyOf is the copy of the alert log in Kafka.
func (r *alerterRole) copyOf(taking, writing context.Context) alerting.Replica {
	return replica.New(taking, writing, stateLog{r.client}, replica.Owner{Name: r.env.owner, Since: time.Now().UTC()})
}

// follow reads alerts until ctx ends. An offset is committed once its alerts
// are with alerting and in the store.
func (r *alerterRole) follow(ctx context.Context, claim *kafka.Claim, p *alerting.Pipeline) error {
	for {
		messages, err := claim.Fetch(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		for len(messages) > 0 {
			n := min(len(messages), alertBatch)
			if err := r.take(ctx, messages[:n], p); err != nil {
				if ctx.Err() != nil {
					return nil
				}
				return err
			}
			if err := claim.Commit(ctx, messages[n-1].Offset+1); err != nil {
				return err
			}
			messages = messages[n:]
		}
	}
}

// alertBatch is how many messages are committed together.
const alertBatch = 256

func (r *alerterRole) take(ctx context.Context, messages []kafka.Message, p *alerting.Pipeline) error {
	var alerts []event.Alert
	aside := uint64(0)
	for _, m := range messages {
		a, err := decodeAlert(m)
		if err == nil {
			alerts = append(alerts, a)
			continue
		}
		r.env.log.Warn("a message that is no alert is set aside", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "reason", err)
		if err := r.client.Quarantine(ctx, m, err.Error()); err != nil {
			return err
		}
		aside++
	}
	// Both know an alert they have seen: a repetition after an error, or by
	// whoever takes over before the commit, does no harm.
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 10*time.Second) {
		err := p.Accept(ctx, alerts)
		if err == nil && len(alerts) > 0 {
			err = r.env.store.PutAlerts(ctx, p.Mark(alerts))
		}
		if err == nil {
			r.mu.Lock()
			r.counts.Read += uint64(len(messages))
			r.counts.Quarantined += aside
			r.mu.Unlock()
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.env.log.Error("alerts are not kept yet", "alerts", len(alerts), "error", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// maxAlertID bounds what names an alert: it becomes a key elsewhere. Ours have 26 characters.
const maxAlertID = 128

// decodeAlert reads one message of the alerts topic.
func decodeAlert(m kafka.Message) (event.Alert, error) {
	var a event.Alert
	if err := json.Unmarshal(m.Value, &a); err != nil {
		return a, fmt.Errorf("it is no alert: %w", err)
	}
	switch {
	case a.ID == "" || len(a.ID) > maxAlertID || len(a.IncidentID) > maxAlertID:
		return a, fmt.Errorf("its ID has %d characters, 1 to %d are allowed", max(len(a.ID), len(a.IncidentID)), maxAlertID)
	case a.Revision < 1:
		return a, fmt.Errorf("its revision is %d, the first is 1", a.Revision)
	case string(m.Key) != a.ID:
		return a, fmt.Errorf("its key %.128q is not its ID", m.Key)
	}
	return a, nil
}

// Ready implements role.
func (r *alerterRole) Ready() string {
	if r.client.Stats().Rebalances == 0 {
		return "it has not joined its group yet"
	}
	for _, c := range r.client.Stats().Claims {
		if c.Group == r.group.Name() && !r.Active() {
			return "it is taking over"
		}
	}
	return troubleOf(r.env.store)
}

// Active implements role.
func (r *alerterRole) Active() bool { return r.pipeline() != nil }

// pipeline is nil on a stand-by.
func (r *alerterRole) pipeline() *alerting.Pipeline {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.alerts
}

// activeElsewhere says who can do what a stand-by cannot.
func (r *alerterRole) activeElsewhere(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	o, err := replica.ActiveOwner(bounded, stateLog{r.client})
	switch {
	case err != nil:
		return fmt.Errorf("this alerter stands by and cannot do that, and who is active could not be found out: %w", err)
	case o.Name == "" || o.Name == r.env.owner:
		return errors.New("this alerter stands by and cannot do that; no other has said that it is active: try again in some seconds")
	}
	return fmt.Errorf("this alerter stands by; the active one is %s, since %s: give the command there", o.Name, o.Since.Format(time.RFC3339))
}

// Close implements role.
func (r *alerterRole) Close() error {
	r.client.Close()
	return nil
}

// A stateLog is the compacted topic in which the copy is kept.
type stateLog struct{ client *kafka.Client }

// ReadAll implements replica.Log.
func (l stateLog) ReadAll(ctx context.Context, fn func(key string, value []byte) error) error {
	return l.client.ReadAll(ctx, l.client.Topics().State, func(m kafka.Message) error { return fn(string(m.Key), m.Value) })
}

// Write implements replica.Log.
func (l stateLog) Write(ctx context.Context, records []alerting.Record) error {
	out := make([]kafka.OutMessage, len(records))
	for i, rec := range records {
		out[i] = kafka.OutMessage{Partition: -1, Key: []byte(rec.Key), Value: rec.Value}
	}
	return l.client.Produce(ctx, l.client.Topics().State, out...)
}
