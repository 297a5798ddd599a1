package archive

import (
	"context"
	"fmt"
	"time"

	"lapwing/stream/wire"
)

// ClockName is the sensor that an archiver's own records are from. No sensor
// can have a name with a blank in it.
const ClockName = "lapwing archiver"

// defaultQuiet is how long a partition is silent before its time is told: a
// little more than sensors leave between their heartbeats, and a window.
const defaultQuiet = 4 * time.Second

// fetch reads on. A batch is complete only when a record beyond it is seen, so
// calls would wait for ever behind the last sensor that stopped: when nothing
// comes any more, the archiver appends a record without calls to the partition.
// The bounds of batches still follow from the log alone, for everybody.
func (p *builder) fetch(ctx context.Context, log Log) ([]Message, error) {
	a := p.archiver
	for {
		if a.Tell == nil || p.batch.Counts.Seen+p.batch.Counts.Lost+p.batch.Counts.Quarantined == 0 {
			return log.Fetch(ctx)
		}
		quiet := a.Quiet
		if quiet <= 0 {
			quiet = defaultQuiet
		}
		limited, cancel := context.WithTimeout(ctx, quiet)
		messages, err := log.Fetch(limited)
		late := limited.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil || !late {
			return messages, err
		}
		record := wire.Record{Sensor: ClockName, Boot: uint64(time.Now().UnixMilli()), First: 1}
		if err := a.Tell(ctx, p.topic, p.partition, record.Append(nil)); err != nil {
			return nil, fmt.Errorf("tell the time in the partition: %w", err)
		}
	}
}
