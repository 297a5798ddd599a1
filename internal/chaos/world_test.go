package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lapwing/internal/itest"
	"lapwing/parse/pseudonym"
)

// built is where the programs under test are built to, once for all tests.
var built string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lapwing-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir) // a directory in the temporary one
	os.Exit(code)
}

// patience is how long anything may take on a busy machine.
const patience = 6 * time.Minute

// A world is one deployment: servers, configuration and the processes in it.
type world struct {
	t       testing.TB
	dir     string
	bin     itest.Binaries
	keys    *pseudonym.Keyring
	brokers []string
	prefix  string
	db      *itest.Database
	dsn     string // what the processes use: perhaps through a proxy
	hook    *hook
	options worldOptions
	actors  []*actor
}

type worldOptions struct {
	partitions  int
	replication int
	specs       []string
	apis        string   // YAML of detect.apis; "" for none
	spoolBytes  string   // of each sensor; "" is the default
	sensors     []string // that detection waits for
	damaged     bool     // inputs may be damaged: exit code 1 says that some were
}

// newWorld makes the deployment key and directories. brokers and dsn name the
// servers; proxied, if not "", is the address that processes use in place of
// that of dsn.
func newWorld(t testing.TB, brokers []string, dsn, proxied string, o worldOptions) *world {
	t.Helper()
	if o.partitions == 0 {
		o.partitions = 4
	}
	if o.replication == 0 {
		o.replication = 1
	}
	// Its own short path: unix sockets allow no long one.
	dir, err := os.MkdirTemp("", "lw-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() && os.Getenv("LAPWING_KEEP") != "" {
			t.Logf("kept: %s", dir)
			return
		}
		_ = os.RemoveAll(dir) // a directory in the temporary one
	})
	w := &world{t: t, dir: dir, brokers: brokers, prefix: itest.Name("t"), options: o}
	w.bin = itest.Build(t, built)
	if w.keys, err = pseudonym.Create(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	w.db = itest.NewDatabase(t, dsn)
	w.dsn = w.db.DSN
	if proxied != "" {
		w.dsn = itest.WithHost(w.dsn, proxied)
	}
	w.hook = newHook(t)
	t.Cleanup(func() {
		for _, a := range w.actors {
			a.proc.Kill()
		}
		itest.DropTopics(t, brokers, w.prefix)
	})
	return w
}

func (w *world) topic(name string) string { return w.prefix + "." + name }

// kafka is the section that says where Kafka is, indented by two.
func (w *world) kafka() string {
	return fmt.Sprintf(`  kafka:
    brokers: [%s]
    prefix: %s
    partitions: %d
    replication: %d
`, strings.Join(w.brokers, ", "), w.prefix, w.options.partitions, w.options.replication)
}

// An actor is a process that is started again whenever it was killed.
type actor struct {
	name   string
	start  func() *itest.Process
	proc   *itest.Process
	starts int
}

func (w *world) add(name, program string, args ...string) *actor {
	w.t.Helper()
	a := &actor{name: name}
	a.start = func() *itest.Process {
		a.starts++
		return itest.Start(w.t, fmt.Sprintf("%s (start %d)", name, a.starts), program, nil, args...)
	}
	a.proc = a.start()
	w.actors = append(w.actors, a)
	return a
}

// crash kills the process and starts it again after a pause.
func (a *actor) crash(pause time.Duration) {
	a.proc.Kill()
	time.Sleep(pause)
	a.proc = a.start()
}

func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// followed is the section that names a sensor and the logs it follows.
func followed(name string, logs []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sensor:\n  name: %s\n  log_lateness: 2m\n", name)
	for i, path := range logs {
		if i == 0 {
			b.WriteString("  logs:\n")
		}
		fmt.Fprintf(&b, "  - {paths: [%s], format: combined}\n", path)
	}
	return b.String()
}

// spooled is the section that says where a sensor's log on disk is.
func (w *world) spooled(name string) string {
	s := "  spool:\n    dir: " + filepath.Join(w.dir, "spool-"+name) + "\n"
	if w.options.spoolBytes != "" {
		s += "    max_bytes: " + w.options.spoolBytes + "\n"
	}
	return s
}

