package store

import (
	"context"

	"lapwing/event"
)

// An Archive is a store that keeps calls read from a partitioned log, each
// exactly once: a batch that is appended again is the same batch, and changes
// nothing.
type Archive interface {
	// AppendLog keeps the calls of a batch. After an error the outcome is
	// unknown, and the same batch is appended again.
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
}

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
}
