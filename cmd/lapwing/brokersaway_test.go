package main

import (
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"lapwing/cmd/internal/proctest"
)

// All roles in one process, joined by Kafka: when the brokers go away the
// process goes on, answers, and ends in order when it is asked to; what was
// read meanwhile waits in the spool.
func TestRolesOutliveTheBrokers(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	g := &growingLog{t: t, path: filepath.Join(dir, "access.log"), rng: rand.New(rand.NewPCG(11, 12)), event: time.Now().Add(-time.Hour)}
	g.open()
	defer func() { g.f.Close() }()
	g.write(500, false)
	d := proctest.Start(t, nil, []string{"--data", data, "--log", g.path}, []string{"LAPWING_STREAM__KAFKA__BROKERS=['" + cluster.ListenAddrs()[0] + "']", "LAPWING_STREAM__KAFKA__PARTITIONS=2"})
	all := func(m proctest.Metrics) bool {
		return m["lapwing_spool_calls_total{outcome=\"acknowledged\"}"] == 500 && m.Sum("lapwing_role_ready") == 4 && m.Sum("lapwing_role_active") == 4 &&
			m.Sum(`lapwing_archive_calls_total{outcome="kept"}`) == 500
	}
	m := d.Until(t, nil, "500 calls are kept", all)
	if m.Sum("lapwing_archive_lost_calls_total") != 0 || m.Sum(`lapwing_archive_calls_total{outcome="repeated"}`) != 0 {
		t.Errorf("%v calls are lost and %v repeated", m.Sum("lapwing_archive_lost_calls_total"), m.Sum(`lapwing_archive_calls_total{outcome="repeated"}`))
	}
	cluster.Close()
	g.write(300, false)
	m = d.Until(t, nil, "300 calls wait in the spool", func(m proctest.Metrics) bool { return m["lapwing_spool_pending_calls"] == 300 })
	published, appended := m["lapwing_spool_published_calls_total"], m[`lapwing_spool_calls_total{outcome="appended"}`]
	if published != 800 || published != appended+m["lapwing_spool_building_calls"]+m.Sum("lapwing_spool_dropped_calls_total") {
		t.Errorf("published %v, appended %v: it does not add up", published, appended)
	}
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM, want %d", code, exitDone)
	}
	exactlyOnce(t, pathCounts(t, openStore(t, data)), 500)

	// Another cluster takes what waited.
	next, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	d = proctest.Start(t, nil, []string{"--target", "sensor", "--data", data, "--log", g.path}, []string{"LAPWING_STREAM__KAFKA__BROKERS=['" + next.ListenAddrs()[0] + "']", "LAPWING_STREAM__KAFKA__PARTITIONS=2"})
	m = d.Until(t, nil, "what waited is delivered", func(m proctest.Metrics) bool {
		return m[`lapwing_spool_calls_total{outcome="acknowledged"}`] == 300 && m["lapwing_spool_pending_calls"] == 0
	})
	if m[`lapwing_spool_calls_total{outcome="recovered"}`] != 300 || m["lapwing_spool_published_calls_total"] != 0 {
		t.Errorf("%v calls were recovered and %v read again, want 300 and none", m[`lapwing_spool_calls_total{outcome="recovered"}`], m["lapwing_spool_published_calls_total"])
	}
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after the second SIGTERM, want %d", code, exitDone)
	}
}
