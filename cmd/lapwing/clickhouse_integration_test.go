package main

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/store"
	"lapwing/store/clickhouse"
)

// One process that keeps calls in ClickHouse is killed over and over while it
// follows a log: each line is kept once, and what is kept can be asked with
// and without the process.
func TestIntegrationCrashWithClickHouse(t *testing.T) {
	db := itest.NewDatabase(t, itest.DSN(t))
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	env := []string{"LAPWING_STORE__CLICKHOUSE__DSN=" + db.DSN}
	g := &growingLog{t: t, path: filepath.Join(dir, "access.log"), rng: rand.New(rand.NewPCG(9, 10)), event: time.Now().Truncate(time.Second)}
	g.open()
	defer func() { g.f.Close() }()
	args := []string{"--data", data, "--log", g.path}
	for i := range kills() {
		g.write(100+g.rng.IntN(200), i == 1)
		d := proctest.Start(t, nil, args, env)
		for end := time.Now().Add(time.Duration(g.rng.IntN(700)) * time.Millisecond); time.Now().Before(end); {
			g.write(5+g.rng.IntN(20), false)
			time.Sleep(time.Duration(g.rng.IntN(20)) * time.Millisecond)
		}
		d.Kill()
	}
	g.write(200, false)
	d := proctest.Start(t, nil, args, env)
	if !strings.Contains(d.Output(), "store     clickhouse") {
		t.Errorf("the banner does not name the store:\n%s", d.Output())
	}
	d.Until(t, nil, "everything is handled", drained(time.Second))
	ask := func(args ...string) string {
		cmd, err := proctest.Command(nil, append(args, "--data", data), env)
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	running := ask("alerts", "--detector", "brute_force", "-o", "json")
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM, want %d", code, exitDone)
	}
	if stopped := ask("alerts", "--detector", "brute_force", "-o", "json"); stopped != running || !strings.Contains(running, attacker) {
		t.Errorf("alerts with the process:\n%s\nand without:\n%s", running, stopped)
	}
	if list := ask("inventory"); !strings.Contains(list, "/v1/ping/{id}") {
		t.Errorf("the inventory lacks the endpoint:\n%s", list)
	}

	kept, err := clickhouse.Open(t.Context(), clickhouse.Config{DSN: db.DSN})
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	counts := map[string]int{}
	if err := kept.Calls(t.Context(), store.CallQuery{}, func(c *event.Call) error {
		counts[c.Path]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	exactlyOnce(t, counts, g.n)
	if counts["/login"] == 0 {
		t.Error("the attack is not kept")
	}
}
