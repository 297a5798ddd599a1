//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lapwing/cmd/internal/proctest"
	"lapwing/event"
	"lapwing/store"
)

// A stage is two network namespaces joined by a cable: nginx in one, clients
// in the other.
type stage struct {
	t              *testing.T
	server, client string // names of the namespaces
	device         string // the server's end of the cable
	url            string
	dir, log       string
}

// A seen is what a log and a store both know of a request.
type seen struct {
	method, path string
	status       int
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir(), device: "lwveth0", url: "http://10.213.7.1:8080"}
	if os.Getenv("LAPWING_REQUIRE_NET") != "1" {
		t.Skip("live capture takes minutes and root: make test-live")
	}
	if err := s.prerequisites(); err != nil {
		t.Fatal("live capture must be tested: ", err)
	}
	s.log = filepath.Join(s.dir, "access.ndjson")
	s.startNginx()
	return s
}

func (s *stage) prerequisites() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	for _, program := range []string{"ip", "nginx", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			return err
		}
	}
	unique := fmt.Sprintf("lw%d-%x", os.Getpid(), time.Now().UnixNano()&0xffff)
	s.server, s.client = unique+"s", unique+"c"
	s.t.Cleanup(func() {
		// The cable goes with its ends.
		_ = exec.Command("ip", "netns", "del", s.server).Run()
		_ = exec.Command("ip", "netns", "del", s.client).Run()
	})
	for _, line := range []string{
		"netns add " + s.server,
		"netns add " + s.client,
		"-n " + s.server + " link add " + s.device + " type veth peer name lwveth1 netns " + s.client,
		"-n " + s.server + " link set lo up",
		"-n " + s.server + " link set " + s.device + " addrgenmode none",
		"-n " + s.client + " link set lwveth1 addrgenmode none",
		"-n " + s.server + " addr add 10.213.7.1/24 dev " + s.device,
		"-n " + s.client + " addr add 10.213.7.2/24 dev lwveth1",
		"-n " + s.server + " link set " + s.device + " up",
		"-n " + s.client + " link set lwveth1 up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	return nil
}

const nginxConfig = `
worker_processes 1;
daemon off;
user root;
pid DIR/nginx.pid;
error_log DIR/error.log;
events { worker_connections 512; }
http {
  client_body_temp_path DIR/body; proxy_temp_path DIR/proxy; fastcgi_temp_path DIR/f; uwsgi_temp_path DIR/u; scgi_temp_path DIR/s;
  log_format lines escape=json '{"method":"$request_method","path":"$uri","raw":"$request_uri","status":$status}';
  access_log DIR/access.ndjson lines;
  keepalive_requests 10000000;
  keepalive_timeout 60s;
  default_type application/json;
  gzip_types application/json;
  gzip_min_length 100;
  server {
    listen 10.213.7.1:8080;
    location /ok/ { return 200 '{"ok":true}'; }
    location /created/ { return 201 '{"created":true}'; }
    location /gzip/ { gzip on; proxy_pass http://127.0.0.1:8081; }
    location /missing/ { proxy_pass http://127.0.0.1:8081; }
    location /fail/ { proxy_pass http://127.0.0.1:8081; }
  }
  server {
    listen 127.0.0.1:8081;
    access_log off;
    location /gzip/ { return 200 'LARGE'; }
    location /missing/ { return 404 '{"error":"no such thing"}'; }
    location /fail/ { return 500 '{"error":"out of order"}'; }
  }
}
`

func (s *stage) startNginx() {
	s.t.Helper()
	conf := filepath.Join(s.dir, "nginx.conf")
	large := "[" + strings.Repeat(`{"name":"thing","price":10},`, 100) + "{}]"
	text := strings.NewReplacer("DIR", s.dir, "LARGE", large).Replace(nginxConfig)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", s.server, "nginx", "-p", s.dir, "-c", conf)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	deadline := time.Now().Add(20 * time.Second)
	for exec.Command("ip", "netns", "exec", s.client, "curl", "-s", "-o", "/dev/null", s.url+"/ok/up").Run() != nil {
		if time.Now().After(deadline) {
			s.t.Fatalf("nginx does not answer: %s", out.String())
		}
		time.Sleep(50 * time.Millisecond)
	}
	// What was asked before capture began is not counted.
	if err := os.Truncate(s.log, 0); err != nil {
		s.t.Fatal(err)
	}
}

// watch starts lapwing on the server's end of the cable.
func (s *stage) watch(data string, env ...string) *proctest.Daemon {
	s.t.Helper()
	return proctest.Start(s.t, []string{"ip", "netns", "exec", s.server},
		[]string{"--interface", s.device, "--data", data}, append(env, "LAPWING_SENSOR__PROMISCUOUS=true"))
}

