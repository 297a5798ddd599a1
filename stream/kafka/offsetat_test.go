package kafka

import (
	"testing"
	"time"
)

func TestOffsetAt(t *testing.T) {
	_, c := fakeReady(t, 1, 2)
	offsetAt(t, c)
}

// offsetAt checks where a time is found in a partition that has three messages,
// and in one that has none.
func offsetAt(t *testing.T, c *Client) {
	t.Helper()
	topic := c.Topics().Calls
	began := time.Now()
	for range 3 {
		if err := c.Produce(t.Context(), topic, OutMessage{Partition: 1, Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		partition int
		at        time.Time
		want      int64
	}{
		{1, began.Add(-time.Hour), 0},
		{1, time.Unix(0, 0), 0},
		{1, time.Now().Add(time.Hour), 3},
		{0, began.Add(-time.Hour), 0},
	} {
		got, err := c.OffsetAt(t.Context(), topic, tc.partition, tc.at)
		if err != nil || got != tc.want {
			t.Errorf("partition %d at %v: offset %d (%v), want %d", tc.partition, tc.at, got, err, tc.want)
		}
	}
}
