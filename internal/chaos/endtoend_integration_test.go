package chaos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"lapwing/event"
	"lapwing/internal/itest"
	"lapwing/internal/sample"
	"lapwing/parse/pseudonym"
)

// day writes the recording of another day of the shop, moved to the n-th day.
func day(t testing.TB, dir string, n int) string {
	t.Helper()
	r, err := sample.Make(sample.Options{Seed: uint64(n)})
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Packets {
		r.Packets[i].Time = r.Packets[i].Time.Add(time.Duration(n) * 24 * time.Hour)
	}
	var b bytes.Buffer
	if err := sample.WritePcap(&b, r.Packets); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, fmt.Sprintf("day%d.pcap", n))
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// gatewayLog writes an access log of the day after, with two attacks in it.
func gatewayLog(t testing.TB, dir string, n int) string {
	t.Helper()
	at := sample.Start.Add(time.Duration(n) * 24 * time.Hour)
	path := filepath.Join(dir, "gateway.log")
	var b bytes.Buffer
	line := func(client, method, path string, status int) {
		fmt.Fprintf(&b, "%s - - [%s] \"%s %s HTTP/1.1\" %d %d \"-\" \"client/1.0\"\n", client, at.Format("02/Jan/2006:15:04:05 -0700"), method, path, status, 100+len(path)*37%900)
	}
	for i := range 3000 {
		line(fmt.Sprintf("10.0.0.%d", i%200+1), "GET", fmt.Sprintf("/v1/items/%d", i*7919%1000), 200)
		if i > 500 && i < 700 {
			line("203.0.113.9", "POST", "/login", 401)
		}
		at = at.Add(time.Second)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// An answer is what `lapwing analyze` says of inputs.
type answer struct {
	calls  map[event.ID]int
	alerts map[string]string // newest revision by id, names revealed
}

// analyze asks the program in one process, under the world's key.
func (w *world) analyze(inputs ...string) answer {
	w.t.Helper()
	cfg := w.write("analyze.yaml", fmt.Sprintf("identity: {key_file: %s/key}\ndetect: {apis: [%s]}\n", w.dir, w.options.apis))
	calls := filepath.Join(w.dir, "calls.ndjson")
	args := []string{"analyze", "--config", cfg, "-o", "json", "--calls", calls}
	for _, s := range w.options.specs {
		args = append(args, "--spec", s)
	}
	out := itest.RunTo(w.t, w.worst(), w.bin.Lapwing, nil, append(args, inputs...)...)
	a := answer{map[event.ID]int{}, map[string]string{}}
	for line := range bytes.Lines(out) {
		var alert event.Alert
		if err := json.Unmarshal(line, &alert); err != nil {
			w.t.Fatalf("%v: %s", err, line)
		}
		a.alerts[alert.ID] = toJSON(w.t, &alert)
	}
	f, err := os.Open(calls)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var c struct{ ID event.ID }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			w.t.Fatal(err)
		}
		a.calls[c.ID]++
	}
	if err := lines.Err(); err != nil {
		w.t.Fatal(err)
	}
	return a
}

// sameAs compares alerts by id and whole content, names revealed.
func (w *world) sameAs(what string, want answer, got map[string]string) {
	w.t.Helper()
	shown := 0
	for id, text := range want.alerts {
		if text := got[id]; text == "" {
			w.t.Errorf("%s: alert %s is missing: %s", what, id, want.alerts[id])
			continue
		}
		if revealed := w.keys.Reveal(got[id], pseudonym.JSON); revealed != text {
			if shown++; shown <= 3 {
				w.t.Errorf("%s: alert %s differs\n got  %s\n want %s", what, id, revealed, text)
			}
		}
	}
	for id := range got {
		if want.alerts[id] == "" {
			w.t.Errorf("%s: alert %s is none of `lapwing analyze`: %s", what, id, got[id])
		}
	}
}

// publish runs a sensor over files to its end: it exits when the brokers have
// everything.
func (w *world) publish(name string, inputs ...string) {
	w.t.Helper()
	args := []string{"--config", w.sensorConfig(name)}
	for _, in := range inputs {
		args = append(args, "--read", in)
	}
	itest.RunTo(w.t, w.worst(), w.bin.Sensor, nil, args...)
}

// worst is the exit code up to which reading inputs is no failure.
func (w *world) worst() int {
	if w.options.damaged {
		return 1
	}
	return 0
}

