package kafka

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// realBroker returns a configuration with a prefix of its own, whose topics are
// deleted at the end.
func realBroker(t *testing.T, partitions int) Config {
	t.Helper()
	brokers := os.Getenv("KAFKA_BROKERS")
	if brokers == "" {
		if os.Getenv("LAPWING_INTEGRATION") == "1" {
			t.Fatal("KAFKA_BROKERS is not set: start a broker with `.ci/kafka up` and set it")
		}
		t.Skip("KAFKA_BROKERS is not set: this test needs a Kafka broker (`.ci/kafka up`)")
	}
	cfg := Config{Brokers: strings.Split(brokers, ","), Partitions: partitions, Prefix: fmt.Sprintf("test-%016x", rand.Uint64()),
		HeartbeatInterval: 200 * time.Millisecond, SessionTimeout: 6 * time.Second, FetchMaxWait: 100 * time.Millisecond}
	t.Cleanup(func() {
		c, err := New(cfg)
		if err != nil {
			return
		}
		defer c.Close()
		var names []string
		for _, s := range c.topicSpecs() {
			names = append(names, s.name)
		}
		names = append(names, cfg.Prefix+"2.alerts")
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if _, err := c.api.DeleteTopics(ctx, &kafkago.DeleteTopicsRequest{Topics: names}); err != nil {
			t.Log("deleting topics:", err)
		}
	})
	return cfg
}

func ready(t *testing.T, cfg Config) *Client {
	t.Helper()
	c := open(t, cfg)
	if err := c.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestIntegrationPublishAndConsume(t *testing.T) {
	for _, compression := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(compression, func(t *testing.T) {
			cfg := realBroker(t, 2)
			cfg.Compression = compression
			publishAndConsume(t, ready(t, cfg), 2, 30)
		})
	}
}

// Three members come and go while messages are written. Every message is
// handled, in the order of its partition; no partition is ever in two hands
// with both able to commit; committed offsets never go back.
func TestIntegrationRebalanceAmongThree(t *testing.T) {
	rebalanceAmongThree(t, realBroker(t, 8))
}

func TestIntegrationExclusiveTakeOver(t *testing.T) {
	exclusiveTakeOver(t, realBroker(t, 4))
}

func TestIntegrationWeather(t *testing.T) { weather(t, realBroker(t, 4)) }

func TestIntegrationOffsetAt(t *testing.T) { offsetAt(t, ready(t, realBroker(t, 2))) }

func TestIntegrationReadAll(t *testing.T) {
	readAll(t, ready(t, realBroker(t, 1)))
}

func TestIntegrationWrongPartitionCount(t *testing.T) {
	wrongPartitionCount(t, realBroker(t, 4))
}

func TestIntegrationQuarantine(t *testing.T) {
	quarantine(t, ready(t, realBroker(t, 1)))
}

