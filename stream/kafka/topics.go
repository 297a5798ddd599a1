package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Topics are the names of the topics, with the prefix.
type Topics struct {
	Calls      string // wire.Record; partition: wire.PartitionOf the actor's slot
	Facts      string // between the stages of detection
	Alerts     string // JSON, one partition
	Model      string // compacted, one partition
	State      string // compacted, one partition
	Quarantine string // what could not be read, one partition
}

// Topics returns the names of the topics.
func (c *Client) Topics() Topics { return topicsOf(c.cfg.Prefix) }

func topicsOf(prefix string) Topics {
	p := prefix + "."
	return Topics{Calls: p + "calls", Facts: p + "facts", Alerts: p + "alerts", Model: p + "model", State: p + "state", Quarantine: p + "quarantine"}
}

func (t Topics) all() []string {
	return []string{t.Calls, t.Facts, t.Alerts, t.Model, t.State, t.Quarantine}
}

// A topicSpec is how a topic has to be.
type topicSpec struct {
	name       string
	partitions int
	single     bool // its order across all messages matters
	compacted  bool
	settings   []setting
}

type setting struct{ key, value string }

// Messages are kept at most this long in topics whose retention is not that of
// the calls: an alert that nobody fetched for so long, a message set aside that
// nobody looked at.
const shelfLife = 30 * 24 * time.Hour

func (c *Client) topicSpecs() []topicSpec {
	t := c.Topics()
	millis := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	// The brokers' clock decides how old a message is: a sensor whose clock is
	// slow would have its calls deleted as they arrive, and one whose clock is
	// an hour fast would have them refused.
	deleted := func(d time.Duration) []setting {
		s := []setting{{"cleanup.policy", "delete"}, {"message.timestamp.type", "LogAppendTime"}}
		if d > 0 {
			s = append(s, setting{"retention.ms", millis(d)})
		}
		return s
	}
	// A snapshot rewrites its keys every minute: without these a cleaner would
	// let gigabytes of old ones pile up before it began.
	compacted := []setting{
		{"cleanup.policy", "compact"}, {"segment.bytes", "67108864"}, {"min.cleanable.dirty.ratio", "0.2"},
		{"max.compaction.lag.ms", millis(10 * time.Minute)},
	}
	specs := []topicSpec{
		{t.Calls, c.cfg.Partitions, false, false, deleted(c.cfg.Retention)},
		{t.Facts, c.cfg.Partitions, false, false, deleted(24 * time.Hour)},
		{t.Alerts, 1, true, false, deleted(shelfLife)},
		{t.Model, 1, true, true, compacted},
		{t.State, 1, true, true, compacted},
		// A message set aside may be as large as any, and has headers besides.
		{t.Quarantine, 1, true, false, append(deleted(shelfLife), setting{"max.message.bytes", "2097152"})},
	}
	if c.cfg.Replication >= 3 {
		// With acks=all: two copies before a write counts, one broker may go.
		for i := range specs {
			specs[i].settings = append(slices.Clone(specs[i].settings), setting{"min.insync.replicas", "2"})
		}
	}
	return specs
}

// Ensure makes the topics that are missing and checks those that are there. If
// it may not make them, one error lists the commands that an operator runs. It
// may be called by many processes at once.
func (c *Client) Ensure(ctx context.Context) error {
	specs := c.topicSpecs()
	var missing []topicSpec
	err := c.retry(ctx, "", func() (err error) {
		missing, err = c.verify(ctx, specs)
		return err
	})
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := c.create(ctx, missing); err != nil {
		return err
	}
	// Brokers learn of new topics one after the other.
	var pause backoff
	for {
		missing, err = c.verify(ctx, specs)
		var wrong *topicError
		if errors.As(err, &wrong) || err == nil && len(missing) == 0 {
			return err
		}
		if pause.wait(ctx) != nil {
			return fmt.Errorf("kafka: waiting for the brokers to know the new topics: %w", ctx.Err())
		}
	}
}

// A topicError says what is wrong with topics that exist.
type topicError struct{ text string }

func (e *topicError) Error() string { return "kafka: " + e.text }

// verify returns what is missing, or a *topicError about what is there.
func (c *Client) verify(ctx context.Context, specs []topicSpec) (missing []topicSpec, err error) {
	names := make([]string, len(specs))
	for i := range specs {
		names[i] = specs[i].name
	}
	found, err := c.freshMetadata(ctx, names)
	if err != nil {
		return nil, err
	}
	var wrong []string
	var present []topicSpec
	for _, spec := range specs {
		n, ok := found[spec.name]
		switch {
		case !ok:
			missing = append(missing, spec)
			continue
		case n != spec.partitions && spec.single:
			wrong = append(wrong, fmt.Sprintf("topic %s has %d partitions and must have 1: delete it, or use another prefix", spec.name, n))
		case n < spec.partitions:
			wrong = append(wrong, fmt.Sprintf("topic %s has %d partitions and %d are configured. "+
				"Set partitions to %d everywhere, or stop all sensors, let everything be read, and add partitions with "+
				"`kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions %d`",
				spec.name, n, spec.partitions, n, c.cfg.Brokers[0], spec.name, spec.partitions))
		case n > spec.partitions:
			wrong = append(wrong, fmt.Sprintf("topic %s has %d partitions and %d are configured. "+
				"Partitions cannot be taken away: set partitions to %d everywhere (it must divide 256), or use another prefix",
				spec.name, n, spec.partitions, n))
		}
		present = append(present, spec)
	}
	policy, err := c.policyFaults(ctx, present)
	if err != nil {
		return nil, err
	}
	if wrong = append(wrong, policy...); len(wrong) > 0 {
		return nil, &topicError{strings.Join(wrong, "; ")}
	}
	return missing, nil
}

