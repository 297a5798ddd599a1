package itest

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
)

// What the chaos tests do to a cluster does happen, and it comes back.
func TestIntegrationClusterIsKilledAndComesBack(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three brokers")
	}
	if !Required() {
		t.Skip("set LAPWING_INTEGRATION=1 to start three brokers of the test's own")
	}
	c := NewCluster(t, 3)
	client := &kafka.Client{Addr: kafka.TCP(c.Brokers...), Timeout: 30 * time.Second}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: "t", NumPartitions: 3, ReplicationFactor: 3}}})
	if err != nil || made.Errors["t"] != nil {
		t.Fatal(err, made)
	}
	leaders := func() map[int]int {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		m, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{"t"}})
		out := map[int]int{}
		if err != nil || len(m.Topics) != 1 {
			return out
		}
		for _, p := range m.Topics[0].Partitions {
			if p.Error == nil {
				out[p.Leader.ID]++
			}
		}
		return out
	}
	Await(t, patience, "three leaders", nil, func() bool { return len(leaders()) == 3 })
	c.Kill(1)
	Await(t, patience, "partitions led by the two others", nil, func() bool { l := leaders(); return l[1] == 0 && l[0]+l[2] == 3 })
	c.Start(1)
	c.Shutdown(2)
	Await(t, patience, "partitions led without node 2", nil, func() bool { l := leaders(); return l[2] == 0 && l[0]+l[1] == 3 })
	c.Start(2)
}
