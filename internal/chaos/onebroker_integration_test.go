package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/store/archive"
	"lapwing/store/clickhouse"
	"lapwing/stream"
	"lapwing/stream/kafka"
	"lapwing/stream/spool"
)

// What a sensor does when the one broker there is cannot be relied upon.
func TestChaosOneBroker(t *testing.T) {
	isLong := long(t)
	t.Parallel()
	dsn := itest.DSN(t)
	cluster := itest.NewCluster(t, 1)
	t.Run("lost acknowledgements", func(t *testing.T) { lostAcknowledgements(t, cluster, dsn, times(isLong, 12, 300)) })
	t.Run("disk full while the broker hangs", func(t *testing.T) { diskFull(t, cluster, dsn, times(isLong, 1, 10)) })
	t.Run("spool full of packets", func(t *testing.T) { spoolFull(t, cluster, dsn, times(isLong, 2, 12)) })
}

// The broker's acknowledgements get lost: records are sent again, stand in the
// log twice, and are still kept once.
func lostAcknowledgements(t *testing.T, cluster *itest.Cluster, dsn string, cuts int) {
	rng := itest.Seed(t)
	address := cluster.Env["KAFKA_PROXIED_BROKERS"]
	proxy := itest.NewProxy(t, address, cluster.ProxiedTarget(0))
	w := newWorld(t, cluster.Brokers, dsn, "", worldOptions{})
	d := &deployment{world: w, traffic: newTraffic(t, w.dir, 2, rng)}
	if err := d.traffic.grow(2); err != nil {
		t.Fatal(err)
	}
	// The sensors alone go through the proxy.
	w.brokers = []string{address}
	for i := range d.traffic.logs {
		d.sensors = append(d.sensors, w.sensor(fmt.Sprintf("sensor-%d", i), d.traffic.path(i)))
	}
	w.brokers = cluster.Brokers
	w.awaitLog(int(d.traffic.lines.Load()))
	d.archivers = []*actor{w.role("archiver", "archiver")}
	d.detectors = []*actor{w.role("detector", "detector")}
	d.alerters = []*actor{w.role("alerter", "alerter")}
	w.awaitUp()
	stop := d.traffic.flow(stepsPerSecond)
	for range cuts {
		time.Sleep(between(rng, 100*time.Millisecond, time.Second))
		proxy.WithholdAnswer(rng.Int64N(3000))
	}
	stop()
	t.Logf("%d acknowledgements were withheld", proxy.Withheld())
	if a := itest.AuditLog(t, cluster.Brokers, w.topic("calls")); a.Repeated == 0 {
		t.Errorf("no record came again after %d withheld acknowledgements: this run proves nothing", proxy.Withheld())
	}
	d.finish()
}

