package chaos

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"lapwing/internal/itest"
)

// long reports whether the long form runs, and skips the test if none does.
func long(t *testing.T) bool {
	t.Helper()
	switch v := os.Getenv("LAPWING_CHAOS"); v {
	case "long":
		return true
	case "quick":
		return false
	case "":
		if itest.Required() {
			return false
		}
		t.Skip("LAPWING_CHAOS is not set to quick or long")
	default:
		t.Fatalf("LAPWING_CHAOS is %q: quick or long", v)
	}
	return false
}

func times(long bool, quickly, atLength int) int {
	if long {
		return atLength
	}
	return quickly
}

const stepsPerSecond = 20

// bothSensors are those of a deployment: detection waits for both to speak.
var bothSensors = []string{"sensor-0", "sensor-1"}

// between returns a random duration.
func between(rng *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(rng.Int64N(int64(to-from)))
}

// deployment is what most chaos runs disturb: sensors that follow growing logs,
// and two of everything behind Kafka.
type deployment struct {
	*world
	traffic                                 *traffic
	sensors, archivers, detectors, alerters []*actor
}

func deploy(t *testing.T, w *world, rng *rand.Rand) *deployment {
	t.Helper()
	d := &deployment{world: w, traffic: newTraffic(t, w.dir, 2, rng)}
	if err := d.traffic.grow(2); err != nil {
		t.Fatal(err)
	}
	// One is the small binary, one a role of the large one.
	d.sensors = []*actor{w.sensor("sensor-0", d.traffic.path(0)), w.sensorRole("sensor-1", d.traffic.path(1))}
	for _, name := range []string{"a", "b"} {
		d.archivers = append(d.archivers, w.role("archiver", "archiver-"+name))
		d.detectors = append(d.detectors, w.role("detector", "detector-"+name))
		d.alerters = append(d.alerters, w.role("alerter", "alerter-"+name))
	}
	w.awaitUp()
	return d
}

// finish lets everything arrive and stop in order, and counts.
func (d *deployment) finish() {
	t := d.t
	t.Helper()
	written := int(d.traffic.lines.Load())
	for _, a := range d.actors { // those that were started last, too
		itest.Await(t, patience, a.name+" is up", a.proc.Output, func() bool { return !a.proc.Running() || a.proc.MetricsURL() != "" })
	}
	d.auditCounters(d.awaitLog(written))
	for _, s := range d.sensors {
		s.proc.Stop(t)
	}
	log := d.awaitLog(written)
	d.auditLog(log, written)
	d.auditStore(log)
	d.auditCounters(log)
	d.drainDetectors(d.detectors)
	alerts := d.auditAlerts()
	d.auditStoredAlerts(alerts)
	d.auditHook()
	for _, a := range append(d.archivers, d.alerters...) {
		a.proc.Stop(t)
	}
}

// auditHook looks at what the webhook was told: an incident is opened by one
// message; a crash may send that same message again, under the same id.
func (d *deployment) auditHook() {
	d.t.Helper()
	messages, incidents, repeated := d.hook.opened()
	d.t.Logf("webhook: %d incidents opened by %d messages, %d came again under the same id", incidents, messages, repeated)
	if incidents == 0 {
		d.t.Error("the webhook was told of no incident")
	}
	if messages != incidents {
		d.t.Errorf("the webhook was told of %d incidents by %d different messages: some were told twice", incidents, messages)
	}
	if d.hook.bad > 0 {
		d.t.Errorf("%d messages of the webhook could not be read", d.hook.bad)
	}
}

// Every process is killed over and over, at random moments, while calls flow.
func TestChaosKills(t *testing.T) {
	kills := times(long(t), 12, 300)
	t.Parallel()
	rng := itest.Seed(t)
	w := newWorld(t, itest.Brokers(t), itest.DSN(t), "", worldOptions{sensors: bothSensors})
	d := deploy(t, w, rng)
	stop := d.traffic.flow(stepsPerSecond)
	roles := [][]*actor{d.sensors, d.archivers, d.detectors, d.alerters}
	for i := range kills {
		time.Sleep(between(rng, 100*time.Millisecond, 4*time.Second))
		of := roles[i%len(roles)]
		a := of[rng.IntN(len(of))]
		if !a.proc.Running() {
			t.Errorf("%s ended by itself", a.proc.Name)
		}
		a.crash(between(rng, 0, time.Second))
	}
	stop()
	t.Logf("%d kills; %d lines", kills, d.traffic.lines.Load())
	d.finish()
}