// sensorConfig writes the configuration of a small sensor.
func (w *world) sensorConfig(name string, logs ...string) string {
	return w.write(name+".yaml", followed(name, logs)+"identity: {key_file: "+w.dir+"/key}\npublish:\n"+w.kafka()+w.spooled(name)+"metrics: {listen: 127.0.0.1:0}\n")
}

// sensor starts lapwing-sensor, which follows logs.
func (w *world) sensor(name string, logs ...string) *actor {
	w.t.Helper()
	return w.add(name, w.bin.Sensor, "--config", w.sensorConfig(name, logs...))
}

// sensorRole starts a sensor that is lapwing itself.
func (w *world) sensorRole(name string, logs ...string) *actor {
	w.t.Helper()
	cfg := w.write(name+".yaml", "data: "+filepath.Join(w.dir, name)+"\n"+followed(name, logs)+"identity: {key_file: "+w.dir+"/key}\nstream:\n"+w.kafka()+w.spooled(name)+"metrics: {listen: 127.0.0.1:0}\n")
	return w.add(name, w.bin.Lapwing, "run", "--target", "sensor", "--config", cfg)
}

// role starts lapwing with one role. name tells it from others of that role.
func (w *world) role(target, name string, args ...string) *actor {
	w.t.Helper()
	return w.add(name, w.bin.Lapwing, w.roleArgs(target, name, args...)...)
}

func (w *world) roleArgs(target, name string, args ...string) []string {
	specs := fmt.Sprintf("detect: {specs: [%s], sensors: [%s], apis: [%s]}\n", strings.Join(w.options.specs, ", "), strings.Join(w.options.sensors, ", "), w.options.apis)
	cfg := w.write(name+".yaml", fmt.Sprintf(`data: %s
identity: {key_file: %s/key}
stream:
%sstore:
  retention: 7300d
  clickhouse: {dsn: "%s"}
%salerting:
  destinations:
  - {name: hook, type: webhook, url: "%s", min_severity: low, per_minute: 100000}
metrics: {listen: 127.0.0.1:0}
`, filepath.Join(w.dir, name), w.dir, w.kafka(), w.dsn, specs, w.hook.server.URL))
	return append([]string{"run", "--target", target, "--config", cfg}, args...)
}

// awaitUp waits until every process has said where its metrics are: it is open
// for work then.
func (w *world) awaitUp() {
	w.t.Helper()
	for _, a := range w.actors {
		itest.Await(w.t, patience, a.name+" is up", a.proc.Output, func() bool { return !a.proc.Running() || a.proc.MetricsURL() != "" })
		if !a.proc.Running() {
			w.t.Fatalf("%s ended at its start", a.proc.Name)
		}
	}
}

// A hook is a webhook that knows repetitions by their id.
type hook struct {
	server *httptest.Server

	mu    sync.Mutex
	times map[string]int    // by webhook-id: how often it came
	kinds map[string]string // by webhook-id: type and incident
	bad   int
}

func newHook(t testing.TB) *hook {
	h := &hook{times: map[string]int{}, kinds: map[string]string{}}
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		var payload struct {
			Type string `json:"type"`
			Data struct {
				Key      string `json:"key"`
				Incident struct {
					ID string `json:"id"`
				} `json:"incident"`
			} `json:"data"`
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if err != nil || json.Unmarshal(body, &payload) != nil {
			h.bad++
			return
		}
		id := r.Header.Get("webhook-id")
		if id == "" {
			id = payload.Data.Key
		}
		h.times[id]++
		h.kinds[id] = payload.Type + " " + payload.Data.Incident.ID
	}))
	t.Cleanup(h.server.Close)
	return h
}

// opened counts the messages, each once, that tell of a new incident.
func (h *hook) opened() (messages, incidents, repeated int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for id, kind := range h.kinds {
		if strings.HasPrefix(kind, "incident.open ") {
			messages++
			seen[kind] = true
		}
		repeated += h.times[id] - 1
	}
	return messages, len(seen), repeated
}
