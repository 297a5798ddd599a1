package archive_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/store/archive"
	"lapwing/store/clickhouse"
	"lapwing/store/storetest"
	"lapwing/stream/kafka"
	"lapwing/stream/wire"
)

const (
	partitions = 4
	rounds     = 60
	perRecord  = 25
)

// Archivers come and go, each a process of its own with a connection of its
// own, while sensors speak, and say some things twice: in the end everything is
// kept once, and the counts say what was repeated and what never came.
func TestIntegrationArchiversShareALog(t *testing.T) {
	brokers, dsn := itest.Brokers(t), itest.DSN(t)
	prefix := itest.Prefix(t, brokers)
	db := itest.NewDatabase(t, dsn)
	open := func() *kafka.Client {
		c, err := kafka.Open(t.Context(), kafka.Config{Brokers: brokers, Prefix: prefix, Partitions: partitions, Replication: 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	sensors := open()
	if err := sensors.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	var stats []*archive.Archiver
	start := func() (stop func()) {
		s, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: db.DSN, Database: db.Name})
		if err != nil {
			t.Fatal(err)
		}
		a := &archive.Archiver{Store: s, Quiet: time.Second}
		stats = append(stats, a)
		client := open()
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			if err := client.Group(archive.GroupName, client.Topics().Calls).Run(ctx, a.OverKafka(client)); err != nil {
				t.Error(err)
			}
		})
		return sync.OnceFunc(func() {
			cancel()
			running.Wait()
			s.Close()
		})
	}
	stops := []func(){start(), start()}
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()

	want := make(map[event.ID]bool)
	lost := uint64(0)
	next := [partitions]uint64{1, 1, 1, 1}
	n := 0
	for round := range rounds {
		for p := range partitions {
			r := &wire.Record{Sensor: "edge-1", Boot: 7, First: next[p]}
			if round%10 == 9 {
				r.First += 3 // given up by the sensor, which says so
				lost += 3
			}
			if round >= 9 {
				r.Drops = []wire.Drop{{Reason: "spool_full", Calls: 3 * uint64((round+1)/10)}}
			}
			for range perRecord {
				c := storetest.Call(n)
				n++
				r.Calls = append(r.Calls, c)
				want[c.ID] = true
			}
			next[p] = r.Next()
			value := r.Append(nil)
			messages := []kafka.OutMessage{{Partition: p, Value: value}}
			if round%3 == 0 {
				messages = append(messages, kafka.OutMessage{Partition: p, Value: value})
			}
			if round == 20 {
				messages = append(messages, kafka.OutMessage{Partition: p, Value: []byte("\xff\xff nobody can read this")})
			}
			if err := sensors.Produce(t.Context(), sensors.Topics().Calls, messages...); err != nil {
				t.Fatal(err)
			}
		}
		if round == 20 || round == 35 || round == 50 {
			before := batches(stats)
			itest.Await(t, time.Minute, "batches are kept", func() string { return fmt.Sprint(batches(stats)) }, func() bool { return batches(stats) > before || before > 0 && round != 20 })
		}
		switch round {
		case 20:
			stops = append(stops, start())
		case 35:
			stops[0]()
		case 50:
			stops[1]()
			stops = append(stops, start())
		}
	}
	s, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: db.DSN, Database: db.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got [partitions]totals
	itest.Await(t, 2*time.Minute, "everything is kept", func() string { return fmt.Sprintf("%+v, want up to %d", got, next) }, func() bool {
		at, err := s.LogPositions(t.Context(), sensors.Topics().Calls)
		if err != nil {
			t.Fatal(err)
		}
		done := true
		for p := range partitions {
			got[p] = totals{}
			for _, m := range at[p].Marks {
				if m.Sensor == "edge-1" {
					got[p] = totals{m.Next, m.Lost, m.Explained}
				}
			}
			done = done && got[p].next == next[p]
		}
		return done
	})
	for _, stop := range stops {
		stop()
	}
	stored := itest.StoredCalls(t, db)
	if len(stored) != len(want) {
		t.Errorf("%d different calls are kept, want %d", len(stored), len(want))
	}
	for id, times := range stored {
		if times != 1 || !want[id] {
			t.Errorf("call %s is kept %d times, wanted: %v", id, times, want[id])
		}
	}

	for p := range partitions {
		if got[p].lost != lost/partitions || got[p].explained != lost/partitions {
			t.Errorf("partition %d: %+v, want %d lost", p, got[p], lost/partitions)
		}
	}
	for _, a := range stats {
		st := a.Stats()
		t.Logf("%+v", st)
		if st.CallsSeen != st.CallsKept+st.Repeated {
			t.Errorf("seen is not kept and repeated: %+v", st)
		}
	}
}

// totals are what the marks say of the sensor in one partition.
type totals struct{ next, lost, explained uint64 }

func batches(archivers []*archive.Archiver) (n uint64) {
	for _, a := range archivers {
		n += a.Stats().Batches
	}
	return n
}
