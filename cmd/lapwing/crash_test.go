package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing/alerting"
	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/store"
	"lapwing/store/duckdb"
)

// lineID is the path of the line numbered n: what each line is known by.
func lineID(n int) string { return fmt.Sprintf("/v1/ping/%08x", uint32(n)*2654435761) }

// combined is a line of an access log. The sizes of answers differ, or all
// paths would look like one page that says "not found".
func combined(at time.Time, client, method, path string, status int) string {
	size := 200
	for _, c := range []byte(path) {
		size = (size*31 + int(c)) % 9973
	}
	return fmt.Sprintf("%s - - [%s] \"%s %s HTTP/1.1\" %d %d \"-\" \"client/1.0\"\n", client, at.UTC().Format("02/Jan/2006:15:04:05 -0700"), method, path, status, size)
}

// openStore opens the store that a daemon left.
func openStore(t *testing.T, data string) *duckdb.Store {
	t.Helper()
	s, err := duckdb.Open(t.Context(), duckdb.Config{Path: filepath.Join(data, "lapwing.duckdb"), MemoryBytes: 128 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func pathCounts(t *testing.T, s *duckdb.Store) map[string]int {
	t.Helper()
	counts := map[string]int{}
	if err := s.Calls(t.Context(), store.CallQuery{}, func(c *event.Call) error {
		counts[c.Path]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return counts
}

// exactlyOnce fails unless each of the first n lines is stored once.
func exactlyOnce(t *testing.T, counts map[string]int, n int) {
	t.Helper()
	missing, doubled, shown := 0, 0, 0
	for i := range n {
		if c := counts[lineID(i)]; c != 1 {
			if c == 0 {
				missing++
			} else {
				doubled++
			}
			if shown++; shown <= 10 {
				t.Logf("line %d is stored %d times", i, c)
			}
		}
	}
	if missing+doubled > 0 {
		t.Errorf("of %d lines %d are missing and %d are doubled", n, missing, doubled)
	}
}

// A growingLog is written as a server and logrotate do: in pieces that do not
// end with lines, and renamed now and then.
type growingLog struct {
	t     *testing.T
	path  string
	rng   *rand.Rand
	f     *os.File
	event time.Time // of the next line
	n     int       // lines written

	rotations int
}

const attacker = "203.0.113.9"

func (g *growingLog) open() {
	f, err := os.OpenFile(g.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	g.f = f
}

func (g *growingLog) write(lines int, attack bool) {
	var b bytes.Buffer
	for range lines {
		b.WriteString(combined(g.event, fmt.Sprintf("10.1.%d.%d", g.n%500/250, g.n%250+1), "GET", lineID(g.n), 200))
		if attack {
			b.WriteString(combined(g.event, attacker, "POST", "/login", 401))
		}
		g.event = g.event.Add(time.Second)
		g.n++
	}
	for b.Len() > 0 {
		if _, err := g.f.Write(b.Next(1 + g.rng.IntN(4000))); err != nil {
			g.t.Fatal(err)
		}
	}
}

// rotate renames the log, as logrotate does, and keeps all generations.
func (g *growingLog) rotate() {
	g.rotations++
	for i := g.rotations; i > 0; i-- {
		from := g.path
		if i > 1 {
			from = fmt.Sprintf("%s.%d", g.path, i-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", g.path, i)); err != nil {
			g.t.Fatal(err)
		}
	}
	g.f.Close()
	g.open()
}

// drained says that a daemon has handled everything it has read, and that it
// has read nothing more since it was asked last.
func drained(quiet time.Duration) func(proctest.Metrics) bool {
	last, since := -1.0, time.Time{}
	return func(m proctest.Metrics) bool {
		lines := m.Sum("lapwing_log_lines_total")
		if lines == 0 || lines != last || m.Sum("lapwing_stream_in_flight_calls") > 0 || m.Sum("lapwing_alerting_queue") > 0 {
			last, since = lines, time.Now()
			return false
		}
		return time.Since(since) >= quiet
	}
}

func kills() int {
	if testing.Short() {
		return 3
	}
	return 8
}

// A daemon that is killed over and over while it follows a log that grows and
// rotates keeps each line once, and tells of an attack once.
func TestCrashFollowingALog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data, alerts := filepath.Join(dir, "data"), filepath.Join(dir, "alerts.ndjson")
	cfg := filepath.Join(dir, "lapwing.yaml")
	if err := os.WriteFile(cfg, fmt.Appendf(nil, "alerting:\n  destinations:\n  - {name: file, type: file, path: %s}\n", alerts), 0o600); err != nil {
		t.Fatal(err)
	}
	// A second of event time passes with each line: the log's time runs ahead
	// of the wall clock, and the watermark with it.
	g := &growingLog{t: t, path: filepath.Join(dir, "access.log"), rng: rand.New(rand.NewPCG(1, 2)), event: time.Now().Truncate(time.Second)}
	g.open()
	defer func() { g.f.Close() }()
	args := []string{"--config", cfg, "--data", data, "--log", g.path}
	for i := range kills() {
		g.write(100+g.rng.IntN(200), false)
		d := proctest.Start(t, nil, args, nil)
		if i%3 == 0 {
			// Follow promises nothing of a file that comes and goes between two
			// looks: this one has been seen before it is renamed.
			d.Until(t, nil, "the first lines are kept", drained(0))
			g.write(100, false)
			g.rotate()
		}
		attack := i == 1
		for end := time.Now().Add(time.Duration(g.rng.IntN(500)) * time.Millisecond); time.Now().Before(end) || attack; {
			lines := 5 + g.rng.IntN(20)
			if attack {
				lines = 40
			}
			g.write(lines, attack)
			attack = false
			time.Sleep(time.Duration(g.rng.IntN(20)) * time.Millisecond)
		}
		d.Kill()
		if i%2 == 1 {
			g.write(50, false) // while nobody looks
			g.rotate()
		}
	}
	g.write(300, false)
	d := proctest.Start(t, nil, args, nil)
	d.Until(t, nil, "everything is handled", drained(time.Second))
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM, want %d", code, exitDone)
	}

	s := openStore(t, data)
	counts := pathCounts(t, s)
	exactlyOnce(t, counts, g.n)
	if counts["/login"] != 40 {
		t.Errorf("%d of 40 lines of the attack are stored", counts["/login"])
	}
	found, err := s.Alerts(t.Context(), store.AlertQuery{Detector: "brute_force"})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || found[0].Entity.Value != attacker {
		t.Fatalf("%d brute_force alerts are stored, want one about %s: %+v", len(found), attacker, found)
	}
	// A count above the lines would tell of lines judged twice. It may lag
	// behind them: revisions come with steps of the evidence.
	if failures := found[0].Counts["failures"]; failures < 20 || failures > 40 {
		t.Errorf("the alert counts %v failures in 40 lines", failures)
	}
	opened := notifications(t, alerts, "brute_force")
	if len(opened) != 1 {
		t.Errorf("the file tells of the incidents %v, want one", opened)
	}
	for key, times := range opened {
		// A crash between the delivery and the note that it happened repeats it, once.
		if times > 2 {
			t.Errorf("notification %s is in the file %d times", key, times)
		}
	}
}

// notifications counts incident.open in an alert file by the notification's key.
func notifications(t *testing.T, path, detector string) map[string]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	torn := 0
	for line := range strings.Lines(string(text)) {
		var n alerting.Payload
		if err := json.Unmarshal([]byte(line), &n); err != nil {
			if torn++; torn > kills() {
				t.Errorf("%s holds %d lines that are no JSON, after %d crashes: %v: %q", path, torn, kills(), err, line)
			}
			continue // a crash can cut a line off; it comes again, whole
		}
		if lead := n.Data.Incident.Lead(); n.Type == "incident.open" && lead.Detector == detector {
			out[n.Data.Key]++
		}
	}
	return out
}

// A sender that numbers its requests and repeats each until it is answered
// with 200 has each line stored once, however often the daemon is killed.
func TestCrashReceiving(t *testing.T) {
	t.Parallel()
	const perRequest = 25
	data := filepath.Join(t.TempDir(), "data")
	address := freePort(t)
	env := []string{"LAPWING_SENSOR__HTTP__LISTEN=" + address}
	rng := rand.New(rand.NewPCG(3, 4))
	at := time.Now().Add(-time.Minute)

	stop := make(chan struct{})
	requests, repeated, duplicates := 0, 0, 0
	var sender sync.WaitGroup
	sender.Go(func() {
		client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		for {
			select {
			case <-stop:
				return
			default:
			}
			var body bytes.Buffer
			for i := range perRequest {
				body.WriteString(combined(at, "10.1.0.7", "GET", lineID(requests*perRequest+i), 200))
			}
			for attempt := 0; ; attempt++ {
				duplicate, err := post(client, address, requests+1, body.Bytes())
				if err == nil {
					if duplicate {
						duplicates++
					}
					break
				}
				repeated++
				time.Sleep(10 * time.Millisecond)
			}
			requests++
		}
	})
	for range kills() {
		d := proctest.Start(t, nil, []string{"--data", data}, env)
		time.Sleep(time.Duration(100+rng.IntN(400)) * time.Millisecond)
		d.Kill()
	}
	d := proctest.Start(t, nil, []string{"--data", data}, env)
	close(stop)
	sender.Wait()
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM, want %d", code, exitDone)
	}
	t.Logf("%d requests, %d attempts failed, %d repetitions were recognised", requests, repeated, duplicates)
	if requests < kills() || repeated == 0 {
		t.Errorf("%d requests and %d failed attempts: the daemon was not killed while it received", requests, repeated)
	}
	counts := pathCounts(t, openStore(t, data))
	exactlyOnce(t, counts, requests*perRequest)
	if len(counts) != requests*perRequest {
		t.Errorf("%d different lines are stored, %d were sent", len(counts), requests*perRequest)
	}
}

// post sends one numbered request. An error means that it must be sent again.
func post(client *http.Client, address string, sequence int, body []byte) (duplicate bool, err error) {
	req, err := http.NewRequest(http.MethodPost, "http://"+address+"/v1/logs", bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	req.Header.Set("Lapwing-Sender", "gateway-1")
	req.Header.Set("Lapwing-Sequence", fmt.Sprint(sequence))
	resp, err := client.Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return false, err
	}
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("%s: %s", resp.Status, text)
	}
	var a struct {
		Duplicate bool `json:"duplicate"`
	}
	return a.Duplicate, json.Unmarshal(text, &a)
}

// freePort finds an address that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// SIGTERM in the middle of work loses nothing that was read, and what was not
// read yet is read after the next start.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	g := &growingLog{t: t, path: filepath.Join(dir, "access.log"), rng: rand.New(rand.NewPCG(5, 6)), event: time.Now().Add(-time.Hour)}
	g.open()
	defer func() { g.f.Close() }()
	g.write(8000, false)
	args := []string{"--data", data, "--log", g.path}
	d := proctest.Start(t, nil, args, nil)
	d.Until(t, nil, "reading has begun", func(m proctest.Metrics) bool { return m.Sum("lapwing_log_lines_total") > 0 })
	g.write(2000, false)
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM, want %d", code, exitDone)
	}
	d = proctest.Start(t, nil, args, nil)
	d.Until(t, nil, "the rest is handled", drained(600*time.Millisecond))
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after the second SIGTERM, want %d", code, exitDone)
	}
	exactlyOnce(t, pathCounts(t, openStore(t, data)), g.n)
}