// fetch asks from within the server's namespace.
func (s *stage) fetch(url string) ([]byte, error) {
	return exec.Command("ip", "netns", "exec", s.server, "curl", "-s", "--max-time", "10", url).Output()
}

// load runs makeLoad in the client's namespace, and returns a function that
// waits for its end and gives the number of answers.
func (s *stage) load(args ...string) func() int {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.Command("ip", append([]string{"netns", "exec", s.client, self, "-url", s.url}, args...)...)
	cmd.Env = append(os.Environ(), loadMarker+"=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func() int {
		s.t.Helper()
		if err := cmd.Wait(); err != nil {
			s.t.Fatalf("client: %v: %s", err, stderr.String())
		}
		n, err := strconv.Atoi(strings.TrimSpace(stdout.String()))
		if err != nil {
			s.t.Fatal(err)
		}
		return n
	}
}

// logged is what nginx says that it answered.
func (s *stage) logged() map[seen]int {
	s.t.Helper()
	text, err := os.ReadFile(s.log)
	if err != nil {
		s.t.Fatal(err)
	}
	out := map[seen]int{}
	for line := range strings.Lines(string(text)) {
		var l struct {
			Method, Raw string
			Status      int
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			s.t.Fatalf("nginx wrote %q: %v", line, err)
		}
		path, _, _ := strings.Cut(l.Raw, "?")
		out[seen{l.Method, path, l.Status}]++
	}
	return out
}

// settled says that all the kernel gave has gone through every stage.
func settled() func(proctest.Metrics) bool {
	last, since := -1.0, time.Time{}
	return func(m proctest.Metrics) bool {
		packets := m.Sum("lapwing_capture_kernel_packets_total")
		if packets != last || m.Sum("lapwing_stream_in_flight_calls") > 0 {
			last, since = packets, time.Now()
			return false
		}
		return time.Since(since) >= 1500*time.Millisecond
	}
}

// conserved fails unless every stage accounts for all that it was given.
func conserved(t *testing.T, m proctest.Metrics, stored int) {
	t.Helper()
	equal := func(what string, got, want float64) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	equal("packets of the kernel = dropped + read + filtered + errored", m.Sum("lapwing_capture_kernel_packets_total"),
		m.Sum("lapwing_capture_kernel_drops_total")+m.Sum("lapwing_capture_packets_total"))
	paired, noResponse, noRequest := m.Sum("parse_calls_total", `"paired"`), m.Sum("parse_calls_total", `"no_response"`), m.Sum("parse_calls_total", `"no_request"`)
	equal("calls = judged + repeated + pending", paired+noResponse+noRequest, m.Sum("lapwing_detect_calls_total")+m.Sum("lapwing_detect_repeated_calls_total")+m.Sum("lapwing_detect_pending_calls"))
	equal("calls = stored", paired+noResponse+noRequest, float64(stored))
	equal("requests = paired + without response", m.Sum("parse_messages_total", `"request"`), paired+noResponse)
	equal("responses = paired + without request", m.Sum("parse_messages_total", `"response"`), paired+noRequest)
	equal("faults", m.Sum("lapwing_parse_faults_total"), 0)
}