// freshMetadata asks a broker, rather than what the transport remembers, how
// many partitions the topics have. It does not make topics.
func (c *Client) freshMetadata(ctx context.Context, names []string) (map[string]int, error) {
	conn, err := c.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	found := map[string]int{}
	for _, name := range names {
		partitions, err := conn.ReadPartitions(name)
		switch {
		case errors.Is(err, kafkago.UnknownTopicOrPartition):
		case err != nil:
			return nil, err
		default:
			found[name] = len(partitions)
		}
	}
	return found, nil
}

// connect opens a connection to the first broker that takes one.
func (c *Client) connect(ctx context.Context) (*kafkago.Conn, error) {
	var last error
	for _, address := range c.cfg.Brokers {
		conn, err := c.dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			last = err
			continue
		}
		if err := conn.SetDeadline(time.Now().Add(c.cfg.RequestTimeout)); err != nil {
			conn.Close()
			return nil, err
		}
		return conn, nil
	}
	return nil, last
}

// policyFaults compares cleanup policies. Without the right to see them they
// are taken to be right.
func (c *Client) policyFaults(ctx context.Context, specs []topicSpec) ([]string, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	var resources []kafkago.DescribeConfigRequestResource
	for _, s := range specs {
		resources = append(resources, kafkago.DescribeConfigRequestResource{
			ResourceType: kafkago.ResourceTypeTopic, ResourceName: s.name, ConfigNames: []string{"cleanup.policy"},
		})
	}
	resp, err := c.api.DescribeConfigs(ctx, &kafkago.DescribeConfigsRequest{Resources: resources})
	if err != nil {
		var code kafkago.Error
		if errors.As(err, &code) && fatal(err) {
			return nil, nil
		}
		return nil, err
	}
	var faults []string
	for _, r := range resp.Resources {
		i := slices.IndexFunc(specs, func(s topicSpec) bool { return s.name == r.ResourceName })
		if r.Error != nil || i < 0 {
			continue
		}
		for _, e := range r.ConfigEntries {
			if e.ConfigName != "cleanup.policy" {
				continue
			}
			want := "delete"
			if specs[i].compacted {
				want = "compact"
			}
			if e.ConfigValue != want {
				faults = append(faults, fmt.Sprintf("topic %s has cleanup.policy %s and needs %s: "+
					"`kafka-configs.sh --bootstrap-server %s --alter --topic %s --add-config cleanup.policy=%s`",
					r.ResourceName, e.ConfigValue, want, c.cfg.Brokers[0], r.ResourceName, want))
			}
		}
	}
	return faults, nil
}

// create makes topics, or says what an operator has to do.
func (c *Client) create(ctx context.Context, specs []topicSpec) error {
	req := &kafkago.CreateTopicsRequest{}
	for _, s := range specs {
		t := kafkago.TopicConfig{Topic: s.name, NumPartitions: s.partitions, ReplicationFactor: c.cfg.Replication}
		if c.cfg.Replication == 0 {
			t.ReplicationFactor = -1 // the brokers' default, KIP-464
		}
		for _, kv := range s.settings {
			t.ConfigEntries = append(t.ConfigEntries, kafkago.ConfigEntry{ConfigName: kv.key, ConfigValue: kv.value})
		}
		req.Topics = append(req.Topics, t)
	}
	var resp *kafkago.CreateTopicsResponse
	err := c.retry(ctx, "", func() (err error) {
		resp, err = c.api.CreateTopics(ctx, req)
		if err == nil {
			for _, e := range resp.Errors {
				if errors.Is(e, kafkago.NotController) {
					return e
				}
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	var left []topicSpec
	var why error
	for _, s := range specs {
		if e := resp.Errors[s.name]; e != nil && !errors.Is(e, kafkago.TopicAlreadyExists) {
			left, why = append(left, s), e
		}
	}
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("kafka: these topics are missing and could not be made (%w). Run as somebody who may:\n%s", why, c.commands(left))
}

// commands are what an operator types to make the topics.
func (c *Client) commands(specs []topicSpec) string {
	var b strings.Builder
	for _, s := range specs {
		fmt.Fprintf(&b, "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d", c.cfg.Brokers[0], s.name, s.partitions)
		if c.cfg.Replication > 0 {
			fmt.Fprintf(&b, " --replication-factor %d", c.cfg.Replication)
		}
		for _, kv := range s.settings {
			fmt.Fprintf(&b, " --config %s=%s", kv.key, kv.value)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