// The broker hangs and the sensor's disk fills up. A followed log can wait:
// nothing is dropped, and when the broker comes back everything arrives.
func diskFull(t *testing.T, cluster *itest.Cluster, dsn string, rounds int) {
	rng := itest.Seed(t)
	// What is collected in memory, an eighth of the bound, is written in one
	// piece: the device has to have room for it.
	w := newWorld(t, cluster.Brokers, dsn, "", worldOptions{spoolBytes: "8MiB"})
	small := filepath.Join(w.dir, "spool-sensor-0")
	if err := os.Mkdir(small, 0o700); err != nil {
		t.Fatal(err)
	}
	const room = 4 << 20
	if err := unix.Mount("tmpfs", small, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", room)); err != nil {
		t.Skipf("no small file system can be mounted here (%v): the spool's own tests stand in with a file system that fails", err)
	}
	defer func() {
		if err := unix.Unmount(small, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	d := &deployment{world: w, traffic: newTraffic(t, w.dir, 1, rng)}
	if err := d.traffic.grow(2); err != nil {
		t.Fatal(err)
	}
	d.sensors = []*actor{w.sensor("sensor-0", d.traffic.path(0))}
	// Before the file system goes, the process that uses it does.
	defer d.sensors[0].proc.Kill()
	w.awaitLog(int(d.traffic.lines.Load()))
	for range rounds {
		cluster.Pause(0)
		resume := sync.OnceFunc(func() { cluster.Resume(0) })
		t.Cleanup(resume)
		// It is full when nothing more of the log comes in although there is more.
		var fs unix.Statfs_t
		itest.Await(t, patience, "the disk is full", func() string { return fmt.Sprintf("%d blocks free", fs.Bfree) }, func() bool {
			if err := d.traffic.grow(500); err != nil {
				t.Fatal(err)
			}
			if err := unix.Statfs(small, &fs); err != nil {
				t.Fatal(err)
			}
			return int64(fs.Bfree)*fs.Bsize < 64<<10
		})
		resume()
		d.awaitLog(int(d.traffic.lines.Load()))
	}
	if !d.sensors[0].proc.Running() {
		t.Error("the sensor ended when its disk was full")
	}
	d.sensors[0].proc.Stop(t)
	log := d.awaitLog(int(d.traffic.lines.Load()))
	d.auditLog(log, int(d.traffic.lines.Load()))
	if log.Lost > 0 {
		t.Errorf("%d calls of a followed log were dropped: it could have waited", log.Lost)
	}
}

// The broker hangs while packets come, which cannot wait: what does not fit
// into the spool is dropped, and every dropped call is counted, by the spool,
// in the log, and by the archiver.
func spoolFull(t *testing.T, cluster *itest.Cluster, dsn string, rounds int) {
	rng := itest.Seed(t)
	prefix := itest.Prefix(t, cluster.Brokers)
	client, err := kafka.Open(t.Context(), kafka.Config{Brokers: cluster.Brokers, Prefix: prefix, Partitions: 4, Replication: 1, RequestTimeout: 3 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(spool.Config{Dir: t.TempDir(), Sensor: "packets", Partitions: 4, MaxBytes: 8 << 20}, client.Sender())
	if err != nil {
		t.Fatal(err)
	}
	var shipping sync.WaitGroup
	shipping.Go(func() {
		if err := s.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
	const perBatch = 256
	published := 0
	publish := func(batches int) {
		t.Helper()
		for range batches {
			b := stream.Batch{Heartbeats: []event.Heartbeat{{Source: "ring", LowNS: time.Now().UnixNano()}}}
			for range perBatch {
				published++
				b.Calls = append(b.Calls, someCall(rng.Uint64(), published))
			}
			if err := s.Publish(t.Context(), b, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	for range rounds {
		publish(50)
		cluster.Pause(0)
		resume := sync.OnceFunc(func() { cluster.Resume(0) })
		t.Cleanup(resume)
		before := dropped(s)
		itest.Await(t, patience, "calls are dropped", func() string { return fmt.Sprintf("%+v", s.Stats()) }, func() bool { publish(20); return dropped(s) > before })
		publish(rng.IntN(100))
		resume()
		itest.Await(t, patience, "the spool has room again", func() string { return fmt.Sprintf("%+v", s.Stats()) }, func() bool { st := s.Stats(); return st.Pending == 0 })
	}
	publish(10)
	if err := errors.Join(s.Close(t.Context()), s.Drain(t.Context())); err != nil {
		t.Fatal(err)
	}
	shipping.Wait()
	st := s.Stats()
	if err := s.Release(); err != nil {
		t.Error(err)
	}
	if st.Published != uint64(published) || st.Published != st.Appended+dropped(s)+st.Building || st.Appended != st.Acknowledged+st.Rejected+st.Damaged+st.Pending {
		t.Errorf("conservation: %d were published, %+v", published, st)
	}
	log := itest.AuditLog(t, cluster.Brokers, client.Topics().Calls)
	t.Logf("%d published, %d dropped; %s", published, dropped(s), log)
	for _, fault := range log.Balanced() {
		t.Error(fault)
	}
	if log.Lost != dropped(s) || uint64(log.Calls) != st.Acknowledged || log.Calls+int(log.Lost) != published {
		t.Errorf("the spool says %d dropped and %d acknowledged; the log misses %d and has %d", dropped(s), st.Acknowledged, log.Lost, log.Calls)
	}
	auditArchiver(t, client, dsn, log)
}

func dropped(s *spool.Spool) (n uint64) {
	for _, calls := range s.Stats().Dropped {
		n += calls
	}
	return n
}

// auditArchiver has an archiver keep the log and account for it.
func auditArchiver(t *testing.T, client *kafka.Client, dsn string, log *itest.LogAudit) {
	t.Helper()
	db := itest.NewDatabase(t, dsn)
	st, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: db.DSN, Database: db.Name})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	a := &archive.Archiver{Store: st, Quarantine: func(context.Context, string, int, archive.Message, string) error {
		return errors.New("a record of this test cannot be read")
	}}
	var working sync.WaitGroup
	working.Go(func() {
		if err := client.Group("archive", client.Topics().Calls).Run(ctx, func(ctx context.Context, claim *kafka.Claim) error {
			return a.Run(ctx, claim.Topic, claim.Partition, claimed{claim})
		}); err != nil {
			t.Error(err)
		}
	})
	working.Go(func() { heartbeats(ctx, t, client) })
	itest.Await(t, patience, "the log is kept", func() string { return fmt.Sprintf("%+v", a.Stats()) }, func() bool { return a.Stats().CallsKept >= uint64(log.Calls) })
	cancel()
	working.Wait()
	got := a.Stats()
	t.Logf("archiver: %+v", got)
	if got.CallsKept != uint64(log.Calls) || got.Lost != log.Lost || got.Explained != log.Lost || got.CallsSeen != got.CallsKept+got.Repeated {
		t.Errorf("the archiver kept %d and counts %d lost, %d of them explained; the log has %d and misses %d", got.CallsKept, got.Lost, got.Explained, log.Calls, log.Lost)
	}
	if missing, foreign, doubled := itest.Compare(itest.StoredCalls(t, db), log.IDs); missing+foreign+doubled > 0 {
		t.Errorf("ClickHouse: %d missing, %d foreign, %d doubled", missing, foreign, doubled)
	}
}

// someCall is the n-th call, of one of many clients.
func someCall(random uint64, n int) *event.Call {
	client := fmt.Sprintf("10.%d.%d.%d", random>>8&0xff, random>>16&0xff, random>>24&0xff)
	return &event.Call{
		ID: event.MakeID(random, uint64(n)), Time: time.Unix(1_800_000_000, int64(n)*1e5).UTC(), Duration: time.Duration(random % 1e8), Sensor: "packets",
		Scheme: "http", Protocol: "http/1.1", Method: "GET", Host: "api.example", Path: fmt.Sprintf("/v1/things/%016x", random), PathShape: "/v1/things/{hex}",
		Status: 200, ResponseBytes: int64(random % 5000), UserAgent: fmt.Sprintf("client/%d", random%50), Actor: event.Actor{Kind: event.KindClient, Value: client}, Auth: event.AuthNone,
	}
}