// stored reads every call that a daemon kept.
func stored(t *testing.T, data string) (calls []event.Call) {
	t.Helper()
	if err := openStore(t, data).Calls(t.Context(), store.CallQuery{}, func(c *event.Call) error {
		calls = append(calls, *c)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return calls
}

// Every request that nginx logs is kept as a call, once, with its status:
// short and long connections, proxied, chunked and compressed answers.
func TestLiveNginx(t *testing.T) {
	s := newStage(t)
	data := filepath.Join(s.dir, "data")
	d := s.watch(data)
	began := time.Now()
	keep := s.load("-name", "keep", "-n", "20000", "-conns", "8")
	short := s.load("-name", "short", "-n", "2000", "-conns", "4", "-short")
	var urls []string
	for i := range 50 {
		urls = append(urls, "-o", "/dev/null", fmt.Sprintf("%s/%s/curl-%d?page=%d", s.url, kinds[i%len(kinds)], i, i))
	}
	for _, args := range [][]string{{"-s", "--compressed"}, {"-s", "-I"}, {"-s", "-X", "PUT", "--data", "a=1", "--http1.0"}} {
		if out, err := exec.Command("ip", append(append([]string{"netns", "exec", s.client, "curl"}, args...), urls...)...).CombinedOutput(); err != nil {
			t.Fatalf("curl: %v: %s", err, out)
		}
	}
	answered := keep() + short() + 150
	took := time.Since(began)
	m := d.Until(t, s.fetch, "all packets are handled", settled())
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM", code)
	}

	want := s.logged()
	total := 0
	for _, n := range want {
		total += n
	}
	if total != answered {
		t.Fatalf("nginx logged %d requests, clients had %d answers", total, answered)
	}
	t.Logf("%d requests in %v, %.0f packets", total, took.Round(time.Millisecond), m.Sum("lapwing_capture_kernel_packets_total"))
	calls := stored(t, data)
	got := map[seen]int{}
	for i := range calls {
		got[seen{calls[i].Method, calls[i].Path, int(calls[i].Status)}]++
	}
	wrong := 0
	for k, n := range want {
		if got[k] != n {
			if wrong++; wrong <= 10 {
				t.Errorf("%v: %d calls, nginx logged %d", k, got[k], n)
			}
		}
	}
	for k, n := range got {
		if want[k] == 0 {
			if wrong++; wrong <= 20 {
				t.Errorf("%v: %d calls, and nginx knows of none", k, n)
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d kinds of requests differ", wrong)
	}
	conserved(t, m, len(calls))
	for _, none := range []string{"lapwing_capture_kernel_drops_total", `protocol="lost"`, `pairing="no_`} {
		if n := m.Sum(none); n != 0 {
			t.Errorf("%s: %v, want 0", none, n)
		}
	}
}

// While the daemon cannot read, a small ring overflows. The kernel's count of
// what was lost, the bytes known to be missing and the calls that are not there
// tell one story; what is kept is true.
func TestLiveOverload(t *testing.T) {
	s := newStage(t)
	data := filepath.Join(s.dir, "data")
	d := s.watch(data, "LAPWING_SENSOR__RING_SIZE=256KiB")
	drops := func(m proctest.Metrics) float64 { return m.Sum("lapwing_capture_kernel_drops_total") }

	s.load("-name", "before", "-n", "50", "-conns", "1", "-pause", "5ms")()
	before := d.Until(t, s.fetch, "the first requests are handled", settled())
	during := s.load("-name", "during", "-for", "3s", "-conns", "6")
	time.Sleep(500 * time.Millisecond)
	d.Signal(t, syscall.SIGSTOP)
	time.Sleep(1500 * time.Millisecond)
	d.Signal(t, syscall.SIGCONT)
	during()
	overloaded := d.Until(t, s.fetch, "the burst is handled", settled())
	s.load("-name", "after", "-n", "50", "-conns", "1", "-pause", "5ms")()
	m := d.Until(t, s.fetch, "the last requests are handled", settled())
	if code := d.Stop(t); code != exitDone {
		t.Errorf("exit code %d after SIGTERM", code)
	}

	logged := s.logged()
	calls := stored(t, data)
	whole := map[seen]int{}
	halves, doubtful := 0, 0
	asked := map[[2]string]int{}
	for k, n := range logged {
		asked[[2]string{k.method, k.path}] += n
	}
	for i := range calls {
		c := &calls[i]
		switch {
		case c.Method == "": // the answer alone was seen
			halves++
		case asked[[2]string{c.Method, c.Path}] == 0:
			t.Errorf("%s %s was never asked", c.Method, c.Path)
		case c.Status == 0: // the request alone was seen
			halves++
		default:
			k := seen{c.Method, c.Path, int(c.Status)}
			if whole[k]++; whole[k] <= logged[k] {
				continue
			}
			if c.Flags.Has(event.FlagAmbiguous) {
				doubtful++ // and says so
				continue
			}
			t.Errorf("%v is kept %d times, nginx logged it %d times: given the answer to another request", k, whole[k], logged[k])
		}
	}
	missing := map[string]int{}
	for k, n := range logged {
		if whole[k] < n {
			_, name, _ := strings.Cut(k.path[1:], "/")
			phase, _, _ := strings.Cut(name, "-")
			missing[phase] += n - whole[k]
		}
	}
	t.Logf("%d requests, %d whole calls, %d of them mispaired and flagged, %d halves; missing %v; %v of %v packets dropped, %v bytes known to be lost",
		len(logged), len(whole), doubtful, halves, missing, drops(m), m.Sum("lapwing_capture_kernel_packets_total"), m.Sum(`protocol="lost"`))

	conserved(t, m, len(calls))
	if drops(overloaded) == drops(before) {
		t.Error("nothing was dropped while the daemon stood still: the test shows nothing")
	}
	if missing["during"] == 0 {
		t.Error("packets were dropped and no request is missing")
	}
	if m.Sum(`protocol="lost"`) == 0 {
		t.Error("connections lived through the loss, and no byte is known to be lost")
	}
	// Where nothing was dropped nothing is missing.
	if drops(before) == 0 && missing["before"] > 0 {
		t.Errorf("%d requests are missing before the first drop", missing["before"])
	}
	if drops(m) == drops(overloaded) && missing["after"] > 0 {
		t.Errorf("%d requests are missing after the last drop", missing["after"])
	}
}