// Archivers come and go every few seconds, some in order and some not: each
// time the partitions move, and a batch that one has half done is done by
// another.
func TestChaosRebalances(t *testing.T) {
	rounds := times(long(t), 5, 100)
	t.Parallel()
	rng := itest.Seed(t)
	w := newWorld(t, itest.Brokers(t), itest.DSN(t), "", worldOptions{partitions: 8, sensors: bothSensors})
	d := deploy(t, w, rng)
	stop := d.traffic.flow(stepsPerSecond)
	for i := range rounds {
		guest := w.role("archiver", fmt.Sprintf("guest-%d", i%3))
		time.Sleep(between(rng, time.Second, 5*time.Second))
		if rng.IntN(2) == 0 {
			guest.proc.Kill()
		} else {
			guest.proc.Stop(t)
		}
		time.Sleep(between(rng, 0, time.Second))
	}
	stop()
	d.finish()
}

// The brokers stop, are killed, and hand their partitions over, while calls flow.
func TestChaosBrokers(t *testing.T) {
	isLong := long(t)
	t.Parallel()
	faults := times(isLong, 4, 60)
	rng := itest.Seed(t)
	nodes := 3
	cluster := itest.NewCluster(t, nodes)
	w := newWorld(t, cluster.Brokers, itest.DSN(t), "", worldOptions{replication: nodes, sensors: bothSensors})
	d := deploy(t, w, rng)
	stop := d.traffic.flow(stepsPerSecond)
	for i := range faults {
		time.Sleep(between(rng, time.Second, 4*time.Second))
		n := rng.IntN(nodes)
		switch (i + 3) % 4 {
		case 0: // one node hangs longer than its leases last
			cluster.Pause(n)
			time.Sleep(between(rng, 7*time.Second, 12*time.Second))
			cluster.Resume(n)
		case 1: // all hang
			for n := range nodes {
				cluster.Pause(n)
			}
			time.Sleep(between(rng, 2*time.Second, 10*time.Second))
			for n := range nodes {
				cluster.Resume(n)
			}
		case 2:
			cluster.Shutdown(n)
			cluster.Start(n)
		case 3:
			cluster.Kill(n)
			cluster.Start(n)
		}
	}
	stop()
	d.finish()
}

// ClickHouse is away, comes back, does its work and does not say so.
func TestChaosClickHouse(t *testing.T) {
	isLong := long(t)
	t.Parallel()
	rng := itest.Seed(t)
	dsn := itest.DSN(t)
	var engine *itest.Engine
	if isLong {
		engine = itest.NewEngine(t)
		dsn = engine.DSN
	}
	proxy := itest.NewProxy(t, "", itest.Host(dsn))
	w := newWorld(t, itest.Brokers(t), dsn, proxy.Addr, worldOptions{sensors: bothSensors})
	d := deploy(t, w, rng)
	stop := d.traffic.flow(stepsPerSecond)
	for i := range times(isLong, 12, 250) {
		time.Sleep(between(rng, 100*time.Millisecond, 2*time.Second))
		switch {
		case i%6 == 5:
			proxy.Down()
			time.Sleep(between(rng, time.Second, 5*time.Second))
			proxy.Up()
		case i%20 == 19 && engine != nil:
			engine.Kill()
			time.Sleep(between(rng, 0, 3*time.Second))
			engine.Start()
		case i%2 == 0:
			proxy.WithholdAnswer(rng.Int64N(6000))
		default:
			proxy.Cut()
		}
	}
	stop()
	t.Logf("%d answers of ClickHouse were withheld", proxy.Withheld())
	if proxy.Withheld() == 0 {
		t.Error("no answer was withheld: this run proves nothing about them")
	}
	d.finish()
}
