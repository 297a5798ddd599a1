package detecting

import (
	"testing"

	"lapwing/internal/itest"
	"lapwing/stream/kafka"
)

func TestIntegrationTakeOver(t *testing.T) {
	brokers := itest.Brokers(t)
	takeOver(t, kafka.Config{Brokers: brokers, Partitions: testPartitions, Replication: 1, Prefix: itest.Prefix(t, brokers)})
}
