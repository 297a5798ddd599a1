// Package proctest runs a lapwing binary as a child process for tests: it
// starts daemons, waits for them, kills and stops them, and reads their
// metrics. It is used by tests alone.
//
// The binary is the test binary itself: Main, called from TestMain, turns it
// into lapwing when it was started by this package. That needs no compiler at
// test time and is the very code under test. Every child is killed at the end
// of its test; what it printed is shown when the test fails.
package proctest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const marker = "LAPWING_PROCTEST_CHILD"

// patience is how long anything may take on a busy machine before a test gives up.
const patience = 60 * time.Second

// Main runs run if this process is a child, else the tests. Both exit.
func Main(m *testing.M, run func() int) {
	if os.Getenv(marker) != "" {
		os.Unsetenv(marker)
		os.Exit(run())
	}
	os.Exit(m.Run())
}

// Command prepares a lapwing process with arguments. wrap, such as "ip netns
// exec NAME", comes before it. Of the caller's environment no LAPWING_ variable
// reaches it; env is added.
func Command(wrap, args, env []string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	argv := append(append(append([]string{}, wrap...), self), args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "LAPWING_") {
			cmd.Env = append(cmd.Env, e)
		}
	}
	cmd.Env = append(append(cmd.Env, marker+"=1", "NO_COLOR=1"), env...)
	return cmd, nil
}

// A Result is what a process that ended left behind.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Run runs lapwing to its end.
func Run(t testing.TB, stdin io.Reader, args ...string) Result {
	t.Helper()
	cmd, err := Command(nil, args, nil)
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return Result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// A Daemon is a running lapwing.
type Daemon struct {
	cmd     *exec.Cmd
	out     *output
	ended   chan struct{}
	metrics string // URL
}

// Start starts `lapwing run` and returns once its banner is out: everything is
// open by then. A port of its own is chosen for metrics.
func Start(t testing.TB, wrap, args, env []string) *Daemon {
	t.Helper()
	cmd, err := Command(wrap, append([]string{"run"}, args...), append([]string{"LAPWING_METRICS__LISTEN=127.0.0.1:0"}, env...))
	if err != nil {
		t.Fatal(err)
	}
	d := &Daemon{cmd: cmd, out: &output{changed: make(chan struct{}, 1)}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = d.out, d.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = cmd.Wait() // the state says how it ended
		close(d.ended)
	}()
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() {
			t.Logf("lapwing %s printed:\n%s", strings.Join(args, " "), d.out)
		}
	})
	d.awaitBanner(t)
	return d
}

var metricsLine = regexp.MustCompile(`(?m)^  metrics +(\S+)\n(?s:.*)\n\n`)

func (d *Daemon) awaitBanner(t testing.TB) {
	t.Helper()
	limit := time.After(patience)
	for {
		if m := metricsLine.FindStringSubmatch(d.out.String() + "\n"); m != nil {
			d.metrics = m[1]
			return
		}
		select {
		case <-d.out.changed:
		case <-d.ended:
			t.Fatalf("lapwing ended at its start, %v:\n%s", d.cmd.ProcessState, d.out)
		case <-limit:
			t.Fatalf("lapwing did not start:\n%s", d.out)
		}
	}
}

// Output is what the daemon has printed so far, on both streams.
func (d *Daemon) Output() string { return d.out.String() }

// Kill ends the daemon at once, as a crash does, and waits for its end.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	<-d.ended
}

// Signal sends a signal.
func (d *Daemon) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Stop asks the daemon to end, waits and returns its exit code.
func (d *Daemon) Stop(t testing.TB) int {
	t.Helper()
	d.Signal(t, syscall.SIGTERM)
	select {
	case <-d.ended:
	case <-time.After(patience):
		t.Fatal("lapwing did not end after SIGTERM")
	}
	return d.cmd.ProcessState.ExitCode()
}

// Metrics are samples by name with labels, as `lapwing_x_total{source="a"}`.
type Metrics map[string]float64

// Sum adds up all samples whose name and labels contain every part.
func (m Metrics) Sum(parts ...string) float64 {
	sum := 0.0
next:
	for name, v := range m {
		for _, p := range parts {
			if !strings.Contains(name, p) {
				continue next
			}
		}
		sum += v
	}
	return sum
}

// Metrics asks the daemon. fetch, if not nil, asks in place of the own network.
func (d *Daemon) Metrics(fetch func(url string) ([]byte, error)) (Metrics, error) {
	if fetch == nil {
		fetch = get
	}
	body, err := fetch(d.metrics)
	if err != nil {
		return nil, err
	}
	m := Metrics{}
	for line := range strings.SplitSeq(string(body), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		i := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(line[i+1:], 64)
		if i < 0 || err != nil {
			return nil, fmt.Errorf("metrics: cannot read %q", line)
		}
		m[line[:i]] = v
	}
	return m, nil
}

// Until asks for the metrics over and over until ok says that they will do. A
// test that waits in vain fails with the last of them.
func (d *Daemon) Until(t testing.TB, fetch func(string) ([]byte, error), what string, ok func(Metrics) bool) Metrics {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		m, err := d.Metrics(fetch)
		if err == nil && ok(m) {
			return m
		}
		if time.Now().After(deadline) {
			for name, v := range m {
				if strings.HasPrefix(name, "lapwing_") {
					t.Log(name, v)
				}
			}
			t.Fatalf("%s: not within %v (%v)", what, patience, err)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-d.ended:
			t.Fatalf("%s: lapwing has ended, %v", what, d.cmd.ProcessState)
		}
	}
}

func get(url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

// output collects what a process prints.
type output struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	changed chan struct{}
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf.Write(b)
	select {
	case o.changed <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
