package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Killed again and again before a real broker: each line arrives once.
func TestIntegrationKilledBeforeKafka(t *testing.T) {
	list := os.Getenv("KAFKA_BROKERS")
	if list == "" {
		if os.Getenv("LAPWING_INTEGRATION") == "1" {
			t.Fatal("LAPWING_INTEGRATION is set and KAFKA_BROKERS names no broker")
		}
		t.Skip("KAFKA_BROKERS names no broker, such as 127.0.0.1:9092")
	}
	brokers := strings.Split(list, ",")
	prefix := fmt.Sprintf("test-sensor-%x", time.Now().UnixNano())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		client := &kafkago.Client{Addr: kafkago.TCP(brokers...)}
		var topics []string
		for _, name := range []string{"calls", "facts", "alerts", "model", "state", "quarantine"} {
			topics = append(topics, prefix+"."+name)
		}
		if _, err := client.DeleteTopics(ctx, &kafkago.DeleteTopicsRequest{Topics: topics}); err != nil {
			t.Logf("the topics of this test are left behind: %v", err)
		}
	})
	killedBeforeKafka(t, brokers, prefix)
}