// What goes through sensors, Kafka, two detectors, two archivers and the alerter
// is what one process says of the same inputs: the same calls, each once, and
// the same alerts, although the active detector and an archiver are killed on
// the way. Judged together or in two APIs, each by the detector whose turn it is.
func TestIntegrationEndToEnd(t *testing.T) {
	t.Run("together", func(t *testing.T) { endToEnd(t, "") })
	t.Run("in two APIs", func(t *testing.T) { endToEnd(t, "{name: shop, hosts: ['*.shop.example']}") })
}

func endToEnd(t *testing.T, apis string) {
	brokers, dsn := itest.Brokers(t), itest.DSN(t)
	root := itest.Root(t)
	spec := filepath.Join(root, "examples", "shop.openapi.yaml")
	w := newWorld(t, brokers, dsn, "", worldOptions{partitions: 4, specs: []string{spec}, apis: apis})
	inputs := []string{filepath.Join(root, "examples", "shop.pcap.gz"), day(t, w.dir, 1), day(t, w.dir, 2), gatewayLog(t, w.dir, 3)}
	want := w.analyze(inputs...)
	t.Logf("analyze: %d calls, %d alerts", len(want.calls), len(want.alerts))

	archivers := []*actor{w.role("archiver", "archiver-a"), w.role("archiver", "archiver-b")}
	detectors := []*actor{w.role("detector", "detector-a"), w.role("detector", "detector-b")}
	w.role("alerter", "alerter")
	w.awaitUp()

	// One day after the other: each sensor's sources are retired before the next
	// begins. Kills fall into the time in which the others still work.
	for i, in := range inputs {
		w.publish(fmt.Sprintf("sensor-%d", i), in)
		switch i {
		case 0:
			archivers[0].crash(0)
		case 1:
			detectors[0].crash(500 * time.Millisecond)
		case 2:
			archivers[1].crash(0)
			detectors[1].crash(0)
		}
	}
	log := itest.AuditLog(t, brokers, w.topic("calls"))
	t.Log(log)
	for _, fault := range log.Balanced() {
		t.Error(fault)
	}
	if missing, foreign, doubled := itest.Compare(log.IDs, want.calls); missing+foreign+doubled > 0 {
		t.Errorf("the log has %d calls, analyze %d: %d missing, %d foreign, %d doubled", len(log.IDs), len(want.calls), missing, foreign, doubled)
	}
	w.auditStore(log)

	w.drainDetectors(detectors)
	told, repeated := w.told()
	t.Logf("%d revisions of alerts, %d told again", len(told), repeated)
	w.sameAs("alerts topic", want, last(told))
	w.auditStoredAlerts(told)
	for _, a := range w.actors {
		if a.proc.Running() {
			a.proc.Stop(t)
		}
	}
}

// drainDetectors has the detectors close their windows, as the end of inputs
// does in one process: the running ones stop in order, and one more, told to
// drain, goes on from their state and ends by itself.
func (w *world) drainDetectors(running []*actor) {
	w.t.Helper()
	for _, d := range running {
		d.proc.Stop(w.t)
	}
	p := itest.Start(w.t, "detector-drain", w.bin.Lapwing, nil, w.roleArgs("detector", "detector-drain", "--drain")...)
	p.Wait(w.t, patience)
}

// Captures and logs of other projects' test suites go the same way, if
// LAPWING_CORPUS names a directory of them.
func TestIntegrationCorpusEndToEnd(t *testing.T) {
	dir := os.Getenv("LAPWING_CORPUS")
	if dir == "" {
		t.Skip("LAPWING_CORPUS names no directory of captures and logs")
	}
	w := newWorld(t, itest.Brokers(t), itest.DSN(t), "", worldOptions{partitions: 4, damaged: true})
	var inputs []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch filepath.Ext(path) {
		case ".pcap", ".pcapng", ".cap", ".log", ".har":
			if d.Type().IsRegular() {
				inputs = append(inputs, path)
			}
		}
		return nil
	})
	if err != nil || len(inputs) == 0 {
		t.Fatalf("%s holds no captures or logs (%v)", dir, err)
	}
	want := w.analyze(inputs...)
	t.Logf("%d files: %d calls, %d alerts", len(inputs), len(want.calls), len(want.alerts))
	w.role("archiver", "archiver")
	w.publish("sensor", inputs...)
	log := itest.AuditLog(t, w.brokers, w.topic("calls"))
	if missing, foreign, _ := itest.Compare(log.IDs, want.calls); missing+foreign > 0 {
		t.Errorf("the log has %d calls, analyze %d: %d missing, %d foreign", len(log.IDs), len(want.calls), missing, foreign)
	}
	w.auditStore(log)
	w.drainDetectors(nil)
	told, _ := w.told()
	w.sameAs("alerts topic", want, last(told))
}