// The topics that Ensure makes have the settings that it asks for.
func TestIntegrationTopicSettings(t *testing.T) {
	cfg := realBroker(t, 2)
	cfg.Retention = 36 * time.Hour
	c := ready(t, cfg)
	for topic, want := range map[string]map[string]string{
		c.Topics().Calls: {"cleanup.policy": "delete", "retention.ms": "129600000", "message.timestamp.type": "LogAppendTime"},
		c.Topics().State: {"cleanup.policy": "compact", "segment.bytes": "67108864"},
	} {
		resp, err := c.api.DescribeConfigs(t.Context(), &kafkago.DescribeConfigsRequest{
			Resources: []kafkago.DescribeConfigRequestResource{{ResourceType: kafkago.ResourceTypeTopic, ResourceName: topic}}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, e := range resp.Resources[0].ConfigEntries {
			got[e.ConfigName] = e.ConfigValue
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s: %s is %q, want %q", topic, k, got[k], v)
			}
		}
	}
	// Once more, by somebody else, changes nothing and finds nothing wrong.
	if err := open(t, cfg).Ensure(t.Context()); err != nil {
		t.Error(err)
	}
}

// Everything that credentials and certificates can get wrong, against the
// listeners of the broker that want them. Their addresses follow from the first
// of KAFKA_BROKERS, as `.ci/kafka` lays them out.
func TestIntegrationAccess(t *testing.T) {
	base := realBroker(t, 1)
	host, port, _ := strings.Cut(base.Brokers[0], ":")
	var first int
	if _, err := fmt.Sscan(port, &first); err != nil {
		t.Fatal(err)
	}
	at := func(add int) []string { return []string{fmt.Sprintf("%s:%d", host, first+add)} }
	sasl, ssl, both := at(200), at(300), at(400)
	probe := base
	probe.Brokers = sasl
	probe.SASL = SASL{"plain", "lapwing", "lapwing-test"}
	if c, err := New(probe); err != nil {
		t.Fatal(err)
	} else if err := c.Check(t.Context()); err != nil && os.Getenv("KAFKA_DATA") == "" {
		t.Skipf("the broker has no listener for credentials where .ci/kafka puts it: %v", err)
	}
	ca := caFile(t)
	good := SASL{"plain", "lapwing", "lapwing-test"}
	for name, tc := range map[string]struct {
		brokers []string
		tls     bool
		ca      string
		sasl    SASL
		says    string // "": it works
	}{
		"plain":                      {sasl, false, "", good, ""},
		"scram 256":                  {sasl, false, "", SASL{"scram-sha-256", good.User, good.Password}, ""},
		"scram 512":                  {sasl, false, "", SASL{"SCRAM-SHA-512", good.User, good.Password}, ""},
		"tls":                        {ssl, true, ca, SASL{}, ""},
		"tls and scram":              {both, true, ca, SASL{"scram-sha-512", good.User, good.Password}, ""},
		"wrong password":             {sasl, false, "", SASL{"plain", "lapwing", "wrong"}, `refuse the credentials of user "lapwing"`},
		"wrong password, scram":      {sasl, false, "", SASL{"scram-sha-256", "lapwing", "wrong"}, "refuse the credentials"},
		"unknown user, scram":        {sasl, false, "", SASL{"scram-sha-512", "nobody", "wrong"}, "refuse the credentials"},
		"no credentials":             {sasl, false, "", SASL{}, "may want TLS or credentials"},
		"credentials not asked for":  {base.Brokers, false, "", good, "want credentials, or none"},
		"plain text to a TLS port":   {ssl, false, "", SASL{}, "may want TLS"},
		"TLS to a plain text port":   {base.Brokers, true, ca, SASL{}, "plain text"},
		"unknown certificate":        {ssl, true, "", SASL{}, "certificate is not accepted"},
		"nobody listens":             {[]string{host + ":1"}, false, "", SASL{}, "nobody listens"},
		"a name that does not exist": {[]string{"kafka.invalid:9092"}, false, "", SASL{}, "cannot be resolved"},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.tls && ca == "" && tc.says != "certificate is not accepted" {
				t.Skip("KAFKA_CA is not set")
			}
			cfg := base
			cfg.Brokers, cfg.SASL = tc.brokers, tc.sasl
			if tc.tls {
				var err error
				if cfg.TLS, err = LoadTLS(tc.ca, "", "", ""); err != nil {
					t.Fatal(err)
				}
			}
			c, err := Open(t.Context(), cfg)
			if tc.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				// The transport and the group take another way than Check.
				if err := c.Ensure(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := c.Produce(t.Context(), c.Topics().Alerts, OutMessage{Value: []byte("x")}); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

func caFile(t *testing.T) string {
	if p := os.Getenv("KAFKA_CA"); p != "" {
		return p
	}
	home, _ := os.UserHomeDir()
	for _, p := range []string{os.Getenv("KAFKA_DATA") + "/ca.pem", home + "/.cache/lapwing-kafka/data/19092/ca.pem"} {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	t.Log("KAFKA_CA is not set and no ca.pem was found: the cases that need it are left out")
	return ""
}
