package store

import (
	"context"
	"errors"
	"fmt"

	"lapwing/event"
)

// An Archive is a store that keeps calls read from a partitioned log, each
// exactly once: a batch that is appended again is the same batch, and changes
// nothing.
type Archive interface {
	// AppendLog keeps the calls of a batch. After an error the outcome is
	// unknown, and the same batch is appended again. Batches of one partition
	// come in order; one at or below the kept position is kept already and
	// changes nothing, one across it is refused with ErrOverlap.
	AppendLog(ctx context.Context, b LogBatch) error
	// LogPositions returns where each partition of a topic is to be read on,
	// and the marks as of that position.
	LogPositions(ctx context.Context, topic string) (map[int]LogPosition, error)
}

// A LogBatch is a run of records of one partition. Its bounds follow from the
// log alone, so that whoever reads the log cuts it the same way.
type LogBatch struct {
	Topic       string
	Partition   int
	First, Last int64 // offsets, both included
	Calls       []*event.Call
	Marks       []Mark // as of the end of the batch
	Counts      LogCounts
}

// Token names a batch: equal for whoever cuts the same log.
func (b *LogBatch) Token() string {
	return fmt.Sprintf("%s/%d/%d-%d", b.Topic, b.Partition, b.First, b.Last)
}

// LogCounts account for one batch: Seen = len(Calls) + Repeated.
type LogCounts struct {
	Records     uint64 // messages, those set aside included
	Quarantined uint64 // messages that could not be read
	Seen        uint64 // calls in the messages that could be read
	Repeated    uint64 // calls that an earlier message had brought
	Lost        uint64 // sequence numbers that never came, for whatever reason
	Explained   uint64 // of the lost, those that a sensor says it dropped
	LateBoots   uint64 // messages of a sensor's earlier start, after a later one
}

// ErrOverlap means that a batch was cut otherwise than one that is already
// kept: some of its records are kept, others are not. Whoever cut it read from
// a place that is no boundary; appending it would double calls.
var ErrOverlap = errors.New("the batch overlaps one that is already kept")

// A LogPosition is how far a partition has been kept.
type LogPosition struct {
	Next  int64 // offset to read on from
	Marks []Mark
}

// A Mark is how far one sensor's calls in one partition have been seen:
// records at or below it are repetitions.
type Mark struct {
	Sensor string
	Boot   uint64
	Next   uint64 // sequence number expected next
	Lost   uint64 // numbers of this boot that never came
	// Explained is how many of the lost the sensor itself says it dropped.
	// Between drops and their report it may be ahead of Lost or behind it.
	Explained uint64
}
